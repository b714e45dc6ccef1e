"""The faithful form: JSON text from which an equal value of the same type is made on the other side."""

from __future__ import annotations

from binascii import b2a_base64

from fleet_rlm.values.compact_json import dumps
from fleet_rlm.values.crossing import (
    DEPTH,
    TOO_DEEP,
    CrossingError,
    exactly,
    refused,
    simplified,
    step_to,
    type_name,
)
from fleet_rlm.values.unpacking import check_keys

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional

    Store = Callable[[Any], Optional[str]]
    """Given a str or bytes leaf, return the id under which it travels alone, or None to keep it inline."""

__all__ = ["pack"]

_INLINE_INT_BITS = 1024  # beyond, decimal text meets CPython's limit of 4,300 digits; hexadecimal has none
_KEYS = frozenset({str, int, float, complex, bool, bytes, type(None)})
_STANDARD_FAMILIES = ("datetime", "decimal", "fractions", "uuid")  # imported only if such a value is met


def pack(value: Any, *, store: Optional[Store] = None, arrays_as_lists: bool = False) -> str:
    """Return ``value`` as JSON text in the faithful form.

    Args:
        value: anything the table in ``docs/protocol.md`` names, nested up to ``DEPTH`` levels.
        store: asked for every str and bytes; what it takes is packed as a reference.
        arrays_as_lists: send numpy and pandas values as lists (the receiver need not have them).

    Raises:
        CrossingError: something in it has no form.
    """
    try:
        return dumps(_Packer(store, arrays_as_lists=arrays_as_lists).tree(value))
    except RecursionError:
        raise CrossingError(TOO_DEEP) from None
    except (CrossingError, MemoryError):
        raise
    except Exception as error:
        raise refused(value, error) from error


class _Packer:
    """One traversal of one value."""

    def __init__(self, store: Optional[Store], *, arrays_as_lists: bool) -> None:
        self._store = store
        self._arrays_as_lists = arrays_as_lists
        self._depth = 0

    def tree(self, value: Any) -> Any:
        if value is None or value is True or value is False:
            return value
        make = _PACKERS.get(type(value))
        if make is not None:
            return make(self, value)
        return self._other(value)

    def text(self, value: str) -> Any:
        if self._store is not None and (stored := self._store(value)) is not None:
            return {"$": "ref", "v": stored}
        if value.isascii():
            return value
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:  # lone surrogates: JSON would merge two neighbours into one character
            return {"$": "text", "v": _base64(value.encode("utf-8", "surrogatepass"))}
        return value

    def raw(self, value: Any) -> Any:
        data = bytes(value)
        if self._store is not None and (stored := self._store(data)) is not None:
            return {"$": "ref", "v": stored}
        return {"$": "bytes", "v": _base64(data)}

    def number(self, value: int) -> Any:
        return value if value.bit_length() <= _INLINE_INT_BITS else {"$": "int", "v": hex(value)}

    def real(self, value: float) -> Any:
        return value if value - value == 0 else {"$": "float", "v": repr(value)}

    def sequence(self, value: Any) -> list[Any]:
        packed = []
        self._deeper()
        for index, item in enumerate(value):
            try:
                packed.append(self.tree(item))
            except CrossingError as error:
                raise error.at(f"[{index}]") from None
            except (RecursionError, MemoryError):
                raise
            except Exception as error:
                raise refused(item, error).at(f"[{index}]") from error
        self._depth -= 1
        return packed

    def mapping(self, value: Dict[Any, Any]) -> Any:
        is_object = "$" not in value and all(type(key) is str and key.isascii() for key in value)
        keys = [] if is_object else self._keys(value)
        self._deeper()
        form: Any
        if not is_object:
            form = {"$": "dict", "v": [[key, self._item(*item)] for key, item in zip(keys, value.items())]}
        else:
            form = {key: self._item(key, item) for key, item in value.items()}
        self._depth -= 1
        return form

    def collection(self, value: Any) -> list[Any]:
        """What is in a set."""
        items = list(value)
        packed = self.sequence(items)
        if not all(map(_stays_itself, items)):
            check_keys(items, packed)
        return packed

    def _keys(self, value: Dict[Any, Any]) -> list[Any]:
        try:
            return self.collection(value)
        except CrossingError as error:
            raise error.at(".keys()") from None

    def _deeper(self) -> None:
        """The receiver recurses as well, and may be nearer to its limit."""
        self._depth += 1
        if self._depth > DEPTH:
            raise RecursionError

    def _item(self, key: Any, item: Any) -> Any:
        try:
            return self.tree(item)
        except CrossingError as error:
            raise error.at(step_to(key)) from None
        except (RecursionError, MemoryError):
            raise
        except Exception as error:
            raise refused(item, error).at(step_to(key)) from error

    def _other(self, value: Any) -> Any:
        """Values recognised by what they are rather than by their exact type."""
        family = type(value).__module__.partition(".")[0]
        if family == "numpy":
            from fleet_rlm.values.arrays import pack_numpy

            return pack_numpy(self, value, as_list=self._arrays_as_lists)
        if family == "pandas":
            from fleet_rlm.values.tables import pack_pandas

            return pack_pandas(self, value, as_list=self._arrays_as_lists)
        if (simple := simplified(value)) is not value:
            return self.tree(simple)
        for base in type(value).__mro__:  # its closest one: a datetime is a date as well
            if base.__module__ in _STANDARD_FAMILIES:
                _register_standard_types()
            if base in _PACKERS:
                return _PACKERS[base](self, exactly(base, value))
        raise CrossingError(f"a value of type {type_name(value)} cannot cross into or out of the sandbox")


def _stays_itself(key: Any) -> bool:
    """Whether a key is as good on the other side, without a look at what becomes of it there."""
    return type(key) in _KEYS or (type(key) is tuple and all(type(item) in _KEYS for item in key))


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _tagged(kind: str, form: Callable[[Any], Any]) -> Callable[[_Packer, Any], Any]:
    return lambda _packer, value: {"$": kind, "v": form(value)}


_PACKERS: Dict[type, Callable[[_Packer, Any], Any]] = {
    str: _Packer.text,
    int: _Packer.number,
    float: _Packer.real,
    list: _Packer.sequence,
    dict: _Packer.mapping,
    bytes: _Packer.raw,
    bytearray: lambda packer, value: {"$": "bytearray", "v": packer.raw(value)},
    tuple: lambda packer, value: {"$": "tuple", "v": packer.sequence(value)},
    set: lambda packer, value: {"$": "set", "v": packer.collection(value)},
    frozenset: lambda packer, value: {"$": "frozenset", "v": packer.collection(value)},
    complex: _tagged("complex", lambda value: [repr(value.real), repr(value.imag)]),
    range: lambda packer, value: {"$": "range", "v": packer.sequence((value.start, value.stop, value.step))},
}


def _register_standard_types() -> None:
    from fleet_rlm.values.standard import FORMS

    for kind, (tag, form) in FORMS.items():
        _PACKERS.setdefault(kind, _numbered(tag, form))


def _numbered(kind: str, form: Callable[[Any], Any]) -> Callable[[_Packer, Any], Any]:
    def packed(packer: _Packer, value: Any) -> Any:
        content = form(value)
        return {"$": kind, "v": content if type(content) is str else packer.sequence(content)}

    return packed
