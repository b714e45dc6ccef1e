"""The worker's ends of its socket and its line, with a supervisor and a host that the tests play."""

from __future__ import annotations

import signal
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from fleet_rlm.driver.channel import Channel
from fleet_rlm.driver.shield import Shield
from fleet_rlm.protocol import Frame, FrameReader, encode_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0


class Played:
    """A channel, and the other ends of both its sockets."""

    def __init__(self) -> None:
        self.supervisor, end = socket.socketpair()
        self.host, line = socket.socketpair()
        self.host.settimeout(PATIENCE)
        self._kept = end, line
        self.channel = Channel(end, Shield())
        socket.send_fds(self.supervisor, [encode_frame({"type": "line"})], [line.fileno()])
        self.channel.is_interrupted(0)  # has it read what there is
        self.replies: list[Frame] = []

    def call(self) -> tuple[threading.Thread, Frame]:
        """Call a tool on a thread; return the thread, and what the host gets."""
        thread = threading.Thread(target=lambda: self.replies.append(self.channel.request({"type": "call"})))
        thread.start()
        (frame,) = FrameReader().feed(self.host.recv(1 << 16))
        return thread, frame

    def tell(self, kind: str, number: int) -> None:
        """Say something as the supervisor, and have it read."""
        self.supervisor.sendall(encode_frame({"type": kind, "id": number}))
        self.channel.is_interrupted(0)

    def close(self) -> None:
        """Free the sockets."""
        for end in (self.supervisor, self.host, *self._kept):
            end.close()


@pytest.fixture
def played() -> Iterator[Played]:
    """A channel; a worker's handling of SIGINT does not stay."""
    before = signal.getsignal(signal.SIGINT)
    made = Played()
    yield made
    signal.signal(signal.SIGINT, before)
    made.close()


def test_signalled(played: Played) -> None:
    """The open calls of a cell that was interrupted are refused; the host's answer comes too late."""
    played.channel.begin(7)
    thread, call = played.call()
    played.tell("signalled", 7)
    thread.join(PATIENCE)
    assert [(reply.header["id"], reply.header["ok"]) for reply in played.replies] == [
        (call.header["id"], False)
    ]


def test_signalled_late(played: Played) -> None:
    """What is said of the cell before refuses no call of this one."""
    played.channel.begin(8)
    thread, call = played.call()
    played.tell("signalled", 7)
    played.host.sendall(encode_frame({"type": "result", "id": call.header["id"], "ok": True}, b"42"))
    thread.join(PATIENCE)
    assert [(reply.header["ok"], reply.payload) for reply in played.replies] == [(True, b"42")]
