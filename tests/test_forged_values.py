"""What a sandbox sends costs the host what its text costs, whatever it claims to be."""

from __future__ import annotations

import contextlib
import fractions
import json
import sys
import time
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fleet_rlm.values import pack, unpack

RANGE = {"$": "range", "v": [0, 15_000_000, 1]}
LONG = {"$": "int", "v": "0x" + "e3" * 200_000 + "7"}
PRIME = (1 << 61) - 1  # what CPython takes the hash of a number by

FORGED: dict[str, Any] = {
    "bytearray-of-a-number": {"$": "bytearray", "v": 70_000_000},
    "bytearray-of-a-range": {"$": "bytearray", "v": {"$": "range", "v": [0, 1, 1]}},
    "tuple-of-a-range": {"$": "tuple", "v": RANGE},
    "set-of-a-range": {"$": "set", "v": RANGE},
    "dict-of-a-range": {"$": "dict", "v": RANGE},
    "timedelta-of-a-range": {"$": "timedelta", "v": RANGE},
    "complex-of-a-range": {"$": "complex", "v": RANGE},
    "series-of-a-scalar": {"$": "series", "name": None, "index": RANGE, "v": 0},
    "frame-of-a-range": {"$": "frame", "columns": [1], "index": [], "v": RANGE},
    "frame-of-scalars": {"$": "frame", "columns": [1], "index": RANGE, "v": [0]},
    "column-of-codes": {"$": "column", "dtype": "category", "codes": RANGE, "categories": RANGE},
    "index-of-a-range": {"$": "index", "names": [None], "v": [RANGE]},
    "array-of-a-large-type": {"$": "numpy", "dtype": "V900000000", "shape": [], "v": {"$": "bytes", "v": ""}},
    "fraction-to-be-reduced": {"$": "fraction", "v": [LONG, {"$": "int", "v": "0x" + "f1" * 200_000}]},
    "fraction-of-text": {"$": "fraction", "v": ["1e99999999", 1]},
    "range-with-a-long-step": {"$": "range", "v": [0, {"$": "int", "v": "0x" + "f" * 900_000}, LONG]},
    "decimal-of-a-number": {"$": "decimal", "v": LONG},
    "decimal-of-a-range": {"$": "decimal", "v": {"$": "tuple", "v": [0, RANGE, 0]}},
    "float-of-a-fraction": {"$": "float", "v": {"$": "fraction", "v": [1, 3]}},
    "float-of-digits": {"$": "float", "v": "1" * 5000},
    "int-of-a-number": {"$": "int", "v": 5},
    "keys-compared-at-length": {
        "$": "set",
        "v": [{"$": "decimal", "v": "5"}, {"$": "int", "v": hex(5 + PRIME * (1 << 600_000))}],
    },
    "keys-compared-in-tuples": {
        "$": "dict",
        "v": [
            [{"$": "tuple", "v": [{"$": "decimal", "v": "5"}]}, 1],
            [{"$": "tuple", "v": [{"$": "int", "v": hex(5 + PRIME * (1 << 600_000))}]}, 1],
        ],
    },
    "keys-of-one-hash": {"$": "set", "v": [n * PRIME for n in range(15_000)]},
    "dict-of-one-hash": {"$": "dict", "v": [[n * PRIME, 0] for n in range(15_000)]},
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_constructors_are_refused_at_once(name) -> None:
    """Neither memory nor time, during which no other thread of the host would run."""
    text = json.dumps([[FORGED[name]], {}])
    tracemalloc.start()
    begun = time.process_time()
    try:
        with pytest.raises(ValueError):  # noqa: PT011 - the kind is what counts; each says its own reason
            unpack(text)
        took, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60 * len(text) + 100_000
    assert took < 0.1 + len(text) * 1e-6


def test_digits_are_bounded_where_python_was_told_to_have_no_limit() -> None:
    """The cost of decimal text is the square of its length."""
    if not hasattr(sys, "set_int_max_str_digits"):
        pytest.skip("this Python has no limit that could be lifted")
    allowed = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        assert unpack("9" * 4000) == 10**4000 - 1
        with pytest.raises(ValueError, match="JSON"):
            unpack("9" * 5000)
    finally:
        sys.set_int_max_str_digits(allowed)


@pytest.mark.parametrize(
    "value",
    [np.arange(3), np.float64(1), pd.Series([1]), pd.DataFrame({"a": [1]})],
    ids=lambda v: type(v).__name__,
)
def test_tables_come_from_the_host_alone(value) -> None:
    """Arguments of tools carry lists, so nothing from a sandbox has the host import numpy or pandas."""
    with pytest.raises(ValueError, match="not expected"):
        unpack(pack(value))
    assert isinstance(unpack(pack([[value], {}], arrays_as_lists=True)), list)


def test_what_is_refused_of_a_sandbox_may_come_from_the_host() -> None:
    """The bounds are for those who would abuse their absence."""
    for value in (
        fractions.Fraction(1 << 60_000, (1 << 60_000) - 1),
        {1 << 5000: 1},
        range(0, 1 << 5000, 1 << 3000),
    ):
        assert unpack(pack(value), fetch={}.__getitem__) == value
        with contextlib.suppress(ValueError):
            unpack(pack(value))
