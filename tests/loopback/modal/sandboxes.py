"""One sandbox of the plane: its definition, its processes, how it ends."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import time
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .container import Container
from .processes import Process

FINISHED = {
    "exited": api_pb2.GenericResult.GENERIC_STATUS_SUCCESS,
    "failed": api_pb2.GenericResult.GENERIC_STATUS_FAILURE,
    "timeout": api_pb2.GenericResult.GENERIC_STATUS_TIMEOUT,
    "terminated": api_pb2.GenericResult.GENERIC_STATUS_TERMINATED,
    "gone": api_pb2.GenericResult.GENERIC_STATUS_TERMINATED,
}


def token(lifetime: float) -> str:
    """Return an unsigned JWT, which is all the SDK looks at."""
    parts = ({"alg": "none"}, {"exp": time.time() + lifetime}, {})
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )


class Sandbox:
    """A running or finished sandbox."""

    def __init__(self, number: int, folder: Path, app_id: str, definition: Any, tags: dict[str, str]) -> None:
        self.id = f"sb-loop{number:06d}"
        self.task_id = f"ta-loop{number:06d}V"
        self.jwt = token(3600)
        self.app_id, self.definition, self.tags = app_id, definition, tags
        self.created_at = time.time()
        self.state = "running"
        self.code = 0
        self.processes: dict[str, Process] = {}
        self.env: dict[str, str] = {}
        self.folder = folder / self.id
        for name in ("tmp", "root"):
            (self.folder / name).mkdir(parents=True)
        self.container = Container(self.folder)
        self.ended = asyncio.Event()
        self._timers: set[asyncio.Task[None]] = set()
        self._active = time.monotonic()

    @property
    def blocked_network(self) -> bool:
        """Whether it was asked to have no network."""
        kind = self.definition.network_access.network_access_type
        return kind == api_pb2.NetworkAccess.NetworkAccessType.BLOCKED

    @property
    def result(self) -> api_pb2.GenericResult:
        """What ``wait`` reports; empty while it runs."""
        if self.state == "running":
            return api_pb2.GenericResult()
        return api_pb2.GenericResult(status=FINISHED[self.state], exitcode=self.code)

    async def boot(self, volumes: dict[str, Path], env: dict[str, str]) -> None:
        """Start the entrypoint and the clocks."""
        resources = self.definition.resources
        self.container = Container(self.folder, volumes, not self.blocked_network, resources.memory_mb_max)
        self.env = env
        if self.definition.entrypoint_args:
            main = await self.run("entrypoint", list(self.definition.entrypoint_args), {}, "")
            self._after(self._follow(main))
        self._after(self._expire(self.definition.timeout_secs, "timeout"))
        if self.definition.HasField("idle_timeout_secs"):
            self._after(self._idle(self.definition.idle_timeout_secs))

    async def run(self, name: str, argv: list[str], env: dict[str, str], workdir: str) -> Process:
        """Start one process; repeating ``name`` is the same process, as an idempotency key should be."""
        if self.state != "running":
            raise GRPCError(Status.NOT_FOUND, f"sandbox {self.id} has finished")
        if name not in self.processes:
            process = self.processes[name] = Process()
            await process.start(self.container, argv, env={**self.env, **env}, workdir=workdir or "/root")
        return self.processes[name]

    def process(self, name: str) -> Process:
        """Return a process by its id."""
        if self.state == "gone" or name not in self.processes:
            raise GRPCError(Status.NOT_FOUND, f"no process {name}")
        return self.processes[name]

    async def end(self, state: str, code: int = 0) -> None:
        """End everything in it; the first reason stays."""
        if self.state != "running":
            return
        self.state, self.code = state, code
        self.ended.set()
        for task in self._timers - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(*(process.ended() for process in self.processes.values()))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _after(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)

    async def _follow(self, main: Process) -> None:
        code = await asyncio.shield(main.code)
        await self.end("failed" if code else "exited", code)

    async def _expire(self, seconds: float, state: str) -> None:
        await asyncio.sleep(seconds)
        await self.end(state)

    async def _idle(self, seconds: float) -> None:
        while True:
            running = [p for name, p in self.processes.items() if name != "entrypoint" and not p.code.done()]
            if running:
                self._active = time.monotonic()
            left = self._active + seconds - time.monotonic()
            if left <= 0:
                return await self.end("terminated")
            await asyncio.sleep(min(left, 0.2))
