"""Where tools work: the user's sessions, the project's folder, and threads to wait in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from fleet_rlm.config.paths import working_folder
from fleet_rlm.errors import SessionBusyError, SessionError
from fleet_rlm.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleet_rlm.mcp.progress import Progress
    from fleet_rlm.sessions import Call, Handle

__all__ = ["Place"]

T = TypeVar("T")

_THREADS = 100
"""Calls that may wait at the same time; each waits in a thread of its own."""


@dataclass(frozen=True)
class Place:
    """Where tools work.

    Attributes:
        sessions: those of the user.
        folder: the project's, its links resolved; a session without a name is looked for there.
        runs: whole results of runs that were shown in part, by number; they live as long as the server.
    """

    sessions: Sessions
    folder: str
    runs: dict[int, str] = field(default_factory=dict)
    _threads: anyio.CapacityLimiter = field(default_factory=partial(anyio.CapacityLimiter, _THREADS))

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Place:
        """Return the place that the client has started us in.

        Raises:
            ConfigurationError: it was deleted.
        """
        folder = Path(environ.get("CLAUDE_PROJECT_DIR") or ".")
        if not folder.is_absolute():
            folder = working_folder() / folder
        return cls(Sessions.of(environ), str(folder.resolve()))

    async def aside(self, function: Callable[[], T]) -> T:
        """Run ``function`` in a thread; a cancelled call no longer waits for it."""
        return await anyio.to_thread.run_sync(function, abandon_on_cancel=True, limiter=self._threads)

    def find(self, name: str | None) -> Handle:
        """Return the live session of that name, or the only one of the folder. Blocks.

        Raises:
            SessionError: none or several; what to do is said in the words of the tools.
        """
        try:
            return self.sessions.find(name, folder=self.folder)
        except SessionError as error:
            raise SessionError(
                error.message,
                remedy="`load` starts a session, `session` names one, `status` shows those there are.",
            ) from error

    async def answer(self, begin: Callable[[], Call], progress: Progress) -> dict[str, Any]:
        """Send a request to a session and wait for its answer; if the wait is cancelled, so is what runs.

        Returns:
            The answer, and under ``notices`` what the session has said beside it.

        Raises:
            FleetError: what the session says is wrong.
        """
        notices: list[str] = []

        def listen(event: dict[str, Any]) -> None:
            if event["event"] == "notice":
                notices.append(event["text"])
            else:
                progress.event_from_thread(event)

        with anyio.CancelScope(shield=True):  # a request that was sent must be known, to be cancelled
            call = await self.aside(begin)
        try:
            return {**await self.aside(partial(call.result, listen)), "notices": notices}
        except anyio.get_cancelled_exc_class():
            call.cancel()
            raise
        except SessionBusyError as error:
            raise SessionBusyError(
                error.message, remedy="Try again later, or give a larger `wait`."
            ) from error
