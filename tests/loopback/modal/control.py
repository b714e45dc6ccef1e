"""The control plane's side of what the SDK asks for: apps, images, secrets, volumes, sandboxes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .sandboxes import Sandbox, token

if TYPE_CHECKING:
    from .plane import Plane

SUCCESS = api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS)
CREATE = api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING


async def auth_token_get(_plane: Plane, _request: Any) -> Any:
    return api_pb2.AuthTokenGetResponse(token=token(1200))


async def app_get_or_create(plane: Plane, request: Any) -> Any:
    if request.app_name not in plane.apps:
        if request.object_creation_type != CREATE:
            raise GRPCError(Status.NOT_FOUND, f"no app {request.app_name}")
        plane.apps[request.app_name] = f"ap-loop{len(plane.apps):06d}"
    app_id = plane.apps[request.app_name]
    return api_pb2.AppGetOrCreateResponse(
        app_id=app_id, handle_metadata=api_pb2.AppHandleMetadata(app_id=app_id)
    )


async def environment_get_or_create(_plane: Plane, request: Any) -> Any:
    settings = api_pb2.EnvironmentSettings(image_builder_version="2025.06", webhook_suffix="")
    metadata = api_pb2.EnvironmentMetadata(name=request.deployment_name or "main", settings=settings)
    return api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-loop", metadata=metadata)


async def image_get_or_create(plane: Plane, request: Any) -> Any:
    key = request.image.SerializeToString(deterministic=True)
    built = key in plane.images
    image_id = plane.images.setdefault(key, f"im-loop{len(plane.images):06d}")
    return api_pb2.ImageGetOrCreateResponse(image_id=image_id, result=SUCCESS if built else None)


async def image_from_id(_plane: Plane, request: Any) -> Any:
    return api_pb2.ImageFromIdResponse(image_id=request.image_id)


async def image_join_streaming(plane: Plane, _request: Any) -> AsyncIterator[Any]:
    yield api_pb2.ImageJoinStreamingResponse(entry_id="1", task_logs=[api_pb2.TaskLogs(data="building\n")])
    if plane.broken_image:
        failed = api_pb2.GenericResult(
            status=api_pb2.GenericResult.GENERIC_STATUS_FAILURE, exception=plane.broken_image
        )
        yield api_pb2.ImageJoinStreamingResponse(entry_id="2", result=failed, eof=True)
    else:
        yield api_pb2.ImageJoinStreamingResponse(entry_id="2", result=SUCCESS, eof=True)


async def secret_get_or_create(plane: Plane, request: Any) -> Any:
    name = request.deployment_name
    if name not in plane.secrets:
        raise GRPCError(Status.NOT_FOUND, f"Secret '{name}' not found in environment 'main'")
    return api_pb2.SecretGetOrCreateResponse(
        secret_id=f"st-{name}", metadata=api_pb2.SecretMetadata(name=name)
    )


async def volume_get_or_create(plane: Plane, request: Any) -> Any:
    name, volumes = request.deployment_name, plane.volumes
    if name not in volumes.names:
        if request.object_creation_type != CREATE:
            raise GRPCError(Status.NOT_FOUND, f"Volume '{name}' not found in environment 'main'")
        volumes.add(name, request.version)
    volume_id = volumes.names[name]
    metadata = api_pb2.VolumeMetadata(version=volumes.versions[volume_id], name=name)
    return api_pb2.VolumeGetOrCreateResponse(volume_id=volume_id, version=metadata.version, metadata=metadata)


async def volume_put_files(plane: Plane, request: Any) -> Any:
    return plane.volumes.store(request)


async def volume_get_file(plane: Plane, request: Any) -> Any:
    try:
        size, urls = plane.volumes.urls(request.volume_id, request.path)
    except OSError as error:
        raise GRPCError(Status.NOT_FOUND, f"no file {request.path}") from error
    return api_pb2.VolumeGetFile2Response(get_urls=urls, size=size, start=0, len=size)


async def volume_list_files(plane: Plane, request: Any) -> AsyncIterator[Any]:
    root = plane.volumes.path(request.volume_id)
    folder = root / request.path.lstrip("/")
    for path in sorted(folder.rglob("*") if request.recursive else folder.glob("*")):
        kind = api_pb2.FileEntry.DIRECTORY if path.is_dir() else api_pb2.FileEntry.FILE
        found = path.stat()
        name = str(path.relative_to(root))
        entry = api_pb2.FileEntry(path=name, type=kind, size=found.st_size, mtime=int(found.st_mtime))
        yield api_pb2.VolumeListFiles2Response(entries=[entry])


async def sandbox_create(plane: Plane, request: Any) -> Any:
    wanted = request.definition
    if request.app_id not in plane.apps.values():
        raise GRPCError(Status.NOT_FOUND, f"no app {request.app_id}")
    tags = {tag.tag_name: tag.tag_value for tag in request.tags}
    sandbox = Sandbox(next(plane.numbers), plane.folder, request.app_id, wanted, tags)
    volumes = {mount.mount_path: plane.volumes.path(mount.volume_id) for mount in wanted.volume_mounts}
    await sandbox.boot(volumes, plane.environment(getattr(request, "secret_sources", ()), wanted.secret_ids))
    plane.sandboxes.append(sandbox)
    return api_pb2.SandboxCreateV2Response(
        sandbox_id=sandbox.id,
        task_id=sandbox.task_id,
        metadata=api_pb2.SandboxHandleMetadata(app_id=request.app_id),
        command_router_access=api_pb2.CommandRouterAccess(jwt=sandbox.jwt, url=plane.url),
    )


async def sandbox_get_task_id(plane: Plane, request: Any) -> Any:
    sandbox = plane.sandbox(request.sandbox_id)
    if sandbox.state == "running":
        return api_pb2.SandboxGetTaskIdResponse(task_id=sandbox.task_id)
    return api_pb2.SandboxGetTaskIdResponse(task_result=sandbox.result)


async def sandbox_get_command_router_access(plane: Plane, request: Any) -> Any:
    sandbox = plane.sandbox(request.sandbox_id)
    return api_pb2.SandboxGetCommandRouterAccessResponse(jwt=sandbox.jwt, url=plane.url)


async def sandbox_wait(plane: Plane, request: Any) -> Any:
    sandbox = plane.sandbox(request.sandbox_id)
    if request.timeout and sandbox.state == "running":
        waiting = asyncio.create_task(sandbox.ended.wait())
        await asyncio.wait({waiting}, timeout=request.timeout)
        waiting.cancel()
    metadata = api_pb2.SandboxHandleMetadata(app_id=sandbox.app_id)
    return api_pb2.SandboxWaitResponse(result=sandbox.result, metadata=metadata)


async def sandbox_terminate(plane: Plane, request: Any) -> Any:
    sandbox = plane.sandbox(request.sandbox_id)
    await sandbox.end("terminated", 137)
    return api_pb2.SandboxTerminateResponse()


async def sandbox_list(plane: Plane, request: Any) -> Any:
    wanted = {tag.tag_name: tag.tag_value for tag in request.tags}
    found = [
        sandbox
        for sandbox in reversed(plane.sandboxes)
        if sandbox.app_id == request.app_id
        and sandbox.state == "running"
        and wanted.items() <= sandbox.tags.items()
        and (not request.before_timestamp or sandbox.created_at < request.before_timestamp)
    ]
    return api_pb2.SandboxListResponse(
        sandboxes=[
            api_pb2.SandboxInfo(
                id=sandbox.id,
                app_id=sandbox.app_id,
                created_at=sandbox.created_at,
                name=sandbox.definition.name,
                metadata=api_pb2.SandboxHandleMetadata(app_id=sandbox.app_id),
            )
            for sandbox in found
        ]
    )


async def sandbox_tags_get(plane: Plane, request: Any) -> Any:
    tags = plane.sandbox(request.sandbox_id).tags
    return api_pb2.SandboxTagsGetResponse(
        tags=[api_pb2.SandboxTag(tag_name=name, tag_value=value) for name, value in tags.items()]
    )


async def sandbox_get_from_name(plane: Plane, request: Any) -> Any:
    for sandbox in plane.sandboxes:
        if sandbox.definition.name == request.sandbox_name and sandbox.state == "running":
            metadata = api_pb2.SandboxHandleMetadata(app_id=sandbox.app_id)
            return api_pb2.SandboxGetFromNameResponse(sandbox_id=sandbox.id, metadata=metadata)
    raise GRPCError(Status.NOT_FOUND, f"no sandbox named {request.sandbox_name}")


METHODS = {
    "AuthTokenGet": auth_token_get,
    "AppGetOrCreate": app_get_or_create,
    "EnvironmentGetOrCreate": environment_get_or_create,
    "ImageGetOrCreate": image_get_or_create,
    "ImageFromId": image_from_id,
    "ImageJoinStreaming": image_join_streaming,
    "SecretGetOrCreate": secret_get_or_create,
    "VolumeGetOrCreate": volume_get_or_create,
    "VolumePutFiles2": volume_put_files,
    "VolumeGetFile2": volume_get_file,
    "VolumeListFiles2": volume_list_files,
    "SandboxCreateV2": sandbox_create,
    "SandboxGetTaskIdV2": sandbox_get_task_id,
    "SandboxGetCommandRouterAccess": sandbox_get_command_router_access,
    "SandboxWaitV2": sandbox_wait,
    "SandboxTerminateV2": sandbox_terminate,
    "SandboxListV2": sandbox_list,
    "SandboxTagsGetV2": sandbox_tags_get,
    "SandboxGetFromNameV2": sandbox_get_from_name,
}
