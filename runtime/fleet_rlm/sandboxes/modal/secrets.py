"""Whether a Modal secret holds what a run needs: names and lengths, never a value."""

from __future__ import annotations

import json
import re
from typing import Any

from fleet_rlm.errors import SandboxError, UsageError
from fleet_rlm.sandboxes.modal.access import ask_modal
from fleet_rlm.sandboxes.modal.delivery import lengths_command
from fleet_rlm.sandboxes.modal.launch import Launch
from fleet_rlm.sandboxes.modal.settings import APP_NAME, ModalSettings

__all__ = ["DSPY_KEYS", "check_secret", "secret_key_length"]

DSPY_KEYS = ("DSPY_LM_MODEL", "DSPY_LM_API_BASE", "DSPY_LLM_API_KEY", "DSPY_LM_MAX_TOKENS")
"""The variables that the secret of a real model has."""

_SECONDS = 120
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_secret(secret_name: str, *, app_name: str = APP_NAME) -> dict[str, bool]:
    """Return for each of `DSPY_KEYS` whether the secret has it and it is not empty.

    Raises:
        ConfigurationError: credentials are missing.
        SandboxError: there is no such secret, or Modal failed.
    """
    return {key: bool(length) for key, length in _lengths(secret_name, DSPY_KEYS, app_name).items()}


def secret_key_length(secret_name: str, key: str, *, app_name: str = APP_NAME) -> int | None:
    """Return how many characters ``key`` has in the secret, or None if it is not there.

    Raises:
        UsageError: ``key`` cannot be a variable's name.
        ConfigurationError: credentials are missing.
        SandboxError: there is no such secret, or Modal failed.
    """
    if not _KEY.fullmatch(key):
        raise UsageError(
            f"{key!r} cannot be the name of a variable.", remedy="Use one like DSPY_LLM_API_KEY."
        )
    return _lengths(secret_name, (key,), app_name)[key]


def _lengths(secret_name: str, keys: tuple[str, ...], app_name: str) -> dict[str, int | None]:
    settings = ModalSettings(
        app_name=app_name, secret_name=secret_name, timeout=_SECONDS, idle_timeout=_SECONDS
    )
    return ask_modal(lambda: _measure(Launch(settings), keys), f"checking the secret {secret_name}")


async def _measure(launch: Launch, keys: tuple[str, ...]) -> dict[str, int | None]:
    launch.check()
    sandbox = await launch.create()
    try:
        process = await sandbox.exec.aio(*lengths_command(list(keys)), text=False)
        printed, code = await process.stdout.read.aio(), await process.wait.aio()
    finally:
        await sandbox.terminate.aio()
    if code != 0:
        raise SandboxError(
            f"the secret could not be looked at: exit code {code} in the sandbox.", remedy="Run again."
        )
    lengths: dict[str, Any] = json.loads(printed)
    return {key: lengths.get(key) for key in keys}
