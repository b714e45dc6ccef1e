"""Host tools called from the sandbox, and the threads that they run on."""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SandboxError
from fleet_rlm.protocol import MAX_CALLS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ToolThreads", "call_tool"]

_MOST_JOBS = 2 * MAX_CALLS  # a driver counts a call as done before its thread here is idle again


def call_tool(tool: Callable[..., Any], args: list[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call ``tool`` and await what it returns if that is awaitable.

    Positional arguments are passed by name where the tool's signature gives them one: dspy wraps its
    tools in functions that take keywords only but show the signature of what they wrap.
    """
    if args:
        args, kwargs = _by_name(tool, args, kwargs)
    result = tool(*args, **kwargs)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


def _by_name(
    tool: Callable[..., Any], args: list[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], Mapping[str, Any]]:
    try:
        signature = inspect.signature(tool)
    except (TypeError, ValueError):  # some builtins have none
        return args, kwargs
    bound = signature.bind(*args, **kwargs)
    kinds = {signature.parameters[name].kind for name in bound.arguments}
    if kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}:
        return [], bound.arguments
    return args, kwargs


class ToolThreads:
    """Daemon threads that are kept for the next call; as many as there are calls at once.

    Daemon, because nothing can stop a tool that hangs and it must not keep the host from exiting.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._threads = 0

    def submit(self, job: Callable[[], None]) -> None:
        """Run ``job``, which must not raise.

        Raises:
            SandboxError: more jobs are under way than a driver may ask for.
        """
        with self._lock:
            if self._threads - self._idle >= _MOST_JOBS:
                raise SandboxError(f"the driver asks for more than {MAX_CALLS:,} tool calls at once.")
            start = self._idle == 0
            self._idle -= 0 if start else 1
            self._threads += start
        self._jobs.put(job)
        if start:
            threading.Thread(target=self._serve, name="fleet-rlm tool", daemon=True).start()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # or this would keep a session that has ended until the next call
            with self._lock:
                self._idle += 1

    def close(self) -> None:
        """Let idle threads end; busy ones end when their tool returns."""
        for _ in range(self._threads):
            self._jobs.put(None)
