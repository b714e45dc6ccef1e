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
    from fleet_rlm_scaffold.report import Item
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


def print_report(outcome: Outcome, found: Sequence[Item], *, dry_run: bool) -> None:
    """Print what happened, then what it comes to."""
    if on_terminal():
        _print_table(found, dry_run=dry_run)
    else:
        for line in report.plain(found, dry_run=dry_run):
            click.echo(line)
    click.echo(report.summary(outcome, found, dry_run=dry_run))


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


def _print_table(found: Sequence[Item], *, dry_run: bool) -> None:
    import rich.box  # noqa: PLC0415 - only on a terminal
    import rich.console  # noqa: PLC0415
    import rich.table  # noqa: PLC0415

    told = [item for item in found if not item.quiet]
    if not told:
        return
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for title in ("would be" if dry_run else "", "path", "why"):
        table.add_column(title, overflow="fold")
    for item in told:
        why = item.why + (f"\nsee: {item.next}" if item.next else "")
        table.add_row(
            *(rich.text.Text(text) for text in (item.result, item.path, why)), style=_STYLES.get(item.result)
        )
    rich.console.Console().print(table)
