"""Starting a broker: a process of its own session and group, which outlives the shell that started it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet_rlm.config.paths import HOME_VARIABLE
from fleet_rlm.errors import SessionError
from fleet_rlm.isolated import python_command
from fleet_rlm.sessions.wire import error_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["spawn"]


def spawn(
    given: dict[str, Any], lock: int, log: Path, cwd: str, on_event: Callable[[dict[str, Any]], None]
) -> None:
    """Start a broker and wait until it is ready.

    Args:
        given: what it shall hold.
        lock: the claim on its name, handed over.
        log: gets what it writes to stderr.
        cwd: where its settings are looked for.
        on_event: is told of what it waits for.

    Raises:
        FleetError: it did not start, for the reason that it gave.
    """
    with log.open("wb") as errors:
        process = subprocess.Popen(
            python_command("fleet_rlm.sessions.serve", "main"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=cwd,
            env=_environment(),
            pass_fds=(lock,),
            start_new_session=True,
        )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    try:
        with process.stdin:
            process.stdin.write(json.dumps({**given, "lock": lock}).encode())
        with process.stdout:
            for line in process.stdout:
                if _is_ready(json.loads(line), on_event):
                    return
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.wait()
    raise SessionError(
        f"The session did not start: its process ended with {process.returncode}.", remedy=f"See {log}."
    )


def _environment() -> dict[str, str]:
    """Ours, with a home that is the same wherever its process works."""
    home = os.environ.get(HOME_VARIABLE)
    return {**os.environ, **({HOME_VARIABLE: str(Path(home).expanduser().absolute())} if home else {})}


def _is_ready(message: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> bool:
    if message["event"] == "error":
        raise error_of(message)
    if message["event"] == "ready":
        return True
    on_event(message)
    return False


def inherited_folder() -> str:
    """The working folder, as a name that stays true when it is reached through links."""
    try:
        folder = str(Path.cwd().resolve())
    except FileNotFoundError:
        raise SessionError("The working folder no longer exists.", remedy="Change to another one.") from None
    if not os.access(folder, os.X_OK):  # a session that is to begin there could not
        raise SessionError(
            f"The working folder {folder} may not be searched.",
            remedy="Work in another folder, or change its permissions.",
        )
    return folder
