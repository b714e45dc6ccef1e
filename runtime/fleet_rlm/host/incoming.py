"""What the host lets a driver say: a sandbox that was taken over may send anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SandboxError
from fleet_rlm.protocol import FrameError

if TYPE_CHECKING:
    from fleet_rlm.protocol import Frame

__all__ = ["FIELDS", "OUTCOMES", "checked", "checked_directly"]

FIELDS: dict[str, tuple[dict[str, type], dict[str, type]]] = {
    "ready": ({"protocol": int}, {"python": str, "probe": dict}),
    "call": ({"id": int, "worker": int, "name": str}, {}),
    "done": (
        {"id": int, "outcome": str},
        {"output": int, "cut": int, "error": str, "line": int, "reason": str, "lost": list, "worker": int},
    ),
    "text": ({"id": int, "ok": bool}, {}),
    "fault": ({}, {}),
}
"""By type of frame, the fields it must have and those it may have, with their types."""

OUTCOMES = frozenset({"ok", "submit", "error", "syntax", "interrupted", "lost"})
"""How a cell can end."""


def checked(frame: Frame) -> Frame:
    """Return ``frame`` if it is one that a driver may send.

    Raises:
        SandboxError: it is not.
    """
    header = frame.header
    kind = header["type"]
    required, optional = FIELDS.get(kind, ({"a known type": str}, {}))
    for name, expected in required.items():
        if type(header.get(name)) is not expected:
            raise _nonsense(kind, name)
    for name, expected in optional.items():
        if name in header and type(header[name]) is not expected:
            raise _nonsense(kind, name)
    if kind == "done":
        _check_done(header, len(frame.data) - frame.start)
    return frame


_BARE = {"type", "id", "outcome"}


def checked_directly(frame: Frame, worker: int) -> Frame:
    """Return ``frame`` as the supervisor would pass it on, if it is one that a worker may send by its line.

    Raises:
        FrameError: it is not.
    """
    header = frame.header
    if header["type"] == "call" and type(header.get("id")) is int and type(header.get("name")) is str:
        header["worker"] = worker
    elif header["type"] != "done" or header.keys() != _BARE or header["outcome"] != "ok":
        raise FrameError("not what a worker says on its line")
    return frame


def _check_done(header: dict[str, Any], size: int) -> None:
    if header["outcome"] not in OUTCOMES:
        raise _nonsense("done", "outcome")
    if not 0 <= header.get("output", 0) <= size:
        raise _nonsense("done", "output")
    if not all(type(name) is str for name in header.get("lost", ())):
        raise _nonsense("done", "lost")


def _nonsense(kind: str, field: str) -> SandboxError:
    return SandboxError(
        f"the driver sent a {kind[:40]!r} frame with a wrong {field!r}.", remedy="Run `fleet-rlm doctor`."
    )
