"""Unified differences between what is on disk and this version. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

from fleet_rlm_scaffold.model import Regular, trouble

if TYPE_CHECKING:
    from fleet_rlm_scaffold.plan import Decision

__all__ = ["lines", "styled", "within"]

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def within(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or below it."""
    clean = folder.rstrip("/")
    return path == clean or path.startswith(f"{clean}/")


def lines(decision: Decision) -> list[str]:
    """Return the difference from the file on disk to the one this version renders, without line ends."""
    why = trouble(decision.disk)
    if why:
        return [f"{decision.path}: {why}"]
    yours = decision.disk.data if isinstance(decision.disk, Regular) else b""
    new = decision.new.data if decision.new else b""
    if yours == new:
        return []
    try:
        before, after = yours.decode().splitlines(), new.decode().splitlines()
    except UnicodeDecodeError:
        return [f"{decision.path}: the files differ and are not text"]
    names = (f"yours/{decision.path}", f"new/{decision.path}")
    return list(difflib.unified_diff(before, after, *names, lineterm="")) or [
        f"{decision.path}: only line ends differ"
    ]


def styled(line: str) -> str:
    """Return the line in the usual colours."""
    return click.style(line, fg=_COLOURS.get(line[:1]))
