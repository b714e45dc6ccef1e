"""From what the user named to the files to read: paths, folders, patterns and standard input."""
# Paths are str, as os.scandir makes them: a walk over thousands of files makes no object per step.
# ruff: noqa: PTH100, PTH111, PTH112, PTH116, PTH120

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fleet_rlm.documents.model import Reason, Skipped, counted, display
from fleet_rlm.documents.opening import file_kind
from fleet_rlm.documents.patterns import EVERYTHING, parse_pattern, split_pattern
from fleet_rlm.documents.walking import Candidate, walk
from fleet_rlm.errors import DocumentError

__all__ = ["STDIN", "Candidate", "Found", "find"]

STDIN = "-"
_STDIN_NAMES = frozenset({STDIN, "/dev/stdin"})
_STDIN_DOCUMENT = "<stdin>"


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
    entries = list(walk(path, EVERYTHING, list_hidden=True))
    skipped = [entry for _, entry in entries if isinstance(entry, Skipped)]
    if len(skipped) == len(entries):
        raise _no_documents(shown, skipped)
    return entries


def _no_documents(shown: str, skipped: list[Skipped]) -> DocumentError:
    left_out = f" (left out: {counted(skipped)})" if skipped else ""
    failed = next((entry for entry in skipped if entry.reason is Reason.UNREADABLE), None)
    message = f"The folder {shown} holds no documents{left_out}."
    if failed is None:
        return DocumentError(message, remedy="Name the files themselves.")
    return DocumentError(f"{message} {failed.detail}", remedy=failed.remedy)


def _expand_pattern(source: str, missing: OSError) -> tuple[str, _Entries]:
    shown = display(source)
    split = split_pattern(os.path.expanduser(source))
    if not split:
        raise DocumentError(
            f"{shown} does not exist.",
            remedy="Download it first." if "://" in source else "Check the path.",
        ) from missing
    base = os.path.abspath(split[0])
    entries = list(walk(base, parse_pattern(split[1]), list_hidden=False)) if os.path.isdir(base) else []
    if not any(isinstance(entry, Candidate) for _, entry in entries):
        raise DocumentError(
            f"No file matches {shown}.",
            remedy="Check the pattern: `**` enters folders; hidden and ignored files have to be named.",
        ) from missing
    return base, entries


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
