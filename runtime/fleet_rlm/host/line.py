"""The direct line to a worker: short cells and their tool calls, past the supervisor.

A supervisor between host and worker costs two wake-ups each way, which is most of what a short cell takes.
So where bytes go through sockets, each worker gets a line of its own to the host. It carries what needs no
supervisor: an ``execute``, tool calls and their results, and the ``done`` of a cell that printed nothing and
changed no names. Everything else goes by the supervisor, which knows from the slate which cell is under way:
as soon as it has to do with one, for what it prints, an interrupt or its worker's death, it says so to the
worker, and the cell's end comes by the supervisor as well.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import threading
import weakref
from typing import TYPE_CHECKING, NamedTuple

from fleet_rlm.host.incoming import checked_directly
from fleet_rlm.protocol import (
    MAX_CALLS,
    MAX_GUEST_PAYLOAD,
    SLATE_BYTES,
    FrameError,
    FrameReader,
    wipe_slate,
    write_slate,
)
from fleet_rlm.sandboxes.stream import Stream

if TYPE_CHECKING:
    from fleet_rlm.protocol import Frame

__all__ = ["Arrival", "Line", "LineBrokenError", "LineEndedError", "Slate"]


class LineEndedError(Exception):
    """The worker's end of the line is closed; the worker may be alive."""


class LineBrokenError(Exception):
    """The worker sent what no worker may."""


class Line:
    """The host's end of one worker's line.

    Args:
        worker: which worker of its driver, from 1.
    """

    def __init__(self, worker: int) -> None:
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.stream = Stream(ours)
        self.worker = worker
        self._frames = FrameReader(MAX_GUEST_PAYLOAD)
        self._lock = threading.Lock()
        self._calls = 0

    def receive(self) -> list[Frame]:
        """Return what the worker sent.

        Raises:
            LineEndedError: its end is closed.
            LineBrokenError: it is not what a worker may send.
        """
        try:
            data = self.stream.receive()
        except OSError as error:
            raise LineEndedError from error
        if not data:
            raise LineEndedError
        try:
            return [checked_directly(frame, self.worker) for frame in self._frames.feed(data)]
        except FrameError as error:
            raise LineBrokenError from error

    def begin_call(self) -> bool:
        """Count a call as under way; False if that would be one too many."""
        with self._lock:
            self._calls += 1
            if self._calls <= MAX_CALLS:
                return True
            self._calls -= 1
            return False

    def end_call(self) -> None:
        """Count it as answered."""
        with self._lock:
            self._calls -= 1


class Arrival(NamedTuple):
    """One frame, and the line that it came by, if it did."""

    frame: Frame
    line: Line | None = None


class Slate:
    """Memory that the supervisor can read, in which the host notes the cell that a worker has directly."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("fleet-rlm slate", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.descriptor, SLATE_BYTES)
        self._memory = mmap.mmap(self.descriptor, SLATE_BYTES)
        # or a driver that was taken over could cut it short, which kills whoever writes to it
        fcntl.fcntl(
            self.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
        )
        weakref.finalize(self, os.close, self.descriptor)  # not sooner: a cell may be ending still

    def note(self, number: int, step: int, shown: int, grace: float) -> None:
        """The cell that is under way."""
        write_slate(self._memory, number, step, shown, grace)

    def wipe(self) -> None:
        """None is."""
        wipe_slate(self._memory)
