"""The commands that check what others wrote; exit 0: it can be used, 1: it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fleet_rlm.cli.options import json_option
from fleet_rlm.cli.typed import TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO


@click.group(short_help="Work with the answers of sub-calls.")
def subcall() -> None:
    """Work with the answers of sub-calls."""


@subcall.command("check", short_help="Check the answer of a sub-call.")
@click.argument("answer", type=click.File("rb"), default="-")
@click.option(
    "--chunk", type=click.File("rb"), help="The chunk; every evidence must be found in it, verbatim."
)
@json_option
def subcall_check(answer: BinaryIO, chunk: BinaryIO | None, *, as_json: bool) -> int:
    """Check the JSON that the agent rlm-subcall gave about a chunk: a file, or - for standard input."""
    from fleet_rlm import subcall as answers  # noqa: PLC0415 - a help text does not need it

    text, whole = _text(answer), _text(chunk) if chunk else None
    return _report("The answer", answers.faults(text, whole), {}, as_json=as_json)


@click.group(short_help="Work with signatures.")
def signature() -> None:
    """Work with signatures."""


@signature.command("check", short_help="Check a signature.")
@click.argument("signature", type=TEXT)
@json_option
def signature_check(signature: str, *, as_json: bool) -> int:
    """Check a SIGNATURE such as 'docs, query -> answer: str, count: int': its fields, types and names."""
    from fleet_rlm import signature_check as checking  # noqa: PLC0415 - imports dspy

    found = checking.check(signature)
    facts = {
        "inputs": {field.name: field.type for field in found.inputs},
        "outputs": {field.name: field.type for field in found.outputs},
    }
    return _report("The signature", found.faults, facts, as_json=as_json)


def _text(file: BinaryIO) -> str:
    return file.read().decode("utf-8", errors="replace")


def _report(what: str, faults: Sequence[str], facts: dict[str, dict[str, str]], *, as_json: bool) -> int:
    from fleet_rlm.cli import show  # noqa: PLC0415 - a help text does not need it

    if as_json:
        show.json_line({"valid": not faults, "faults": list(faults), **facts})
        return int(bool(faults))
    for fault in faults:
        click.echo(fault)
    if not faults:
        click.echo(f"{what} can be used.")
        for kind, fields in facts.items():
            click.echo(f"{kind}: {', '.join(f'{name}: {type_}' for name, type_ in fields.items())}")
    return int(bool(faults))
