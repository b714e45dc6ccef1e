"""From what a long call tells to progress notifications: always rising, and few enough to be read."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import anyio.from_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["Progress", "Scale", "Step"]

_SECONDS = 0.2
"""Between two notifications."""

_ITERATION = re.compile(r"\[(\d+)/(\d+)\] ")


class Step(NamedTuple):
    """One notification: ``done`` of ``total``, if that is known."""

    done: float
    total: float | None
    message: str


class Scale:
    """Turns events of a session and lines of a run into steps. Each is above the one before, as MCP asks."""

    def __init__(self) -> None:
        self._last = Step(0.0, None, "")
        self._base = 0.0

    def event(self, event: Mapping[str, Any]) -> Step:
        """Return the step that an event of a session makes."""
        kind = event.get("event")
        done, total = event.get("done"), event.get("total")
        if done is None:
            return self._next(self._last.done + 0.01, self._last.total, str(kind))
        if kind == "asked":
            return self._counted(done, total or None, f"{done:,} of {total:,} sub-calls answered")
        what = {"reading": "read"}.get(str(kind), str(kind))
        return self._counted(
            done, total or None, f"{done:,} bytes {what}" + (f" of {total:,}" if total else "")
        )

    def line(self, line: str) -> Step:
        """Return the step that a line of a run's stderr makes; ``[3/30] …`` begins the third iteration."""
        found = _ITERATION.match(line)
        if found:
            return self._next(float(found[1]), float(found[2]), line.strip())
        # However many lines there are, they stay below the next iteration.
        left = int(self._last.done) + 1 - self._last.done
        return self._next(self._last.done + left / 100, self._last.total, line.strip())

    def _counted(self, done: float, total: float | None, message: str) -> Step:
        if self._base + done <= self._last.done:  # a new batch begins: it comes on top
            self._base = self._last.done
        whole = None if total is None else self._base + total
        return self._next(self._base + done, whole, message)

    def _next(self, done: float, total: float | None, message: str) -> Step:
        self._last = Step(max(done, math.nextafter(self._last.done, math.inf)), total, message)
        return self._last


class Progress:
    """Sends the latest step, at most five times a second; ``tell`` may be called from any thread.

    Args:
        send: sends one notification; does nothing if the client wants none.
    """

    def __init__(self, send: Callable[[float, float | None, str | None], Awaitable[None]]) -> None:
        self._send = send
        self._scale = Scale()
        self._latest: Step | None = None
        self._news = anyio.Event()

    def event_from_thread(self, event: Mapping[str, Any]) -> None:
        """Tell an event of a session, from a thread that anyio started."""
        anyio.from_thread.run_sync(self._tell, self._scale.event(event))

    def line(self, line: str) -> None:
        """Tell a line of a run."""
        self._tell(self._scale.line(line))

    async def pump(self) -> None:
        """Send what is told, until cancelled."""
        while True:
            await self._news.wait()
            await self.flush()
            await anyio.sleep(_SECONDS)

    async def flush(self) -> None:
        """Send what was told last, if it was not sent yet."""
        step, self._latest = self._latest, None
        self._news = anyio.Event()
        if step is not None:
            await self._send(*step)

    def _tell(self, step: Step) -> None:
        self._latest = step
        self._news.set()
