"""A process that ends our children when we are gone, however we went.

A client that has read its prompt does not notice that nobody waits for its answer, and goes on asking. A
parent-death signal would do on Linux only, and it fires when the thread ends that started the child. So a
second process holds the other end of a pipe: when that closes, also after ``kill -9``, it kills what is left.
It costs 8 MB once, from the first call on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import cache

__all__ = ["guarded", "released"]

_PROGRAM = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == '+' else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


def guarded(group: int) -> None:
    """Have the process group ``group`` killed if this process ends before `released` is called."""
    _guard().tell("+", group)


def released(group: int) -> None:
    """The group has ended: its number may soon be somebody else's."""
    _guard().tell("-", group)


class _Guard:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def tell(self, sign: str, group: int) -> None:
        with self._lock:
            (self._groups.add if sign == "+" else self._groups.discard)(group)
            if not self._sent(f"{sign}{group}\n"):
                self._process = _start()
                self._sent("".join(f"+{each}\n" for each in self._groups))

    def _sent(self, lines: str) -> bool:
        if self._process is None or self._process.stdin is None or self._process.poll() is not None:
            return False
        try:
            os.write(self._process.stdin.fileno(), lines.encode())
        except BrokenPipeError:  # somebody has killed it
            return False
        return True


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # Ctrl-C is for us; it hears of it when we end
    )


@cache
def _guard_of(_pid: int) -> _Guard:
    return _Guard()


def _guard() -> _Guard:
    """The guard of this process: a forked child must not speak for its parent's children."""
    with _making:
        return _guard_of(os.getpid())


_making = threading.Lock()
