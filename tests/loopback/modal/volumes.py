"""Volumes: folders that sandboxes mount, filled in content-addressed blocks over HTTP."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from aiohttp import web
from modal_proto import api_pb2

from .faults import Record

BLOCK = 8 << 20


class Volumes:
    """Every volume of the plane, and the server its blocks travel through."""

    def __init__(self, folder: Path, record: Record) -> None:
        self._folder, self._record = folder, record
        self._blocks: dict[str, bytes] = {}
        self.names: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.url = ""
        self._runner: web.AppRunner | None = None

    def add(self, name: str, version: int) -> str:
        """Make a volume and return its id."""
        volume_id = f"vo-loop{len(self.names):06d}"
        self.names[name], self.versions[volume_id] = volume_id, version or api_pb2.VOLUME_FS_VERSION_V1
        self.path(volume_id).mkdir(parents=True)
        return volume_id

    def path(self, volume_id: str) -> Path:
        """The host folder that holds a volume's files."""
        return self._folder / volume_id

    async def serve(self) -> None:
        """Start the block server."""
        app = web.Application(client_max_size=2 * BLOCK)
        app.router.add_put("/block/{digest}", self._put)
        app.router.add_get("/file/{volume}/{start}/{path:.*}", self._get)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop the block server."""
        if self._runner is not None:
            await self._runner.cleanup()

    def store(self, request: Any) -> api_pb2.VolumePutFiles2Response:
        """Write the files whose blocks are all here; name the missing blocks otherwise."""
        missing = [
            api_pb2.VolumePutFiles2Response.MissingBlock(
                file_index=i, block_index=j, put_url=f"{self.url}/block/{block.contents_sha256.hex()}"
            )
            for i, file in enumerate(request.files)
            for j, block in enumerate(file.blocks)
            if block.contents_sha256.hex() not in self._blocks
        ]
        if not missing:
            for file in request.files:
                target = self.path(request.volume_id) / file.path.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(
                    b"".join(self._blocks[block.contents_sha256.hex()] for block in file.blocks)
                )
        return api_pb2.VolumePutFiles2Response(missing_blocks=missing)

    def urls(self, volume_id: str, path: str) -> tuple[int, list[str]]:
        """Size of a file and where each of its blocks can be had."""
        size = (self.path(volume_id) / path.lstrip("/")).stat().st_size
        name = path.lstrip("/")
        return size, [f"{self.url}/file/{volume_id}/{start}/{name}" for start in range(0, size, BLOCK)]

    async def _put(self, request: web.Request) -> web.Response:
        data = await request.read()
        self._record.http_bytes += len(data)
        digest = request.match_info["digest"]
        if hashlib.sha256(data).hexdigest() != digest:
            raise web.HTTPBadRequest(text="the block is not what its name says")
        self._blocks[digest] = data
        return web.Response(body=digest.encode())

    async def _get(self, request: web.Request) -> web.Response:
        where = request.match_info
        with (self.path(where["volume"]) / where["path"]).open("rb") as file:
            file.seek(int(where["start"]))
            return web.Response(body=file.read(BLOCK))
