"""What the command says about itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fleet_rlm
from fleet_rlm import describe
from fleet_rlm.cli.app import app
from fleet_rlm.cli.reference import reference
from fleet_rlm.signatures import TASKS

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(app.commands)
OF_SESSIONS = [f"session {name}" for name in sorted(app.commands["session"].commands)]


@pytest.mark.parametrize("name", ["", *COMMANDS, *OF_SESSIONS])
def test_help(fleet, snapshot, name):
    """Every help text is the one that was read and accepted."""
    ended = fleet(*name.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert snapshot == ended.out


def test_version(fleet):
    """--version prints name and version."""
    assert f"fleet-rlm, version {fleet_rlm.__version__}\n" == fleet("--version").out


def test_no_arguments(fleet):
    """Without arguments the help goes to stderr, as an error of use."""
    ended = fleet()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: fleet-rlm")


def test_help_is_light():
    """No help text loads dspy, modal, rich, yaml or a settings library."""
    code = (
        "import sys\n"
        "from fleet_rlm.cli.invoking import invoke\n"
        f"for name in {[*(name for name in COMMANDS if name != 'init'), *OF_SESSIONS]!r}:\n"  # init is the installer's own help
        "    assert invoke([*name.split(), '--help']) == 0\n"
        "heavy = ['dspy', 'modal', 'rich', 'yaml', 'dotenv', 'jinja2', 'platformdirs', 'asyncio', 'json']\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_describe(fleet, snapshot):
    """The description is one JSON object, and the one that was read and accepted."""
    assert snapshot == json.dumps(fleet("describe", "--json").json, indent=1)


def test_describe_is_light():
    """The description needs neither dspy nor modal."""
    code = "import sys, fleet_rlm; fleet_rlm.describe(); print([n for n in ('dspy', 'modal') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_describe_for_people(fleet):
    """Without --json the description is text that names every command."""
    out = fleet("describe").out
    assert [name for name in (*COMMANDS, *TASKS) if name not in out] == []


def test_reference_is_current():
    """docs/cli.md is what the command line would write now; if not: make render."""
    assert (ROOT / "docs/cli.md").read_text() == reference(describe())


def test_init_is_the_installer(fleet, home):
    """``fleet-rlm init`` is ``fleet-rlm-scaffold install``: same flags, same report, same exit code."""
    assert "--dry-run" in fleet("init", "--help").out
    ended = fleet("init", "--dry-run", "--target", str(home / ".claude"))
    assert (ended.code, "would be created  skill rlm" in ended.out) == (0, True)
    assert not (home / ".claude").exists()


def test_closed_stdout_is_silent():
    """Nothing is said when nobody reads, as in `fleet-rlm describe | head -0`."""
    command = [sys.executable, "-m", "fleet_rlm.cli", "describe", "--json"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("code", ["129", "141"])
def test_every_exit_code_is_told(fleet, code):
    """The codes of a terminal that is gone, and of a reader that is, stand with the others."""
    assert f"| {code} |" in (ROOT / "docs/cli.md").read_text()
    assert code in fleet("--help").out
