"""The commands for those who make assets: render, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet_rlm_scaffold.cli import options

if TYPE_CHECKING:
    from fleet_rlm_scaffold.assets import Hooks, Scope

__all__ = ["doctor", "render"]


@click.command(short_help="Write the assets into a folder, or check one.")
@click.option(
    "--scope",
    type=click.Choice(["user", "project", "plugin"]),
    default="plugin",
    show_default=True,
    help="Render for this scope.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default=True,
    metavar="DIR",
    help="Write below this folder.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 and name the files if the folder is not current."
)
@click.option(
    "--hooks",
    type=click.Choice(["plugin", "settings"]),
    help="How hooks travel in the user and project scopes.",
)
@options.renders
@options.as_json
def render(
    *,
    scope: Scope,
    output: Path,
    check: bool,
    hooks: Hooks | None,
    templates: Path | None,
    runtime: str | None,
    as_json: bool,
) -> int:
    """Write the assets of a scope into a folder that holds nothing else of ours, such as this repository."""
    from fleet_rlm_scaffold import service, tree  # noqa: PLC0415 - help needs none of it
    from fleet_rlm_scaffold.cli import show  # noqa: PLC0415

    rendered = service.render_scope(
        service.Flags("render", templates=templates, runtime=runtime, hooks=hooks), scope
    )
    found = tree.compare(output, rendered.files)
    if not check:
        tree.write(output, rendered.files, found)
    if as_json:
        show.print_json({"schema": 1, "scope": scope, "check": check, "files": found})
    else:
        for path, what in found.items():
            click.echo(f"{what}  {path}" if check else f"{tree.DONE[what]}  {path}")
        current = f"{len(rendered.files)} files in {output} are current."
        click.echo("Run `make render` and commit the result." if check and found else current)
    return int(check and bool(found))


@click.command(short_help="Check the install, or assets.")
@click.option(
    "--assets",
    is_flag=False,
    flag_value="",
    metavar="[DIR]",
    help="Check skills, agents and hooks for what the client's own validator misses: ours, or those in DIR.",
)
@options.places
@options.renders
@options.as_json
def doctor(
    *,
    assets: str | None,
    scope: Scope | None,
    target: Path | None,
    templates: Path | None,
    runtime: str | None,
    as_json: bool,
) -> int:
    """Check the install, or with --assets the assets themselves."""
    from fleet_rlm_scaffold import checkup, service  # noqa: PLC0415 - help needs none of it
    from fleet_rlm_scaffold.cli import show  # noqa: PLC0415

    flags = service.Flags("doctor", scope, target, templates, runtime)
    if assets is None:
        found = checkup.install_checks(flags)
    else:
        found = checkup.asset_checks(Path(assets) if assets else None, flags)
    code = int(any(check.level == "error" for check in found))
    if as_json:
        show.print_json({"schema": 1, "checks": [check.as_data() for check in found], "exit_code": code})
        return code
    width = max((len(check.name) for check in found), default=0)
    for check in found:
        click.echo(f"{check.level:<8} {check.name:<{width}}  {check.message}")
    return code
