"""A large string: its first execute, the following ones, and what it costs in memory."""

from __future__ import annotations

import time
from typing import Any

import psutil

from benchmarks.contenders import GB, MB, PEER, document, fastest, session
from benchmarks.measure import in_turns, timed
from benchmarks.memory import handed_over, peak_rss, reset_peak
from benchmarks.rows import Bar, Row, against

__all__ = ["first", "following", "gigabyte"]

_CELL = "n = len(text)"


def first(*, quick: bool) -> list[Row]:
    """A string of 100 MB, never seen before by its session."""
    text, name = document(100 * MB), fastest()

    def sample(contender: str) -> float:
        with session(contender) as interpreter:
            return timed(lambda: interpreter.execute(_CELL, {"text": text}))

    contenders = {one: (lambda one=one: sample(one)) for one in (name, PEER)}
    seconds = in_turns(contenders, 3 if quick else 9)
    return [against(f"100 MB, first execute, {name}", name, PEER, seconds, bar=Bar(0.3, 0.15))]


def following(*, quick: bool) -> list[Row]:
    """The same string again, against the same cell without variables."""
    text, name, cell = document(100 * MB), fastest(), "n = 1"
    with session(name) as interpreter:
        interpreter.execute(_CELL, {"text": text})
        contenders = {
            "with 100 MB": lambda: timed(lambda: interpreter.execute(cell, {"text": text})),
            "without": lambda: timed(lambda: interpreter.execute(cell)),
        }
        seconds = in_turns(contenders, 10 if quick else 40, at_once=50)
    return [
        against(f"100 MB, following executes, {name}", "with 100 MB", "without", seconds, bar=Bar(1.5, 1.1))
    ]


def gigabyte(*, quick: bool) -> list[Row]:
    """A string of 1 GB: it works, how long it takes, and what the host pays for it."""
    text, name = document(GB), fastest()
    rows, seconds = [], []
    for _ in range(1 if quick else 5):
        with session(name) as interpreter:
            rows, taken = _gigabyte(interpreter, text, name)
            seconds.append(taken)
    taken = sorted(seconds)[len(seconds) // 2]
    return [Row(f"1 GB, first execute, {name}", taken, "s", Bar(3.0)), *rows]


def _gigabyte(interpreter: Any, text: str, name: str) -> tuple[list[Row], float]:
    before = psutil.Process().memory_info().rss
    reset_peak()
    begin = time.perf_counter()
    answer = interpreter.execute("print(len(text), text[-9:])", {"text": text})
    taken = time.perf_counter() - begin
    if answer != f"{len(text)} {text[-9:]}":
        raise AssertionError(f"the document did not arrive whole: {answer!r}")
    above, memory = peak_rss() - before, handed_over()
    row = Row(
        f"1 GB, host memory above the document, {name}",
        (above + memory) / len(text),
        "x document",
        Bar(1.3),
        note=f"peak RSS +{above / MB:,.0f} MB, memory handed over {memory / MB:,.0f} MB",
    )
    return [row], taken
