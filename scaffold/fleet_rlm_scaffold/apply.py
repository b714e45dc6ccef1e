"""The only module that writes: backups, blobs and temporary files, then replacements, the manifest last.

Killed at any point it leaves a tree that the next run heals: what was replaced is adopted or converges, what
was not is done again. An exception undoes what was done.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from fleet_rlm_scaffold import manifest as manifests
from fleet_rlm_scaffold import state
from fleet_rlm_scaffold.errors import WriteRefusedError, refused
from fleet_rlm_scaffold.model import Regular
from fleet_rlm_scaffold.paths import STATE, parents
from fleet_rlm_scaffold.transaction import Transaction, beside
from fleet_rlm_scaffold.work import Change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet_rlm_scaffold.manifest import Manifest
    from fleet_rlm_scaffold.root import Root
    from fleet_rlm_scaffold.work import Work

__all__ = ["ChangedMeanwhileError", "apply", "tidy"]


class ChangedMeanwhileError(Exception):
    """A file is no longer what the plan was made on; nothing was done, so plan again."""


def apply(root: Root, work: Work, before: bytes | None) -> str | None:
    """Do ``work`` in ``root``; the caller holds the lock.

    Args:
        root: the target.
        work: what is to be done.
        before: the manifest's bytes that the work was planned on.

    Returns:
        The folder of this run's backups, relative to the target, or None if there were none.

    Raises:
        ChangedMeanwhileError: if the disk is no longer what was planned on; everything is as it was.
        WriteRefusedError: if the system refused a write; everything is as it was, or it says what is not.
    """
    run = Transaction(root)
    try:
        backups, record = _apply(run, root, work, before)
    except BaseException as error:
        failed = run.undo()
        if failed:
            raise WriteRefusedError(
                f"Undoing failed for {', '.join(failed)}, after: {error}.",
                remedy=f"Run the same command again; earlier content is in {root.path / state.BACKUPS}.",
            ) from error
        tidy(root)
        if isinstance(error, OSError):
            raise refused(error, str(root.path)) from error
        raise
    with contextlib.suppress(OSError):  # what is left over is swept by the next run
        _finish(root, record)
    return backups


def _apply(
    run: Transaction, root: Root, work: Work, before: bytes | None
) -> tuple[str | None, Manifest | None]:
    manifest = root.observe(state.MANIFEST)
    if (manifest.data if isinstance(manifest, Regular) else None) != before:
        raise ChangedMeanwhileError
    _begin(run, root, work)
    backups = _back_up(run, root, work)
    for sha, data in work.blobs.items():
        if state.read_blob(root, sha) is None:
            root.remove(f"{state.BLOBS}/{sha}")
            run.fresh(f"{state.BLOBS}/{sha}", data)
    _change(run, root, work)
    record = _prune(run, work)
    if record is None:
        run.drop(Change(state.MANIFEST, manifest, None), state.MANIFEST)
    else:
        new = manifests.dump(record)
        run.put(run.temporary(new, 0o666), Change(state.MANIFEST, manifest, new), state.MANIFEST)
    root.sync_folder(state.MANIFEST)
    return backups, record


def _begin(run: Transaction, root: Root, work: Work) -> None:
    """Sweep what a killed run left, and note what the next run must know if this one is killed."""
    old = state.read_note(root)
    for path in old.paths if old else ():
        root.remove(beside(path))
    for path in state.ours(root, state.TEMPORARY):
        if path != state.NOTE:
            root.remove(path)
    paths = tuple(change.path for change in work.changes)
    missing = {folder for path in paths for folder in parents(path) if not root.is_folder(folder)}
    note = state.Note(frozenset(missing | work.record.dirs), paths, work.record.settings)
    if old is None:
        run.fresh(state.NOTE, note.dump())
    else:  # the old note knows what nobody else does: it goes only when a run has succeeded
        root.move(run.temporary(note.dump()), state.NOTE)


def _back_up(run: Transaction, root: Root, work: Work) -> str | None:
    if not work.backups:
        return None
    taken = set(root.names(state.BACKUPS))
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (stamp if count == 1 else f"{stamp}-{count}" for count in range(1, len(taken) + 2))
    folder = f"{state.BACKUPS}/{next(name for name in names if name not in taken)}"
    for backup in work.backups:
        run.fresh(f"{folder}/{backup.path}", backup.disk.data, backup.disk.permissions)
        root.sync_folder(f"{folder}/{backup.path}")
    return folder


def _change(run: Transaction, root: Root, work: Work) -> None:
    places = [(change, change.path) for change in work.changes]
    places += [(change, f"{state.INCOMING}/{change.path}") for change in work.incoming]
    ready = [
        (change, path, None if change.data is None else run.temporary(change.data, change.permissions))
        for change, path in places
    ]
    for change, path, temporary in ready:
        if root.observe(path) != change.disk:
            raise ChangedMeanwhileError
        if temporary is None:
            run.drop(change, path)
        else:
            run.put(temporary, change, path)
    _sync(root, (path for _, path in places))


def _sync(root: Root, paths: Iterable[str]) -> None:
    for folder in sorted({path.rpartition("/")[0] for path in paths}):
        root.sync_folder(f"{folder}/x" if folder else "x")


def _prune(run: Transaction, work: Work) -> Manifest | None:
    """Remove the folders that we made and that are empty now; return the record with those that stay."""
    ours = work.record.dirs | {folder for folder in run.made if not folder.startswith(STATE)}
    above = ours if work.ends else {folder for path in work.prune for folder in parents(path)}
    gone = {
        folder
        for folder in sorted((ours & above) - {"."}, key=lambda path: path.count("/"), reverse=True)
        if run.prune(folder)
    }
    return None if work.ends else replace(work.record, dirs=ours - gone)


def _finish(root: Root, record: Manifest | None) -> None:
    """Remove what nothing needs any more."""
    used = {entry.sha256 for entry in record.files.values()} if record else set()
    if record and record.settings and record.settings.before:
        used.add(record.settings.before)
    for path in state.ours(root, state.BLOBS):
        if path.rpartition("/")[2] not in used:
            root.remove(path)
    _remove_empty(root, state.INCOMING)
    for path in state.ours(root, state.TEMPORARY):
        root.remove(path)
    tidy(root)


def tidy(root: Root) -> None:
    """Remove what is empty in the state folder; where nothing is installed, the lock (ours) and itself."""
    for folder in (state.TEMPORARY, state.BLOBS, state.INCOMING, state.BACKUPS):
        root.remove_folder(folder)
    if set(root.names(STATE)) <= {"lock", "backups"}:
        root.remove(f"{STATE}/lock")
        root.remove_folder(STATE)


def _remove_empty(root: Root, folder: str) -> None:
    for name in root.names(folder):
        if root.is_folder(f"{folder}/{name}"):
            _remove_empty(root, f"{folder}/{name}")
    root.remove_folder(folder)
