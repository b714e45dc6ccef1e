"""How a report reaches the reader: lines, a table on a terminal, or one JSON object."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from fleet_rlm_scaffold import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet_rlm_scaffold.engine import Outcome
    from fleet_rlm_scaffold.report import Entry, Item
    from fleet_rlm_scaffold.service import Flags

__all__ = ["on_terminal", "options_of", "print_json", "print_report", "print_status", "say"]

_STYLES = {
    "created": "green",
    "updated": "green",
    "merged": "green",
    "replaced": "yellow",
    "removed": "yellow",
    "kept": "cyan",
    "left out": "cyan",
    "refused": "red",
}


def say(text: str) -> None:
    """Tell the reader something that is not the result."""
    click.echo(text, err=True)


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def options_of(flags: Flags) -> str:
    """Return the options that a shown command needs to find the same install."""
    scope = f" --scope {flags.scope}" if flags.scope == "project" else ""
    return scope + (f" --target {flags.target}" if flags.target else "")


def print_json(data: dict[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_report(outcome: Outcome, found: Sequence[Item], *, options: str, dry_run: bool) -> None:
    """Print what happened, what it comes to, and how to settle what is left."""
    shown = report.refused(found) if outcome.aborted else found
    entries = report.entries(shown, dry_run=dry_run and not outcome.aborted)
    if on_terminal():
        _print_table(entries)
    else:
        for entry in entries:
            click.echo(report.plain(entry))
    click.echo(report.summary(outcome, found, dry_run=dry_run))
    advice = report.advice(outcome, options)
    if advice:
        click.echo(advice)


def print_status(outcome: Outcome, found: Sequence[Item]) -> None:
    """Print two columns and a path for what is not as installed."""
    lines = report.status_lines(found)
    for line in lines:
        click.echo(click.style(line[:2], fg="yellow") + line[2:])
    if not lines:
        installed = outcome.before is not None
        click.echo(
            f"Everything in {outcome.target} is as installed."
            if installed
            else f"Nothing in {outcome.target}."
        )


def _print_table(entries: Sequence[Entry]) -> None:
    import rich.console  # noqa: PLC0415 - only on a terminal
    import rich.table  # noqa: PLC0415
    import rich.text  # noqa: PLC0415

    table = rich.table.Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for entry in entries:
        what = rich.text.Text(entry.what)
        if entry.why:
            what.append(f"\n{entry.why}", style="dim")
        if entry.next:
            what.append(f"\nsee: {entry.next}", style="bold")
        table.add_row(
            rich.text.Text(entry.result, style=_STYLES.get(entry.result.removeprefix("would be "), "")), what
        )
    if entries:
        rich.console.Console().print(table)
