"""On this machine, not confined."""

from __future__ import annotations

from typing import Any

from fleet_rlm.guidance import instructions
from fleet_rlm.interpreter.core import SandboxInterpreter
from fleet_rlm.sandboxes.trusted import TrustedSandbox

__all__ = ["TrustedInterpreter"]


class TrustedInterpreter(SandboxInterpreter):
    """Runs generated code **without any confinement**, with your own files, network and processes.

    Args:
        volume: host folder that code knows as ``/data``, or None.
        **options: as for ``SandboxInterpreter``.
    """

    execution_instructions = instructions(TrustedSandbox.description)

    def __init__(self, *, volume: str | None = None, **options: Any) -> None:
        super().__init__(sandbox=TrustedSandbox(volume=volume), **options)
