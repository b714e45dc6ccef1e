"""How the runtime is found, from where this command happens to run."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = """
from fleet_rlm_scaffold import runtime
from fleet_rlm_scaffold.errors import ScaffoldError
import sys
sys.executable = sys.argv[1]
try:
    found = runtime.find(sys.argv[2] if len(sys.argv) > 2 else None)
    print(found.text, "|", *found.run)
except ScaffoldError as error:
    print("error", error.message)
"""


@pytest.fixture
def find(tmp_path):
    """Ask, in a process of its own, with a PATH and a folder that this command lives in."""

    def ask(*, path=(), beside=None, chosen=()):
        folders = []
        for name in path:
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("#!/bin/sh\n")
            place.chmod(0o755)
            folders.append(str(place.parent))
        here = tmp_path / (beside or "nowhere/python")
        here.parent.mkdir(parents=True, exist_ok=True)
        if beside:
            (here.parent / "fleet-rlm").write_text("#!/bin/sh\n")
        done = subprocess.run(
            [sys.executable, "-c", ASK, here, *chosen],
            env={"PATH": ":".join(folders)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip().replace(str(tmp_path), "")

    return ask


UVX = "uvx --from fleet-rlm-scaffold==0.1.0 fleet-rlm"


@pytest.mark.parametrize(("chosen", "why"), [("fleet-rlm '", ": no closing quotation"), (" ", "")])
def test_what_is_not_a_command(find, chosen, why):
    """Words that no shell could split are refused; so are none."""
    assert find(chosen=[chosen]) == f"error {chosen!r} is not a command{why}."


def test_on_path(find):
    """The command on PATH is shown by its name alone."""
    assert find(path=["bin/fleet-rlm"]) == "fleet-rlm | /bin/fleet-rlm"


def test_on_path_and_beside(find):
    """The command beside this one is shown by name if it is the one on PATH, else by its own path."""
    assert find(path=["venv/bin/fleet-rlm"], beside="venv/bin/python") == "fleet-rlm | /venv/bin/fleet-rlm"
    assert (
        find(path=["other/fleet-rlm"], beside="venv/bin/python")
        == "/venv/bin/fleet-rlm | /venv/bin/fleet-rlm"
    )


def test_in_a_cache(find):
    """From uvx's own cache, which may be cleared, assets show uvx while this run uses what is there."""
    beside = "cache/uv/archive-v0/x/bin/python"
    assert find(beside=beside) == f"{UVX} | /cache/uv/archive-v0/x/bin/fleet-rlm"
    on_path = "cache/uv/archive-v0/x/bin/fleet-rlm"
    assert find(path=[on_path], beside=beside) == f"{UVX} | /cache/uv/archive-v0/x/bin/fleet-rlm"


def test_only_uvx(find):
    """With nothing but uvx, uvx runs it."""
    assert find(path=["bin/uvx"]) == f"{UVX} | {UVX}"


def test_nothing(find):
    """With nothing at all the reader is told."""
    assert find() == "error The fleet-rlm command is neither on PATH nor beside this one."


def test_chosen(find):
    """What the user chose is taken as it is, words and quotes as in a shell."""
    assert find(chosen=["env A='b c' fleet-rlm"]) == "env 'A=b c' fleet-rlm | env A=b c fleet-rlm"
