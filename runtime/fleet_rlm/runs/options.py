"""What every runner takes, whichever way it is started."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RunOptions"]


@dataclass(frozen=True)
class RunOptions:
    """What every runner takes. None means: as configured, else the default of the runner.

    Attributes:
        max_iterations: most steps of the planner.
        max_llm_calls: most sub-model calls of the whole run.
        timeout: most seconds of the whole run, documents included.
        sandbox: ``auto``, ``local``, ``modal`` or ``trusted``.
        model: the planner, as litellm names models, or ``script:NAME``.
        sub_model: the model that ``llm_query`` asks; by default the planner.
        concurrency: most sub-model calls at the same time.
        secret_name: Modal secret to place in the sandbox's environment.
        volume_name: volume to mount at ``/data``.
        allow_subprocess: let generated code start processes.
        memory: most memory that generated code may use, in bytes or as text such as ``4G``.
    """

    max_iterations: int | None = None
    max_llm_calls: int | None = None
    timeout: float | None = None
    sandbox: str | None = None
    model: str | None = None
    sub_model: str | None = None
    concurrency: int | None = None
    secret_name: str | None = None
    volume_name: str | None = None
    allow_subprocess: bool = False
    memory: str | int | None = None
