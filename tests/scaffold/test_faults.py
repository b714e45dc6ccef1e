"""Whatever happens at whichever step, no byte of the user's is lost and the next run heals the tree."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scaffold.box import Box, own, permissions, tree

BASE = "".join(f"line {number}\n" for number in range(1, 10))
NEW = BASE.replace("line 8", "line 8, new")
MINE = BASE.replace("line 2", "line 2, mine")
CLASH = BASE.replace("line 8", "line 8, mine")
SETTINGS = '{\n  "model": "opus"\n}\n'

OLD_SET = {
    "agents/update.md": BASE,
    "agents/merge.md": BASE,
    "agents/clash.md": BASE,
    "agents/edited.md": BASE,
    "agents/converge.md": BASE,
    "agents/gone.md": BASE,
    "skills/gone/references/gone.md": BASE,
    "agents/orphan.md": BASE,
    "agents/forget.md": BASE,
}
NEW_SET = {
    "agents/update.md": NEW,
    "agents/merge.md": NEW,
    "agents/clash.md": NEW,
    "agents/edited.md": BASE,
    "agents/converge.md": NEW,
    "skills/new/references/new.md": NEW,
    "agents/foreign.md": NEW,
}
USERS = {"merge": MINE, "clash": CLASH, "edited": MINE, "converge": NEW, "orphan": MINE, "foreign": MINE}


STEP = 1 if os.environ.get("FLEET_RLM_TEST_EXHAUSTIVE") else 7
"""Which effects are tried: each one when asked for, else every seventh."""


def sample(effects: int) -> list[int]:
    """Which of so many effects are tried; more of the last ones, where it sweeps up."""
    return sorted({*range(1, effects + 1, STEP), *range(effects - 20, effects + 1, 2)})


def fragment(command):
    """A hooks file of ours."""
    entry = {"hooks": [{"type": "command", "command": command, "timeout": 5}]}
    return json.dumps({"hooks": {"SessionStart": [entry]}})


def arrange(box: Box) -> None:
    """A tree in which an upgrade has nearly everything to do: one path a row, and entries in settings.json."""
    box.target.mkdir()
    (box.target / "settings.json").write_text(SETTINGS)
    offer(box, OLD_SET, "old")
    assert box.run("install", "--hooks", "settings").code == 0
    for name, text in USERS.items():
        (box.target / f"agents/{name}.md").write_text(text)
    (box.target / "agents/forget.md").unlink()
    offer(box, NEW_SET, "new")


def offer(box: Box, files, command) -> None:
    box.offer(files)
    index = json.loads((box.templates / "assets.yaml").read_text())
    (box.templates / "hooks.json").write_text(fragment(command))
    index["assets"].append(
        {
            "kind": "hook",
            "name": "events",
            "group": "hooks",
            "source": "hooks.json",
            "user": "hooks.json",
            "settings": True,
        }
    )
    (box.templates / "assets.yaml").write_text(json.dumps(index))


def users_texts(home: Path) -> set[bytes]:
    """Everything that is in a file somewhere below a folder."""
    return set(tree(home).values())


FORCE = pytest.mark.parametrize("force", [(), ("--force",)], ids=["plain", "force"])


@pytest.fixture
def arranged(box):
    """An arranged box, with a way back to how it was."""
    arrange(box)
    saved = box.folder / "saved"
    shutil.copytree(box.home, saved, symlinks=True)

    def again() -> Box:
        shutil.rmtree(box.home)
        shutil.copytree(saved, box.home, symlinks=True)
        return box

    return again


def healed(box, command, force):
    """Run the command to its end; return what a user then sees, whatever happened before."""
    done = box.run(command, *force)
    assert done.code == (0 if force or command == "uninstall" else 1), done
    state = tree(box.target / ".fleet-rlm")
    return own(box.target), {path for path in state if path.startswith(("tmp", "incoming"))}


@FORCE
@pytest.mark.parametrize("command", ["upgrade", "uninstall"])
def test_killed_anywhere_the_next_run_heals(arranged, command, force):
    """Killed before any of its effects, the next run ends where an undisturbed one ends; no user text is lost."""
    box = arranged()
    effects = box.effects(command, *force)
    expected = (
        own(box.target),
        {path for path in tree(box.target / ".fleet-rlm") if path.startswith(("tmp", "incoming"))},
    )
    assert effects > 20
    texts = {text.encode() for text in USERS.values()}
    for number in sample(effects):
        arranged()
        assert box.run(command, *force, fault=(number, "kill", "")).code == -signal.SIGKILL
        assert texts <= users_texts(box.home)
        assert healed(box, command, force) == expected, f"killed at effect {number}"
        assert texts <= users_texts(box.home)


def test_killed_anywhere_a_first_install_and_its_removal_leave_nothing(box):
    """Killed anywhere, install then uninstall leave no trace: folders that a killed run made are known as ours."""
    box.offer({"agents/a.md": BASE, "skills/a/references/b.md": BASE})
    before = tree(box.home)
    effects = box.effects("install")
    box.run("uninstall")
    for number in sample(effects):
        assert box.run("install", fault=(number, "kill", "")).code == -signal.SIGKILL
        assert box.run("install").code == 0
        assert box.run("uninstall").code == 0
        assert tree(box.home) == before, f"killed at effect {number}"


@FORCE
@pytest.mark.parametrize(
    "how", [errno.ENOSPC, errno.EROFS, "interrupt"], ids=["full", "read-only", "interrupt"]
)
def test_an_error_anywhere_is_undone(arranged, how, force):
    """An error at any effect leaves every file and folder as it was, and is told in one sentence."""
    box = arranged()
    before = own(box.target)
    state = tree(box.target / ".fleet-rlm")
    effects = box.effects("upgrade", *force)
    after = own(box.target)
    told = 0
    for number in sample(effects):
        arranged()
        done = box.run("upgrade", *force, fault=(number, how, ""))
        if done.code in {0, 1} and not done.err:
            continue  # an effect that may fail: sweeping what nobody needs, or the second name of a file
        told += 1
        assert done.code == (130 if how == "interrupt" else 1), done
        if how == "interrupt" and own(box.target) == after:
            continue  # interrupted while sweeping up, when all was done
        assert own(box.target) == before, f"failed at effect {number}: {done}"
        assert tree(box.target / ".fleet-rlm") == state, f"failed at effect {number}: {done}"
        assert "Traceback" not in done.err
    assert told > effects / STEP / 2


def test_killed_at_random_moments(box):
    """A real process killed at any moment leaves nothing that a next run does not heal."""
    arrange(box)
    texts = {text.encode() for text in USERS.values()}
    words = [sys.executable, "-m", "fleet_rlm_scaffold.cli", "upgrade", "--templates", str(box.templates)]
    words += ["--runtime", "fleet-rlm", "--no-self-test"]
    for attempt in range(6):
        process = subprocess.Popen(words, env=box.environ, cwd=box.home, stdout=subprocess.DEVNULL)
        time.sleep(0.1 + attempt * 0.03)
        process.kill()
        process.wait()
        assert texts <= users_texts(box.home)
    assert box.run("upgrade").code == 1
    assert (box.target / "agents/merge.md").read_text() == NEW.replace("line 2", "line 2, mine")


def test_a_full_disk(box):
    """On a disk that is really full, nothing changes and the reader is told so."""
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "none", box.home], check=False
        ).returncode
    ):
        pytest.skip("mounting a small disk needs root")
    try:
        box.offer({f"agents/{number}.md": "x" * 30_000 for number in range(20)})
        before = tree(box.home)
        done = box.run("install")
        assert (done.code, tree(box.home)) == (1, before)
        assert "The disk or your quota is full (No space left on device); nothing was changed" in done.err
    finally:
        subprocess.run(["umount", box.home], check=True)


def test_a_file_that_may_not_grow(box):
    """A limit on the size of files is told as a full disk, and undone."""
    box.offer({"agents/a.md": "x" * 100_000, "agents/b.md": "small"})
    words = [sys.executable, "-m", "fleet_rlm_scaffold.cli", "install", "--templates", str(box.templates)]
    done = subprocess.run(
        [*words, "--runtime", "fleet-rlm", "--no-self-test"],
        env={**box.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert (done.returncode, tree(box.home)) == (1, {})
    assert "full (File too large); nothing was changed" in done.stderr


def test_a_folder_on_another_disk(box):
    """A folder in the target that is another file system's is written to all the same, and undone too."""
    (box.target / "agents").mkdir(parents=True)
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "none", box.target / "agents"], check=False).returncode
    ):
        pytest.skip("mounting another disk needs root")
    try:
        box.offer({"agents/a.md": BASE, "skills/b/SKILL.md": BASE})
        assert box.run("install").code == 0
        box.offer({"agents/a.md": NEW, "skills/b/SKILL.md": NEW})
        before = own(box.target)
        ends = {
            box.run("upgrade", fault=(number, errno.ENOSPC, "")).code: own(box.target)
            for number in range(2, 40, 3)
        }
        assert ends[1] == before
        assert box.run("upgrade").code == 0
        assert own(box.target) == {"agents/a.md": NEW.encode(), "skills/b/SKILL.md": NEW.encode()}
    finally:
        subprocess.run(["umount", box.target / "agents"], check=True)


@pytest.mark.parametrize("where", [".", ".claude", ".claude/agents", ".claude/.fleet-rlm"])
def test_a_read_only_folder(user_box, where):
    """A folder that may not be written to: nothing changes, and the reader is told of permissions and sandboxes."""
    box = user_box
    box.offer({"agents/a.md": BASE})
    if where != ".":
        assert box.run("install").code == 0
    box.offer({"agents/a.md": NEW, "agents/b.md": NEW, "skills/c/SKILL.md": NEW})
    before = tree(box.home)
    with permissions(box.home / where, 0o555):
        done = box.run("install")
    assert (done.code, tree(box.home)) == (1, before)
    assert "Permission denied" in done.err
    assert box.run("install").code == 0
    assert (box.target / "agents/a.md").read_text() == NEW
