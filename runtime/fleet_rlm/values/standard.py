"""The faithful form of the standard library's values; imported when the first of them is met."""

from __future__ import annotations

import datetime
import decimal
import fractions
import uuid

from fleet_rlm.values.crossing import CrossingError

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple

__all__ = ["FORMS"]


def _iso(kind: Any) -> Callable[[Any], str]:
    def form(value: Any) -> str:
        zone = kind.tzinfo.__get__(value)
        if zone is not None and kind.utcoffset(value) is None:  # ISO 8601 would leave the zone out
            raise CrossingError(
                f"a {kind.__name__} whose zone, {zone}, has no offset without a day cannot cross"
            )
        text: str = kind.isoformat(value)
        return text

    return form


def _timedelta(value: Any) -> Any:
    kind: Any = datetime.timedelta
    return [kind.days.__get__(value), kind.seconds.__get__(value), kind.microseconds.__get__(value)]


def _fraction(value: Any) -> Any:
    """Two numbers: its text would let a few digits of an exponent fill the receiver's memory."""
    kind: Any = fractions.Fraction
    return (kind.numerator.__get__(value), kind.denominator.__get__(value))


# The methods are the class's own, whatever a subclass has put in their place.
FORMS: Dict[type, Tuple[str, Callable[[Any], Any]]] = {
    datetime.date: ("date", datetime.date.isoformat),
    datetime.time: ("time", _iso(datetime.time)),
    datetime.datetime: ("datetime", _iso(datetime.datetime)),
    datetime.timedelta: ("timedelta", _timedelta),
    decimal.Decimal: ("decimal", decimal.Decimal.__str__),
    fractions.Fraction: ("fraction", _fraction),
    uuid.UUID: ("uuid", uuid.UUID.__str__),
}
"""By type, its tag and what its ``v`` is made by: text, or numbers that are still to be packed."""
