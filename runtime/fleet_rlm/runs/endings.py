"""Running something that can be ended at any moment: by the clock, by Ctrl-C, by a signal."""

from __future__ import annotations

import contextvars
import math
import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Endings", "LimitReachedError", "run_until"]

STOP_SECONDS = 1.0
"""How long ending everything may take, in seconds: half of what Ctrl-C is given."""

_LOOK_SECONDS = 0.5

T = TypeVar("T")


class LimitReachedError(Exception):
    """The work was not done in time."""


class Endings:
    """What has to be ended when a run is stopped, from any thread."""

    def __init__(self) -> None:
        self._ends: list[Callable[[], None]] = []
        self._stopped = False
        self._lock = threading.Lock()

    def add(self, end: Callable[[], None]) -> None:
        """Call ``end`` when the run is stopped; at once if it already is."""
        with self._lock:
            self._ends.append(end)
            late = self._stopped
        if late:
            end()

    def run(self) -> None:
        """Call all of them at the same time, and wait at most ``STOP_SECONDS`` in all."""
        with self._lock:
            self._stopped, ends = True, list(self._ends)
        threads = [threading.Thread(target=end, daemon=True) for end in ends]
        for thread in threads:
            thread.start()
        until = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))


def _waited(done: threading.Event, seconds: float | None) -> bool:
    """As ``done.wait(seconds)``, but a signal that comes just before waiting is noticed soon as well."""
    end = math.inf if seconds is None else time.monotonic() + seconds
    while not done.wait(min(_LOOK_SECONDS, max(0.0, end - time.monotonic()))):
        if time.monotonic() >= end:
            return False
    return True


def run_until(work: Callable[[], T], seconds: float | None, stop: Callable[[], None]) -> T:
    """Return ``work()``, run in a thread of its own, so that the calling thread stays free for signals.

    A thread that waits for a model's answer cannot be ended. It is left behind, with everything it could
    use taken away by ``stop``.

    Args:
        work: what to do.
        seconds: how long it may take; None is for ever.
        stop: called once if the work does not end by itself.

    Raises:
        LimitReachedError: the time is over.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []
    done = threading.Event()
    context = contextvars.copy_context()

    def body() -> None:
        try:
            outcome.append(context.run(work))
        except BaseException as error:  # noqa: BLE001 - handed over to the waiting thread
            failure.append(error)
        finally:
            done.set()

    threading.Thread(target=body, name="fleet-rlm-run", daemon=True).start()
    try:
        in_time = _waited(done, seconds)
    except BaseException:
        stop()
        raise
    if not in_time:
        stop()
        raise LimitReachedError
    if failure:
        raise failure[0]
    return outcome[0]
