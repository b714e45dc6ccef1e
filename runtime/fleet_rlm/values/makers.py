"""What makes single values from their forms.

A text from a sandbox is whatever generated code wrote. So no maker does more work than its text is long: each
takes only the form that ``pack`` writes, and where a constructor's cost grows faster, the size is bounded.
"""

from __future__ import annotations

from binascii import a2b_base64

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

__all__ = ["FRACTION_WORK", "KEY_BITS", "STEP_BITS", "UNPACKERS", "check_work", "listed"]

KEY_BITS = 1024
"""Longest int in a key from a sandbox: comparing one with a Decimal of the same hash costs its square."""

FRACTION_WORK = 1 << 30
"""Bits of the numerator times bits of the denominator, at most: their common divisor costs as much."""

STEP_BITS = 1024
"""Longest step of a range: finding its length is a division."""


def check_work(tag: str, content: Any, *, is_key: bool) -> None:
    """Refuse what a sandbox may not have made: its cost would grow with the square of its length."""
    if tag == "int" and is_key and len(content) > KEY_BITS // 4 + len("-0x"):
        raise ValueError(f"a whole number of more than {KEY_BITS:,} bits in a key")
    if tag == "range" and _ints(content, 3)[2].bit_length() > STEP_BITS:
        raise ValueError(f"a range whose step has more than {STEP_BITS:,} bits")
    if tag == "fraction":
        numerator, denominator = _ints(content, 2)
        if numerator.bit_length() * denominator.bit_length() > FRACTION_WORK:
            raise ValueError(f"a fraction whose parts' lengths have a product of more than {FRACTION_WORK:,}")


def _exactly(kind: type, body: Any) -> Any:
    if type(body) is not kind:
        raise ValueError(f"{type(body).__name__} where {kind.__name__} is expected")
    return body


def listed(body: Any) -> Any:
    """Return ``body`` if it is a list."""
    return _exactly(list, body)


def _text(body: Any) -> Any:
    return _exactly(str, body)


def _ints(body: Any, count: int) -> List[int]:
    if type(body) is not list or len(body) != count or any(type(item) is not int for item in body):
        raise ValueError(f"not {count} whole numbers")
    return body


def _float(body: Any) -> float:
    if body not in ("nan", "inf", "-inf"):
        raise ValueError("not a float that JSON has no number for")
    return float(body)


def _complex(body: Any) -> complex:
    real, imaginary = listed(body)
    return complex(float(_text(real)), float(_text(imaginary)))


def _iso(kind: str) -> Callable[[Any], Any]:
    def make(body: Any) -> Any:
        import datetime

        return getattr(datetime, kind).fromisoformat(_text(body))

    return make


def _timedelta(body: Any) -> Any:
    import datetime

    return datetime.timedelta(*_ints(body, 3))


def _decimal(body: Any) -> Any:
    import decimal

    return decimal.Decimal(_text(body))


def _fraction(body: Any) -> Any:
    import fractions

    numerator, denominator = _ints(body, 2)
    return fractions.Fraction(numerator, denominator)


def _uuid(body: Any) -> Any:
    import uuid

    return uuid.UUID(_text(body))


UNPACKERS: Dict[str, Callable[[Any], Any]] = {
    "text": lambda body: a2b_base64(_text(body)).decode("utf-8", "surrogatepass"),
    "bytes": lambda body: a2b_base64(_text(body)),
    "bytearray": lambda body: bytearray(_exactly(bytes, body)),
    "int": lambda body: int(_text(body), 16),
    "float": _float,
    "complex": _complex,
    "range": lambda body: range(*_ints(body, 3)),
    "date": _iso("date"),
    "time": _iso("time"),
    "datetime": _iso("datetime"),
    "timedelta": _timedelta,
    "decimal": _decimal,
    "fraction": _fraction,
    "uuid": _uuid,
}
"""By tag, what makes a value from what is in it; modules are imported only for a value of theirs."""
