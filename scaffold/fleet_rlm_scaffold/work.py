"""From decisions to work: which bytes go where, and what the manifest says afterwards. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fleet_rlm_scaffold.model import Disk, Recorded, Regular, digest
from fleet_rlm_scaffold.plan import Action, Decision
from fleet_rlm_scaffold.settings import PATH, SettingsChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleet_rlm_scaffold.manifest import Manifest

__all__ = ["Backup", "Change", "Work", "make_work", "staged_paths"]

_PLAIN, _PROGRAM = 0o666, 0o777  # lowered by the user's umask
_EXECUTE, _READ = 0o111, 0o444
CONFLICT = ".conflict"
"""Ending of a staged copy with conflict markers."""


@dataclass(frozen=True)
class Change:
    """A file to put or, without ``data``, to take away.

    Attributes:
        path: relative to the target, or to the folder of staged files.
        disk: what must still be there when it happens.
        data: the new bytes; None to remove.
        permissions: of the new file; ``exact`` if they are not lowered by the umask.
        exact: whether the permissions are those of the file that is replaced.
    """

    path: str
    disk: Disk
    data: bytes | None
    permissions: int = _PLAIN
    exact: bool = False


@dataclass(frozen=True)
class Backup:
    """A file to be kept before it changes; ``path`` is relative to the folder of backups."""

    path: str
    disk: Regular


@dataclass(frozen=True)
class Work:
    """Everything one command does to the disk, in the order of the attributes.

    Attributes:
        backups: what is kept first.
        blobs: digest -> bytes that a later merge or uninstall needs.
        changes: in the target.
        incoming: in the folder of staged files.
        prune: paths whose folders are removed if that empties them and we made them.
        record: the manifest afterwards; its folders are those that were ours before.
        ends: whether nothing stays installed, so that the manifest goes too.
    """

    record: Manifest

    backups: tuple[Backup, ...] = ()
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    incoming: tuple[Change, ...] = ()
    prune: tuple[str, ...] = ()
    ends: bool = False

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do but, perhaps, to record."""
        return not (self.backups or self.changes or self.incoming or self.ends)


def staged_paths(decision: Decision) -> dict[str, bytes]:
    """Return what is staged for a decision: staged path -> bytes."""
    if decision.action is not Action.STAGE or decision.content is None:
        return {}
    staged = {decision.path: decision.content}
    if decision.conflict and decision.conflict.marked is not None:
        staged[decision.path + CONFLICT] = decision.conflict.marked
    return staged


def make_work(
    decisions: Iterable[Decision],
    settings: SettingsChange,
    before: Manifest,
    staged: Mapping[str, Disk],
    *,
    uninstall: bool,
) -> Work:
    """Return the work that ``decisions`` ask for.

    Args:
        decisions: one a path.
        settings: what happens to the settings file.
        before: the record as it is, with version, scope and context as they are to be.
        staged: what is at each staged path that is recorded or wanted.
        uninstall: whether nothing is to stay installed.
    """
    decisions = tuple(decisions)
    wanted: dict[str, bytes] = {}
    for decision in decisions:
        wanted.update(staged_paths(decision))
    incoming = _incoming(wanted, staged)
    changes = [change for decision in decisions for change in _changes(decision)]
    kept = [Backup(d.path, d.disk) for d in decisions if d.backup and isinstance(d.disk, Regular)]
    kept += _edited_stages(incoming, before.incoming)
    if settings.changes:
        changes.append(_settings_change(settings))
        if settings.backup and isinstance(settings.disk, Regular):
            kept.append(Backup(PATH, settings.disk))
    files = _files(decisions, before.files)
    after = replace(
        before,
        files=files,
        settings=settings.record,
        incoming={**_untouched(before, staged), **{path: digest(data) for path, data in wanted.items()}},
    )
    gone = tuple(d.path for d in decisions if d.action in {Action.REMOVE, Action.RELEASE})
    return Work(
        after,
        tuple(kept),
        _blobs(decisions, settings),
        tuple(changes),
        incoming,
        gone,
        ends=uninstall and not files and settings.record is None,
    )


def _changes(decision: Decision) -> list[Change]:
    if decision.action is Action.REMOVE:
        return [Change(decision.path, decision.disk, None)]
    if decision.action is not Action.WRITE:
        return []
    if isinstance(decision.disk, Regular):
        bits = _with_execute(decision.disk.permissions, decision.executable)
        return [Change(decision.path, decision.disk, decision.content, bits, exact=True)]
    program = decision.new is not None and decision.new.executable
    return [Change(decision.path, decision.disk, decision.content, _PROGRAM if program else _PLAIN)]


def _with_execute(permissions: int, executable: bool | None) -> int:  # noqa: FBT001 - three states of one fact
    if executable is None:
        return permissions
    if not executable:
        return permissions & ~_EXECUTE
    return permissions | ((permissions & _READ) >> 2)


def _settings_change(settings: SettingsChange) -> Change:
    if isinstance(settings.disk, Regular):
        return Change(PATH, settings.disk, settings.write, settings.disk.permissions, exact=True)
    return Change(PATH, settings.disk, settings.write)


def _incoming(wanted: Mapping[str, bytes], staged: Mapping[str, Disk]) -> tuple[Change, ...]:
    changes = []
    for path, disk in sorted(staged.items()):
        data = wanted.get(path)
        same = disk.data == data if isinstance(disk, Regular) else data is None
        if not same:
            changes.append(Change(path, disk, data))
    return tuple(changes)


def _edited_stages(incoming: Iterable[Change], recorded: Mapping[str, str]) -> list[Backup]:
    """A staged file that the user has worked on is the user's."""
    return [
        Backup(f"incoming/{change.path}", change.disk)
        for change in incoming
        if isinstance(change.disk, Regular) and recorded.get(change.path) != change.disk.sha256
    ]


def _untouched(before: Manifest, staged: Mapping[str, Disk]) -> dict[str, str]:
    return {path: sha for path, sha in before.incoming.items() if path not in staged}


def _files(decisions: Iterable[Decision], before: Mapping[str, Recorded]) -> dict[str, Recorded]:
    files = dict(before)
    for decision in decisions:
        if decision.action in {Action.WRITE, Action.RECORD} and decision.new:
            files[decision.path] = decision.new.recorded
        elif decision.action in {Action.REMOVE, Action.RELEASE}:
            files.pop(decision.path, None)
    return files


def _blobs(decisions: Iterable[Decision], settings: SettingsChange) -> dict[str, bytes]:
    blobs = {
        decision.new.sha256: decision.new.data
        for decision in decisions
        if decision.new and decision.action in {Action.WRITE, Action.RECORD, Action.KEEP}
    }
    if settings.keep is not None:
        blobs[digest(settings.keep)] = settings.keep
    return blobs
