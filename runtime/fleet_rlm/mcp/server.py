"""The server: the official package on standard input and output, our tools and resources behind it."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from fleet_rlm import __version__
from fleet_rlm.errors import FleetError
from fleet_rlm.mcp import addresses, resources, tools
from fleet_rlm.mcp.instructions import INSTRUCTIONS
from fleet_rlm.mcp.place import Place
from fleet_rlm.mcp.progress import Progress
from fleet_rlm.mcp.results import encodable
from fleet_rlm.mcp.table import TOOLS

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    Context = ServerRequestContext[Any, Any]

    from fleet_rlm.mcp.results import Result
    from fleet_rlm.mcp.table import Tool

__all__ = ["serve"]

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def serve() -> int:
    """Serve on standard input and output until they are closed or a signal comes; return the exit code."""
    return anyio.run(_serve)


def make_server(place: Place) -> Server[Any]:
    """Return the server, not yet serving."""
    return Server(
        "fleet-rlm",
        version=__version__,
        title="fleet-rlm",
        instructions=INSTRUCTIONS,
        on_list_tools=_list_tools,
        on_call_tool=partial(_call_tool, place),
        on_list_resources=partial(_list_resources, place),
        on_list_resource_templates=_list_templates,
        on_read_resource=partial(_read_resource, place),
    )


async def _serve() -> int:
    server = make_server(Place.of(os.environ))
    async with stdio_server() as (incoming, outgoing):
        number = await _until_the_end(server, incoming, outgoing)
        if number:
            os._exit(128 + number)  # a thread waits for standard input, and nothing but input would end it
    return 0


async def _until_the_end(server: Server[Any], incoming: Any, outgoing: Any) -> int:
    """Serve until the input ends or a signal comes, cancelling calls; return the signal's number or 0."""
    received = 0

    async def listen(serving: anyio.CancelScope) -> None:
        nonlocal received
        with anyio.open_signal_receiver(*_SIGNALS) as signals:
            async for number in signals:
                received = int(number)
                serving.cancel()
                return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen, tasks.cancel_scope)
        await server.run(incoming, outgoing, server.create_initialization_options())
        tasks.cancel_scope.cancel()
    return received


async def _list_tools(_context: Context, _params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[_listed(tool) for tool in TOOLS.values()])


def _listed(tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(
        title=tool.title,
        read_only_hint=tool.read_only,
        destructive_hint=tool.destructive,
        idempotent_hint=tool.idempotent,
        open_world_hint=tool.open_world,
    )
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.schema,
        annotations=hints,
    )


async def _call_tool(
    place: Place, context: Context, params: types.CallToolRequestParams
) -> types.CallToolResult:
    if params.name not in TOOLS:
        raise MCPError(
            types.INVALID_PARAMS, f"There is no tool {params.name!r}; there are {', '.join(TOOLS)}."
        )
    progress = Progress(context.session.report_progress)
    return _answered(await tools.call(place, params.name, params.arguments or {}, progress))


def _answered(result: Result) -> types.CallToolResult:
    links = [
        types.ResourceLink(uri=link.uri, name=link.name, mime_type="text/plain", size=link.chars)
        for link in result.links
    ]
    content: list[types.ContentBlock] = [types.TextContent(text=encodable(result.text)), *links]
    return types.CallToolResult(content=content, is_error=result.failed)


async def _list_resources(place: Place, _context: Context, _params: Any) -> types.ListResourcesResult:
    found = await place.aside(partial(resources.listed, place))
    return types.ListResourcesResult(resources=[types.Resource(uri=one.uri, name=one.name) for one in found])


async def _list_templates(_context: Context, _params: Any) -> types.ListResourceTemplatesResult:
    named = {
        addresses.OUTPUT: "all that a step printed whose output was cut",
        addresses.ANSWER: "what a session's code has submitted last",
        addresses.RUN: "the whole result of a run that was shown in part",
    }
    found = [types.ResourceTemplate(uri_template=uri, name=name) for uri, name in named.items()]
    return types.ListResourceTemplatesResult(resource_templates=found)


async def _read_resource(
    place: Place, _context: Context, params: types.ReadResourceRequestParams
) -> types.ReadResourceResult:
    try:
        text, kind = await place.aside(partial(resources.read, place, params.uri))
    except FleetError as error:
        raise MCPError(types.INVALID_PARAMS, encodable(str(error))) from error
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=params.uri, text=encodable(text), mime_type=kind)]
    )
