"""The fleet-rlm-scaffold command; what is beyond the way in is loaded on first use."""

from __future__ import annotations

from fleet_rlm_scaffold.cli.main import main

TYPE_CHECKING = False  # that of typing is a module to load, and Ctrl-C is not caught yet
if TYPE_CHECKING:
    from fleet_rlm_scaffold.cli.change import install
    from fleet_rlm_scaffold.cli.commands import app

__all__ = ["app", "install", "main"]


def __getattr__(name: str) -> object:
    """Load the tree of commands, or one of them, when it is asked for."""
    if name == "app":
        from fleet_rlm_scaffold.cli.commands import app  # noqa: PLC0415 - see above

        return app
    if name == "install":
        from fleet_rlm_scaffold.cli.change import install  # noqa: PLC0415 - see above

        return install
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
