"""Threads that outlive their cell, and those that they start: no later cell is theirs to answer or to print in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fleet_rlm.interpreter import TrustedInterpreter

WAIT = "import time\nwhile not over:\n    time.sleep(0.01)\n"
CHAIN = """
import sys, threading
over, may_go = [], threading.Event()
def last():
    try:
        {act}
    finally:
        over.append(1)
def first():
    may_go.wait()
    {start}
threading.Thread(target=first).start()
"""
STARTS = {
    "Timer": "threading.Timer(0.01, last).start()",
    "Thread": "threading.Thread(target=last).start()",
    "_thread": "import _thread; _thread.start_new_thread(last, ())",
    "pool": "from multiprocessing.dummy import Pool; Pool(1).apply(last)",
    "executor": "from concurrent.futures import ThreadPoolExecutor; ThreadPoolExecutor(1).submit(last).result()",
}


@pytest.fixture
def session() -> Iterator[Any]:
    """A session of one's own: its threads are counted."""
    with TrustedInterpreter(execute_timeout=20) as interpreter:
        yield interpreter


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_thread_of_a_leftover_thread_does_not_answer(session, start) -> None:
    """It was not started by the cell that runs now, though it was started while that cell ran."""
    session.execute(CHAIN.format(act="SUBMIT('stale')", start=start))
    assert session.execute(f"may_go.set()\n{WAIT}print('a later cell')") == "a later cell"


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize(
    "act",
    [
        "print('stale')",
        "sys.stderr.write('stale\\n')",
        "sys.stdout.buffer.write(b'stale\\n'); sys.stdout.flush()",
        "sys.stdout.buffer.writelines([b'stale\\n']); sys.stdout.flush()",
    ],
)
def test_what_a_thread_of_a_leftover_thread_prints_is_kept_apart(session, start, act) -> None:
    """As text or as bytes, it is no output of the cell that runs now."""
    session.execute(CHAIN.format(act=act, start=start))
    assert session.execute(f"may_go.set()\n{WAIT}print('a later cell')") == "a later cell"
    assert session.execute("get_output('background')") == "'stale\\n'"


def test_chain_of_timers_stays_with_its_cell(session) -> None:
    """However often one starts the next, and however many cells pass."""
    session.execute(
        "import threading, time\nticks = []\n"
        "def tick():\n    ticks.append(1); print('tick')\n    threading.Timer(0.01, tick).start()\n"
        "tick()\nthreading.current_thread()"
    )
    for _ in range(3):
        code = "seen = len(ticks)\nwhile len(ticks) < seen + 3: time.sleep(0.01)\nprint('only this')"
        assert session.execute(code) == "only this"


def test_raw_thread_that_outlives_its_cell(session) -> None:
    """One that the threading module does not know is a leftover like any other."""
    session.execute(
        "import _thread, threading\nover, may_go = [], threading.Event()\n"
        "def late():\n    may_go.wait(); print('stale'); over.append(1)\n_thread.start_new_thread(late, ())\nNone"
    )
    assert session.execute(f"may_go.set()\n{WAIT}print('a later cell')") == "a later cell"


def test_threads_of_the_running_cell_print_and_answer(session) -> None:
    """Also in a cell that comes after leftovers, and through threads of threads."""
    session.execute("import threading\nstop = threading.Event()\nthreading.Thread(target=stop.wait).start()")
    nested = (
        "def outer():\n    inner = threading.Thread(target=lambda: {act})\n    inner.start(); inner.join()\n"
        "thread = threading.Thread(target=outer)\nthread.start(); thread.join()"
    )
    assert session.execute(nested.format(act="print('from within')")) == "from within"
    assert session.execute(nested.format(act="SUBMIT('answer')")).output == {"output": "answer"}
    session.execute("stop.set()")


def test_starting_a_thread_refuses_what_it_always_refused(session) -> None:
    """The caller is told, not the thread."""
    for call in ("_thread.start_new_thread(1, ())", "_thread.start_new_thread(print, [])"):
        code = f"import _thread\ntry:\n    {call}\nexcept TypeError as error:\n    print('refused')"
        assert session.execute(code) == "refused"
