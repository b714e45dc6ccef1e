"""The commands that run no task: describe, doctor, check-secret, check-secret-key, init."""

from __future__ import annotations

import sys
from typing import cast

import click

from fleet_rlm.cli.options import json_option


@click.command("check-secret", short_help="Say which settings a Modal secret holds.")
@click.option("--secret-name", default="LITELLM", show_default=True, help="The Modal secret to look into.")
@json_option
def check_secret(secret_name: str, *, as_json: bool) -> None:
    """Say which settings a Modal secret holds; never a value."""
    from fleet_rlm.cli import show  # noqa: PLC0415 - a help text does not need it
    from fleet_rlm.sandboxes.modal import check_secret as look_into  # noqa: PLC0415 - imports modal

    found = look_into(secret_name)
    if as_json:
        show.json_line(found)
        return
    for key, present in found.items():
        click.echo(f"{'present' if present else 'absent ':<8} {key}")


@click.command("check-secret-key", short_help="Say whether a Modal secret holds a key.")
@click.option("--key", default="DSPY_LLM_API_KEY", show_default=True, help="The key to look for.")
@click.option("--secret-name", default="LITELLM", show_default=True, help="The Modal secret to look into.")
@json_option
def check_secret_key(key: str, secret_name: str, *, as_json: bool) -> None:
    """Say whether a key of a Modal secret is present, and how long its value is."""
    from fleet_rlm.cli import show  # noqa: PLC0415 - a help text does not need it
    from fleet_rlm.sandboxes.modal import secret_key_length  # noqa: PLC0415 - imports modal

    length = secret_key_length(secret_name, key)
    if as_json:
        show.json_line({"key": key, "present": length is not None, "length": length or 0})
    elif length is None:
        click.echo(f"{key} is absent.")
    else:
        click.echo(f"{key} is present, {length} characters long.")


@click.command("describe", short_help="Say what this version offers.")
@click.option("--python", is_flag=True, help="Print only the Python that can import fleet_rlm, for scripts.")
@json_option
def describe(*, python: bool, as_json: bool) -> None:
    """Say what this version offers: commands, helpers, tasks, settings, sandboxes, exit codes."""
    from fleet_rlm.errors import UsageError  # noqa: PLC0415 - a help text does not need it

    if python and as_json:
        raise UsageError("--python prints a path, not JSON.", remedy="Use one of --python and --json.")
    if python:
        click.echo(sys.executable)
        return
    from fleet_rlm import description  # noqa: PLC0415 - a help text does not need it
    from fleet_rlm.cli import show  # noqa: PLC0415

    facts = description.description_of(cast("click.Group", click.get_current_context().find_root().command))
    if as_json:
        show.json_line(facts)
    else:
        click.echo(description.readable(facts))


@click.command("doctor", short_help="Check that everything is in place.")
@click.option("--self-test", is_flag=True, help="Run a real task in the local sandbox; needs no key.")
@click.option("--modal", "with_modal", is_flag=True, help="Also ask Modal, and list sandboxes left behind.")
@click.option("--end", is_flag=True, help="With --modal: end the sandboxes left behind.")
@json_option
def doctor(*, self_test: bool, with_modal: bool, end: bool, as_json: bool) -> int:
    """Check that everything is in place; exit 1 if something is not."""
    from fleet_rlm.cli import health  # noqa: PLC0415 - a help text does not need it
    from fleet_rlm.errors import UsageError  # noqa: PLC0415

    if end and not with_modal:
        raise UsageError("--end ends sandboxes on Modal.", remedy="Use it together with --modal.")
    if self_test:
        return health.self_test(as_json=as_json)
    return health.report(with_modal=with_modal, end=end, as_json=as_json)


@click.command(
    "init",
    short_help="Install skills, agents and hooks into Claude Code.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def init(*, options: tuple[str, ...]) -> int:
    """Install skills, agents, team and hooks into Claude Code: the same as `fleet-rlm-scaffold install`."""
    from fleet_rlm_scaffold.cli.invoking import invoke  # noqa: PLC0415 - a help text does not need it

    return invoke(["install", *options])
