"""The wire format, and that ``docs/protocol.md`` is its specification."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_rlm import protocol
from fleet_rlm.driver import ending, spool
from fleet_rlm.host import incoming
from fleet_rlm.protocol import Frame, FrameError, FrameReader, encode_frame
from fleet_rlm.values import makers, rebuilt, unpacking

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
HEADERS = st.dictionaries(st.text().filter(lambda name: name not in ("type", "bytes")), JSON, max_size=4)
FRAMES = st.tuples(st.text(), HEADERS, st.binary(max_size=200))


def rows(section: str) -> list[list[str]]:
    """The cells of all tables under a heading, without their head lines."""
    text = re.search(rf"^## {re.escape(section)}$(.*?)(^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert text is not None, section
    lines = [line for line in text[1].splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_document_states_the_number_of_the_code() -> None:
    """The specification and the code are of the same protocol."""
    assert re.findall(r"\*\*Protocol (\d+)\.\*\*", DOCUMENT) == [str(protocol.PROTOCOL)]


def test_document_states_the_limits_of_the_code() -> None:
    """Each limit has the value that the code enforces."""
    stated = {name.strip("` "): int(value.replace(",", "")) for name, value, _ in rows("Bytes")}
    assert stated == {name: getattr(protocol, name) for name in protocol.__all__ if name.startswith("MAX_")}


def test_document_states_how_much_output_is_kept() -> None:
    """The bounds are those of the code."""
    assert f"the first and the last {spool.KEPT_BYTES:,} bytes are kept" in DOCUMENT
    assert f"shown cut {spool.ARCHIVE_BYTES:,} bytes" in DOCUMENT


def test_document_lists_what_the_host_believes() -> None:
    """The frames from the driver, their fields and whether they are optional, are those the host checks."""
    stated = {}
    for kind, fields, *_ in (row for row in rows("From the driver") if len(row) == 4):
        found = re.findall(r"`(\w+)`(\??)", fields)
        stated[kind.strip("`")] = (
            {name for name, optional in found if not optional},
            {name for name, optional in found if optional},
        )
    assert stated == {kind: (set(must), set(may)) for kind, (must, may) in incoming.FIELDS.items()}


def test_document_lists_the_outcomes() -> None:
    """Every way in which a cell can end is documented, and no other."""
    stated = {row[0].strip("`") for row in rows("From the driver") if len(row) == 3}
    assert stated == incoming.OUTCOMES
    assert stated > ending.OUTCOMES


def test_document_lists_the_frames_of_the_host() -> None:
    """What the supervisor obeys is what is documented, and what the host's code sends."""
    stated = {row[0].strip("`") for row in rows("From the host")}
    source = (ROOT / "runtime/fleet_rlm/driver/supervisor.py").read_text(encoding="utf-8")
    obeyed = re.search(r"def _obey\(.*?\n    def ", source, re.DOTALL)
    assert obeyed is not None
    kinds = set(re.findall(r'"(\w+)"', "\n".join(line for line in obeyed[0].splitlines() if "kind" in line)))
    assert kinds - {"type"} == stated
    host = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "runtime/fleet_rlm/host").glob("*.py")
    )
    assert set(re.findall(r'"type": "(\w+)"', host)) == stated - {"shutdown"}


def test_document_lists_the_faithful_forms() -> None:
    """Every tag that the code reads is in the table, and no other."""
    stated = {row[0].strip("`") for row in rows("Values: the faithful form")} - {"$"}
    assert stated == {"ref", *unpacking.COLLECTIONS, *makers.UNPACKERS, *rebuilt.MAKERS}


@given(st.lists(FRAMES, max_size=5), st.data())
@settings(max_examples=60, deadline=None)
def test_frames_survive_any_split(frames, data) -> None:
    """However the bytes arrive, the same frames come out."""
    stream = b"".join(encode_frame({"type": kind, **header}, payload) for kind, header, payload in frames)
    reader, received, position = FrameReader(), [], 0
    while position < len(stream):
        size = data.draw(st.integers(1, len(stream) - position))
        received += reader.feed(stream[position : position + size])
        position += size
    told = [
        (f.header["type"], {k: v for k, v in f.header.items() if k not in ("type", "bytes")}, f.payload)
        for f in received
    ]
    assert told == frames
    assert b"".join(frame.data for frame in received) == stream


@given(st.lists(st.binary(max_size=60) | st.just(b"\n") | st.just(b'{"type":"x","bytes":3}\n'), max_size=8))
@settings(max_examples=150, deadline=None)
def test_garbage_is_an_error_or_a_frame(pieces) -> None:
    """Bytes that nobody meant as frames raise FrameError, and nothing else."""
    reader = FrameReader()
    try:
        for piece in pieces:
            for frame in reader.feed(piece):
                assert isinstance(frame.header["type"], str)
    except FrameError:
        pass


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"null\n",
        b"[]\n",
        b'"type"\n',
        b"{}\n",
        b'{"type":null}\n',
        b'{"type":"x"} \n{"type":"y"}\n'.replace(b" \n", b"x\n"),
        b'{"type":"x","bytes":-1}\n',
        b'{"type":"x","bytes":1.5}\n',
        b'{"type":"x","bytes":true}\n',
        b'{"type":"x","bytes":"3"}\n',
        b'{"type":"x","bytes":2000000000000}\n',
        b'{"type":"\xff"}\n',
        b"[" * 200_000 + b"\n",
        b'{"type":"x","n":' + b"9" * 10_000 + b"}\n",
        b"x" * (protocol.MAX_HEADER + 1),
    ],
    ids=lambda line: repr(line[:24]),
)
def test_bad_header_is_refused(line) -> None:
    """A line that is not a header ends the stream with FrameError."""
    with pytest.raises(FrameError):
        FrameReader().feed(line)


def test_reader_refuses_a_payload_beyond_its_limit_before_it_comes() -> None:
    """A stated length is judged at once, not when memory is full."""
    with pytest.raises(FrameError, match="larger than the 100 allowed"):
        FrameReader(limit=100).feed(b'{"type":"x","bytes":101}\n')


def test_header_never_contains_a_line_feed() -> None:
    """Text of any kind in a header stays on its line."""
    data = encode_frame({"type": "x", "text": "a\nb\u2028c\ud800\0"})
    assert data.count(b"\n") == 1
    (frame,) = FrameReader().feed(data)
    assert frame.header["text"] == "a\nb\u2028c\ud800\0"


def test_frame_of_parts_is_the_frame_that_is_read() -> None:
    """``Frame.of`` and a reader agree."""
    made = Frame.of({"type": "x", "n": 1}, b"payload")
    (read,) = FrameReader().feed(made.data)
    assert read.payload == made.payload == b"payload"
    assert read.header == {"type": "x", "n": 1, "bytes": 7}
    assert json.loads(made.data[: made.start]) == read.header


def test_header_that_cannot_be_json_is_refused_by_the_sender() -> None:
    """A number that JSON has not is never sent."""
    with pytest.raises(ValueError, match="Out of range"):
        encode_frame({"type": "x", "n": float("nan")})
