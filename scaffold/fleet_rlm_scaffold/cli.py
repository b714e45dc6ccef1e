"""The fleet-rlm-scaffold command."""

from __future__ import annotations

import click

from fleet_rlm_scaffold import __version__


@click.command()
@click.version_option(__version__, prog_name="fleet-rlm-scaffold")
def main() -> None:
    """Install fleet-rlm's skills, agents and hooks into Claude Code.

    This release carries the runtime (the fleet-rlm command); the installer is not part of it yet.
    """
    click.echo("Hello from fleet-rlm-scaffold. The runtime is here: try `fleet-rlm doctor --self-test`.")
