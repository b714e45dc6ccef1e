"""Sessions: interpreters that outlive one command, so that Claude can work across its tool calls.

One broker process holds one session: the sandbox, the loaded documents, the budget of sub-calls. Clients
reach it over a Unix socket that only its user can open::

    sessions = Sessions.of(os.environ)
    handle = sessions.start(options=StartOptions(sub_model="openai/gpt-5-mini"))
    handle.load(["big.log"])
    handle.execute("print(len(document))")["output"]
    handle.stop()

Importing this package loads neither dspy nor modal; a broker loads dspy when a model is first asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleet_rlm.sessions.client import Call, Handle
    from fleet_rlm.sessions.options import StartOptions
    from fleet_rlm.sessions.registry import Sessions

__all__ = ["Call", "Handle", "Sessions", "StartOptions"]

_WHERE = {"Call": "client", "Handle": "client", "Sessions": "registry", "StartOptions": "options"}


def __getattr__(name: str) -> Any:
    """Load what is asked for: a help text reads the options' defaults and needs no socket."""
    from importlib import import_module  # noqa: PLC0415 - here only

    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
