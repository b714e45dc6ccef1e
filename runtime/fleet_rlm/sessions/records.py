"""What is on disk of a session: a folder of its own with its record, its log and its socket.

``record.json`` is written when the session is ready and again when it ends, so that a later command can say
when and why. Liveness is never read from it: only a broker that answers is alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SessionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Ended", "Record", "Shelf", "Watch", "check_name"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LONGEST_ADDRESS = 100  # bytes: Linux takes 107, macOS 103
_KEPT_SECONDS = 7 * 24 * 3600.0
_KEPT = 20
_ELSEWHERE = "fleet-rlm-session-"
_RECORD = "record.json"


@dataclass(frozen=True)
class Ended:
    """When and why a session ended; ``at`` in seconds since the epoch."""

    at: float
    why: str


@dataclass(frozen=True)
class Record:
    """What is known of a session without asking it.

    Attributes:
        session: its name.
        folder: where it was started; sessions are found by it.
        sandbox: ``local``, ``modal`` or ``trusted``.
        confinement: what confines code in it.
        idle_timeout: seconds.
        started: seconds since the epoch.
        pid: its broker.
        address: the broker's socket.
        protocol: number of the protocol that the broker speaks.
        ended: None while it runs, as far as was written.
    """

    session: str
    folder: str
    sandbox: str
    confinement: str
    idle_timeout: float
    started: float
    pid: int
    address: str
    protocol: int
    ended: Ended | None = None


class Shelf:
    """The folder that holds the folders of all sessions of one user.

    Args:
        root: need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str) -> Path:
        """Where everything of the session ``name`` lies."""
        return self.root / name

    def read(self, name: str) -> Record | None:
        """Return the record of ``name``, or None if there never was one, or it is unreadable."""
        try:
            return _record(name, json.loads((self.folder(name) / _RECORD).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def all(self) -> Iterator[Record]:
        """Every record, the latest started first.

        Raises:
            SessionError: their folder may not be read.
        """
        try:
            folders = list(self.root.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _unusable(self.root, "read", error) from None
        known = [record for folder in folders if (record := self.read(folder.name))]
        yield from sorted(known, key=lambda record: record.started, reverse=True)

    def write(self, record: Record) -> None:
        """Write a record whole, or not at all.

        Raises:
            SessionError: it cannot be written.
        """
        target = self.folder(record.session) / _RECORD
        beside = target.with_name(f"record.{os.getpid()}.tmp")
        try:
            beside.write_text(json.dumps(asdict(record)), encoding="utf-8")
            beside.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise unwritable(target.parent, error) from None

    def end(self, record: Record, why: str) -> Record:
        """Write that the session has ended, and remove what only a running one needs."""
        ended = replace(record, ended=Ended(time.time(), why))
        try:
            if self.folder(record.session).is_dir():
                self.write(ended)
        finally:
            _remove_socket(record.address)
        return ended

    def claim(self, name: str) -> int | None:
        """Lock the name for a new session; None if one runs, or is being started, under it.

        The lock lasts until every copy of the returned descriptor is closed, as at a broker's death.
        """
        folder = self.folder(name)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unwritable(folder, error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), (folder / "lock").stat()):
                return lock
        except OSError:  # somebody has it, or has removed the folder meanwhile
            pass
        os.close(lock)
        return None

    def address(self, name: str) -> str:
        """Where the session's socket shall be: in its folder, or elsewhere if that is too long a path."""
        inside = str(self.folder(name) / "socket")
        if len(os.fsencode(inside)) <= _LONGEST_ADDRESS:
            return inside
        return tempfile.mkdtemp(prefix=_ELSEWHERE, dir=_short_folder()) + "/socket"

    def bury(self, record: Record) -> Record | None:
        """Write down the end of a session whose broker no longer answers; None if a new one is on its way."""
        lock = self.claim(record.session)
        if lock is None:
            return None
        try:
            return self.end(record, "its process was killed (noticed at that time)")
        finally:
            os.close(lock)

    def prune(self) -> None:
        """Forget sessions that ended long ago, and all but the latest of the others."""
        ended = [record for record in self.all() if record.ended]
        for place, record in enumerate(ended):
            if place >= _KEPT or (record.ended and record.ended.at < time.time() - _KEPT_SECONDS):
                lock = self.claim(record.session)
                if lock is not None:
                    shutil.rmtree(self.folder(record.session), ignore_errors=True)
                    os.close(lock)


class Watch:
    """What a broker looks at to see that clients can still find its session.

    Args:
        shelf: where the record is.
        record: is written.

    Raises:
        SessionError: it cannot be.
    """

    def __init__(self, shelf: Shelf, record: Record) -> None:
        self._shelf, self._record = shelf, record
        self._file = shelf.folder(record.session) / _RECORD
        self._write()

    def holds(self) -> bool:
        """Whether folder and socket are there; a record that somebody damaged is written anew."""
        if not self._file.parent.is_dir() or not Path(self._record.address).exists():
            return False
        if self._now() != self._written:
            with contextlib.suppress(SessionError):  # there is no room for it now; later, perhaps
                self._write()
        return True

    def _write(self) -> None:
        self._shelf.write(self._record)
        self._written = self._now()

    def _now(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _record(name: str, data: dict[str, Any]) -> Record:
    ended = data.pop("ended")
    record = Record(**data, ended=Ended(float(ended["at"]), str(ended["why"])) if ended else None)
    if record.session != name or not isinstance(record.folder, str) or not isinstance(record.address, str):
        raise ValueError("not what was written")
    return replace(record, started=float(record.started), pid=int(record.pid))


def unwritable(folder: Path, error: OSError) -> SessionError:
    """The error of a folder that cannot be written in."""
    return _unusable(folder, "written", error)


def _unusable(folder: Path, how: str, error: OSError) -> SessionError:
    return SessionError(
        f"{folder} cannot be {how}: {error.strerror}.",
        remedy="Make room or change its permissions, or set FLEET_RLM_HOME to another folder.",
    )


def check_name(name: str) -> str:
    """Return ``name`` if a session can have it.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a session.",
            remedy="Use up to 63 letters, digits, dots, dashes and underscores.",
        )
    return name


def name_for(folder: str) -> str:
    """A name made from the folder in which a session is started."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(folder).name).strip("-._")[:40]
    return plain or "session"


def _short_folder() -> str:
    """The system's own folder for temporary files: TMPDIR may be as long as the path that was too long."""
    return "/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir()  # noqa: S108 - mkdtemp makes it ours


def _remove_socket(address: str) -> None:
    socket = Path(address)
    with contextlib.suppress(OSError):
        socket.unlink(missing_ok=True)
        if socket.parent.name.startswith(_ELSEWHERE):
            socket.parent.rmdir()


@contextlib.contextmanager
def removed_on_failure(address: str) -> Iterator[None]:
    """Remove the socket of a session that does not come to be."""
    try:
        yield
    except BaseException:
        _remove_socket(address)
        raise


def describe(record: Record) -> dict[str, Any]:
    """The part of a session's status that its record knows."""
    ended = None if record.ended is None else asdict(record.ended)
    return {
        "session": record.session,
        "state": "ended" if ended else "idle",
        "folder": record.folder,
        "sandbox": record.sandbox,
        "started": record.started,
        "ended": ended,
    }
