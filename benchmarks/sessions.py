"""Sessions: what a command of one costs, and what many uses leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.contenders import MB
from benchmarks.measure import in_turns, timed
from benchmarks.memory import held
from benchmarks.rows import Bar, Row, against
from fleet_rlm.sessions import Sessions, StartOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm.sessions import Handle

__all__ = ["command", "executes", "lives"]

_COMMAND = str(Path(sys.executable).with_name("fleet-rlm"))
_CELL = "x = '{number:>100000}'; print(len(x), budget()['calls']['used'])"
_WARM_UP = 200  # executes until an allocator's arenas and the driver's kept outputs have their size
_NOISE = 4.0  # MB, of three processes
_THREADS = 2  # a request's may just be ending, and one that answered a tool call is kept for the next


def command(*, quick: bool) -> list[Row]:
    """``session exec`` of code that does nothing, against ``--version``; both are whole commands."""
    exec_line, version_line = [_COMMAND, "session", "exec"], [_COMMAND, "--version"]

    def sample(line: list[str]) -> float:
        return timed(lambda: subprocess.run(line, check=True, capture_output=True, input=b"pass"))

    with _home() as sessions:
        sessions.start()
        lines = {"fleet-rlm session exec": exec_line, "fleet-rlm --version": version_line}
        for line in lines.values():
            sample(line)
        contenders = {name: (lambda line=line: sample(line)) for name, line in lines.items()}
        seconds = in_turns(contenders, 9 if quick else 35)
    return [against("fleet-rlm session exec", *lines, seconds, bar=Bar(2.5))]


def executes(*, quick: bool) -> list[Row]:
    """1,000 executes of one session: what its process and its sandbox hold afterwards."""
    times = 200 if quick else 1000
    with _home() as sessions:
        handle = sessions.start()
        _execute(handle, _WARM_UP)
        before = _held(handle)
        _execute(handle, times)
        after = _held(handle)
    return _rows(f"{times:,} executes of a session", before, after)


def lives(*, quick: bool) -> list[Row]:
    """200 sessions one after the other and 20 at once: what whoever started them holds, and what is left."""
    times, at_once = (20, 5) if quick else (200, 20)
    with _home() as sessions:
        _live(sessions, 0)
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda number: _live(sessions, number), range(at_once)))
            before = held()
            for number in range(times):
                _live(sessions, number)
            list(pool.map(lambda number: _live(sessions, number), range(at_once)))
            after = held()
        left = len(sessions.live())
    what = f"{times} sessions, then {at_once} at once"
    grown = _rows(what, before, after)
    return [*grown, Row(f"left after {what}: sessions", left, "", Bar(0))]


def _live(sessions: Sessions, number: int) -> None:
    handle = sessions.start(f"bench-{number}", StartOptions())
    handle.execute("x = 1")
    handle.stop()


def _execute(handle: Handle, times: int) -> None:
    for number in range(times):
        handle.execute(_CELL.format(number=number))


def _held(handle: Handle) -> dict[str, int]:
    broker = psutil.Process(handle.record.pid)
    handle.variables()
    family = [broker, *broker.children(recursive=True)]
    return {
        "bytes": sum(process.memory_info().rss for process in family),
        "descriptors": sum(_descriptors(process) for process in family),
        "threads": sum(process.num_threads() for process in family),
        "processes": len(family),
    }


def _descriptors(process: psutil.Process) -> int:
    """Those it keeps: a client's connection may still be on its way out."""
    clients = [one for one in process.net_connections("unix") if one.laddr.endswith("/socket")]
    return process.num_fds() - len(clients)


def _rows(what: str, before: dict[str, int], after: dict[str, int]) -> list[Row]:
    grown = {name: after[name] - before[name] for name in before}
    memory = Row(f"growth over {what}: RSS", grown.pop("bytes") / MB, "MB", Bar(_NOISE))
    bars = {"threads": Bar(_THREADS)}
    rest = [
        Row(f"growth over {what}: {name}", grew, "", bars.get(name, Bar(0))) for name, grew in grown.items()
    ]
    return [memory, *rest]


@contextmanager
def _home() -> Iterator[Sessions]:
    """A home and a working folder of their own; every session in it is stopped."""
    was, folder = os.environ.get("FLEET_RLM_HOME"), Path.cwd()
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        os.environ["FLEET_RLM_HOME"] = place
        os.chdir(place)
        sessions = Sessions.of(os.environ)
        try:
            yield sessions
        finally:
            for handle in sessions.live():
                handle.stop()
            os.chdir(folder)
            if was is None:
                del os.environ["FLEET_RLM_HOME"]
            else:
                os.environ["FLEET_RLM_HOME"] = was
