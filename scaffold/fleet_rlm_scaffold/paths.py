"""Which relative paths may be written at all: a lexical check, before any file system is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleet_rlm_scaffold.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CONTROL", "STATE", "check_path", "check_paths", "fault", "parents", "told"]

STATE = ".fleet-rlm"
"""The folder under the target that holds the manifest, blobs, staged files and backups."""

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""What would break a line of a report, or a command in one."""


def told(path: str) -> str:
    """Return a path that somebody typed so that it stays on one line."""
    return repr(path) if CONTROL.search(path) else path


def fault(path: str) -> str | None:
    """Return why ``path`` may not be used, or None if it is a plain relative POSIX path."""
    parts = path.split("/")
    if not path or CONTROL.search(path):
        return "it is empty or holds a control character"
    if path.startswith("/") or "\\" in path or parts[0].endswith(":"):
        return "it is not a relative path with forward slashes"
    if any(part in {"", ".", ".."} for part in parts):
        return "it holds an empty part, `.` or `..`"
    if parts[0].casefold() == STATE:
        return f"{STATE} is the installer's own folder"
    return None


def check_path(path: str) -> str:
    """Return ``path`` if it may be used.

    Raises:
        TemplateError: if it may not, with the reason.
    """
    why = fault(path)
    if why:
        raise TemplateError(f"The path {path!r} is refused: {why}.")
    return path


def check_paths(paths: Iterable[str]) -> None:
    """Check each path, and that no two are one file where case does not count.

    Raises:
        TemplateError: naming the path that is refused, and why.
    """
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(check_path(path).casefold(), path)
        if other != path:
            raise TemplateError(f"The paths {other!r} and {path!r} are one file where case does not count.")
    for path in seen.values():
        for parent in parents(path):
            if parent.casefold() in seen:
                raise TemplateError(f"The path {parent!r} would be a file and the folder of {path!r}.")


def parents(path: str) -> list[str]:
    """Return the folders above ``path``, outermost first: ``a/b/c`` gives ``a``, ``a/b``."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
