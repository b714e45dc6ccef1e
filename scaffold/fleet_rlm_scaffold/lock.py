"""One writer at a time: a lock on a file in the target, held by a living process only."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import TYPE_CHECKING

from fleet_rlm_scaffold.errors import LockedError
from fleet_rlm_scaffold.paths import STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fleet_rlm_scaffold.root import Root

__all__ = ["LOCK", "WAIT", "hold"]

LOCK = f"{STATE}/lock"
"""The file that is locked; it names the holder while it is held."""

WAIT = 10.0
"""Seconds to wait for another process before giving up; an install takes well under one."""

_PAUSE = 0.05  # seconds between attempts


@contextlib.contextmanager
def hold(root: Root, command: str, say: Callable[[str], None], *, wait: float = WAIT) -> Iterator[None]:
    """Hold the lock of ``root``; it ends with the process, however that ends.

    Args:
        root: the target; its state folder must be there.
        command: told to whoever waits for us.
        say: told once if we wait, and for whom.
        wait: seconds to wait.

    Raises:
        LockedError: naming the holder, if it is still held after that time.
    """
    descriptor = _acquire(root, say, time.monotonic() + wait)
    try:
        with contextlib.suppress(OSError):  # a full disk is found, and told, by what needs the space
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "command": command}).encode(), 0)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)


def _acquire(root: Root, say: Callable[[str], None], deadline: float) -> int:
    told = False
    while True:
        root.make_folders(LOCK)
        descriptor = root.open_lock(LOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
        else:
            if os.fstat(descriptor).st_ino == root.inode(LOCK):
                return descriptor
            os.close(descriptor)  # the holder before us removed the file with everything else
            continue
        if time.monotonic() >= deadline:
            raise LockedError(
                f"{holder} is writing to {root.path}.", remedy="Wait for it to end, then run this again."
            )
        if not told:
            say(f"Waiting for {holder}, which is writing to {root.path}.")
            told = True
        time.sleep(_PAUSE)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"`{holder['command']}` (process {holder['pid']})"
    except (ValueError, KeyError, TypeError):
        return "Another process"
