"""One start, one execute, one tool call."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.contenders import PEER, interpreters, ours, session
from benchmarks.measure import in_turns, one_core, timed
from benchmarks.rows import Bar, Row, against

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["execute", "start", "tool"]

_CALLS = 50  # tool calls in one cell


def start(*, quick: bool) -> list[Row]:
    """From nothing to the first result."""
    contenders = {name: _start(name) for name in (*ours(), PEER)}
    seconds = in_turns(contenders, 7 if quick else 25)
    return [
        against(f"cold start, {name}", name, PEER, seconds, bar=Bar(3, 2) if name != "trusted" else None)
        for name in ours()
    ]


def _start(name: str) -> Callable[[], float]:
    def sample() -> float:
        interpreter = interpreters(name)()
        try:
            return timed(lambda: interpreter.execute("x=1"))
        finally:
            interpreter.shutdown()

    return sample


def execute(*, quick: bool) -> list[Row]:
    """The smallest cell, and one that prints, which takes a longer way."""
    rounds = 10 if quick else 40
    return [
        *_rows('execute("x=1")', "x=1", 1, rounds, Bar(0.6, 0.3)),
        *_rows('execute("print(1)")', "print(1)", 1, rounds),
    ]


def tool(*, quick: bool) -> list[Row]:
    """A host tool that does nothing, called from the cell."""
    return _rows(
        "host tool call", f"for _ in range({_CALLS}): nothing(x=1)", _CALLS, 6 if quick else 20, Bar(0.6, 0.3)
    )


def _rows(what: str, code: str, times: int, rounds: int, bar: Bar | None = None) -> list[Row]:
    """Measure as the scheduler likes, for the bars, and on one core, where other work disturbs less."""
    free = _in_sessions(code, times, rounds)
    with one_core():
        pinned = _in_sessions(code, times, rounds)
    return [
        *(against(f"{what}, {name}", name, PEER, free, bar=bar) for name in ours()),
        *(against(f"{what}, {name}, all on one core", name, PEER, pinned) for name in ours()),
    ]


def _in_sessions(code: str, times: int, rounds: int) -> dict[str, float]:
    with ExitStack() as stack:
        sessions = {name: stack.enter_context(session(name, nothing=lambda x: x)) for name in (*ours(), PEER)}

        def sample(name: str) -> Callable[[], float]:
            return lambda: timed(lambda: sessions[name].execute(code))

        whole = in_turns({name: sample(name) for name in sessions}, rounds, at_once=50 if times == 1 else 5)
        return {name: seconds / times for name, seconds in whole.items()}
