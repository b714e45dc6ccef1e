"""numpy and pandas values arrive as they were, or are refused by name."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_rlm.values import CrossingError, pack, unpack

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NANOSECONDS = st.integers(-(1 << 62), 1 << 62)
WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)


def sent(value: Any) -> Any:
    """What arrives in a sandbox."""
    return unpack(pack(value), fetch={}.__getitem__)


def _times(unit: str) -> Any:
    return st.none() | st.integers(-(1 << 31), 1 << 31).map(lambda count: np.datetime64(count, unit))


def _masked(items: Any) -> Any:
    return items | st.just(pd.NA)


COLUMNS: dict[str, Any] = {
    "bool": st.booleans(),
    "int8": st.integers(-128, 127),
    "int64": WHOLE,
    "uint64": st.integers(0, (1 << 64) - 1),
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "complex128": st.complex_numbers(),
    "datetime64[ns]": st.none() | NANOSECONDS.map(pd.Timestamp),
    "datetime64[s]": _times("s"),
    "datetime64[us]": _times("us"),
    "timedelta64[ns]": st.none() | NANOSECONDS.map(pd.Timedelta),
    "datetime64[ns, UTC]": st.none() | NANOSECONDS.map(lambda count: pd.Timestamp(count, tz="UTC")),
    "datetime64[us, UTC+05:30]": _times("us").map(lambda time: time and pd.Timestamp(time, tz="UTC")),
    "Int64": _masked(WHOLE),
    "UInt8": _masked(st.integers(0, 255)),
    "Float64": _masked(st.floats(allow_nan=False)),
    "Float32": _masked(st.floats(allow_nan=False, width=32)),
    "boolean": _masked(st.booleans()),
    "string": _masked(st.text()),
    "str": st.none() | st.text(),
    "category": st.none() | st.sampled_from(["b", "a", "é"]),
    "object": st.none()
    | st.integers()
    | st.text()
    | st.lists(st.integers())
    | st.just(pd.NA)
    | st.just(pd.NaT),
}


@st.composite
def series(draw: Any, size: int | None = None) -> pd.Series:
    """A column of any type that crosses."""
    dtype = draw(st.sampled_from(sorted(COLUMNS)))
    low, high = (0, 6) if size is None else (size, size)
    items = draw(st.lists(COLUMNS[dtype], min_size=low, max_size=high))
    return pd.Series(items, dtype=dtype, name=draw(st.none() | st.text() | st.integers()))


@st.composite
def frames(draw: Any) -> pd.DataFrame:
    """Columns of any types and names, labelled by one or two others."""
    size = draw(st.integers(0, 4))
    columns = draw(st.lists(series(size), max_size=4))
    frame = pd.DataFrame(dict(enumerate(columns)), index=range(size))
    frame.columns = pd.Index([column.name for column in columns], name=draw(st.none() | st.text()))
    labels = [pd.Index(draw(series(size).filter(_can_label))) for _ in range(draw(st.integers(0, 2)))]
    if labels:
        frame.index = labels[0] if len(labels) == 1 else pd.MultiIndex.from_arrays(labels)
    return frame


def _can_label(column: pd.Series) -> bool:
    return column.dtype not in (object, "complex128")


@given(series())
@settings(max_examples=150, deadline=None)
def test_series_arrive_equal(value) -> None:
    """Of the same type, with every digit and every missing cell."""
    pd.testing.assert_series_equal(value, sent(value), check_exact=True)


@given(frames())
@settings(max_examples=150, deadline=None)
def test_frames_arrive_equal(value) -> None:
    """The same with several columns, names that repeat, and labels of any type."""
    pd.testing.assert_frame_equal(value, sent(value), check_exact=True)


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"id": pd.array([1234567890123456789, None], dtype="Int64")}),
        pd.DataFrame({"id": [1, 2], "v": [3, 4]}).set_index("id"),
        pd.DataFrame({"a": [2**60 + 1, None]}, dtype=object),
        pd.DataFrame({"t": pd.date_range("2024-03-30", "2024-04-01", tz=BERLIN)}),
        pd.DataFrame({"v": 1}, index=pd.date_range("2024-03-30 00:00:00.123456789", periods=3, freq="D")),
        pd.DataFrame({"v": 1}, index=pd.date_range("2024-03-29", periods=5, freq="D", tz=BERLIN)),
        pd.DataFrame({"v": 1}, index=pd.timedelta_range("1h", periods=3, freq="30min")),
        pd.DataFrame({"g": ["x", "x", "y"], "h": [1, 2, 1], "v": [1, 2, 3]}).groupby(["g", "h"]).sum(),
        pd.DataFrame({("a", 1): [1], ("a", 2): [2]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"], index=[7]),
        pd.DataFrame(index=range(3)),
        pd.DataFrame(columns=["a", "b"]),
        pd.DataFrame({"c": pd.Categorical([2, None, 1], categories=[3, 2, 1], ordered=True)}),
        pd.DataFrame({"o": pd.Series([[1, 2], [3, 4], {"a": 1}], dtype=object)}),
    ],
    ids=lambda value: str(value.dtypes.tolist())[:40],
)
def test_frames_of_note_arrive_equal(value) -> None:
    """Cases that were changed on the way, and those near them."""
    there = sent(value)
    pd.testing.assert_frame_equal(value, there, check_exact=True)
    assert there.index.equals(value.index)
    assert type(there.index) is type(value.index)
    for label in value.index.names:
        assert label in there.index.names


@pytest.mark.parametrize("missing", [pd.NA, pd.NaT], ids=str)
def test_missing_values_arrive(missing) -> None:
    """Also outside frames."""
    assert sent([missing])[0] is missing


def test_arrays_without_dimensions_are_no_scalars() -> None:
    """And scalars are no arrays."""
    assert type(sent(np.array(5))) is np.ndarray
    assert type(sent(np.int64(5))) is np.int64
    assert sent(pd.Index([3, 4], name="n")).identical(pd.Index([3, 4], name="n"))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.ma.array([1, 2], mask=[0, 1]), r"\['x'\]: .*masked"),
        (np.ma.masked, "masked"),
        (pd.Timestamp("2024-01-01 00:00:00.123456789"), "microsecond"),
        (pd.Timedelta(1, "ns"), "microsecond"),
        (pd.Series([pd.Timestamp(1)], dtype=object), r"\['x'\]\[0\]: .*microsecond"),
        (pd.Series(pd.period_range("2020", "2022", freq="Y")), "period"),
        (pd.DataFrame({"a": pd.interval_range(0, 2)}), r"\['x'\]\['a'\]: .*interval"),
        (pd.Series(pd.arrays.SparseArray([0, 1])), "Sparse"),
        (pd.Series([1], index=pd.period_range("2020", periods=1)), r"index: .*period"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_change_is_refused_by_name(value, told) -> None:
    """Nothing is rounded, filled or turned into another type."""
    with pytest.raises(CrossingError, match=told):
        pack({"x": value})


@pytest.mark.parametrize(
    ("value", "crossed"),
    [
        (np.datetime64("2024-01-02T03:04:05", "ns"), dt.datetime.fromisoformat("2024-01-02T03:04:05")),
        (np.array(["NaT", "2024-01-02"], dtype="M8[D]"), [None, dt.date(2024, 1, 2)]),
        (np.timedelta64(5, "D"), dt.timedelta(days=5)),
        (pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), [{"a": 1}, {"a": None}]),
    ],
    ids=str,
)
def test_arguments_of_tools_are_lists(value, crossed) -> None:
    """Times are times there too, not numbers."""
    assert unpack(pack(value, arrays_as_lists=True)) == crossed


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.datetime64(1, "ns"), "microsecond"),
        (np.timedelta64(1, "M"), "timedelta64"),
        (np.datetime64("20000-01-01"), "datetime64"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "same name"),
    ],
    ids=str,
)
def test_arguments_of_tools_that_would_change_are_refused(value, told) -> None:
    """A cell that is dropped, or a time that is a number, is an error in the code."""
    with pytest.raises(CrossingError, match=told):
        pack(value, arrays_as_lists=True)


BARE = textwrap.dedent("""
    import sys
    hidden = sys.argv[1].split()
    class Hide:
        def find_spec(self, name, path=None, target=None):
            if name in hidden: raise ImportError(name)
    sys.meta_path.insert(0, Hide())
    from fleet_rlm.values import unpack
    try: print(unpack(sys.stdin.read(), fetch={}.get))
    except ValueError as error: print(error)
""")


@pytest.mark.parametrize("hidden", ["pandas", "pandas numpy"])
def test_where_pandas_is_missing_lists_stand_for_it(hidden) -> None:
    """And where numpy is missing as well."""
    index = pd.Index([7, 8], name="n")
    frame = pd.DataFrame(
        {
            "i": pd.Series([1, None], dtype="Int64"),
            "f": [0.5, 1.5],
            "t": pd.to_datetime(["2024-03-31 12:00", None]).as_unit("ns"),
            "z": pd.to_datetime(["2024-03-31 12:00", None]).as_unit("us").tz_localize(BERLIN),
            "c": pd.Categorical(["a", None]),
            "s": pd.Series(["é", None], dtype="string"),
        }
    ).set_axis(index)

    def told(value: Any) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", BARE, hidden],
            input=pack(value),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert not ran.stderr
        return ran.stdout.strip()

    noon = dt.datetime(2024, 3, 31, 12)
    first = {"i": 1, "f": 0.5, "t": noon, "z": noon.replace(tzinfo=BERLIN), "c": "a", "s": "é"}
    second = {"i": None, "f": 1.5, "t": None, "z": None, "c": None, "s": None}
    assert told(frame) == str([first, second])
    assert told(frame["i"]) == "[1, None]"
    assert told([pd.NA, index, frame.set_index(["i", "f"]).index[:1]]) == "[None, [7, 8], [(1, 0.5)]]"
    assert "same name" in told(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert "finer" in told(pd.Series([pd.Timestamp(1)]))
