"""Which files make up an installed distribution and all that it requires: what is offered, one by one."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = ["package_paths"]

_NAME = re.compile(r"[A-Za-z0-9._-]+")


@cache
def package_paths(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the top-level files and folders of these distributions and of what they require.

    Those that are not installed are left out: code then meets an ``ImportError``.
    """
    pending, seen, paths = list(names), set(), set()
    while pending:
        name = pending.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found = (Path(str(distribution.locate_file(entry))) for entry in _entries(distribution))
        paths |= {str(path) for path in found if path.exists()}
        pending += _requirements(distribution.requires or [])
    return tuple(sorted(paths))


def _entries(distribution: metadata.Distribution) -> set[str]:
    """Top-level names that were installed. Read as text: the record's CSV reader takes 20 times as long."""
    record = distribution.read_text("RECORD")
    if record is not None:
        names = {line.split("/", 1)[0].split(",", 1)[0] for line in record.splitlines()}
        return {name for name in names if name and name not in {"..", "__pycache__"} and '"' not in name}
    modules = (distribution.read_text("top_level.txt") or "").split()
    return {form for module in modules for form in (module, f"{module}.py")}


def _requirements(lines: list[str]) -> list[str]:
    """Names required without an extra. Other markers are not judged: what is not installed is skipped."""
    matches = (_NAME.match(line) for line in lines if "extra ==" not in line)
    return [match.group() for match in matches if match]
