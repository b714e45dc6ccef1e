"""On this machine, confined."""

from __future__ import annotations

from typing import Any

from fleet_rlm.guidance import instructions
from fleet_rlm.interpreter.core import SandboxInterpreter
from fleet_rlm.sandboxes.local import Limits, LocalSandbox

__all__ = ["LocalSandboxInterpreter"]


class LocalSandboxInterpreter(SandboxInterpreter):
    """Runs generated code in the embedded sandbox: on this machine, confined or not at all.

    Args:
        volume: host folder that code can write in as ``/data``, or None.
        allow_subprocess: whether code may start processes.
        memory: most memory of generated code, in bytes; documents are not counted. None: half the machine's.
        packages: installed distributions that code can import, with what they require.
        confinement: ``bwrap``, ``landlock`` or ``seatbelt``; None takes the first that holds.
        **options: as for ``SandboxInterpreter``.
    """

    execution_instructions = instructions(LocalSandbox().description)

    def __init__(
        self,
        *,
        volume: str | None = None,
        allow_subprocess: bool = False,
        memory: int | None = None,
        packages: tuple[str, ...] = LocalSandbox.packages,
        confinement: str | None = None,
        **options: Any,
    ) -> None:
        sandbox = LocalSandbox(
            volume=volume,
            allow_subprocess=allow_subprocess,
            limits=Limits(memory=memory),
            packages=packages,
            confinement=confinement,
        )
        super().__init__(sandbox=sandbox, **options)
