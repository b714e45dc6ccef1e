"""Sandboxes that were left behind: list them, end them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from fleet_rlm.sandboxes.modal.access import load_sdk, require_credentials
from fleet_rlm.sandboxes.modal.caller import call_apart
from fleet_rlm.sandboxes.modal.failures import as_sandbox_error, is_known
from fleet_rlm.sandboxes.modal.launch import TAG, find_app
from fleet_rlm.sandboxes.modal.settings import APP_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["RunningSandbox", "end_sandboxes", "list_sandboxes"]

Result = TypeVar("Result")


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
    return _ask(lambda: [_described(sandbox) for sandbox in _running(app_name)], "listing sandboxes")


def end_sandboxes(sandbox_ids: Iterable[str], app_name: str = APP_NAME) -> list[str]:
    """End those of our running sandboxes whose ids are given; return the ids that were ended.

    Raises:
        ConfigurationError: credentials are missing.
        SandboxError: Modal failed.
    """
    wanted = set(sandbox_ids)

    def end() -> list[str]:
        chosen = [sandbox for sandbox in _running(app_name) if sandbox.object_id in wanted]
        for sandbox in chosen:
            sandbox.terminate()
        return [sandbox.object_id for sandbox in chosen]

    return _ask(end, "ending sandboxes")


def _running(app_name: str) -> list[Any]:
    return list(load_sdk().Sandbox.list(app_id=find_app(app_name).app_id, tags=TAG))


def _described(sandbox: Any) -> RunningSandbox:
    tags = sandbox.get_tags()
    return RunningSandbox(sandbox.object_id, tags.get("host", ""), tags.get("pid", ""), tags.get("run", ""))


def _ask(call: Callable[[], Result], doing: str) -> Result:
    load_sdk()
    require_credentials()
    try:
        return call_apart(call).result()
    except Exception as error:
        if not is_known(error):
            raise
        raise as_sandbox_error(error, doing) from error
