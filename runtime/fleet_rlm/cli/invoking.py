"""Running a command: every exit code of ``fleet-rlm`` is decided here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fleet_rlm.cli import failures
from fleet_rlm.cli.main import Terminated, stopped
from fleet_rlm.errors import FleetError, OutputError
from fleet_rlm_scaffold import streams

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["invoke"]


def invoke(arguments: Sequence[str]) -> int:
    """Run the command that ``arguments`` name; return its exit code, everything said."""
    try:
        return _invoke(arguments, as_json=failures.wants_json(arguments))
    except BrokenPipeError:
        return failures.reader_is_gone()
    except streams.UnwritableError as error:
        return failures.report_output(OutputError.because(error))
    except OutputError as error:
        return failures.report_output(error)


def _invoke(arguments: Sequence[str], *, as_json: bool) -> int:
    try:
        from fleet_rlm.cli.app import app  # noqa: PLC0415 - inside, so that what fails there is told as a bug

        code = app.main(list(arguments), prog_name="fleet-rlm", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, streams.UnwritableError, OutputError):
        raise
    except FleetError as error:
        return failures.report_error(error, as_json=as_json)
    except click.ClickException as error:
        return failures.report_click(error, as_json=as_json)
    except (click.Abort, KeyboardInterrupt, Terminated) as error:
        return stopped(error, as_json=as_json)
    except SystemExit:  # how click ends when nobody reads its output
        raise BrokenPipeError from None
    except Exception as error:  # noqa: BLE001 - a bug: reported with its log file
        return failures.report_bug(error, as_json=as_json)
    return code if isinstance(code, int) else 0
