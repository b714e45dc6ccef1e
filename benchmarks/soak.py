"""Many executes, many sessions: nothing that is held grows."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from benchmarks.contenders import MB, fastest, interpreters, session
from benchmarks.memory import held
from benchmarks.rows import Bar, Row

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["executes", "sessions"]

_CELL = "x = nothing(x=len(text)); print(x)"
_NOISE = 2.0  # MB: an allocator's arenas come and go


def executes(*, quick: bool) -> list[Row]:
    """1,000 executes of one session, each with a tool call, output and a changed input."""
    with session(fastest(), nothing=lambda x: x) as interpreter:
        number = 0

        def work(times: int) -> None:
            nonlocal number
            for _ in range(times):
                number += 1
                interpreter.execute(_CELL, {"text": f"{number:>100000}"})

        return _growth("executes", work, 200, 200 if quick else 1000)


def sessions(*, quick: bool) -> list[Row]:
    """50 sessions, one after the other."""

    def work(times: int) -> None:
        for _ in range(times):
            interpreter = interpreters(fastest())()
            interpreter.execute("x = 1", {"text": "y" * 100_000})
            interpreter.shutdown()

    return _growth("sessions", work, 10, 10 if quick else 50)


def _growth(what: str, work: Callable[[int], None], warm_up: int, times: int) -> list[Row]:
    work(warm_up)
    gc.collect()
    before = held()
    work(times)
    gc.collect()
    after = held()
    grown = {name: after[name] - before[name] for name in before}
    memory = Row(f"growth over {times:,} {what}: RSS", grown.pop("bytes") / MB, "MB", Bar(_NOISE))
    return [memory, *(Row(f"growth over {times:,} {what}: {n}", g, "", Bar(0)) for n, g in grown.items())]
