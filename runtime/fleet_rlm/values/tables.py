"""numpy and pandas values in the faithful form. Neither is imported unless a value needs it."""

from __future__ import annotations

from fleet_rlm.values.crossing import CrossingError, type_name

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Protocol

    class Packer(Protocol):
        """What this module needs of the traversal that calls it."""

        def tree(self, value: Any) -> Any:
            """The faithful form of any value."""
            ...

        def raw(self, value: Any) -> Any:
            """The faithful form of bytes."""
            ...


__all__ = ["MAKERS", "pack_numpy", "pack_pandas"]


def pack_numpy(packer: Packer, value: Any, *, as_list: bool) -> Any:
    """The faithful form of a numpy array or scalar; object arrays become lists."""
    if not hasattr(value, "dtype"):
        raise CrossingError(f"a value of type {type_name(value)} cannot cross into or out of the sandbox")
    if not hasattr(value, "tolist") or value.dtype.hasobject or value.dtype.fields is not None:
        if value.ndim and value.dtype.hasobject:
            return packer.tree(value.tolist())
        raise CrossingError(f"a numpy value of dtype {value.dtype} cannot cross into or out of the sandbox")
    if as_list:
        return packer.tree(value.tolist())
    data = value.tobytes()  # C order, whatever the memory layout was
    return {"$": "numpy", "dtype": value.dtype.str, "shape": list(value.shape), "v": packer.raw(data)}


def pack_pandas(packer: Packer, value: Any, *, as_list: bool) -> Any:
    """The faithful form of a pandas value; an index becomes a list, a missing scalar None."""
    kind = type(value).__name__
    if kind == "DataFrame":
        if as_list:
            return packer.tree(value.to_dict(orient="records"))
        columns = [packer.tree(_column(value.iloc[:, position])) for position in range(value.shape[1])]
        labels = packer.tree(list(value.columns))
        return {"$": "frame", "columns": labels, "index": packer.tree(list(value.index)), "v": columns}
    if kind in ("Series", "Index", "RangeIndex", "DatetimeIndex", "MultiIndex"):
        if as_list or kind != "Series":
            return packer.tree(value.tolist())
        series = packer.tree(_column(value))
        return {
            "$": "series",
            "name": packer.tree(value.name),
            "index": packer.tree(list(value.index)),
            "v": series,
        }
    if kind == "Timestamp":
        return packer.tree(value.to_pydatetime(warn=False))
    if kind == "Timedelta":
        return packer.tree(value.to_pytimedelta())
    if kind in ("NAType", "NaTType"):
        return None
    raise CrossingError(f"a pandas {kind} cannot cross into or out of the sandbox")


def _column(series: Any) -> Any:
    """A column's values: an array where its type has one, else a list with None for what is missing."""
    if series.dtype.kind in "biufc" and not hasattr(series.dtype, "na_value"):
        return series.to_numpy()
    if series.dtype.kind in "biufc" and not series.isna().any():
        return series.to_numpy()
    return [None if missing else item for item, missing in zip(series.tolist(), series.isna())]


def _make_array(parts: Dict[str, Any]) -> Any:
    try:
        import numpy
    except ImportError:
        return _nested_list(parts)
    array = numpy.frombuffer(parts["v"], dtype=numpy.dtype(parts["dtype"])).reshape(parts["shape"])
    return array.copy() if array.ndim else array[()]


def _nested_list(parts: Dict[str, Any]) -> Any:
    """A numpy array as nested lists, for a sandbox without numpy; plain numbers only."""
    order, kind, width = parts["dtype"][0], parts["dtype"][1], int(parts["dtype"][2:])
    codes = {
        "b1": "?",
        "i1": "b",
        "i2": "h",
        "i4": "i",
        "i8": "q",
        "u1": "B",
        "u2": "H",
        "u4": "I",
        "u8": "Q",
    }
    codes.update(f2="e", f4="f", f8="d")
    if f"{kind}{width}" not in codes:
        raise ValueError(f"an array of dtype {parts['dtype']} needs numpy in the sandbox")
    import struct

    order = order if order in "<>" else "="
    flat = [item for (item,) in struct.iter_unpack(order + codes[f"{kind}{width}"], parts["v"])]
    for length in reversed(parts["shape"][1:]):
        flat = [flat[start : start + length] for start in range(0, len(flat), length)] if length else []
    return flat if parts["shape"] else flat[0]


def _make_frame(parts: Dict[str, Any]) -> Any:
    columns = [column.tolist() if hasattr(column, "tolist") else column for column in parts["v"]]
    try:
        import pandas
    except ImportError:
        return [dict(zip(parts["columns"], row)) for row in zip(*columns)]
    frame = pandas.DataFrame(dict(enumerate(parts["v"])), index=parts["index"])
    frame.columns = pandas.Index(parts["columns"])
    return frame


def _make_series(parts: Dict[str, Any]) -> Any:
    try:
        import pandas
    except ImportError:
        return parts["v"].tolist() if hasattr(parts["v"], "tolist") else parts["v"]
    return pandas.Series(parts["v"], index=parts["index"], name=parts["name"])


MAKERS: Dict[str, Callable[[Dict[str, Any]], Any]] = {
    "numpy": _make_array,
    "frame": _make_frame,
    "series": _make_series,
}
"""By tag, what makes the value again from its parts."""
