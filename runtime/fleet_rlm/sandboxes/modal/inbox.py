"""A queue of received bytes between the thread that reads and the one that wants them."""

from __future__ import annotations

import threading
from collections import deque

__all__ = ["Inbox"]

_MOST = 64 << 20


class Inbox:
    """Bytes in order, then an end or a failure that stays.

    ``full`` beyond 64 MiB: the reading side should wait then, so that a driver gone mad cannot fill the
    host's memory (it fills the network's windows instead).
    """

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._ended = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition()

    @property
    def failure(self) -> BaseException | None:
        """What ended the stream, if something did that should not have."""
        return self._failure

    @property
    def full(self) -> bool:
        """Whether more should wait until some has been taken."""
        return self._held >= _MOST and not self._ended

    def put(self, data: bytes) -> None:
        """Add received bytes; after the end they are dropped."""
        with self._changed:
            if not self._ended:
                self._pieces.append(data)
                self._held += len(data)
                self._changed.notify_all()

    def end(self, failure: BaseException | None = None) -> None:
        """Nothing more will come; the first end is the one that counts."""
        with self._changed:
            if not self._ended:
                self._ended, self._failure = True, failure
                self._changed.notify_all()

    def wait(self, timeout: float | None) -> bool:
        """Wait until there is something to take, or the end; return whether there is.

        Args:
            timeout: seconds; None waits for ever.
        """
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._pieces) or self._ended, timeout)

    def take(self, timeout: float | None) -> bytes:
        """Return all bytes that are there, waiting for some; ``b""`` at the end.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            TimeoutError: nothing came in time.
            BaseException: the failure that ended the stream.
        """
        if not self.wait(timeout):
            raise TimeoutError
        with self._changed:
            if self._pieces:
                data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces.clear()
                self._held = 0
                return data
            if self._failure is not None:
                raise self._failure
            return b""
