"""Why a driver's output has ended."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import SandboxError
from fleet_rlm.sandboxes.modal.failures import redacted

if TYPE_CHECKING:
    from fleet_rlm.sandboxes.modal.launch import Driver

__all__ = ["why_ended"]

_ASK_SECONDS = 5.0
_TIMED_OUT, _TERMINATED = 124, 137  # how the SDK reports a sandbox's end (its ``_result_returncode``)
_NO_PYTHON = {126, 127}
_KILLED = 137
_LONGEST = 300


async def why_ended(driver: Driver, timeout: int) -> SandboxError | None:
    """Ask Modal why the driver ended; None if it did so in peace.

    Args:
        driver: the driver whose output has ended.
        timeout: seconds its sandbox was given.
    """
    sandbox_code = await _asked(driver.sandbox.poll)
    if sandbox_code == _TIMED_OUT:
        return SandboxError(
            f"the Modal sandbox reached its time limit of {timeout} s.",
            remedy="Raise --timeout (seconds, at most 86400).",
        )
    if sandbox_code == _TERMINATED:
        return SandboxError("the Modal sandbox was terminated from outside.", remedy="Run again.")
    code = await _asked(driver.process.wait)
    if code is None:
        return SandboxError("the Modal sandbox is gone.", remedy="Run again.")
    return await _exited(driver, code) if code else None


async def _exited(driver: Driver, code: int) -> SandboxError:
    said = await _asked(driver.process.stderr.read) or b""
    last = redacted(said.decode("utf-8", "replace").strip().rpartition("\n")[2])[:_LONGEST]
    if code in _NO_PYTHON:
        remedy = "The image needs python3, 3.9 or newer."
    elif code == _KILLED:
        remedy = "Memory may have run out, or the code killed it: raise the sandbox's memory limit."
    else:
        remedy = "Run again."
    return SandboxError(
        f"the driver in the Modal sandbox ended with exit code {code}{f': {last}' if last else ''}.",
        remedy=remedy,
    )


async def _asked(question: Any) -> Any:
    """Ask what is only for an explanation: no answer in time, or a failure, is None."""
    with contextlib.suppress(Exception):
        return await asyncio.wait_for(question.aio(), _ASK_SECONDS)
    return None
