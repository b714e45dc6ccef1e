"""A client's side of a session: requests, their progress, and cancelling them."""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import EndedSessionError, SessionError, SilentSessionError, UsageError
from fleet_rlm.protocol import FrameError
from fleet_rlm.sessions.wire import SESSIONS, Connection, error_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fleet_rlm.sessions.records import Record

    OnEvent = Callable[[dict[str, Any]], None]

__all__ = ["Call", "Handle"]

_PROMPT_SECONDS = 10.0  # a broker answers at once, also while code runs; the machine may be busy
_AGAIN_SECONDS = 0.01
_STOP_SECONDS = 60.0  # a sandbox at Modal takes a while to end

NEW_SECONDS = 10.0
"""Of several loads at once one starts the session; the others have as long for their turn after it."""

ASK_CHARS = 60_000
"""Characters of a chunk that ``ask`` gives to one sub-call: about 15,000 tokens, which every model takes."""


class Call:
    """One request that is under way.

    Args:
        connection: of its own.
        lost: makes the error for a session that ended without an answer.
        silent: makes the error for a session that does not answer at all.
    """

    def __init__(
        self, connection: Connection, lost: Callable[[], SessionError], silent: Callable[[], SessionError]
    ) -> None:
        self._connection = connection
        self._lost = lost
        self._silent = silent

    def result(self, on_event: OnEvent | None = None) -> dict[str, Any]:
        """Wait for the answer.

        Args:
            on_event: is told of progress, on this thread.

        Raises:
            FleetError: whatever the session says is wrong.
            KeyboardInterrupt: of the caller's own; what runs is interrupted.
        """
        with contextlib.closing(self._connection):
            try:
                for frame in self._connection.frames():
                    data = json.loads(frame.payload)
                    if frame.header["type"] == "reply":
                        return dict(data)
                    if frame.header["type"] == "error":
                        raise error_of(data)
                    if on_event is not None:
                        on_event(data)
            except FrameError as error:
                raise SessionError(f"The session answers nonsense: {error}.") from None
            except TimeoutError:
                raise self._silent() from None
        raise self._lost()

    def cancel(self) -> None:
        """Interrupt what runs for this request, from any thread; ``result`` then says so."""
        with contextlib.suppress(OSError):
            self._connection.send({"type": "cancel"})


class Handle:
    """A session that was alive when it was found.

    Args:
        record: what is on disk of it.
        lost: makes the error for when it is gone.
    """

    def __init__(self, record: Record, lost: Callable[[], SessionError]) -> None:
        self.record = record
        self.name = record.session
        self._lost = lost

    @property
    def is_new(self) -> bool:
        """Whether it was started a moment ago: whoever did so is likely to load its first text."""
        return time.time() - self.record.started < NEW_SECONDS

    def begin(
        self,
        operation: str,
        arguments: dict[str, Any] | None = None,
        payload: bytes = b"",
        *,
        patience: float | None = None,
    ) -> Call:
        """Send a request; ``patience`` is how many seconds its answer may take, None for any.

        Raises:
            SessionError: the session has ended, does not answer, or was started by another version.
        """
        self._check_version()
        connection = Connection(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            self._connect(connection.end, patience)
            with contextlib.suppress(ConnectionError):  # it hung up, and may have said why: the answer tells
                connection.send({"type": operation, **(arguments or {})}, payload)
        except TimeoutError:
            connection.close()
            raise self._silent() from None
        except BaseException:
            connection.close()
            raise
        return Call(connection, self._lost, self._silent)

    def _connect(self, end: socket.socket, patience: float | None) -> None:
        end.settimeout(patience)
        until = time.monotonic() + (patience or 0.0)
        while (problem := end.connect_ex(self.record.address)) == errno.EAGAIN:
            if time.monotonic() > until:  # as many wait to be accepted as can
                raise TimeoutError
            time.sleep(_AGAIN_SECONDS)
        if problem:
            raise self._lost()

    def _silent(self) -> SilentSessionError:
        return SilentSessionError("The session does not answer.", remedy=f"End it: kill -9 {self.record.pid}")

    def load(
        self,
        sources: Sequence[str],
        *,
        name: str = "document",
        cwd: str | None = None,
        stdin: bytes | None = None,
        wait: float = 0.0,
        on_event: OnEvent | None = None,
    ) -> dict[str, Any]:
        """Bind the text of files, folders and globs to a variable; ``stdin`` is what ``-`` names."""
        arguments = {
            "sources": list(sources),
            "name": name,
            "cwd": cwd or str(Path.cwd()),
            "stdin": stdin is not None,
            "wait": wait,
        }
        return self.begin("load", arguments, stdin or b"").result(on_event)

    def execute(
        self, code: str, *, timeout: float | None = None, wait: float = 0.0, on_event: OnEvent | None = None
    ) -> dict[str, Any]:
        """Run code as the next step; ``timeout`` and ``wait`` (for one's turn) in seconds."""
        return self.begin_execute(code, timeout=timeout, wait=wait).result(on_event)

    def begin_execute(self, code: str, *, timeout: float | None = None, wait: float = 0.0) -> Call:
        """As ``execute``, to be waited for or cancelled."""
        arguments = {"wait": wait} if timeout is None else {"wait": wait, "timeout": timeout}
        return self.begin("exec", arguments, code.encode("utf-8", "surrogatepass"))

    def begin_ask(
        self,
        question: str,
        *,
        variable: str = "document",
        size: int = ASK_CHARS,
        overlap: int = 0,
        match: str | None = None,
        save_as: str = "answers",
        wait: float = 0.0,
    ) -> Call:
        """Ask the sub-model about every chunk of a variable, or those in which ``match`` is found."""
        arguments = {
            "variable": variable,
            "size": size,
            "overlap": overlap,
            "match": match,
            "save_as": save_as,
            "wait": wait,
        }
        return self.begin("ask", arguments, question.encode("utf-8", "surrogatepass"))

    def save(self, variable: str, folder: str, *, replace: bool = False, wait: float = 0.0) -> dict[str, Any]:
        """Write a variable into files in a folder of this machine."""
        return self.begin_save(variable, folder, replace=replace, wait=wait).result()

    def begin_save(self, variable: str, folder: str, *, replace: bool = False, wait: float = 0.0) -> Call:
        """As ``save``, to be waited for or cancelled.

        Raises:
            UsageError: the folder's name is empty, as that of a variable of a script that was not set.
        """
        if not folder:
            raise UsageError("The folder's name is empty.", remedy="Name one; . is the working folder.")
        where = str(Path(folder).expanduser().absolute())
        return self.begin("save", {"variable": variable, "folder": where, "replace": replace, "wait": wait})

    def variables(self, *, wait: float = 0.0) -> dict[str, Any]:
        """Names, types and sizes of the variables."""
        return self.begin("vars", {"wait": wait}).result()

    def output(self, step: int | None = None, *, wait: float = 0.0) -> dict[str, Any]:
        """All that a step printed; the last by default."""
        return self.begin("output", {"step": step, "wait": wait}).result()

    def answer(self, *, wait: float = 0.0) -> dict[str, Any]:
        """What was submitted last."""
        return self.begin("answer", {"wait": wait}).result()

    def status(self) -> dict[str, Any]:
        """State, use and limits; also while code runs."""
        return self.begin("status", patience=_PROMPT_SECONDS).result()

    def stop(self, *, unless_used: bool = False) -> None:
        """End the session and wait until it has ended; nothing if it has already.

        Args:
            unless_used: leave it if something was loaded or run in it, or is about to be.

        Raises:
            SessionError: it was started by another version, does not answer, or has too many clients.
        """
        self._check_version()
        try:
            self.begin("stop", {"unless_used": unless_used}, patience=_STOP_SECONDS).result()
        except EndedSessionError:
            return

    def _check_version(self) -> None:
        if self.record.protocol != SESSIONS:
            raise SessionError(
                f"The session {self.name} was started by another version of fleet-rlm.",
                remedy=f"Stop it: kill {self.record.pid}",
            )
