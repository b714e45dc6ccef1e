"""The way in and the only way out: every exit code of ``fleet-rlm`` is decided here."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from fleet_rlm.cli import failures
from fleet_rlm.errors import FleetError, OutputError
from fleet_rlm_scaffold import streams

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

__all__ = ["invoke", "main"]


class Terminated(BaseException):
    """The process was told to end by the signal ``number``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    streams.guard()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    _leave(invoke(sys.argv[1:]))


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
        from fleet_rlm.cli.app import app  # noqa: PLC0415 - inside, so that Ctrl-C during the import is caught

        code = app.main(list(arguments), prog_name="fleet-rlm", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, streams.UnwritableError, OutputError):
        raise
    except FleetError as error:
        return failures.report_error(error, as_json=as_json)
    except click.ClickException as error:
        return failures.report_click(error, as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        return failures.report_interrupt("Interrupted.", 128 + signal.SIGINT, as_json=as_json)
    except Terminated as error:
        return failures.report_interrupt("Terminated.", error.exit_code, as_json=as_json)
    except SystemExit:  # how click ends when nobody reads its output
        raise BrokenPipeError from None
    except Exception as error:  # noqa: BLE001 - a bug: reported with its log file
        return failures.report_bug(error, as_json=as_json)
    return code if isinstance(code, int) else 0


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


def _leave(code: int) -> NoReturn:
    """End now: a thread that still waits for a model's answer must not hold up the end."""
    threading: Any = sys.modules.get("threading")
    if threading is None or threading.active_count() == 1:
        sys.exit(code)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or failures.PIPE_CLOSED
    os._exit(code)
