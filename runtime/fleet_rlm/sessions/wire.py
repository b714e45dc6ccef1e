"""Requests and replies between a session's broker and its clients: the driver's frames over a Unix socket.

A request is one frame: its type is the operation, its header the arguments, its payload code or standard
input. Answers are any number of ``event`` frames, then one ``reply`` or ``error``, each with JSON as payload.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

from fleet_rlm import errors, json_text
from fleet_rlm.errors import FleetError, SessionError
from fleet_rlm.protocol import Frame, FrameReader, encode_frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["SESSIONS", "Connection", "encoded", "error_data", "error_of", "fail_late_sends", "peer_is_us"]

SESSIONS = 1
"""Number of this protocol: a broker outlives an upgrade of the commands that speak to it."""

_PIECE = 1 << 16
_SEND_SECONDS = 10.0  # a client that reads nothing for so long is gone


class Connection:
    """One connection between a client and a broker. Sending is safe from any thread."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._broken = False
        self._sending = threading.Lock()
        self._frames = FrameReader()

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Send one frame.

        Raises:
            OSError: the other side is gone.
        """
        self._send(encode_frame(dict(header), payload))

    def _send(self, frame: bytes) -> None:
        with self._sending:
            if self._broken:
                raise BrokenPipeError
            try:
                self.end.sendall(frame)
            except OSError:
                self._broken = True  # part of a frame may have gone, and nothing can follow that
                raise

    def tell(self, answer: bytes) -> bool:
        """Send what ``encoded`` has made; False if the other side is gone."""
        try:
            self._send(answer)
        except OSError:
            return False
        return True

    def tell_at_once(self, kind: str, data: Mapping[str, Any]) -> bool:
        """Send ``data`` as ``encoded`` makes it; a side that has not read what it was sent counts as gone."""
        frame = encoded(kind, data)
        if not self._sending.acquire(blocking=False):
            return False
        try:
            if not self._broken:
                self._broken = self.end.send(frame, socket.MSG_DONTWAIT) < len(frame)
        except OSError:
            self._broken = True
        finally:
            self._sending.release()
        return not self._broken

    def receive(self) -> list[Frame] | None:
        """Wait for bytes and return the frames that are whole now, or None at the end.

        Raises:
            FrameError: what came is no frame.
            TimeoutError: nothing came, and the socket has a limit for that.
        """
        try:
            data = self.end.recv(_PIECE)
        except ConnectionError:
            return None
        return self._frames.feed(data) if data else None

    def frames(self) -> Iterator[Frame]:
        """Every frame until the end."""
        while (frames := self.receive()) is not None:
            yield from frames

    @property
    def is_closed(self) -> bool:
        """Whether this side has closed it."""
        return self.end.fileno() < 0

    def close(self) -> None:
        """Close it, and end a send that another thread is in."""
        with contextlib.suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)
        with (
            self._sending
        ):  # closed during a send, its number could be a new connection's when the send goes on
            self._broken = True
            self.end.close()


def encoded(kind: str, data: Mapping[str, Any]) -> bytes:
    """Return the frame that answers ``data`` in this kind.

    Raises:
        RecursionError: the data is nested too deep to be written.
    """
    return encode_frame({"type": kind}, json_text.dumps(data).encode("ascii"))


def fail_late_sends(end: socket.socket) -> None:
    """Let sending, but not receiving, give up after a while."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(_SEND_SECONDS), 0))


def peer_is_us(end: socket.socket) -> bool:
    """Whether the other side runs as this user; True where the platform does not say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, user, _ = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return bool(user == os.geteuid())


def error_data(error: FleetError) -> dict[str, Any]:
    """An error as JSON data, as the nearest class of the tree: a client need not know others."""
    kind = next(each.__name__ for each in type(error).__mro__ if getattr(errors, each.__name__, None) is each)
    return {"type": kind, "message": error.message, "remedy": error.remedy}


def error_of(data: Mapping[str, Any]) -> FleetError:
    """The error again that ``error_data`` wrote."""
    kind = getattr(errors, str(data["type"]), None)
    known = isinstance(kind, type) and issubclass(kind, FleetError)
    chosen: type[FleetError] = kind if known and kind is not None else SessionError
    return chosen(str(data["message"]), remedy=data.get("remedy"))
