"""Names that are hard on a shell, a terminal or a path: refused in one line, or they work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scaffold.box import ONE, permissions, tree

BASE = "line\n"


NAMES = {
    "no-user": (
        "~nosuchuser/x",
        "~nosuchuser/x cannot be found: there is no such user. Name the folder in full.",
    ),
    "line-break": ("a\nb", "has a control character in its name. Name another with --target."),
    "escape": ("a\x1b[31mb", "has a control character in its name. Name another with --target."),
    "loop": ("loop/x", "cannot be opened: "),
}


@pytest.mark.parametrize("command", ["install", "status", "uninstall"])
@pytest.mark.parametrize("way", ["option", "variable"])
@pytest.mark.parametrize(("name", "words"), NAMES.values(), ids=NAMES)
def test_a_target_that_cannot_be(box, name, words, way, command):
    """A target that cannot be used is refused in one line, whichever way it was named."""
    box.offer({"agents/a.md": BASE})
    (box.home / "loop").symlink_to("loop")
    option, variable = (["--target", name], {}) if way == "option" else ([], {"CLAUDE_CONFIG_DIR": name})
    done = box.run(command, *option, **variable)
    assert (done.code, words in done.err, done.err.count("\n")) == (1, True, 1), done
    assert "\x1b" not in done.err
    assert tree(box.home) == {"loop": b"[loop]"}


def test_a_home_that_may_not_be_entered(user_box):
    """A home folder out of reach counts as none."""
    user_box.offer({"agents/a.md": BASE})
    with permissions(user_box.home, 0):
        done = user_box.run("install", cwd=user_box.folder, HOME=str(user_box.home / "me"))
    assert (done.code, tree(user_box.home)) == (1, {})
    assert (
        done.err
        == f"Error: The home folder {user_box.home / 'me'} is not there. Set HOME, or use --target.\n"
    )


@pytest.mark.parametrize(
    "words", [["install"], ["install", "--scope", "project"], ["status", "--target", "x"]], ids=" ".join
)
def test_a_current_folder_that_is_gone(box, words):
    """A command that needs the current folder says that it has been removed."""
    box.offer({"agents/a.md": BASE})
    gone = box.home / "gone"
    gone.mkdir()
    command = [sys.executable, "-m", "fleet_rlm_scaffold.cli", *words, "--templates", str(box.templates)]
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *command, "--runtime", "fleet-rlm"],
        env=box.environ,
        cwd=gone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, tree(box.home)) == (1, {})
    assert done.stderr == "Error: The current folder has been removed. Change to another one.\n"


@pytest.mark.parametrize("words", [["diff", "a\nb"], ["install", "--keep", "a\nb"]], ids=["diff", "keep"])
def test_a_path_with_a_line_break(box, words):
    """A path that is not ours is told on one line, whatever is in it."""
    box.offer({"agents/a.md": BASE})
    done = box.run(*words)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert r"'a\nb'" in done.err


def test_hooks_in_a_folder_with_an_odd_name(box):
    """Hook commands in settings.json start our program, whatever the shell reads into the folder's name."""
    shutil.copytree(ONE, box.templates, dirs_exist_ok=True)
    target = box.home / "a \"b\" $HOME `id` \\ 'c'"
    assert box.run("install", "--hooks", "settings", "--target", str(target)).code == 0
    hooks = json.loads((target / "settings.json").read_text())["hooks"]
    command = hooks["PreToolUse"][0]["hooks"][0]["command"]
    program = re.sub("^python3 ", "printf %s ", command)
    done = subprocess.run(["sh", "-c", program], env=box.environ, capture_output=True, text=True, check=True)
    assert done.stdout == str(target / "fleet-rlm/hooks/dispatch.py")
    assert Path(done.stdout).is_file()
