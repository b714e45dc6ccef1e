"""The supervisor's end of the protocol: a socket that can carry descriptors, or stdin and stdout."""

from __future__ import annotations

import _socket
import os
import struct

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import List, Optional

__all__ = ["Upstream"]

_PIECE = 1 << 16
_ANCILLARY = _socket.CMSG_SPACE(16 * struct.calcsize("i"))


class Upstream:
    """Bytes and descriptors from the host, bytes to the host. Owned by the supervisor alone."""

    def __init__(self, fd: Optional[int]) -> None:
        self.descriptors: List[int] = []
        self._socket = None if fd is None else _socket.socket(fileno=os.dup(fd))  # dup is never inheritable
        self._queue: List[memoryview] = []
        self.input = os.dup(0) if self._socket is None else self._socket.fileno()
        self._output = os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1):
            os.dup2(null, standard)
        os.close(null)

    def receive(self) -> bytes:
        """Return what is there, waiting if nothing is; ``b""`` when the host is gone."""
        if self._socket is None:
            return os.read(self.input, _PIECE)
        try:
            data, ancillary, _flags, _address = self._socket.recvmsg(_PIECE, _ANCILLARY)
        except ConnectionError:
            return b""
        for level, kind, body in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                self.descriptors += struct.unpack(f"{len(body) // 4}i", body[: len(body) // 4 * 4])
        return data

    @property
    def is_behind(self) -> bool:
        """Whether the host has yet to read what it was sent."""
        return bool(self._queue)

    def flush(self) -> None:
        """Send what is queued, as far as the host takes it.

        Raises:
            OSError: the host is gone.
        """
        while self._queue and self._socket is not None:
            data = self._queue[0]
            try:
                sent = self._socket.send(data, _socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            self._queue[:1] = [data[sent:]] if sent < len(data) else []

    def send(self, data: bytes) -> None:
        """Write all of ``data``; to a socket now as far as the host reads, the rest when it does.

        A host may be waiting in turn for what it sends to be read, so nobody waits for the other.

        Raises:
            OSError: the host is gone.
        """
        view = memoryview(data)
        if self._socket is not None:
            self._queue.append(view)
            self.flush()
            return
        while view:
            view = view[os.write(self._output, view) :]
