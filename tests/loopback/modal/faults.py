"""What goes wrong on purpose, and a record of what was asked for."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from grpclib import Status


@dataclass
class Fault:
    """One thing that goes wrong at calls of one method.

    The first ``skip`` calls are spared, the next ``times`` are hit (None: all of them).
    """

    method: str
    skip: int = 0
    times: int | None = 1
    delay: float = 0.0
    """Seconds before the call is looked at."""
    status: Status | None = None
    """Refuse with this status, nothing done."""
    message: str = "injected"
    retry_after: float | None = None
    """With ``status``: the server's own retry policy, which is how Modal throttles."""
    drop: bool = False
    """Cut the connection, nothing done."""
    lose: bool = False
    """Do what was asked, then cut the connection instead of answering."""
    drop_after: int | None = None
    """For streamed answers: cut the connection after this many messages."""
    kill_exec: bool = False
    """Kill the process the call is about, then go on."""
    end_sandbox: str | None = None
    """End the sandbox the call is about: ``timeout``, ``terminated`` or ``gone`` (unknown from then on)."""

    def hits(self, method: str) -> bool:
        """Whether this call of ``method`` is hit; counts."""
        if self.method not in {"*", method} or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(frozen=True)
class Call:
    """One request that reached the plane."""

    method: str
    request: Any
    """The message; for streamed requests the first one."""
    size: int
    """Bytes of the message, uncompressed protobuf."""
    at: float


@dataclass
class Record:
    """Everything the plane was asked, in order."""

    calls: list[Call] = field(default_factory=list)
    http_bytes: int = 0
    """Bytes of volume blocks, which travel outside gRPC."""

    def note(self, method: str, message: Any) -> None:
        """Add one received message."""
        self.calls.append(Call(method, message, message.ByteSize(), time.monotonic()))

    def requests(self, method: str) -> list[Any]:
        """The messages received for ``method``."""
        return [call.request for call in self.calls if call.method == method]

    @property
    def counts(self) -> dict[str, int]:
        """Messages by method."""
        return dict(Counter(call.method for call in self.calls))

    @property
    def bytes_up(self) -> int:
        """Bytes received, volume blocks included."""
        return self.http_bytes + sum(call.size for call in self.calls)

    def clear(self) -> None:
        """Forget everything so far."""
        self.calls.clear()
        self.http_bytes = 0
