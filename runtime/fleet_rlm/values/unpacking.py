"""From the faithful form back to values.

A text from a sandbox is whatever generated code wrote. So no maker does more work than its text is long: each
takes only the form that ``pack`` writes, and where a constructor's cost grows faster, the size is bounded.
"""

from __future__ import annotations

from binascii import a2b_base64

from fleet_rlm.values.compact_json import loads
from fleet_rlm.values.crossing import CrossingError, type_name

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    Fetch = Callable[[str], Any]
    """Given a reference's id, return the value stored under it."""

__all__ = ["check_keys", "unpack"]

KEY_BITS = 1024
"""Longest int in a key from a sandbox: comparing one with a Decimal of the same hash costs its square."""

FRACTION_WORK = 1 << 30
"""Bits of the numerator times bits of the denominator, at most: their common divisor costs as much."""

STEP_BITS = 1024
"""Longest step of a range: finding its length is a division."""

_SAME_HASH = 50  # keys that share a hash are compared pair by pair; powers of two share theirs with 16 others


def unpack(text: str, *, fetch: Optional[Fetch] = None) -> Any:
    """Return the value that ``pack`` made ``text`` from.

    Args:
        text: what ``pack`` returned.
        fetch: given a reference's id, returns the value stored under it. Only a text of the host's has
            references, and numpy and pandas values; without ``fetch`` it is a sandbox's, and has neither.

    Raises:
        ValueError: the text is not a packed value, or is nested deeper than Python recurses.
    """
    try:
        return _Unpacker(fetch).value(loads(text))
    except ValueError:
        raise
    except MemoryError as error:
        if fetch is not None:
            raise
        raise ValueError("a packed value for which there is no memory") from error
    except Exception as error:  # whoever forged the text chose which constructor fails, and how
        raise ValueError(f"not a packed value: {type(error).__name__}: {error}") from error


def check_keys(keys: List[Any], packed: List[Any]) -> None:
    """Make ``packed`` again, to see whether they are keys of a dict or items of a set there too.

    Raises:
        CrossingError: one would be of a type that cannot be, or two would be the same.
    """
    unpacker = _Unpacker(lambda reference: (unpack, reference))  # equal to itself, and to no value
    seen: Dict[Any, Any] = {}
    for key, tree in zip(keys, packed):
        made = unpacker.value(tree)
        try:
            other = seen.setdefault(made, key)
        except TypeError:
            raise CrossingError(
                f"a {type_name(key)} as a key or in a set cannot cross: on the other side it has no hash"
            ) from None
        if other is not key:
            raise CrossingError(
                f"a {type_name(other)} and a {type_name(key)} would be one key on the other side"
            )


class _Unpacker:
    def __init__(self, fetch: Optional[Fetch]) -> None:
        self._fetch = fetch
        self._is_key = False

    def value(self, tree: Any) -> Any:
        kind = type(tree)
        if kind is list:
            return [self.value(item) for item in tree]
        if kind is not dict:
            return tree
        if "$" not in tree:
            return {key: self.value(item) for key, item in tree.items()}
        return self._tagged(tree)

    def _tagged(self, tree: Dict[str, Any]) -> Any:
        tag, body = tree["$"], tree.get("v")
        if tag in COLLECTIONS:
            return COLLECTIONS[tag](self, _listed(body))
        make = UNPACKERS.get(tag)
        if make is not None:
            content = self.value(body)
            if self._fetch is None:
                _check_work(tag, content, is_key=self._is_key)
            return make(content)
        if self._fetch is None:
            raise ValueError(f"a kind of value that is unknown, or not expected from a sandbox: {tag!r}")
        if tag == "ref":
            return self._fetch(str(body))
        from fleet_rlm.values.rebuilt import MAKERS

        return MAKERS[tag]({key: self.value(item) for key, item in tree.items() if key != "$"})

    def dictionary(self, body: List[Any]) -> Dict[Any, Any]:
        keys = self.keys([key for key, _ in body])
        return {key: self.value(item) for key, (_, item) in zip(keys, body)}

    def keys(self, body: List[Any]) -> List[Any]:
        """What is to be found by its hash, after a look at whether somebody chose the hashes."""
        outer, self._is_key = self._is_key, True
        made = [self.value(item) for item in body]
        self._is_key = outer
        if self._fetch is None:
            hashes = sorted(map(hash, made))
            if any(hash_ == later for hash_, later in zip(hashes, hashes[_SAME_HASH:])):
                raise ValueError("too many keys with the same hash")
        return made


def _check_work(tag: str, content: Any, *, is_key: bool) -> None:
    """Refuse what a sandbox may not have made: its cost would grow with the square of its length."""
    if tag == "int" and is_key and len(content) > KEY_BITS // 4 + len("-0x"):
        raise ValueError(f"a whole number of more than {KEY_BITS:,} bits in a key")
    if tag == "range" and _ints(content, 3)[2].bit_length() > STEP_BITS:
        raise ValueError(f"a range whose step has more than {STEP_BITS:,} bits")
    if tag == "fraction":
        numerator, denominator = _ints(content, 2)
        if numerator.bit_length() * denominator.bit_length() > FRACTION_WORK:
            raise ValueError(f"a fraction whose parts' lengths have a product of more than {FRACTION_WORK:,}")


COLLECTIONS: Dict[str, Callable[[_Unpacker, List[Any]], Any]] = {
    "tuple": lambda unpacker, body: tuple([unpacker.value(item) for item in body]),
    "set": lambda unpacker, body: set(unpacker.keys(body)),
    "frozenset": lambda unpacker, body: frozenset(unpacker.keys(body)),
    "dict": _Unpacker.dictionary,
}
"""By tag, what makes a value of several from the trees of what is in it."""


def _exactly(kind: type, body: Any) -> Any:
    if type(body) is not kind:
        raise ValueError(f"{type(body).__name__} where {kind.__name__} is expected")
    return body


def _listed(body: Any) -> Any:
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
    real, imaginary = _listed(body)
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
