"""Running a command: every exit code of ``fleet-rlm-scaffold`` is decided here."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from fleet_rlm_scaffold import streams
from fleet_rlm_scaffold.cli.main import Terminated, stopped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["invoke"]

_BUG = 3
_PIPE_CLOSED = 141


def invoke(arguments: Sequence[str]) -> int:
    """Run the command that ``arguments`` name; return its exit code, everything said."""
    as_json = "--json" in arguments
    try:
        from fleet_rlm_scaffold.cli.commands import app  # noqa: PLC0415 - inside, so that what fails there is told as a bug

        code = app.main(list(arguments), prog_name="fleet-rlm-scaffold", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        code = _tell(error, as_json=as_json)
    except (click.Abort, KeyboardInterrupt, Terminated) as error:
        code = stopped(error)
    except (BrokenPipeError, SystemExit):  # nobody reads our output any more: click ends with SystemExit then
        streams.to_nowhere()
        code = _PIPE_CLOSED
    except streams.UnwritableError as error:
        code = _tell_unwritable(error)
    except Exception as error:  # noqa: BLE001 - a bug: reported with its log file
        code = _report_bug(error, as_json=as_json)
    return code if isinstance(code, int) else 0


def _end(message: str, code: int) -> int:
    click.echo(message, err=True)
    return code


def _tell(error: click.ClickException, *, as_json: bool) -> int:
    from fleet_rlm_scaffold.errors import ScaffoldError  # noqa: PLC0415 - only when something went wrong

    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return _end(error.format_message(), error.exit_code)
    context = getattr(error, "ctx", None)
    ours = isinstance(error, ScaffoldError)
    remedy = error.remedy if isinstance(error, ScaffoldError) else None
    if context is not None:
        remedy = f"See {context.command_path} --help."
    name = type(error).__name__ if ours else "UsageError"
    message = error.message if ours else error.format_message().strip()
    return _say(name, message, remedy, error.exit_code, as_json=as_json)


def _tell_unwritable(error: streams.UnwritableError) -> int:
    """Tell on stderr that stdout does not take the result, also where JSON was asked for."""
    from fleet_rlm_scaffold.errors import OutputError  # noqa: PLC0415 - only when something went wrong

    streams.to_nowhere()
    told = OutputError(f"The result could not be written: {error}.", remedy="Send it elsewhere.")
    return _tell(told, as_json=False)


def _say(name: str, message: str, remedy: str | None, exit_code: int, *, as_json: bool) -> int:
    if as_json:
        error = {"type": name, "message": message, "remedy": remedy, "exit_code": exit_code}
        try:
            click.echo(json.dumps({"error": error}))
        except streams.UnwritableError:  # then it is told on stderr instead
            streams.to_nowhere()
        else:
            return exit_code
    click.echo(f"Error: {message} {remedy}" if remedy else f"Error: {message}", err=True)
    return exit_code


def _report_bug(error: Exception, *, as_json: bool) -> int:
    try:
        where = f"Details are in {_write_log(error)}; please report it with that file."
    except (OSError, RuntimeError) as reason:  # the latter: a home that is not there
        where = f"Its log could not be written: {reason}."
    return _say(
        "Bug", f"This is a bug in fleet-rlm-scaffold: {type(error).__name__}.", where, _BUG, as_json=as_json
    )


def _write_log(error: Exception) -> Path:
    import platform  # noqa: PLC0415 - only for a bug
    import time  # noqa: PLC0415
    import traceback  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    import platformdirs  # noqa: PLC0415

    from fleet_rlm_scaffold import __version__  # noqa: PLC0415

    moved = os.environ.get("FLEET_RLM_HOME")
    folder = (
        Path(moved).expanduser() / "logs"
        if moved
        else platformdirs.user_log_path("fleet-rlm", appauthor=False)
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = folder / f"scaffold-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.log"
    head = f"fleet-rlm-scaffold {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    log.write_text(head + "".join(traceback.format_exception(error)), encoding="utf-8")
    return log
