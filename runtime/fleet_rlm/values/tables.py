"""pandas values in the faithful form, columns and labels of their own types; ``rebuilt`` is the way back."""

from __future__ import annotations

from fleet_rlm.values.crossing import CrossingError, type_name

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Dict

    from fleet_rlm.values.arrays import Packer

__all__ = ["pack_pandas"]


def pack_pandas(packer: Packer, value: Any, *, as_list: bool) -> Any:
    """The faithful form of a pandas value.

    Raises:
        CrossingError: it has none, or one that would not be equal.
    """
    kind = type(value).__name__
    if kind == "DataFrame":
        return packer.tree(_records(value)) if as_list else _frame(packer, value)
    if kind == "Series" or _is_a(value, "Index"):
        if as_list:
            return packer.tree(value.tolist())
        return _series(packer, value) if kind == "Series" else _index(packer, value)
    if kind in ("Timestamp", "Timedelta"):
        return packer.tree(_standard_time(value))
    if kind in ("NAType", "NaTType"):
        return None if as_list else {"$": "missing", "v": kind[: -len("Type")]}
    raise CrossingError(f"a pandas {kind} cannot cross into or out of the sandbox")


def _is_a(value: Any, name: str) -> bool:
    return any(base.__name__ == name for base in type(value).__mro__)


def _records(frame: Any) -> Any:
    if not frame.columns.is_unique:
        raise CrossingError("a frame with two columns of the same name has no row dicts; rename one")
    return frame.to_dict(orient="records")


def _frame(packer: Packer, frame: Any) -> Any:
    columns = []
    for position, label in enumerate(frame.columns):
        try:
            columns.append(_column(packer, frame.iloc[:, position]))
        except CrossingError as error:
            raise error.at(f"[{label!r}]") from None
    labels, index = _index(packer, frame.columns), _index(packer, frame.index)
    return {"$": "frame", "columns": labels, "index": index, "v": columns}


def _series(packer: Packer, series: Any) -> Any:
    return {
        "$": "series",
        "name": packer.tree(series.name),
        "index": _index(packer, series.index),
        "v": _column(packer, series),
    }


def _index(packer: Packer, index: Any) -> Any:
    try:
        form: Dict[str, Any] = {"$": "index", "names": packer.tree(list(index.names))}
        if _is_a(index, "MultiIndex"):
            levels = [index.get_level_values(level) for level in range(index.nlevels)]
            return {**form, "levels": [_column(packer, level) for level in levels]}
        if _is_a(index, "RangeIndex"):
            return {**form, "v": packer.tree(range(index.start, index.stop, index.step))}
        if getattr(index, "freq", None) is not None:
            form["freq"] = _freq(index.freq)
        return {**form, "v": _column(packer, index)}
    except CrossingError as error:
        raise error.at(".index") from None


def _freq(freq: Any) -> str:
    from pandas.tseries.frequencies import to_offset

    text: str = freq.freqstr
    try:
        is_told_by_its_text = to_offset(text) == freq
    except ValueError:
        is_told_by_its_text = False
    if not is_told_by_its_text:
        raise CrossingError(f"an index with the frequency {text} cannot cross; set its .freq to None")
    return text


def _column(packer: Packer, column: Any) -> Any:
    """The values of a Series or Index: an array where numpy has the type, else a ``column``."""
    dtype, array = column.dtype, column.array
    if type(dtype).__module__.partition(".")[0] == "numpy":
        if dtype.kind in "biufcMm":
            return packer.tree(column.to_numpy())
        if dtype.kind == "O":
            return {"$": "column", "dtype": "object", "v": packer.tree(column.tolist())}
    if type(dtype).__name__ == "DatetimeTZDtype":
        times = packer.tree(array.tz_convert(None).to_numpy())
        return {"$": "column", "dtype": "datetime", "v": times, "zone": packer.tree(_zone(dtype.tz))}
    if type(dtype).__name__ == "CategoricalDtype":
        return {
            "$": "column",
            "dtype": "category",
            "v": packer.tree(array.codes),
            "categories": _index(packer, dtype.categories),
            "ordered": bool(dtype.ordered),
        }
    if _is_a(dtype, "BaseMaskedDtype"):
        values = array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return {
            "$": "column",
            "dtype": str(dtype),
            "v": packer.tree(values),
            "mask": packer.tree(array.isna()),
        }
    if type(dtype).__name__ == "StringDtype":
        texts = array.to_numpy(dtype=object, na_value=None).tolist()
        return {"$": "column", "dtype": str(dtype), "v": packer.tree(texts)}
    raise CrossingError(f"a pandas column of dtype {dtype} cannot cross; convert it first")


def _zone(zone: Any) -> Any:
    """A time zone as the library that it is of and what that makes it from."""
    import datetime

    if type(zone) is datetime.timezone:
        return ["datetime", zone.utcoffset(None)]
    if type(zone).__name__ == "ZoneInfo" and zone.key is not None:
        return ["zoneinfo", zone.key]
    if type(zone).__module__.partition(".")[0] == "pytz" and zone.zone is not None:
        return ["pandas", zone.zone]
    raise CrossingError(f"a time zone of type {type_name(zone)} cannot cross; use one of zoneinfo")


def _standard_time(value: Any) -> Any:
    """A Timestamp or Timedelta as what ``datetime`` has."""
    is_moment = type(value).__name__ == "Timestamp"
    if value.nanosecond if is_moment else value.nanoseconds:
        raise CrossingError(f"a {type(value).__name__} finer than a microsecond cannot cross but in a Series")
    return value.to_pydatetime(warn=False) if is_moment else value.to_pytimedelta()
