"""How things that went wrong are told: one line and a remedy, or one JSON object; a log file for a bug."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from fleet_rlm.errors import FleetError
from fleet_rlm_scaffold import streams

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fleet_rlm.errors import OutputError

BUG = 3
"""Exit code of an error that nobody raised on purpose."""

PIPE_CLOSED = 141
"""Exit code when nobody reads our output any more, as a shell reports SIGPIPE."""


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether ``--json`` is among the options, also when the rest cannot be parsed."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def report_error(error: FleetError, *, as_json: bool) -> int:
    """Tell an error that was raised on purpose."""
    return _tell(type(error).__name__, error.message, error.remedy, error.exit_code, as_json=as_json)


def report_click(error: click.ClickException, *, as_json: bool) -> int:
    """Tell what click found wrong with the command line."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError) or context is None:
        remedy = None
    else:
        remedy = f"See {context.command_path} --help."
    message = error.format_message().strip()
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not as_json:
        click.echo(message, err=True)
        return error.exit_code
    name = "UsageError" if isinstance(error, click.UsageError) else type(error).__name__
    return _tell(name, message, remedy, error.exit_code, as_json=as_json)


def report_bug(error: Exception, *, as_json: bool) -> int:
    """Write the traceback to a log file, redacted, and name the file."""
    message, where = bug(error)
    return _tell("Bug", message, where, BUG, as_json=as_json)


def bug(error: Exception) -> tuple[str, str]:
    """Write the traceback to a log file, redacted; return what to say, and where the file is."""
    try:
        log = _write_log(error)
    except (OSError, FleetError) as reason:
        where = f"Its log could not be written: {str(reason).rstrip('.')}."
    else:
        where = f"Details are in {log}; please report it with that file."
    return f"This is a bug in fleet-rlm: {type(error).__name__}.", where


def reader_is_gone() -> int:
    """Nobody reads our output any more: say nothing, and let nothing be said at exit."""
    streams.to_nowhere()
    return PIPE_CLOSED


def report_output(error: OutputError) -> int:
    """Tell on stderr that stdout does not take the result, also where JSON was asked for."""
    streams.to_nowhere()
    return report_error(error, as_json=False)


def _tell(name: str, message: str, remedy: str | None, exit_code: int, *, as_json: bool) -> int:
    from fleet_rlm.runs.wiring import redactor  # noqa: PLC0415 - only when something went wrong

    clean = redactor().text
    message, remedy = clean(message), clean(remedy) if remedy else None
    if as_json:
        import json  # noqa: PLC0415 - not needed to say hello

        error = {"type": name, "message": message, "remedy": remedy, "exit_code": exit_code}
        try:
            click.echo(json.dumps({"error": error}))
        except streams.UnwritableError:  # then it is told on stderr instead
            streams.to_nowhere()
        else:
            return exit_code
    click.echo(f"Error: {message} {remedy}" if remedy else f"Error: {message}", err=True)
    return exit_code


def _write_log(error: Exception) -> Path:
    import platform  # noqa: PLC0415 - only for a bug
    import time  # noqa: PLC0415
    import traceback  # noqa: PLC0415

    from fleet_rlm import __version__  # noqa: PLC0415
    from fleet_rlm.runs import wiring  # noqa: PLC0415

    folder = wiring.paths().logs
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = folder / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
    head = f"fleet-rlm {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    trace = "".join(traceback.format_exception(error))
    log.write_text(wiring.redactor().text(head + trace), encoding="utf-8")
    return log
