"""Effects on one root, each with its way back."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

from fleet_rlm_scaffold.model import Regular
from fleet_rlm_scaffold.paths import parents
from fleet_rlm_scaffold.state import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm_scaffold.root import Root
    from fleet_rlm_scaffold.work import Change

__all__ = ["Transaction", "beside"]

_PRIVATE = 0o600


def beside(path: str) -> str:
    """Return the name of a temporary file in the folder of ``path``, for folders on another file system."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}.{name}.fleet-rlm-tmp"


class Transaction:
    """What one run does to the disk.

    Args:
        root: the target.

    Attributes:
        made: folders that the run made.
    """

    def __init__(self, root: Root) -> None:
        self.made: list[str] = []
        self._root = root
        self._count = 0
        self._restores: list[tuple[str, Callable[[], object]]] = []
        self._cleanups: list[Callable[[], object]] = []

    def fresh(self, path: str, data: bytes, permissions: int = _PRIVATE) -> None:
        """Create a file in the state folder; on failure it goes again, once everything else is back."""
        for folder in parents(path):
            if not self._root.is_folder(folder):
                self._cleanups.append(lambda folder=folder: self._root.remove_folder(folder))  # type: ignore[misc]
                self._root.make_folders(f"{folder}/x")
        self._cleanups.append(lambda: self._root.remove(path))
        self._root.create(path, data, permissions)

    def temporary(self, data: bytes, permissions: int = _PRIVATE) -> str:
        """Create a temporary file and return its path."""
        path = self._name()
        self.fresh(path, data, permissions)
        return path

    def put(self, temporary: str, change: Change, path: str) -> None:
        """Move a temporary file to ``path``, making the folders above it."""
        for folder in parents(path):
            if self._root.is_folder(folder):
                continue
            self._restores.append((folder, lambda folder=folder: self._root.remove_folder(folder)))  # type: ignore[misc]
            self.made += self._root.make_folders(f"{folder}/x")
        stash = self._stash(change, path)
        if change.exact:
            self._root.set_permissions(temporary, change.permissions)
        self._restores.append((path, lambda: self._back(stash, path)))
        self._move(temporary, path)

    def drop(self, change: Change, path: str) -> None:
        """Take the file at ``path`` away."""
        stash = self._stash(change, path)
        self._restores.append((path, lambda: self._back(stash, path)))
        self._root.remove(path)

    def prune(self, folder: str) -> bool:
        """Remove a folder if it is empty; return whether it is gone."""
        if not self._root.is_folder(folder):
            return not self._root.exists(folder)
        self._restores.append((folder, lambda: self._root.make_folders(f"{folder}/x")))
        return self._root.remove_folder(folder)

    def undo(self) -> list[str]:
        """Go back to where it began; return the paths where that failed."""
        failed = []
        for path, restore in reversed(self._restores):
            try:
                restore()
            except OSError:  # noqa: PERF203 - the rest must still be restored
                failed.append(path)
        if not failed:  # else backups and stashes are what is left of the user's files
            for cleanup in reversed(self._cleanups):
                with contextlib.suppress(OSError):
                    cleanup()
        return failed

    def _stash(self, change: Change, path: str) -> str | None:
        """Keep what is at ``path`` under a second name, and return that."""
        if not isinstance(change.disk, Regular):
            return None
        stash = self._name()
        try:
            self._root.link(path, stash)
        except OSError:  # another file system, or one without links
            self.fresh(stash, change.disk.data)
            self._root.set_permissions(stash, change.disk.permissions)
        else:
            self._cleanups.append(lambda: self._root.remove(stash))
        return stash

    def _back(self, stash: str | None, path: str) -> None:
        if stash is None:
            self._root.remove(path)
        elif self._root.exists(stash):
            self._move(stash, path)

    def _move(self, source: str, path: str) -> None:
        try:
            self._root.move(source, path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._move_across(source, path)

    def _move_across(self, source: str, path: str) -> None:
        there = self._root.observe(source)
        if not isinstance(there, Regular):
            raise FileNotFoundError(errno.ENOENT, "a temporary file is gone", source)
        near = beside(path)
        self._cleanups.append(lambda: self._root.remove(near))
        self._root.remove(near)
        self._root.create(near, there.data, _PRIVATE)
        self._root.set_permissions(near, there.permissions)
        self._root.move(near, path)
        self._root.remove(source)

    def _name(self) -> str:
        self._count += 1
        return f"{TEMPORARY}/{self._count}"
