"""Assets as a mapping of relative path to bytes, and the front matter in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from fleet_rlm_scaffold.errors import TargetError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FrontMatterError", "front_matter", "read_folder"]

_SKIPPED = frozenset({".git", ".venv", "node_modules", "__pycache__", ".fleet-rlm", "projects", "plugins"})
_MOST_BYTES = 1_000_000
_FENCE = "---"


class FrontMatterError(ValueError):
    """The front matter cannot be read; the message is a clause."""


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a plugin or of a client's folder, those that assets can be in.

    Raises:
        UsageError: if it is not a folder.
        TargetError: if a file in it cannot be read.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", remedy="Name a plugin's root or a .claude folder.")
    files = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if not _SKIPPED.intersection(inside.parts) and path.is_file() and path.stat().st_size <= _MOST_BYTES:
            files[inside.as_posix()] = _read(path)
    return files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TargetError(
            f"{path} cannot be read: {error.strerror}.", remedy="Make it readable, then run this again."
        ) from error


def front_matter(data: bytes) -> tuple[dict[str, Any], str]:
    """Return the front matter and the body of a Markdown file; no front matter is an empty one.

    Raises:
        FrontMatterError: if it is not closed, not YAML, or not a mapping.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FrontMatterError("it is not UTF-8") from error
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != _FENCE:
        return {}, text
    try:
        end = next(number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE)
        found = yaml.safe_load("\n".join(lines[1:end]))
    except StopIteration as error:
        raise FrontMatterError("the front matter is not closed by ---") from error
    except yaml.YAMLError as error:
        raise FrontMatterError(f"the front matter is not YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(found, dict | None):
        raise FrontMatterError("the front matter is not a mapping")
    return found or {}, "\n".join(lines[end + 1 :])
