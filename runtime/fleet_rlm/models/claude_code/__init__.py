"""The user's own Claude Code as a language model: each call is one headless ``claude`` process.

Importing this package imports neither dspy nor anything else that takes time; `lm` holds what does.
"""

from __future__ import annotations

from fleet_rlm.models.claude_code.program import PREFIX, find, require, version

__all__ = ["PLANNER", "PREFIX", "SUB_MODEL", "find", "require", "version"]

PLANNER = f"{PREFIX}sonnet"
"""What plans when no model is configured and Claude Code is installed."""

SUB_MODEL = f"{PREFIX}haiku"
"""What answers sub-calls then: they are many, and each reads only a piece."""
