"""Language models: the planner that writes code and the sub-LM that ``llm_query`` asks.

Real ones through ``dspy.LM`` or the user's own Claude Code, scripted ones that ask nobody.
Importing this package imports neither dspy nor yaml.
"""

from __future__ import annotations

from fleet_rlm.models.factory import configure_planner_from_env, planner_and_sub_lm, sub_lm

__all__ = ["configure_planner_from_env", "planner_and_sub_lm", "sub_lm"]
