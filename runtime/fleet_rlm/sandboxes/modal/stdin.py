"""The way to a driver's stdin: one thread, whole frames, as few round trips as possible."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from fleet_rlm.sandboxes.modal.caller import Caller

if TYPE_CHECKING:
    from concurrent.futures import Future

    from fleet_rlm.sandboxes.modal.launch import Driver

__all__ = ["DriverInput"]

_WRITE_MOST = 8 << 20  # the SDK refuses 16 MiB in one write; 8 MiB was the fastest (modal.md)
_HELD_MOST = 7 << 20


class DriverInput:
    """Writes frames to a driver, in the order in which they are given, from any thread.

    Args:
        started: has the driver before the first ``write``.
    """

    def __init__(self, started: Future[Driver]) -> None:
        self._started = started
        self._writer = Caller("fleet-rlm-modal-writer")
        self._held: list[bytes] = []
        self._holding = threading.Lock()

    def hold(self, frame: bytes) -> bool:
        """Keep a frame for the next write, whose round trip it shares; True when that should not wait."""
        with self._holding:
            self._held.append(frame)
            return sum(map(len, self._held)) > _HELD_MOST

    def write(self, data: bytes) -> Future[None]:
        """Write what is held and ``data``: one round trip, or one for each 8 MiB."""
        return self._writer.submit(lambda: self._write(data))

    def hang_up(self) -> Future[None]:
        """End the driver's input, upon which the driver ends."""
        return self._writer.submit(self._hang_up)

    def stop(self) -> None:
        """Take nothing more; later futures are cancelled."""
        self._writer.stop()

    def _write(self, data: bytes) -> None:
        stdin = self._started.result().process.stdin
        with self._holding:
            whole = b"".join([*self._held, data])
            self._held.clear()
        for start in range(0, len(whole), _WRITE_MOST):
            stdin.write(whole[start : start + _WRITE_MOST])
            stdin.drain()

    def _hang_up(self) -> None:
        stdin = self._started.result().process.stdin
        stdin.write_eof()
        stdin.drain()
