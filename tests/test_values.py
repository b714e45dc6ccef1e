"""Values cross as themselves, or not at all."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import enum
import fractions
import json
import math
import pathlib
import uuid
import zoneinfo
from dataclasses import InitVar, dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet_rlm.values import CrossingError, pack, plain, unpack

TEXT = st.text(st.characters(exclude_categories=()))  # every code point, lone surrogates included
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.binary(min_size=600, max_size=700).map(lambda data: -int.from_bytes(data, "big"))
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.none() | st.just(dt.timezone.utc))
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.uuids()
)
HASHABLE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.sets(HASHABLE, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=4)
    ),
    max_leaves=12,
)


def sent(value: object) -> object:
    """What arrives in a sandbox."""
    return unpack(pack(value), fetch={}.__getitem__)


def same(left: object, right: object) -> bool:
    """Equal, and of the same types all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    return left == right and repr(left) == repr(right) if isinstance(left, float) else left == right


@given(VALUES)
@example({"$": "ref", "v": "v1"})
@example({"$": {"$": []}})
@example(["\ud800", "\udc00", "\ud800\udc00"])
@example([-0.0, float("inf"), 1 << 5000, {1: 2, "1": 3}])
@settings(max_examples=120, deadline=None)
def test_faithful_round_trip(value) -> None:
    """What is packed is unpacked as an equal value of the same type, and travels as ASCII."""
    packed = pack(value)
    assert packed.isascii()
    assert same(value, unpack(packed, fetch={}.__getitem__))


@given(TEXT)
@settings(max_examples=100, deadline=None)
def test_garbage_is_no_value(text) -> None:
    """Text that nobody packed is a ValueError or data, and nothing else."""
    with contextlib.suppress(ValueError):
        unpack(text)


TAGGED = st.fixed_dictionaries(
    {
        "$": st.sampled_from(
            [
                "text",
                "bytes",
                "bytearray",
                "int",
                "float",
                "complex",
                "tuple",
                "set",
                "dict",
                "range",
                "date",
                "time",
                "datetime",
                "timedelta",
                "decimal",
                "fraction",
                "uuid",
                "numpy",
                "series",
                "frame",
                "ref",
                "nonsense",
            ]
        )
    },
    optional={
        "v": st.recursive(
            st.none() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=4,
        ),
        "dtype": st.sampled_from(["<i8", "|O", "V8", "nonsense", "<U5"]) | st.integers(),
        "shape": st.lists(st.integers(-2, 10**12), max_size=3) | st.text(),
        "columns": st.lists(st.text(), max_size=2),
        "index": st.lists(st.integers(), max_size=2),
        "name": st.text(),
    },
)


@given(TAGGED)
@example({"$": "fraction", "v": "1e99999999999"})
@example({"$": "fraction", "v": [1, 0]})
@example({"$": "complex", "v": []})
@settings(max_examples=120, deadline=None)
def test_forged_forms_are_refused(tree) -> None:
    """A form with the wrong contents is a ValueError or data, at a cost like its length."""
    with contextlib.suppress(ValueError):
        unpack(json.dumps(tree))


@pytest.mark.parametrize("kind", [list, tuple, frozenset, dict])
def test_depth_that_crosses_can_be_read(kind) -> None:
    """By a receiver with Python's own limit, whose stack is not empty."""
    assert sent(deep(150, kind)) == deep(150, kind)


def test_odd_keys_cross() -> None:
    """Those of other types, if they are keys there too."""
    keys = [
        dt.date(2020, 1, 2),
        (1, ("a", b"b")),
        frozenset({1, dt.time(1)}),
        np.int64(5),
        Colour.RED,
        pd.NaT,
    ]
    value = dict.fromkeys(keys, 1)
    expected = {("red" if key is Colour.RED else key): 1 for key in keys}
    assert sent(value) == expected
    assert sent(set(keys)) == set(expected)


def test_nan_crosses() -> None:
    """The one value that does not equal itself."""
    assert math.isnan(sent(float("nan")))


class Colour(enum.Enum):
    RED = "red"


class Suit(enum.Enum):
    HEARTS = 1


@dataclass(frozen=True)
class Corner:
    x: int
    y: int


def deep(levels: int, kind: type = list) -> object:
    """One in another, so many times."""
    value: object = 1
    for _ in range(levels):
        value = (
            {value: 1}
            if kind is dict and type(value) is int
            else {2: value}
            if kind is dict
            else kind([value])
        )
    return value


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Page:
    number: int
    lines: list[str]


class Model(pydantic.BaseModel):
    name: str
    page: int = 1


@dataclass
class Seeded:
    number: int
    seed: InitVar[int] = 0
    limit: ClassVar[int] = 9


@dataclass
class Unset:
    number: int = field(init=False)


class Gone:
    def __fspath__(self) -> str:
        raise OSError("gone")


class UntoldError(Exception):
    def __str__(self) -> str:
        raise ValueError


class Unlisted(list[int]):
    def __iter__(self):
        raise UntoldError


class Day(dt.date):
    def isoformat(self) -> str:
        return "LIE"


class Moment(dt.datetime):
    pass


class Price(decimal.Decimal):
    def __str__(self) -> str:
        return "LIE"


class Share(fractions.Fraction):
    pass


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "LIE"


class Off(int):
    def __int__(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("value", "crossed"),
    [
        (Page(1, ["a"]), {"number": 1, "lines": ["a"]}),
        (Seeded(1, 2), {"number": 1}),
        (Model(name="n"), {"name": "n", "page": 1}),
        (Colour.RED, "red"),
        (Point(1, 2), (1, 2)),
        (Day(2020, 1, 2), dt.date(2020, 1, 2)),
        (Moment(2020, 1, 2, tzinfo=dt.timezone.utc), dt.datetime(2020, 1, 2, tzinfo=dt.timezone.utc)),
        (Price("1.50"), decimal.Decimal("1.50")),
        (Share(1, 3), fractions.Fraction(1, 3)),
        (dt.time(12, tzinfo=dt.timezone.utc), dt.time(12, tzinfo=dt.timezone.utc)),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (Loud("truth"), "truth"),
        (Off(7), 7),
        ({"k": Off(7)}, {"k": 7}),
        (np.float64(0.5), np.float64(0.5)),
        (np.int8(-3), np.int8(-3)),
        (np.bool_(1), np.bool_(1)),
        (np.array(["a", None], dtype=object), ["a", None]),
        (pd.Timestamp("2025-01-02 03:04:05"), dt.datetime.fromisoformat("2025-01-02T03:04:05")),
        (pd.Timedelta(seconds=1.5), dt.timedelta(seconds=1.5)),
        (range(2**70, 2**71, 3), range(2**70, 2**71, 3)),
        (fractions.Fraction(10**5000, 7), fractions.Fraction(10**5000, 7)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_faithful_stand_ins(value, crossed) -> None:
    """Values that have no form of their own cross as the documented one."""
    assert same(crossed, sent(value))


@pytest.mark.parametrize(
    "dtype", ["bool", "i1", ">i4", "u8", "f2", "f4", "f8", "c16", "U3", "M8[s]", "m8[ms]"]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0)])
def test_arrays_cross_whole(dtype, shape) -> None:
    """Every kind of number, every shape, in whatever order memory holds it."""
    array = np.ones(shape, dtype=dtype) if dtype[0] not in "UMm" else np.zeros(shape, dtype=dtype)
    for laid_out in (array, array.T):
        crossed = sent(laid_out)
        assert (
            crossed.dtype == laid_out.dtype or not shape
        )  # a scalar has its machine's order and its own length
        assert crossed.shape == laid_out.shape
        assert (crossed == laid_out).all()


def test_frames_cross_whole() -> None:
    """Columns keep their order, types and missing cells; two of the same name stay two."""
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, float("nan")], "t": ["a", None]}, index=["r", "s"])
    frame.columns = ["n", "x", "n"]
    crossed = sent(frame)
    assert list(crossed.columns) == ["n", "x", "n"]
    assert list(crossed.index) == ["r", "s"]
    assert crossed.iloc[:, 0].tolist() == [1, 2]
    assert math.isnan(crossed.iloc[1, 1])
    assert crossed.iloc[1, 2] is None or pd.isna(crossed.iloc[1, 2])
    series = sent(pd.Series([1, 2], index=["a", "b"], name="s"))
    assert (series.name, series.to_dict()) == ("s", {"a": 1, "b": 2})


class Yes:
    """Claims every attribute."""

    def __getattr__(self, name: str) -> Yes:
        return self

    def __call__(self, *_: object) -> Yes:
        return self


@pytest.mark.parametrize("form", [pack, plain])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Gone(), r"x'\]\[0\]: .*Gone raised OSError: gone"),
        (Unset(), r"x'\]\[0\]: .*Unset raised AttributeError"),
        (Unlisted(), r"x'\]\[0\]: .*Unlisted raised UntoldError: \(it cannot be printed\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_value_raises_itself_is_told_with_its_place(form, value, told) -> None:
    """Its properties and methods are somebody's code; what they raise is no way to end a session."""
    with pytest.raises(CrossingError, match=told):
        form({"x": [value]})
    with pytest.raises(CrossingError, match="raised"):
        form(value)


RING: list[object] = []
RING.append(RING)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (object(), "a value of type object"),
        ([1, {"a": (2, len)}], r"^\[1\]\['a'\]\[1\]: .*builtin_function_or_method"),
        (int, "type"),
        (json, "module"),
        ((n for n in "ab"), "generator"),
        (Yes(), "Yes"),
        (RING, "contains itself"),
        (deep(200), "deeper than 150"),
        ({Corner(1, 2): "a"}, r"^keys\(\)\.*: .*Corner as a key"),
        ([{Corner(1, 2)}], r"^\[0\]: .*Corner as a key or in a set"),
        ({(1, Corner(1, 2)): 1}, "tuple as a key"),
        ({"x": {Suit.HEARTS: "a", 1: "b"}}, r"^\['x'\]\.keys\(\): a .*Suit and a int would be one key"),
        ({Suit.HEARTS, decimal.Decimal(1)}, "would be one key"),
        ([dt.time(12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))], r"^\[0\]: .*Europe/Berlin"),
        (np.zeros(2, dtype=[("a", "i4")]), "dtype"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_cross_is_refused_by_name(value, told) -> None:
    """No value crosses as its ``repr``: the error says which, and where it is."""
    with pytest.raises(CrossingError, match=told):
        pack(value)


@pytest.mark.parametrize(
    "value",
    [object(), [len], int, json, (n for n in "ab"), Yes(), RING],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_plain_form_is_refused(value) -> None:
    """An answer is never a ``repr`` either."""
    with pytest.raises(CrossingError):
        plain(value)


def test_large_leaves_travel_alone() -> None:
    """What ``store`` takes is a reference, which ``fetch`` resolves."""
    kept: dict[str, object] = {}

    def store(leaf):
        if len(leaf) < 4:
            return None
        kept[f"v{len(kept)}"] = leaf
        return f"v{len(kept) - 1}"

    value = {"a": ["long text", "abc"], "b": b"long bytes", "c": bytearray(b"long too")}
    packed = pack(value, store=store)
    assert sorted(map(str, kept.values())) == ["b'long bytes'", "b'long too'", "long text"]
    assert same(value, unpack(packed, fetch=kept.__getitem__))
    with pytest.raises(ValueError, match=r"not expected.*ref"):
        unpack(packed)


@pytest.mark.parametrize(
    ("value", "crossed"),
    [
        ((1, {2, 1}), [1, [1, 2]]),
        (range(3), [0, 1, 2]),
        ({1: "a", None: 2}, {"1": "a", "null": 2}),
        (b"text", "text"),
        (dt.date(2025, 1, 2), "2025-01-02"),
        (dt.datetime.fromisoformat("2025-01-02T03:04"), "2025-01-02T03:04:00"),
        (dt.timedelta(minutes=1), 60.0),
        (decimal.Decimal("1.10"), "1.10"),
        (fractions.Fraction(1, 3), "1/3"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Page(1, ["a"]), {"number": 1, "lines": ["a"]}),
        (Seeded(1, 2), {"number": 1}),
        (Model(name="n"), {"name": "n", "page": 1}),
        (Colour.RED, "red"),
        (Loud("truth"), "truth"),
        ({Loud("key"): Off(7)}, {"key": 7}),
        (np.float32(0.5), 0.5),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.datetime64("2025-01-02"), "2025-01-02"),
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        (pd.Series([0.5, float("nan")]), [0.5, None]),
        (pd.Timestamp("2025-01-02"), "2025-01-02T00:00:00"),
        (1 << 5000, 1 << 5000),
        (np.timedelta64(5, "D"), 432_000.0),
        (np.array([[1500], [1]], dtype="m8[ms]"), [[1.5], [0.001]]),
        (np.timedelta64(1 << 62, "W"), float((1 << 62) * 604_800)),
        (np.array(["NaT", "2025-01-02"], dtype="M8[D]"), [None, "2025-01-02"]),
        (np.timedelta64("NaT"), None),
        (pd.Series([np.timedelta64(1, "s"), None]), [1.0, None]),
        (pd.DataFrame({"a": pd.array([2**53 + 1, None], dtype="Int64")}), [{"a": 2**53 + 1}, {"a": None}]),
        (pd.DataFrame({1: [1.5], "b": [[1, {2}]]}), [{"1": 1.5, "b": [1, [2]]}]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_forms(value, crossed) -> None:
    """Answers become JSON's own types, as documented."""
    told = plain(value)
    assert same(crossed, told)
    json.dumps(told, default=None) if not isinstance(told, int) else None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"\xff", "not UTF-8"),
        ({1: "a", "1": "b"}, "same JSON text"),
        ({(1, 2): 3}, "key of type tuple"),
        (1j, "complex"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "columns have the same name"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "columns have the same name"),
        ([pd.DataFrame({"a": [1j]})], r"^\[0\]\[0\]\['a'\]: .*complex"),
        (np.timedelta64(1, "M"), "unit 'M'"),
        (np.longdouble(1), "longdouble"),
    ],
    ids=repr,
)
def test_plain_refuses_what_json_has_not(value, told) -> None:
    """What would be lost or guessed is an error instead."""
    with pytest.raises(CrossingError, match=told):
        plain(value)
