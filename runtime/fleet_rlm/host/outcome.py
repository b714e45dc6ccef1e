"""What bounds an execute, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_rlm.values import unpack

if TYPE_CHECKING:
    from fleet_rlm.protocol import Frame

__all__ = ["Limits", "Outcome"]


_BARE = {"type", "id", "outcome"}  # all that most cells end with


class Limits(NamedTuple):
    """Bounds on one execute.

    Attributes:
        timeout: seconds a cell may take, host tools included; None for no limit.
        grace: seconds between the interrupt and the kill.
        output: characters of output shown before it is cut to a head and a tail.
    """

    timeout: float | None = None
    grace: float = 2.0
    output: int = 9_000


class Outcome(NamedTuple):
    """How one execute ended.

    Attributes:
        kind: ``ok``; ``submit``: ``answer`` holds the values; ``error`` and ``syntax``: ``detail`` is the
            traceback; ``interrupted``: stopped, variables kept; ``lost``: the worker died and a fresh one
            is in its place.
        step: the step's number, from 1; 0 for a preparation.
        output: what was printed, as shown.
        detail: traceback, or what ended the worker.
        answer: the submitted fields.
        cut: characters of output that were not shown.
        error: class name of the exception.
        line: line of a syntax error.
        reason: why it was interrupted: ``timeout`` or ``request``; ``before``: lost before the step, which
            was not run.
        lost: names of variables that are gone.
    """

    kind: str
    step: int
    output: str
    detail: str = ""
    answer: dict[str, Any] | None = None
    cut: int = 0
    error: str = ""
    line: int | None = None
    reason: str = ""
    lost: tuple[str, ...] = ()

    @classmethod
    def of(cls, frame: Frame, step: int) -> Outcome:
        """Read a ``done`` frame. Its answer comes from generated code, which may have forged it."""
        header, payload = frame.header, frame.payload
        if not payload and header.keys() == _BARE:
            return cls(header["outcome"], step, "")
        split = header.get("output", 0)
        output = payload[:split].decode("utf-8", "replace")
        if header["outcome"] == "submit":
            answer = _answer(payload[split:])
            if answer is None:
                return cls(
                    "error", step, output, "TypeError: SUBMIT's values cannot be read", error="TypeError"
                )
            return cls("submit", step, output, answer=answer, cut=header.get("cut", 0))
        detail = payload[split:].decode("utf-8", "replace")
        return cls(
            header["outcome"],
            step,
            output,
            detail,
            cut=header.get("cut", 0),
            error=header.get("error", ""),
            line=header.get("line"),
            reason=header.get("reason", ""),
            lost=tuple(header.get("lost", ())),
        )


def _answer(packed: bytes) -> dict[str, Any] | None:
    try:
        answer = unpack(packed.decode("ascii"))
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
