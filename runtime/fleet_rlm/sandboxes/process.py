"""A driver as a child process of the host, spoken to over a socket that can carry descriptors."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import select
import signal
import socket
import subprocess
import tempfile
import threading
from concurrent.futures import Future
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SandboxError
from fleet_rlm.protocol import encode_frame
from fleet_rlm.sandboxes.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fleet_rlm.sandboxes.base import Content

__all__ = ["DRIVER_FD", "ProcessConnection", "driver_argv"]

DRIVER_FD = 0
"""The descriptor under which a driver finds its socket (its option ``fd``): stdin, so that whatever starts
the driver in between hands it through. The driver moves it away at once."""

_PACKAGE = Path(__file__).parent.parent
_PIECE = 1 << 16
_INLINE_BYTES = 64 << 10
_CLOSE_SECONDS = 2.0


def driver_argv(python: str, options: str) -> list[str]:
    """Return the command of a driver: isolated mode, no site module, nothing written beside its sources."""
    _compile_driver()
    main = _PACKAGE / "driver" / "__main__.py"
    return [python, "-I", "-S", "-B", "-X", "utf8", str(main), options]


@cache
def _compile_driver() -> None:
    """Have bytecode of the driver's modules beside them: without, each start compiles them anew, for 20 ms.

    A driver writes none itself, and most installers leave compiling to the first import.
    """
    for source in (_PACKAGE / "protocol.py", *_PACKAGE.glob("values/*.py"), *_PACKAGE.glob("driver/**/*.py")):
        SourceFileLoader(source.stem, str(source)).get_code(source.stem)


class ProcessConnection:
    """The connection to a driver that is a child process. See ``sandboxes.base.Connection``."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        end: socket.socket,
        errors: Any,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._process = process
        self._stream = Stream(end)
        self._errors = errors
        self._on_close = on_close
        self._closed = self._has_spoken = False
        self._poll = select.poll()
        self._poll.register(end.fileno(), select.POLLIN)

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | None = None,
        pass_fds: Sequence[int] = (),
        on_close: Callable[[], None] | None = None,
    ) -> ProcessConnection:
        """Start ``argv`` with its end of the socket as stdin.

        Args:
            argv: a command that ends in ``driver_argv(...)``.
            env: its whole environment.
            cwd: its working folder.
            pass_fds: further descriptors to leave open under their own numbers.
            on_close: called once, when the driver has ended and the connection is closed.

        Raises:
            SandboxError: the command cannot be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the connection
        try:
            process = _launcher().run(
                lambda: _popen(argv, theirs=theirs, errors=errors, env=env, cwd=cwd, pass_fds=pass_fds)
            )
        except OSError as error:
            ours.close()
            errors.close()
            raise SandboxError(f"cannot start {argv[0]}: {error.strerror or error}.") from error
        finally:
            theirs.close()
        return cls(process, ours, errors, on_close)

    @property
    def pid(self) -> int:
        """Process id of the command that was started."""
        return self._process.pid

    def stream(self) -> Stream:
        """Return our end of the socket."""
        return self._stream

    def stderr(self) -> str:
        """What the driver or its confinement wrote to stderr so far."""
        if self._errors.closed:
            return ""
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), min(size, _PIECE), 0).decode("utf-8", "replace").strip()

    def send(self, data: bytes, before_waiting: Callable[[], None] | None = None) -> None:
        """Send whole frames."""
        try:
            self._stream.send(data, before_waiting)
        except OSError as error:
            raise self._gone() from error

    def send_value(self, header: dict[str, Any], content: Content) -> None:
        """Send a value: small ones in the frame, others as a descriptor of anonymous memory."""
        if content.size <= _INLINE_BYTES:
            self.send(encode_frame({**header, "via": "inline"}, b"".join(content.chunks())))
            return
        memory = _anonymous_file(header["value"])
        try:
            for chunk in content.chunks():
                _write_all(memory, chunk)
            _seal(memory)
            frame = encode_frame({**header, "via": "fd", "size": content.size})
            self._stream.hand_over(frame, [memory])
        except ConnectionError as error:
            raise self._gone() from error
        except OSError as error:
            raise SandboxError(
                f"cannot hand {content.size:,} bytes to the sandbox: {error.strerror or error}.",
                remedy="Free memory or pass less.",
            ) from error
        finally:
            os.close(memory)

    def wait(self, timeout: float | None) -> bool:
        """Wait until something can be received."""
        return bool(self._poll.poll(None if timeout is None else timeout * 1000))

    def receive(self, timeout: float | None) -> bytes:
        """Return the next bytes, or ``b""`` when the driver has ended."""
        if timeout is not None and not self.wait(timeout):
            raise TimeoutError
        try:
            data = self._stream.receive()
        except OSError as error:
            raise self._gone() from error
        if not data and not self._has_spoken:
            raise self._gone()  # it never started, and stderr says why
        self._has_spoken = True
        return data

    def close(self) -> None:
        """End the driver; it kills its worker when it sees the socket close."""
        if self._closed:
            return
        self._closed = True
        self._stream.hang_up()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._stream.close()
        self._errors.close()
        if self._on_close is not None:
            self._on_close()

    def _gone(self) -> SandboxError:
        said = self.stderr().splitlines()[-1:]  # of a traceback, the error
        why = f": {said[0].strip()}" if said else "."
        return SandboxError(f"the sandbox has ended{why}", remedy="Run `fleet-rlm doctor`.")


def _popen(
    argv: Sequence[str],
    *,
    theirs: socket.socket,
    errors: Any,
    env: Mapping[str, str],
    cwd: str | None,
    pass_fds: Sequence[int],
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(argv),
        stdin=theirs.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=dict(env),
        cwd=cwd,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
    )


def _anonymous_file(name: str) -> int:
    """A file without a name: gone when its last descriptor is, also after a SIGKILL."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(f"fleet-rlm {name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:  # macOS has no memfd
        return os.dup(file.fileno())


def _seal(memory: int) -> None:
    """Make an anonymous file final: code that gets it must not change what later workers read from it."""
    if hasattr(fcntl, "F_ADD_SEALS"):
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class _Launcher:
    """Starts processes from one thread that never ends.

    A parent-death signal, and so ``bwrap --die-with-parent``, fires when the *thread* that forked exits.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="fleet-rlm launcher", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._jobs.get()()

    def run(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        outcome: Future[subprocess.Popen[bytes]] = Future()

        def job() -> None:
            try:
                outcome.set_result(start())
            except BaseException as error:  # noqa: BLE001 - raised again in the caller
                outcome.set_exception(error)

        self._jobs.put(job)
        return outcome.result()


@cache
def _launcher_of(_pid: int) -> _Launcher:
    return _Launcher()


def _launcher() -> _Launcher:
    """The launcher of this process: a forked child has none of its parent's threads."""
    with _launching:
        return _launcher_of(os.getpid())


_launching = threading.Lock()
