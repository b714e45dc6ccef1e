"""From what the user named to the files to read: paths, folders, patterns and standard input."""
# Paths are str, as os.scandir makes them: a walk over thousands of files makes no object per step.
# ruff: noqa: PTH100, PTH110, PTH111, PTH112, PTH116, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fleet_rlm.documents.ignoring import INSTALLED, IgnoreRules
from fleet_rlm.documents.model import Reason, Refusal, Skipped, display
from fleet_rlm.documents.opening import file_kind
from fleet_rlm.documents.patterns import EVERYTHING, Pattern, States, parse_pattern, split_pattern
from fleet_rlm.errors import DocumentError

__all__ = ["STDIN", "Candidate", "Found", "find"]

STDIN = "-"
_STDIN_NAMES = frozenset({STDIN, "/dev/stdin"})
_STDIN_DOCUMENT = "<stdin>"


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
class Found:
    """All files to read, in order, and what was left out on the way."""

    candidates: tuple[Candidate, ...]
    skipped: tuple[Skipped, ...]


def find(sources: Iterable[str]) -> Found:
    """Find every file that ``sources`` stand for, each once, in a fixed order.

    Raises:
        DocumentError: a source does not exist, matches nothing or cannot be listed.
    """
    files: dict[str, Candidate] = {}
    skipped: dict[str, Skipped] = {}
    anchors: list[str] = []
    for source in sources:
        root, entries = _expand(source)
        anchors += [root] if root else []
        for real, entry in entries:
            if isinstance(entry, Skipped):
                skipped.setdefault(real, entry)
            elif entry.named and real in files:
                files[real] = replace(files[real], named=True)
            else:
                files.setdefault(real, entry)
    common = os.path.commonpath(anchors) if anchors else ""
    left_out = tuple(entry for real, entry in skipped.items() if real not in files)
    return Found(tuple(_named_uniquely(files.values(), common)), left_out)


_Entries = Iterable[tuple[str, "Candidate | Skipped"]]


def _expand(source: str) -> tuple[str | None, _Entries]:
    """Return what names are relative to, and (real path, entry) for all that ``source`` stands for."""
    if source in _STDIN_NAMES:
        return None, [(STDIN, Candidate(_STDIN_DOCUMENT, None, 0, named=True))]
    path = os.path.abspath(os.path.expanduser(source))
    shown = display(source)
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        return _expand_pattern(source, error)
    except (OSError, ValueError) as error:
        raise _cannot_read(shown, error) from error
    if os.path.isdir(path):
        return path, _folder(path, shown)
    kind = file_kind(status.st_mode)
    if kind:
        raise DocumentError(
            f"{shown} is {kind}, not a file.",
            remedy="Only files are read; pipe its content to `--docs-path -`.",
        )
    candidate = Candidate(shown, path, status.st_size, named=True)
    return os.path.dirname(path), [(os.path.realpath(path), candidate)]


def _cannot_read(shown: str, error: OSError | ValueError) -> DocumentError:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return DocumentError(f"{shown} cannot be read: {why}.", remedy="Check the path and its permissions.")


def _folder(path: str, shown: str) -> _Entries:
    entries = list(_walk(path, EVERYTHING, list_hidden=True))
    if not any(isinstance(entry, Candidate) for _, entry in entries):
        left_out = f" ({len(entries)} left out: hidden, ignored or no regular files)" if entries else ""
        raise DocumentError(
            f"The folder {shown} holds no documents{left_out}.", remedy="Name the files themselves."
        )
    return entries


def _expand_pattern(source: str, missing: OSError) -> tuple[str, _Entries]:
    shown = display(source)
    split = split_pattern(os.path.expanduser(source))
    if not split:
        raise DocumentError(
            f"{shown} does not exist.",
            remedy="Download it first." if "://" in source else "Check the path.",
        ) from missing
    base = os.path.abspath(split[0])
    entries = list(_walk(base, parse_pattern(split[1]), list_hidden=False)) if os.path.isdir(base) else []
    if not any(isinstance(entry, Candidate) for _, entry in entries):
        raise DocumentError(
            f"No file matches {shown}.",
            remedy="Check the pattern: `**` enters folders; hidden and ignored files have to be named.",
        ) from missing
    return base, entries


@dataclass(frozen=True, slots=True)
class _Level:
    """A folder being walked: what is left of it, and what holds inside."""

    entries: Iterator[os.DirEntry[str]]
    states: States
    rules: IgnoreRules


def _walk(root: str, pattern: Pattern, *, list_hidden: bool) -> Iterator[tuple[str, Candidate | Skipped]]:
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
        elif _left_alone(entry, level.rules, is_folder=is_folder):
            yield real, Skipped(display(relative) + "/" * is_folder, Reason.IGNORED)
        elif not is_folder:
            yield real, _file(entry, display(relative), real_root)
        else:
            try:
                stack.append(_Level(iter(_listing(entry.path)), states, level.rules.within(entry.path)))
            except Refusal as refusal:
                yield (
                    real,
                    Skipped(display(relative) + "/", refusal.reason, refusal.message, refusal.remedy or ""),
                )


def _left_alone(entry: os.DirEntry[str], rules: IgnoreRules, *, is_folder: bool) -> bool:
    if is_folder and (entry.name in INSTALLED or os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))):
        return True
    return rules.ignored(entry.path, is_folder=is_folder)


def _listing(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise Refusal(
            f"The folder {display(folder)} cannot be listed: {error.strerror}.",
            reason=Reason.UNREADABLE,
            remedy="Check its permissions.",
        ) from error


def _file(entry: os.DirEntry[str], shown: str, real_root: str) -> Candidate | Skipped:
    """Judge a matching entry that is not a folder."""
    if entry.is_symlink():
        inside = os.path.realpath(entry.path).startswith(real_root.rstrip("/") + "/")
        return Skipped(
            shown, Reason.LINK, "" if inside else f"{shown} is a link that leads out of the folder."
        )
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Skipped(shown, Reason.UNREADABLE, f"{shown} cannot be read: {error.strerror}.")
    kind = file_kind(status.st_mode)
    if kind:
        return Skipped(shown, Reason.SPECIAL, f"{shown} is {kind}.")
    return Candidate(shown, entry.path, status.st_size, named=False)


def _named_uniquely(candidates: Iterable[Candidate], common: str) -> Iterator[Candidate]:
    """Name each file by its path below ``common``; escaping may make two equal, so they get numbers."""
    taken: set[str] = set()
    for candidate in candidates:
        wanted = name = (
            display(candidate.path[len(common.rstrip("/")) + 1 :]) if candidate.path else candidate.shown
        )
        number = 1
        while name in taken:
            number += 1
            name = f"{wanted} ({number})"
        taken.add(name)
        yield replace(candidate, name=name, shown=candidate.shown if candidate.named else name)
