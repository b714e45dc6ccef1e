"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["as_json", "choices", "dry_run", "force", "places", "selected", "selection", "templates"]

Command = TypeVar("Command", bound=Callable[..., Any])

_GROUPS = ("skills", "agents", "teams", "hooks")
_LEAVE_OUT = ("teams", "hooks")


def _all(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class _Folder(click.Path):
    """A folder by its name; an empty one, as of a variable that was not set, would be the working folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, unless its name is empty."""
        if value == "":
            self.fail("the name is empty; name a folder, . is the working folder.", param, ctx)
        return super().convert(value, param, ctx)


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
force = click.option(
    "--force", is_flag=True, help="Also replace or remove files that you edited, each after a backup."
)
templates = click.option(
    "--templates",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Use another template set (a folder with an assets.yaml).",
)
_runtime = click.option(
    "--runtime", metavar="COMMAND", help="How fleet-rlm is started; found by itself if not given."
)
places = _all(
    click.option(
        "--scope",
        type=click.Choice(["user", "project"]),
        help="Where: user is ~/.claude (or CLAUDE_CONFIG_DIR), project is ./.claude.  [default: user]",
    ),
    click.option(
        "--target",
        type=_Folder(path_type=Path),
        metavar="DIR",
        help="Use this folder instead of the scope's own.",
    ),
)
choices = _all(
    click.option(
        "--hooks",
        type=click.Choice(["plugin", "settings"]),
        help="How hooks travel: as a plugin folder (clients from 2.1.157), or merged into settings.json.  "
        "[default: plugin]",
    ),
    click.option(
        "--large-file",
        "threshold",
        type=click.IntRange(min=1),
        metavar="BYTES",
        help="Size above which hooks speak of a large file.  [default: 262144]",
    ),
    click.option(
        "--allow-mcp/--no-allow-mcp",
        default=None,
        help="Let Claude Code use the MCP server's tools without asking: a rule in settings.json.  "
        "[default: no]",
    ),
    templates,
    _runtime,
)
renders = _all(templates, _runtime)
selection = _all(
    *(click.option(f"--{group}-only", is_flag=True, help=f"Act on {group} only.") for group in _GROUPS),
    *(
        click.option(f"--no-{group}", is_flag=True, help=f"Leave {group} as they are.")
        for group in _LEAVE_OUT
    ),
)


def selected(flags: dict[str, bool]) -> frozenset[str] | None:
    """Return the groups that the flags of ``selection`` choose; None if they choose nothing.

    Raises:
        click.UsageError: if nothing is left.
    """
    only = {group for group in _GROUPS if flags[f"{group}_only"]}
    without = {group for group in _LEAVE_OUT if flags[f"no_{group}"]}
    if not only and not without:
        return None
    groups = frozenset((only or set(_GROUPS)) - without)
    if not groups:
        raise click.UsageError("These flags leave nothing to act on.")
    return groups
