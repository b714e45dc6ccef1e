"""From the faithful form back to values."""

from __future__ import annotations

from fleet_rlm.values.compact_json import loads
from fleet_rlm.values.crossing import CrossingError, type_name
from fleet_rlm.values.makers import UNPACKERS, check_work, listed

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    Fetch = Callable[[str], Any]
    """Given a reference's id, return the value stored under it."""

__all__ = ["check_keys", "unpack"]

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
            return COLLECTIONS[tag](self, listed(body))
        make = UNPACKERS.get(tag)
        if make is not None:
            content = self.value(body)
            if self._fetch is None:
                check_work(tag, content, is_key=self._is_key)
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


COLLECTIONS: Dict[str, Callable[[_Unpacker, List[Any]], Any]] = {
    "tuple": lambda unpacker, body: tuple([unpacker.value(item) for item in body]),
    "set": lambda unpacker, body: set(unpacker.keys(body)),
    "frozenset": lambda unpacker, body: frozenset(unpacker.keys(body)),
    "dict": _Unpacker.dictionary,
}
"""By tag, what makes a value of several from the trees of what is in it."""
