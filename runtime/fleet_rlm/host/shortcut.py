"""Which cells go to the worker by its line, and what happens to one when the line ends."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from fleet_rlm.host.line import Line, Slate
from fleet_rlm.protocol import MAX_DIRECT, encode_frame

if TYPE_CHECKING:
    from fleet_rlm.host.inbox import Inbox
    from fleet_rlm.sandboxes.base import Connection
    from fleet_rlm.sandboxes.stream import Stream

__all__ = ["Shortcut"]

_LINE = encode_frame({"type": "line"})


class Shortcut:
    """Lines to the workers of one driver, one after the other, and the slate for their supervisor.

    A cell must not overtake what was sent by the supervisor, nor be hit by the signal for the one before it:
    after a frame or an interrupt, one cell goes the same way, and its end shows that all that has arrived.
    A worker whose line has ended gets no other.

    Args:
        connection: to the driver.
        inbox: where what comes by a line arrives.
    """

    def __init__(self, connection: Connection, inbox: Inbox) -> None:
        self._connection = connection
        self._inbox = inbox
        self._stream = connection.stream() if inbox.descriptor is not None else None
        self._slate: Slate | None = None
        self._line: Line | None = None
        self._lined = 0  # the last worker that was given a line
        self._is_paused = True
        self._sent: bytes | None = None  # the cell that is under way, if it went by the line

    def send(self, header: dict[str, Any], data: bytes) -> bool:
        """Send an ``execute`` by the line, if it can; return whether it went."""
        line, slate = self._line, self._slate
        if line is None or slate is None or self._is_paused or len(data) > MAX_DIRECT:
            return False
        slate.note(header["id"], header["step"], header["shown"], header["grace"])
        if line.stream.offer(data):
            self._sent = data
            return True
        return False  # it stays on the slate: it may have been interrupted already

    def end(self) -> None:
        """The cell is under way no more."""
        self._sent = None
        slate = self._slate  # which close() may take away at any time
        if slate is not None:
            slate.wipe()

    def pause(self) -> None:
        """Something was sent to the supervisor that must have had its effect before the next cell."""
        self._is_paused = True

    def learn(self, worker: int) -> None:
        """The cell under way has ended and left this worker."""
        if self._sent is None:
            self._is_paused = False
        self.provide(worker)

    def provide(self, worker: int) -> None:
        """Give ``worker`` a line if it had none."""
        if worker != self._lined and self._stream is not None:
            self._lined = worker
            with contextlib.suppress(OSError):  # no descriptor is free; cells go by the supervisor as well
                self._slate = self._slate or Slate()
                self._open(self._stream, Line(worker), self._slate)

    def _open(self, stream: Stream, line: Line, slate: Slate) -> None:
        try:
            self._inbox.watch(line)
            stream.hand_over(_LINE, [line.theirs.fileno(), slate.descriptor])
        except OSError:  # or the driver is gone, as the next cell will say
            self._inbox.leave_line()
        else:
            self._line = line
            self._is_paused = True
        finally:
            line.theirs.close()

    def detour(self) -> None:
        """The line has ended: send the cell again by the supervisor. Whoever has it already drops it.

        It stays on the slate, or the supervisor would not know whose end it was if the worker has died of it.
        """
        self._line = None
        data, self._sent = self._sent, None
        if data is not None:
            self._connection.send(data)

    def leave(self) -> None:
        """Use this line no more."""
        self._line = None
        self._inbox.leave_line()

    def close(self) -> None:
        """Free everything, once the driver has ended."""
        self.leave()
        self._slate = None
