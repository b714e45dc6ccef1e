"""Failures of a call as dspy's typed errors, each with a remedy of its own in ``remedy``.

Importing this module imports dspy.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dspy.utils import exceptions as dspy_errors

if TYPE_CHECKING:
    from fleet_rlm.models.claude_code.process import Ended
    from fleet_rlm.models.claude_code.reading import Kind, Problem

__all__ = ["cannot_start", "no_report", "reported", "silent", "stopped"]

_LOG_IN = "Run claude and type /login, or set ANTHROPIC_API_KEY."
_ERRORS: dict[Kind, tuple[type[dspy_errors.LMError], str]] = {
    "login": (dspy_errors.LMAuthError, _LOG_IN),
    "billing": (
        dspy_errors.LMBillingError,
        "Check the account's balance, or use another model with --model.",
    ),
    "limit": (dspy_errors.LMRateLimitError, "Wait, or use another model with --model."),
    "rate": (
        dspy_errors.LMRateLimitError,
        "Wait, or ask less at once with a lower FLEET_RLM_CLAUDE_PARALLEL.",
    ),
    "overloaded": (dspy_errors.LMServerError, "Anthropic's servers are overloaded; try again later."),
    "server": (dspy_errors.LMServerError, "Anthropic's servers failed; try again later."),
    "model": (
        dspy_errors.LMUnsupportedModelError,
        "Name one that Claude Code knows: claude-code/haiku, claude-code/sonnet or a full id.",
    ),
    "length": (
        dspy_errors.ContextWindowExceededError,
        "Ask for less at once: smaller chunks, or a model with a larger context.",
    ),
    "request": (dspy_errors.LMInvalidRequestError, "Check DSPY_LM_MAX_TOKENS against what the model allows."),
    "connection": (
        dspy_errors.LMTransportError,
        "Check the network, its proxy and ANTHROPIC_BASE_URL; try claude itself.",
    ),
    "malformed": (
        dspy_errors.LMServerError,
        "Something answers in place of the API; check the proxy and ANTHROPIC_BASE_URL.",
    ),
    "unknown": (dspy_errors.LMProviderError, "Try claude itself; it may say more."),
}


def reported(problem: Problem, model: str) -> dspy_errors.LMError:
    """Return the error for what the client reported; ``retry_after`` is set if it said when to come back."""
    kind, remedy = _ERRORS[problem.kind]
    wait = None
    if problem.kind == "limit" and problem.resets_at is not None:
        wait = max(0.0, problem.resets_at - time.time())
        at = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(problem.resets_at)).strip()
        remedy = f"Wait until {at}, or use another model with --model."
    return _with(kind(message=problem.words, model=model, status=problem.status, retry_after=wait), remedy)


def no_report(ended: Ended, model: str) -> dspy_errors.LMError:
    """Return the error for a client that ended without saying how it went."""
    how = f"was ended by signal {-ended.code}" if ended.code < 0 else f"ended with exit code {ended.code}"
    said = ended.stderr.strip().splitlines()[-1:]
    why = f": {said[0]}" if said else " and said nothing that can be read."
    return _with(
        dspy_errors.LMTransportError(f"Claude Code {how}{why}", model=model),
        "Try again, and claude itself; its version may be too old (2.1.240 is known to do).",
    )


def silent(seconds: float, model: str) -> dspy_errors.LMError:
    """Return the error for a client that said nothing for ``seconds``."""
    return _with(
        dspy_errors.LMTimeoutError(f"Claude Code said nothing for {seconds:g} s.", model=model),
        "Try again, or wait longer with FLEET_RLM_LM_TIMEOUT.",
    )


def stopped(model: str) -> dspy_errors.LMError:
    """Return the error for a call that was stopped with its run."""
    return _with(dspy_errors.LMTransportError("The call was stopped.", model=model), "Ask again.")


def cannot_start(error: OSError, program: object, model: str) -> dspy_errors.LMError:
    """Return the error for a program that cannot be started."""
    return _with(
        dspy_errors.LMConfigurationError(
            f"{program} cannot be started: {error.strerror or error}.", model=model
        ),
        "Install Claude Code again, or name another with FLEET_RLM_CLAUDE.",
    )


def _with(error: dspy_errors.LMError, remedy: str) -> dspy_errors.LMError:
    error.remedy = remedy
    return error
