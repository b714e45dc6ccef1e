"""Writes the reference of the commands: ``python -m fleet_rlm.cli.reference docs/cli.md``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fleet_rlm.api import describe

__all__ = ["reference"]


_NUMBERS = (
    "In JSON, numbers that many of its readers refuse are text: `NaN`, `Infinity` and `-Infinity`, and "
    "integers of more than 4,300 digits in hexadecimal, `0x…`."
)
_VARYING = ("--max-iterations", "--max-llm-calls", "--timeout")


def reference(facts: dict[str, Any]) -> str:
    """Return ``docs/cli.md``, made from the description of this version."""
    commands = {command["name"]: command for command in facts["commands"]}
    runs = [commands.pop(runner["command"]) for runner in facts["runners"]]
    shared = [option for option in runs[0]["options"] if all(_has(run, option) for run in runs)]
    parts = [
        "# The fleet-rlm command",
        "Generated from the command line itself (`make render`); do not edit.",
        "Data goes to stdout, talk to stderr.",
        _NUMBERS,
        *(_run(run, runner, shared) for run, runner in zip(runs, facts["runners"], strict=True)),
        "## Options of every `run-*` command",
        _options(shared, hide_default=_VARYING),
        *(_command(command) for command in commands.values()),
        "## Exit codes",
        _table(("code", "meaning"), facts["exit_codes"].items()),
        "## Settings",
        "Flags come first, then the environment, `.env`, the user's `config.yaml`, and the default.",
        _table(("variable", "default", "meaning"), map(_setting, facts["settings"])),
    ]
    return "\n\n".join(parts) + "\n"


def _has(command: dict[str, Any], option: dict[str, Any]) -> bool:
    return option["flags"][0] in {other["flags"][0] for other in command["options"]}


def _run(command: dict[str, Any], runner: dict[str, Any], shared: list[dict[str, Any]]) -> str:
    names = {option["flags"][0] for option in shared}
    own = [option for option in command["options"] if option["flags"][0] not in names]
    defaults = (
        f"By default {runner['max_iterations']} iterations, {runner['max_llm_calls']} sub-calls "
        f"and {runner['timeout']} seconds."
    )
    return "\n\n".join([f"## fleet-rlm {command['name']}", command["help"], _options(own), defaults])


def _command(command: dict[str, Any]) -> str:
    words = [command["name"], *(_argument(one) for one in command["arguments"])]
    parts = [f"## fleet-rlm {' '.join(words)}", command["help"]]
    return "\n\n".join([*parts, _options(command["options"])] if command["options"] else parts)


def _argument(argument: dict[str, Any]) -> str:
    return argument["name"] if argument["required"] else f"[{argument['name']}]"


def _options(options: list[dict[str, Any]], hide_default: tuple[str, ...] = ()) -> str:
    rows = (
        (
            ", ".join(f"`{flag}`" for flag in option["flags"]),
            " \\| ".join(option["choices"]) if "choices" in option else option["type"],
            "see above" if option["flags"][0] in hide_default else _default(option),
            option["help"],
        )
        for option in options
    )
    return _table(("option", "type", "default", "meaning"), rows)


def _setting(setting: dict[str, Any]) -> tuple[str, str, str]:
    default = "" if setting["default"] is None else f"`{setting['default']}`"
    return " or ".join(f"`{name}`" for name in setting["variables"]), default, setting["help"]


def _default(option: dict[str, Any]) -> str:
    if option["required"]:
        return "required"
    return "" if option["default"] in {None, "", False} else f"`{option['default']}`"


def _table(heads: tuple[str, ...], rows: Any) -> str:
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; fail if the file is not current.")
def main(path: Path, *, check: bool) -> None:
    """Write the reference of the commands to PATH."""
    text = reference(describe())
    if not check:
        path.write_text(text, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != text:
        raise click.ClickException(f"{path} is not current. Run `make render`.")


if __name__ == "__main__":
    main()
