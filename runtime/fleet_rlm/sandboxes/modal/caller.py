"""Threads that call the SDK for others.

The SDK must not be called on a thread whose event loop runs (it warns, and the loop stands still), and dspy
calls ``execute`` on just that; so every call is made on a thread of ours. The threads are daemons: a call
that hangs in the network must not keep the process. And a call still under way when the process ends is
called off before, as the SDK would otherwise fill the terminal with tracebacks.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["call_apart", "call_off_first", "in_thread"]

Result = TypeVar("Result")

_CALL_OFF_SECONDS = 0.3


def in_thread(call: Callable[[], Result]) -> Future[Result]:
    """Run a blocking call on a thread of its own."""
    future: Future[Result] = Future()
    threading.Thread(target=_settle, args=(future, call), name="fleet-rlm-modal", daemon=True).start()
    return future


def call_apart(work: Coroutine[Any, Any, Result]) -> Future[Result]:
    """Run a coroutine on a thread and a loop of its own; it is called off if the process ends first."""
    return in_thread(lambda: asyncio.run(_registered(work)))


_under_way: dict[asyncio.Task[Any], tuple[asyncio.AbstractEventLoop, threading.Thread]] = {}


async def _registered(work: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.ensure_future(work)
    _under_way[task] = (asyncio.get_running_loop(), threading.current_thread())
    try:
        return await task
    finally:
        del _under_way[task]


def call_off_first() -> None:
    """See to it that calls are called off before anything registered so far runs at the process's end.

    To be called when the SDK has been imported, which has registered the end of its own loop.
    """
    atexit.unregister(_call_off)
    atexit.register(_call_off)


def _call_off() -> None:
    under_way = list(_under_way.items())
    for task, (loop, _) in under_way:
        loop.call_soon_threadsafe(task.cancel)
    for _, (_, thread) in under_way:
        thread.join(_CALL_OFF_SECONDS)


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    future.set_running_or_notify_cancel()
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
        future.set_exception(error)
