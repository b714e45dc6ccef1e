"""fleet-rlm: Recursive Language Models over documents far larger than a context window.

::

    from fleet_rlm import run_long_context

    result = run_long_context("logs/", query="Why did it fail?", model="openai/gpt-5")
    print(result["answer"])

Everything is imported on first use, so ``import fleet_rlm`` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # that of typing is a module to load, and Ctrl-C is not caught yet
if TYPE_CHECKING:
    from typing import Any

    import dspy

    from fleet_rlm.api import (
        describe,
        run_api_endpoints,
        run_architecture,
        run_basic,
        run_custom_tool,
        run_error_patterns,
        run_long_context,
        run_trajectory,
    )
    from fleet_rlm.errors import (
        ConfigurationError,
        ConfinementError,
        DocumentError,
        FleetError,
        ModelError,
        RunTimeoutError,
        SandboxError,
        UsageError,
    )
    from fleet_rlm.interpreter import LocalSandboxInterpreter, ModalInterpreter, TrustedInterpreter
    from fleet_rlm.models import configure_planner_from_env, planner_and_sub_lm
    from fleet_rlm.rlm import RLM
    from fleet_rlm.tools import regex_extract

    AnalyzeLongDocument: type[dspy.Signature]
    AnswerQuestion: type[dspy.Signature]
    ExtractAPIEndpoints: type[dspy.Signature]
    ExtractArchitecture: type[dspy.Signature]
    ExtractFromLogs: type[dspy.Signature]
    ExtractWithCustomTool: type[dspy.Signature]
    FindErrorPatterns: type[dspy.Signature]
    SummarizeLongDocument: type[dspy.Signature]
    SummarizeText: type[dspy.Signature]

__version__ = "0.1.0"

__all__ = [
    "RLM",
    "AnalyzeLongDocument",
    "AnswerQuestion",
    "ConfigurationError",
    "ConfinementError",
    "DocumentError",
    "ExtractAPIEndpoints",
    "ExtractArchitecture",
    "ExtractFromLogs",
    "ExtractWithCustomTool",
    "FindErrorPatterns",
    "FleetError",
    "LocalSandboxInterpreter",
    "ModalInterpreter",
    "ModelError",
    "RunTimeoutError",
    "SandboxError",
    "SummarizeLongDocument",
    "SummarizeText",
    "TrustedInterpreter",
    "UsageError",
    "configure_planner_from_env",
    "describe",
    "planner_and_sub_lm",
    "regex_extract",
    "run_api_endpoints",
    "run_architecture",
    "run_basic",
    "run_custom_tool",
    "run_error_patterns",
    "run_long_context",
    "run_trajectory",
]

_HOMES = {
    "api": (
        "describe",
        "run_api_endpoints",
        "run_architecture",
        "run_basic",
        "run_custom_tool",
        "run_error_patterns",
        "run_long_context",
        "run_trajectory",
    ),
    "errors": (
        "ConfigurationError",
        "ConfinementError",
        "DocumentError",
        "FleetError",
        "ModelError",
        "RunTimeoutError",
        "SandboxError",
        "UsageError",
    ),
    "interpreter": ("LocalSandboxInterpreter", "ModalInterpreter", "TrustedInterpreter"),
    "models": ("configure_planner_from_env", "planner_and_sub_lm"),
    "rlm": ("RLM",),
    "signatures": (
        "AnalyzeLongDocument",
        "AnswerQuestion",
        "ExtractAPIEndpoints",
        "ExtractArchitecture",
        "ExtractFromLogs",
        "ExtractWithCustomTool",
        "FindErrorPatterns",
        "SummarizeLongDocument",
        "SummarizeText",
    ),
    "tools": ("regex_extract",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - not needed to say hello

    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names also before they are imported."""
    return sorted({*globals(), *__all__})
