"""Standard input as a source of bytes: piped, redirected, or not there."""

from __future__ import annotations

import os
import select
import stat
import sys
from typing import BinaryIO

from fleet_rlm.errors import DocumentError

__all__ = ["Patient", "standard_input", "stream_size"]


class Patient:
    """Reads a stream to its end even if its descriptor does not block, as pipes from Node.js may not."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes, waiting until there are some; none at the end."""
        while (data := self._stream.read(size)) is None:
            select.select([self._stream], [], [])
        return data


def standard_input(given: BinaryIO | None) -> BinaryIO:
    """Return ``given``, or the process's own standard input.

    Raises:
        DocumentError: it is closed, or a terminal that nobody thinks of typing a document into.
    """
    stream = given or (sys.stdin.buffer if sys.stdin else None)
    if stream is None or stream.closed:
        raise DocumentError(
            "Standard input is closed.", remedy="Pipe a document into the command, or name a file."
        )
    if stream.isatty():
        raise DocumentError(
            "Standard input is a terminal, so there is no document in it.",
            remedy="Pipe one into the command, as in `cat FILE | …`, or name a file.",
        )
    return stream


def stream_size(stream: BinaryIO) -> int:
    """Return the length of a redirected file in bytes, 0 for a pipe."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return 0  # a stream in memory has no descriptor
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
