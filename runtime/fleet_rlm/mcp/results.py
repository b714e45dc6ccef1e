"""What a tool answers: text of a bounded size, and where the rest of it is.

Text only: of a result that has ``structuredContent`` as well, the client shows the model that JSON and not
the text (seen in 2.1.329 and 2.1.240), and code's output is unreadable as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleet_rlm import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_CHARS", "Link", "Result", "cut", "encodable", "fields", "fits"]

MAX_CHARS = 9_000
"""Characters of a result's main part, as many as the sandbox shows of a step's output."""


@dataclass(frozen=True)
class Link:
    """A resource that holds what a result only shows in part.

    Attributes:
        uri: its address.
        name: what it is.
        chars: its length, if it is known.
    """

    uri: str
    name: str
    chars: int | None = None


@dataclass(frozen=True)
class Result:
    """What a tool answers.

    Attributes:
        text: what the model reads.
        links: resources that the model can read.
        failed: whether the call is to be seen as failed.
    """

    text: str
    links: tuple[Link, ...] = ()
    failed: bool = False


def encodable(text: str) -> str:
    """Return ``text``, lone surrogates escaped: a message with one cannot be sent, which ends the server."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def cut(text: str, most: int) -> str:
    """Return ``text``, its middle left out and counted if it has more than ``most`` characters."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 3
    return f"{text[:head]}\n… {len(text) - head - tail:,} characters not shown …\n{text[-tail:]}"


def fits(values: Mapping[str, Any], most: int = MAX_CHARS) -> bool:
    """Whether ``fields`` shows all of ``values``."""
    return sum(len(_shown(value)) for value in values.values()) <= most


def fields(values: Mapping[str, Any], most: int = MAX_CHARS) -> str:
    """Return ``values`` one after the other; long ones share what short ones leave of ``most`` characters."""
    shown = {name: _shown(value) for name, value in values.items()}
    room, share = most, most
    for left, length in zip(range(len(shown), 0, -1), sorted(map(len, shown.values())), strict=True):
        share = room // left
        room -= min(length, share)
    return "\n".join(f"{name}: {cut(value, share)}" for name, value in shown.items())


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json_text.dumps(value, ensure_ascii=False)
