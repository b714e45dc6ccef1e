"""Keeping libraries from talking into our output: what matters to the reader arrives as an event or an error."""

from __future__ import annotations

import logging
import os
import warnings

_TALKATIVE = ("dspy", "LiteLLM", "litellm", "httpx", "modal", "asyncio")


def silence_libraries() -> None:
    """Let libraries speak only of what we do not tell ourselves, which is nothing."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # litellm would fetch a price list at import
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
