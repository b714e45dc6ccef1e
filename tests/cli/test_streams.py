"""Standard streams that are closed or full: an ordinary error, and a run that was paid for is kept."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")

RUN = ("run-long-context", "--model", "script:generic", "--query", "q", "--docs-path", "guide.md")
FULL = "The result could not be written: No space left on device."
CLOSED = "The result could not be written: standard output is closed."


@pytest.fixture
def redirected(tmp_path, command, document):
    """Run ``fleet-rlm``, or the program named, behind a shell's redirection."""

    def run(redirection, *words, program="", env=None):
        line = f"exec {shlex.join([program or command, *words])} {redirection}"
        return subprocess.run(
            ["sh", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            timeout=60,
        )

    return run


@pytest.mark.parametrize("form", [(), ("--json",), ("--full-output",)])
@pytest.mark.parametrize(("redirection", "sentence"), [(">/dev/full", FULL), (">&-", CLOSED)])
def test_a_runs_result_is_kept(redirected, home, redirection, sentence, form):
    """A result that cannot be written is in a file, which the message names."""
    done = redirected(redirection, *RUN, *form, "--no-verbose")
    assert done.returncode == 1
    (file,) = home.rglob("*runs/*.json")
    assert done.stderr == f"Error: {sentence} It is in {file}.\n"
    assert json.loads(file.read_text())["result"]["complete"] is True


def test_nowhere_to_keep_it(redirected):
    """If it cannot be kept either, it is told on stderr, whole."""
    done = redirected(">/dev/full", *RUN, "--no-verbose", env={"FLEET_RLM_HOME": "/proc/none"})
    assert done.returncode == 1
    result, said = done.stderr.splitlines()
    assert json.loads(result)["complete"] is True
    assert said.startswith(f"Error: {FULL} It could not be kept: ")


NOT_A_NUMBER = """
steps:
- code: print(float('nan'))
- code: "SUBMIT(summary='s', key_points=['k'], coverage_pct=float('nan'))"
"""


@pytest.mark.parametrize("has_room", [True, False])
def test_a_result_that_json_has_no_number_for(redirected, home, tmp_path, has_room):
    """It is kept as it would have been printed."""
    (tmp_path / "nan.yaml").write_text(NOT_A_NUMBER)
    words = [word.replace("generic", "nan.yaml") for word in RUN]
    env = {} if has_room else {"FLEET_RLM_HOME": "/proc/none"}
    done = redirected(">/dev/full", *words, "--mode", "summarize", "--no-verbose", env=env)
    assert done.returncode == 1
    if has_room:
        (file,) = home.rglob("*runs/*.json")
        result = json.loads(file.read_text())["result"]
    else:
        result = json.loads(done.stderr.splitlines()[0])
    assert result["coverage_pct"] == "NaN"


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_talk_that_cannot_be_heard(redirected, redirection):
    """Without anywhere to tell its progress a run goes on and answers."""
    done = redirected(redirection, *RUN, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["complete"] is True


@pytest.mark.parametrize(("redirection", "sentence"), [(">/dev/full", FULL), (">&-", CLOSED)])
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["doctor"], ["describe", "--json"]])
def test_other_output(redirected, redirection, sentence, words):
    """All else that cannot be written is the same ordinary error; there is nothing to keep."""
    done = redirected(redirection, *words)
    assert (done.returncode, done.stderr) == (1, f"Error: {sentence} Send it elsewhere.\n")


@pytest.mark.parametrize(("redirection", "sentence"), [(">/dev/full", FULL), (">&-", CLOSED)])
def test_the_installer(redirected, redirection, sentence):
    """The installer's output is no different."""
    program = str(Path(sys.executable).with_name("fleet-rlm-scaffold"))
    for words in (["list"], ["--help"], ["status", "--json"]):
        done = redirected(redirection, *words, program=program)
        assert (done.returncode, done.stderr) == (1, f"Error: {sentence} Send it elsewhere.\n")
    done = redirected(redirection, "init", "--dry-run", "--no-self-test")
    assert (done.returncode, done.stderr) == (1, f"Error: {sentence} Send it elsewhere.\n")


def test_everything_closed(redirected):
    """With all three closed nothing lands in a file that happens to be open; the exit code still tells."""
    assert redirected(">&- 2>&- <&-", *RUN).returncode == 1
    assert redirected("2>&- <&-", *RUN, "--json").returncode == 0


@pytest.mark.parametrize("redirection", [">&-", "<&-"])
def test_the_server_needs_both(redirected, redirection):
    """The MCP server says at once that it has nobody to talk to."""
    done = redirected(redirection, "mcp")
    name = {">&-": "output", "<&-": "input"}[redirection]
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: Standard {name} is closed. ")


def test_a_server_whose_client_cannot_be_written_to(tmp_path, command):
    """A client that cannot take an answer ends the server, with one sentence."""
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [command, "mcp"],
            input=json.dumps(request) + "\n",
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Standard input or output has failed: No space left on device. ")
    assert done.stderr.count("\n") == 1


def test_error_that_cannot_be_printed_as_json(redirected):
    """An error keeps its exit code and is told on stderr when stdout does not take its JSON."""
    done = redirected(">/dev/full", *RUN[:-1], "nope.txt", "--json", "--no-verbose")
    assert done.returncode == 5
    assert done.stderr.startswith("Error: nope.txt does not exist.")


def test_reader_that_is_gone(tmp_path, command, document):
    """A pipe that nobody reads is not an error of this kind: silence, and 141."""
    for words in (["--help"], [*RUN, "--no-verbose"]):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [command, *words], stdout=write, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path
        )
        os.close(write)
        assert (done.returncode, done.stderr) == (141, "")


def test_pipe_that_does_not_block(tmp_path, command):
    """A pipe set not to block, as Node.js may leave one, gets all of the output."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    process = subprocess.Popen([command, "describe", "--json"], stdout=write, cwd=tmp_path)
    os.close(write)
    try:
        process.wait(2)  # the pipe is full by then, and nobody has read
    except subprocess.TimeoutExpired:
        pass
    with os.fdopen(read) as stream:
        assert json.loads(stream.read())["exit_codes"]["0"] == "done"
    assert process.wait(20) == 0
