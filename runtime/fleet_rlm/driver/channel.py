"""The worker's ends of its socket to the supervisor and of its line to the host, shared by all its threads.

Whichever thread waits for a reply reads for all of them and hands the task on when it has its own (leader and
followers): no reader thread has to be woken, so a tool call costs no thread switch here.
"""

from __future__ import annotations

import _socket
import _thread
import itertools
import os
import select
import struct
import time

from fleet_rlm.driver.lean import suppress
from fleet_rlm.protocol import Frame, FrameReader, encode_frame

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from fleet_rlm.driver.shield import Shield

__all__ = ["Channel", "ChannelClosedError"]

_PIECE = 1 << 16
_ANCILLARY = _socket.CMSG_SPACE(16 * struct.calcsize("i"))
_REPLIES = frozenset({"result", "text"})
_NEWS = frozenset({"line", "watched", "interrupt", "signalled"})
_sleep = time.sleep  # code may put something else in its place


class ChannelClosedError(BaseException):
    """The supervisor is gone. Not an ``Exception``: generated code must not catch it and go on."""


class _Waiter:
    """One thread that waits for one frame."""

    __slots__ = ("cell", "is_direct", "reply", "wake")

    def __init__(self) -> None:
        self.is_direct = False  # whether its frame comes by the line
        self.cell = 0  # the one that asks
        self.reply: Optional[Frame] = None
        self.wake = _thread.allocate_lock()
        self.wake.acquire()

    def deliver(self, reply: Frame) -> None:
        """Hand over what it waits for."""
        self.reply = reply
        if self.wake.locked():
            self.wake.release()


class Channel:
    """Frames to and from the supervisor, and the host where there is a line to it."""

    def __init__(self, end: _socket.socket, shield: Shield) -> None:
        self._socket = end
        self._line: Optional[_socket.socket] = None
        self._shield = shield
        self._frames = FrameReader()
        self._line_frames = FrameReader()
        self._ids = itertools.count(1)
        self._state = _thread.allocate_lock()
        self._sending = _thread.allocate_lock()
        self._waiters: Dict[int, _Waiter] = {}
        self._led = False
        self._reading = _thread.allocate_lock()  # held from reading the supervisor until it is noticed
        self._has_heard = False  # whether the supervisor has sent anything since the last cell's end
        self._relayed = 0  # the last cell whose end went by the supervisor
        self._main = _thread.get_ident()
        self._poll = select.poll()
        self._poll.register(end.fileno(), select.POLLIN)
        self._supervisor = select.poll()
        self._supervisor.register(end.fileno(), select.POLLIN)
        self._line_fd = -1
        self._pid = os.getpid()
        self._commands: List[Frame] = []
        self._commander: Optional[_Waiter] = None
        self._interrupted = 0
        self._cell = 0
        self._descriptors: List[int] = []
        self.is_direct = False  # whether the last command came by the line

    def send(self, header: Dict[str, Any], payload: bytes = b"") -> None:
        """Write one frame to the supervisor, whole."""
        with self._sending:
            self._write(encode_frame(header, payload))

    def _write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            raise ChannelClosedError from None

    def _write_directly(self, data: bytes) -> bool:
        """Write to the host; return whether that went."""
        line = self._line
        try:
            if line is not None:
                line.sendall(data)
        except OSError:
            return False  # whoever reads finds that out as well, and tells those who wait
        return line is not None

    def next_command(self) -> Frame:
        """Wait for the next frame that is not a reply. Main thread only, between cells."""
        with self._state:
            if self._commands:
                self.is_direct = False
                return self._commands.pop(0)
            self._commander = waiter = _Waiter()
        self._wait(waiter, between_cells=True)
        assert waiter.reply is not None  # noqa: S101 - what _wait waits for
        self.is_direct = waiter.is_direct
        return waiter.reply

    def begin(self, number: int) -> None:
        """From now on this cell runs, and its calls go to the host by the line."""
        self._cell = number

    def end(self, number: int, header: Dict[str, Any], payload: bytes, *, is_bare: bool) -> None:
        """Report the end of a cell.

        Args:
            number: of the cell.
            header: of its ``done`` frame.
            payload: of the same.
            is_bare: whether there is nothing that the supervisor would add to it or learn from it.
        """
        data = encode_frame(header, payload)
        with self._sending:
            self._cell = 0
            if not (self._is_unwatched(number) and is_bare and self._write_directly(data)):
                self._relayed = number
                self._write(data)

    def _is_unwatched(self, number: int) -> bool:
        """Whether the supervisor has sent nothing since the last cell, so it has nothing to do with this one.

        What another thread has just read counts as well, before it has been looked at.
        """
        with self._reading:
            has_heard, self._has_heard = self._has_heard, False
            if has_heard or self._supervisor.poll(0):
                self._relayed = number
                return False
            return True

    def is_interrupted(self, number: int) -> bool:
        """Whether the supervisor has already asked this cell to stop: its signal may have come too early."""
        while self._has_unread():
            with self._state:
                leading, self._led = not self._led, True
            if leading:
                try:
                    self._hear()
                finally:
                    self._hand_on()
            else:
                _sleep(0)  # the thread that leads has been woken for it
        return self._interrupted == number

    def _has_unread(self) -> bool:
        with self._reading:
            return bool(self._supervisor.poll(0))

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
            self._ask({**header, "id": number}, payload, waiter)
            self._wait(waiter)
        finally:
            del self._waiters[number]
        if waiter.reply is None:
            raise ChannelClosedError
        return waiter.reply

    def _ask(self, header: Dict[str, Any], payload: bytes, waiter: _Waiter) -> None:
        """Send a request to where it is answered: calls of a cell to the host, if there is a line."""
        data = encode_frame(header, payload)
        with self._sending:
            waiter.cell = self._cell
            waiter.is_direct = header["type"] == "call" and self._cell not in (0, self._interrupted)
            if not (waiter.is_direct and self._write_directly(data)):
                waiter.is_direct = False
                self._write(data)

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
                    self._hand_on(waiter)
            elif can_be_interrupted:
                self._follow(waiter)
            else:
                waiter.wake.acquire()

    def _lead(self, waiter: _Waiter, can_be_interrupted: bool) -> None:  # noqa: FBT001 - as _wait computed it
        while waiter.reply is None:
            self._read(self._interruptibly(self._poll.poll) if can_be_interrupted else self._poll.poll())

    def _interruptibly(self, wait: Any) -> Any:
        self._shield.lower()
        try:
            return wait()
        finally:
            self._shield.up = True

    def _follow(self, waiter: _Waiter) -> None:
        try:
            self._interruptibly(waiter.wake.acquire)
        except BaseException:
            with self._state:
                if not self._led:  # it may have been woken to read
                    self._wake_another(waiter)
            raise

    def _hand_on(self, waiter: Optional[_Waiter] = None) -> None:
        """Let another thread read from here on: not the one that leaves, which may be interrupted."""
        with self._state:
            self._led = False
            self._wake_another(waiter)

    def _wake_another(self, waiter: Optional[_Waiter]) -> None:
        for other in self._waiters.values():
            if other is not waiter and other.reply is None and other.wake.locked():
                other.wake.release()
                return
        if self._commander is not None and self._commander.wake.locked():
            self._commander.wake.release()

    def _read(self, events: Any) -> None:
        """Take in what has come, from wherever it has. The leader only."""
        for descriptor, _ in events:
            if descriptor == self._line_fd:
                self._read_line()
            else:
                self._hear()

    def _hear(self) -> None:
        """Take in what the supervisor has sent, if anything. The leader only."""
        with self._reading:
            self._dispatch(self._receive())

    def _read_line(self) -> None:
        data = b""
        if self._line is not None:
            with suppress(OSError):  # code may have closed it, or put something else in its place
                data = self._line.recv(_PIECE, _socket.MSG_DONTWAIT)
        if data:
            self._dispatch(self._line_frames.feed(data), is_direct=True)
        else:
            self._leave_line()

    def _leave_line(self) -> None:
        """Go on without; its descriptor may be another's by now, so it is not closed."""
        self._poll.unregister(self._line_fd)
        self._line_fd = -1
        if self._line is not None:
            self._line.detach()
            self._line = None
        with self._state:
            self._refuse("the line to the host has ended")

    def _refuse(self, why: str, cell: Optional[int] = None) -> None:
        """Answer the calls, of all cells or of one, that went by the line and were not answered yet."""
        for number, waiter in self._waiters.items():
            if waiter.is_direct and waiter.reply is None and cell in (None, waiter.cell):
                header = {"type": "result", "id": number, "ok": False, "error": "RuntimeError"}
                waiter.deliver(Frame.of(header, f'["{why}"]'.encode()))

    def _receive(self) -> List[Frame]:
        try:
            data, ancillary, _flags, _address = self._socket.recvmsg(_PIECE, _ANCILLARY, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionError:
            data, ancillary = b"", []
        if not data:
            raise ChannelClosedError
        for level, kind, body in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                self._descriptors += struct.unpack(f"{len(body) // 4}i", body[: len(body) // 4 * 4])
        frames = self._frames.feed(data)
        late = {"type": "watched", "id": self._relayed}
        self._has_heard = self._has_heard or not frames or any(frame.header != late for frame in frames)
        return frames

    def _dispatch(self, frames: List[Frame], *, is_direct: bool = False) -> None:
        with self._state:
            for frame in frames:
                header = frame.header
                if header["type"] in _REPLIES:
                    waiter = self._waiters.get(header.get("id", 0))
                    if waiter is not None:
                        waiter.deliver(frame)
                elif header["type"] in _NEWS:
                    self._take_notice(header)
                else:
                    self._take_command(frame, is_direct=is_direct)

    def _take_notice(self, header: Dict[str, Any]) -> None:
        """Note what the supervisor wants known at once, whatever the main thread does."""
        if header["type"] == "interrupt":
            self._interrupted = header["id"]
        elif header["type"] == "signalled":
            self._refuse("the step was interrupted", header["id"])
        elif header["type"] == "line":
            descriptor = self._descriptors.pop(0)
            self._line = _socket.socket(fileno=os.dup(descriptor))  # dup is never inheritable
            os.close(descriptor)
            self._line_fd = self._line.fileno()
            self._poll.register(self._line_fd, select.POLLIN)

    def _take_command(self, frame: Frame, *, is_direct: bool) -> None:
        if frame.header.get("via") == "fd":
            frame.header["fd"] = self._descriptors.pop(0)
        waiter, self._commander = self._commander, None
        if waiter is None:
            self._commands.append(frame)
        else:
            waiter.is_direct = is_direct
            waiter.deliver(frame)
