"""What is to be done with each path: the table of the installer's semantics, as data and one match.

Per path there are three states: **R** recorded (what was last *rendered* there), **D** on disk, **N** newly
rendered. Exactly one row applies. ``install``, ``upgrade``, ``uninstall``, ``status``, ``diff`` and
``--dry-run`` all read this one table; nothing here touches a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple, TypeAlias

from fleet_rlm_scaffold.merge import Conflict
from fleet_rlm_scaffold.model import Absent, Disk, Obstacle, Recorded, Regular, Rendered, Unreadable

__all__ = ["ROWS", "Action", "Decision", "Merger", "Policy", "Row", "States", "decide", "plan"]


class Action(Enum):
    """What happens to a path."""

    WRITE = "write"  # put the new content there, and record it
    RECORD = "record"  # only record the new content: it is already there
    KEEP = "keep"  # leave disk and record as they are
    STAGE = "stage"  # leave disk as it is, put the new content beside it for the user to look at
    REMOVE = "remove"  # remove the file and drop the record
    RELEASE = "release"  # leave the file, drop the record
    REFUSE = "refuse"  # leave disk and record as they are, and say so
    ABORT = "abort"  # nothing at all may be written


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        number: as in the documentation.
        name: what the row is called.
        status: two columns: what differs from the record, what an install would do.
        action: what happens.
        forced: what happens with ``--force``.
        verb: how a person is told.
    """

    number: int
    name: str
    status: str
    action: Action
    forced: Action
    verb: str


_CREATE = Row(1, "create", " A", Action.WRITE, Action.WRITE, "created")
_ADOPT = Row(2, "adopt", "  ", Action.RECORD, Action.RECORD, "already there")
_FOREIGN = Row(3, "foreign", "?C", Action.STAGE, Action.WRITE, "replaced")
_UNCHANGED = Row(4, "unchanged", "  ", Action.KEEP, Action.KEEP, "unchanged")
_UPDATE = Row(5, "update", " M", Action.WRITE, Action.WRITE, "updated")
_CONVERGE = Row(6, "converge", "  ", Action.RECORD, Action.RECORD, "already there")
_EDITED = Row(7, "edited", "M ", Action.KEEP, Action.WRITE, "replaced")
_MERGE = Row(8, "merge", "MM", Action.WRITE, Action.WRITE, "merged")
_CONFLICT = Row(8, "conflict", "MC", Action.STAGE, Action.WRITE, "replaced")
_DELETED = Row(9, "deleted by you", "D ", Action.KEEP, Action.WRITE, "created again")
_DROPPED = Row(10, "removed upstream", " D", Action.REMOVE, Action.REMOVE, "removed")
_ORPHAN = Row(11, "orphan", "MO", Action.RELEASE, Action.REMOVE, "removed")
_FORGET = Row(12, "forget", "  ", Action.RELEASE, Action.RELEASE, "forgotten")
_REFUSED = Row(13, "refuse", "X ", Action.REFUSE, Action.REFUSE, "refused")
_ABORTED = Row(14, "refuse all", "X ", Action.ABORT, Action.ABORT, "refused")
_UNINSTALL = Row(15, "uninstall", " D", Action.REMOVE, Action.REMOVE, "removed")
_UNINSTALL_EDITED = Row(16, "uninstall, edited", "M ", Action.RELEASE, Action.REMOVE, "removed")

ROWS = (
    _CREATE,
    _ADOPT,
    _FOREIGN,
    _UNCHANGED,
    _UPDATE,
    _CONVERGE,
    _EDITED,
    _MERGE,
    _CONFLICT,
    _DELETED,
    _DROPPED,
    _ORPHAN,
    _FORGET,
    _REFUSED,
    _ABORTED,
    _UNINSTALL,
    _UNINSTALL_EDITED,
)
"""The whole table; row 8 has two outcomes, and row 17 is that no command has a table of its own."""

NEEDS_YOU = frozenset({Action.STAGE, Action.REFUSE, Action.ABORT})
"""Actions that end in exit code 1."""

Merger: TypeAlias = Callable[[str, Recorded, bytes, bytes], bytes | Conflict]
"""Merges path, recorded base, bytes on disk, new bytes."""


class States(NamedTuple):
    """The three states of a path."""

    recorded: Recorded | None
    disk: Disk
    new: Rendered | None


@dataclass(frozen=True)
class Policy:
    """What the user asked for.

    Attributes:
        force: replace what the user edited, after a backup.
        restore: create again what the user deleted.
        keep: paths whose content on disk is to be taken as the user's answer to the new version.
        uninstall: remove everything.
    """

    force: bool = False
    restore: bool = False
    keep: frozenset[str] = frozenset()
    uninstall: bool = False


@dataclass(frozen=True)
class Decision:
    """What happens to one path, and why.

    Attributes:
        path: relative to the target.
        asset: what it belongs to.
        row: the row that applies.
        action: the row's action under the policy.
        disk: what the decision was made on.
        content: what is to be on disk afterwards (WRITE) or beside it (STAGE).
        new: the rendered file, if there is one.
        backup: whether what is on disk is kept in a backup first.
        conflict: why a merge needs a person.
        executable: True or False if the file's executable bits are to be changed to that, None to leave them.
    """

    path: str
    asset: str
    row: Row
    action: Action
    disk: Disk
    content: bytes | None = None
    new: Rendered | None = None
    backup: bool = False
    conflict: Conflict | None = None
    executable: bool | None = None

    @property
    def needs_you(self) -> bool:
        """Whether the command cannot finish this without the user."""
        return self.action in NEEDS_YOU


def plan(
    recorded: Mapping[str, Recorded],
    disk: Mapping[str, Disk],
    new: Mapping[str, Rendered],
    policy: Policy,
    merger: Merger,
) -> list[Decision]:
    """Return one decision a path, sorted by path, for every path that is recorded or rendered."""
    return [
        decide(path, States(recorded.get(path), disk[path], new.get(path)), policy, merger)
        for path in sorted({*recorded, *new})
    ]


def decide(path: str, states: States, policy: Policy, merger: Merger) -> Decision:
    """Return what happens to ``path``; ``merger`` is asked only where row 8 applies."""
    recorded, disk, new = states
    asset = new.asset if new else recorded.asset if recorded else ""
    row = _row(recorded, disk, None if policy.uninstall else new, policy)
    merged: bytes | Conflict | None = None
    if row is _MERGE and not policy.force and path not in policy.keep:
        merged = _merged(path, recorded, disk, new, merger)
        row = _CONFLICT if isinstance(merged, Conflict) else row
    action = _action(row, policy, keep=path in policy.keep)
    content = merged if isinstance(merged, bytes) else new.data if new else None
    bits = _bits(recorded, new)
    same = isinstance(disk, Regular) and disk.data == content and bits is None
    if action is Action.WRITE and same:
        action = Action.RECORD  # a merge that finds nothing left to merge
    return Decision(
        path,
        asset,
        row,
        action,
        disk,
        content=content if action in {Action.WRITE, Action.STAGE} else None,
        new=new,
        backup=_needs_backup(action, recorded, disk),
        conflict=merged if isinstance(merged, Conflict) else None,
        executable=bits,
    )


def _row(recorded: Recorded | None, disk: Disk, new: Rendered | None, policy: Policy) -> Row:
    match disk:
        case Unreadable():
            return _ABORTED
        case Obstacle():
            return _REFUSED
        case Absent():
            return _row_absent(recorded, new)
        case Regular():
            return _row_present(recorded, disk.sha256, new, policy)


def _row_absent(recorded: Recorded | None, new: Rendered | None) -> Row:
    if new is None:
        return _FORGET
    return _CREATE if recorded is None else _DELETED


def _row_present(recorded: Recorded | None, disk: str, new: Rendered | None, policy: Policy) -> Row:
    if recorded is None:
        return _ADOPT if new and disk == new.sha256 else _FOREIGN
    ours = disk == recorded.sha256
    if new is None:
        return _row_dropped(ours=ours, policy=policy)
    if ours:
        return _UNCHANGED if new.recorded == replace(recorded, asset=new.asset) else _UPDATE
    if disk == new.sha256:
        return _CONVERGE
    return _EDITED if new.sha256 == recorded.sha256 else _MERGE


def _row_dropped(*, ours: bool, policy: Policy) -> Row:
    if policy.uninstall:
        return _UNINSTALL if ours else _UNINSTALL_EDITED
    return _DROPPED if ours else _ORPHAN


def _action(row: Row, policy: Policy, *, keep: bool) -> Action:
    if keep and row in {_FOREIGN, _MERGE}:
        return Action.RECORD
    if row is _DELETED and policy.restore:
        return Action.WRITE
    return row.forced if policy.force else row.action


def _merged(
    path: str, recorded: Recorded | None, disk: Disk, new: Rendered | None, merger: Merger
) -> bytes | Conflict:
    if recorded is None or new is None or not isinstance(disk, Regular):
        raise AssertionError("row 8 has all three states")
    return merger(path, recorded, disk.data, new.data)


def _needs_backup(action: Action, recorded: Recorded | None, disk: Disk) -> bool:
    if action not in {Action.WRITE, Action.REMOVE} or not isinstance(disk, Regular):
        return False
    return recorded is None or disk.sha256 != recorded.sha256


def _bits(recorded: Recorded | None, new: Rendered | None) -> bool | None:
    if new is None or (recorded is not None and recorded.executable == new.executable):
        return None
    return new.executable if recorded is not None or new.executable else None
