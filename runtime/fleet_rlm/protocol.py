"""Frames between the host and the driver: the wire format, and nothing about what frames mean.

A frame is one header line, UTF-8 JSON with a ``type``, ended by a newline, followed by exactly
``bytes`` raw bytes if the header has that key. ``docs/protocol.md`` is the specification.

This module is shipped into sandboxes: standard library only, Python 3.9 and newer.
"""

from __future__ import annotations

import json
from typing import Any, Iterator, NamedTuple, Optional

__all__ = ["MAX_HEADER", "MAX_PAYLOAD", "PROTOCOL", "Frame", "FrameError", "FrameReader", "encode_frame"]

PROTOCOL = 1
"""Number of the protocol; both sides must state the same one in the handshake."""

MAX_HEADER = 1 << 20
"""Longest header line, in bytes. Anything that can grow travels as raw bytes instead."""

MAX_PAYLOAD = 1 << 40
"""Largest stated payload, in bytes: a bound against nonsense, not a limit on documents."""

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_decode = json.JSONDecoder().decode


class FrameError(ValueError):
    """Bytes that are not a frame. The stream cannot be trusted any further."""


class Frame(NamedTuple):
    """One received frame."""

    header: dict[str, Any]
    payload: bytes

    @property
    def type(self) -> str:
        """The header's ``type``, always a string."""
        kind: str = self.header["type"]
        return kind


def encode_frame(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """Return the bytes of one frame; states the payload's length if there is one."""
    if payload:
        header = {**header, "bytes": len(payload)}
    return _encode(header).encode("ascii") + b"\n" + payload


class FrameReader:
    """Turns a byte stream into frames; keeps what is incomplete for later.

    Interruptible at any point: ``feed`` and ``next`` change state only by single assignments.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._buffered = 0
        self._needed = 0

    def feed(self, data: bytes) -> None:
        """Append received bytes."""
        self._parts.append(data)
        self._buffered += len(data)

    def next(self) -> Optional[Frame]:
        """Return the next whole frame, or None until more bytes are fed.

        Raises:
            FrameError: the bytes are not a frame.
        """
        if not self._buffered or self._buffered < self._needed:
            return None
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        end = data.find(b"\n", 0, MAX_HEADER + 1)
        if end < 0:
            self._parts = [data]
            if len(data) > MAX_HEADER:
                raise FrameError("a header line is longer than the protocol allows")
            return None
        header, size = _parse_header(data[:end])
        total = end + 1 + size
        if len(data) < total:
            self._parts, self._needed = [data], total
            return None
        rest = data[total:]
        self._parts, self._buffered, self._needed = ([rest] if rest else []), len(rest), 0
        return Frame(header, data[end + 1 : total])

    def __iter__(self) -> Iterator[Frame]:
        """Yield every whole frame that has been fed."""
        while (frame := self.next()) is not None:
            yield frame


def _parse_header(line: bytes) -> tuple[dict[str, Any], int]:
    try:
        header = _decode(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a header is not JSON: {line[:80]!r}") from error
    if type(header) is not dict or type(header.get("type")) is not str:
        raise FrameError(f"a header has no type: {line[:80]!r}")
    size = header.get("bytes", 0)
    if type(size) is not int or not 0 <= size <= MAX_PAYLOAD:
        raise FrameError(f"a header states an impossible length: {line[:80]!r}")
    return header, size
