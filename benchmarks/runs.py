"""Whole runs of ``dspy.RLM``: many iterations over a large input, and many sub-calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dspy

from benchmarks.contenders import MB, PEER, document, fastest, interpreters, planner
from benchmarks.measure import in_turns, timed
from benchmarks.rows import Bar, Row, against
from fleet_rlm.rlm import DEFAULT_CONCURRENCY, RLM

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["batch", "iterations"]

_ITERATIONS, _CALLS, _CALL_SECONDS, _DSPY_WORKERS = 20, 500, 0.050, 8
_DSPY = "dspy.RLM"
_BATCH_CELL = f"""\
import time
begin = time.perf_counter()
answers = llm_query_batched(['ask'] * {_CALLS})
taken = time.perf_counter() - begin
assert answers == ['yes'] * {_CALLS}
SUBMIT(taken)
"""


def iterations(*, quick: bool) -> list[Row]:
    """20 iterations over 100 MB; planner without HTTP, so that what is left is the interpreter."""
    text, name = document(100 * MB), fastest()
    cells = [f"print(len(text), text[{step} * 1_000_000:][:80])" for step in range(_ITERATIONS - 1)]
    model = planner([*cells, "SUBMIT(str(len(text)))"])

    def sample(contender: str) -> float:
        rlm = dspy.RLM("text -> answer", max_iters=_ITERATIONS, interpreter_factory=interpreters(contender))
        with dspy.context(lm=model):
            return _answering(str(len(text)), lambda: rlm(text=text))

    contenders = {one: (lambda one=one: sample(one)) for one in (name, PEER)}
    seconds = in_turns(contenders, 1 if quick else 3)
    return [against(f"dspy.RLM, 20 iterations over 100 MB, {name}", name, PEER, seconds, bar=Bar(0.05))]


def batch(*, quick: bool) -> list[Row]:
    """500 sub-calls of 50 ms in one ``llm_query_batched``, both in our interpreter; timed by the cell."""
    model = planner([_BATCH_CELL], seconds=_CALL_SECONDS)
    factory = interpreters(fastest())

    def sample(make: Callable[..., Any], **options: Any) -> float:
        rlm = make("text -> seconds: float", max_llm_calls=_CALLS, interpreter_factory=factory, **options)
        with dspy.context(lm=model):
            return float(rlm(text="short").seconds)

    widths = (DEFAULT_CONCURRENCY, 64)
    contenders = {f"ours, {width}": (lambda width=width: sample(RLM, concurrency=width)) for width in widths}
    seconds = in_turns({**contenders, _DSPY: lambda: sample(dspy.RLM)}, 3 if quick else 7)
    return [
        against(
            f"{_CALLS} sub-calls of {1000 * _CALL_SECONDS:.0f} ms, concurrency {width}",
            f"ours, {width}",
            _DSPY,
            seconds,
            bar=Bar(0.25) if width == DEFAULT_CONCURRENCY else None,
            note=f"{_rounds(width)} rounds against dspy's {_rounds(_DSPY_WORKERS)}:"
            f" {_rounds(width) / _rounds(_DSPY_WORKERS):.3f} if calls were all",
        )
        for width in widths
    ]


def _rounds(width: int) -> int:
    return -(-_CALLS // width)


def _answering(expected: str, run: Callable[[], Any]) -> float:
    """Seconds that the run takes, if its answer is right."""
    answers: list[Any] = []
    seconds = timed(lambda: answers.append(run()))
    if answers[0].answer != expected:
        raise AssertionError(f"the run answered {answers[0].answer!r}, not {expected!r}")
    return seconds
