"""A walk over a folder: every file that matches, and what was left out on the way for which reason."""
# Paths are str, as os.scandir makes them: a walk over thousands of files makes no object per step.
# ruff: noqa: PTH110, PTH118

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet_rlm.documents.ignoring import IgnoreRules, is_derived, is_installed
from fleet_rlm.documents.model import Reason, Refusal, Skipped, display
from fleet_rlm.documents.opening import file_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm.documents.patterns import Pattern, States

__all__ = ["Candidate", "walk"]

_LONGEST_SHOWN = 240


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to read."""

    shown: str
    """As messages name it."""
    path: str | None
    """Absolute; None for standard input."""
    size: int
    """Bytes, as the file system says now."""
    named: bool
    """The user named this very file, so failing to read it is an error rather than a warning."""
    name: str = ""
    """Unique name among all documents, once it is known what they have in common."""


@dataclass(frozen=True, slots=True)
class _Level:
    """A folder being walked: what is left of it, and what holds inside."""

    entries: Iterator[os.DirEntry[str]]
    states: States
    rules: IgnoreRules


def walk(root: str, pattern: Pattern, *, list_hidden: bool) -> Iterator[tuple[str, Candidate | Skipped]]:
    """Yield what matches below ``root``, sorted by name, links never followed."""
    real_root = os.path.realpath(root)
    cut = len(root.rstrip("/"))
    above = IgnoreRules.around(root)
    stack = [_Level(iter(_listing(root)), pattern.start(), above.within(root))]
    while stack:
        level = stack[-1]
        entry = next(level.entries, None)
        if entry is None:
            stack.pop()
            continue
        relative = entry.path[cut + 1 :]
        real = os.path.join(real_root, relative)
        states = pattern.advance(level.states, entry.name)
        is_folder = entry.is_dir(follow_symlinks=False)
        if not (pattern.enters(states) if is_folder else pattern.accepts(states)):
            if list_hidden:
                yield real, Skipped(display(relative) + "/" * is_folder, Reason.HIDDEN)
        elif (left_alone := _left_alone(entry, level.rules, is_folder=is_folder)) is not None:
            yield real, _alone(display(relative) + "/" * is_folder, left_alone)
        elif not is_folder:
            yield real, _file(entry, display(relative), real_root)
        else:
            try:
                listing = _listing(entry.path, relative)
            except Refusal as refusal:
                name, remedy = _short(display(relative)) + "/", refusal.remedy or ""
                yield real, Skipped(name, refusal.reason, refusal.message, remedy)
            else:
                stack.append(_Level(iter(listing), states, level.rules.within(entry.path)))


def _left_alone(entry: os.DirEntry[str], rules: IgnoreRules, *, is_folder: bool) -> Reason | None:
    """Say for which reason an entry that matches is not looked at, if it is not."""
    if is_folder and is_installed(entry.path):
        return Reason.INSTALLED
    if (is_folder and is_derived(entry.path)) or rules.ignored(entry.path, is_folder=is_folder):
        return Reason.IGNORED
    return None


def _alone(shown: str, reason: Reason) -> Skipped:
    if reason is Reason.INSTALLED:  # the rule is ours and not the user's, so it is said
        return Skipped(
            shown, reason, f"{shown} holds installed packages.", "Name a folder itself to read it."
        )
    return Skipped(shown, reason)


def _listing(folder: str, shown: str | None = None) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        too_long = error.errno == errno.ENAMETOOLONG
        raise Refusal(
            f"The folder {_short(display(shown or folder))} cannot be listed: {error.strerror}.",
            reason=Reason.UNREADABLE,
            remedy="Move it to where its path is shorter." if too_long else "Check its permissions.",
        ) from error


def _short(shown: str) -> str:
    """A path that may be thousands of characters long, its middle left out."""
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:100]}…{shown[-100:]}"


def _file(entry: os.DirEntry[str], shown: str, real_root: str) -> Candidate | Skipped:
    """Judge a matching entry that is not a folder."""
    if entry.is_symlink():
        return Skipped(shown, Reason.LINK, _about_link(entry.path, shown, real_root))
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Skipped(shown, Reason.UNREADABLE, f"{shown} cannot be read: {error.strerror}.")
    kind = file_kind(status.st_mode)
    if kind:
        return Skipped(shown, Reason.SPECIAL, f"{shown} is {kind}.")
    return Candidate(shown, entry.path, status.st_size, named=False)


def _about_link(path: str, shown: str, real_root: str) -> str:
    if not os.path.exists(path):
        return f"{shown} is a link to nothing."
    target = os.path.realpath(path)
    inside = target == real_root or target.startswith(real_root.rstrip("/") + "/")
    return "" if inside else f"{shown} is a link that leads out of the folder."
