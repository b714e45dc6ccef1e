"""What the user has configured, where it is read from, and where the user's data is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet_rlm.config.table import SETTINGS, Layer, Origin, Setting, Settings, resolve_settings

if TYPE_CHECKING:
    from fleet_rlm.config.sources import load_settings

__all__ = ["SETTINGS", "Layer", "Origin", "Setting", "Settings", "load_settings", "resolve_settings"]


def __getattr__(name: str) -> Any:
    """Import the readers when settings are read: a help text only needs their table."""
    if name != "load_settings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fleet_rlm.config import sources  # noqa: PLC0415

    return sources.load_settings
