"""A process that ends our children when we are gone, however we went.

A client that has read its prompt does not notice that nobody waits for its answer, and goes on asking. A
parent-death signal would do on Linux only, and it fires when the thread ends that started the child. So a
second process holds the other end of a pipe: when that closes, also after ``kill -9``, it kills what is left
and removes the empty folders that it worked in.
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
folders = {}
for line in sys.stdin:
    group, _, folder = line[1:].strip().partition(' ')
    if line[0] == '+':
        folders[int(group)] = folder
    else:
        folders.pop(int(group), None)
for group, folder in folders.items():
    for undo in (lambda: os.killpg(group, signal.SIGKILL), lambda: os.rmdir(folder)):
        try:
            undo()
        except OSError:
            pass
"""


def guarded(group: int, folder: str) -> None:
    """Have the process group ``group`` killed if this process ends before `released` is called.

    Args:
        group: its number.
        folder: is then removed, if it is empty.
    """
    _guard().add(group, folder)


def released(group: int) -> None:
    """The group has ended: its number may soon be somebody else's."""
    _guard().remove(group)


class _Guard:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: dict[int, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, group: int, folder: str) -> None:
        with self._lock:
            self._folders[group] = folder
            self._tell(f"+{group} {folder}\n")

    def remove(self, group: int) -> None:
        with self._lock:
            if self._folders.pop(group, None) is not None:
                self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        if not self._sent(line):
            self._process = _start()
            self._sent("".join(f"+{group} {folder}\n" for group, folder in self._folders.items()))

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
