"""The private folder of one session, and the canaries that its driver tries to reach.

A session is removed when it is closed. What a host that was killed has left behind is swept when the next
one starts: every folder is locked by the host that made it, for as long as that host lives, and a driver
does not outlive its host.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Session", "sweep"]

_PREFIX, _LOCK = "session-", "lock"
_NAMES_TRIED = 50
_LONGEST_BASE = 50  # a canary's socket lies 50 characters deeper, and its address holds 104 at most


@dataclass
class Session:
    """One private folder: ``tmp`` for the code, ``site`` for its packages, and canaries beside them.

    Attributes:
        folder: the folder, readable to this user alone.
        canaries: what the driver's probe tries to reach; see ``driver/lockdown/attempts.py``.
    """

    folder: Path
    canaries: dict[str, Any] = field(default_factory=dict)
    _lock: int = -1
    _listeners: list[socket.socket] = field(default_factory=list)

    @classmethod
    def create(cls, *, environment: Iterable[str], visible: Iterable[str]) -> Session:
        """Make a session and put its canaries out.

        Args:
            environment: names of the only variables that the driver gets.
            visible: paths that exist inside; the names that they have in the home folder are no secret.

        Raises:
            SandboxError: there is no place for it.
        """
        try:
            base = _base_folder()
            sweep(base)
            session = cls._locked(base)
            session.put_canaries(environment, visible)
        except OSError as error:
            raise SandboxError(
                f"cannot prepare a private folder in {tempfile.gettempdir()}: {error}.",
                remedy="Set TMPDIR to a folder of yours with room in it.",
            ) from error
        return session

    @classmethod
    def _locked(cls, base: Path) -> Session:
        """Lock first, then give it the name under which a sweep would look at it."""
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=base))
        lock = os.open(fresh / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = fresh.rename(base / f"{_PREFIX}{fresh.name.removeprefix('new-')}")
        for name in ("tmp", "site", "outside"):
            (folder / name).mkdir(mode=0o700)
        return cls(folder, _lock=lock)

    @property
    def tmp(self) -> str:
        """Folder for the code to write in, where the confinement has none of its own."""
        return str(self.folder / "tmp")

    @property
    def site(self) -> Path:
        """Folder in which the offered packages are linked, where paths cannot be mapped."""
        return self.folder / "site"

    def put_canaries(self, environment: Iterable[str], visible: Iterable[str]) -> None:
        """Make a file and listeners that nobody inside should reach, and write down where they are."""
        outside = self.folder / "outside"
        (outside / "canary").write_text("outside\n", encoding="utf-8")
        home = Path(os.path.expanduser("~"))  # noqa: PTH111 - which raises nothing if there is no home
        self.canaries = {
            "file": str(outside / "canary"),
            "folder": str(outside),
            "home": str(home),
            "names": _names_to_hide(home, visible),
            "host": os.getpid(),
            "tcp": self._listen(socket.AF_INET, ("127.0.0.1", 0))[1],
            "unix": self._listen(socket.AF_UNIX, str(outside / "s")),
            "environment": sorted(environment),
        }
        if sys.platform == "linux":
            self.canaries["abstract"] = f"fleet-rlm-{secrets.token_hex(8)}"
            self._listen(socket.AF_UNIX, "\0" + self.canaries["abstract"])

    def _listen(self, family: int, address: Any) -> Any:
        listener = socket.socket(family, socket.SOCK_STREAM)
        self._listeners.append(listener)
        listener.bind(address)
        listener.listen(1)
        return listener.getsockname()

    def close(self) -> None:
        """Remove everything. Idempotent, never raises."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._lock >= 0:
            _remove(self.folder)
            os.close(self._lock)
            self._lock = -1


def sweep(base: Path) -> None:
    """Remove the sessions in ``base`` whose host has gone."""
    for folder in base.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # removed by its owner meanwhile, or locked: alive
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
            finally:
                os.close(lock)


def _base_folder() -> Path:
    """A folder in the temporary folder that only this user can have made."""
    temporary = tempfile.gettempdir()
    if len(os.fsencode(temporary)) > _LONGEST_BASE:
        temporary = "/tmp"  # noqa: S108 - it is checked below
    base = Path(temporary) / f"fleet-rlm-{os.getuid()}"
    with suppress(FileExistsError):
        base.mkdir(mode=0o700)
    status = base.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{base} belongs to somebody else")
    return base


def _names_to_hide(home: Path, visible: Iterable[str]) -> list[str]:
    """Some names in the home folder that nobody inside has a reason to see."""
    known = {Path(path).relative_to(home).parts[:1] for path in visible if Path(path).is_relative_to(home)}
    with suppress(OSError):
        return [name for name in sorted(path.name for path in home.iterdir()) if (name,) not in known][
            :_NAMES_TRIED
        ]
    return []


def _remove(folder: Path) -> None:
    """Remove a tree in which hostile code may have made folders that cannot be entered."""
    for path, names, _ in os.walk(folder):
        for name in names:
            if not (inner := Path(path) / name).is_symlink():
                with suppress(OSError):
                    inner.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
