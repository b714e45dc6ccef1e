"""Values of numpy and pandas from their faithful form, or what stands for them where these are missing."""

from __future__ import annotations

from fleet_rlm.values.arrays import as_listed, make_array

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

__all__ = ["MAKERS"]


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        return None
    return pandas


def _make_missing(parts: Dict[str, Any]) -> Any:
    pandas = _pandas()
    return pandas and {"NA": pandas.NA, "NaT": pandas.NaT}[parts["v"]]


def _make_column(parts: Dict[str, Any]) -> Any:
    """A Series without labels; a list where pandas is missing."""
    pandas, dtype, values = _pandas(), parts["dtype"], parts["v"]
    if pandas is None:
        return _listed_column(parts)
    if dtype == "datetime":
        return pandas.Series(values).dt.tz_localize("UTC").dt.tz_convert(_zone(parts["zone"]))
    if dtype == "category":
        made = pandas.Categorical.from_codes(values, parts["categories"], ordered=parts["ordered"])
        return pandas.Series(made)
    if "mask" in parts:
        make = pandas.api.types.pandas_dtype(dtype).construct_array_type()
        return pandas.Series(make(values, parts["mask"]))
    return pandas.Series(values, dtype=dtype)


def _listed_column(parts: Dict[str, Any]) -> List[Any]:
    values = _listed(parts["v"])
    if parts["dtype"] == "datetime":
        import datetime

        utc, zone = datetime.timezone.utc, _zone(parts["zone"])
        return [time and time.replace(tzinfo=utc).astimezone(zone) for time in values]
    if parts["dtype"] == "category":
        categories = [*parts["categories"], None]  # whose code is -1
        return [categories[code] for code in values]
    if "mask" in parts:
        return [None if missing else item for item, missing in zip(values, _listed(parts["mask"]))]
    return values


def _zone(form: List[Any]) -> Any:
    library, name = form
    if library == "datetime":
        import datetime

        return datetime.timezone.utc if not name else datetime.timezone(name)
    if library == "pandas" and _pandas() is not None:
        return name  # pandas chooses the library that it is used to
    import zoneinfo

    return zoneinfo.ZoneInfo(name)


def _listed(values: Any) -> List[Any]:
    listed: List[Any] = as_listed(values) if hasattr(values, "dtype") else values
    return listed


def _make_index(parts: Dict[str, Any]) -> Any:
    pandas = _pandas()
    if pandas is None:
        return [*zip(*map(_listed, parts["levels"]))] if "levels" in parts else list(_listed(parts["v"]))
    if "levels" in parts:
        return pandas.MultiIndex.from_arrays(parts["levels"], names=parts["names"])
    values = parts["v"]
    if type(values) is range:
        index = pandas.RangeIndex(values)
    else:
        index = pandas.Index(values, dtype=values.dtype)
        if "freq" in parts:
            index.freq = parts["freq"]
    index.names = parts["names"]
    return index


def _make_series(parts: Dict[str, Any]) -> Any:
    pandas = _pandas()
    if pandas is None:
        return _listed(parts["v"])
    series = pandas.Series(parts["v"])
    series.index, series.name = parts["index"], parts["name"]
    return series


def _make_frame(parts: Dict[str, Any]) -> Any:
    pandas, labels = _pandas(), parts["columns"]
    if pandas is None:
        if len(set(labels)) < len(labels):
            raise ValueError("a frame with two columns of the same name needs pandas in the sandbox")
        return [dict(zip(labels, row)) for row in zip(*map(_listed, parts["v"]))]
    if not parts["v"]:
        return pandas.DataFrame(index=parts["index"], columns=labels)
    frame = pandas.DataFrame(dict(enumerate(parts["v"])))
    frame.index, frame.columns = parts["index"], labels
    return frame


MAKERS: Dict[str, Callable[[Dict[str, Any]], Any]] = {
    "numpy": make_array,
    "missing": _make_missing,
    "column": _make_column,
    "index": _make_index,
    "series": _make_series,
    "frame": _make_frame,
}
"""By tag, what makes the value again from its parts."""
