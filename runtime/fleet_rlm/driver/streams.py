"""The worker's stdout and stderr: one pipe, in the order of writing, per cell."""

from __future__ import annotations

import _thread
import fcntl
import io
import os
import sys

from fleet_rlm.driver.lineage import Lineage

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, List

__all__ = ["Streams"]

_ERRORS = "backslashreplace"
_BACKGROUND_CHARACTERS = 1 << 20
_FIONREAD = 0x541B  # as Linux numbers it; only there has a worker a line
_NO_BYTES = bytes(4)
_IONBF = 2  # as every C library numbers it
_ioctl = fcntl.ioctl  # code may put something else in its place


class _CellBuffer(io.BufferedWriter):
    """Keeps apart what leftover threads write, as text or as bytes; outlives ``close()``.

    A text stream that code puts around it closes it when it is collected, and both of ours write to it.
    """

    owner: Streams

    def write(self, data: Any) -> int:
        owner = self.owner
        with owner.writing:
            if owner.is_leftover():
                return owner.keep_background(data)
            return super().write(data)

    def close(self) -> None:
        self.flush()


class _CellStream(io.TextIOWrapper):
    """A text stream that outlives ``close()`` and ``detach()``."""

    def close(self) -> None:
        self.flush()

    def detach(self) -> Any:
        self.flush()
        return self.buffer


class Streams:
    """Points descriptors 1 and 2 and Python's own streams at the supervisor's pipe, anew for each cell."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self.writing = _thread.RLock()  # a signal's handler may print while its thread is printing
        self._lineage = Lineage()
        self.is_leftover = self._lineage.is_leftover
        self._background: List[str] = []
        self._background_size = 0
        _unbuffer_c()
        self._open()

    def _open(self) -> None:
        self._point()
        binary = _CellBuffer(io.FileIO(1, "w", closefd=False))
        binary.owner = self
        self._out, self._err = self._text(binary), self._text(binary)
        self._in = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - stdin for as long as the worker lives
        self._put_back()

    def _put_back(self) -> None:
        sys.stdout = sys.__stdout__ = self._out  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = self._err  # type: ignore[misc]
        sys.stdin = self._in

    @staticmethod
    def _text(binary: Any) -> _CellStream:
        # written through to the buffer that both streams share, or an unfinished line would be overtaken
        return _CellStream(binary, encoding="utf-8", errors=_ERRORS, line_buffering=True, write_through=True)

    def _point(self) -> None:
        os.dup2(self._pipe, 1)
        os.dup2(self._pipe, 2)

    def begin(self) -> None:
        """Undo whatever the last cell did to the streams."""
        self._point()
        self._put_back()  # first: a stream that goes with this may close what it was put around
        if not (_is_open(self._out) and _is_open(self._err) and _is_open(self._in)):
            self._open()
        elif self._out.errors != _ERRORS or self._err.errors != _ERRORS:
            self._open()  # reconfigured

    def end(self) -> None:
        """Part with the threads that outlive the cell, then push out what is buffered."""
        with self.writing:  # no thread is between being asked and having written
            self._lineage.end_cell()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:  # noqa: BLE001, S110 - the cell's own stream objects may do anything
            pass
        try:
            self._out.flush()
        except (OSError, ValueError):
            self._open()  # the old ones go, and with them what they held

    def is_taken(self) -> bool:
        """Whether nothing that was written waits to be read by the supervisor."""
        try:
            return _ioctl(self._pipe, _FIONREAD, _NO_BYTES) == _NO_BYTES
        except OSError:
            return False

    def keep_background(self, data: Any) -> int:
        """Put aside the bytes that a leftover thread wrote; the oldest go beyond a limit."""
        text = str(data, "utf-8", "replace")
        self._background.append(text)
        self._background_size += len(text)
        while self._background_size > _BACKGROUND_CHARACTERS:
            self._background_size -= len(self._background.pop(0))
        return memoryview(data).nbytes

    def background(self) -> str:
        """What leftover threads have written since they were left."""
        return "".join(self._background)


def _is_open(stream: Any) -> bool:
    try:
        return not stream.closed
    except ValueError:
        return False  # it, or what is below it, has been detached


def _unbuffer_c() -> None:
    """Have C's stdout written at once, where that can be done: what is buffered there, no cell would show.

    ``ctypes`` itself would cost a start 10 ms; this is as little of it as is needed to pass a pointer.
    """
    program: Any = None  # the running program itself, as dlopen(3) takes it
    try:
        import _ctypes

        handle = _ctypes.dlopen(program, 0)
        pointer: Any = type("pointer", (_ctypes._SimpleCData,), {"_type_": "P"})  # noqa: SLF001 - c_void_p
        library = type("library", (), {"_handle": handle})
        stdout = pointer.in_dll(library, "__stdoutp" if sys.platform == "darwin" else "stdout")
        _ctypes.call_function(_ctypes.dlsym(handle, "setvbuf"), (stdout, None, _IONBF, 0))
    except (ImportError, AttributeError, OSError, ValueError):
        return  # a program without these names
