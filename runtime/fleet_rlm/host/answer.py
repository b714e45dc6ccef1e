"""The frame that answers a tool call."""

from __future__ import annotations

import builtins
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from fleet_rlm.protocol import encode_frame
from fleet_rlm.values import CrossingError, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm.protocol import Frame

__all__ = ["answer", "refusal"]

_PLAIN = (str, bytes, int, float, PurePath, type(None))
_ARGS_BYTES = 1 << 16


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
        header.update(ok=False, error=type(error).__name__, base=_builtin_base(error))
        packed = _packed_error(error)
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


def _builtin_base(error: Exception) -> str:
    """The builtin class that it is of or is derived from most closely: the sandbox knows no others."""
    names = [kind.__name__ for kind in type(error).__mro__ if kind is vars(builtins).get(kind.__name__)]
    return str(names[0])


def _packed_error(error: Exception) -> str:
    """What it says, and what it was made from if that is something else and plain."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an exception whose str() fails must still be told
        text = "(the exception could not be printed)"
    try:
        args = _args(error)
        if args != [text] and _is_plain(args):
            return pack([text, args])
    except Exception:  # noqa: BLE001, S110 - what its class makes of its arguments is no reason not to tell it
        pass
    return pack([text])


def _args(error: Exception) -> list[Any]:
    # an OSError's args leave out the names of its files
    return list(OSError.__reduce__(error)[1] if isinstance(error, OSError) else error.args)


def _is_plain(args: list[Any]) -> bool:
    """Whether they cross as they are, and are no burden: a UnicodeDecodeError holds all that was read."""
    if sum(len(arg) for arg in args if isinstance(arg, (str, bytes))) > _ARGS_BYTES:
        return False
    return all(
        _is_plain(list(arg)) if isinstance(arg, (tuple, list)) else isinstance(arg, _PLAIN) for arg in args
    )
