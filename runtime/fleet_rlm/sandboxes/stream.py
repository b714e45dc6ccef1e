"""One end of a Unix socket that frames and descriptors are sent over, by several threads."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Stream"]

_PIECE = 1 << 16


class Stream:
    """A connected stream socket. Any thread may send; one at a time may receive.

    Args:
        end: the socket, which is this object's from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()  # held for a whole send, which may wait
        self._offering = threading.Lock()  # held while nothing waits
        self._is_midway = False  # whether part of a frame has been sent and the rest has not

    def fileno(self) -> int:
        """Return the descriptor, or -1 once closed."""
        return self._socket.fileno()

    def send(self, data: bytes, before_waiting: Callable[[], None] | None = None) -> None:
        """Send all of ``data``.

        Args:
            data: the bytes.
            before_waiting: called first if this has to wait.

        Raises:
            OSError: the other end is gone.
        """
        if before_waiting is not None:
            self._send_or_tell(data, before_waiting)
            return
        with self._sending:
            self._send_whole(data)

    def _send_or_tell(self, data: bytes, before_waiting: Callable[[], None]) -> None:
        if not self._sending.acquire(blocking=False):
            before_waiting()
            self._sending.acquire()
        try:
            self._send_whole(data, before_waiting)
        finally:
            self._sending.release()

    def _send_whole(self, data: bytes, before_waiting: Callable[[], None] | None = None) -> None:
        with self._offering:
            sent = self._send_now(data)
            self._is_midway = sent < len(data)
        if sent < len(data):
            if before_waiting is not None:
                before_waiting()
            self._socket.sendall(memoryview(data)[sent:])
            self._is_midway = False

    def _send_now(self, data: bytes) -> int:
        """Send what goes without waiting; return how many bytes that were."""
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def offer(self, data: bytes) -> bool:
        """Send ``data`` if that goes without waiting; return whether it went.

        Args:
            data: so little that a socket takes all of it or nothing.
        """
        # trying for the lock of a whole send would not do: interrupted just after, it would hold it for ever
        with self._offering:
            try:
                return not self._is_midway and self._send_now(data) == len(data)
            except OSError:
                return False

    def hand_over(self, data: bytes, descriptors: Sequence[int]) -> None:
        """Send ``data`` with descriptors, which stay open here.

        Raises:
            OSError: the other end is gone.
        """
        with self._sending:
            self._is_midway = True
            sent = socket.send_fds(self._socket, [data], descriptors)
            self._socket.sendall(data[sent:])
            self._is_midway = False

    def receive(self) -> bytes:
        """Wait for bytes and return them; ``b""`` when the other end is gone.

        Raises:
            OSError: this end is closed.
        """
        try:
            return self._socket.recv(_PIECE)
        except ConnectionError:
            return b""

    def hang_up(self) -> None:
        """Let nobody wait for the other end any more, on either side."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up, and close once nobody is sending any more."""
        self.hang_up()
        with self._sending:
            self._socket.close()
