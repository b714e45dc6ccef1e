"""Edits in the text of a settings file: only our entries are touched, every other byte stays.

The text is scanned for where each value begins and ends, and entries are spliced in or cut out. Adding to the
end of an array or object and removing it again gives the same text, except that white space alone in ``{ }``
is dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

__all__ = ["ALLOW", "Entries", "NotSettingsError", "add", "missing", "parse", "present", "remove"]

Entries = Mapping[str, list[Any]]
"""An event -> hook entries, and ``ALLOW`` -> permission rules."""

ALLOW = "permissions.allow"
"""Where rules stand that let the client act without asking; no event has a dot in its name."""

_HOOKS = "hooks"
_PERMISSIONS = "permissions"
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class NotSettingsError(ValueError):
    """The text is not a settings file; the message says why, as a clause."""


@dataclass(frozen=True)
class _Node:
    """A value in the text: where it begins and ends, and the same of what it holds."""

    start: int
    end: int
    items: tuple[_Item, ...] = ()


@dataclass(frozen=True)
class _Item:
    """A member of an object (``start`` is its key's) or an element of an array (``key`` is its index)."""

    key: str | int
    start: int
    node: _Node


def parse(text: str) -> dict[str, Any]:
    """Return the settings in ``text``.

    Raises:
        NotSettingsError: if the client could not read them, or hooks or permissions are of another shape.
    """
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except NotSettingsError:
        raise
    except ValueError as error:
        raise NotSettingsError(f"it is not valid JSON ({error})") from error
    hooks = data.get(_HOOKS, {}) if isinstance(data, dict) else None
    if not isinstance(hooks, dict) or not all(isinstance(entries, list) for entries in hooks.values()):
        raise NotSettingsError("it is not an object whose hooks are lists by event")
    permissions = data.get(_PERMISSIONS, {})
    if not isinstance(permissions, dict) or not isinstance(permissions.get("allow", []), list):
        raise NotSettingsError("it is not an object whose allowed permissions are a list")
    return dict(data)


def present(text: str, ours: Entries) -> bool:
    """Whether any of ``ours`` is in ``text``."""
    data = parse(text)
    return any(entry in _list(data, name) for name, entries in ours.items() for entry in entries)


def missing(text: str, ours: Entries) -> Entries:
    """Return those of ``ours`` that are not in ``text``."""
    data = parse(text)
    absent = {
        name: [entry for entry in entries if entry not in _list(data, name)] for name, entries in ours.items()
    }
    return {name: entries for name, entries in absent.items() if entries}


def add(text: str, ours: Entries) -> str:
    """Return ``text`` with ``ours`` at the end of their lists; what is there already is not added again.

    Raises:
        NotSettingsError: if the text is not a settings file.
    """
    for name, entries in ours.items():
        section, key = _where(name)
        for entry in entries:
            there = parse(text).get(section)
            if there is None:
                text = _insert(text, (), section, {key: [entry]})
            elif key not in there:
                text = _insert(text, (section,), key, [entry])
            elif entry not in there[key]:
                text = _insert(text, (section, key), None, entry)
    return text


def remove(text: str, ours: Entries) -> str:
    """Return ``text`` without ``ours``, and without the lists and the object that this empties.

    Raises:
        NotSettingsError: if the text is not a settings file.
    """
    for name, entries in ours.items():
        for entry in entries:
            there = _list(parse(text), name)
            if entry in there:
                text = _cut(text, _where(name), there.index(entry))
                text = _cut_if_empty(text, *_where(name))
    return text


def _where(name: str) -> tuple[str, str]:
    """The section of the settings, and the key in it, that hold the list of this name."""
    return (_PERMISSIONS, "allow") if name == ALLOW else (_HOOKS, name)


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    section, key = _where(name)
    return list(data.get(section, {}).get(key, []))


def _cut_if_empty(text: str, section: str, key: str) -> str:
    there = parse(text)[section]
    if not there[key]:
        text = _cut(text, (section,), key)
        if len(there) == 1:
            text = _cut(text, (), section)
    return text


def _insert(text: str, where: tuple[str, ...], key: str | None, value: Any) -> str:
    node = _find(text, where)
    newline = "\r\n" if "\r\n" in text else "\n"
    unit = _unit(text)
    if node.items:
        first, last = node.items[0], node.items[-1].node.end
        indent = _indent_of(text, first.start) if _own_line(text, first.start) else None
        before = f",{newline}{indent}" if indent is not None else ", "
        return text[:last] + before + _shown(key, value, indent, unit, newline) + text[last:]
    outer = _indent_of(text, node.start)
    piece = _shown(key, value, outer + unit, unit, newline)
    inside = f"{newline}{outer}{unit}{piece}{newline}{outer}"
    return text[: node.start + 1] + inside + text[node.end - 1 :]


def _cut(text: str, where: tuple[str, ...], key: str | int) -> str:
    node = _find(text, where)
    index = next(number for number, item in enumerate(node.items) if item.key == key)
    if len(node.items) == 1:
        return text[: node.start + 1] + text[node.end - 1 :]
    if index:
        return text[: node.items[index - 1].node.end] + text[node.items[index].node.end :]
    return text[: node.items[0].start] + text[node.items[1].start :]


def _shown(key: str | None, value: Any, indent: str | None, unit: str, newline: str) -> str:
    label = "" if key is None else f"{json.dumps(key)}: "
    if indent is None:
        return label + json.dumps(value, ensure_ascii=False)
    lines = json.dumps(value, ensure_ascii=False, indent=unit).split("\n")
    return label + f"{newline}{indent}".join(lines)


def _find(text: str, where: tuple[str, ...]) -> _Node:
    node = _scan(text, _skip(text, 0))
    for key in where:
        node = next(item.node for item in node.items if item.key == key)
    return node


def _scan(text: str, start: int) -> _Node:
    """Return the value at ``start`` of a text that is known to be valid JSON."""
    if text[start] not in "{[":
        return _Node(start, _DECODER.raw_decode(text, start)[1])
    items: list[_Item] = []
    at = _skip(text, start + 1)
    while text[at] not in "}]":
        begin, key = at, len(items)  # type: tuple[int, str | int]
        if text[start] == "{":
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        node = _scan(text, at)
        items.append(_Item(key, begin, node))
        at = _skip(text, node.end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return _Node(start, at + 1, tuple(items))


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _own_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip(" \t") and "\n" in text[:at]


def _indent_of(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    found = re.search(r"\n([ \t]+)\S", text)
    return found.group(1) if found else "  "


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise NotSettingsError("it says one key twice")
    return data


def _no_constant(name: str) -> NoReturn:
    raise NotSettingsError(f"it is not valid JSON ({name})")
