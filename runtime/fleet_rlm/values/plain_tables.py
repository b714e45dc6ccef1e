"""numpy and pandas values in the plain form. Neither is imported unless such a value is met."""

from __future__ import annotations

import math

from fleet_rlm.values.crossing import CrossingError, type_name

TYPE_CHECKING = False  # typing itself would cost a driver's start 6 ms
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

__all__ = ["plain_table"]

_SECONDS: Dict[str, Tuple[int, int]] = {
    "W": (604_800, 1), "D": (86_400, 1), "h": (3600, 1), "m": (60, 1), "s": (1, 1), "ms": (1, 10**3),
    "us": (1, 10**6), "ns": (1, 10**9), "ps": (1, 10**12), "fs": (1, 10**15), "as": (1, 10**18),
}  # fmt: skip


def plain_table(value: Any, plain_item: Callable[[str, Any], Any], plain_key: Callable[[Any], str]) -> Any:
    """Return a numpy or pandas value in JSON's own types.

    Args:
        value: one of a type of theirs.
        plain_item: given a step and what is there, returns its plain form.
        plain_key: given a column's name, returns it as text.

    Raises:
        CrossingError: it has no such form, or would lose a column.
    """

    def cell(step: str, item: Any) -> Any:
        return None if isinstance(item, float) and math.isnan(item) else plain_item(step, item)

    kind = type(value).__name__
    if kind in ("NAType", "NaTType"):
        return None
    if kind == "DataFrame":
        return _rows(value, cell, plain_key)
    if kind == "Series":
        return [cell(f"[{position}]", item) for position, item in enumerate(value.tolist())]
    if kind in ("Timestamp", "Timedelta"):
        return value.isoformat() if kind == "Timestamp" else value.total_seconds()
    if _is_numpy(value) and value.dtype.kind in "Mm":
        return _times(value)
    if hasattr(value, "tolist"):
        simple = value.tolist()
        if not _is_numpy(simple):  # a long double is its own simplest form
            return plain_item("", simple)
    raise CrossingError(f"a value of type {type_name(value)} has no JSON form; convert it first")


def _is_numpy(value: Any) -> bool:
    return hasattr(value, "dtype") and type(value.dtype).__module__.partition(".")[0] == "numpy"


def _rows(
    frame: Any, cell: Callable[[str, Any], Any], plain_key: Callable[[Any], str]
) -> List[Dict[str, Any]]:
    """Column by column: the frame's own row dicts would drop a column whose name comes again."""
    names = [plain_key(label) for label in frame.columns]
    if len(set(names)) < len(names):
        raise CrossingError("two of its columns have the same name as JSON text; rename one")
    rows: List[Dict[str, Any]] = [{} for _ in range(len(frame))]
    for position, name in enumerate(names):
        for number, item in enumerate(frame.iloc[:, position].tolist()):
            rows[number][name] = cell(f"[{number}][{name!r}]", item)
    return rows


def _times(value: Any) -> Any:
    """Times as ISO 8601 text, spans as seconds, null for NaT."""
    import numpy

    if hasattr(value, "mask"):
        raise CrossingError("a masked array of times has no JSON form; convert it first")
    missing = numpy.isnat(value)
    if value.dtype.kind == "M":
        made = numpy.datetime_as_string(value).astype(object)
    else:
        unit, count = numpy.datetime_data(value.dtype)
        if unit not in _SECONDS and not missing.all():
            raise CrossingError(f"a time span in the unit {unit!r} is no number of seconds; convert it first")
        whole, parts = _SECONDS.get(unit, (1, 1))
        spans = [number * count * whole / parts for number in value.astype("i8").ravel().tolist()]
        made = numpy.array(spans, dtype=object).reshape(value.shape)
    told: Any = numpy.where(missing, None, made)
    return told.tolist()
