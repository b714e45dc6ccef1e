"""Failures of language models, as one sentence and a remedy.

Importing this module imports dspy.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from dspy.utils import exceptions as dspy_errors

from fleet_rlm.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet_rlm.config.redact import Redactor

__all__ = ["model_error", "model_errors"]

LONGEST_SENTENCE = 500
"""Characters of a provider's own words that are worth showing; some send whole web pages."""

# The first class that fits decides, so each stands before its parents.
_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (
        dspy_errors.ContextWindowExceededError,
        "Ask for less at once: smaller chunks, or a model with a larger context.",
    ),
    (
        dspy_errors.LMAuthError,
        "Check DSPY_LLM_API_KEY, and that it belongs to the provider in DSPY_LM_MODEL.",
    ),
    (dspy_errors.LMBillingError, "Check the balance and the limits of the provider's account."),
    (dspy_errors.LMRateLimitError, "Wait, or make fewer calls at once with a lower --concurrency."),
    (
        dspy_errors.LMUnsupportedModelError,
        "Check the name in DSPY_LM_MODEL or --model; it has the form provider/model.",
    ),
    (dspy_errors.LMTimeoutError, "Try again, or wait longer with FLEET_RLM_LM_TIMEOUT."),
    (dspy_errors.LMNotConfiguredError, "Set DSPY_LLM_API_KEY."),
    (dspy_errors.LMConfigurationError, "Check DSPY_LM_MODEL and DSPY_LM_API_BASE."),
    (dspy_errors.LMTransportError, "Check the network and DSPY_LM_API_BASE."),
    (dspy_errors.LMServerError, "The provider failed; try again later."),
    (
        dspy_errors.LMInvalidRequestError,
        "Check DSPY_LM_MODEL and DSPY_LM_MAX_TOKENS against what the provider allows.",
    ),
    (dspy_errors.AdapterParseError, "Try again, or use a model that follows instructions more closely."),
)


def model_error(error: Exception, redactor: Redactor) -> ModelError:
    """Return the `ModelError` for one of dspy's model errors, in the provider's own words without secrets."""
    if isinstance(error, dspy_errors.AdapterParseError):
        message = "The model's answer did not have the fields that were asked for."
    else:
        words = " ".join(redactor.text(getattr(error, "message", "") or str(error)).split())
        if len(words) > LONGEST_SENTENCE:
            words = f"{words[:LONGEST_SENTENCE]} … ({len(words)} characters)"
        model = getattr(error, "model", None)
        who = f"The model {model}" if model else "The model"
        message = f"{who} failed: {words or type(error).__name__}"
    if not message.endswith((".", "!", "?", ")")):
        message += "."
    own = getattr(error, "remedy", None)  # of an error that was made here, and knows better than its class
    remedy = own or next((text for kind, text in _REMEDIES if isinstance(error, kind)), None)
    return ModelError(message, remedy=remedy)


@contextmanager
def model_errors(redactor: Redactor) -> Iterator[None]:
    """Turn dspy's model errors inside the block into `ModelError`; everything else passes.

    The original is not chained: its text and its frames may hold the key.
    """
    try:
        yield
    except (dspy_errors.LMError, dspy_errors.AdapterParseError) as error:
        raise model_error(error, redactor) from None
