"""The command that Claude Code starts: the MCP server."""

from __future__ import annotations

import errno
import os
import sys

import click

_REMEDY = "An MCP client is to start this command, with a pipe to each."


@click.command(short_help="Serve sessions and runs as MCP tools on standard input and output.")
def mcp() -> int:
    """Serve sessions and runs as MCP tools on standard input and output, for Claude Code.

    The plugin starts it; `claude mcp add fleet-rlm -- fleet-rlm mcp` does without the plugin.
    """
    _want_both_streams()
    from fleet_rlm.mcp.server import serve  # noqa: PLC0415 - the mcp package takes most of a second to load

    try:
        return serve()
    except Exception as error:
        told = _of_a_stream(error)
        if told is None:
            raise
        raise told from error


def _want_both_streams() -> None:
    from fleet_rlm.errors import UsageError  # noqa: PLC0415 - a help text does not need it

    if sys.stdin is None:  # how Python shows a standard input that was closed
        raise UsageError("Standard input is closed.", remedy=_REMEDY)
    try:
        os.write(sys.stdout.fileno(), b"")
    except OSError as error:
        if error.errno == errno.EBADF:
            raise UsageError("Standard output is closed.", remedy=_REMEDY) from None


def _of_a_stream(error: BaseException) -> BaseException | None:
    """What a failure of the streams is to be told as; the server's task groups have wrapped it."""
    from fleet_rlm.errors import FleetError  # noqa: PLC0415 - only when something went wrong

    inner = error
    while isinstance(getattr(inner, "exceptions", None), tuple):
        inner = inner.exceptions[0]  # type: ignore[attr-defined] # a group: Python 3.10 has no class for it
    if inner is error or not isinstance(inner, OSError):
        return None
    if isinstance(inner, BrokenPipeError):
        return inner
    return FleetError(f"Standard input or output has failed: {inner.strerror or inner}.", remedy=_REMEDY)
