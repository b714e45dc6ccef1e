"""Something else where a file or a folder of ours has to be: one sentence, a remedy, exit code 1, nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scaffold.box import ONE, own, permissions, tree
from scaffold.test_places import HOLD

BASE = "".join(f"line {number}\n" for number in range(1, 10))
NEW = BASE.replace("line 8", "line 8, new")
COMMANDS = [["status"], ["diff"], ["install"], ["install", "--force"], ["upgrade"], ["uninstall", "--force"]]
CALLED = {"folder": "a folder", "file": "a regular file", "loop": "a symbolic link", "pipe": "a special file"}
STATE = {
    "": ("file", "loop", "pipe"),
    **dict.fromkeys(("blobs", "tmp", "incoming", "backups"), ("file", "loop", "pipe")),
    **dict.fromkeys(("lock", "tmp/note.json", "tmp/1", f"blobs/{'0' * 64}"), ("folder", "loop")),
}


@pytest.fixture
def upgradable(box):
    """A box with an edited file, and a new version of it on offer."""
    box.offer({"agents/a.md": BASE, "agents/b.md": BASE})
    box.run("install")
    (box.target / "agents/a.md").write_text(BASE.replace("line 2", "line 2, mine"))
    box.offer({"agents/a.md": NEW, "agents/b.md": NEW})
    return box


def put(thing: str, place: Path) -> None:
    """Put something else at a place, with a text of the user's in it where it can hold one."""
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(exist_ok=True)
    if thing == "folder":
        place.mkdir()
        place /= "mine"
    if thing in {"folder", "file"}:
        place.write_text("mine")
    elif thing == "loop":
        place.symlink_to(place.name)
    else:
        os.mkfifo(place)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(("path", "thing"), [(path, thing) for path in STATE for thing in STATE[path]])
def test_in_our_own_folder(upgradable, path, thing, command):
    """What stands in the way in our own folder is named, and stays; nothing is done, by any command."""
    place = upgradable.target / ".fleet-rlm" / path
    put(thing, place)
    before = tree(upgradable.home)
    done = upgradable.run(*command)
    assert (done.code, tree(upgradable.home)) == (1, before), done
    assert (
        done.err
        == f"Error: {place} is in the way: it is {CALLED[thing]}. Move it away, then run this again.\n"
    )


@pytest.mark.parametrize("thing", ["folder", "file"])
@pytest.mark.parametrize("path", ["blobs/mine.txt", "tmp/mine.txt"])
def test_what_is_not_ours_is_not_swept(upgradable, path, thing):
    """A file of the user's in a folder that we sweep stays through every command, and stops none."""
    put(thing, upgradable.target / ".fleet-rlm" / path)
    kept = {name: data for name, data in tree(upgradable.target).items() if data == b"mine"}
    assert kept
    assert upgradable.run("upgrade").code == 0
    after = tree(upgradable.home)
    assert upgradable.run("install", "--json").json["written"] is False
    assert tree(upgradable.home) == after
    assert upgradable.run("uninstall", "--force").code == 0
    left = tree(upgradable.target)
    assert kept.items() <= left.items()
    assert (own(upgradable.target), ".fleet-rlm/manifest.json" in left) == ({}, False)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("agents/a.md", "refused  agents/a.md  it is a folder; move it away, then run this again\n"),
        (".fleet-rlm/blobs", ".fleet-rlm/blobs is a regular file"),
    ],
)
def test_between_plan_and_effect(upgradable, path, words):
    """What comes into the way after the plan was made is seen before anything is replaced."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, upgradable.target, "2"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    arguments = [
        "upgrade",
        "--templates",
        str(upgradable.templates),
        "--runtime",
        "fleet-rlm",
        "--no-self-test",
    ]
    waiting = subprocess.Popen(
        [sys.executable, "-m", "fleet_rlm_scaffold.cli", *arguments],
        env=upgradable.environ,
        cwd=upgradable.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr.readline().startswith("Waiting for ")
    put("file" if "blobs" in path else "folder", upgradable.target / path)
    holder.communicate()
    out, err = waiting.communicate()
    assert (waiting.returncode, words in out + err) == (1, True), out + err
    there = upgradable.target / path
    assert (there / "mine" if there.is_dir() else there).read_text() == "mine"


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_a_folder_at_the_place_of_the_settings(box, command):
    """The remedy for settings that cannot be edited is one that the command has."""
    shutil.copytree(ONE, box.templates, dirs_exist_ok=True)
    box.run("install", "--hooks", "settings")
    put("folder", box.target / "settings.json")
    done = box.run(command)
    remedy = "or use --hooks plugin" if command == "install" else "then run this again"
    assert (done.code, (box.target / "settings.json/mine").read_text()) == (1, "mine")
    assert f"refused  settings.json  it is a folder; put it right, {remedy}\n" in done.out


def test_a_folder_that_cannot_be_read(user_box):
    """Where nothing is written, nothing is said to have been: only what stands in the way is told."""
    user_box.offer({"agents/a.md": BASE, "skills/s/SKILL.md": BASE})
    user_box.run("install")
    user_box.offer({"agents/a.md": NEW, "skills/s/SKILL.md": NEW})
    before = tree(user_box.home)
    with permissions(user_box.target / "agents", 0):
        done = user_box.run("upgrade")
    assert (done.code, tree(user_box.home)) == (1, before)
    assert done.out == (
        "refused  agents/a.md  Permission denied; make it readable, then run this again\n"
        f"Nothing was written to {user_box.target}: 1 of 2 paths cannot be used.\n"
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("path", ["", "/blobs", "/tmp"])
def test_our_own_folder_that_cannot_be_read(user_box, path, command):
    """A folder of ours that may not be looked into is named, and nothing is done."""
    user_box.offer({"agents/a.md": BASE})
    user_box.run("install")
    user_box.offer({"agents/a.md": NEW})
    place = Path(f"{user_box.target}/.fleet-rlm{path}")
    place.mkdir(exist_ok=True)
    before = tree(user_box.home)
    with permissions(place, 0):
        done = user_box.run(*command)
    assert (done.code, tree(user_box.home)) == (1, before)
    assert (
        done.err
        == f"Error: {place} cannot be read: Permission denied. Make it readable, then run this again.\n"
    )


def test_a_manifest_that_may_not_be_read(user_box):
    """The record of the install is told of as itself."""
    user_box.offer({"agents/a.md": BASE})
    user_box.run("install")
    place = user_box.target / ".fleet-rlm/manifest.json"
    with permissions(place, 0):
        done = user_box.run("uninstall")
    assert (done.code, (user_box.target / "agents/a.md").read_text()) == (1, BASE)
    assert (
        done.err
        == f"Error: {place} cannot be read: Permission denied. Make it readable, then run this again.\n"
    )


@pytest.mark.parametrize(
    ("path", "thing", "what"),
    [
        ("out/agents/a.md", "folder", "a folder"),
        ("out/agents/a.md", "loop", "a symbolic link"),
        ("out/agents", "file", "no folder"),
        ("out/agents", "loop", "a symbolic link"),
    ],
)
def test_rendering(box, path, thing, what):
    """Rendering replaces files only, and looks before its first write."""
    box.offer({"agents/a.md": BASE, "agents/b.md": BASE})
    (box.home / "out/agents").mkdir(parents=True)
    put(thing, box.home / path)
    before = tree(box.home)
    done = box.run("render", "--output", "out")
    assert (done.code, tree(box.home)) == (1, before)
    assert done.err == f"Error: {path} is in the way: it is {what}. Move it away, then run this again.\n"


def test_rendering_through_a_link(box):
    """A link at the place of a file is not written through."""
    box.offer({"agents/a.md": BASE})
    (box.home / "out/agents").mkdir(parents=True)
    (box.home / "mine").write_text("mine")
    (box.home / "out/agents/a.md").symlink_to(box.home / "mine")
    assert box.run("render", "--output", "out").code == 1
    assert (box.home / "mine").read_text() == "mine"


def test_rendering_where_nothing_may_be_written(user_box):
    """A folder that refuses a write is told with what to do."""
    user_box.offer({"agents/a.md": BASE})
    (user_box.home / "out").mkdir()
    with permissions(user_box.home / "out", 0o555):
        done = user_box.run("render", "--output", "out")
    assert done.code == 1
    assert done.err == (
        "Error: out/agents cannot be written: Permission denied. "
        "Put its permissions right, or name another folder with --output.\n"
    )


def test_checking_assets_that_cannot_be_read(user_box):
    """An asset that cannot be read is named by ``doctor --assets``."""
    user_box.offer({})
    place = user_box.home / "set/agents/a.md"
    place.parent.mkdir(parents=True)
    place.write_text("x")
    with permissions(place, 0):
        done = user_box.run("doctor", "--assets", "set")
    assert (done.code, done.err) == (
        1,
        "Error: set/agents/a.md cannot be read: Permission denied. Make it readable, then run this again.\n",
    )
