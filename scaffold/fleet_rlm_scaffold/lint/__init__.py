"""Finds in assets what makes them have no effect in the client, and its own validator does not see."""

from __future__ import annotations

from fleet_rlm_scaffold.lint.files import read_folder
from fleet_rlm_scaffold.lint.finding import Finding
from fleet_rlm_scaffold.lint.run import lint

__all__ = ["Finding", "lint", "read_folder"]
