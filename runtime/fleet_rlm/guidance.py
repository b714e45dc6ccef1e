"""What the planner reads: the rules of its session, and what became of a step that failed."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fleet_rlm.docstrings import summary
from fleet_rlm.driver import helpers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from fleet_rlm.host.outcome import Outcome

__all__ = ["explain", "helper_signature", "instructions"]

_NAMES_TOLD = 20
_LONG_DEFAULT = 24


def instructions(description: str) -> str:
    """Return what the planner is told of a sandbox: its limits, the session's rules and the helpers."""
    rules = f"""\
Code runs as CPython in a persistent session. {description}
State persists between steps; inputs are set to their original values again at each step.
Output is stdout, stderr and the value of the last expression. What is cut from a long output is marked, and
`get_output(n)` returns all that step n printed, up to 64 MiB.
SUBMIT takes one value per output field, by position or by name; sets, dates, numpy and pandas values are
converted to JSON.
A step that runs too long is interrupted and its variables are kept.
Helpers, already defined:"""
    told = (f"- `{helper_signature(helper)}`: {summary(helper)}" for helper in helpers.HELPERS)
    return "\n".join([rules, *told])


def helper_signature(helper: Callable[..., Any]) -> str:
    """A helper's signature as a caller needs it: without types, long defaults left out."""
    parameters = [
        parameter.replace(
            annotation=inspect.Parameter.empty,
            default=... if len(repr(parameter.default)) > _LONG_DEFAULT else parameter.default,
        )
        for parameter in inspect.signature(helper).parameters.values()
    ]
    return helper.__name__ + str(inspect.Signature(parameters)).replace("Ellipsis", "…")


def explain(outcome: Outcome, timeout: float | None, inputs: Collection[str]) -> str:
    """Return what was printed, what went wrong, and what state it left.

    Args:
        outcome: an ``error``, ``interrupted`` or ``lost`` one.
        timeout: the limit of a step, in seconds.
        inputs: names of the variables that are bound at every step.
    """
    spent = f"after {timeout:g} s " if timeout and "timeout" in (outcome.reason, outcome.detail) else ""
    if outcome.kind == "error":
        told = outcome.detail
    elif outcome.kind == "interrupted":
        told = f"{outcome.detail}\nThe step was interrupted {spent}and its variables are kept."
    else:
        gone = ", ".join(outcome.lost[:_NAMES_TOLD]) + (", …" if len(outcome.lost) > _NAMES_TOLD else "")
        kept = f"The inputs ({', '.join(sorted(inputs))}), the" if inputs else "The"
        whose, unrun = (
            ("The", ", and this step was not run") if outcome.reason == "before" else ("This step's", "")
        )
        told = (
            f"{whose} Python process ended ({_cause(outcome.detail, spent)}); a fresh one took over{unrun}. "
            f"Gone are all imports, functions and variables{f' ({gone})' if gone else ''}. "
            f"{kept} tools and the helpers are at hand again."
        )
    return f"{outcome.output.rstrip()}\n{told}".lstrip("\n")


def _cause(detail: str, spent: str) -> str:
    """A person's words for what ended a worker."""
    if detail in ("timeout", "request"):
        return f"it did not stop when interrupted {spent}".rstrip()
    return {
        "signal SIGKILL": "it was killed, most likely for using too much memory",
        "signal SIGSEGV": "a crash in native code: SIGSEGV",
        "signal SIGSYS": "a system call that the sandbox forbids",
    }.get(detail, detail)
