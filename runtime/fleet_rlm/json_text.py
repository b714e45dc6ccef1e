"""JSON for everybody else: what code has answered, as text that every reader of JSON takes.

Python is more generous. It writes ``NaN`` and ``Infinity``, which are no JSON; and integers of any size, but
neither writes nor reads more than 4,300 decimal digits, because they cost the square of their number.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["dumps", "jsonable", "readable_integers"]

_LEAST_HUGE = 10**4300  # the first integer with more digits than a Python reads unless told to


def dumps(value: Any, **options: Any) -> str:
    """Return plain data as JSON text, its numbers as in ``jsonable``.

    Args:
        value: in JSON's types as Python knows them.
        options: as ``json.dumps`` takes them.
    """
    return json.dumps(jsonable(value), allow_nan=False, **options)


def jsonable(value: Any) -> Any:
    """Return ``value`` with text for every number that not every reader of JSON takes.

    Floats become ``NaN``, ``Infinity`` and ``-Infinity``, integers what ``readable_integers`` makes of them.
    """
    return _with_numbers(value, _number)


def readable_integers(value: Any) -> Any:
    """Return ``value`` with text for every integer that not every reader of JSON takes.

    For one of more than 4,300 digits that is hexadecimal as Python writes it, ``0x…``, which costs no more
    than its length: no answer occupies us for long.
    """
    return _with_numbers(value, _integer)


def _with_numbers(value: Any, told: Callable[[Any], Any]) -> Any:
    kind = type(value)
    if kind is int or kind is float:
        return told(value)
    if kind is list or kind is tuple:
        items = []
        for item in value:  # no comprehension, whose frame would halve the depth that can be walked
            items.append(_with_numbers(item, told))  # noqa: PERF401
        return items
    if kind is dict:
        members = {}
        for key, item in value.items():
            members[key] = _with_numbers(item, told)
        return members
    return value


def _number(value: float) -> float | str:
    if isinstance(value, int):
        return _integer(value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _integer(value: float) -> float | str:
    return hex(value) if isinstance(value, int) and not -_LEAST_HUGE < value < _LEAST_HUGE else value
