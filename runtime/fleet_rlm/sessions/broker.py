"""The process that holds one session: answers its clients, and ends with it.

The main thread only listens: it must hear an interrupt, a ``stop`` or the end of a client while code runs.
Requests that need the sandbox run one at a time on a thread of their own; another client's is told that the
session is busy, or waits its turn if it asked to.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import FleetError, SessionError
from fleet_rlm.protocol import FrameError
from fleet_rlm.sessions import refusals
from fleet_rlm.sessions.operations import OPERATIONS
from fleet_rlm.sessions.performing import performed
from fleet_rlm.sessions.session import Session, ended_by
from fleet_rlm.sessions.wire import Connection, encoded, error_data, fail_late_sends, peer_is_us

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm.protocol import Frame

__all__ = ["Broker"]

_TICK_SECONDS = 2.0  # how late the end of a sandbox that died while nobody used it may be noticed
_LAST_WORDS_SECONDS = 5.0
_DISMISSED_SECONDS = 5.0  # what was interrupted ends within its grace of 2, and nobody is refused for it


@dataclass
class _Request:
    """What one client asked for; ``until`` is how long it is ready to wait for its turn."""

    client: Connection
    frame: Frame
    until: float = 0.0


@dataclass
class _State:
    """What has happened since the loop looked last; written by the working thread."""

    running: _Request | None = None
    dismissed: bool = False
    finished: threading.Event = field(default_factory=threading.Event)
    ending: str | None = None


class Broker:
    """Serves one session until it ends.

    Args:
        session: started.
        listener: bound and listening; closed at the end.
        idle_timeout: seconds without a request after which the session ends.
        status: further facts for a status.
        is_known: whether clients can still find the session.
    """

    def __init__(
        self,
        session: Session,
        listener: socket.socket,
        idle_timeout: float,
        status: dict[str, Any],
        is_known: Callable[[], bool],
    ) -> None:
        self._session = session
        self._listener = listener
        self._idle_timeout = idle_timeout
        self._status = status
        self._is_known = is_known
        self._state = _State()
        self._waiting: deque[_Request] = deque()
        self._used = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._waker.settimeout(0)
        self._thread: threading.Thread | None = None

    def prepare(self) -> None:
        """Let signals end the session in order; on the main thread, before anybody knows of it."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._terminate)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._selector.register(self._listener, selectors.EVENT_READ, None)

    def run(self) -> str:
        """Serve, and return why the session has ended; every process of its sandbox is gone then."""
        while self._state.ending is None:
            for key, _ in self._selector.select(self._patience()):
                self._attend(key)
            self._turn()
        return self._close(self._state.ending)

    def emit(self, event: dict[str, Any]) -> None:
        """Tell the client that is being served of progress; from any thread."""
        running = self._state.running
        if running is not None:
            running.client.tell(encoded("event", event))

    # Listening

    def _attend(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._wake:
            self._wake.recv(1 << 12)
        elif key.fileobj is self._listener:
            self._accept()
        else:
            self._hear(key.data)

    def _accept(self) -> None:
        try:
            end, _ = self._listener.accept()
        except OSError:  # it has gone again, or there is no descriptor left for it
            return
        fail_late_sends(end)
        client = Connection(end)
        if not peer_is_us(end):
            client.close()
        elif len(self._selector.get_map()) > refusals.MOST_CLIENTS:
            client.tell_at_once("error", error_data(refusals.crowded()))
            client.close()
        else:
            self._selector.register(end, selectors.EVENT_READ, client)

    def _hear(self, client: Connection) -> None:
        if client.is_closed:  # since the selector saw it
            return
        try:
            frames = client.receive()
        except FrameError:
            frames = None
        if frames is None:
            self._forget(client)
            return
        try:
            for frame in frames:
                if not client.is_closed:
                    self._obey(client, frame)
        except (TypeError, ValueError):
            client.tell_at_once(
                "error", error_data(SessionError("A request has a field that cannot be used."))
            )
            self._forget(client)

    def _tell(self, client: Connection, kind: str, data: dict[str, Any]) -> None:
        """Answer on the main thread, which waits for nobody."""
        if not client.tell_at_once(kind, data):
            self._forget(client)

    def _forget(self, client: Connection) -> None:
        """A client is gone: nobody wants what runs for it."""
        if client.is_closed:
            return
        self._selector.unregister(client.end)
        self._withdraw(client)
        client.close()

    def _withdraw(self, client: Connection) -> bool:
        """Give up what a client asked for; whether it was still waiting for its turn."""
        before = len(self._waiting)
        self._waiting = deque(request for request in self._waiting if request.client is not client)
        running = self._state.running
        if running is not None and running.client is client and not self._state.finished.is_set():
            self._state.dismissed = True
            self._session.interrupt()
        return len(self._waiting) < before

    def _obey(self, client: Connection, frame: Frame) -> None:
        kind = frame.header["type"]
        if kind == "status":
            self._tell(client, "reply", self.status())
        elif kind == "stop":
            if frame.header.get("unless_used") and self._is_used():
                self._tell(client, "reply", self.status())
            else:
                self._state.ending = "it was stopped"
        elif kind == "cancel":
            if self._withdraw(client):
                self._tell(client, "error", error_data(refusals.withdrawn()))
        elif kind in OPERATIONS:
            wait = float(frame.header.get("wait", 0.0))
            if self._state.dismissed:
                wait = max(wait, _DISMISSED_SECONDS)
            self._used = time.monotonic()
            self._waiting.append(_Request(client, frame, time.monotonic() + wait))
            self._turn()
            if wait and self._is_waiting(client):
                self._tell(client, "event", {"event": "waiting"})
        else:
            self._tell(client, "error", error_data(SessionError(f"This session does not know {kind!r}.")))

    def _is_used(self) -> bool:
        """Whether anybody has done something in it, or is about to; what was dismissed does not count."""
        state, session = self._state, self._session
        is_running = state.running is not None and not state.finished.is_set() and not state.dismissed
        return is_running or bool(self._waiting or session.loaded or session.steps)

    def _is_waiting(self, client: Connection) -> bool:
        return any(request.client is client for request in self._waiting)

    def status(self) -> dict[str, Any]:
        """What ``list`` shows of a live session."""
        session, busy = self._session, self._state.running is not None
        return {
            **self._status,
            "state": "busy" if busy else "idle",
            "idle_seconds": 0.0 if busy else round(time.monotonic() - self._used, 1),
            "variables": session.loaded,
            "steps": session.steps,
            "used": session.budget.used(),
            "limits": vars(session.budget.limits),
        }

    # Working

    def _turn(self) -> None:
        """Begin the next request if none runs, refuse those that waited long enough, end what is over."""
        state = self._state
        if state.finished.is_set() and state.running is not None:
            state.finished.clear()
            state.running, state.dismissed = None, False
            self._used = time.monotonic()
        if state.running is None and self._waiting:
            self._work(self._waiting.popleft())
        now = time.monotonic()
        late = [request for request in self._waiting if request.until <= now]
        for request in late:
            self._waiting.remove(request)
            self._tell(request.client, "error", error_data(refusals.busy()))
        if state.running is None:
            self._end_if_idle(now)

    def _patience(self) -> float:
        """Seconds until something is due."""
        due = [request.until for request in self._waiting]
        if self._state.running is None:
            due.append(self._used + self._idle_timeout)
        return min(_TICK_SECONDS, max(0.0, min(due, default=_TICK_SECONDS) - time.monotonic()))

    def _end_if_idle(self, now: float) -> None:
        if now - self._used >= self._idle_timeout:
            self._state.ending = f"it was idle for {_spoken(self._idle_timeout)}"
            return
        if not self._is_known():
            self._state.ending = "its files were removed"
            return
        try:
            self._session.check()
        except (FleetError, FrameError) as error:
            self._state.ending = "its sandbox has ended" if isinstance(error, FrameError) else ended_by(error)

    def _work(self, request: _Request) -> None:
        self._session.begin()
        self._state.running = request
        self._thread = threading.Thread(target=self._perform, args=(request,), daemon=True)
        self._thread.start()

    def _perform(self, request: _Request) -> None:
        answer = performed(self._session, request.frame, self._end)
        self._session.end()
        self._state.finished.set()  # before it is told: whoever hears it may ask again at once
        self._wake_up()
        request.client.tell(answer)

    def _end(self, why: str) -> str:
        """Let the session end; return why it does, which an earlier reason decides."""
        self._state.ending = self._state.ending or why
        return self._state.ending

    def _wake_up(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake already
            self._waker.send(b"\0")

    def _terminate(self, number: int, _frame: object) -> None:
        self._end(f"its process was told to end by {signal.Signals(number).name}")

    def _close(self, why: str) -> str:
        self._listener.close()
        self._session.close()
        if self._thread is not None:
            self._thread.join(_LAST_WORDS_SECONDS)
        over = error_data(refusals.over(self._session.name, why))
        for request in self._waiting:
            request.client.tell_at_once("error", over)
        return why

    def farewell(self) -> None:
        """Close every connection, by which clients of ``stop`` know that the end is written down."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, Connection):
                key.data.close()


def _spoken(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"  # noqa: PLR2004
