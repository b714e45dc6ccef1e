"""Bad input: each kind has its exit code and one sentence that says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

SCRIPTED = ("--model", "script:generic")
RUN = ("run-long-context", "--query", "why", *SCRIPTED, "--docs-path")

CASES = {
    "no such command": (("run-everything",), 2, "No such command 'run-everything'."),
    "no such flag": (("run-basic", "--questoin", "x"), 2, "No such option '--questoin'."),
    "missing question": (("run-basic", *SCRIPTED), 2, "Missing option '--question'."),
    "empty question": (("run-basic", *SCRIPTED, "--question", ""), 2, "--question is missing."),
    "missing documents": (("run-api-endpoints", *SCRIPTED), 2, "Missing option '--docs-path'."),
    "missing query": (("run-long-context", *SCRIPTED, "--docs-path", "x"), 2, "--query is missing."),
    "unknown mode": ((*RUN, "x", "--mode", "guess"), 2, "'guess' is not one of 'analyze', 'summarize'"),
    "no iterations": ((*RUN, "x", "--max-iterations", "0"), 2, "0 is not in the range x>=1"),
    "negative chars": (("run-trajectory", "--docs-path", "x", "--chars", "-1"), 2, "-1 is not in the range"),
    "timeout in words": ((*RUN, "x", "--timeout", "soon"), 2, "'soon' is not a number of seconds above 0."),
    "endless timeout": ((*RUN, "x", "--timeout", "inf"), 2, "'inf' is not a number of seconds above 0."),
    "unknown sandbox": ((*RUN, "x", "--sandbox", "docker"), 2, "'docker' is not one of"),
    "impossible memory": ((*RUN, "x", "--memory", "lots"), 2, "'lots' is not a size such as 512M or 4G."),
    "secret without modal": (
        (*RUN, "x", "--secret-name", "LITELLM"),
        2,
        "--secret-name has no meaning in the local",
    ),
    "end without modal": (
        ("doctor", "--end"),
        2,
        "--end ends sandboxes on Modal. Use it together with --modal.",
    ),
    "no model": (("run-basic", "--question", "x"), 4, "No language model is configured. Set DSPY_LM_MODEL"),
    "no key": (("run-basic", "--question", "x", "--model", "openai/gpt-5"), 4, "No key is set for the model"),
    "unknown script": (
        ("run-basic", "--question", "x", "--model", "script:nope"),
        4,
        "There is no script 'nope'",
    ),
    "no such file": ((*RUN, "nope.txt"), 5, "nope.txt"),
    "no match": ((*RUN, "*.log"), 5, "*.log"),
    "empty stdin": ((*RUN, "-"), 5, "empty"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(fleet, case):
    """Bad input ends with its exit code and one line on stderr, and prints no result."""
    arguments, code, sentence = CASES[case]
    ended = fleet(*arguments, *(["--no-verbose"] if arguments[0].startswith("run-") else []))
    assert (code, "") == (ended.code, ended.out)
    assert ended.err.startswith("Error: ")
    assert ended.err.count("\n") == 1
    assert sentence in ended.err


@pytest.mark.parametrize(
    "case", ["no such flag", "missing question", "no model", "unknown script", "no such file"]
)
def test_bad_input_as_json(fleet, case):
    """With --json a failure is exactly one JSON object on stdout, whoever found it."""
    arguments, code, sentence = CASES[case]
    ended = fleet(*arguments, "--json", "--no-verbose")
    assert (code, "") == (ended.code, ended.err)
    error = ended.json["error"]
    assert {"type", "message", "remedy", "exit_code"} == set(error)
    assert code == error["exit_code"]
    assert sentence in f"{error['message']} {error['remedy']}"


def test_binary_document(fleet, tmp_path):
    """A binary file is named and refused."""
    (tmp_path / "picture.bin").write_bytes(bytes(range(256)) * 20)
    ended = fleet(*RUN, "picture.bin", "--no-verbose")
    assert (ended.code, ended.out) == (5, "")
    assert "picture.bin" in ended.err


def test_unreadable_document(fleet, tmp_path):
    """A document without permission is named; root may read everything, so it is a folder's socket then."""
    secret = tmp_path / "secret.txt"
    secret.write_text("x")
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        secret.unlink()
        os.mkfifo(secret)
    ended = fleet(*RUN, "secret.txt", "--no-verbose")
    assert (ended.code, ended.out) == (5, "")
    assert "secret.txt" in ended.err


def test_bad_setting(fleet):
    """A setting that cannot be used is named with its variable."""
    ended = fleet(*RUN, "x", "--no-verbose", env={"FLEET_RLM_CONCURRENCY": "many"})
    assert (ended.code, ended.out) == (4, "")
    assert "FLEET_RLM_CONCURRENCY in the environment: concurrency is 'many'" in ended.err


def test_bug(fleet, home, tmp_path):
    """An unexpected exception names its log file, which holds the traceback without secrets."""
    (tmp_path / "sitecustomize.py").write_text(
        "import fleet_rlm.description as d\n"
        "def broken(app):\n    raise RuntimeError('token sk-abcdefgh12345678')\n"
        "d.description_of = broken\n"
    )
    ended = fleet(
        "describe", "--json", env={"PYTHONPATH": str(tmp_path), "FLEET_RLM_HOME": str(home / "ours")}
    )
    assert (ended.code, ended.err) == (3, "")
    error = ended.json["error"]
    assert error["message"] == "This is a bug in fleet-rlm: RuntimeError."
    (log,) = (home / "ours").rglob("*.log")
    assert str(log) in error["remedy"]
    assert "RuntimeError: token [redacted]" in log.read_text()


def test_secrets_are_redacted(fleet):
    """What is known to be a secret is taken out of any error, wherever it came from."""
    ended = fleet(*RUN, "no-such-hunter2hunter2", "--no-verbose", env={"MY_API_KEY": "hunter2hunter2"})
    assert ended.code == 5
    assert "no-such-[redacted]" in ended.err


def test_model_failure_keeps_the_steps(fleet, home, script):
    """When the model fails in the middle, the steps made so far are in a file that the message names."""
    model = script("steps:\n- {reasoning: look, code: print(6 * 7)}\n- {fail: the cable is cut}\n")
    ended = fleet("run-basic", "--question", "x", "--model", model, "--no-verbose")
    assert ended.code == 7
    assert "the cable is cut" in ended.err
    (file,) = home.rglob("*run*/*.json")
    assert str(file) in ended.err
    kept = json.loads(file.read_text())
    assert [(step["reasoning"], step["code"], step["output"].strip()) for step in kept["trajectory"]] == [
        ("look", "print(6 * 7)", "42")
    ]


def test_wall_clock(fleet, script):
    """--timeout bounds the whole run, also while a model is thinking, and keeps what was found."""
    model = script("steps:\n- {reasoning: look, code: print(1)}\n- {code: pass, delay: 60}\n")
    ended = fleet("run-basic", "--question", "x", "--model", model, "--timeout", "3", "--json", timeout=20)
    assert ended.code == 8
    assert ended.json["error"]["message"] == "The run took longer than 3 s."
    assert "The 1 step made so far is in" in ended.json["error"]["remedy"]


def test_import_error_is_no_traceback():
    """Even a broken installation ends with one line and a log."""
    code = "import sys; sys.modules['fleet_rlm.cli.app'] = None; from fleet_rlm.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "This is a bug in fleet-rlm: ModuleNotFoundError." in done.stderr
