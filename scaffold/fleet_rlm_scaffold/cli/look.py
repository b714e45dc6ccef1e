"""The commands that only look: list, status, diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fleet_rlm_scaffold.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from fleet_rlm_scaffold.assets import Hooks, Scope

__all__ = ["diff", "list_assets", "print_assets", "status"]


@click.command("list", short_help="List what install brings.")
@click.option(
    "--scope",
    type=click.Choice(["user", "project", "plugin"]),
    default="user",
    show_default=True,
    help="Where they would go.",
)
@options.selection
@options.templates
@options.as_json
def list_assets(*, scope: Scope, templates: Path | None, as_json: bool, **groups: bool) -> int:
    """List the skills, agents, team, rules and hooks that install brings."""
    return print_assets(templates, options.selected(groups), scope, "plugin", as_json=as_json)


def print_assets(
    templates: Path | None, groups: frozenset[str] | None, scope: Scope, hooks: Hooks, *, as_json: bool
) -> int:
    """Print one line an asset that has a place in ``scope``; return the exit code."""
    from fleet_rlm_scaffold import assets as index  # noqa: PLC0415 - help needs none of it
    from fleet_rlm_scaffold.cli import show  # noqa: PLC0415

    found = [
        {
            "kind": asset.kind,
            "name": asset.name,
            "group": asset.group,
            "path": place,
            "summary": asset.summary,
        }
        for asset in index.load_index(index.template_folder(templates))
        if (place := asset.place(scope, hooks)) and asset.group in (groups or index.GROUPS)
    ]
    if as_json:
        show.print_json({"schema": 1, "scope": scope, "assets": found})
        return 0
    width = max((len(entry["kind"]) + len(entry["name"]) + 1 for entry in found), default=0)
    for entry in found:
        click.echo(f"{entry['kind'] + ' ' + entry['name']:<{width}}  {entry['summary'] or entry['path']}")
    return 0


@click.command(short_help="Show what is not as installed.")
@options.places
@options.choices
@options.as_json
def status(
    *,
    scope: Scope | None,
    target: Path | None,
    hooks: Hooks | None,
    threshold: int | None,
    allow_mcp: bool | None,
    templates: Path | None,
    runtime: str | None,
    as_json: bool,
) -> int:
    """Show what differs: first column what you changed, second what an upgrade would do.

    \b
    A to be added    M edited / to be updated    D deleted / to be removed
    O no longer ours    C conflict    ? not ours    X in the way
    """  # noqa: D301 - click's mark for lines that are kept
    from fleet_rlm_scaffold import report, service  # noqa: PLC0415 - help needs none of it
    from fleet_rlm_scaffold.cli import show  # noqa: PLC0415
    from fleet_rlm_scaffold.plan import Policy  # noqa: PLC0415

    flags = service.Flags("status", scope, target, templates, runtime, hooks, threshold, allow_mcp=allow_mcp)
    prepared = service.prepare(flags)
    outcome = prepared.run(Policy(), write=False, command="", say=show.say)
    found = report.items(outcome, show.options_of(flags))
    code = int(outcome.needs_you or outcome.aborted)
    if as_json:
        data = report.as_data(outcome, found, command="status", scope=prepared.scope, dry_run=True, notes=[])
        show.print_json({**data, "exit_code": code})
    else:
        show.print_status(outcome, found)
    return code


@click.command(short_help="Show how your files differ from this version's.")
@click.argument("paths", nargs=-1)
@options.places
@options.choices
def diff(
    paths: tuple[str, ...],
    *,
    scope: Scope | None,
    target: Path | None,
    hooks: Hooks | None,
    threshold: int | None,
    allow_mcp: bool | None,
    templates: Path | None,
    runtime: str | None,
) -> int:
    """Show how your files differ from this version's; PATHS limit it to files or folders."""
    from fleet_rlm_scaffold import difference, service  # noqa: PLC0415 - help needs none of it
    from fleet_rlm_scaffold.cli import show  # noqa: PLC0415
    from fleet_rlm_scaffold.paths import told  # noqa: PLC0415
    from fleet_rlm_scaffold.plan import Policy  # noqa: PLC0415

    flags = service.Flags("diff", scope, target, templates, runtime, hooks, threshold, allow_mcp=allow_mcp)
    prepared = service.prepare(flags)
    outcome = prepared.run(Policy(), write=False, command="", say=show.say)
    known = [decision.path for decision in outcome.decisions]
    unknown = [path for path in paths if not any(difference.within(one, path) for one in known)]
    if unknown:
        raise click.UsageError(f"Not a path of ours: {', '.join(map(told, unknown))}.")
    for decision in outcome.decisions:
        if not paths or any(difference.within(decision.path, path) for path in paths):
            for line in difference.lines(decision):
                click.echo(difference.styled(line) if show.on_terminal() else line)
    return int(outcome.needs_you or outcome.aborted)
