"""Processes in a sandbox: stdin by offset, output kept so that a broken stream can be resumed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

from grpclib import GRPCError, Status

from .container import Container, command_line

AHEAD = 32 << 20
"""Bytes of output a process may be ahead of its reader before it has to wait."""
BEHIND = 96 << 20
"""Bytes already streamed that stay at hand for a reader that lost its connection."""


class Spool:
    """Output of one descriptor."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._start = 0
        self._streamed = 0
        self._ended = False
        self._changed = asyncio.Condition()

    @property
    def _end(self) -> int:
        return self._start + len(self._data)

    async def fill(self, source: asyncio.StreamReader) -> None:
        """Take everything from ``source``."""
        while data := await source.read(1 << 20):
            async with self._changed:
                await self._changed.wait_for(lambda: self._end - self._streamed < AHEAD)
                self._data += data
                self._changed.notify_all()
        await self.close()

    async def close(self) -> None:
        """Nothing more will come."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def _reached(self, offset: int) -> None:
        await self._changed.wait_for(lambda: self._end > offset or self._ended)

    async def read(self, offset: int, most: int) -> AsyncIterator[bytes]:
        """Yield what comes from ``offset`` on, in pieces of at most ``most`` bytes."""
        while True:
            async with self._changed:
                await self._reached(offset)
                piece = bytes(self._data[offset - self._start : offset - self._start + most])
                offset += len(piece)
                self._streamed = max(self._streamed, offset)
                if self._streamed - BEHIND > self._start:
                    del self._data[: self._streamed - BEHIND - self._start]
                    self._start = self._streamed - BEHIND
                self._changed.notify_all()
            if not piece:
                return
            yield piece


class Process:
    """One command in a sandbox, as ``exec`` starts it."""

    def __init__(self) -> None:
        self.stdout, self.stderr = Spool(), Spool()
        self.received = 0
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._writing = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(
        self, container: Container, argv: list[str], *, env: dict[str, str], workdir: str
    ) -> None:
        """Run ``argv``."""
        pipe = asyncio.subprocess.PIPE
        line = command_line(container, argv, env=env, workdir=workdir)
        process = await asyncio.create_subprocess_exec(
            *line, stdin=pipe, stdout=pipe, stderr=pipe, limit=1 << 20, start_new_session=True
        )
        self._process = process
        self._tasks = [
            asyncio.create_task(self.stdout.fill(process.stdout)),
            asyncio.create_task(self.stderr.fill(process.stderr)),
            asyncio.create_task(self._wait(process)),
        ]

    async def _wait(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if not self.code.done():
            self.code.set_result(code)

    async def write(self, offset: int, data: bytes, *, eof: bool = False) -> None:
        """Give the process the bytes it does not have yet; repeated ones are dropped."""
        async with self._writing:
            if self.code.done() or self._process is None:
                raise GRPCError(Status.FAILED_PRECONDITION, "the process has ended")
            if offset > self.received:
                raise GRPCError(
                    Status.FAILED_PRECONDITION, f"bytes missing: have {self.received}, got {offset}"
                )
            stdin = self._process.stdin
            try:
                stdin.write(data[self.received - offset :])
                await stdin.drain()
                if eof:
                    stdin.close()
            except (ConnectionError, RuntimeError) as error:
                raise GRPCError(Status.FAILED_PRECONDITION, "the process does not read") from error
            self.received = max(self.received, offset + len(data))

    def kill(self) -> None:
        """End the process and all it started (bwrap is its init)."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(
                    self._process.pid, signal.SIGKILL
                )  # bwrap and its child, which may not watch it yet

    async def ended(self) -> None:
        """Wait until nothing of it is left."""
        self.kill()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=1)
            for task in left:
                task.cancel()
            self._process._transport.close()
