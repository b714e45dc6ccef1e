"""Lets ``python -m fleet_rlm_scaffold.cli`` be the command."""

from __future__ import annotations

from fleet_rlm_scaffold.cli.main import main

main()
