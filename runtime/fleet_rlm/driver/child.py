"""One worker process as its supervisor holds it: forked, fed, read, ended."""

from __future__ import annotations

import _socket
import fcntl
import os
import select
import struct
import sys
import time

from fleet_rlm.driver.lean import signal, suppress
from fleet_rlm.protocol import MAX_GUEST_PAYLOAD, Frame, FrameReader

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, List, NoReturn, Optional, Set, Tuple

__all__ = ["Child", "die_with_parent"]

_PR_SET_PDEATHSIG = 1
_PIECE = 1 << 16
_PIPE_BYTES = 1 << 20
_LAST_WORDS = 4096
_DYING_TURNS, _DYING_SECONDS = 100, 0.002


class Child:
    """A worker, its socket, and the pipe that its stdout and stderr go to.

    Args:
        generation: which worker of this driver it is, from 1.
        poll: where its descriptors are registered. The socket comes first: a poll that finds the socket
            readable has then looked at the pipe later, so output is never overtaken by the frame that ends
            its cell, if the pipe is drained before that frame is read.
        kept: further descriptors that it inherits.
        serve: run in the new process as ``serve(socket, pipe)``; should never return.
    """

    def __init__(
        self, generation: int, poll: Any, kept: Set[int], serve: Callable[[_socket.socket, int], None]
    ) -> None:
        self.generation = generation
        self.names: Set[str] = set()
        self.is_up = False
        self.last_words = b""
        self._is_reaped = self._has_closed = False
        self._heeded = select.POLLIN
        self._poll = poll
        self._frames = FrameReader(MAX_GUEST_PAYLOAD)
        self._queue: List[Tuple[memoryview, Optional[List[int]]]] = []
        self._end, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self.socket = self._end.fileno()
        self.pipe, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _become_worker(theirs, writing, kept, serve)
        theirs.close()
        os.close(writing)
        os.set_blocking(self.pipe, False)
        with suppress(OSError):  # a larger pipe only saves turns
            fcntl.fcntl(self.pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE_BYTES)
        poll.register(self._end.fileno(), select.POLLIN)
        poll.register(self.pipe, select.POLLIN)
        self.death = _death_of(self.pid)
        if self.death >= 0:
            poll.register(self.death, select.POLLIN)

    def send(self, data: bytes, descriptors: Optional[List[int]] = None) -> None:
        """Hand over bytes: now as far as it reads, the rest when it does, so that nobody waits in a ring."""
        sent = 0 if self._queue else self._offer(data, descriptors)
        if sent < len(data):
            self._queue.append((memoryview(data)[sent:], None if sent else descriptors))
            self._poll.modify(self.socket, self._heeded | select.POLLOUT)

    def hand_over(self, data: bytes, descriptor: int) -> None:
        """Give it a descriptor for good, with the frame that says what for; just close it if it is busy."""
        if not self._queue:
            self._offer(data, [descriptor])
        os.close(descriptor)

    def flush(self) -> None:
        """Send what is queued, as far as it takes it."""
        while self._queue:
            data, descriptors = self._queue.pop(0)
            sent = self._offer(data, descriptors)
            if sent < len(data):
                self._queue.insert(0, (data[sent:], None if sent else descriptors))
                return
        self._poll.modify(self.socket, self._heeded)

    def heed(self, events: int) -> None:
        """Have the poll tell of what it sends, ``select.POLLIN``, or not, 0."""
        if events != self._heeded:
            self._heeded = events
            self._poll.modify(self.socket, events | (select.POLLOUT if self._queue else 0))

    def _offer(self, data: Any, descriptors: Optional[List[int]]) -> int:
        """Send what it takes now; return how many bytes that were."""
        try:
            if descriptors:
                return self._end.sendmsg([data], [_rights(descriptors)], _socket.MSG_DONTWAIT)
            return self._end.send(data, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # it has ended; its socket will say so

    def receive(self) -> Optional[List[Frame]]:
        """Return the frames that are there; None if it has ended.

        Raises:
            FrameError: it sent what is not a frame.
        """
        try:
            data = self._end.recv(_PIECE, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError:
            data = b""  # closed as well, before it has read all that it was sent
        self._has_closed = not data
        return self._frames.feed(data) if data else None

    @property
    def is_behind(self) -> bool:
        """Whether it has yet to be sent something, because it does not read."""
        return bool(self._queue)

    def drain(self, take: Callable[[bytes], None], before: Optional[Callable[[], None]] = None) -> None:
        """Pass on what it and its own children have written so far.

        At most as much as the pipe holds: a worker that writes without end must not hold up the supervisor.

        Args:
            take: called with what has been read.
            before: called before each look.
        """
        for _ in range(_PIPE_BYTES // _PIECE + 1):
            if before is not None:
                before()
            try:
                data = os.read(self.pipe, _PIECE)
            except BlockingIOError:
                return
            if not data:
                with suppress(KeyError):
                    self._poll.unregister(self.pipe)
                return
            if self.is_up:
                take(data)
            else:
                self.last_words = (self.last_words + data)[-_LAST_WORDS:]
            if len(data) < _PIECE:
                return

    def interrupt(self) -> None:
        """Send SIGINT to it and its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGINT)

    def has_ended(self) -> bool:
        """Whether its process has; it stays to be reaped by ``end``."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self) -> Optional[int]:
        """Kill it and its process group, and close what is held of it.

        Returns:
            Its wait status if it had ended by itself.
        """
        if self._is_reaped:
            return None
        self._is_reaped = True
        died, status = self._exit_status()
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        if not died:
            os.waitpid(self.pid, 0)
        return status if died else None

    def _exit_status(self) -> Tuple[int, int]:
        """What ``waitpid`` says; a process that has just closed its socket takes a moment to be dead."""
        for _ in range(_DYING_TURNS if self._has_closed else 1):
            died, status = os.waitpid(self.pid, os.WNOHANG)
            if died:
                break
            time.sleep(_DYING_SECONDS)
        return died, status

    def close(self) -> None:
        """Drop the descriptors, once everything has been read."""
        self._poll.unregister(self.socket)
        with suppress(KeyError):
            self._poll.unregister(self.pipe)
        self._end.close()
        os.close(self.pipe)
        if self.death >= 0:
            self._poll.unregister(self.death)
            os.close(self.death)


def _death_of(pid: int) -> int:
    """A descriptor that is readable once the process has ended, or -1 where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, where it can; else only a closed socket tells.

    ``ctypes`` itself would cost a start 10 ms; this is the one call of it that is needed.
    """
    parent = os.getppid()
    try:
        import _ctypes

        program: Any = None  # the running program itself, as dlopen(3) takes it
        prctl = _ctypes.dlsym(_ctypes.dlopen(program, 0), "prctl")
        _ctypes.call_function(prctl, (_PR_SET_PDEATHSIG, signal.SIGKILL))
    except (ImportError, AttributeError, OSError):
        return
    if os.getppid() != parent:
        os._exit(1)


def _rights(descriptors: List[int]) -> Tuple[int, int, bytes]:
    """The ancillary message that hands descriptors over."""
    return _socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors)


def _become_worker(
    end: _socket.socket, pipe: int, kept: Set[int], serve: Callable[[_socket.socket, int], None]
) -> NoReturn:
    """In the forked process: keep only what a worker needs, and never come back."""
    try:
        os.setsid()
        _close_all_but({0, 1, 2, end.fileno(), pipe, *kept})
        os.dup2(pipe, 1)
        os.dup2(pipe, 2)
        serve(end, pipe)
    except BaseException:  # noqa: BLE001 - the text goes to the pipe, where the supervisor reads it
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(1)


def _close_all_but(kept: Set[int]) -> None:
    first = 0
    for fd in sorted(kept):
        if first < fd:  # CPython takes an end of 0 for "all"
            os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
