"""How ``fleet-rlm doctor`` looks: the checks as a table, the self-test as a story."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleet_rlm import doctor
from fleet_rlm.cli import quiet, show
from fleet_rlm.cli.lines import plural, took
from fleet_rlm.runs import progress
from fleet_rlm.selftest import QUESTION, Outcome
from fleet_rlm.selftest import self_test as run_self_test

if TYPE_CHECKING:
    from fleet_rlm.runs.progress import Event

_INDENT = " " * 11


def report(*, with_modal: bool, end: bool, as_json: bool) -> int:
    """Print the checks; return 1 if any is an error."""
    quiet.silence_libraries()
    found = list(doctor.checks())
    if with_modal:
        found += doctor.modal_checks(end=end)
    if as_json:
        show.json_line(doctor.as_data(found))
    else:
        width = max(len(check.name) for check in found)
        for check in found:
            click.echo(f"{check.status:<8} {check.name:<{width}}  {check.message}")
    return int(doctor.worst(found) == doctor.ERROR)


def self_test(*, as_json: bool) -> int:
    """Run the self-test and tell it; return 1 if the answer is wrong."""
    quiet.silence_libraries()
    if not as_json:
        click.echo(
            "A real run in the embedded sandbox: a script writes the code, no language model is asked.\n"
        )
    outcome, result = run_self_test(progress.ignore if as_json else _tell)
    if as_json:
        show.json_line(_data(outcome, result))
    else:
        _tell_end(outcome, result)
    return int(not outcome.passed)


def _tell(event: Event) -> None:
    if isinstance(event, progress.DocumentsRead):
        size = f"{event.chars:,} characters in {event.lines:,} lines"
        click.echo(f"Document   Python's own standard library: {plural(event.documents, 'file')}, {size}")
        click.echo(f"Question   {QUESTION}")
    elif isinstance(event, progress.SandboxChosen):
        click.echo(f"Sandbox    {event.name}: {event.detail}\n")
    elif isinstance(event, progress.IterationStarted):
        click.echo(f"Step {event.number}     {event.reasoning.strip()}")
        more = len(event.code.strip().splitlines()) - 1
        rest = f"  … {plural(more, 'line')} more" if more else ""
        click.echo(f"{_INDENT}>>> {show.first_line(event.code, 70)}{rest}")
    elif isinstance(event, progress.IterationEnded):
        for line in _worth_showing(event):
            click.echo(f"{_INDENT}{line}")
        calls = f", {plural(event.sub_calls, 'sub-call')}" if event.sub_calls else ""
        click.echo(f"{_INDENT}({took(event.seconds)}{calls})\n")


def _worth_showing(event: progress.IterationEnded) -> list[str]:
    lines = [show.first_line(line) for line in event.output.splitlines() if line.strip()]
    return lines[:3]


def _tell_end(outcome: Outcome, result: dict[str, Any]) -> None:
    click.echo(f"Answer     {outcome.answer}")
    click.echo(f"Truth      {outcome.expected}  (counted outside the sandbox, in another way)")
    verdict = "They agree." if outcome.passed else "They differ: something is wrong."
    click.echo(f"{verdict} {took(outcome.seconds)}; no language model was asked.")
    for warning in result["warnings"][1:]:  # the first says that no model was asked
        click.echo(f"Note: {warning}")


def _data(outcome: Outcome, result: dict[str, Any]) -> dict[str, Any]:
    return {
        "passed": outcome.passed,
        "answer": outcome.answer,
        "expected": outcome.expected,
        "seconds": round(outcome.seconds, 3),
        "model_asked": False,
        "result": result,
    }
