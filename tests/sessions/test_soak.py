"""Much use leaves nothing behind: descriptors, processes, memory. The long one is in benchmarks/."""

from __future__ import annotations

import sys
import threading

import psutil
import pytest

MB = 1 << 20
GROWTH = 4 * MB  # an allocator's arenas come and go; a leak of 20 kB a request would be as much
CELL = "x = '{number:>10000}'\nprint(x[-9:], budget()['calls']['used'])"


def held(processes) -> dict[str, int]:
    """What these processes hold together."""
    return {
        "processes": len(processes),
        "descriptors": sum(process.num_fds() for process in processes),
    }


def connections(handle) -> int:
    """Clients that the session's process has not yet seen go."""
    own = psutil.Process(handle.record.pid).net_connections("unix")
    return sum(each.laddr == handle.record.address for each in own) - 1


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_executes(box, wait_until):
    """200 executes later a session holds what it held before, and not noticeably more memory."""
    handle = box.start()

    def work(times: int) -> None:
        for number in range(times):
            assert handle.execute(CELL.format(number=number))["outcome"] == "ok"
        handle.variables()
        box.sessions.all()

    work(50)
    wait_until(lambda: connections(handle) == 0)
    family = box.family(handle)
    before, memory = held(family), sum(process.memory_info().rss for process in family)
    work(200)
    wait_until(lambda: connections(handle) == 0)
    family = box.family(handle)
    assert held(family) == before
    assert sum(process.memory_info().rss for process in family) - memory < GROWTH


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_sessions(box):
    """20 sessions, 5 at once, leave whoever started them with what it had, and no process."""
    failures = []

    def life(number: int) -> None:
        try:
            handle = box.start(f"s{number}", sandbox="trusted")
            assert handle.execute("print(1)")["output"] == "1\n"
            handle.stop()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    def five(first: int) -> None:
        threads = [threading.Thread(target=life, args=(number,)) for number in range(first, first + 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    five(0)
    before = psutil.Process().num_fds()
    for first in (5, 10, 15):
        five(first)
    assert failures == []
    assert psutil.Process().num_fds() == before
    assert box.sessions.live() == []
