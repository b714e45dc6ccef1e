"""A folder of rendered files in a repository: what in it is not current, and how it is made so.

This is for makers of assets, under version control; a user's folder is only ever touched through the engine.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fleet_rlm_scaffold.stamp import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fleet_rlm_scaffold.model import Rendered

__all__ = ["DONE", "compare", "write"]

DONE = {"missing": "written", "stale": "written", "extra": "removed"}
"""What writing does about each finding."""


def compare(folder: Path, files: Mapping[str, Rendered]) -> dict[str, str]:
    """Return path -> ``missing``, ``stale``, or ``extra`` (made by us once, and not any more), sorted."""
    found = {path: what for path, file in files.items() if (what := _difference(folder / path, file))}
    tops = {path.partition("/")[0] for path in files if "/" in path}
    for top in tops:
        for path in sorted((folder / top).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if name not in files and path.is_file() and MARK.encode() in path.read_bytes()[:4096]:
                found[name] = "extra"
    return dict(sorted(found.items()))


def write(folder: Path, files: Mapping[str, Rendered], found: Mapping[str, str]) -> None:
    """Make the folder current for what ``compare`` found."""
    for path, what in found.items():
        place = folder / path
        if what == "extra":
            place.unlink()
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(files[path].data)
        place.chmod(0o755 if files[path].executable else 0o644)


def _difference(place: Path, file: Rendered) -> str | None:
    if not place.is_file():
        return "missing"
    same = place.read_bytes() == file.data and os.access(place, os.X_OK) == file.executable
    return None if same else "stale"
