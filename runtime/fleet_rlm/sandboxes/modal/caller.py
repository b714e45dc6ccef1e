"""Threads that make blocking calls for others.

The SDK's blocking API must not be used on a thread whose event loop runs (it warns, and the loop stands
still), and dspy calls ``execute`` on just that; so every call is made on a thread of ours.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Caller", "call_apart"]

Result = TypeVar("Result")


class Caller:
    """One daemon thread that runs calls in the order they were given.

    Daemon, unlike an executor's threads: a call that hangs in the network must not keep the process.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._stopped = False
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, call: Callable[[], Result]) -> Future[Result]:
        """Queue ``call``; the future has its result or its exception, and is cancelled after ``stop``."""
        future: Future[Result] = Future()
        with self._lock:
            if self._stopped:
                future.cancel()
            else:
                self._calls.put((future, call))
        return future

    def stop(self) -> None:
        """End the thread once what is queued has run."""
        with self._lock:
            self._stopped = True
        self._calls.put(None)

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            _settle(*item)


def call_apart(call: Callable[[], Result]) -> Future[Result]:
    """Run one call on a daemon thread of its own."""
    future: Future[Result] = Future()
    threading.Thread(target=_settle, args=(future, call), name="fleet-rlm-modal-call", daemon=True).start()
    return future


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
        future.set_exception(error)
