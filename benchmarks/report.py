"""Rows as a Markdown table and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.rows import Row

__all__ = ["as_json", "as_markdown", "line"]

_HEAD = "| what | figure | must | aim | verdict | from |\n|---|---|---|---|---|---|"


def line(row: Row) -> str:
    """One row of the table."""
    must = "" if row.bar is None else f"≤ {row.bar.must:g}"
    aim = "" if row.bar is None or row.bar.aim is None else f"≤ {row.bar.aim:g}"
    taken = " / ".join(f"{name} {_duration(seconds)}" for name, seconds in row.seconds.items())
    source = "; ".join(part for part in (taken, row.note) if part)
    return f"| {row.what} | {row.value:.3g}{_unit(row.unit)} | {must} | {aim} | {row.verdict} | {source} |"


def as_markdown(machine: Mapping[str, str], rows: Sequence[Row]) -> str:
    """The whole report for a reader."""
    described = "\n".join(f"- {name}: {value}" for name, value in machine.items())
    return f"# Benchmarks\n\n{described}\n\n" + "\n".join([_HEAD, *map(line, rows)]) + "\n"


def as_json(machine: Mapping[str, str], rows: Sequence[Row]) -> str:
    """The whole report for a program; ``seconds`` are medians."""
    report = {"machine": dict(machine), "rows": [row.as_json() for row in rows]}
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _duration(seconds: float) -> str:
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.2g} µs"
