"""Keeping the steps of a run that ended badly: nothing that was found is lost."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, TypeVar

from fleet_rlm.runs import wiring

if TYPE_CHECKING:
    from pathlib import Path

    from fleet_rlm.errors import FleetError
    from fleet_rlm.runs.recorder import Recorder

__all__ = ["keep", "kept_with"]

E = TypeVar("E", bound="FleetError")


def keep(reason: str, runner: str, recorder: Recorder | None) -> str:
    """Write the steps of ``recorder`` to a file; return the sentence that names it, "" if there are none."""
    if recorder is None or not recorder.steps:
        return ""
    record = wiring.redactor().data({"runner": runner, "ended": reason, "trajectory": recorder.steps})
    try:
        file = _write(runner, json.dumps(record, indent=2))
    except OSError as error:
        return f"The steps made so far could not be kept: {error}."
    count = len(recorder.steps)
    are = "steps made so far are" if count > 1 else "step made so far is"
    return f"The {count} {are} in {file}."


def _write(runner: str, text: str) -> Path:
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
