"""The target folder as a descriptor: every access walks from it without following a symbolic link."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

from typing_extensions import Self

from fleet_rlm_scaffold.errors import TargetError, refused
from fleet_rlm_scaffold.model import Absent, Disk, Obstacle, Regular, Unreadable
from fleet_rlm_scaffold.paths import parents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

__all__ = ["FILE", "FOLDER", "Root", "open_root"]

FILE, FOLDER = "a regular file", "a folder"
"""What ``Root.kind`` calls the two things that are not in the way."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)  # non-blocking: a pipe is looked at, not waited for
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _BlockedError(NotADirectoryError):
    """A part of a path is there but is not a folder; ``why`` says which, and what it is."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.ENOTDIR, why)
        self.why = why


class Root:
    """An open folder; paths given to its methods are relative, checked by ``paths.fault`` before.

    It is not a sandbox against another process of the same user: it makes sure that a link, wherever it
    is, never leads a read or a write out of the folder.

    Args:
        path: the folder, as the reader is told of it.
        descriptor: the folder, open.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def observe(self, path: str) -> Disk:
        """Return what is at ``path``, its bytes included; never raises for what it finds there."""
        try:
            with self._parent(path) as (folder, name):
                return _look(folder, name)
        except FileNotFoundError:
            return Absent()
        except _BlockedError as error:
            return Obstacle(error.why)
        except OSError as error:
            return Unreadable(error.strerror or type(error).__name__)

    def names(self, path: str) -> list[str]:
        """Return the sorted names in the folder ``path``; none if it is absent or not a folder."""
        try:
            with self._parent(path) as (folder, name):
                descriptor = os.open(name, _FOLDER, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            return sorted(os.listdir(descriptor))  # noqa: PTH208 - a descriptor has no path
        finally:
            os.close(descriptor)

    def is_folder(self, path: str) -> bool:
        """Whether ``path`` is a real folder, reached without a link."""
        try:
            return self.kind(path) == FOLDER
        except OSError:
            return False

    def kind(self, path: str) -> str | None:
        """Return what is at ``path``, in a person's words; None if nothing is."""
        try:
            with self._parent(path) as (folder, name):
                return _kind_of(folder, name)
        except FileNotFoundError:
            return None

    def exists(self, path: str) -> bool:
        """Whether anything at all is at ``path``."""
        return not isinstance(self.observe(path), Absent)

    def make_folders(self, path: str) -> list[str]:
        """Make the folders above ``path``; return those that were not there, outermost first."""
        made = []
        for folder in parents(path):
            with self._parent(folder) as (above, name):
                try:
                    os.mkdir(name, dir_fd=above)
                except FileExistsError:
                    continue
            made.append(folder)
        return made

    def create(self, path: str, data: bytes, permissions: int) -> None:
        """Create the file ``path``, which must not exist, and wait until its bytes are on disk.

        ``permissions`` are lowered by the user's umask, as for any new file.
        """
        with self._parent(path) as (folder, name):
            descriptor = os.open(name, _CREATE, permissions, dir_fd=folder)
            try:
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def open_lock(self, path: str) -> int:
        """Open ``path`` for locking, creating it if it is absent; the caller closes the descriptor."""
        with self._parent(path) as (folder, name):
            return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)

    def inode(self, path: str) -> int | None:
        """Return the inode number at ``path``, or None if nothing is there."""
        try:
            with self._parent(path) as (folder, name):
                return os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino
        except FileNotFoundError:
            return None

    def set_permissions(self, path: str, permissions: int) -> None:
        """Set the permission bits of the regular file ``path``."""
        with self._parent(path) as (folder, name):
            descriptor = os.open(name, _READ, dir_fd=folder)
            try:
                os.fchmod(descriptor, permissions)
            finally:
                os.close(descriptor)

    def move(self, source: str, destination: str) -> None:
        """Put ``source`` at ``destination`` in one step, replacing a file that is there."""
        with self._parent(source) as (from_folder, from_name), self._parent(destination) as (folder, name):
            os.replace(from_name, name, src_dir_fd=from_folder, dst_dir_fd=folder)

    def link(self, source: str, destination: str) -> None:
        """Give the file ``source`` a second name, which must not exist."""
        with self._parent(source) as (from_folder, from_name), self._parent(destination) as (folder, name):
            os.link(from_name, name, src_dir_fd=from_folder, dst_dir_fd=folder, follow_symlinks=False)

    def remove(self, path: str) -> None:
        """Remove the file ``path``; nothing happens if it is absent."""
        with contextlib.suppress(FileNotFoundError), self._parent(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def remove_folder(self, path: str) -> bool:
        """Remove the folder ``path`` if it is empty; return whether it is gone."""
        try:
            with self._parent(path) as (folder, name):
                os.rmdir(name, dir_fd=folder)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def sync_folder(self, path: str) -> None:
        """Wait until the names in the folder of ``path`` are on disk."""
        with contextlib.suppress(FileNotFoundError), self._parent(path) as (folder, _name):
            os.fsync(folder)

    @contextlib.contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Yield the open folder that holds ``path``, and the last part of it."""
        *folders, name = path.split("/")
        current = os.dup(self._descriptor)
        try:
            for index, part in enumerate(folders):
                inner = _enter(current, part, "/".join(folders[: index + 1]))
                os.close(current)
                current = inner
            yield current, name
        finally:
            os.close(current)


def _enter(folder: int, part: str, so_far: str) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except OSError as error:
        what = _kind_of(folder, part)
        if what in {None, FOLDER}:
            raise
        raise _BlockedError(f"{so_far} is {what}") from error


def _look(folder: int, name: str) -> Disk:
    what = _kind_of(folder, name)
    if what is None:
        return Absent()
    if what != FILE:
        return Obstacle(f"it is {what}")
    descriptor = os.open(name, _READ, dir_fd=folder)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return Obstacle("it is a special file")
        return Regular(file.read(), stat.S_IMODE(status.st_mode))


def _kind_of(folder: int, name: str) -> str | None:
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if stat.S_ISDIR(mode):
        return FOLDER
    return FILE if stat.S_ISREG(mode) else "a special file"


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def open_root(target: Path, *, create: bool) -> Root | None:
    """Open the folder to install into; a link to it is resolved once, here.

    Args:
        target: the folder, absolute.
        create: make it if it is absent (its parent must be there).

    Returns:
        The open folder, or None if it is absent and ``create`` is false.

    Raises:
        TargetError: if it cannot be used safely: not a folder, writable by everybody, another user's, or not
            to be made.
    """
    try:
        resolved = target.resolve()
        if create and not resolved.exists():
            _make(resolved)
        descriptor = os.open(resolved, _FOLDER)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise TargetError(f"{target} is not a folder.", remedy="Name another with --target.") from error
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TargetError(
            f"{target} cannot be opened: {reason}.", remedy="Name another with --target."
        ) from error
    unsafe = _unsafe(os.fstat(descriptor))
    if unsafe:
        os.close(descriptor)
        raise TargetError(f"{target} is not safe to install into: {unsafe}")
    return Root(target, descriptor)


def _make(target: Path) -> None:
    if not target.parent.is_dir():
        raise TargetError(
            f"{target} cannot be made: {target.parent} is not there.",
            remedy=f"Make it (mkdir -p {target.parent}), or name another folder with --target.",
        )
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise refused(error, str(target.parent)) from error


def _unsafe(status: os.stat_result) -> str | None:
    if status.st_mode & stat.S_IWOTH:
        return "everybody may write there. Run `chmod o-w` on it, or name another with --target."
    if os.geteuid() not in {0, status.st_uid}:
        return f"it belongs to another user (uid {status.st_uid}). Run as that user, or use --target."
    return None
