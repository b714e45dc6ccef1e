"""Sandboxes that were left behind: list them, end them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleet_rlm.sandboxes.modal.access import ask_modal, load_sdk
from fleet_rlm.sandboxes.modal.launch import TAG
from fleet_rlm.sandboxes.modal.settings import APP_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RunningSandbox", "end_sandboxes", "list_sandboxes"]


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox of ours that Modal says is running.

    Attributes:
        sandbox_id: Modal's id of it.
        host: name of the machine that made it.
        pid: the process there.
        run: the run it was made for.
    """

    sandbox_id: str
    host: str
    pid: str
    run: str


def list_sandboxes(app_name: str = APP_NAME) -> list[RunningSandbox]:
    """Return our running sandboxes, whichever machine made them.

    Raises:
        ConfigurationError: credentials are missing.
        SandboxError: Modal failed.
    """

    async def describe() -> list[RunningSandbox]:
        return [await _described(sandbox) for sandbox in await _running(app_name)]

    return ask_modal(describe, "listing sandboxes")


def end_sandboxes(sandbox_ids: Iterable[str], app_name: str = APP_NAME) -> list[str]:
    """End those of our running sandboxes whose ids are given; return the ids that were ended.

    Raises:
        ConfigurationError: credentials are missing.
        SandboxError: Modal failed.
    """
    wanted = set(sandbox_ids)

    async def end() -> list[str]:
        chosen = [sandbox for sandbox in await _running(app_name) if sandbox.object_id in wanted]
        for sandbox in chosen:
            await sandbox.terminate.aio()
        return [sandbox.object_id for sandbox in chosen]

    return ask_modal(end, "ending sandboxes")


async def _running(app_name: str) -> list[Any]:
    modal = load_sdk()
    try:
        app = await modal.App.lookup.aio(app_name)
    except modal.exception.NotFoundError:
        return []
    return [sandbox async for sandbox in modal.Sandbox.list.aio(app_id=app.app_id, tags=TAG)]


async def _described(sandbox: Any) -> RunningSandbox:
    tags = await sandbox.get_tags.aio()
    return RunningSandbox(sandbox.object_id, tags.get("host", ""), tags.get("pid", ""), tags.get("run", ""))
