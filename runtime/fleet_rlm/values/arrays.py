"""numpy values in the faithful form. numpy is not imported unless a value needs it."""

from __future__ import annotations

from fleet_rlm.values.crossing import CrossingError, type_name

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict, List, Protocol

    class Packer(Protocol):
        """What these modules need of the traversal that calls them."""

        def tree(self, value: Any) -> Any:
            """The faithful form of any value."""
            ...

        def raw(self, value: Any) -> Any:
            """The faithful form of bytes."""
            ...


__all__ = ["as_listed", "make_array", "pack_numpy"]

_FINE_UNITS = ("ns", "ps", "fs", "as")  # of which datetime knows nothing, so that tolist() makes bare numbers
_NEVER = -(1 << 63)  # what NaT is in memory
_MICROSECONDS = {
    "D": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1000,
    "us": 1,
}
_CODES = {"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
_CODES.update({"f2": "e", "f4": "f", "f8": "d", "M8": "q", "m8": "q"})


def pack_numpy(packer: Packer, value: Any, *, as_list: bool) -> Any:
    """The faithful form of a numpy array or scalar; object arrays become lists."""
    if any(base.__name__ == "MaskedArray" for base in type(value).__mro__):
        raise CrossingError("a numpy masked array cannot cross; pass its .filled(...) and its .mask instead")
    if not hasattr(value, "dtype"):
        raise CrossingError(f"a value of type {type_name(value)} cannot cross into or out of the sandbox")
    if not hasattr(value, "tolist") or value.dtype.hasobject or value.dtype.fields is not None:
        if value.ndim and value.dtype.hasobject:
            return packer.tree(value.tolist())
        raise CrossingError(f"a numpy value of dtype {value.dtype} cannot cross into or out of the sandbox")
    if as_list:
        return packer.tree(as_listed(value))
    is_array = any(base.__name__ == "ndarray" for base in type(value).__mro__)
    return {
        "$": "numpy",
        "dtype": value.dtype.str,
        "shape": list(value.shape) if is_array else None,
        "v": packer.raw(value.tobytes()),  # C order, whatever the memory layout was
    }


def as_listed(value: Any) -> Any:
    """``value.tolist()``, but for times, which it would make bare numbers: these are times, or an error.

    Raises:
        CrossingError: a time is finer than a microsecond or beyond the years that ``datetime`` knows.
    """
    if value.dtype.kind not in "Mm":
        return value.tolist()
    import numpy

    if numpy.datetime_data(value.dtype)[0] in _FINE_UNITS:
        rounded = value.astype(f"{value.dtype.kind}8[us]")
        if numpy.any((rounded.astype(value.dtype) != value) & ~numpy.isnat(value)):
            raise CrossingError("a numpy time finer than a microsecond has no form here; round it first")
        value = rounded
    if any(type(item) is int for item in value.ravel().tolist()):
        raise CrossingError(f"a numpy time of dtype {value.dtype} has no form here; convert it first")
    return value.tolist()


def make_array(parts: Dict[str, Any]) -> Any:
    """The array or scalar again; nested lists where numpy is missing."""
    try:
        import numpy
    except ImportError:
        return _nested_list(parts)
    array = numpy.frombuffer(parts["v"], dtype=numpy.dtype(parts["dtype"]))
    return array[0] if parts["shape"] is None else array.reshape(parts["shape"]).copy()


def _nested_list(parts: Dict[str, Any]) -> Any:
    """A numpy array as nested lists, for a sandbox without numpy; numbers and times only."""
    import struct

    order, (kind, _, unit) = parts["dtype"][0], parts["dtype"][1:].partition("[")
    if kind not in _CODES or (unit and unit != "ns]" and unit[:-1] not in _MICROSECONDS):
        raise ValueError(f"an array of dtype {parts['dtype']} needs numpy in the sandbox")
    order = order if order in "<>" else "="
    flat: List[Any] = [item for (item,) in struct.iter_unpack(order + _CODES[kind], parts["v"])]
    if unit:
        flat = [_time(kind, unit[:-1], count) for count in flat]
    for length in reversed((parts["shape"] or [])[1:]):
        flat = [flat[start : start + length] for start in range(0, len(flat), length)] if length else []
    return flat if parts["shape"] else flat[0]


def _time(kind: str, unit: str, count: int) -> Any:
    import datetime

    if count == _NEVER:
        return None
    microseconds, rest = divmod(count, 1000) if unit == "ns" else (count * _MICROSECONDS[unit], 0)
    if rest:
        raise ValueError("a time finer than a microsecond needs numpy in the sandbox")
    span = datetime.timedelta(microseconds=microseconds)
    return span if kind == "m8" else datetime.datetime(1970, 1, 1) + span  # noqa: DTZ001 - it has no zone
