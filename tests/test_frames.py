"""Frames come out of a stream whole and at once, however the stream is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet_rlm.protocol import FrameReader, encode_frame

PAYLOADS = st.lists(st.binary(max_size=200), min_size=1, max_size=6)
PIECES = st.lists(st.integers(min_value=1, max_value=90), min_size=1, max_size=40)


@given(payloads=PAYLOADS, pieces=PIECES)
def test_frames_come_as_soon_as_they_are_whole(payloads, pieces):
    """After each piece exactly the frames are out whose last byte has come; none is kept for a later one."""
    frames = [encode_frame({"type": "value", "n": n}, payload) for n, payload in enumerate(payloads)]
    stream = b"".join(frames)
    ends = [sum(map(len, frames[: n + 1])) for n in range(len(frames))]
    reader, received, at = FrameReader(), [], 0
    while at < len(stream):
        size = pieces[len(received) % len(pieces)]
        received += reader.feed(stream[at : at + size])
        at += size
        assert len(received) == sum(end <= at for end in ends)
    assert [frame.payload for frame in received] == payloads


def test_a_header_cut_right_after_a_long_payload():
    """The length of a payload that has come is not waited for again."""
    long, short = encode_frame({"type": "value"}, b"x" * 1000), encode_frame({"type": "execute"})
    reader = FrameReader()
    assert reader.feed(long[:500]) == []
    assert [frame.header["type"] for frame in reader.feed(long[500:] + short[:5])] == ["value"]
    assert [frame.header["type"] for frame in reader.feed(short[5:])] == ["execute"]
