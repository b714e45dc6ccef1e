"""JSON for everybody else: what code has answered, as text that every reader of JSON takes.

Python writes integers of any size, but neither writes nor reads more than 4,300 decimal digits, because they
cost the square of their number.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["dumps", "readable_integers"]

_LEAST_HUGE = 10**4300  # the first integer with more digits than a Python reads unless told to


def dumps(value: Any, **options: Any) -> str:
    """Return plain data as JSON text, its numbers as in ``readable_integers``.

    Args:
        value: in JSON's types as Python knows them.
        options: as ``json.dumps`` takes them.
    """
    return json.dumps(readable_integers(value), **options)


def readable_integers(value: Any) -> Any:
    """Return ``value`` with text for every integer that not every reader of JSON takes.

    For one of more than 4,300 digits that is hexadecimal as Python writes it, ``0x…``, which costs no
    more than its length: no answer occupies us for long.
    """
    kind = type(value)
    if kind is int:
        return value if -_LEAST_HUGE < value < _LEAST_HUGE else hex(value)
    if kind is list or kind is tuple:
        items = []
        for item in value:  # no comprehension, whose frame would halve the depth that can be walked
            items.append(readable_integers(item))  # noqa: PERF401
        return items
    if kind is dict:
        members = {}
        for key, item in value.items():
            members[key] = readable_integers(item)
        return members
    return value
