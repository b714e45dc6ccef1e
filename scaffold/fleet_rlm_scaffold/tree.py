"""A folder of rendered files in a repository: what in it is not current, and how it is made so.

This is for makers of assets, under version control; a user's folder is only ever touched through the engine.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fleet_rlm_scaffold.errors import TargetError
from fleet_rlm_scaffold.paths import parents
from fleet_rlm_scaffold.stamp import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fleet_rlm_scaffold.model import Rendered

__all__ = ["DONE", "compare", "write"]

DONE = {"missing": "written", "stale": "written", "extra": "removed"}
"""What writing does about each finding."""


def compare(folder: Path, files: Mapping[str, Rendered]) -> dict[str, str]:
    """Return path -> ``missing``, ``stale``, or ``extra`` (made by us once, and not any more), sorted.

    Raises:
        TargetError: if a file there cannot be read.
    """
    with _told(folder, "read"):
        return _compare(folder, files)


def _compare(folder: Path, files: Mapping[str, Rendered]) -> dict[str, str]:
    found = {path: what for path, file in files.items() if (what := _difference(folder / path, file))}
    tops = {path.partition("/")[0] for path in files if "/" in path}
    for top in tops:
        for path in sorted((folder / top).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if name not in files and path.is_file() and MARK.encode() in path.read_bytes()[:4096]:
                found[name] = "extra"
    return dict(sorted(found.items()))


def write(folder: Path, files: Mapping[str, Rendered], found: Mapping[str, str]) -> None:
    """Make the folder current for what ``compare`` found.

    Raises:
        TargetError: if something is in the way, before the first write; or if a write fails.
    """
    with _told(folder, "written"):
        for path in found:
            _check(folder, path)
        _write(folder, files, found)


def _write(folder: Path, files: Mapping[str, Rendered], found: Mapping[str, str]) -> None:
    for path, what in found.items():
        place = folder / path
        if what == "extra":
            place.unlink()
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(files[path].data)
        place.chmod(0o755 if files[path].executable else 0o644)


def _check(folder: Path, path: str) -> None:
    """Make sure that a write to ``path`` replaces a file in the folder, or nothing."""
    for part in (*parents(path), path):
        place = folder / part
        if place.is_symlink():
            what = "a symbolic link"
        elif not place.exists() or (place.is_file() if part == path else place.is_dir()):
            continue
        else:
            what = "a folder" if place.is_dir() else "no folder"
        raise TargetError(
            f"{place} is in the way: it is {what}.", remedy="Move it away, then run this again."
        )


@contextlib.contextmanager
def _told(folder: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(
            f"{error.filename or folder} cannot be {what}: {error.strerror}.",
            remedy="Put its permissions right, or name another folder with --output.",
        ) from error


def _difference(place: Path, file: Rendered) -> str | None:
    if not place.is_file():
        return "missing"
    same = place.read_bytes() == file.data and os.access(place, os.X_OK) == file.executable
    return None if same else "stale"
