"""The fleet-rlm command."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    raise SystemExit("fleet-rlm is being built")
