"""The installer's own folder in the target: where things are in it, and how they are read."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet_rlm_scaffold import manifest as manifests
from fleet_rlm_scaffold.errors import TargetError
from fleet_rlm_scaffold.lock import LOCK
from fleet_rlm_scaffold.model import Regular, digest
from fleet_rlm_scaffold.paths import STATE, fault
from fleet_rlm_scaffold.root import FILE, FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm_scaffold.manifest import Merged
    from fleet_rlm_scaffold.root import Root

__all__ = [
    "BACKUPS",
    "BLOBS",
    "INCOMING",
    "MANIFEST",
    "NOTE",
    "TEMPORARY",
    "Note",
    "check",
    "ours",
    "read_blob",
    "read_note",
]

MANIFEST = f"{STATE}/manifest.json"
BLOBS = f"{STATE}/blobs"
INCOMING = f"{STATE}/incoming"
BACKUPS = f"{STATE}/backups"
TEMPORARY = f"{STATE}/tmp"  # noqa: S108 - in our own folder
NOTE = f"{TEMPORARY}/note.json"

_SHAPE = {
    **dict.fromkeys((STATE, BLOBS, INCOMING, BACKUPS, TEMPORARY), FOLDER),
    **dict.fromkeys((MANIFEST, LOCK), FILE),
}
_NAMES = {BLOBS: re.compile("[0-9a-f]{64}"), TEMPORARY: re.compile(r"[0-9]+|note\.json")}


@dataclass(frozen=True)
class Note:
    """What a run wrote down before its first effect; it is there while one runs, or after one was killed.

    It is no journal: nothing is replayed. It only keeps what cannot be seen afterwards.

    Attributes:
        dirs: folders that the run was going to make, or that were ours already.
        paths: files that it was going to change.
        settings: the record of the settings file that it was going to leave.
    """

    dirs: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    settings: Merged | None = None

    def dump(self) -> bytes:
        """Return the note as JSON."""
        settings = manifests.dump_settings(self.settings) if self.settings else None
        return json.dumps({"dirs": sorted(self.dirs), "paths": self.paths, "settings": settings}).encode()


def check(root: Root) -> None:
    """Make sure that nothing else stands where a folder or a file of ours has to be.

    Raises:
        TargetError: naming what is in the way, or cannot be read.
    """
    for path, kind in _SHAPE.items():
        with _readable(root, path.rpartition("/")[0] or "."):
            found = root.kind(path)
        _expect(root, path, found, kind)
    for folder in _NAMES:
        with _readable(root, folder):
            kinds = {path: root.kind(path) for path in ours(root, folder)}
        for path, found in kinds.items():
            _expect(root, path, found, FILE)


@contextlib.contextmanager
def _readable(root: Root, folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(
            f"{root.path / folder} cannot be read: {error.strerror}.",
            remedy="Make it readable, then run this again.",
        ) from error


def _expect(root: Root, path: str, found: str | None, kind: str) -> None:
    if found not in {None, kind}:
        raise TargetError(
            f"{root.path / path} is in the way: it is {found}.", remedy="Move it away, then run this again."
        )


def ours(root: Root, folder: str) -> list[str]:
    """Return the paths in ``BLOBS`` or ``TEMPORARY`` that a run made; what else is there is never swept."""
    return [f"{folder}/{name}" for name in root.names(folder) if _NAMES[folder].fullmatch(name)]


def read_note(root: Root) -> Note | None:
    """Return what a killed run left, or None; a note that was cut short says nothing, as nothing was done."""
    disk = root.observe(NOTE)
    if not isinstance(disk, Regular):
        left = root.is_folder(TEMPORARY) and (ours(root, TEMPORARY) or not root.names(TEMPORARY))
        return Note() if left else None
    try:
        raw = json.loads(disk.data)
        dirs = frozenset(path for path in raw["dirs"] if path == "." or not fault(path))
        paths = tuple(path for path in raw["paths"] if not fault(path))
        return Note(dirs, paths, manifests.load_settings(raw["settings"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Note()


def read_blob(root: Root, sha: str) -> bytes | None:
    """Return the bytes that were kept under a digest; None if they are gone or have been changed."""
    disk = root.observe(f"{BLOBS}/{sha}")
    return disk.data if isinstance(disk, Regular) and digest(disk.data) == sha else None
