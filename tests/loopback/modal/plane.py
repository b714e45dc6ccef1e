"""A Modal control plane and command router on loopback, for the real SDK to talk to.

Only what fleet-rlm needs of Modal is here; every other call is answered "unimplemented". Sandboxes are
directories, their processes local ones under bubblewrap, their volumes bind mounts. Nothing here proves
what Modal's own servers do; it proves what our side does with the answers, and when answers fail.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import grpclib.const
import grpclib.server
from grpclib import GRPCError, Status
from grpclib.encoding.proto import ProtoCodec
from modal_proto.api_grpc import ModalClientBase
from modal_proto.task_command_router_grpc import TaskCommandRouterBase

from . import control, router
from .container import refusal
from .faults import Fault, Record
from .sandboxes import Sandbox
from .service import TOKEN_ID, TOKEN_SECRET, Details, Service
from .volumes import Volumes


class PlaneError(Exception):
    """This machine cannot run the plane."""


class Plane:
    """State of the plane; its coroutines run on the loop of ``serve``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = Record()
        self.faults: list[Fault] = []
        self.apps: dict[str, str] = {}
        self.images: dict[bytes, str] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.sandboxes: list[Sandbox] = []
        self.numbers = itertools.count()
        self.volumes = Volumes(folder / "volumes", self.record)
        self.broken_image = ""
        """Why images fail to build; empty when they do not."""
        self.stdout_piece = 1 << 18
        """Most bytes in one message of output."""
        self.url = ""
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def running(self) -> list[Sandbox]:
        """Sandboxes that have not ended."""
        return [sandbox for sandbox in self.sandboxes if sandbox.state == "running"]

    def end(self, state: str = "terminated") -> None:
        """End every sandbox, from any thread."""

        async def end_all() -> None:
            await asyncio.gather(*(sandbox.end(state, 137) for sandbox in self.running))

        asyncio.run_coroutine_threadsafe(end_all(), self._loop).result(10)

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables that lead the SDK here."""
        return {
            "MODAL_SERVER_URL": self.url,
            "MODAL_TOKEN_ID": TOKEN_ID,
            "MODAL_TOKEN_SECRET": TOKEN_SECRET,
            "MODAL_CONFIG_PATH": str(self.folder / "modal.toml"),
        }

    def inject(self, method: str, **how: Any) -> Fault:
        """Make calls of ``method`` go wrong; see `Fault`."""
        fault = Fault(method, **how)
        self.faults.append(fault)
        return fault

    def reset(self) -> None:
        """No faults, no record, no secrets; sandboxes and volumes stay."""
        self.faults.clear()
        self.record.clear()
        self.secrets.clear()
        self.broken_image, self.stdout_piece = "", 1 << 18

    def sandbox(self, sandbox_id: str) -> Sandbox:
        """Return a sandbox by its id."""
        return self._find(sandbox_id, "id")

    def task(self, task_id: str) -> Sandbox:
        """Return a sandbox by the id of its task."""
        return self._find(task_id, "task_id")

    def _find(self, wanted: str, attribute: str) -> Sandbox:
        for sandbox in self.sandboxes:
            if getattr(sandbox, attribute) == wanted and sandbox.state != "gone":
                return sandbox
        raise GRPCError(Status.NOT_FOUND, f"{wanted} not found")

    def environment(self, sources: Iterable[Any], secret_ids: Iterable[str]) -> dict[str, str]:
        """Merge the variables that secrets and inline sources give a process."""
        env: dict[str, str] = {}
        for secret_id in secret_ids:
            env.update(self.secrets.get(secret_id.removeprefix("st-"), {}))
        for source in sources:
            if source.WhichOneof("source") == "secret_id":
                env.update(self.secrets.get(source.secret_id.removeprefix("st-"), {}))
            else:
                env.update(source.env.contents)
        return env

    @contextlib.asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[None]:
        """Listen on loopback; ends every sandbox at the end."""
        services = [
            Service(self, ModalClientBase, control.METHODS),
            Service(self, TaskCommandRouterBase, router.METHODS),
        ]
        self._loop = asyncio.get_running_loop()
        server = grpclib.server.Server(services, codec=ProtoCodec(), status_details_codec=Details())
        await server.start("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{server._server.sockets[0].getsockname()[1]}"
        await self.volumes.serve()
        try:
            yield
        finally:
            await asyncio.gather(*(sandbox.end("terminated", 137) for sandbox in self.sandboxes))
            await self.volumes.close()
            server.close()  # not waited for: since Python 3.12 that is until the last client has gone


@contextlib.contextmanager
def running_plane(port: int = 0) -> Iterator[Plane]:
    """Run a plane on a loop in a thread of its own.

    Raises:
        PlaneError: bubblewrap is missing or does not work.
    """
    if reason := refusal():
        raise PlaneError(reason)
    folder = Path(tempfile.mkdtemp(prefix="loopback-modal-"))
    plane = Plane(folder)
    ready, stop = threading.Event(), threading.Event()

    async def main() -> None:
        async with plane.serve(port):
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="loopback-modal", daemon=True)
    thread.start()
    try:
        if not ready.wait(10):
            raise PlaneError("the plane did not start")
        yield plane
    finally:
        stop.set()
        thread.join(10)
        shutil.rmtree(folder, ignore_errors=True)
