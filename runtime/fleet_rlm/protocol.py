"""Frames between the host and the driver: the wire format, and nothing about what frames mean.

A frame is one header line, UTF-8 JSON with a ``type``, ended by a newline, followed by exactly
``bytes`` raw bytes if the header has that key. ``docs/protocol.md`` is the specification.

This module is shipped into sandboxes: standard library only, Python 3.9 and newer.
"""

from __future__ import annotations

import struct

from fleet_rlm.values.compact_json import dumps, loads

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

__all__ = [
    "MAX_CALLS",
    "MAX_DIRECT",
    "MAX_GUEST_PAYLOAD",
    "MAX_HEADER",
    "MAX_PAYLOAD",
    "PROTOCOL",
    "SLATE_BYTES",
    "Frame",
    "FrameError",
    "FrameReader",
    "encode_frame",
    "read_slate",
    "wipe_slate",
    "write_slate",
]

PROTOCOL = 3
"""Number of the protocol; both sides must state the same one in the handshake."""

MAX_HEADER = 1 << 20
"""Longest header line, in bytes. Anything that can grow travels as raw bytes instead."""

MAX_PAYLOAD = 1 << 40
"""Largest stated payload, in bytes: a bound against nonsense, not a limit on documents."""

MAX_GUEST_PAYLOAD = 256 << 20
"""Largest payload of a frame that generated code causes: a tool call's arguments or an answer. Whoever reads
such frames holds them in memory, and code that forges them must not decide how much."""

MAX_CALLS = 1000
"""Most tool calls of one worker that are under way at once: each costs the host a thread."""

MAX_DIRECT = 16 << 10
"""Largest ``execute`` on a direct line, in bytes: a socket takes as much at once or not at all, so the host
never waits for a worker to read."""

_SLATE = struct.Struct("@qqqdq")
_SLATE_HEAD = struct.Struct("@q")
SLATE_BYTES = _SLATE.size
"""Size of the slate: memory in which the host notes which cell it has given to the worker directly."""


class FrameError(ValueError):
    """Bytes that are not a frame. The stream cannot be trusted any further."""


class Frame:
    """One frame; ``data`` is all of it, so that it can be passed on as it came."""

    __slots__ = ("data", "header", "start")

    def __init__(self, header: Dict[str, Any], data: bytes, start: int) -> None:
        self.header = header
        self.data = data
        self.start = start

    @classmethod
    def of(cls, header: Dict[str, Any], payload: bytes = b"") -> Frame:
        """Make a frame to be sent or kept."""
        data = encode_frame(header, payload)
        return cls(header, data, len(data) - len(payload))

    @property
    def payload(self) -> bytes:
        """The raw bytes after the header line."""
        return self.data[self.start :]


def encode_frame(header: Dict[str, Any], payload: bytes = b"") -> bytes:
    """Return the bytes of one frame; states the payload's length if there is one."""
    if payload:
        header = {**header, "bytes": len(payload)}
    return dumps(header).encode("ascii") + b"\n" + payload


class FrameReader:
    """Turns a byte stream into frames; keeps what is incomplete for later.

    Args:
        limit: largest payload accepted, in bytes.
    """

    def __init__(self, limit: int = MAX_PAYLOAD) -> None:
        self._limit = limit
        self._parts: List[bytes] = []
        self._buffered = 0
        self._needed = 0

    def feed(self, data: bytes) -> List[Frame]:
        """Append received bytes; return the frames that are whole now.

        Raises:
            FrameError: the bytes are not a frame.
        """
        if self._parts:
            self._parts.append(data)
            self._buffered += len(data)
            if self._buffered < self._needed:
                return []
            data = b"".join(self._parts)
        frames, begin, self._needed = [], 0, 0
        while begin < len(data):
            line_end = data.find(b"\n", begin, begin + MAX_HEADER)
            if line_end < 0:
                if len(data) - begin >= MAX_HEADER:
                    raise FrameError("a header line is longer than the protocol allows")
                break
            header, size = _parse_header(data[begin:line_end])
            if size > self._limit:
                raise FrameError(f"a payload of {size:,} bytes is larger than the {self._limit:,} allowed")
            end = line_end + 1 + size
            if len(data) < end:
                self._needed = end - begin
                break
            whole = begin == 0 and end == len(data)
            frames.append(Frame(header, data if whole else data[begin:end], line_end + 1 - begin))
            begin = end
        rest = data[begin:] if begin else data
        self._parts = [rest] if begin < len(data) else []
        self._buffered = len(rest) if self._parts else 0
        return frames


def _parse_header(line: bytes) -> Tuple[Dict[str, Any], int]:
    try:
        header = loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a header is not JSON: {line[:80]!r}") from error
    if type(header) is not dict or type(header.get("type")) is not str:
        raise FrameError(f"a header has no type: {line[:80]!r}")
    size = header.get("bytes", 0)
    if type(size) is not int or not 0 <= size <= MAX_PAYLOAD:
        raise FrameError(f"a header states an impossible length: {line[:80]!r}")
    return header, size


def write_slate(memory: Any, number: int, step: int, shown: int, grace: float) -> None:
    """Note in shared memory which cell is under way; the number comes last, and once more at the end."""
    _SLATE.pack_into(memory, 0, 0, step, shown, grace, number)
    _SLATE_HEAD.pack_into(memory, 0, number)


def wipe_slate(memory: Any) -> None:
    """Note that none is."""
    _SLATE_HEAD.pack_into(memory, 0, 0)


def read_slate(data: bytes) -> Optional[Tuple[int, int, int, float]]:
    """Return the number, step, characters shown and seconds of grace of the cell under way, if one is."""
    number, step, shown, grace, again = _SLATE.unpack(data)
    return (number, step, shown, grace) if number and number == again else None
