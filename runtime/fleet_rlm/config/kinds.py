"""The kinds of values that settings have: how text becomes a value, and what a wrong one should have been."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FLAG", "SECONDS", "SIZE", "TEXT", "URL", "Kind", "choice", "integer"]

_DURATIONS = {"": 1, "s": 1, "m": 60, "h": 3600}
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True)
class Kind:
    """A kind of value: ``parse`` turns text into it or raises ``ValueError`` with what it must be.

    Attributes:
        name: what help texts call it.
        parse: the check.
        choices: the allowed values, where they can be listed.
    """

    name: str
    parse: Callable[[str], Any]
    choices: tuple[str, ...] = ()


def _text(value: str) -> str:
    return value


def _flag(value: str) -> bool:
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    if value.lower() not in known:
        raise ValueError("true or false")
    return known[value.lower()]


def _size(value: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", value.strip(), re.IGNORECASE)
    if not found or float(found[1]) <= 0:
        raise ValueError("a size such as 512M or 4G")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("a URL that starts with http:// or https://")
    return value


def integer(minimum: int) -> Kind:
    """Return the kind of whole numbers from ``minimum`` up."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", value) or int(value) < minimum:
            raise ValueError(f"a whole number of at least {minimum}")
        return int(value)

    return Kind(f"integer, at least {minimum}", parse)


def _seconds(value: str) -> float:
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smh]?)", value)
    if found is None or float(found[1]) <= 0:
        raise ValueError("a number of seconds above 0")
    return float(found[1]) * _DURATIONS[found[2]]


def choice(*choices: str) -> Kind:
    """Return the kind of exactly these words."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return Kind(f"one of {', '.join(choices)}", parse, choices)


TEXT = Kind("text", _text)
URL = Kind("URL", _url)
FLAG = Kind("true or false", _flag)
SIZE = Kind("size, such as 4G", _size)
SECONDS = Kind("seconds, or such as 30m", _seconds)
