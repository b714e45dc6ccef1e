"""Running something that can be ended at any moment: by the clock, by Ctrl-C, by a signal."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LimitReached", "Stoppable", "run_until"]

STOP_SECONDS = 1.0
"""How long ending everything may take, in seconds: half of what Ctrl-C is given."""

T = TypeVar("T")


class LimitReached(Exception):
    """The work was not done in time."""


class Stoppable(Generic[T]):
    """Ends what was opened, from any thread, once.

    A thing that is added after the end is ended at once.
    """

    def __init__(self, end: Callable[[T], None]) -> None:
        self._end = end
        self._things: list[T] = []
        self._stopped = False
        self._lock = threading.Lock()

    def add(self, thing: T) -> T:
        """Remember ``thing``, to end it when the run is stopped."""
        with self._lock:
            self._things.append(thing)
            late = self._stopped
        if late:
            self._end(thing)
        return thing

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End everything at the same time and wait at most ``seconds`` in all."""
        with self._lock:
            self._stopped, things = True, list(self._things)
        threads = [threading.Thread(target=self._end, args=(thing,), daemon=True) for thing in things]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds / len(threads))


def run_until(work: Callable[[], T], seconds: float | None, stop: Callable[[], None]) -> T:
    """Return ``work()``, run in a thread of its own, so that the calling thread stays free for signals.

    A thread that waits for a model's answer cannot be ended. It is left behind, with everything it could
    use taken away by ``stop``.

    Args:
        work: what to do.
        seconds: how long it may take; None is for ever.
        stop: called once if the work does not end by itself.

    Raises:
        LimitReached: the time is over.
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
        in_time = done.wait(seconds)
    except BaseException:
        stop()
        raise
    if not in_time:
        stop()
        raise LimitReached
    if failure:
        raise failure[0]
    return outcome[0]
