"""Ctrl-C while the command is still being loaded: as quiet as at any other moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = ("fleet-rlm", "fleet-rlm-scaffold")
SLOW = 'import os, time\nos.write(2, b"loading\\n")\ntime.sleep(30)\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("program", PROGRAMS)
def test_while_loading(tmp_path, program, number):
    """A signal during an import that takes long, as from a cold disk, ends with its exit code and a line."""
    (tmp_path / "click.py").write_text(SLOW)
    command = [str(Path(sys.executable).with_name(program)), "--help"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert process.stderr.readline() == "loading\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    said = "Interrupted" if number == signal.SIGINT else "Terminated"
    assert (process.returncode, out) == (128 + number, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


def test_while_loading_as_json(tmp_path):
    """With --json it is one JSON object then, too."""
    (tmp_path / "click.py").write_text(SLOW)
    process = subprocess.Popen(
        [Path(sys.executable).with_name("fleet-rlm"), "session", "list", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert process.stderr.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "")
    assert out == (
        '{"error": {"type": "Interrupted", "message": "Interrupted.", "remedy": null, "exit_code": 130}}\n'
    )


@pytest.mark.parametrize("package", ["fleet_rlm.cli", "fleet_rlm_scaffold.cli"])
def test_the_entry_loads_nothing(package):
    """What is loaded before a Ctrl-C can be caught is the entry itself."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"from {package} import main\n"
        "print(sorted(name for name in set(sys.modules) - before - set(sys.builtin_module_names) if not name.startswith('fleet_rlm')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['__future__']\n"


def test_an_error_that_cannot_be_told(tmp_path):
    """Even where telling an error fails, there is one line and no traceback."""
    (tmp_path / "click.py").write_text("raise RuntimeError('broken')\n")
    for program in PROGRAMS:
        done = subprocess.run(
            [Path(sys.executable).with_name(program), "--version"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == f"Error: This is a bug in {program}: RuntimeError: broken\n"
