"""The fleet-rlm-scaffold command."""

from __future__ import annotations

from fleet_rlm_scaffold.cli.app import app
from fleet_rlm_scaffold.cli.change import install
from fleet_rlm_scaffold.cli.main import main

__all__ = ["app", "install", "main"]
