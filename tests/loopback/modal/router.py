"""The task command router's side: processes in a sandbox, their input, their output, how they ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from modal_proto import task_command_router_pb2 as pb2

if TYPE_CHECKING:
    from .plane import Plane


async def exec_start(plane: Plane, request: Any) -> Any:
    env = plane.environment(getattr(request, "secret_sources", ()), request.secret_ids)
    sandbox = plane.task(request.task_id)
    process = await sandbox.run(request.exec_id, list(request.command_args), env, request.workdir)
    if request.HasField("timeout_secs"):
        asyncio.get_running_loop().call_later(request.timeout_secs, process.kill)
    return pb2.TaskExecStartResponse()


async def stdin_write(plane: Plane, request: Any) -> Any:
    process = plane.task(request.task_id).process(request.exec_id)
    await process.write(request.offset, request.data, eof=request.eof)
    return pb2.TaskExecStdinWriteResponse()


async def stdin_write_stream(plane: Plane, requests: AsyncIterator[Any]) -> Any:
    process, offset = None, 0
    async for request in requests:
        if request.HasField("start"):
            process = plane.task(request.start.task_id).process(request.start.exec_id)
            offset = request.start.offset
        elif request.HasField("data"):
            await process.write(offset, request.data)
            offset += len(request.data)
        else:
            await process.write(offset, b"", eof=True)
    return pb2.TaskExecStdinWriteStreamResponse()


async def stdin_status(plane: Plane, request: Any) -> Any:
    process = plane.task(request.task_id).process(request.exec_id)
    return pb2.TaskExecStdinStatusResponse(num_bytes_written=process.received, closed=process.code.done())


async def stdio_read(plane: Plane, request: Any) -> AsyncIterator[Any]:
    process = plane.task(request.task_id).process(request.exec_id)
    wants_errors = request.file_descriptor == pb2.TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDERR
    spool = process.stderr if wants_errors else process.stdout
    async for piece in spool.read(request.offset, plane.stdout_piece):
        yield pb2.TaskExecStdioReadResponse(data=piece)


async def exec_poll(plane: Plane, request: Any) -> Any:
    process = plane.task(request.task_id).process(request.exec_id)
    return (
        _exit(pb2.TaskExecPollResponse(), process.code.result())
        if process.code.done()
        else pb2.TaskExecPollResponse()
    )


async def exec_wait(plane: Plane, request: Any) -> Any:
    process = plane.task(request.task_id).process(request.exec_id)
    return _exit(pb2.TaskExecWaitResponse(), await asyncio.shield(process.code))


async def reload_volumes(plane: Plane, request: Any) -> Any:
    plane.task(request.task_id)
    return pb2.TaskReloadVolumesResponse()


def _exit(reply: Any, code: int) -> Any:
    if code < 0:
        reply.signal = -code
    else:
        reply.code = code
    return reply


METHODS = {
    "TaskExecStart": exec_start,
    "TaskExecStdinWrite": stdin_write,
    "TaskExecStdinWriteStream": stdin_write_stream,
    "TaskExecStdinStatus": stdin_status,
    "TaskExecStdioRead": stdio_read,
    "TaskExecPoll": exec_poll,
    "TaskExecWait": exec_wait,
    "TaskReloadVolumes": reload_volumes,
}
