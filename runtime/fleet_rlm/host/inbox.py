"""What comes from a driver: its own frames, and those of its worker's line."""

from __future__ import annotations

import contextlib
import os
import select
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING

from fleet_rlm.errors import SandboxError
from fleet_rlm.host.incoming import checked
from fleet_rlm.host.line import Arrival, LineBrokenError, LineEndedError
from fleet_rlm.protocol import FrameError, FrameReader

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fleet_rlm.host.line import Line
    from fleet_rlm.sandboxes.base import Connection

__all__ = ["Inbox", "gone"]


_UNNOTICED: AbstractContextManager[None] = contextlib.nullcontext()


class Inbox:
    """Frames in the order in which they came. One thread at a time.

    Args:
        connection: to the driver.
        limit: largest payload of a frame, in bytes.
    """

    def __init__(self, connection: Connection, limit: int) -> None:
        self._connection = connection
        self._frames = FrameReader(limit)
        self._arrived: deque[Arrival] = deque()
        self._line: Line | None = None
        stream = connection.stream()
        self._epoll = None
        if stream is not None and hasattr(select, "epoll"):
            self._epoll = select.epoll()
            self._driver = os.dup(stream.fileno())  # or once it is closed, whoever waits would wait for ever
            weakref.finalize(self, os.close, self._driver)
            self._epoll.register(self._driver, select.EPOLLIN)

    @property
    def descriptor(self) -> int | None:
        """What is readable when something has come; None where several sources cannot be one descriptor."""
        return None if self._epoll is None else self._epoll.fileno()

    @property
    def has_frames(self) -> bool:
        """Whether ``take`` has something without looking for more."""
        return bool(self._arrived)

    def watch(self, line: Line) -> None:
        """Take what comes by this line as well. Only where there is a ``descriptor``."""
        assert self._epoll is not None  # noqa: S101 - as the docstring demands
        self._line_descriptor = line.stream.fileno()
        self._line = line
        self._epoll.register(self._line_descriptor, select.EPOLLIN)

    def leave_line(self) -> None:
        """Close the line, if there is one."""
        line, self._line = self._line, None
        if line is not None and self._epoll is not None:
            with contextlib.suppress(OSError):  # closing is not enough if this process has been forked
                self._epoll.unregister(self._line_descriptor)
            line.stream.close()

    def take(self, deadline: float | None, waiting: AbstractContextManager[None] = _UNNOTICED) -> Arrival:
        """Return the next frame, checked: neither driver nor worker is trusted.

        Args:
            deadline: on the monotonic clock; None waits for ever.
            waiting: entered while this waits. What raises there costs no frame.

        Raises:
            TimeoutError: there is none by then.
            SandboxError: the driver has ended, or sent what is not a frame.
            LineEndedError: the line has ended, and is closed.
            LineBrokenError: the worker sent what none may send; the line is closed.
        """
        while True:
            while not self._arrived:
                self._look(None if deadline is None else max(0.0, deadline - time.monotonic()), waiting)
            arrival = self._arrived.popleft()
            if arrival.line is None:
                checked(arrival.frame)
                return arrival
            if arrival.line is self._line:  # else it was left, for what came by it or with its worker
                return arrival

    def put_back(self, arrival: Arrival) -> None:
        """Make it the next one again."""
        self._arrived.appendleft(arrival)

    def look(self) -> None:
        """Take in what is there, without waiting; raises as ``take`` does, but for the TimeoutError."""
        with contextlib.suppress(TimeoutError):
            self._look(0.0)

    def _look(self, timeout: float | None, waiting: AbstractContextManager[None] = _UNNOTICED) -> None:
        if self._epoll is None:
            with waiting:  # receiving in there would lose what an interrupt comes just after
                has_come = self._connection.wait(timeout)
            if not has_come:
                raise TimeoutError
            self._hear(self._connection.receive(None))
            return
        line = self._line  # which close() may take away at any time
        with waiting:
            ready = [descriptor for descriptor, _ in self._epoll.poll(timeout)]
        if not ready:
            raise TimeoutError
        # the line first: a worker that has died may have ended its cell before
        if line is not None and self._line_descriptor in ready:
            self._hear_line(line)
        if self._driver in ready:
            self._hear(self._connection.receive(None))

    def _hear_line(self, line: Line) -> None:
        try:
            self._arrived.extend(Arrival(frame, line) for frame in line.receive())
        except (LineEndedError, LineBrokenError):
            self.leave_line()
            raise

    def _hear(self, data: bytes) -> None:
        if not data:
            raise gone()
        try:
            self._arrived.extend(map(Arrival, self._frames.feed(data)))
        except FrameError as error:
            raise SandboxError(f"the driver sent what is not a frame: {error}.") from error


def gone() -> SandboxError:
    """The error of a driver that has ended."""
    return SandboxError("the sandbox has ended.", remedy="Run `fleet-rlm doctor`.")
