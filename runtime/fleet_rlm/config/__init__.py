"""What the user has configured, where it is read from, and where the user's data is kept."""

from __future__ import annotations

from fleet_rlm.config.sources import load_settings
from fleet_rlm.config.table import SETTINGS, Layer, Origin, Setting, Settings, resolve_settings

__all__ = ["SETTINGS", "Layer", "Origin", "Setting", "Settings", "load_settings", "resolve_settings"]
