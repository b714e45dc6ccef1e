"""Python without docstrings and asserts, as PYTHONOPTIMIZE=2 makes it: everything works."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fleet_rlm.description import exit_codes
from fleet_rlm.guidance import instructions

OO = {"PYTHONOPTIMIZE": "2"}


def test_a_run(fleet, document):
    """A run answers."""
    words = ("run-long-context", "--model", "script:generic", "--query", "q", "--docs-path", document)
    ended = fleet(*words, "--json", "--no-verbose", env=OO)
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["complete"] is True


@pytest.mark.parametrize("words", [["--help"], ["session", "--help"], ["run-basic", "--help"], ["describe"]])
def test_help(fleet, words):
    """Help is there, if with fewer words."""
    ended = fleet(*words, env=OO)
    assert (ended.code, ended.err) == (0, "")


def test_what_others_rely_on(fleet):
    """What the planner is told and what assets are rendered from does not get shorter."""
    described = fleet("describe", "--json", env=OO).json
    assert described["exit_codes"] == exit_codes()
    assert all(helper["summary"] in instructions("") for helper in described["helpers"])
    assert all(helper["summary"] for helper in described["helpers"])


def test_the_planner_is_told_the_same(fleet, tmp_path):
    """The planner's instructions hold every helper's line."""

    code = "from fleet_rlm.guidance import instructions; print(instructions('x'))"
    done = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == instructions("x") + "\n"


def test_an_install(fleet, home):
    """The installer, which asks the runtime what it offers, installs what it always does."""
    target = home / "plain", home / "optimized"
    for folder, env in zip(target, ({}, OO), strict=True):
        ended = fleet("init", "--target", str(folder), "--no-self-test", env=env)
        assert ended.code == 0, ended.err
    plain, optimized = (
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.md")} for folder in target
    )
    assert plain == optimized
