"""The official client of the ``mcp`` package on a real server process, for tests that are not async."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.from_thread
from mcp import Client, StdioServerParameters

PATIENCE = 120.0
WORDS = [sys.executable, "-m", "fleet_rlm.cli", "mcp"]


@dataclass(frozen=True)
class Answer:
    """What a tool answered.

    Attributes:
        text: all text of it.
        links: the URIs of the resources it names.
        failed: whether it is marked as an error.
        progress: (progress, total, message) of each notification that came first.
    """

    text: str
    links: list[str]
    failed: bool
    progress: list[tuple[float, float | None, str | None]]


@dataclass
class Desk:
    """One client with one server.

    Attributes:
        client: the official one.
    """

    client: Client
    _portal: Any = field(repr=False)

    def call(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool and wait for its answer."""
        return self.begin(tool, **arguments).result(PATIENCE)

    def begin(self, tool: str, **arguments: Any) -> Future[Answer]:
        """Call a tool; cancelling the future cancels the call."""
        return self._portal.start_task_soon(self._call, tool, arguments)

    async def _call(self, tool: str, arguments: dict[str, Any]) -> Answer:
        seen: list[tuple[float, float | None, str | None]] = []

        async def listen(progress: float, total: float | None, message: str | None) -> None:
            seen.append((progress, total, message))

        result = await self.client.call_tool(tool, arguments, progress_callback=listen)
        texts = [block.text for block in result.content if block.type == "text"]
        links = [str(block.uri) for block in result.content if block.type == "resource_link"]
        return Answer("\n".join(texts), links, bool(result.is_error), seen)

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call any other method of the client."""
        return self._portal.call(getattr(self.client, method), *arguments)


@contextmanager
def desk(folder: Path, mode: str = "auto", **environ: str) -> Iterator[Desk]:
    """Start a server in ``folder`` and connect a client.

    Args:
        folder: the project.
        mode: ``auto`` for the protocol of 2026, ``legacy`` for the one that begins with ``initialize``.
        environ: further variables.
    """
    server = StdioServerParameters(
        command=WORDS[0], args=WORDS[1:], env={**os.environ, **environ}, cwd=str(folder)
    )
    with anyio.from_thread.start_blocking_portal() as portal:
        client = Client(server, mode=mode)
        with portal.wrap_async_context_manager(client):
            yield Desk(client, portal)


class Pipe:
    """A server process and nothing but its pipes: for what the official client would not send."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            WORDS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_exc: object) -> None:
        self.process.kill()
        self.process.communicate()

    def send(self, **message: Any) -> None:
        """Send one message."""
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def answer(self, number: int) -> dict[str, Any]:
        """Read until the answer to the request of this number."""
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == number:
                return message
        raise AssertionError(f"no answer to {number}: {self.process.stderr.read()}")

    def ask(self, number: int, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its answer."""
        self.send(id=number, method=method, params=params)
        return self.answer(number)

    def leave(self) -> None:
        """Close the server's input."""
        self.process.stdin.close()
        self.process.stdin = None

    def initialize(self) -> dict[str, Any]:
        """Begin as clients of 2025 do."""
        capabilities = {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"},
        }  # fmt: skip
        answer = self.ask(1, "initialize", **capabilities)
        self.send(method="notifications/initialized")
        return answer
