"""The whole life of a session, in every kind of sandbox."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet_rlm.errors import SessionError
from sandbox_kinds import each_kind

from .box import left

CONFINEMENT = re.compile(r"local\[(\w+)\]")


@pytest.fixture
def options(kind, monkeypatch):
    """What a session in this kind of sandbox is started with."""
    if found := CONFINEMENT.fullmatch(kind.name):
        monkeypatch.setenv("FLEET_RLM_CONFINEMENT", found[1])
    return {"sandbox": kind.name.partition("[")[0]}


@each_kind
def test_life(box, options, kind):
    """Load, execute, look, answer, save, list, stop: state stays from one to the next, and nothing after."""
    (box.folder / "one.txt").write_text("first line\n")
    (box.folder / "two.txt").write_text("second line\n")
    handle = box.start("life", **options)
    assert handle.record.sandbox == options["sandbox"]
    if found := CONFINEMENT.fullmatch(kind.name):
        assert handle.record.confinement == found[1]

    loaded = handle.load(["*.txt"])
    assert loaded["documents"] == ["one.txt", "two.txt"]
    assert [(row["name"], row["type"]) for row in loaded["variables"]] == [
        ("document", "str"),
        ("documents", "documents"),
    ]
    first = handle.execute("lines = [d.strip() for d in documents.values()]\nprint(lines)")
    assert (first["outcome"], first["step"], first["output"]) == ("ok", 1, "['first line', 'second line']\n")
    second = handle.execute("SUBMIT(len(lines))")
    assert (second["outcome"], second["step"], second["answer"]) == ("submit", 2, {"output": 2})
    assert handle.answer() == {"session": "life", "step": 2, "answer": {"output": 2}}
    assert {row["name"]: (row["type"], row["size"]) for row in handle.variables()["variables"]} == {
        "document": ("str", loaded["variables"][0]["size"]),
        "documents": ("documents", 2),
        "lines": ("list", 2),
    }
    handle.execute("print('x' * 30_000)")
    assert handle.output()["output"] == "x" * 30_000 + "\n"
    saved = handle.save("lines", "out")
    assert [Path(path).read_text() for path in saved["files"]] == ["first line", "second line"]
    (listed,) = box.sessions.all()
    assert (listed["state"], listed["steps"], listed["variables"]) == ("idle", 3, 1)

    family = box.family(handle)
    handle.stop()
    assert left(family) == []
    (listed,) = box.sessions.all()
    assert (listed["state"], listed["ended"]["why"]) == ("ended", "it was stopped")


@each_kind
def test_failures_cost_nothing_else(box, options, kind):
    """An exception, an interrupt and a dead worker each have their outcome; what was loaded is at hand after all."""
    (box.folder / "text.txt").write_text("kept")
    handle = box.start(**options)
    handle.load(["text.txt"])
    failed = handle.execute("x = 1\n1/0")
    assert (failed["outcome"], "ZeroDivisionError" in failed["error"]) == ("error", True)
    late = handle.execute("while True: pass", timeout=0.5)
    assert (late["outcome"], "variables are kept" in late["error"]) == ("interrupted", True)
    assert handle.execute("print(x)")["output"] == "1\n"
    lost = handle.execute("import os; os._exit(7)")
    assert (lost["outcome"], "exit 7" in lost["error"]) == ("lost", True)
    assert handle.execute("print(document, 'x' in globals())")["output"] == "kept False\n"


@each_kind
def test_stop_during_an_endless_loop(box, options, kind):
    """A stop does not wait for code: whoever runs it is told, and every process is gone."""
    handle = box.start(**options)
    call = handle.begin_execute("while True: pass")
    while handle.status()["state"] != "busy":
        pass
    family = box.family(handle)
    handle.stop()
    with pytest.raises(SessionError, match="it was stopped"):
        call.result()
    assert left(family) == []
