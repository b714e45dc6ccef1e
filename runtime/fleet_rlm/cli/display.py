"""Progress for people, on stderr: a live line on a terminal, plain lines elsewhere, nothing on request."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from fleet_rlm.cli.lines import line_for
from fleet_rlm.runs import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm.runs.progress import Event, Listener


@contextmanager
def listening(*, verbose: bool) -> Iterator[Listener]:
    """Yield the listener that fits stderr."""
    if not verbose:
        yield progress.ignore
    elif sys.stderr.isatty():
        from fleet_rlm.cli.live import live_display  # noqa: PLC0415 - rich, only on a terminal

        with live_display() as listener:
            yield listener
    else:
        yield _plain


def _plain(event: Event) -> None:
    line = line_for(event)
    if line is not None:
        click.echo(line, err=True)
