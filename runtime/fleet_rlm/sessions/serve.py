"""The broker's process, from its start to its end. Run as ``python -c`` by ``spawning``."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import FleetError, SessionError
from fleet_rlm.sessions.records import Record, Shelf, Watch
from fleet_rlm.sessions.wire import SESSIONS, error_data

if TYPE_CHECKING:
    from fleet_rlm.config import Settings
    from fleet_rlm.runs.places import Place
    from fleet_rlm.sessions.broker import Broker
    from fleet_rlm.sessions.options import StartOptions

__all__ = ["main"]

_LONGEST_LIFE = 24 * 3600.0  # seconds: the most that Modal lets a sandbox live
_BACKLOG = 32


def main() -> None:
    """Hold one session: read what it shall be from stdin, say ``ready`` or ``error`` on stdout, serve."""
    given = json.load(sys.stdin)
    os.set_inheritable(given["lock"], False)  # noqa: FBT003 - positional only
    started: dict[str, Any] = {}
    try:
        broker, record = _start(given, started)
    except FleetError as error:
        _say({"event": "error", **error_data(error)})
        return
    except Exception as error:  # noqa: BLE001 - told to whoever waits, and in the log
        traceback.print_exc()
        problem = SessionError(f"The session did not start: {type(error).__name__}: {error}.")
        _say({"event": "error", **error_data(problem)})
        return
    _say({"event": "ready"})
    _be_silent()
    why = broker.run()
    try:
        Shelf(Path(given["root"])).end(record, why)
    except FleetError as error:
        sys.stderr.write(f"{error}\n")  # the next command will find that this process is gone
    started["place"].discard()
    broker.farewell()
    os._exit(0)  # a model's answer that nobody waits for any more must not hold up the end


def _start(given: dict[str, Any], started: dict[str, Any]) -> tuple[Broker, Record]:
    from fleet_rlm.runs import places, wiring  # noqa: PLC0415 - inside, so that what fails is told
    from fleet_rlm.runs.options import RunOptions  # noqa: PLC0415
    from fleet_rlm.runs.progress import Preparing  # noqa: PLC0415
    from fleet_rlm.sessions.broker import Broker  # noqa: PLC0415
    from fleet_rlm.sessions.options import StartOptions  # noqa: PLC0415
    from fleet_rlm.sessions.session import Session  # noqa: PLC0415

    options = StartOptions.of(given["options"])
    run_options = RunOptions(
        sandbox=options.sandbox,
        sub_model=options.sub_model,
        concurrency=options.concurrency,
        secret_name=options.secret_name,
        volume_name=options.volume_name,
        allow_subprocess=options.allow_subprocess,
        memory=options.memory,
    )
    settings = wiring.load_settings(run_options)
    place: Place = places.choose(
        settings,
        run_options,
        _LONGEST_LIFE,
        lambda event: (
            _say({"event": "preparing", "what": event.what}) if isinstance(event, Preparing) else None
        ),
    )
    started["place"] = place
    settings, options = _anchored(settings), replace(options, sub_model=_absolute(options.sub_model))
    os.chdir("/")  # the folder stays free to be removed or unmounted
    session = Session(given["session"], place.sandbox, settings, options)
    try:
        session.start()
        listener = _listener(given["address"])
        record = _recorded(given, place, options)
        watch = Watch(Shelf(Path(given["root"])), record)
    except BaseException:
        session.close()
        place.discard()
        raise
    status = {key: getattr(record, key) for key in ("session", "folder", "sandbox", "started", "ended")}
    broker = Broker(session, listener, options.idle_timeout, status, watch.holds)
    session.emit = broker.emit
    broker.prepare()
    return broker, record


def _listener(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise SessionError(f"The session's socket cannot be made: {error.strerror}.") from None
    finally:
        os.umask(mask)
    listener.listen(_BACKLOG)
    return listener


def _recorded(given: dict[str, Any], place: Place, options: StartOptions) -> Record:
    return Record(
        session=given["session"],
        folder=given["folder"],
        sandbox=place.name,
        confinement=place.confinement(),
        idle_timeout=options.idle_timeout,
        started=time.time(),
        pid=os.getpid(),
        address=given["address"],
        protocol=SESSIONS,
    )


def _anchored(settings: Settings) -> Settings:
    return replace(settings, model=_absolute(settings.model), sub_model=_absolute(settings.sub_model))


def _absolute(model: str | None) -> str | None:
    """A script's file by a name that stays true: it is read when a model is first asked."""
    kind, colon, file = (model or "").partition(":")
    return f"{kind}:{Path(file).absolute()}" if kind + colon == "script:" and Path(file).is_file() else model


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _be_silent() -> None:
    """Let go of the starter: whoever waits for the end of its output must not wait for the session's."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
