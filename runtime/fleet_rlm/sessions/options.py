"""What a session is started with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["EXECUTE_SECONDS", "IDLE_SECONDS", "MAX_LLM_CALLS", "StartOptions"]

EXECUTE_SECONDS = 600.0
"""Seconds one ``exec`` may take unless it asks for another limit: a shell's tool call rarely waits longer."""

IDLE_SECONDS = 30 * 60.0
"""Seconds without a request after which a session ends."""

MAX_LLM_CALLS = 500
"""Sub-calls of a session: ten times those of a long run, because a session serves many questions."""


@dataclass(frozen=True)
class StartOptions:
    """What a session is started with. None means: as configured, or without a limit.

    Attributes:
        sandbox: ``auto``, ``local``, ``modal`` or ``trusted``.
        sub_model: the model that ``llm_query`` asks.
        concurrency: most sub-model calls at the same time.
        secret_name: Modal secret to place in the sandbox's environment.
        volume_name: volume to mount at ``/data``.
        allow_subprocess: let code start processes.
        memory: most memory of code, in bytes or as text such as ``4G``.
        idle_timeout: seconds without a request after which the session ends.
        fields: name and type of each value that SUBMIT takes; a type may be empty. Without any: ``output``.
        max_llm_calls: most sub-model calls of the session.
        max_tokens: most tokens of them together; calls under way are not stopped.
        max_cost: most US dollars of them together, as far as their price is known.
        max_seconds: most seconds during which sub-calls are under way.
    """

    sandbox: str | None = None
    sub_model: str | None = None
    concurrency: int | None = None
    secret_name: str | None = None
    volume_name: str | None = None
    allow_subprocess: bool = False
    memory: str | int | None = None
    idle_timeout: float = IDLE_SECONDS
    fields: tuple[tuple[str, str], ...] = ()
    max_llm_calls: int | None = MAX_LLM_CALLS
    max_tokens: int | None = None
    max_cost: float | None = None
    max_seconds: float | None = None

    def data(self) -> dict[str, Any]:
        """Return them as JSON data."""
        return asdict(self)

    @classmethod
    def of(cls, data: dict[str, Any]) -> StartOptions:
        """Read what ``data()`` wrote."""
        fields = tuple((name, kind) for name, kind in data["fields"])
        return cls(**{**data, "fields": fields})
