"""Numbers that not every reader of JSON takes: nobody waits for ever, and nothing else is lost for them."""

from __future__ import annotations

import json

from fleet_rlm.config import Settings
from fleet_rlm.protocol import FrameReader, encode_frame
from fleet_rlm.sandboxes.trusted import TrustedSandbox
from fleet_rlm.sessions import StartOptions
from fleet_rlm.sessions.performing import performed
from fleet_rlm.sessions.session import Session

HUGE = 10**5000


def test_an_integer_beyond_python_s_limit(box):
    """Code may submit, hold and save one: every command tells it as hexadecimal text."""
    box.start("huge")
    assert box("exec", stdin="x = 10 ** 5000\nSUBMIT(-x)").code == 0
    assert box("answer").out == f"{hex(-HUGE)}\n"
    assert box("answer", "--json").json["answer"] == {"output": hex(-HUGE)}
    assert box("exec", "--json", stdin="SUBMIT([x, 1])").json["answer"] == {"output": [hex(HUGE), 1]}
    assert box("save", "x", "--to", "out").code == 0
    assert json.loads((box.folder / "out" / "x.json").read_text()) == hex(HUGE)


def test_integers_within_python_s_limit(box):
    """They are numbers, to the last digit that every Python reads."""
    box.start("large")
    submitted = box("exec", "--json", stdin="SUBMIT([10 ** 4300 - 1, 1 - 10 ** 4300])").json
    assert submitted["answer"] == {"output": [10**4300 - 1, 1 - 10**4300]}


def test_floats_that_are_no_json(box):
    """They are told by their names, as text, by every command that tells of them."""
    box.start("floats")
    code = "x = [float('nan'), float('inf'), -float('inf'), 0.5]\nSUBMIT(x)"
    names = ["NaN", "Infinity", "-Infinity", 0.5]
    assert box("exec", "--json", stdin=code).json["answer"] == {"output": names}
    assert box("answer", "--json").json["answer"] == {"output": names}
    assert json.loads(box("answer").out) == {"output": names}
    assert box("save", "x", "--to", "out").code == 0
    assert json.loads((box.folder / "out" / "x.json").read_text()) == names


def test_variables_are_sized_one_by_one(box):
    """One that has no size that can be told is shown without it, and hides no other."""
    handle = box.start("sizes")
    handle.execute("a = -10 ** 5000\nb = range(10 ** 30)\nc = 'three'")
    rows = {row["name"]: (row["type"], row["size"]) for row in handle.variables()["variables"]}
    assert rows == {"a": ("int", None), "b": ("range", None), "c": ("str", 5)}
    table = box("vars")
    assert (table.code, table.out.splitlines()[0].split()) == (0, ["a", "int"])


def test_an_answer_that_cannot_be_written_is_told(capfd):
    """Whatever fails between an answer and its bytes, there is a frame for the client that waits."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    session = Session("deep", TrustedSandbox(), Settings(), StartOptions())
    session._answer = (1, {"output": deep})
    (request,) = FrameReader().feed(encode_frame({"type": "answer"}))
    told = FrameReader().feed(performed(session, request, str))
    assert [frame.header["type"] for frame in told] == ["error"]
    assert "RecursionError" in json.loads(told[0].payload)["message"]
    assert "RecursionError" in capfd.readouterr().err
