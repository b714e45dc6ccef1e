"""Is everything in place? Each check is data: what was looked at, how it is, and what to do."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_rlm.errors import FleetError
from fleet_rlm.models import claude_code
from fleet_rlm.runs import places, wiring
from fleet_rlm.runs.options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm.config import Settings
    from fleet_rlm.sandboxes.local import LocalSandbox

__all__ = ["Check", "checks", "modal_checks"]

OK, WARNING, ERROR = "ok", "warning", "error"


class Check(NamedTuple):
    """One line of the report: ``status`` is ``ok``, ``warning`` or ``error``."""

    status: str
    name: str
    message: str


def checks() -> Iterator[Check]:
    """Look at this machine and its settings; no network, nothing is changed."""
    yield _python()
    yield from _packages()
    try:
        settings = wiring.load_settings()
    except FleetError as error:
        yield Check(ERROR, "settings", str(error))
        return
    yield from _settings(settings)
    yield _model(settings)
    yield from _local(settings)
    yield _modal(settings)
    yield _claude(settings)


def modal_checks(*, end: bool) -> Iterator[Check]:
    """Ask Modal whether it can be used, and for the sandboxes that were left behind.

    Args:
        end: end those sandboxes.
    """
    from fleet_rlm.sandboxes import modal  # noqa: PLC0415 - asked for by --modal

    try:
        left = modal.list_sandboxes()
        ended = modal.end_sandboxes(one.sandbox_id for one in left) if end else []
    except FleetError as error:
        yield Check(ERROR, "modal", str(error))
        return
    yield Check(OK, "modal", f"reached; {len(left) or 'no'} sandbox{'es' * (len(left) != 1)} running")
    for one in left:
        made = f"{one.sandbox_id}, made by process {one.pid} on {one.host}"
        if one.sandbox_id in ended:
            yield Check(OK, "modal sandbox", f"{made}: ended")
        else:
            yield Check(WARNING, "modal sandbox", f"{made}; if nothing uses it, end it with --modal --end")


def _python() -> Check:
    return Check(OK, "python", f"{platform.python_version()} at {sys.executable}")


def _packages() -> Iterator[Check]:
    return map(_package, ("dspy", "modal"))


def _package(name: str) -> Check:
    try:
        return Check(OK, name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(ERROR, name, "not installed; install fleet-rlm-scaffold again")


def _settings(settings: Settings) -> Iterator[Check]:
    if settings.dotenv is not None:
        yield Check(OK, ".env", str(settings.dotenv))
    for name in settings.origins:
        yield Check(OK, name, f"{settings.shown(name)} ({settings.origin(name)})")


def _model(settings: Settings) -> Check:
    try:
        planner, sub = wiring.models(settings, RunOptions())
    except FleetError as error:
        return Check(ERROR if settings.model else WARNING, "language model", str(error))
    names = planner.model if sub.model == planner.model else f"{planner.model}, {sub.model} for sub-calls"
    return Check(OK, "language model", names if settings.model else f"{names}, because none is configured")


def _local(settings: Settings) -> Iterator[Check]:
    """Each confinement that this machine could use, tried: a driver is started and attempts to break out."""
    from fleet_rlm.sandboxes.local import choose  # noqa: PLC0415 - a help text does not need it

    sandbox = places.local_sandbox(settings)
    try:
        every = choose.candidates(sandbox.confinement)
        policy = sandbox.policy
    except FleetError as error:
        yield Check(ERROR, "local sandbox", str(error))
        return
    used = None
    for confinement in every:
        problem = confinement.unavailable(policy)
        why = f"{problem.reason}. {problem.remedy}" if problem else _broken(sandbox, confinement.name)
        if why:
            yield Check(WARNING, confinement.name, why)
            continue
        used = used or confinement.name
        yield Check(OK, confinement.name, "holds: every attempt to break out of it failed")
    if used:
        yield Check(OK, "local sandbox", f"ready, confined by {used}")
    else:
        status = WARNING if settings.sandbox == "modal" else ERROR
        yield Check(status, "local sandbox", "no confinement holds on this machine, so no code runs in it")


def _broken(sandbox: LocalSandbox, confinement: str) -> str:
    """Why ``confinement`` would not confine, or "": a driver starts only if it failed to break out."""
    from fleet_rlm.host.client import DriverClient  # noqa: PLC0415 - a help text does not need it
    from fleet_rlm.host.outcome import Limits  # noqa: PLC0415

    trial = dataclasses.replace(sandbox, confinement=confinement)
    client = DriverClient(trial, Limits(), lambda _name, _args, _kwargs: None)
    try:
        client.start()
    except FleetError as error:
        return str(error)
    finally:
        client.close()
    return ""


def _modal(settings: Settings) -> Check:
    problem = _modal_problem()
    if problem is None:
        return Check(OK, "modal", "credentials are present; --modal tries them")
    if settings.sandbox == "modal":
        return Check(ERROR, "modal", problem)
    return Check(OK, "modal", "not set up, and only --sandbox modal needs it")


def _modal_problem() -> str | None:
    from fleet_rlm.sandboxes.modal.access import load_sdk, require_credentials  # noqa: PLC0415 - 500 ms

    try:
        load_sdk()
        require_credentials()
    except FleetError as error:
        return str(error)
    return None


def _claude(settings: Settings) -> Check:
    if settings.claude and claude_code.find(settings.claude, os.environ) is None:
        return Check(ERROR, "claude", f"FLEET_RLM_CLAUDE names {settings.claude}, which is no program")
    path = claude_code.find(settings.claude, os.environ)
    if path is None:
        return Check(WARNING, "claude", "Claude Code is not on PATH; fleet-rlm works without it")
    version = claude_code.version(path)
    if version is None:
        return Check(WARNING, "claude", f"{path} does not say its version, so it may not work")
    return Check(OK, "claude", f"{version} at {path}")


def worst(found: list[Check]) -> str:
    """Return the worst status of ``found``."""
    return max((check.status for check in found), key=(OK, WARNING, ERROR).index, default=OK)


def as_data(found: list[Check]) -> dict[str, Any]:
    """Return the report as a JSON object."""
    return {"status": worst(found), "checks": [check._asdict() for check in found]}
