"""Keeping libraries from talking into our output: what matters arrives as an event or an error."""

from __future__ import annotations

import logging
import os
import warnings


def silence_libraries() -> None:
    """Let no library write to stderr: what they would say, we say, once and in our words."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.environ.setdefault(
        "LITELLM_LOCAL_MODEL_COST_MAP", "True"
    )  # litellm would fetch a price list at import
