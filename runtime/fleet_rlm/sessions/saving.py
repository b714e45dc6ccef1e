"""Writing a variable of a session into files of this machine, where agents can read them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from fleet_rlm import json_text
from fleet_rlm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["save", "told"]

_TEXT_KEYS = ("content", "text", "answer")  # what the chunk helpers and `ask` call the text of an item


def save(value: Any, variable: str, folder: Path, *, replace: bool) -> list[Path]:
    """Write ``value`` and return the files: a text is one, a list of texts one each, all else JSON.

    Args:
        value: plain data.
        variable: the beginning of the files' names.
        folder: is made if need be.
        replace: take the place of what an earlier save wrote under these names.

    Raises:
        UsageError: the files are there already, or cannot be written.
    """
    contents = _files(value, variable)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = _earlier(folder, variable)
        if earlier and not replace:
            raise UsageError(
                f"{earlier[0]} is there already.",
                remedy="Name another folder, or `replace` (--replace) what begins with this name.",
            )
        for name, text in contents.items():
            _write(folder / name, text)
        for path in earlier:
            if path.name not in contents:
                path.unlink()
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder} cannot be written: {error.strerror}.",
            remedy="Name a folder that you can write in.",
        ) from None
    return [folder / name for name in contents]


def told(result: Mapping[str, Any]) -> str:
    """Return in one line what a save has answered: how many files, how large, which."""
    files = result["files"]
    last = f" … {files[-1]}" if len(files) > 1 else ""
    return f"{len(files):,} file{'s' * (len(files) != 1)}, {result['bytes']:,} bytes: {files[0]}{last}"


def _files(value: Any, variable: str) -> dict[str, str]:
    if isinstance(value, str):
        return {f"{variable}.txt": value}
    texts = [_text(item) for item in value] if isinstance(value, list) and value else [None]
    if any(text is None for text in texts):
        return {f"{variable}.json": json_text.dumps(value, ensure_ascii=False, indent=1)}
    width = max(4, len(str(len(texts) - 1)))
    return {f"{variable}-{number:0{width}}.txt": text or "" for number, text in enumerate(texts)}


def _text(item: Any) -> str | None:
    if isinstance(item, str):
        return item
    if isinstance(item, dict):
        return next((item[key] for key in _TEXT_KEYS if isinstance(item.get(key), str)), None)
    return None


def _earlier(folder: Path, variable: str) -> list[Path]:
    ours = re.compile(rf"{re.escape(variable)}(-\d{{4,}}\.txt|\.txt|\.json)")
    return sorted(path for path in folder.iterdir() if ours.fullmatch(path.name))


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
