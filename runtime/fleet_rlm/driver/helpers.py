"""Helpers that generated code finds by name: looking, splitting, collecting, keeping.

Plain functions over text, importable on the host as well. They raise on misuse; an error is never a
return value. Offsets and lengths are in characters.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    import re
    from typing import Any, Dict, Iterator, List, Optional, Tuple

__all__ = [
    "HELPERS",
    "VOLUME",
    "add_buffer",
    "chunk_by_headers",
    "chunk_by_json_keys",
    "chunk_by_size",
    "chunk_by_timestamps",
    "clear_buffer",
    "get_buffer",
    "grep",
    "load_from_volume",
    "peek",
    "save_to_volume",
]

TIMESTAMP = r"^\[?\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?"
_FILE_BYTES = 1 << 20


class _Volume:
    """Where ``/data`` really is; set by the driver, None without a volume."""

    root: Optional[str] = None


VOLUME = _Volume()
_buffers: Dict[str, List[Any]] = {}


def peek(text: str, start: int = 0, length: int = 2000) -> str:
    """Return ``length`` characters of ``text`` from ``start``; a negative start counts from the end."""
    _want_text(text)
    if length < 0:
        raise ValueError(f"length must not be negative, got {length}")
    begin = max(0, len(text) + start) if start < 0 else start
    return text[begin : begin + length]


def grep(text: str, pattern: str, *, context: int = 0) -> List[str]:
    """Return the lines in which the regular expression ``pattern`` is found, with ``context`` lines around.

    With context, lines that belong together are joined into one item. Use (?i) to ignore case.
    """
    import re

    _want_text(text)
    if context < 0:
        raise ValueError(f"context must not be negative, got {context}")
    found: List[List[int]] = []
    for line in _matching_lines(text, re.compile(pattern)):
        begin, end = _widen(text, *line, context)
        if context and found and begin <= found[-1][1] + 1:
            found[-1][1] = end
        else:
            found.append([begin, end])
    return [text[begin:end] for begin, end in found]


def _matching_lines(text: str, pattern: re.Pattern[str]) -> Iterator[Tuple[int, int]]:
    """Spans of the lines with a match, found without splitting the text: it may be hundreds of megabytes."""
    import re

    position = 0
    whole = re.compile(pattern.pattern, pattern.flags | re.MULTILINE)
    while (match := whole.search(text, position)) is not None:
        begin = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", max(match.start(), begin))
        end = len(text) if end < 0 else end
        if begin > end or begin >= len(text):
            return
        if match.end() > end and not pattern.search(
            text[begin:end]
        ):  # a match across lines is none of grep's
            position = match.start() + 1
            continue
        yield begin, end
        position = end + 1


def _widen(text: str, begin: int, end: int, lines: int) -> Tuple[int, int]:
    for _ in range(lines):
        if begin > 0:
            begin = text.rfind("\n", 0, begin - 1) + 1
        if end < len(text):
            following = text.find("\n", end + 1)
            end = len(text) if following < 0 else following
    return begin, end


def chunk_by_size(text: str, size: int = 200_000, overlap: int = 0) -> List[str]:
    """Cut into pieces of ``size`` characters, each repeating the last ``overlap`` of the one before."""
    _want_text(text)
    if size <= 0:
        raise ValueError(f"size must be positive, got {size}")
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be at least 0 and smaller than size, got {overlap} with size {size}")
    last = max(1, len(text) - overlap)
    return [text[start : start + size] for start in range(0, last, size - overlap)] if text else []


def chunk_by_headers(text: str, pattern: str = r"^#{1,3} ") -> List[Dict[str, Any]]:
    """Cut at lines that match ``pattern``: [{"header", "content", "start_pos"}].

    Text before the first header has header "".
    """
    import re

    _want_text(text)
    chunks = []
    for start, end in _spans(text, re.compile(pattern, re.MULTILINE)):
        line_end = text.find("\n", start, end)
        line_end = end if line_end < 0 else line_end
        is_header = re.compile(pattern, re.MULTILINE).match(text, start) is not None
        header = text[start:line_end].strip() if is_header else ""
        content = text[line_end:end].strip("\n") if is_header else text[start:end].strip("\n")
        chunks.append({"header": header, "content": content, "start_pos": start})
    return chunks


def chunk_by_timestamps(text: str, pattern: str = TIMESTAMP) -> List[Dict[str, Any]]:
    """Cut a log at lines that begin with a timestamp: [{"timestamp", "content", "start_pos"}].

    Lines without one (a traceback, say) stay with the entry before; text before the first has timestamp "".
    """
    import re

    _want_text(text)
    stamp = re.compile(pattern, re.MULTILINE)
    chunks = []
    for start, end in _spans(text, stamp):
        match = stamp.match(text, start)
        found = match.group(0).lstrip("[") if match else ""
        chunks.append({"timestamp": found, "content": text[start:end].rstrip("\n"), "start_pos": start})
    return chunks


def _spans(text: str, pattern: re.Pattern[str]) -> Iterator[Tuple[int, int]]:
    """Spans from each line start where ``pattern`` matches to the next."""
    starts = [match.start() for match in pattern.finditer(text)]
    if text and (not starts or starts[0] > 0) and text[: starts[0] if starts else None].strip():
        starts.insert(0, 0)
    return zip(starts, [*starts[1:], len(text)])


def chunk_by_json_keys(text: str) -> List[Dict[str, Any]]:
    """Cut a JSON object at its top-level keys: [{"key", "content", "value_type"}], content being JSON text.

    Raises:
        ValueError: the text is not a JSON object.
    """
    import json

    _want_text(text)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError(f"a JSON object is needed, not a {type(data).__name__}")  # noqa: TRY004 - it is the text that is wrong
    return [
        {
            "key": key,
            "content": json.dumps(value, indent=2, ensure_ascii=False),
            "value_type": type(value).__name__,
        }
        for key, value in data.items()
    ]


def add_buffer(name: str, value: Any) -> None:
    """Append ``value`` to the list kept under ``name``; it survives from cell to cell."""
    _buffers.setdefault(_want_name(name), []).append(value)


def get_buffer(name: str) -> List[Any]:
    """Return a copy of the list kept under ``name``, empty if there is none."""
    return list(_buffers.get(_want_name(name), ()))


def clear_buffer(name: Optional[str] = None) -> None:
    """Forget the list kept under ``name``, or all of them."""
    if name is None:
        _buffers.clear()
    else:
        _buffers.pop(_want_name(name), None)


def save_to_volume(path: str, content: str) -> str:
    """Write text to ``path`` on the volume (``/data``), whole or not at all; return the full path."""
    _want_text(content)
    real, shown = _volume_path(path)
    os.makedirs(os.path.dirname(real), exist_ok=True)
    temporary = f"{real}.{os.getpid()}.part"
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        os.replace(temporary, real)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    return shown


def load_from_volume(path: str) -> str:
    """Return the text of ``path`` on the volume (``/data``).

    Raises:
        FileNotFoundError: there is no such file.
    """
    real, shown = _volume_path(path)
    if not os.path.isfile(real):
        raise FileNotFoundError(f"{shown} is not on the volume")
    with open(real, encoding="utf-8", newline="") as source:
        return source.read()


def _volume_path(path: str) -> Tuple[str, str]:
    """The real path and the path as code knows it; refuses what leaves the volume, links included."""
    if VOLUME.root is None:
        raise RuntimeError("this session has no volume; it was started without --volume-name")
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"a path on the volume is needed, not {path!r}")
    relative = path[len("/data") :].lstrip("/") if path == "/data" or path.startswith("/data/") else path
    root = os.path.realpath(VOLUME.root)
    real = os.path.realpath(os.path.join(root, relative))
    if relative.startswith("/") or not real.startswith(root + os.sep):
        raise PermissionError(f"{path} is outside the volume; use a path under /data")
    return real, "/data/" + os.path.relpath(real, root)


def _want_text(value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"text is needed, not {type(value).__name__}")


def _want_name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"a buffer's name is a non-empty str, not {name!r}")
    return name


HELPERS = (
    peek,
    grep,
    chunk_by_size,
    chunk_by_headers,
    chunk_by_timestamps,
    chunk_by_json_keys,
    add_buffer,
    get_buffer,
    clear_buffer,
    save_to_volume,
    load_from_volume,
)
"""What every worker binds, in the order in which the planner is told of it."""
