"""One call of a tool: its arguments checked, its progress told, its errors turned into results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from fleet_rlm.errors import FleetError
from fleet_rlm.mcp import run_tool, save_tool, session_tools
from fleet_rlm.mcp.results import Result
from fleet_rlm.mcp.schemas import arguments
from fleet_rlm.mcp.table import TOOLS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fleet_rlm.mcp.place import Place
    from fleet_rlm.mcp.progress import Progress

__all__ = ["call"]

_WORK: dict[str, Callable[[Place, Mapping[str, Any], Progress], Awaitable[Result]]] = {
    "load": session_tools.load,
    "execute": session_tools.execute,
    "ask": session_tools.ask,
    "save": save_tool.save,
    "run": run_tool.run,
    "status": session_tools.status,
    "stop": session_tools.stop,
}


async def call(place: Place, name: str, given: Mapping[str, Any], progress: Progress) -> Result:
    """Return what the tool ``name`` answers; whatever goes wrong is an answer too."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.pump)
        result = await _answer(place, name, given, progress)
        tasks.cancel_scope.cancel()
    await progress.flush()
    return result


async def _answer(place: Place, name: str, given: Mapping[str, Any], progress: Progress) -> Result:
    try:
        return await _WORK[name](place, arguments(name, TOOLS[name].schema, given), progress)
    except FleetError as error:
        return _failed(str(error))
    except Exception as error:  # noqa: BLE001 - a bug: told in one sentence that names its log
        from fleet_rlm.cli.failures import bug  # noqa: PLC0415 - only for a bug

        return _failed(" ".join(bug(error)))


def _failed(message: str) -> Result:
    from fleet_rlm.runs.wiring import redactor  # noqa: PLC0415 - only when something went wrong

    return Result(f"Error: {redactor().text(message)}", failed=True)
