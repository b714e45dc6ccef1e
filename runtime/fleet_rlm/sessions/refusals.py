"""What a broker tells a client whose request it does not carry out."""

from __future__ import annotations

from fleet_rlm.errors import EndedSessionError, SessionBusyError, SessionError

__all__ = ["MOST_CLIENTS", "busy", "crowded", "over", "withdrawn"]

MOST_CLIENTS = 200
"""Connections of one session at once; a process's descriptors may end at 256."""


def busy() -> SessionBusyError:
    """Another client's code is running."""
    return SessionBusyError(
        "The session is busy: somebody else's code is running in it.",
        remedy="Try again later, or wait your turn with --wait SECONDS.",
    )


def crowded() -> SessionBusyError:
    """There are too many clients."""
    return SessionBusyError(
        f"The session has {MOST_CLIENTS} clients at once, and takes no more.",
        remedy="End some of the commands that wait for it.",
    )


def withdrawn() -> SessionError:
    """It was cancelled while it waited."""
    return SessionError("The request was cancelled before its turn.")


def over(name: str, why: str) -> EndedSessionError:
    """The session has ended."""
    return EndedSessionError(
        f"The session {name} has ended: {why}.", remedy="Start it anew with `session load`."
    )
