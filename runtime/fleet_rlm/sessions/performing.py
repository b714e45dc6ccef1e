"""One request carried out, up to the bytes that answer it: a client waits for them, whatever goes wrong."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from fleet_rlm.errors import FleetError, SandboxError, SessionError
from fleet_rlm.sessions import refusals
from fleet_rlm.sessions.operations import OPERATIONS
from fleet_rlm.sessions.session import ended_by
from fleet_rlm.sessions.wire import encoded, error_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm.protocol import Frame
    from fleet_rlm.sessions.session import Session

__all__ = ["performed"]


def performed(session: Session, frame: Frame, end: Callable[[str], str]) -> bytes:
    """Carry out what ``frame`` asks for, and return the frame that answers it.

    Args:
        session: which.
        frame: the request.
        end: told why the session is over, if it is; returns why it already was, else the same.
    """
    try:
        return encoded("reply", OPERATIONS[frame.header["type"]](session, frame))
    except SandboxError as error:
        return encoded("error", error_data(refusals.over(session.name, end(ended_by(error)))))
    except FleetError as error:
        return encoded("error", error_data(error))
    except Exception as error:  # noqa: BLE001 - a bug: told to the client, and in the log
        traceback.print_exc()
        return encoded("error", error_data(_bug(error)))


def _bug(error: Exception) -> SessionError:
    what = f"This is a bug in fleet-rlm: {type(error).__name__}: {error}."
    return SessionError(what, remedy="The session's log has more.")
