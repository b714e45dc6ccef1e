"""The frame that answers a tool call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet_rlm.protocol import encode_frame
from fleet_rlm.values import CrossingError, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm.protocol import Frame

__all__ = ["answer", "refusal"]


def answer(call: Frame, invoke: Callable[..., Any]) -> bytes:
    """Run the tool that ``call`` asks for; return the frame that holds its result or its exception.

    Raises:
        BaseException: what the tool raised, if that is no ``Exception``.
    """
    header = {"type": "result", "id": call.header["id"], "worker": call.header["worker"], "ok": True}
    name = call.header["name"]
    try:
        args, kwargs = unpack(call.payload.decode("ascii"))
        packed = _packed_result(name, invoke(name, args, kwargs))
    except Exception as error:  # noqa: BLE001 - it is raised again, in the code that called
        header.update(ok=False, error=type(error).__name__)
        packed = _packed_args(error)
    return encode_frame(header, packed.encode("ascii"))


def refusal(call: Frame, why: str) -> bytes:
    """Return the frame that makes the call an error."""
    header = {"type": "result", "id": call.header["id"], "worker": call.header["worker"], "ok": False}
    return encode_frame({**header, "error": "RuntimeError"}, pack([why]).encode("ascii"))


def _packed_result(name: str, result: Any) -> str:
    try:
        return pack(result)
    except CrossingError as error:
        raise TypeError(f"tool {name} returned what cannot cross: {error}") from None


def _packed_args(error: Exception) -> str:
    """An exception's arguments as far as they are plain, so that the same one can be raised again."""
    try:
        if error.args and all(isinstance(arg, (str, int, float)) for arg in error.args):
            return pack(list(error.args))
        return pack([str(error)])
    except Exception:  # noqa: BLE001 - an exception whose str() fails must still be told
        return pack(["(the exception could not be printed)"])
