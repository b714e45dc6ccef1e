"""Writes the reference of the commands: ``python -m fleet_rlm.cli.reference > docs/cli.md``."""

from __future__ import annotations

from typing import Any

import click

from fleet_rlm.describe import describe

__all__ = ["reference"]


def reference(facts: dict[str, Any]) -> str:
    """Return ``docs/cli.md``, made from the description of this version."""
    parts = [
        "# The fleet-rlm command",
        "Generated from the command line itself (`make render`); do not edit. Data goes to stdout, talk to stderr.",
        *(_command(command) for command in facts["commands"]),
        "## Exit codes",
        _table(("code", "meaning"), facts["exit_codes"].items()),
        "## Settings",
        "Flags come first, then the environment, then `.env`, then the user's `config.yaml`, then the default.",
        _table(
            ("variable", "default", "meaning"),
            (
                (
                    " or ".join(f"`{name}`" for name in entry["variables"]),
                    "" if entry["default"] is None else f"`{entry['default']}`",
                    entry["help"],
                )
                for entry in facts["settings"]
            ),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _command(command: dict[str, Any]) -> str:
    rows = (
        (
            ", ".join(f"`{flag}`" for flag in option["flags"]),
            " \\| ".join(option["choices"]) if "choices" in option else option["type"],
            _default(option),
            option["help"],
        )
        for option in command["options"]
    )
    table = _table(("option", "type", "default", "meaning"), rows)
    parts = [f"## fleet-rlm {command['name']}", command["help"], table if command["options"] else ""]
    return "\n\n".join(part for part in parts if part)


def _default(option: dict[str, Any]) -> str:
    if option["required"]:
        return "required"
    return "" if option["default"] in {None, "", False} else f"`{option['default']}`"


def _table(heads: tuple[str, ...], rows: Any) -> str:
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


if __name__ == "__main__":
    click.echo(reference(describe()), nl=False)
