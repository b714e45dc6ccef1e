"""Which thread reads a driver's frames while its tools run.

Waking a thread for each tool call would cost more than all else that a call does. So the execute's own thread
passes the reading on with a cell's first call: the tool thread answers it, reads the next call itself, and
wakes nobody. While it runs a tool, the reading is anybody's: a frame that comes then wakes the execute's
thread, which takes it back. So calls from several threads run at once, and an execute ends when the
driver says so, however long a tool hangs.
"""

from __future__ import annotations

import os
import select
import threading
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["Lead"]


class Lead:
    """The right to read from one descriptor; at first, and between cells, its owner's.

    Args:
        descriptor: readable when there is something to read. Stays open until ``end``.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._holder: object | None = None
        self._is_offered = False
        self._returned = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        weakref.finalize(self, os.close, self._returned)  # not sooner: its owner may be waiting on it
        self._epoll = select.epoll()
        self._epoll.register(self._returned, select.EPOLLIN | select.EPOLLET)
        self._epoll.register(descriptor, select.EPOLLONESHOT)

    @staticmethod
    def is_possible() -> bool:
        """Whether this system can wake one thread by what another one arms. Linux can."""
        return hasattr(select, "epoll") and hasattr(os, "eventfd")

    # The owner

    def pass_on(self, turn: object) -> None:
        """Let another thread read: the one that shows ``turn``. Until it says ``keep``, it is on offer."""
        self._is_offered = True
        self._holder = turn

    def regain(self, deadline: float | None, waiting: AbstractContextManager[None]) -> None:
        """Wait until reading is the owner's: it was given back, or something came while it was on offer.

        Args:
            deadline: on the monotonic clock; None waits for ever.
            waiting: entered while this waits.

        Raises:
            TimeoutError: another thread is reading still.
        """
        try:
            self._regain(deadline, waiting)
        except BaseException:
            self.take_back()  # what was to wake the owner may have, and does so once only
            raise

    def _regain(self, deadline: float | None, waiting: AbstractContextManager[None]) -> None:
        while self._holder is not None:
            seconds = None if deadline is None else max(0.0, deadline - time.monotonic())
            with waiting:
                woken = self._epoll.poll(seconds)
            if any(descriptor == self._descriptor for descriptor, _ in woken):
                self.take_back()
            if not woken and self._holder is not None:
                raise TimeoutError

    def take_back(self) -> None:
        """Make it the owner's again, if it is on offer."""
        with self._lock:
            if self._is_offered:
                self._holder, self._is_offered = None, False

    def end(self) -> None:
        """Make it the owner's for good, before the descriptor is closed."""
        with self._lock:
            self._return()

    # The thread that it was passed on to

    def offer(self, turn: object) -> None:
        """Have the owner woken when there is something to read, to take it back."""
        with self._lock:
            if self._holder is turn:
                self._is_offered = True
                self._epoll.modify(self._descriptor, select.EPOLLIN | select.EPOLLONESHOT)

    def keep(self, turn: object) -> bool:
        """End the offer, if there is one; return whether nobody has taken it."""
        with self._lock:
            if self._holder is not turn:
                return False
            if self._is_offered:
                self._is_offered = False
                self._epoll.modify(self._descriptor, select.EPOLLONESHOT)
            return True

    def give_back(self, turn: object) -> None:
        """Leave reading to the owner from now on."""
        with self._lock:
            if self._holder is turn:
                self._return()

    def _return(self) -> None:
        self._holder, self._is_offered = None, False
        os.eventfd_write(self._returned, 1)
