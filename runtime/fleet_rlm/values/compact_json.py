"""JSON without the ``json`` package, whose import takes a driver longer than all else that it imports.

What does the work in both is the C module ``_json``. Its encoder, made once, also saves what ``json`` spends
on making one at each call. Where that module is not what CPython has had since 3.9, ``json`` itself serves.

This module is shipped into sandboxes: standard library only, Python 3.9 and newer.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["dumps", "loads"]


_DIGITS = 4300
_digits_allowed = getattr(sys, "get_int_max_str_digits", int)  # int() is 0, which there means no limit


def _short_int(text: str) -> int:
    """``int``, where Python has no limit or was told to have none: its cost is the square of the length."""
    if len(text) > _DIGITS:
        raise ValueError(f"a number of more than {_DIGITS:,} digits")
    return int(text)


class _Settings:
    """What ``json.JSONDecoder`` is to its C scanner: these attributes."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_constant = float, float
    parse_int: Callable[[str], int] = int


class _Bounded(_Settings):
    parse_int = staticmethod(_short_int)


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is not JSON")


def _fast() -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """Both directions on the C module.

    Raises:
        ImportError: there is none; this is not CPython.
        TypeError: it takes other arguments.
        ValueError: it does something else.
    """
    from _json import encode_basestring_ascii, make_encoder, make_scanner

    encode = make_encoder(None, _refuse, encode_basestring_ascii, None, ":", ",", False, False, False)  # noqa: FBT003 - C
    limited = make_scanner(_Settings)  # type: ignore[arg-type] # as typed, it would need one to make one
    bounded = make_scanner(_Bounded)  # type: ignore[arg-type]

    def write(value: Any) -> str:
        return "".join(encode(value, 0))

    def read(text: str) -> Any:
        scan = limited if _digits_allowed() else bounded
        try:
            value, end = scan(text, 0)
        except (StopIteration, ValueError, SystemError):  # the last: it finds no JSONDecodeError to raise
            raise ValueError("not JSON") from None
        if end != len(text):
            raise ValueError(f"not JSON from character {end} on")
        return value

    if read(write(_SAMPLE)) != _SAMPLE or write(_SAMPLE) != _WRITTEN:
        raise ValueError("_json is not what it was")
    return write, read


_SAMPLE = {"a": [1, -2.5, None, True, 'é"\n'], "b": {}}
_WRITTEN = r'{"a":[1,-2.5,null,true,"\u00e9\"\n"],"b":{}}'


def _slow() -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """Both directions on the public package."""
    import json

    encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)
    return encoder.encode, json.JSONDecoder(parse_int=_short_int).decode


try:
    dumps, loads = _fast()
except (ImportError, TypeError, ValueError):
    dumps, loads = _slow()
