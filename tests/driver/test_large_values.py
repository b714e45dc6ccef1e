"""Large inputs cross once, and are what they were at every step."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_rlm.sandboxes import process
from sandbox_kinds import each_kind

MEGABYTE = 1 << 20


class Meter:
    """Counts what leaves the host through a session's connection."""

    def __init__(self, session: Any) -> None:
        connection, shortcut = session._client._connection, session._client._shortcut
        self.sent, self.values = 0, 0
        by_the_line = shortcut.send
        send, send_value = connection.send, connection.send_value

        def counted(data: bytes) -> None:
            self.sent += len(data)
            send(data)

        def counted_value(header: dict[str, Any], content: Any) -> None:
            self.values += content.size
            send_value(header, content)

        def counted_direct(header: dict[str, Any], data: bytes) -> bool:
            went = by_the_line(header, data)
            self.sent += len(data) * went
            return went

        shortcut.send = counted_direct
        connection.send, connection.send_value = counted, counted_value


@each_kind
def test_large_text_crosses_once(kind) -> None:
    """After the first step, a step costs what its code costs, whatever the size of its inputs."""
    text = "".join(f"{n:07}é\n" for n in range(600_000)) if kind.plane else "x" * (100 * MEGABYTE) + "é"
    with kind() as session:
        meter = Meter(session)
        assert session.execute("len(text), text[-1:]", {"text": text}) == repr((len(text), text[-1:]))
        assert meter.values == len(text.encode())
        sent, meter.values = meter.sent, 0
        for _ in range(5):
            session.execute("text = text[:10]", {"text": text, "more": 1})
            assert session.execute("len(text)", {"text": "".join([text[:5], text[5:]])}) == str(len(text))
        assert meter.values == 1  # ``more``
        assert meter.sent - sent < 10 * 250 + 5 * 50


@each_kind
def test_large_leaves_of_containers_cross_once(kind) -> None:
    """A mapping of documents is sent as references to texts that are there already."""
    pages = [chr(97 + n) * (MEGABYTE // 4) for n in range(4)]
    with kind() as session:
        meter = Meter(session)
        session.execute("1", {"documents": dict(enumerate(pages)), "first": pages[0]})
        assert 1 * MEGABYTE <= meter.values < 1.01 * MEGABYTE
        meter.values = 0
        told = session.execute(
            "documents[3][:2], documents[0] == first, len(documents)",
            {"documents": dict(enumerate(pages)), "first": pages[0]},
        )
        assert told == "('dd', True, 4)"
        assert meter.values == 0


@each_kind
def test_container_is_the_original_at_every_step(kind) -> None:
    """What code does to an input, at any depth, is undone when the input is passed again."""
    inputs = {"data": {"list": [1, [2, "t" * 50_000]], "set": {3}}}
    with kind() as session:
        session.execute("data['list'][1].append(9); data['set'].clear(); data['new'] = 1", inputs)
        told = session.execute("data['list'][1][0], len(data['list'][1]), data['set'], sorted(data)", inputs)
        assert told == "(2, 2, {3}, ['list', 'set'])"


@each_kind
def test_values_no_longer_bound_are_dropped(kind) -> None:
    """A name bound to something else lets the old value go; bound to it again, it crosses again."""
    first, second = "a" * MEGABYTE, "b" * MEGABYTE
    with kind() as session:
        meter = Meter(session)
        for text, crossed in ((first, 1), (second, 1), (second, 0), (first, 1)):
            meter.values = 0
            assert session.execute("text[0]", {"text": text}) == repr(text[0])
            assert meter.values == crossed * MEGABYTE


@each_kind
def test_fresh_worker_has_the_values_again(kind) -> None:
    """After a worker died, nothing is sent again and everything is there."""
    text = "t" * MEGABYTE
    with kind() as session:
        session.execute("1", {"text": text})
        meter = Meter(session)
        with pytest.raises(Exception, match="a fresh one took over"):
            session.execute("import os\nos._exit(1)", {"text": text})
        assert session.execute("len(text)", {"text": text}) == str(MEGABYTE)
        assert meter.values == 0


@each_kind
def test_code_cannot_change_what_a_fresh_worker_gets(kind) -> None:
    """Writing to every open descriptor does not reach the values kept for the next worker."""
    text = "t" * MEGABYTE
    spoil = (
        "import os\nlen(text)\nfor fd in range(3, 256):\n"
        "    for harm in (lambda: os.pwrite(fd, b'spoilt', 0), lambda: os.ftruncate(fd, 0), lambda: os.lseek(fd, 0, 2) and os.write(fd, b'more')):\n"
        "        try: harm()\n        except OSError: pass\nos._exit(1)"
    )
    with kind() as session:
        with pytest.raises(Exception, match="a fresh one took over"):
            session.execute(spoil, {"text": text})
        assert session.execute("len(text), text[:6]", {"text": text}) == repr((MEGABYTE, "tttttt"))


@pytest.mark.parametrize(
    "size", [0, 1, process._INLINE_BYTES - 1, process._INLINE_BYTES, process._INLINE_BYTES + 1]
)
@each_kind
def test_sizes_around_the_limit_of_inline_values(kind, size) -> None:
    """The way a value takes does not show in what arrives."""
    with kind() as session:
        told = session.execute(
            "len(text), len(data), text == 's' * len(text)", {"text": "s" * size, "data": b"\xff" * size}
        )
        assert told == repr((size, size, True))
