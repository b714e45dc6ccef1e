"""A driver that has been taken over: the host believes nothing that it says."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError

from fleet_rlm.interpreter import SandboxInterpreter
from fleet_rlm.protocol import PROTOCOL
from fleet_rlm.sandboxes.process import ProcessConnection

SAY = """
import os, sys, time
end = os.dup(0)
if not sys.argv[1]: sys.exit()
os.write(end, bytes.fromhex(sys.argv[1]))
os.read(end, 1 << 16)
data = bytes.fromhex(sys.argv[2])
while data: data = data[os.write(end, data):]
time.sleep(float(sys.argv[3]))
"""
READY = {"type": "ready", "protocol": PROTOCOL, "python": "3.12.0", "probe": {}}


@dataclass(frozen=True)
class Impostor:
    """A sandbox whose driver says two things, the second once it has been sent something."""

    first: bytes
    then: bytes = b""
    name: str = "impostor"
    start_timeout: float = 10.0
    description: str = "says what it was told to"

    def open(self) -> ProcessConnection:
        """Start it."""
        argv = [sys.executable, "-I", "-S", "-c", SAY, self.first.hex(), self.then.hex(), "0.1"]
        return ProcessConnection.start(argv, env=os.environ)

    def verify(self, ready: Mapping[str, Any]) -> None:
        """Nothing to verify."""


def frame(payload: bytes = b"", **header: Any) -> bytes:
    """One frame, well-formed or not."""
    return json.dumps(header).encode() + b"\n" + payload


FIRST_WORDS = {
    "nothing": b"",
    "garbage": b"Segmentation fault\n",
    "another-protocol": frame(**{**READY, "protocol": 99}),
    "no-protocol": frame(type="ready"),
    "something-else": frame(type="done", id=1, outcome="ok"),
    "fault": frame(b"no memory", type="fault", bytes=9),
    "header-without-end": b"x" * (2 << 20),
    "impossible-length": frame(type="ready", protocol=PROTOCOL, bytes=1 << 50),
}
LATER_WORDS = {
    "garbage": b"\xff\xfe garbage\n",
    "silence": b"",
    "done-without-outcome": frame(type="done", id=1),
    "done-without-id": frame(type="done"),
    "done-with-unknown-outcome": frame(type="done", id=1, outcome="splendid"),
    "done-with-list-outcome": frame(type="done", id=1, outcome=[]),
    "done-with-odd-output": frame(type="done", id=1, outcome="ok", output="x"),
    "done-with-odd-lost": frame(type="done", id=1, outcome="lost", lost=5),
    "done-with-odd-names": frame(type="done", id=1, outcome="lost", lost=[1, None]),
    "call-without-id": frame(type="call", name="tool"),
    "call-without-name": frame(type="call", id=1, worker=1),
    "call-with-odd-id": frame(type="call", id=[1], worker={}, name="tool"),
    "call-a-million": b"".join(frame(type="call", id=n, worker=1, name="hang") for n in range(3000)),
    "fault": frame(type="fault"),
    "ready-again": frame(**READY),
}


@pytest.mark.parametrize("name", FIRST_WORDS)
def test_first_words_of_an_impostor(name: str) -> None:
    """A driver that does not begin as one is a dead session, said in one line."""
    session = SandboxInterpreter(sandbox=Impostor(FIRST_WORDS[name]))
    with pytest.raises(CodeInterpreterError) as caught:
        session.execute("1")
    assert type(caught.value) is CodeInterpreterError
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LATER_WORDS)
def test_later_words_of_an_impostor(name: str) -> None:
    """A driver that answers nonsense is a dead session, and the host's tools are as they were."""
    session = SandboxInterpreter(sandbox=Impostor(frame(**READY), LATER_WORDS[name]))
    session.tools["hang"] = __import__("threading").Event().wait
    with pytest.raises(CodeInterpreterError) as caught:
        session.execute("1")
    assert type(caught.value) is CodeInterpreterError
    with pytest.raises(CodeInterpreterError, match="ended"):
        session.start()


def test_text_that_is_none() -> None:
    """Bytes that are not text are shown as such, in output and in errors."""
    done = frame(b"\xff out\xfe err", type="done", id=1, outcome="error", error="E", output=5, bytes=10)
    session = SandboxInterpreter(sandbox=Impostor(frame(**READY), done))
    with pytest.raises(CodeExecutionError, match="\ufffd out\n\ufffd err"):
        session.execute("1")
