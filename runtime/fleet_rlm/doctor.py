"""Is everything in place? Each check is data: what was looked at, how it is, and what to do."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_rlm import wiring
from fleet_rlm.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm.config import Settings

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
    yield _claude()


def modal_checks(*, end: bool) -> Iterator[Check]:
    """Ask Modal whether it can be used, and for the sandboxes that were left behind.

    Args:
        end: end those sandboxes.
    """
    try:
        left = wiring.modal_sandboxes()
        if end and left:
            wiring.end_modal_sandboxes(left)
    except FleetError as error:
        yield Check(ERROR, "modal", str(error))
        return
    yield Check(OK, "modal", "reached")
    if not left:
        yield Check(OK, "modal sandboxes", "none left behind")
    for sandbox in left:
        yield Check(OK if end else WARNING, "modal sandbox", f"{sandbox}: {'ended' if end else 'end it with --end'}")


def _python() -> Check:
    return Check(OK, "python", f"{platform.python_version()} at {sys.executable}")


def _packages() -> Iterator[Check]:
    for name in ("dspy", "modal"):
        try:
            yield Check(OK, name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(ERROR, name, "not installed; install fleet-rlm-scaffold again")


def _settings(settings: Settings) -> Iterator[Check]:
    if settings.dotenv is not None:
        yield Check(OK, ".env", str(settings.dotenv))
    for name in settings.origins:
        yield Check(OK, name, f"{settings.shown(name)} ({settings.origin(name)})")


def _model(settings: Settings) -> Check:
    if settings.model is None:
        return Check(
            WARNING,
            "language model",
            "none is configured: set DSPY_LM_MODEL and DSPY_LLM_API_KEY, or use --model script:generic",
        )
    try:
        wiring.check_model(settings)
    except FleetError as error:
        return Check(ERROR, "language model", str(error))
    return Check(OK, "language model", settings.model)


def _local(settings: Settings) -> Iterator[Check]:
    status = WARNING if settings.sandbox == "modal" else ERROR
    try:
        yield from (Check(OK, name, message) for name, message in wiring.local_report(settings))
    except FleetError as error:
        yield Check(status, "local sandbox", str(error))


def _modal(settings: Settings) -> Check:
    problem = wiring.modal_problem()
    if problem is None:
        return Check(OK, "modal", "credentials are present (not tried; see --modal)")
    if settings.sandbox == "modal":
        return Check(ERROR, "modal", problem)
    return Check(OK, "modal", f"not set up, and only --sandbox modal needs it ({problem})")


def _claude() -> Check:
    path = shutil.which("claude")
    if path is None:
        return Check(WARNING, "claude", "Claude Code is not on PATH; fleet-rlm works without it")
    return Check(OK, "claude", path)


def worst(found: list[Check]) -> str:
    """Return the worst status of ``found``."""
    return max((check.status for check in found), key=(OK, WARNING, ERROR).index, default=OK)


def as_data(found: list[Check]) -> dict[str, Any]:
    """Return the report as a JSON object."""
    return {"status": worst(found), "checks": [check._asdict() for check in found]}
