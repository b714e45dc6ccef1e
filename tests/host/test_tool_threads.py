"""Which thread runs a tool and which one reads meanwhile: calls one after the other, and several at once."""

from __future__ import annotations

import contextvars
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError

from fleet_rlm.interpreter import TrustedInterpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IN_THREADS = """
import threading
def call_all(*names):
    threads = [threading.Thread(target=globals()[name]) for name in names]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
PATIENCE = 60.0
SETTING: contextvars.ContextVar[str] = contextvars.ContextVar("setting", default="nothing")


def comes_true(condition: Callable[[], bool]) -> bool:
    """Whether it holds before patience ends."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


@pytest.fixture(params=["direct", "relayed"])
def session(request: pytest.FixtureRequest) -> Iterator[TrustedInterpreter]:
    """A started session whose calls come by the line, or by the supervisor; ended at the end."""
    with TrustedInterpreter(grace=5.0) as made:
        made.tools["echo"] = lambda value: value
        if request.param == "relayed":
            made._client._shortcut.leave()
        made.execute("pass")
        yield made


def test_calls_at_once_after_calls_in_turn(session: TrustedInterpreter) -> None:
    """Calls of several threads meet each other, though calls came one by one before and do after."""
    meeting = threading.Barrier(3, timeout=PATIENCE)
    session.tools["meet"] = lambda: meeting.wait() >= 0
    code = IN_THREADS + "a = [echo(n) for n in range(5)]\ncall_all('meet', 'meet', 'meet')\n"
    for _ in range(20):
        assert session.execute(code + "a + [echo(n) for n in range(5)]") == str([*range(5), *range(5)])


def test_call_while_a_tool_runs(session: TrustedInterpreter) -> None:
    """A call that comes while the tool of a series runs is answered before that tool returns."""
    release = threading.Event()
    session.tools.update(hold=lambda: release.wait(PATIENCE), release=release.set)
    code = "echo(1)\nheld = threading.Thread(target=hold)\nheld.start()\nrelease()\nheld.join()\necho('both')"
    for _ in range(20):
        release.clear()
        assert session.execute(IN_THREADS + code) == "'both'"


def test_calls_of_threads_that_overtake_each_other(session: TrustedInterpreter) -> None:
    """Each of many threads gets its own answers, whatever the order in which they are asked and given."""
    code = IN_THREADS + "seen = {}\ndef many(n): seen[n] = [echo((n, k)) for k in range(100)]\n"
    code += "threads = [threading.Thread(target=many, args=(n,)) for n in range(8)]\n"
    code += "for thread in threads: thread.start()\nfor thread in threads: thread.join()\n"
    code += "all(seen[n] == [(n, k) for k in range(100)] for n in range(8))"
    assert session.execute(code) == "True"


@pytest.mark.parametrize("calls_before", [0, 1, 3])
def test_timeout_while_a_tool_hangs(calls_before: int) -> None:
    """The execute ends at its timeout, whichever call of the cell it is; later cells call tools as before."""
    release = threading.Event()
    with TrustedInterpreter(execute_timeout=1.0, grace=5.0) as session:
        session.tools.update(echo=lambda value: value, hang=lambda: release.wait(PATIENCE))
        for number in range(2):
            with pytest.raises(CodeExecutionError, match="interrupted"):
                session.execute(f"for n in range({calls_before}): echo(n)\nhang()")
            assert session.execute(f"[echo({number}), echo('next')]") == f"[{number}, 'next']"
        release.set()
        assert session.execute("[echo(n) for n in range(9)]") == str([*range(9)])


@pytest.mark.parametrize("calls_before", [0, 1, 3])
def test_interrupt_while_a_tool_hangs(session: TrustedInterpreter, calls_before: int) -> None:
    """``interrupt`` from another thread ends the cell and keeps its variables, though its tool never returns."""
    release = threading.Event()
    session.tools["hang"] = lambda: threading.Timer(0.05, session.interrupt).start() or release.wait(PATIENCE)
    with pytest.raises(CodeExecutionError, match="interrupted"):
        session.execute(f"kept = [echo(n) for n in range({calls_before})]\nhang()")
    assert session.execute("[kept, echo('next')]") == f"[{[*range(calls_before)]}, 'next']"
    release.set()


@pytest.mark.parametrize("calls_before", [0, 1, 3])
def test_keyboard_interrupt_while_a_tool_hangs(session: TrustedInterpreter, calls_before: int) -> None:
    """Ctrl-C in the execute's thread raises there, though the tool never returns; the session goes on."""
    release = threading.Event()

    def hang() -> None:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        release.wait(PATIENCE)

    session.tools["hang"] = hang
    with pytest.raises(KeyboardInterrupt):
        session.execute(f"kept = [echo(n) for n in range({calls_before})]\nhang()")
    assert session.execute("[kept, echo('next')]") == f"[{[*range(calls_before)]}, 'next']"
    release.set()


@pytest.mark.parametrize("calls_before", [0, 1, 3])
def test_exit_in_a_tool(session: TrustedInterpreter, calls_before: int) -> None:
    """What a tool raises to end the program is raised by execute, and the session goes on."""

    def leave() -> None:
        raise SystemExit(7)

    session.tools["leave"] = leave
    with pytest.raises(SystemExit):
        session.execute(f"for n in range({calls_before}): echo(n)\nleave()")
    assert session.execute("[echo(1), echo(2)]") == "[1, 2]"


def test_each_call_has_a_context_of_its_own(session: TrustedInterpreter) -> None:
    """A tool sees the caller's context variables, and no other call sees what it sets."""

    def change() -> str:
        before = SETTING.get()
        SETTING.set("changed")
        return before

    session.tools["change"] = change
    token = SETTING.set("the caller's")
    try:
        assert session.execute("{change() for _ in range(5)}") == '{"the caller\'s"}'
    finally:
        SETTING.reset(token)


def test_sandbox_that_dies_between_two_calls(session: TrustedInterpreter) -> None:
    """The end of the driver ends the execute as an error, though a tool thread is the one that sees it."""
    pid = session._client._connection.pid
    session.tools["kill"] = lambda: os.kill(pid, signal.SIGKILL)
    with pytest.raises(CodeInterpreterError, match="ended"):
        session.execute("echo(1)\nkill()\nimport time\ntime.sleep(60)")


def test_shutdown_from_another_thread_while_a_tool_hangs(session: TrustedInterpreter) -> None:
    """It ends the execute at once; what the tool returns later harms nobody."""
    release = threading.Event()
    session.tools["hang"] = lambda: threading.Timer(0.05, session.shutdown).start() or release.wait(PATIENCE)
    with pytest.raises(CodeInterpreterError):
        session.execute("echo(1)\nhang()")
    release.set()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_no_descriptor_is_left() -> None:
    """Sessions in which tools were called have closed all they opened, as soon as their threads have ended."""
    open_now = partial(os.listdir, "/proc/self/fd")
    with TrustedInterpreter() as first:
        first.execute("pass")
    before = len(open_now())
    for _ in range(5):
        with TrustedInterpreter(tools={"echo": lambda value: value}) as session:
            session.execute("[echo(n) for n in range(3)]")
    assert comes_true(lambda: len(open_now()) <= before)
