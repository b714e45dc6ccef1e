"""gRPC services out of plain functions: each call is recorded, and may be made to go wrong."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import grpclib.const
import grpclib.server
from grpclib import GRPCError, Status
from grpclib.encoding.base import StatusDetailsCodecBase
from modal_proto import api_pb2

from .faults import Fault

if TYPE_CHECKING:
    from .plane import Plane

TOKEN_ID, TOKEN_SECRET = "ak-loopback", "as-loopback"


class Service:
    """One gRPC service: the methods we have, each wrapped so that it is recorded and can go wrong."""

    def __init__(self, plane: Plane, declared: Any, methods: dict[str, Callable[..., Any]]) -> None:
        table = declared.__mapping__(_Anything())
        self._mapping = {
            path: handler._replace(func=_serve(plane, path.rpartition("/")[2], handler, method))
            for path, handler in table.items()
            if (method := methods.get(path.rpartition("/")[2]))
        }

    def __mapping__(self) -> dict[str, grpclib.const.Handler]:
        return self._mapping


class _Anything:
    def __getattr__(self, name: str) -> None:
        return None


def _serve(
    plane: Plane, name: str, declared: grpclib.const.Handler, method: Callable[..., Any]
) -> Callable[..., Any]:
    streamed_answer = inspect.isasyncgenfunction(method)

    async def handle(stream: grpclib.server.Stream) -> None:
        _check_access(plane, stream.metadata)
        if declared.cardinality.client_streaming:
            first = await stream.recv_message()
            argument = _rest(plane, name, first, stream)
        else:
            argument = first = await stream.recv_message()
        plane.record.note(name, first)
        faults = [fault for fault in plane.faults if fault.hits(name)]
        for fault in faults:
            await _before(plane, fault, first, stream)
        cut = next((fault.drop_after for fault in faults if fault.drop_after is not None), None)
        if streamed_answer:
            await _stream(method(plane, argument), stream, cut)
            return
        answer = await method(plane, argument)
        if any(fault.lose for fault in faults):
            _cut(stream)
        else:
            await stream.send_message(answer)

    return handle


async def _stream(answers: AsyncIterator[Any], stream: grpclib.server.Stream, cut: int | None) -> None:
    sent = 0
    async for answer in answers:
        if sent == cut:
            _cut(stream)
            return
        await stream.send_message(answer)
        sent += 1


async def _rest(plane: Plane, name: str, first: Any, stream: grpclib.server.Stream) -> AsyncIterator[Any]:
    yield first
    async for message in stream:
        plane.record.note(name, message)
        yield message


async def _before(plane: Plane, fault: Fault, request: Any, stream: grpclib.server.Stream) -> None:
    await asyncio.sleep(fault.delay)
    if fault.end_sandbox:
        await plane.task(request.task_id).end(fault.end_sandbox)
    if fault.kill_exec:
        process = plane.task(request.task_id).process(request.exec_id)
        process.kill()
        await asyncio.shield(process.code)
    if fault.status is not None:
        details = [api_pb2.RPCRetryPolicy(retry_after_secs=fault.retry_after)] if fault.retry_after else None
        raise GRPCError(fault.status, fault.message, details)
    if fault.drop:
        _cut(stream)
        raise GRPCError(Status.UNAVAILABLE, "cut")


def _cut(stream: grpclib.server.Stream) -> None:
    stream._stream._transport.abort()


def _check_access(plane: Plane, metadata: Any) -> None:
    """Refuse calls without our token, or without a sandbox's own for the router."""
    if metadata.get("authorization", "").removeprefix("Bearer ") in {
        sandbox.jwt for sandbox in plane.sandboxes
    }:
        return
    if metadata.get("x-modal-token-id") != TOKEN_ID or metadata.get("x-modal-token-secret") != TOKEN_SECRET:
        raise GRPCError(Status.UNAUTHENTICATED, "Token validation failed")


class Details(StatusDetailsCodecBase):
    """Packs messages that go with an error (a retry policy) the way the SDK unpacks them."""

    def encode(self, status: Status, message: str | None, details: Any) -> bytes:
        packed = api_pb2.RPCStatus(code=status.value, message=message or "")
        for detail in details or ():
            packed.details.add().Pack(detail, type_url_prefix="type.modal.com/")
        return packed.SerializeToString()

    def decode(self, status: Status, message: str | None, data: bytes) -> Any:
        raise NotImplementedError
