"""Code that writes to the driver's own sockets: the worst it gets is a fresh worker."""

from __future__ import annotations

import contextlib
import json
import textwrap
from typing import Any

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError, FinalOutput

from hostile.outcomes import run
from hostile.sessions import DOCUMENT, Sessions
from sandbox_kinds import each_kind, each_local_kind

WRITE = textwrap.dedent("""
    import gc, os, stat, sys
    def frame(header, payload=b""):
        import json
        return json.dumps(header).encode() + b"\\n" + payload
    running = max((o["id"] for o in gc.get_objects() if type(o) is dict and o.get("type") == "execute"), default=0)
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, FORGED)
        except OSError: pass
    """)


def forged(header: dict[str, Any], payload: str = "b''") -> str:
    """An expression for a frame; ``RUNNING`` stands for the number of the running cell."""
    return f"frame({header!r}, {payload})".replace("'RUNNING'", "running").replace("inf", "float('inf')")


FORGERIES = {
    "garbage": "b'garbage' * 100",
    "newlines": "b'\\n' * 1000",
    "nul-bytes": "b'\\0' * 5000",
    "header-without-end": "b'{' * (3 << 20)",
    "deep-header": "b'[' * 100_000 + b'\\n'",
    "header-that-is-a-list": "b'[1, 2]\\n'",
    "header-without-type": "b'{}\\n'",
    "type-that-is-no-text": "b'{\"type\": [1]}\\n'",
    "two-headers-on-a-line": 'b\'{"type":"up"}{"type":"up"}\\n\'',
    "impossible-length": forged({"type": "done", "bytes": 10**15}),
    "negative-length": forged({"type": "done", "bytes": -1}),
    "length-beyond-what-is-taken": forged({"type": "done", "bytes": 1 << 30}),
    "payload-that-never-comes": forged({"type": "call", "id": 1, "name": "echo", "bytes": 100_000}),
    "done": forged({"type": "done", "id": "RUNNING", "outcome": "ok"}),
    "done-of-another": forged({"type": "done", "id": 999, "outcome": "ok"}),
    "done-twice": forged({"type": "done", "id": "RUNNING", "outcome": "ok"}) + " * 2",
    "done-without-fields": forged({"type": "done"}),
    "done-with-odd-outcome": forged({"type": "done", "id": "RUNNING", "outcome": "lost"}),
    "done-with-list-outcome": forged({"type": "done", "id": "RUNNING", "outcome": []}),
    "done-with-odd-names": forged({"type": "done", "id": "RUNNING", "outcome": "ok", "come": 5}),
    "done-with-odd-line": forged({"type": "done", "id": "RUNNING", "outcome": "syntax", "line": "x"}),
    "error-that-is-no-text": forged(
        {"type": "done", "id": "RUNNING", "outcome": "error", "bytes": 2}, "b'\\xff\\xfe'"
    ),
    "answer-that-is-no-value": forged(
        {"type": "done", "id": "RUNNING", "outcome": "submit", "bytes": 3}, "b'???'"
    ),
    "answer-that-is-no-dict": forged(
        {"type": "done", "id": "RUNNING", "outcome": "submit", "bytes": 2}, "b'[]'"
    ),
    "answer-that-fills-memory": forged(
        {"type": "done", "id": "RUNNING", "outcome": "submit", "bytes": 45},
        'b\'{"output":{"$":"fraction","v":"1e99999999999"}}\'',
    ).replace("45", 'len(b\'{"output":{"$":"fraction","v":"1e99999999999"}}\')'),
    "call-of-nothing": forged({"type": "call"}),
    "call-of-the-unknown": forged({"type": "call", "id": 77, "name": "no_such_tool"}),
    "call-with-odd-arguments": forged({"type": "call", "id": 77, "name": "echo", "bytes": 2}, "b'{}'"),
    "call-with-infinite-id": forged({"type": "call", "id": float("inf"), "name": "echo"}),
    "call-with-list-name": forged({"type": "call", "id": 1, "name": ["echo"] * 3}),
    "call-5000-times": " + ".join(
        [forged({"type": "call", "id": "RUNNING", "name": "echo", "bytes": 7}, "b'[[],{}]'")]
    ).join(("b''.join(", " for running in range(5000))")),
    "output-with-infinite-step": forged({"type": "output", "id": 1, "step": float("inf")}),
    "up-again": forged({"type": "up"}),
    "ready": forged({"type": "ready", "protocol": 99}),
    "fault": forged({"type": "fault"}),
    "result": forged({"type": "result", "id": 1, "ok": True}),
    "execute": forged({"type": "execute", "id": 1}),
    "shutdown": forged({"type": "shutdown"}),
}


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.usefixtures("kind")
@each_kind
def test_forged_frames_cost_at_most_the_worker(sessions: Sessions, name: str) -> None:
    """Whatever is written there ends as an outcome of the cell, and the session goes on."""
    session = sessions.take()
    session._client._shortcut.pause()
    _forge(sessions, session, name)


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.usefixtures("kind")
@each_local_kind
def test_forged_frames_of_a_direct_cell(sessions: Sessions, name: str) -> None:
    """The same of a cell that the host gave to the worker by its line."""
    _forge(sessions, sessions.take(), name)


def _forge(sessions: Sessions, session: Any, name: str) -> None:
    ended = run(session, WRITE.replace("FORGED", FORGERIES[name]), {"doc": DOCUMENT}, interrupt_after=1.5)
    assert ended.error is None or type(ended.error) in (CodeExecutionError, SyntaxError), ended
    assert not isinstance(ended.result, FinalOutput)
    for code in (
        "1",
        "pass",
    ) * 4:  # a forged end is followed by the real one, and by what is left on the line
        run(session, code, interrupt_after=1.5)
    _goes_on(sessions, session)
    run(session, "import os; os._exit(0)")  # of what is left, the next case shall not suffer
    sessions.give_back(session)
    sessions.check_bystander()


def _goes_on(sessions: Sessions, session: Any) -> None:
    """Half a frame spoils the next one that goes the same way, however late that is; then there is an end."""
    for _ in range(2):
        with contextlib.suppress(CodeExecutionError):
            return _keeps_state(sessions, session)
    return _keeps_state(sessions, session)


def _keeps_state(sessions: Sessions, session: Any) -> None:
    session.execute("kept = 41", {"doc": DOCUMENT})
    sessions.check(session, keeps_state=True)


def test_forgeries_are_what_they_say() -> None:
    """The frames that should be well-formed are."""
    namespace: dict[str, Any] = {
        "running": 5,
        "frame": lambda header, payload=b"": json.dumps(header).encode() + b"\n" + payload,
    }
    assert eval(FORGERIES["done"], namespace) == b'{"type": "done", "id": 5, "outcome": "ok"}\n'
    assert eval(FORGERIES["call-5000-times"], namespace).count(b"\n") == 5000
