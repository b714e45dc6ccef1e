"""The requests that need a session's sandbox: from a frame to a call of the session, and its result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import DocumentError
from fleet_rlm.sessions.saving import save

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm.protocol import Frame
    from fleet_rlm.sessions.session import Session

__all__ = ["OPERATIONS"]


def _load(session: Session, frame: Frame) -> dict[str, Any]:
    header = frame.header
    try:
        os.chdir(header["cwd"])
    except OSError as error:
        raise DocumentError(f"{header['cwd']} cannot be entered: {error.strerror}.") from None
    try:
        return session.load(header["sources"], header["name"], frame.payload if header["stdin"] else None)
    finally:
        os.chdir("/")  # the folder stays free to be removed or unmounted


def _execute(session: Session, frame: Frame) -> dict[str, Any]:
    timeout = frame.header.get("timeout")
    code = frame.payload.decode("utf-8", "surrogatepass")
    return session.execute(code, None if timeout is None else float(timeout))


def _output(session: Session, frame: Frame) -> dict[str, Any]:
    step = frame.header["step"]
    return session.output(None if step is None else int(step))


def _ask(session: Session, frame: Frame) -> dict[str, Any]:
    header = frame.header
    return session.ask(
        frame.payload.decode("utf-8", "surrogatepass"),
        header["variable"],
        size=header["size"],
        overlap=header["overlap"],
        match=header["match"],
        save_as=header["save_as"],
    )


def _save(session: Session, frame: Frame) -> dict[str, Any]:
    variable, folder = frame.header["variable"], Path(frame.header["folder"])
    files = save(session.value(variable), variable, folder, replace=frame.header["replace"])
    chars = sum(path.stat().st_size for path in files)
    return {
        "session": session.name,
        "variable": variable,
        "files": [str(path) for path in files],
        "bytes": chars,
    }


OPERATIONS: dict[str, Callable[[Session, Frame], dict[str, Any]]] = {
    "load": _load,
    "exec": _execute,
    "vars": lambda session, _: session.variables(),
    "output": _output,
    "answer": lambda session, _: session.answer(),
    "ask": _ask,
    "save": _save,
}
"""By the type of the request's frame."""
