"""The command tree."""

from __future__ import annotations

import click

from fleet_rlm_scaffold import __version__
from fleet_rlm_scaffold.cli.change import install, uninstall, upgrade
from fleet_rlm_scaffold.cli.look import diff, list_assets, status
from fleet_rlm_scaffold.cli.make import doctor, render

__all__ = ["app"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fleet-rlm-scaffold")
def app() -> None:
    """Install fleet-rlm's skills, agents, team and hooks into Claude Code, and keep what you change.

    Exit codes: 0 done, 1 something needs you, 2 usage, 3 a bug (its log is named), 130 interrupted.
    """


for _command in (install, list_assets, status, diff, upgrade, uninstall, render, doctor):
    app.add_command(_command)
