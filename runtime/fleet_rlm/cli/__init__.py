"""The fleet-rlm command: thin, and quick to say hello (no dspy, no modal, no rich until they are needed)."""

from fleet_rlm.cli.main import main

__all__ = ["main"]
