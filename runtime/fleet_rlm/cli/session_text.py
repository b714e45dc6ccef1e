"""What the ``session`` commands say to people."""

from __future__ import annotations

import sys
from typing import Any

import click

__all__ = ["print_report", "print_table", "print_text", "safe", "status_line", "tell"]


def tell(event: dict[str, Any]) -> None:
    """Say on stderr what a session tells of its progress."""
    kind = event["event"]
    if kind == "waiting":
        click.echo("waiting for its turn", err=True)
    elif kind == "notice":
        click.echo(event["text"], err=True)
    elif kind == "preparing":
        click.echo(event["what"], err=True)
    elif sys.stderr.isatty() and kind in ("reading", "asked"):
        click.echo(
            f"\r{kind}: {event['done']:,} of {event['total']:,}", err=True, nl=event["done"] == event["total"]
        )


def print_text(text: str) -> None:
    """Print what code has printed or answered."""
    click.echo(safe(text, sys.stdout), nl=not text.endswith("\n"))


def safe(text: str, stream: Any) -> str:
    """Text that came out of a document: it may not drive a terminal, and must be writable everywhere."""
    from fleet_rlm.cli.show import encodable, printable  # noqa: PLC0415 - not needed to say hello

    return printable(text) if stream.isatty() else encodable(text)


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print variables, one a line."""
    for row in rows:
        size = f"{row['size']:,}" if isinstance(row["size"], int) else row["size"] or ""
        unit = "" if row["unit"] in (None, "value", "shape") else f" {row['unit']}"
        click.echo(f"{row['name']:<24} {row['type']:<12} {size}{unit}".rstrip())


def print_report(report: dict[str, Any]) -> None:
    """Print what the sub-model has found, and how much of the text it was asked about."""
    for row in report["findings"]:
        print_text(f"[chunk {row['chunk']}, characters {row['start']:,}-{row['end']:,}]\n{row['answer']}\n\n")
    hidden = report["findings_total"] - report["findings_shown"]
    if hidden:
        click.echo(f"… and {hidden:,} more in the variable {report['saved_as']}\n")
    click.echo(
        f"{report['asked']:,} of {report['chunks']:,} chunks asked, {report['answered']:,} answered, "
        f"{report['nothing']:,} said nothing, {report['failed']:,} failed; "
        f"{report['coverage_pct']:g} % of {report['chars']:,} characters covered"
    )
    for error in report["errors"]:
        click.echo(error, err=True)


def status_line(one: dict[str, Any]) -> str:
    """Return the line of a list for one session."""
    head = f"{one['session']:<24} {one['state']:<6} {one['sandbox']:<8}"
    if "error" in one:
        return f"{head} {one['error']}"
    if one["ended"]:
        return f"{head} {one['ended']['why']}"
    used, limits = one["used"], one["limits"]
    parts = [
        f"{used[name]:,}{f' of {limits[name]:,}' if limits[name] is not None else ''} {unit}"
        for name, unit in (
            ("calls", "sub-calls"),
            ("tokens", "tokens"),
            ("cost", "dollars"),
            ("seconds", "s"),
        )
        if used[name] or limits[name] is not None
    ]
    return f"{head} {one['variables']} loaded, {one['steps']} steps; {', '.join(parts)}; {one['folder']}"
