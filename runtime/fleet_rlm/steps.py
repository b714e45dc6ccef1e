"""Keeping the steps of a run that ended badly: nothing that was found is lost."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, TypeVar

from fleet_rlm import wiring

if TYPE_CHECKING:
    from fleet_rlm.errors import FleetError
    from fleet_rlm.recorder import Recorder

__all__ = ["keep"]

E = TypeVar("E", bound="FleetError")


def keep(error: E, runner: str, recorder: Recorder | None) -> E:
    """Write the steps of ``recorder`` to a file, if there are any, and name it in the remedy of ``error``."""
    if recorder is None or not recorder.steps:
        return error
    folder = wiring.state_folder() / "runs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"{time.strftime('%Y%m%dT%H%M%S')}-{runner}-{time.monotonic_ns() % 10**6:06d}.json"
    record = {"runner": runner, "error": error.message, "trajectory": recorder.steps}
    text = json.dumps(wiring.redactor().data(record), indent=2)
    file.write_text(text + "\n", encoding="utf-8")
    count = len(recorder.steps)
    note = f"The {count} step{'s' * (count != 1)} made so far {'are' if count != 1 else 'is'} in {file}."
    error.remedy = f"{error.remedy} {note}" if error.remedy else note
    return error
