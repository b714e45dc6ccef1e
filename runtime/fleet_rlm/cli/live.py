"""The moving display: what is going on now, under the lines of what has been done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from fleet_rlm.cli.lines import line_for, plural
from fleet_rlm.runs import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm.runs.progress import Event, Listener


@contextmanager
def live_display() -> Iterator[Listener]:
    """Yield a listener that draws on the terminal behind stderr; the moving part vanishes at the end."""
    console = Console(stderr=True, highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        now = bar.add_task("starting", total=None)

        def listen(event: Event) -> None:
            if isinstance(event, progress.Reading):
                bar.update(now, completed=event.done, total=event.total or None)
                return
            line = line_for(event)
            if line is not None and not isinstance(event, progress.Preparing):
                console.print(line, markup=False, soft_wrap=True)
            doing = _doing(event)
            if doing is not None:
                bar.reset(now, description=doing, total=None)

        yield listen


def _doing(event: Event) -> str | None:
    if isinstance(event, progress.Preparing):
        return line_for(event)
    if isinstance(event, progress.IterationStarted):
        return "running the code"
    if isinstance(event, progress.SubCallEnded):
        return f"running the code, {plural(event.made, 'sub-call')} answered"
    if isinstance(event, (progress.IterationEnded, progress.SandboxChosen)):
        return "the planner is writing code"
    return None
