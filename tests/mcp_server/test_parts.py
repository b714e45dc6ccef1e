"""The pure parts: the scale of progress, results of a bounded size, addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_rlm.mcp import addresses
from fleet_rlm.mcp.progress import Scale
from fleet_rlm.mcp.results import cut, fields, fits


def asked(done, total):
    return {"event": "asked", "done": done, "total": total}


def test_batches_come_on_top():
    """A second batch of sub-calls counts on where the first has ended."""
    scale = Scale()
    steps = [scale.event(asked(done, 2)) for done in (1, 2)] + [
        scale.event(asked(done, 3)) for done in (1, 3)
    ]
    assert [(1, 2), (2, 2), (3, 5), (5, 5)] == [(step.done, step.total) for step in steps]


def test_iterations_of_a_run():
    """Lines between two iterations stay between them."""
    scale = Scale()
    lines = ["preparing the model", "[1/30] print(1)", "      → 1", *["warning: x"] * 200, "[2/30] print(2)"]
    steps = [scale.line(line) for line in lines]
    assert (steps[1].done, steps[1].total, steps[1].message) == (1.0, 30.0, "[1/30] print(1)")
    assert 1 < steps[-2].done < 2 == steps[-1].done


EVENTS = st.one_of(
    st.builds(asked, st.integers(0, 50), st.integers(1, 50)),
    st.just({"event": "waiting"}),
    st.builds(lambda done: {"event": "reading", "done": done, "total": 0}, st.integers(0, 10**9)),
)


@given(st.lists(EVENTS, max_size=30), st.lists(st.sampled_from(["[1/3] x", "[3/3] y", "z"]), max_size=30))
def test_progress_always_rises(events, lines):
    """Whatever is told in whatever order, each step is above the one before, as the protocol asks."""
    for scale, tell, told in ((Scale(), Scale.event, events), (Scale(), Scale.line, lines)):
        done = [tell(scale, one).done for one in told]
        assert done == sorted(set(done))


@given(st.text(max_size=300), st.integers(3, 100))
def test_a_cut_is_counted(text, most):
    """What is left out of a text is counted, and nothing else is lost."""
    shown = cut(text, most)
    if len(text) <= most:
        assert shown == text
        return
    head, tail = most * 2 // 3, most // 3
    assert shown.startswith(text[:head])
    assert shown.endswith(text[-tail:])
    assert f"\n… {len(text) - head - tail} characters not shown …\n" in shown


def test_short_fields_leave_their_room_to_long_ones():
    """Fields that fit are shown whole, whatever the long ones are."""
    values = {"findings": ["x" * 5_000], "answer": "y" * 600, "complete": True}
    shown = fields(values, 1_000)
    assert not fits(values, 1_000)
    assert f"\nanswer: {'y' * 498}" not in shown
    assert "\ncomplete: true" in shown
    assert len(shown) < 1_200
    assert fits({"answer": "short"}, 1_000)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (addresses.output_of("work", 3), addresses.Address("output", "work", 3)),
        (addresses.answer_of("a-b.c"), addresses.Address("answer", "a-b.c")),
        (addresses.run_result(2), addresses.Address("run", "", 2)),
        ("fleet-rlm://session/work/output/x", None),
        ("fleet-rlm://session/work/output/3/4", None),
        ("fleet-rlm://session//answer", None),
        ("file:///etc/passwd", None),
    ],
)
def test_addresses(uri, expected):
    """What was made is understood again, and nothing else is."""
    assert addresses.parse(uri) == expected
