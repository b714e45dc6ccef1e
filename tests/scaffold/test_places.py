"""Where an install goes, who else is there, and what it never touches."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scaffold.box import tree

FILES = {"agents/a.md": "a\n", "skills/s/SKILL.md": "s\n"}


@pytest.fixture
def offered(box):
    """A box with two assets on offer."""
    box.offer(FILES)
    return box


def installed(folder):
    return (folder / "agents/a.md").exists() and (folder / ".fleet-rlm/manifest.json").exists()


def test_an_empty_target_is_no_folder(offered):
    """Such as a variable of a script that was not set: not the working folder, which is hardly meant."""
    for command in ("install", "status", "uninstall", "upgrade", "diff"):
        refused = offered.run(command, "--target", "")
        assert (refused.code, "--target" in refused.err, "empty" in refused.err) == (2, True, True)
    assert tree(offered.home) == {}


def test_the_clients_own_variable_decides(offered):
    """CLAUDE_CONFIG_DIR is where the client reads, so it is where an install goes, and nothing else is written."""
    elsewhere = offered.home / "config"
    assert offered.run("install", CLAUDE_CONFIG_DIR=str(elsewhere)).code == 0
    assert installed(elsewhere)
    assert not offered.target.exists()
    assert offered.run("uninstall", CLAUDE_CONFIG_DIR=str(elsewhere)).code == 0
    assert tree(offered.home) == {}


def test_project_scope(offered):
    """The project scope is ./.claude; commands shown for it say so."""
    project = offered.home / "project"
    (project / ".claude/agents").mkdir(parents=True)
    (project / ".claude/agents/a.md").write_text("mine")
    done = offered.run("install", "--scope", "project", cwd=project)
    assert (done.code, offered.target.exists()) == (1, False)
    assert "see: fleet-rlm-scaffold diff agents/a.md --scope project\n" in done.out
    assert offered.run("uninstall", "--scope", "project", cwd=project).code == 0
    assert tree(project) == {".claude/agents/a.md": b"mine"}


def test_target_wins(offered):
    """--target is where it goes, and later commands find it there without being told the scope."""
    target = offered.home / "somewhere"
    assert offered.run("install", "--scope", "project", "--target", str(target)).code == 0
    assert installed(target)
    assert offered.run("status", "--target", str(target)).out == f"Everything in {target} is as installed.\n"
    done = offered.run("install", "--scope", "user", "--target", str(target))
    assert (done.code, done.err) == (
        2,
        f"Error: {target} holds an install of the project scope. Say --scope project, or uninstall it first.\n",
    )


def test_a_target_that_is_a_link(offered):
    """A target that is itself a link, as dotfile managers make it, is resolved once and stays a link."""
    real = offered.home / "dotfiles"
    real.mkdir()
    offered.target.symlink_to(real)
    assert offered.run("install").code == 0
    assert installed(real)
    assert offered.run("uninstall").code == 0
    assert (offered.target.is_symlink(), tree(real)) == (True, {})


@pytest.mark.parametrize("home", ["", "/nonexistent/home"])
def test_a_home_that_is_not_there(offered, home):
    """Without a home folder nothing is made up: the reader is told to set HOME or to use --target."""
    done = offered.run("install", HOME=home)
    assert done.code == 1
    assert "is not there. Set HOME, or use --target." in done.err
    assert tree(offered.home) == {}


def test_a_folder_whose_parent_is_missing(offered):
    """A target below a folder that does not exist is refused, for it is a mistake more often than not."""
    done = offered.run("install", "--target", str(offered.home / "a/b/c"))
    assert (done.code, tree(offered.home)) == (1, {})
    assert f"(mkdir -p {offered.home}/a/b)" in done.err


def test_a_target_that_is_a_file(offered):
    """A file in the target's place is refused and kept."""
    offered.target.write_text("mine")
    done = offered.run("install")
    assert (done.code, offered.target.read_text()) == (1, "mine")
    assert "is not a folder" in done.err


@pytest.mark.parametrize("command", [["install"], ["upgrade"], ["status"], ["uninstall", "--force"]])
def test_the_real_home_is_never_touched(offered, command):
    """No command looks at the account's home folder when HOME says otherwise: nothing in it changes."""
    real = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".claude"
    before = stamps(real)
    offered.run("install")
    offered.run(*command)
    assert stamps(real) == before


def stamps(folder):
    """What tells that a folder or something directly in it was written to."""
    found = [folder, *folder.glob("*"), *folder.glob(".fleet-rlm/*")]
    return {path: path.stat().st_mtime_ns for path in found if path.exists() and path.name != "projects"}


def test_two_at_once(offered):
    """Two installs at the same moment both succeed, one after the other, and leave one install."""
    words = [sys.executable, "-m", "fleet_rlm_scaffold.cli", "install", "--templates", str(offered.templates)]
    words += ["--runtime", "fleet-rlm", "--no-self-test"]
    processes = [subprocess.Popen(words, env=offered.environ, cwd=offered.home) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert offered.run("status").out == f"Everything in {offered.target} is as installed.\n"


HOLD = """
import sys, time
from pathlib import Path
from fleet_rlm_scaffold.lock import hold
from fleet_rlm_scaffold.root import open_root
with open_root(Path(sys.argv[1]), create=True) as root, hold(root, "fleet-rlm-scaffold upgrade", print):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def test_waiting_for_another(offered):
    """A command that has to wait says for whom, then goes on; looking does not wait."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, offered.target, "1"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    begun = time.monotonic()
    assert offered.run("status").code == 0
    assert time.monotonic() - begun < 0.9
    done = offered.run("install")
    holder.communicate()
    assert done.code == 0
    assert done.err == (
        f"Waiting for `fleet-rlm-scaffold upgrade` (process {holder.pid}), which is writing to {offered.target}.\n"
    )


def test_a_file_that_changes_while_waiting(offered):
    """What the user does between the plan and the writing is seen: the plan is made again, and nothing is lost."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, offered.target, "3"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    words = [sys.executable, "-m", "fleet_rlm_scaffold.cli", "install", "--templates", str(offered.templates)]
    waiting = subprocess.Popen(
        [*words, "--runtime", "fleet-rlm", "--no-self-test"],
        env=offered.environ,
        cwd=offered.home,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr.readline().startswith("Waiting for ")
    (offered.target / "agents").mkdir()
    (offered.target / "agents/a.md").write_text("mine")
    holder.communicate()
    waiting.communicate()
    assert (waiting.returncode, (offered.target / "agents/a.md").read_text()) == (1, "mine")
    assert (offered.target / "skills/s/SKILL.md").read_text() == "s\n"
    assert offered.run("uninstall").code == 0
    assert tree(offered.target) == {"agents/a.md": b"mine"}


def test_a_lock_that_is_not_let_go(offered):
    """After a while the command gives up, names the holder, and has changed nothing."""
    code = HOLD.replace("time.sleep(float(sys.argv[2]))", "hold_again()")
    code = code.replace("with open_root", ASK + "\nwith open_root")
    done = subprocess.run(
        [sys.executable, "-c", code, offered.target, "0"], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1].startswith("LockedError `fleet-rlm-scaffold upgrade` (process ")
    assert tree(offered.target) in ({}, {".fleet-rlm/lock": b""})


ASK = """
from fleet_rlm_scaffold.errors import LockedError
def hold_again():
    try:
        with open_root(Path(sys.argv[1]), create=True) as again, hold(again, "second", lambda _: None, wait=0.1):
            pass
    except LockedError as error:
        print("LockedError", error)
"""


def plugin_files(box, *, enabled=True, **entry):
    """What the client writes when a plugin is installed."""
    (box.target / "plugins").mkdir(parents=True)
    found = {
        "version": 2,
        "plugins": {"fleet-rlm@qredence": [{"scope": "user", "version": "0.1.0", **entry}]},
    }
    (box.target / "plugins/installed_plugins.json").write_text(json.dumps(found))
    (box.target / "settings.json").write_text(json.dumps({"enabledPlugins": {"fleet-rlm@qredence": enabled}}))


def test_the_plugin_is_there_already(offered):
    """With the plugin installed in the client, an install stops and says what to do; --force goes on with a note."""
    plugin_files(offered)
    done = offered.run("install")
    assert (done.code, (offered.target / "agents").exists()) == (1, False)
    assert "as the plugin fleet-rlm@qredence 0.1.0." in done.err
    assert "claude plugin uninstall fleet-rlm@qredence" in done.err
    forced = offered.run("install", "--force")
    assert forced.code == 0
    assert (
        "Note: The plugin fleet-rlm@qredence is installed as well: its skills are offered twice.\n"
        in forced.out
    )
    assert "installed twice" in offered.run("doctor").out


@pytest.mark.parametrize(
    ("enabled", "entry"),
    [(False, {}), (True, {"scope": "project", "projectPath": "/another/project"})],
    ids=["disabled", "other-project"],
)
def test_a_plugin_that_is_not_loaded_here(offered, enabled, entry):
    """A plugin that is disabled, or another project's, is no reason to stop."""
    plugin_files(offered, enabled=enabled, **entry)
    assert offered.run("install").code == 0


def test_user_and_project_at_once_is_noted(offered):
    """An install in a project of what is in the user's folder too says that hooks speak twice."""
    offered.run("install")
    project = offered.home / "project"
    project.mkdir()
    done = offered.run("install", "--scope", "project", cwd=project)
    assert f"Note: fleet-rlm is installed in {offered.target} as well" in done.out


def manifest(**changes):
    """A manifest's text, with some of its fields changed."""
    whole = {"schema": 1, "version": "1", "scope": "user", "context": {}, "dirs": [], "files": {}}
    return json.dumps({**whole, **changes})


UNREADABLE = "manifest.json cannot be read. Move the file away and run"
BAD_MANIFESTS = {
    "newer": ('{"schema": 2}', "its manifest has schema 2, not 1. Upgrade fleet-rlm-scaffold."),
    "garbage": ("{", UNREADABLE),
    "incomplete": ('{"schema": 1}', "manifest.json cannot be read."),
    "groups": (manifest(context={"groups": None}), UNREADABLE),
    "threshold": (manifest(context={"threshold": "large"}), UNREADABLE),
    "runtime": (manifest(context={"runtime": ["fleet-rlm"]}), UNREADABLE),
    "entries": (
        manifest(settings={"entries": {"PreToolUse": 1}, "after": "", "before": None}),
        UNREADABLE,
    ),
    "outside": (
        manifest(files={"../victim": {"sha256": "0", "mode": "0644", "asset": "a/b"}}),
        "names the path '../victim', which no install writes.",
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD_MANIFESTS.values(), ids=BAD_MANIFESTS)
@pytest.mark.parametrize("command", ["install", "uninstall", "status"])
def test_a_manifest_that_cannot_be_used(offered, text, words, command):
    """A manifest that is newer, broken or names paths outside stops every command before it does anything."""
    victim = offered.home / "victim"
    victim.write_text("mine")
    place = offered.target / ".fleet-rlm/manifest.json"
    place.parent.mkdir(parents=True)
    place.write_text(text)
    done = offered.run(command)
    assert (done.code, words in done.err) == (1, True), done
    assert tree(offered.home) == {"victim": b"mine", ".claude/.fleet-rlm/manifest.json": text.encode()}


def test_a_lost_manifest(offered):
    """With the manifest moved away, an install takes its own files on again, and keeps edited ones."""
    offered.run("install")
    (offered.target / "agents/a.md").write_text("mine\n")
    (offered.target / ".fleet-rlm/manifest.json").unlink()
    done = offered.run("install", "--json")
    assert {path: found[0] for path, found in done.rows.items()} == {"agents/a.md": 3, "skills/s/SKILL.md": 2}
    assert (offered.target / "agents/a.md").read_text() == "mine\n"
