"""Ctrl-C in the thread that executes: whenever it comes, no frame is lost of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import fleet_rlm
from fleet_rlm.host.interrupts import Interrupts
from fleet_rlm.interpreter import TrustedInterpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals are POSIX's")

AIMED = """
import random, subprocess, sys
from fleet_rlm.interpreter import TrustedInterpreter

archer = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
with TrustedInterpreter(grace=5.0) as session:
    session.tools["echo"] = lambda value: value
    session.execute("kept = 41")
    for number in range(300):
        cell = ("x = 1", "print(1)", "echo(1)")[number % 3]
        try:
            archer.stdin.write(b"%f\\n" % random.uniform(0, 0.0006))
            archer.stdin.flush()
            while True:
                session.execute(cell)
        except KeyboardInterrupt:
            pass
        print(session.execute("kept"))
archer.kill()
"""
ARCHER = """
import os, signal, sys, time
for line in sys.stdin:
    until = time.perf_counter() + float(line)
    while time.perf_counter() < until: pass
    os.kill(os.getppid(), signal.SIGINT)
"""


@pytest.fixture
def came() -> Iterator[list[int]]:
    """Every SIGINT that is let through."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    """Press Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def test_held_back(came: list[int]) -> None:
    """One comes when it is waited for, or at the end."""
    interrupts = Interrupts()
    interrupts.defer()
    interrupt()
    assert came == []
    with interrupts:
        assert came == [signal.SIGINT]
        interrupt()
        assert len(came) == 2
    interrupt()
    assert len(came) == 2
    interrupts.release()
    assert len(came) == 3
    interrupt()
    assert len(came) == 4


def test_the_second_comes_at_once(came: list[int]) -> None:
    """Whoever presses again does not want to wait."""
    interrupts = Interrupts()
    interrupts.defer()
    interrupt()
    interrupt()
    assert len(came) == 1
    interrupts.release()
    assert len(came) == 1


def test_the_handler_that_was_there(came: list[int]) -> None:
    """It is there again afterwards, and an ignored SIGINT stays ignored."""
    handler = signal.getsignal(signal.SIGINT)
    interrupts = Interrupts()
    interrupts.defer()
    assert signal.getsignal(signal.SIGINT) is not handler
    interrupts.release()
    assert signal.getsignal(signal.SIGINT) is handler
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.defer()
    interrupt()
    interrupts.release()
    assert (came, signal.getsignal(signal.SIGINT)) == ([], signal.SIG_IGN)


def test_other_threads(came: list[int]) -> None:
    """A thread in which no signal raises leaves them alone."""
    interrupts = Interrupts()

    def elsewhere() -> None:
        interrupts.defer()
        with interrupts:
            pass

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    interrupt()
    assert len(came) == 1
    interrupts.release()


@pytest.mark.parametrize("cell", ["x = 42", "x = 42; print(x)"], ids=["by the line", "by the supervisor"])
def test_just_after_an_end_was_read(cell: str) -> None:
    """It raises, what the cell did is kept, and the next one finds it."""
    with TrustedInterpreter(grace=2.0) as session:
        session.execute("kept = 41; x = 0")
        session.execute("pass")
        client = session._client
        way = client._connection if "print" in cell else client._shortcut._line.stream
        receive = way.receive

        def receive_and_be_interrupted(*timeout: float | None) -> bytes:
            data = receive(*timeout)
            way.receive = receive
            interrupt()
            return data

        way.receive = receive_and_be_interrupted
        with pytest.raises(KeyboardInterrupt):
            session.execute(cell)
        assert session.execute("kept, x") == "(41, 42)"


def test_at_any_moment() -> None:
    """Aimed at short cells, each raises, and the session and its variables outlive all of them."""
    done = subprocess.run(
        [sys.executable, "-c", AIMED, ARCHER], capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.stdout, done.stderr) == ("41\n" * 300, "")


def test_where_another_thread_counts_as_the_main_one() -> None:
    """As it does where Python is embedded, if it is the first to import threading (before 3.13): nothing is held back."""
    code = """
        import _thread
        def first():
            import threading
            from fleet_rlm.host.interrupts import Interrupts
            interrupts = Interrupts()
            interrupts.defer()
            interrupts.release()
            print("went on", flush=True)
            over.release()
        over = _thread.allocate_lock()
        over.acquire()
        _thread.start_new_thread(first, ())
        over.acquire(timeout=60)
    """
    done = subprocess.run(
        [sys.executable, "-S", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(fleet_rlm.__file__).parents[1])},
    )
    assert (done.stdout, done.stderr) == ("went on\n", "")
