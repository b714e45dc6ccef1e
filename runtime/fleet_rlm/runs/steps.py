"""Keeping the steps of a run that ended badly: nothing that was found is lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from fleet_rlm import json_text
from fleet_rlm.runs import wiring

if TYPE_CHECKING:
    from pathlib import Path

    from fleet_rlm.errors import FleetError
    from fleet_rlm.runs.recorder import Recorder

__all__ = ["keep", "kept_with", "write"]

E = TypeVar("E", bound="FleetError")


def keep(reason: str, runner: str, recorder: Recorder | None) -> str:
    """Write the steps of ``recorder`` to a file; return the sentence that names it, "" if there are none."""
    if recorder is None or not recorder.steps:
        return ""
    try:
        file = write(runner, {"runner": runner, "ended": reason, "trajectory": recorder.steps})
    except OSError as error:
        return f"The steps made so far could not be kept: {error}."
    count = len(recorder.steps)
    are = "steps made so far are" if count > 1 else "step made so far is"
    return f"The {count} {are} in {file}."


def write(runner: str, record: dict[str, Any]) -> Path:
    """Write what a run has come to into a file of its own, without secrets; return the file.

    Raises:
        OSError: it cannot be written.
        ConfigurationError: there is no place for this user's data.
    """
    text = json_text.dumps(wiring.redactor().data(record), indent=2)
    folder = wiring.paths().state / "runs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"{time.strftime('%Y%m%dT%H%M%S')}-{runner}-{time.monotonic_ns() % 10**6:06d}.json"
    file.write_text(text + "\n", encoding="utf-8")
    return file


def kept_with(error: E, runner: str, recorder: Recorder | None) -> E:
    """Keep the steps and name the file in the remedy of ``error``."""
    note = keep(error.message, runner, recorder)
    if note:
        error.remedy = f"{error.remedy} {note}" if error.remedy else note
    return error
