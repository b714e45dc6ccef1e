"""Timing in turns: what is compared is measured over the same minutes, call by call."""

from __future__ import annotations

import os
import statistics
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["in_turns", "one_core", "timed"]


def timed(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def in_turns(
    contenders: Mapping[str, Callable[[], float]], rounds: int, *, at_once: int = 1
) -> dict[str, float]:
    """Return each contender's median sample.

    Args:
        contenders: by name, a function that returns one sample, in seconds.
        rounds: how often each has its turn; who begins changes from round to round.
        at_once: samples a turn, so that short calls are measured with their caches warm.
    """
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for name in order:
            samples[name] += [contenders[name]() for _ in range(at_once)]
        order.append(order.pop(0))
    return {name: statistics.median(taken) for name, taken in samples.items()}


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, on one core: no wake-up has to reach another one."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
