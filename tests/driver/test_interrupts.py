"""Interrupts that come at the worst moment."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError

from fleet_rlm.interpreter import TrustedInterpreter
from fleet_rlm.protocol import encode_frame
from fleet_rlm.sandboxes.stream import Stream
from sandbox_kinds import each_kind


def test_timeout_close_to_completion() -> None:
    """Whether a cell ends just before, at or after its timeout, it ends once, and the next one is not hit."""
    ends: list[bool] = []
    with TrustedInterpreter(execute_timeout=0.01, grace=5.0) as session:
        for number in range(200):
            try:
                session.execute(f"import time\ntime.sleep({0.0085 + 0.00001 * number})\ndone = {number}")
            except CodeExecutionError as error:
                ends.append("interrupted" in str(error))
            assert session._client.execute(f"last = {number}", {}, step=0).kind in ("ok", "interrupted")
        session._limits = session._client._limits = session._limits._replace(timeout=None)
        assert int(session.execute("last")) >= 190
    assert all(ends)


def test_interrupt_of_a_cell_that_has_ended() -> None:
    """It is for a cell by number, so the next one does not see it."""
    ends: list[bool] = []
    with TrustedInterpreter() as session:
        for number in range(200):
            timer = threading.Thread(target=session.interrupt)
            timer.start()
            try:
                session.execute(f"x = {number}")
            except CodeExecutionError as error:
                ends.append("interrupted" in str(error))
            timer.join()
            assert session.execute("6 * 7") == "42"
    assert all(ends)


def test_interrupt_that_overtakes_its_cell() -> None:
    """An interrupt that is there before the worker has begun stops the cell all the same, and keeps its state."""
    with TrustedInterpreter(grace=5.0) as session:
        session.execute("kept = 41")
        client = session._client
        send, offer = client._connection.send, Stream.offer
        interrupt = {"type": "interrupt", "id": 0, "reason": "request"}
        ways: list[str] = []

        def with_interrupt(data: bytes) -> None:
            send(data + encode_frame({**interrupt, "id": client._running}))
            ways.append("by the supervisor")

        def after_interrupt(data: bytes) -> bool:
            send(encode_frame({**interrupt, "id": client._running}))
            threading.Event().wait(0.001 * (len(ways) % 3))
            ways.append("by the line")
            return offer(client._shortcut._line.stream, data)

        for number in range(200):
            if number % 2:
                client._shortcut._line.stream.offer = after_interrupt
            else:
                client._connection.send = with_interrupt
                client._shortcut.pause()
            with pytest.raises(CodeExecutionError, match="interrupted"):
                session.execute("while True: pass")
            client._connection.send = send
            client._shortcut._line.stream.offer = offer.__get__(client._shortcut._line.stream)
            assert session.execute("kept") == "41"
        assert {"by the line", "by the supervisor"} == set(ways)


def test_interrupt_during_tool_calls_leaves_no_stray_answer() -> None:
    """A tool's late answer to an interrupted cell is not taken for the answer to another call."""
    with TrustedInterpreter() as session:
        session.tools["echo"] = lambda value: value
        for number in range(50):
            timer = threading.Timer(0.002, session.interrupt)
            session.tools["begun"] = timer.start
            with pytest.raises(CodeExecutionError, match="interrupted"):
                session.execute("begun()\nwhile True: seen = echo('late')")
            timer.join()
            assert session.execute(f"echo({number}), echo('next')") == f"({number}, 'next')"


@each_kind
def test_worker_that_dies_between_steps_is_told_at_the_next(kind) -> None:
    """A step that counts on what is gone is not run; it says what happened, and the one after runs."""
    with kind() as session:
        session.execute(
            "import os, threading\nmine = 1\nthreading.Timer(0.05, os._exit, (7,)).start()", {"given": 1}
        )
        threading.Event().wait(0.5)
        with pytest.raises(CodeExecutionError, match=r"exit 7.*this step was not run.*mine.*given"):
            session.execute("print('ran')", {"given": 1})
        assert session.execute("'mine' in globals(), given", {"given": 1}) == "(False, 1)"


def test_second_execute_at_once_is_refused() -> None:
    """One interpreter is one session; the refusal harms neither."""
    begun, go_on = threading.Event(), threading.Event()
    results: list[Any] = []
    with TrustedInterpreter() as session:
        session.tools["hold"] = lambda: (begun.set(), go_on.wait(10))[1]
        thread = threading.Thread(target=lambda: results.append(session.execute("hold()")))
        thread.start()
        begun.wait(10)
        with pytest.raises(CodeInterpreterError, match="one interpreter per thread"):
            session.execute("1")
        go_on.set()
        thread.join()
        assert results == ["True"]
        assert session.execute("2") == "2"


@pytest.mark.parametrize("is_direct", [True, False])
def test_host_that_is_interrupted_just_after_it_sent_a_cell(*, is_direct: bool) -> None:
    """The cell is stopped, it does not run twice, and the next one is not taken for it."""
    with TrustedInterpreter(grace=5.0) as session:
        session.execute("import time\nkept = count = 0")
        client = session._client
        for number in range(1, 20):
            session.execute("kept = 41")
            way = client._shortcut._line.stream if is_direct else client._connection
            name = "offer" if is_direct else "send"
            send = getattr(way, name)

            def send_and_be_interrupted(data: bytes, way=way, name=name, send=send) -> bool:
                send(data)
                setattr(way, name, send)
                raise KeyboardInterrupt

            setattr(way, name, send_and_be_interrupted)
            if not is_direct:
                client._shortcut.pause()
            with pytest.raises(KeyboardInterrupt):
                session.execute("count += 1\nwhile True: pass")
            told = session.execute("kept, count")
            assert told.startswith("(41, ")
            assert int(told[5:-1]) <= number
