"""The ``run-*`` commands, made from the table of runners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleet_rlm.cli.options import run_options
from fleet_rlm_scaffold.streams import UnwritableError

if TYPE_CHECKING:
    from fleet_rlm.errors import OutputError
    from fleet_rlm.runners import Runner


def run_command(runner: Runner) -> click.Command:
    """Return the command of ``runner``."""

    def callback(**flags: Any) -> None:
        _run(runner, flags)

    return click.Command(
        runner.command,
        callback=callback,
        params=list(run_options(runner)),
        help=_help(runner),
        short_help=runner.summary,
    )


def _help(runner: Runner) -> str:
    modes = [
        (f"With --mode {mode}: " if mode else "Result: ") + ", ".join(shape.keys) + "."
        for mode, shape in runner.shapes.items()
    ]
    return "\n\n".join([runner.summary, *modes])


def _run(runner: Runner, flags: dict[str, Any]) -> None:
    from fleet_rlm.cli import display, quiet, show  # noqa: PLC0415 - a help text needs none of these
    from fleet_rlm.runs.execution import execute  # noqa: PLC0415
    from fleet_rlm.runs.options import RunOptions  # noqa: PLC0415

    as_json, full, verbose = flags.pop("as_json"), flags.pop("full_output"), flags.pop("verbose")
    given = {option.name: flags.pop(option.name) for option in runner.options}
    quiet.silence_libraries()
    with display.listening(verbose=verbose) as listener:
        result = execute(runner, given, RunOptions(**flags), listener)
    try:
        if as_json:
            show.json_line(result)
        elif full:
            show.json_indented(result)
        else:
            show.readable(runner.command, result)
    except UnwritableError as error:
        raise _kept(error, runner, result) from error


def _kept(error: UnwritableError, runner: Runner, result: dict[str, Any]) -> OutputError:
    """Keep a result that has been paid for, in a file that is named; if that fails, tell it on stderr."""
    from fleet_rlm import json_text  # noqa: PLC0415 - only when something went wrong
    from fleet_rlm.errors import FleetError, OutputError  # noqa: PLC0415
    from fleet_rlm.runs.steps import write  # noqa: PLC0415

    try:
        file = write(runner.name, {"runner": runner.name, "result": result})
    except (OSError, FleetError) as reason:
        click.echo(json_text.dumps(result), err=True)
        return OutputError.because(error, f"It could not be kept: {reason}")
    return OutputError.because(error, f"It is in {file}.")
