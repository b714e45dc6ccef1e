"""One ``claude`` process: started in a group of its own, fed, read, ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet_rlm.models.claude_code import guard
from fleet_rlm.models.claude_code.gate import GATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO

__all__ = ["Call", "Ended", "run"]

_PIECE = 1 << 16
_LAST_SECONDS = 5.0
"""How long a client may take to end after it has closed its output."""
_MOST_STDERR = 1 << 14


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        output: its stdout.
        stderr: the end of its stderr.
        code: its exit code; negative is the signal that ended it.
        was_silent: it was killed because it wrote nothing for too long.
    """

    output: bytes
    stderr: str
    code: int
    was_silent: bool = False


class Call:
    """One question under way, its repetitions included; it can be stopped from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def wait(self, seconds: float) -> None:
        """Wait ``seconds``, or until it is stopped."""
        self._stopped.wait(seconds)

    def stop(self) -> None:
        """Kill the process, if one runs, and start no other."""
        self._stopped.set()
        with self._lock:
            if self._process is not None:
                _kill(self._process)
        GATE.look_again()

    def started(self, process: subprocess.Popen[bytes]) -> None:
        """``process`` now runs for this call."""
        with self._lock:
            self._process = process
            if self._stopped.is_set():
                _kill(process)

    def ended(self) -> None:
        """No process runs for this call."""
        with self._lock:
            self._process = None


def run(
    command: Callable[[str], list[str]],
    *,
    system: str,
    prompt: str,
    env: Mapping[str, str],
    silence: float,
    call: Call,
) -> Ended:
    """Run one client to its end.

    The system prompt is handed over as an open file that has no name, so nothing of it is left on the disk,
    however this ends. The prompt is written once the guard knows of the process: one that we leave behind
    before that finds no prompt, and ends. The working folder is new and empty, and is gone afterwards.

    Args:
        command: the argument list, given a path from which the system prompt can be read.
        system: the system prompt.
        prompt: its stdin.
        env: its whole environment.
        silence: seconds without a byte after which it is killed.
        call: what the process is run for.

    Raises:
        OSError: it cannot be started.
    """
    with (
        tempfile.TemporaryDirectory(prefix="fleet-rlm-claude-") as cwd,
        _holding(system) as system_file,
        tempfile.TemporaryFile() as errors,
    ):
        process = subprocess.Popen(
            command(f"/dev/fd/{system_file.fileno()}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=(system_file.fileno(),),
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
        try:
            guard.guarded(process.pid, cwd)
            call.started(process)
            threading.Thread(target=_feed, args=(process, prompt.encode()), daemon=True).start()
            output, was_silent = _read(process, silence)
        finally:
            call.ended()
            _end(process)
            guard.released(process.pid)
        return Ended(output, _tail(errors), process.returncode, was_silent)


def _holding(text: str) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
    file.write(text.encode())
    file.seek(0)
    return file


def _feed(process: subprocess.Popen[bytes], prompt: bytes) -> None:
    """Write it all: more than a pipe holds waits for a client that may be writing meanwhile."""
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with contextlib.suppress(BrokenPipeError), process.stdin:  # it has ended already
        process.stdin.write(prompt)


def _read(process: subprocess.Popen[bytes], silence: float) -> tuple[bytes, bool]:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    descriptor = process.stdout.fileno()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    pieces: list[bytes] = []
    while poll.poll(silence * 1000):
        piece = os.read(descriptor, _PIECE)
        if not piece:
            return b"".join(pieces), False
        pieces.append(piece)
    return b"".join(pieces), True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that has closed its output; kill one that has not, or that does not end."""
    if process.stdout is not None:
        if not select.select([process.stdout], [], [], 0)[0]:
            _kill(process)
        process.stdout.close()
    try:
        process.wait(_LAST_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(process)
        process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _tail(file: IO[bytes]) -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), _MOST_STDERR, max(0, size - _MOST_STDERR)).decode("utf-8", "replace")
