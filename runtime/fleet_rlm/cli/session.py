"""The ``session`` commands: a sandbox that stays, from one command to the next."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from fleet_rlm.cli.options import json_option, sandbox_options, session_option, written
from fleet_rlm.cli.session_text import print_report, print_table, print_text, safe, status_line, tell
from fleet_rlm.cli.typed import TEXT
from fleet_rlm.sessions.options import EXECUTE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm.sessions import Sessions, StartOptions

__all__ = ["session"]


@click.group(short_help="Work in one sandbox across many commands.")
def session() -> None:
    """Work in one sandbox across many commands: load once, then execute, ask, look, stop.

    A session keeps its variables until `stop`, or until nobody has used it for 30 minutes. Without --session,
    a command means the session that was started in the current folder.
    """


@session.command()
@click.argument("name", required=False)
@sandbox_options
@json_option
def start(name: str | None, *, as_json: bool, **options: Any) -> None:
    """Start a session. `load` does it too, with the defaults.

    NAME is made from the folder's name if it is left out.
    """
    handle = _sessions().start(name, _start_options(options), on_event=tell)
    record = handle.record
    status = {
        key: getattr(record, key) for key in ("session", "folder", "sandbox", "confinement", "idle_timeout")
    }
    if as_json:
        _json({**status, "limits": handle.status()["limits"]})
        return
    click.echo(f"session {handle.name}: {record.sandbox} ({record.confinement})")


@session.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--as", "name", default="document", show_default=True, help="The variable's name.")
@session_option
@json_option
def load(paths: tuple[str, ...], name: str, session_name: str | None, wait: float, *, as_json: bool) -> None:
    """Load files, folders and globs into a variable; start a session if none runs here.

    The text never passes through the conversation. Several files become one text, with a line above each, and
    a mapping `documents` from path to text. `-` is standard input.
    """
    if "-" in paths:
        _want_input()
    from fleet_rlm.sessions.client import NEW_SECONDS  # noqa: PLC0415 - a help text does not need it

    stdin = sys.stdin.buffer.read() if "-" in paths else None
    handle, started = _sessions().find_or_start(session_name, on_event=tell)
    if handle.is_new and not started:
        wait = max(wait, NEW_SECONDS)
    try:
        result = handle.load(paths, name=name, stdin=stdin, wait=wait, on_event=tell)
    except BaseException:
        if started:  # for a text that is not there: leave nothing behind
            handle.stop(unless_used=True)
        raise
    if as_json:
        _json({**result, "started": started})
        return
    for warning in result["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"session {handle.name}{' (started)' if started else ''}")
    print_table(result["variables"])


@session.command("exec")
@click.argument("file", required=False, default="-", metavar="[FILE]")
@click.option(
    "--timeout", type=written("seconds", "lm_timeout"), default=EXECUTE_SECONDS, show_default=True,
    help="Most seconds for this code; at the limit it is interrupted and its variables stay.",
)  # fmt: skip
@session_option
@json_option
def execute(file: str, timeout: float, session_name: str | None, wait: float, *, as_json: bool) -> int:
    """Execute code from standard input, or from FILE, and print what it prints.

    A failure prints its traceback on stderr and exits with 1; the session goes on.
    """
    code = _code(file)
    handle = _sessions().find(session_name)
    with _cancelled_by_interrupt(handle.begin_execute(code, timeout=timeout, wait=wait)) as call:
        result = call.result(tell)
    failed = result["error"] is not None
    if as_json:
        _json(result)
        return int(failed)
    if result["output"]:
        print_text(result["output"])
    if result["cut"]:
        click.echo(f"(All of it: fleet-rlm session output {result['step']} -s {handle.name})", err=True)
    if result["answer"] is not None:
        click.echo(f"(Submitted. To see it: fleet-rlm session answer -s {handle.name})", err=True)
    if failed:
        click.echo(safe(result["error"].rstrip(), sys.stderr), err=True)
    return int(failed)


@session.command("vars")
@session_option
@json_option
def variables(session_name: str | None, wait: float, *, as_json: bool) -> None:
    """Show the variables: names, types and sizes."""
    result = _sessions().find(session_name).variables(wait=wait)
    if as_json:
        _json(result)
    else:
        print_table(result["variables"])


@session.command()
@click.argument("step", type=click.IntRange(min=1), required=False)
@session_option
@json_option
def output(step: int | None, session_name: str | None, wait: float, *, as_json: bool) -> None:
    """Print all that a step printed, if it was shown cut; the last step by default."""
    result = _sessions().find(session_name).output(step, wait=wait)
    if as_json:
        _json(result)
    else:
        print_text(result["output"])


@session.command()
@session_option
@json_option
def answer(session_name: str | None, wait: float, *, as_json: bool) -> None:
    """Print what SUBMIT was given last."""
    from fleet_rlm import json_text  # noqa: PLC0415 - not needed to say hello

    result = _sessions().find(session_name).answer(wait=wait)
    if as_json:
        _json(result)
    elif list(result["answer"]) == ["output"] and isinstance(result["answer"]["output"], str):
        print_text(result["answer"]["output"])
    else:
        print_text(json_text.dumps(result["answer"], indent=2, ensure_ascii=False))


@session.command()
@click.argument("question", type=TEXT)
@click.option("--of", "variable", default="document", show_default=True, help="A text, or a list of texts.")
@click.option("--chunk-chars", "size", type=click.IntRange(min=1), default=60_000, show_default=True,
              help="Characters that one sub-call reads.")  # fmt: skip
@click.option("--overlap", type=click.IntRange(min=0), default=0, show_default=True,
              help="Characters that neighbouring chunks share.")  # fmt: skip
@click.option("--match", type=TEXT, help="Ask only about chunks in which this regular expression is found.")
@click.option("--save-as", default="answers", show_default=True, help="The variable that keeps all answers.")
@session_option
@json_option
def ask(question: str, session_name: str | None, wait: float, *, as_json: bool, **options: Any) -> int:
    """Ask the sub-model QUESTION about every chunk of a variable, many at once.

    Prints what was found and how much was covered. It needs a model, as the run commands do.
    """
    handle = _sessions().find(session_name)
    with _cancelled_by_interrupt(handle.begin_ask(question, wait=wait, **options)) as call:
        report = call.result(tell)
    if as_json:
        _json(report)
    else:
        print_report(report)
    return int(report["asked"] > 0 and report["answered"] == 0)


@session.command()
@click.argument("variable")
@click.option("--to", "folder", required=True, metavar="FOLDER", help="Where the files go; made if need be.")
@click.option("--replace", is_flag=True, help="Replace what an earlier save of this variable wrote.")
@session_option
@json_option
def save(
    variable: str, folder: str, session_name: str | None, wait: float, *, replace: bool, as_json: bool
) -> None:
    """Write a variable into files: a text is one file, a list of texts one each, all else JSON."""
    from fleet_rlm.sessions.saving import told  # noqa: PLC0415 - a help text does not need it

    result = _sessions().find(session_name).save(variable, folder, replace=replace, wait=wait)
    if as_json:
        _json(result)
    else:
        click.echo(told(result))


@session.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """Show the sessions that run, and those that ended lately."""
    found = _sessions().all()
    if as_json:
        _json({"sessions": found})
        return
    if not found:
        click.echo("No session is running.")
    for one in found:
        click.echo(status_line(one))


@session.command()
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="Stop all sessions of this user.")
@click.option("--session", "-s", "session_name", envvar="FLEET_RLM_SESSION", help="The session; as NAME.")
@json_option
def stop(name: str | None, session_name: str | None, *, every: bool, as_json: bool) -> None:
    """End a session and every process of it."""
    sessions = _sessions()
    handles = sessions.live() if every else [sessions.find(name or session_name)]
    for handle in handles:
        handle.stop()
    stopped = [handle.name for handle in handles]
    if as_json:
        _json({"stopped": stopped})
    else:
        click.echo(f"stopped: {', '.join(stopped)}" if stopped else "No session is running.")


def _sessions() -> Sessions:
    from fleet_rlm.sessions import Sessions  # noqa: PLC0415 - a help text does not need it

    return Sessions.of(os.environ)


def _start_options(given: dict[str, Any]) -> StartOptions:
    from fleet_rlm.errors import UsageError  # noqa: PLC0415 - a help text does not need it
    from fleet_rlm.sessions import StartOptions  # noqa: PLC0415

    pairs = [tuple((*field.split(":", 1), "")[:2]) for field in given.pop("output")]
    for name, _ in pairs:
        if not name.isidentifier():
            raise UsageError(f"{name!r} cannot be the name of an output.", remedy="Use --output NAME:TYPE.")
    return StartOptions(**given, fields=tuple(pairs))


def _want_input() -> None:
    from fleet_rlm.errors import UsageError  # noqa: PLC0415 - a help text does not need it

    if sys.stdin is None:  # how Python shows a standard input that was closed
        raise UsageError("Standard input is closed.", remedy="Redirect something to it, or name a file.")


def _code(file: str) -> str:
    from fleet_rlm.errors import UsageError  # noqa: PLC0415 - a help text does not need it

    if file == "-":
        _want_input()
    if file == "-" and sys.stdin.isatty():
        click.echo("Reading code from the terminal; end it with Ctrl-D.", err=True)
    try:
        with click.open_file(file, encoding="utf-8") as source:
            code: str = source.read()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}.", remedy="Give a file, or code on stdin."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8.", remedy="Save the code as UTF-8.") from None
    return code


@contextmanager
def _cancelled_by_interrupt(call: Any) -> Iterator[Any]:
    try:
        yield call
    except BaseException:
        call.cancel()
        raise


def _json(value: Any) -> None:
    from fleet_rlm.cli.show import json_line  # noqa: PLC0415 - not needed to say hello

    json_line(value)
