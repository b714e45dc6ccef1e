"""The standard streams as a shell may hand them over: closed, full, or set not to block.

Standard output carries results: one that cannot be written is an error. Standard error carries talk: what
cannot be said is left unsaid. Both programs use this; it is imported before anything else and costs nothing.
"""

from __future__ import annotations

import errno
import io
import os
import sys

TYPE_CHECKING = False  # typing's own takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any, TextIO

__all__ = ["UnwritableError", "guard", "to_nowhere"]


class UnwritableError(OSError):
    """Standard output does not take what is written to it; somebody who stopped reading is no such error."""

    def __str__(self) -> str:
        """The reason in words."""
        if self.errno == errno.EBADF:
            return "standard output is closed"
        return self.strerror or errno.errorcode.get(self.errno or 0, "unknown reason")


class _Raw(io.FileIO):
    """A descriptor that waits where it does not block."""

    def write(self, data: Any, /) -> int:
        """Write some of ``data``, at least a byte of it."""
        while (written := super().write(data)) is None:
            import select  # noqa: PLC0415 - hardly ever needed

            select.select([], [self.fileno()], [])
        return written


class _Results(_Raw):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UnwritableError(error.errno, error.strerror) from None


class _Talk(_Raw):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:  # a full disk under 2>FILE must not end what the user is waiting for
            return len(data)


def guard() -> None:
    """Make sure that there are streams, and that they fail as this module says.

    The descriptor of a closed one is taken, so that no file opened later becomes standard output by its
    number. Reading from it, or writing a result to it, fails as before.
    """
    if sys.stdin is None:
        os.open(os.devnull, os.O_WRONLY)
    sys.stdout = _stream(sys.stdout, _Results, os.O_RDONLY)
    sys.stderr = _stream(sys.stderr, _Talk, os.O_WRONLY)


def to_nowhere() -> None:
    """Drop what standard output still holds, and all that follows: nothing shall be said of it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _stream(found: TextIO | None, kind: type[_Raw], flags: int) -> TextIO:
    if found is None:
        descriptor = os.open(os.devnull, flags)  # the lowest number that is free, so the one that was closed
        os.set_inheritable(descriptor, flags == os.O_WRONLY)
        encoding, errors, by_lines = "utf-8", "backslashreplace", False
    else:
        descriptor = found.fileno()
        encoding, errors, by_lines = found.encoding, found.errors or "strict", bool(found.line_buffering)
    buffer = io.BufferedWriter(kind(descriptor, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding=encoding, errors=errors, line_buffering=by_lines)
