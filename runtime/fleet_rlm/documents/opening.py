"""Opening files so that nothing blocks and nothing but a regular file is ever read."""

# Paths are str, as os.scandir makes them: a walk over thousands of files makes no object per step.
# ruff: noqa: PTH116

from __future__ import annotations

import errno
import os
import stat

__all__ = ["file_kind", "open_regular"]

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def file_kind(mode: int) -> str | None:
    """Name what a file's mode says it is, or None for a regular file."""
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "a special file")


def open_regular(path: str) -> int:
    """Open a regular file for reading and return its descriptor.

    The look before opening spares devices; the one after it settles races. Not blocking matters for a
    named pipe, whose opening would wait for a writer.

    Raises:
        OSError: there is none, it may not be read, or (``EINVAL``) it is not a regular file.
    """
    _require_regular(os.stat(path), path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _require_regular(os.fstat(descriptor), path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(status: os.stat_result, path: str) -> None:
    kind = file_kind(status.st_mode)
    if kind:
        raise OSError(errno.EINVAL, f"It is {kind}", path)
