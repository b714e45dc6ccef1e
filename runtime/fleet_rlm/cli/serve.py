"""The command that Claude Code starts: the MCP server."""

from __future__ import annotations

import click


@click.command(short_help="Serve sessions and runs as MCP tools on standard input and output.")
def mcp() -> int:
    """Serve sessions and runs as MCP tools on standard input and output, for Claude Code.

    The plugin starts it; `claude mcp add fleet-rlm -- fleet-rlm mcp` does without the plugin.
    """
    from fleet_rlm.mcp.server import serve  # noqa: PLC0415 - the mcp package takes most of a second to load

    return serve()
