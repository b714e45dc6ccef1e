"""A working folder, a home or a configuration file that cannot be used: one sentence, and never a traceback."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

RUN = ("run-basic", "--question", "x", "--model", "script:generic", "--no-verbose")
GONE = "Error: The working folder no longer exists. Change to another one.\n"


@pytest.fixture
def shell(tmp_path):
    """Run a line of shell in an empty folder."""

    def run(line, env=None):
        return subprocess.run(
            ["sh", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=env or os.environ,
            timeout=60,
        )

    return run


@pytest.fixture
def open_home():
    """A home that every user of this machine can use."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def somebody(uid=65534):
    """What makes a command one of a user without root's rights."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv here")
    return f"exec setpriv --reuid={uid} --regid={uid} --clear-groups"


@pytest.mark.parametrize(
    ("words", "code"),
    [(RUN, 4), (["session", "load", "x"], 9), (["session", "stop"], 9), (["mcp"], 4), ([*RUN, "--json"], 4)],
)
def test_no_working_folder(shell, command, words, code):
    """A folder that was deleted under a shell is named as such."""
    done = shell(f"mkdir -p d/c; cd d/c; rm -rf ../c; exec {shlex.join([command, *words])}")
    assert done.returncode == code
    if "--json" in words:
        assert json.loads(done.stdout)["error"]["type"] == "ConfigurationError"
    else:
        assert (done.stdout, done.stderr) == ("", GONE)


def test_no_working_folder_to_doctor(shell, command):
    """The doctor says it beside what else it has found."""
    done = shell(f"mkdir -p d/c; cd d/c; rm -rf ../c; exec {command} doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert "The working folder no longer exists." in done.stdout


def test_a_relative_home_without_working_folder(shell, command):
    """Nothing can be relative to a folder that is gone."""
    done = shell(
        f"mkdir -p d/c; cd d/c; rm -rf ../c; exec {command} session list",
        env={**os.environ, "FLEET_RLM_HOME": "data"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (4, "", GONE)


@pytest.mark.parametrize("words", [RUN, ["session", "list"]])
def test_a_home_of_somebody_else(shell, command, home, words):
    """A home that may not be read is named with its file, as after `su` without `-`."""
    code, file = (
        (4, ".config/fleet-rlm/config.yaml") if words is RUN else (9, ".local/state/fleet-rlm/sessions")
    )
    home.chmod(0o700)
    done = shell(f"cd /; {somebody()} {shlex.join([command, *words])}")
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"Error: {home / file} cannot be read: Permission denied. ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [RUN, ["session", "list"]])
def test_nobody_knows_a_home(shell, command, words):
    """Without HOME and without an entry for the user there is no place for settings."""
    environ = {name: value for name, value in os.environ.items() if name != "HOME"}
    done = shell(f"cd /; {somebody(54321)} {shlex.join([command, *words])}", env=environ)
    said = "Error: Your home folder cannot be found. Set HOME, or FLEET_RLM_HOME to a folder.\n"
    assert (done.returncode, done.stdout, done.stderr) == (4, "", said)


@pytest.mark.parametrize(("words", "code"), [(RUN, 4), (["session", "load", "/etc/hostname"], 9)])
def test_a_working_folder_that_may_not_be_searched(shell, command, open_home, words, code):
    """A closed working folder is named, and no session begins in it."""
    environ = {**os.environ, "HOME": str(open_home)}
    done = shell(f"mkdir -m 700 closed; cd closed; {somebody()} {shlex.join([command, *words])}", env=environ)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("Error: The working folder ")
    assert "may not be searched. Work in another folder" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [*open_home.rglob("sessions/*")] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 5000, "is not valid YAML"),
        ("model: 2020-13-45", "is not valid YAML"),
        ("model: !!int ''", "is not valid YAML"),
        ("model: !!bool perhaps", "is not valid YAML"),
        ("model: !!timestamp never", "is not valid YAML"),
        ("model: 9999-12-31T23:59:59-23:00", None),
        ("9" * 5000 + ": x", "is not valid YAML"),
    ],
)
def test_odd_yaml(fleet, home, text, said):
    """Whatever stands in config.yaml, what is wrong with it is one sentence about that file."""
    file = home / ".config/fleet-rlm/config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    ended = fleet(*RUN)
    if said is None:
        assert ended.code in (0, 4)
    else:
        assert (ended.code, ended.out) == (4, "")
        assert ended.err.startswith(f"Error: {file}")
        assert said in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_pipe_in_place_of_the_file(fleet, home, flags):
    """A named pipe is refused, not waited for."""
    file = home / ".config/fleet-rlm/config.yaml"
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    ended = fleet(*RUN, *flags, timeout=20)
    assert ended.code == 4
    assert f"{file} is no regular file." in ended.out + ended.err


def test_a_pipe_in_place_of_dotenv(fleet, tmp_path):
    """A ``.env`` that is a named pipe is none."""
    os.mkfifo(tmp_path / ".env")
    assert fleet(*RUN, timeout=30).code == 0
