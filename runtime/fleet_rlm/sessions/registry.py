"""Finding, starting and listing the sessions of one user."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import EndedSessionError, SessionBusyError, SessionError
from fleet_rlm.sessions.client import Handle
from fleet_rlm.sessions.gate import gate
from fleet_rlm.sessions.options import StartOptions
from fleet_rlm.sessions.records import Shelf, check_name, describe, name_for, removed_on_failure
from fleet_rlm.sessions.spawning import inherited_folder, spawn
from fleet_rlm.sessions.wire import SESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fleet_rlm.sessions.records import Record

__all__ = ["Sessions"]

_CLAIM_SECONDS = 0.5  # an ending broker holds its name for a moment after it has said so


class Sessions:
    """The sessions of one user.

    Args:
        root: the folder in which each has one.
    """

    def __init__(self, root: Path) -> None:
        self._shelf = Shelf(root)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Sessions:
        """Return those of the user whom ``environ`` names."""
        from fleet_rlm.config.paths import Paths  # noqa: PLC0415 - a help text does not need it

        return cls(Paths.of(environ).sessions)

    def start(
        self,
        name: str | None = None,
        options: StartOptions | None = None,
        *,
        folder: str | None = None,
        on_event: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> Handle:
        """Start a session and wait until it is ready.

        Args:
            name: its name; by default one made from the folder's.
            options: limits and sandbox.
            folder: the folder it belongs to, in which its settings are looked for; by default this one.
            on_event: is told of what takes long.

        Raises:
            SessionError: a session of that name runs already.
            FleetError: its sandbox or settings cannot be used.
        """
        folder = folder or inherited_folder()
        name = check_name(name) if name else None
        with self._gate(name, folder):
            return self._start(name, options, folder, on_event)

    def _gate(self, name: str | None, folder: str) -> AbstractContextManager[None]:
        return gate(self._shelf.root, name or name_for(folder))

    def _start(
        self,
        name: str | None,
        options: StartOptions | None,
        folder: str,
        on_event: Callable[[dict[str, Any]], None],
    ) -> Handle:
        name, lock = self._claimed(name, folder)
        try:
            self._clear(name)
            self._shelf.prune()
            address = self._shelf.address(name)
            given = {
                "root": str(self._shelf.root.absolute()),
                "session": name,
                "folder": folder,
                "address": address,
                "options": (options or StartOptions()).data(),
            }
            with removed_on_failure(address):
                spawn(given, lock, self._shelf.folder(name) / "log", folder, on_event)
        finally:
            os.close(lock)
        record = self._shelf.read(name)
        if record is None:
            raise SessionError(
                f"The session {name} ended at once.", remedy=f"See {self._shelf.folder(name)}."
            )
        return self._handle(record)

    def find(self, name: str | None = None, *, folder: str | None = None) -> Handle:
        """Return a live session: the one of that name, else the only one of the folder.

        Raises:
            SessionError: there is none, it has ended, or there are several.
        """
        if name:
            record = self._shelf.read(check_name(name))
            if record is None or record.ended:
                raise self._absent(name, record)
            return self._handle(record)
        folder = folder or inherited_folder()
        live = [record for record in self._shelf.all() if record.ended is None]
        here = [record for record in live if record.folder == folder and self._is_alive(record)]
        if len(here) == 1:
            return self._handle(here[0])
        if here:
            raise SessionError(
                f"{len(here)} sessions of this folder are running: {_names(here)}.",
                remedy="Name one with --session.",
            )
        raise self._none_here(folder, [record for record in live if record.folder != folder])

    def find_or_start(
        self,
        name: str | None = None,
        options: StartOptions | None = None,
        *,
        folder: str | None = None,
        on_event: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> tuple[Handle, bool]:
        """Return a live session and False, or a new one and True if none of that name or folder is live.

        Of several callers at once one starts it; the others wait for that one.

        Raises:
            FleetError: as ``find`` and ``start``.
        """
        folder = folder or inherited_folder()
        name = check_name(name) if name else None
        with self._gate(name, folder):
            if name:
                record = self._shelf.read(name)
                if record is not None and record.ended is None and self._is_alive(record):
                    return self._handle(record), False
            elif self._live_in(folder):
                return self.find(folder=folder), False
            return self._start(name, options, folder, on_event), True

    def all(self) -> list[dict[str, Any]]:
        """Return the status of every live session, and of those that ended lately."""
        return [self._status(record) for record in self._shelf.all()]

    def live(self) -> list[Handle]:
        """Return every session that answers."""
        running = [record for record in self._shelf.all() if record.ended is None]
        return [self._handle(record) for record in running if self._is_alive(record)]

    def _status(self, record: Record) -> dict[str, Any]:
        if record.ended is None:
            try:
                return self._handle(record).status()
            except SessionError as error:
                record = self._shelf.read(record.session) or record
                if record.ended is None:
                    return {**describe(record), **_unknown(record, error)}
        return describe(record)

    def _live_in(self, folder: str) -> list[Record]:
        live = [record for record in self._shelf.all() if record.ended is None and record.folder == folder]
        return [record for record in live if self._is_alive(record)]

    def _is_alive(self, record: Record) -> bool:
        """Whether a session can be used, now or later."""
        if record.protocol != SESSIONS:
            return False
        try:
            self._handle(record).status()
        except EndedSessionError:
            return False
        except SessionError:  # it is silent or crowded
            return True
        return True

    def _handle(self, record: Record) -> Handle:
        return Handle(record, partial(self._lost, record))

    def _lost(self, record: Record) -> EndedSessionError:
        """A broker does not answer: see what it wrote, else write that it was killed."""
        deadline = time.monotonic() + _CLAIM_SECONDS
        while True:
            now = self._shelf.read(record.session)
            if now is None or now.ended or now.pid != record.pid:
                break
            try:
                buried = self._shelf.bury(record)
            except SessionError as error:
                return EndedSessionError(
                    f"The session {record.session} has ended, but {error.message}", remedy=error.remedy
                )
            if buried is not None or time.monotonic() > deadline:
                now = self._shelf.read(record.session)
                break
            time.sleep(0.02)
        return self._absent(record.session, now)

    def _absent(self, name: str, record: Record | None) -> EndedSessionError:
        if record is None or record.ended is None:
            return EndedSessionError(
                f"There is no session {name}.", remedy="`fleet-rlm session list` shows those there are."
            )
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.ended.at))
        return EndedSessionError(
            f"The session {name} ended at {when}: {record.ended.why}.",
            remedy="Its variables are gone; load the documents anew with `fleet-rlm session load`.",
        )

    def _none_here(self, folder: str, elsewhere: list[Record]) -> SessionError:
        last = next((one for one in self._shelf.all() if one.ended and one.folder == folder), None)
        if last is not None:
            return self._absent(last.session, last)
        others = [record for record in elsewhere if self._is_alive(record)]
        if others:
            return SessionError(
                f"No session was started in this folder, but elsewhere: {_names(others)}.",
                remedy="Name one with --session.",
            )
        return SessionError("No session is running.", remedy="Start one: fleet-rlm session load FILE")

    def _claimed(self, name: str | None, folder: str) -> tuple[str, int]:
        if name is not None:
            return name, self._claim_or_refuse(name)
        base = name_for(folder)
        for number in range(1, 1000):
            candidate = base if number == 1 else f"{base}-{number}"
            lock = self._shelf.claim(candidate)
            if lock is not None:
                return candidate, lock
        raise SessionError("A thousand sessions of this folder are running.", remedy="Stop some of them.")

    def _claim_or_refuse(self, name: str) -> int:
        deadline = time.monotonic() + _CLAIM_SECONDS
        while (lock := self._shelf.claim(name)) is None:
            if time.monotonic() > deadline:
                raise SessionError(
                    f"A session {name} is running already.",
                    remedy="Use it, stop it, or choose another name.",
                )
            time.sleep(0.02)
        return lock

    def _clear(self, name: str) -> None:
        """Remove what an earlier session of this name left."""
        earlier = self._shelf.read(name)
        if earlier is not None and earlier.ended is None:
            self._shelf.end(earlier, "its process was killed (noticed at that time)")
        for left in ("record.json", "socket"):
            (self._shelf.folder(name) / left).unlink(missing_ok=True)


def _unknown(record: Record, error: SessionError) -> dict[str, Any]:
    """What stands for the status of a session that does not tell it."""
    state = "busy" if isinstance(error, SessionBusyError) else "silent"
    return {"state": state, "pid": record.pid, "error": str(error)}


def _names(records: list[Record]) -> str:
    return ", ".join(f"{record.session} ({record.folder})" for record in records)
