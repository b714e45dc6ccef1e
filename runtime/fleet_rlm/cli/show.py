"""Results for people and for programs."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from fleet_rlm import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_TEXT = 4_000
"""Longest text shown to a person, in characters."""

MAX_ITEMS = 40
"""Longest list shown to a person."""

_MORE = "--full-output shows everything"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def json_line(value: Any) -> None:
    """Print one JSON object on one line, in ASCII: nothing in a document can break it."""
    click.echo(json_text.dumps(value))


def json_indented(value: Any) -> None:
    """Print indented JSON."""
    click.echo(printable(json_text.dumps(value, indent=2, ensure_ascii=False)))


def readable(title: str, result: Mapping[str, Any]) -> None:
    """Print a result for a person: a heading for each field; what is cut says so."""
    lines = [title, ""]
    for key, value in json_text.jsonable(dict(result)).items():
        if key not in {"complete", "warnings"}:
            lines += [*_field(key, value), ""]
    lines += [f"Note: {warning}" for warning in result["warnings"]]
    click.echo(printable("\n".join(lines).rstrip()))


def _field(key: str, value: Any) -> Iterator[str]:
    label = key.replace("_", " ").capitalize()
    if key == "trajectory":
        yield label
        yield from (f"  {line}" for line in _steps(value))
    elif isinstance(value, (list, dict)):
        yield f"{label} ({len(value)})"
        yield from (f"  {line}" for line in _lines(value))
    else:
        first, *rest = _text(value)
        yield f"{label}: {first}" if not rest else label
        yield from (f"  {line}" for line in ([first, *rest] if rest else []))


def _steps(steps: list[dict[str, Any]]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        yield f"{number}. {first_line(step['code'])}"
        yield f"   → {first_line(str(step['output']))}"
    yield f"({_MORE})"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        entries = [(f"{key}: ", item) for key, item in value.items()]
    elif isinstance(value, list):
        entries = [("- ", item) for item in value]
    else:
        yield from _text(value)
        return
    for lead, item in entries[:MAX_ITEMS]:
        first, *rest = list(_lines(item)) or ["(none)"]
        nested = isinstance(item, (list, dict)) and lead != "- "
        yield lead.rstrip() if nested else lead + first
        yield from (f"  {line}" for line in ([first, *rest] if nested else rest))
    if len(entries) > MAX_ITEMS:
        yield f"… and {len(entries) - MAX_ITEMS:,} more; {_MORE}"


def _text(value: Any) -> list[str]:
    text = str(value)
    lines = text[:MAX_TEXT].splitlines() or [""]
    if len(text) > MAX_TEXT:
        lines.append(f"… {len(text) - MAX_TEXT:,} more characters; {_MORE}")
    return lines


def first_line(text: str, width: int = 88) -> str:
    """Return the first line that says something, cut to ``width`` characters."""
    return _line(text.splitlines(), width)


def last_line(text: str, width: int = 88) -> str:
    """Return the last line that says something, cut to ``width`` characters: of a traceback, the error."""
    return _line(text.splitlines()[::-1], width)


def _line(lines: list[str], width: int) -> str:
    line = next((line.strip() for line in lines if line.strip()), "")
    line = _CONTROL.sub("�", line)
    return line if len(line) <= width else line[: width - 1] + "…"


def printable(text: str) -> str:
    """Make control characters visible, and keep to what can be encoded: no document drives a terminal."""
    return encodable(_CONTROL.sub("�", text))


def encodable(text: str) -> str:
    """Escape what the output's encoding cannot express."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
