"""One line for each event worth one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet_rlm.cli.show import first_line, last_line
from fleet_rlm.runs import progress

if TYPE_CHECKING:
    from fleet_rlm.runs.progress import Event

_PREPARING = {
    "documents": "reading documents",
    "model": "preparing the model",
    "sandbox": "preparing the sandbox",
}


def line_for(event: Event) -> str | None:
    """Return the line that tells ``event``, or None if it is only worth a moving display."""
    line = _LINES.get(type(event))
    return line(event) if line else None


def plural(count: int, word: str) -> str:
    """``1 document``, ``2,000 documents``."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def took(seconds: float) -> str:
    """``14 ms``, ``2.3 s``."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _read(event: progress.DocumentsRead) -> str:
    left_out = f"; left out: {event.left_out}" if event.left_out else ""
    size = f"{event.chars:,} characters, {event.lines:,} lines"
    return f"read {plural(event.documents, 'document')}: {size}{left_out}"


def _sandbox(event: progress.SandboxChosen) -> str:
    return f"sandbox: {event.name} ({event.detail})" if event.detail else f"sandbox: {event.name}"


def _started(event: progress.IterationStarted) -> str:
    return f"[{event.number}/{event.limit}] {first_line(event.code)}  (planner {took(event.seconds)})"


def _ended(event: progress.IterationEnded) -> str:
    outcome = "failed: " if event.failed else "→ "
    said = (last_line if event.failed else first_line)(event.output.removeprefix("[Error] ")) or "(no output)"
    calls = f", {plural(event.sub_calls, 'sub-call')}" if event.sub_calls else ""
    return f"      {outcome}{said}  ({took(event.seconds)}{calls})"


def _finished(event: progress.Finished) -> str:
    how = "done" if event.complete else "ended without a finished answer"
    counts = f"{plural(event.iterations, 'iteration')}, {plural(event.sub_calls, 'sub-call')}"
    return f"{how}: {counts}, {took(event.seconds)}"


_LINES = {
    progress.Preparing: lambda event: _PREPARING.get(event.what, event.what),
    progress.DocumentsRead: _read,
    progress.SandboxChosen: _sandbox,
    progress.IterationStarted: _started,
    progress.IterationEnded: _ended,
    progress.Warned: lambda event: f"warning: {event.message}",
    progress.Noted: lambda event: f"note: {event.message}",
    progress.Finished: _finished,
}
