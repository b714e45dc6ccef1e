"""Makes a value small: zlib at level 1, in memory while it is small, else in a file."""

from __future__ import annotations

import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm.sandboxes.base import Content

__all__ = ["INLINE_MOST", "Packed", "packed"]

INLINE_MOST = 8 << 20
"""Bytes, compressed, up to which a value goes through the driver's stdin.

A file through Modal's filesystem API costs three round trips and a process in the sandbox, whatever its
size; a write costs one for each 8 MiB. Measured at 50 ms a round trip: 4 MiB take 0.14 s by stdin and
0.21 s by file, 8 MiB 0.23 and 0.22 s, 64 MiB 1.5 and 0.7 s.
"""

_SAMPLE = 1 << 18
_WORTH = 0.9  # compressing is worth it if the sample gets smaller than this


@dataclass
class Packed:
    """A value as it travels: in ``data``, or in a temporary ``file`` when it is large."""

    codec: str
    data: bytes = b""
    file: Any = None
    size: int = 0

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.file.name)

    def close(self) -> None:
        """Delete the file."""
        if self.file is not None:
            self.file.close()


def packed(content: Content, inline_most: int = INLINE_MOST) -> Packed:
    """Compress ``content`` if that pays, never holding more than ``inline_most`` bytes and a piece of it.

    The caller closes the result.
    """
    chunks = content.chunks()
    first = next(chunks, b"")
    result = Packed("zlib" if _compressible(first) else "raw")
    held: list[bytes] = []
    try:
        for piece in _encoded(result.codec, first, chunks):
            result.size += len(piece)
            if result.file is None and result.size > inline_most:
                result.file = tempfile.NamedTemporaryFile(prefix="fleet-rlm-")  # noqa: SIM115 - the caller closes it
                result.file.writelines(held)
                held.clear()
            if result.file is None:
                held.append(piece)
            else:
                result.file.write(piece)
        if result.file is not None:
            result.file.flush()
    except BaseException:
        result.close()
        raise
    result.data = b"".join(held)
    return result


def _compressible(first: bytes) -> bool:
    sample = first[:_SAMPLE]
    return len(zlib.compress(sample, 1)) < _WORTH * len(sample)


def _encoded(codec: str, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if codec == "raw":
        yield first
        yield from rest
        return
    compressor = zlib.compressobj(1)
    yield compressor.compress(first)
    for chunk in rest:
        yield compressor.compress(chunk)
    yield compressor.flush()
