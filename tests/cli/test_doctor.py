"""The check-up and the self-test."""

from __future__ import annotations

import os
import shutil

import pytest

from fleet_rlm.doctor import Check, worst
from fleet_rlm.selftest import Outcome, exact_count, sources


def statuses(ended):
    """Name to status, of a report as JSON."""
    return {check["name"]: check["status"] for check in ended.json["checks"]}


def messages(ended):
    """Name to message, of a report as JSON."""
    return {check["name"]: check["message"] for check in ended.json["checks"]}


def test_report(fleet):
    """Without settings nothing is an error: a model is missing, which is a warning, and the sandbox is ready."""
    ended = fleet("doctor", "--json")
    assert (ended.code, ended.err, ended.json["status"]) == (0, "", "warning")
    found = statuses(ended)
    assert (found["python"], found["language model"], found["local sandbox"]) == ("ok", "warning", "ok")
    assert "holds: every attempt to break out of it failed" in messages(ended).values()


def test_report_for_people(fleet):
    """One line a check: status, name, message, in columns."""
    lines = fleet("doctor").out.splitlines()
    assert {"ok", "warning", "error"} >= {line.split()[0] for line in lines}
    assert lines[0].startswith("ok       python ")


def test_settings_and_their_origin(fleet, tmp_path):
    """Each setting is shown with where it came from, a secret only as present."""
    (tmp_path / ".env").write_text("DSPY_LM_MODEL=openai/gpt-5\nDSPY_LLM_API_KEY=sk-verysecret123\n")
    ended = fleet("doctor", "--json", env={"FLEET_RLM_CONCURRENCY": "8"})
    found = messages(ended)
    assert found["concurrency"] == "8 (FLEET_RLM_CONCURRENCY in the environment)"
    assert found["model"].startswith(f"openai/gpt-5 (DSPY_LM_MODEL in {tmp_path / '.env'}")
    assert found["api_key"].startswith("present (DSPY_LLM_API_KEY in ")
    assert "verysecret" not in ended.out


def test_broken_setting(fleet):
    """A setting that cannot be used is an error, and the exit code is 1."""
    ended = fleet("doctor", "--json", env={"FLEET_RLM_SANDBOX": "docker"})
    assert (ended.code, statuses(ended)["settings"]) == (1, "error")


def test_model_without_a_key(fleet):
    """A model whose key is missing is an error that says what to set."""
    ended = fleet("doctor", "--json", env={"DSPY_LM_MODEL": "openai/gpt-5"})
    assert (ended.code, statuses(ended)["language model"]) == (1, "error")
    assert "DSPY_LLM_API_KEY" in messages(ended)["language model"]


def test_modal_without_credentials(fleet):
    """--modal without credentials is an error; without --modal it is only mentioned."""
    assert statuses(fleet("doctor", "--json"))["modal"] == "ok"
    ended = fleet("doctor", "--modal", "--json")
    assert (ended.code, ended.json["checks"][-1]["status"]) == (1, "error")
    assert "there are no Modal credentials" in ended.json["checks"][-1]["message"]


def test_unusable_confinement(fleet, tmp_path):
    """A confinement that is asked for and not there is said, with its reason, and the exit code is 1."""
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("env", "sh"):
        (path / name).symlink_to(shutil.which(name))
    ended = fleet("doctor", "--json", env={"FLEET_RLM_CONFINEMENT": "bwrap", "PATH": str(path)})
    found = statuses(ended)
    assert (ended.code, found["bwrap"], found["local sandbox"]) == (1, "warning", "error")
    assert "landlock" not in found


@pytest.mark.parametrize("confinement", ["auto", "landlock"])
def test_self_test(fleet, home, tmp_path, confinement):
    """The self-test answers exactly, says how, and writes only below its home."""
    before = sorted(home.rglob("*"))
    env = {"FLEET_RLM_CONFINEMENT": confinement, "FLEET_RLM_HOME": str(tmp_path / "ours")}
    ended = fleet("doctor", "--self-test", env={key: value for key, value in env.items() if value != "auto"})
    truth = f"{exact_count(sources())} lines raise ValueError."
    assert (ended.code, ended.err) == (0, "")
    assert f"Answer     {truth}\nTruth      {truth}" in ended.out
    assert "no language model is asked" in ended.out
    assert "Step 4" in ended.out
    assert "8 sub-calls" in ended.out
    assert "They agree." in ended.out
    assert before == sorted(home.rglob("*"))


def test_self_test_as_json(fleet):
    """With --json the self-test is one JSON object."""
    result = fleet("doctor", "--self-test", "--json").json
    assert (result["passed"], result["model_asked"], result["result"]["complete"]) == (True, False, True)
    assert result["expected"] == result["answer"]


def test_a_wrong_answer_does_not_pass():
    """Answer and truth are compared whole."""
    assert not Outcome("690 lines raise ValueError.", "691 lines raise ValueError.", 1.0).passed


def test_worst():
    """An error outweighs warnings, wherever it stands; no checks are fine."""
    found = [Check("ok", "a", ""), Check("error", "b", ""), Check("warning", "c", "")]
    assert (worst(found), worst(found[::2]), worst([])) == ("error", "warning", "ok")


def test_the_command_is_installed(command):
    """The tests run the command that the project installs."""
    assert os.access(command, os.X_OK)


@pytest.fixture
def claude(tmp_path) -> str:
    """A PATH that begins with a program named claude, which only knows its version."""
    program = tmp_path / "programs" / "claude"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$*" = --version ] && echo "9.9.9 (Claude Code)"\n')
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


def test_claude_is_the_model_that_would_be_used(fleet, claude):
    """With nothing configured and Claude Code installed, it is shown as the model, with its version and place."""
    found = messages(fleet("doctor", "--json", env={"PATH": claude}))
    assert found["language model"] == (
        "claude-code/sonnet, claude-code/haiku for sub-calls, because none is configured"
    )
    assert found["claude"] == f"9.9.9 at {claude.split(os.pathsep)[0]}/claude"


def test_no_model_at_all(fleet):
    """With neither, every way to a model is named."""
    found = messages(fleet("doctor", "--json"))
    for way in ("DSPY_LLM_API_KEY", "claude-code/sonnet", "script:generic"):
        assert way in found["language model"]


def test_claude_that_is_not_there(fleet, tmp_path):
    """A named claude that does not exist is an error."""
    ended = fleet("doctor", "--json", env={"FLEET_RLM_CLAUDE": str(tmp_path / "none")})
    assert (ended.code, statuses(ended)["claude"]) == (1, "error")
