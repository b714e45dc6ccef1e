"""The tools that ask models: ask and run, with scripted models."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from mcp_server.desk import PATIENCE, desk

SLOW = """\
steps:
  - reasoning: I take my time.
    code: |
      import time
      print("started")
      time.sleep(600)
"""


def test_ask_covers_all_of_it(tools):
    """One question goes to every chunk; the report says what was covered, and all answers stay in a variable."""
    tools.call("load", paths=["big.log"])
    answer = tools.call("ask", question="What went wrong?", chunk_chars=20_000)
    assert not answer.failed
    assert answer.text.startswith("coverage: 100.0 % of document (")
    assert "\nNote: No language model was asked" in answer.text
    chunks = int(tools.call("execute", code="print(len(answers))").text.splitlines()[0])
    assert f"chunks: {chunks}, asked {chunks}, answered {chunks} " in answer.text
    assert chunks > 5
    counts = [(done, total) for done, total, _ in answer.progress]
    assert counts[-1] == (chunks, chunks)
    assert counts == sorted(counts)


def test_ask_is_narrowed_by_match(tools):
    """With `match` only chunks that hold it are asked, and the coverage says so."""
    tools.call("load", paths=["big.log"])
    text = tools.call("ask", question="What?", chunk_chars=20_000, match="line 4999$", save_as="last").text
    assert ", asked 1, " in text
    assert not text.startswith("coverage: 100")
    assert tools.call("execute", code="len(last)").text.startswith("1\n")


def test_ask_at_the_limit(tools):
    """A question to more chunks than there are calls left is refused before any is paid for, and code goes on."""
    tools.call("load", paths=["big.log"], max_llm_calls=2)
    answer = tools.call("ask", question="What?", chunk_chars=20_000)
    assert answer.failed
    assert "7 sub-calls would be needed and 2 are left" in answer.text
    assert "[ERROR] BudgetError" in tools.call("execute", code="llm_query_batched(['x'] * 3)[2]").text
    assert not tools.call("execute", code="len(document)").failed


def test_ask_of_what_is_not_there(tools):
    """A variable that does not exist is named in one sentence."""
    tools.call("load", paths=[])
    answer = tools.call("ask", question="What?", of="nothing_here")
    assert answer.failed
    assert answer.text.startswith("Error: ")
    assert "nothing_here" in answer.text


def test_run(tools):
    """A runner answers its keys; its iterations are progress."""
    answer = tools.call("run", runner="long-context", docs_path=["big.log"], query="Which errors?")
    assert not answer.failed
    assert "\nanswer: " in answer.text
    assert "\ncomplete: true\n" in answer.text
    done = [step for step, _, _ in answer.progress]
    assert done == sorted(set(done))
    assert any(total == 30 for _, total, _ in answer.progress)


def test_a_long_result_of_a_run(tools, project):
    """A result too long to show is cut field by field, and whole as a resource."""
    (project / "code.md").write_text("".join(f"# Head {n}\n```py\n{str(n) * 900}\n```\n" for n in range(60)))
    answer = tools.call("run", runner="custom-tool", docs_path=["code.md"], chars=0)
    assert len(answer.text) < 10_000
    assert answer.links == ["fleet-rlm://run/1"]
    [whole] = tools.ask("read_resource", answer.links[0]).contents
    assert len(json.loads(whole.text)["code_blocks"]) > 5
    assert "headers_count: " in answer.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"runner": "basic", "question": "Why?", "docs_path": ["big.log"]},
            "run: basic does not take docs_path.",
        ),
        ({"runner": "basic"}, "Missing option '--question'."),
        ({"runner": "trajectory", "docs_path": ["nowhere.txt"]}, "nowhere.txt"),
        ({"runner": "trajectory", "docs_path": ["-"]}, "a tool has no standard input"),
        ({"runner": "none"}, "'none' is not one of"),
    ],
)
def test_a_run_that_cannot_be(tools, arguments, said):
    """What the command would refuse is refused in its words."""
    answer = tools.call("run", **arguments)
    assert answer.failed
    assert answer.text.startswith("Error: ")
    assert said in answer.text


def test_a_cancelled_run_leaves_nothing(project, short_folder, monkeypatch):
    """Cancelling a run lets it end its sandbox and clear up: no process stays, and no file."""
    (project / "slow.yaml").write_text(SLOW)
    monkeypatch.setenv("TMPDIR", str(short_folder))
    with desk(project) as tools:
        call = tools.begin("run", runner="basic", question="Why?", model="script:slow.yaml")
        run = wait_for(lambda: next((p for p in ours() if "run-basic" in p.cmdline()), None))
        wait_for(lambda: sessions_in(short_folder) or None)
        wait_for(lambda: run.children(recursive=True) or None)
        family = [run, *run.children(recursive=True)]
        call.cancel()
        gone, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert alive == []
        assert len(gone) > 1
        assert not tools.call("status").failed
    assert sessions_in(short_folder) == []


@pytest.fixture
def short_folder():
    """A folder whose path leaves room for that of a socket in it."""
    with tempfile.TemporaryDirectory(prefix="f") as folder:
        yield Path(folder)


def sessions_in(folder):
    """What sandboxes keep in the temporary folder while they run."""
    return list(folder.glob("fleet-rlm-*/session-*"))


def ours():
    """Every process below this one."""
    return psutil.Process(os.getpid()).children(recursive=True)


def wait_for(look):
    """Look until there is something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            found = look()
        except psutil.Error:
            found = None
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")
