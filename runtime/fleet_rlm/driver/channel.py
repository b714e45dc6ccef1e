"""The worker's end of its socket to the supervisor, shared by all threads of the generated code.

Whichever thread waits for a reply reads the socket for all of them and hands the task on when it has its
own (leader and followers): no reader thread has to be woken, so a tool call costs no thread switch here.
"""

from __future__ import annotations

import _socket
import _thread
import itertools
import os
import select
import struct

from fleet_rlm.driver.lean import signal
from fleet_rlm.protocol import Frame, FrameReader, encode_frame

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

__all__ = ["Channel", "ChannelClosedError", "Shield"]

_handle, _mask = signal.signal, signal.pthread_sigmask
_SIGINT, _SIG_UNBLOCK = signal.SIGINT, signal.SIG_UNBLOCK
_PIECE = 1 << 16
_ANCILLARY = _socket.CMSG_SPACE(16 * struct.calcsize("i"))
_REPLIES = frozenset({"result", "text"})


class ChannelClosedError(BaseException):
    """The supervisor is gone. Not an ``Exception``: generated code must not catch it and go on."""


class Shield:
    """Delays SIGINT while the driver's own state is being changed.

    Up from the start; down only while generated code runs or the main thread waits for its tools.
    """

    def __init__(self) -> None:
        self.up = True
        self.pending = False

        self.listen()

    def listen(self) -> None:
        """Be the SIGINT handler again, whatever code made of it, and forget what came between cells."""
        _handle(_SIGINT, self._on_interrupt)
        _mask(_SIG_UNBLOCK, (_SIGINT,))
        self.pending = False

    def _on_interrupt(self, _signal: int, _frame: Any) -> None:
        if self.up:
            self.pending = True
        else:
            raise KeyboardInterrupt

    def lower(self) -> None:
        """Let interrupts through; raises one that was held back."""
        self.up = False
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt


class _Waiter:
    """One thread that waits for one frame."""

    __slots__ = ("reply", "wake")

    def __init__(self) -> None:
        self.reply: Optional[Frame] = None
        self.wake = _thread.allocate_lock()
        self.wake.acquire()

    def deliver(self, reply: Frame) -> None:
        """Hand over what it waits for."""
        self.reply = reply
        if self.wake.locked():
            self.wake.release()


class Channel:
    """Frames to and from the supervisor."""

    def __init__(self, end: _socket.socket, shield: Shield) -> None:
        self._socket = end
        self._shield = shield
        self._frames = FrameReader()
        self._ids = itertools.count(1)
        self._state = _thread.allocate_lock()
        self._sending = _thread.allocate_lock()
        self._waiters: Dict[int, _Waiter] = {}
        self._led = False
        self._main = _thread.get_ident()
        self._poll = select.poll()
        self._poll.register(end.fileno(), select.POLLIN)
        self._pid = os.getpid()
        self._commands: List[Frame] = []
        self._commander: Optional[_Waiter] = None
        self._interrupted = 0
        self.descriptors: List[int] = []

    def send(self, header: Dict[str, Any], payload: bytes = b"") -> None:
        """Write one frame, whole."""
        data = encode_frame(header, payload)
        with self._sending:
            try:
                self._socket.sendall(data)
            except OSError:
                raise ChannelClosedError from None

    def next_command(self) -> Frame:
        """Wait for the next frame that is not a reply. Main thread only, between cells."""
        with self._state:
            if self._commands:
                return self._commands.pop(0)
            self._commander = waiter = _Waiter()
        self._wait(waiter, between_cells=True)
        assert waiter.reply is not None  # noqa: S101 - what _wait waits for
        return waiter.reply

    def is_interrupted(self, number: int) -> bool:
        """Whether the supervisor has already asked this cell to stop: its signal may have come too early."""
        if self._poll.poll(0):
            with self._state:
                leading, self._led = not self._led, True
            if leading:
                try:
                    if self._poll.poll(0):  # another thread may have read it meanwhile
                        self._dispatch(self._receive())
                finally:
                    self._hand_on()
        return self._interrupted == number

    def request(self, header: Dict[str, Any], payload: bytes = b"") -> Frame:
        """Send a frame that is answered, and wait for the answer. Any thread.

        Raises:
            KeyboardInterrupt: the cell was interrupted; a late answer is dropped.
            ChannelClosedError: the supervisor is gone, or this is a forked copy of the worker.
        """
        if os.getpid() != self._pid:
            raise ChannelClosedError
        if _thread.get_ident() != self._main:
            return self._request(header, payload)
        self._shield.up = True
        try:
            return self._request(header, payload)
        finally:
            self._shield.lower()

    def _request(self, header: Dict[str, Any], payload: bytes) -> Frame:
        number, waiter = next(self._ids), _Waiter()
        self._waiters[number] = waiter
        try:
            self.send({**header, "id": number}, payload)
            self._wait(waiter)
        finally:
            del self._waiters[number]
        if waiter.reply is None:
            raise ChannelClosedError
        return waiter.reply

    def _wait(self, waiter: _Waiter, *, between_cells: bool = False) -> None:
        """Return once it has its frame. Only a cell's own waiting can be interrupted, on the main thread."""
        can_be_interrupted = not between_cells and _thread.get_ident() == self._main
        while waiter.reply is None:
            with self._state:
                leading = not self._led
                self._led = True
            if leading:
                try:
                    self._lead(waiter, can_be_interrupted)
                finally:
                    self._hand_on()
            elif can_be_interrupted:
                self._interruptibly(waiter.wake.acquire)
            else:
                waiter.wake.acquire()

    def _lead(self, waiter: _Waiter, can_be_interrupted: bool) -> None:  # noqa: FBT001 - as _wait computed it
        while waiter.reply is None:
            if can_be_interrupted:
                self._interruptibly(self._poll.poll)
            self._dispatch(self._receive())

    def _interruptibly(self, wait: Any) -> None:
        self._shield.lower()
        try:
            wait()
        finally:
            self._shield.up = True

    def _hand_on(self) -> None:
        """Let another waiting thread read from here on."""
        with self._state:
            self._led = False
            for other in self._waiters.values():
                if other.reply is None and other.wake.locked():
                    other.wake.release()
                    return
            if self._commander is not None and self._commander.wake.locked():
                self._commander.wake.release()

    def _receive(self) -> List[Frame]:
        try:
            data, ancillary, _flags, _address = self._socket.recvmsg(_PIECE, _ANCILLARY)
        except ConnectionError:
            data, ancillary = b"", []
        if not data:
            raise ChannelClosedError
        for level, kind, body in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                self.descriptors += struct.unpack(f"{len(body) // 4}i", body[: len(body) // 4 * 4])
        return self._frames.feed(data)

    def _dispatch(self, frames: List[Frame]) -> None:
        with self._state:
            for frame in frames:
                if frame.header["type"] in _REPLIES:
                    waiter = self._waiters.get(frame.header.get("id", 0))
                elif frame.header["type"] == "interrupt":
                    self._interrupted, waiter = frame.header["id"], None
                else:
                    waiter, self._commander = self._commander, None
                    if waiter is None:
                        self._commands.append(frame)
                if waiter is not None:
                    waiter.deliver(frame)
