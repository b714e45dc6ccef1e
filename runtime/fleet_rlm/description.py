"""What this version offers, as data: the scaffold renders every fact in its assets from it.

Nothing here is written down twice: commands come from the command line's own tree, helpers from the driver,
tasks, runners, settings and exit codes from their tables.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fleet_rlm import __version__, errors
from fleet_rlm.docstrings import summary
from fleet_rlm.protocol import PROTOCOL
from fleet_rlm.runners import RUNNERS
from fleet_rlm.signatures import TASKS
from fleet_rlm.subcall import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import click

__all__ = ["description_of", "exit_codes"]

SANDBOXES = {
    "auto": "modal if that is configured as the default, else local",
    "local": "on this machine, confined by bubblewrap, Landlock with seccomp, or seatbelt",
    "modal": "on Modal, in a sandbox without network or secrets unless asked",
    "trusted": "on this machine, not confined at all",
}
"""What ``--sandbox`` takes."""


def description_of(app: click.Group) -> dict[str, Any]:
    """Return everything that this version offers, as JSON data. Imports neither dspy nor modal.

    Args:
        app: the tree of commands.
    """
    return {
        "version": __version__,
        "protocol": PROTOCOL,
        "commands": _commands(app),
        "runners": _runners(),
        "signatures": _signatures(),
        "helpers": _helpers(),
        "settings": _settings(),
        "sandboxes": SANDBOXES,
        "exit_codes": exit_codes(),
        "schemas": {"subcall": SCHEMA},
    }


_NO_ERRORS = {
    "0": "done",
    "3": "a bug; its log file is named",
    "129": "hung up: the terminal is gone",
    "130": "interrupted",
    "141": "nobody reads the output any more",
    "143": "terminated",
}
"""Exit codes that no class of errors stands for."""


def exit_codes() -> dict[str, str]:
    """Return what each exit code means, from the classes of errors."""
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    table = dict(_NO_ERRORS)
    for kind in classes:
        if issubclass(kind, errors.FleetError):
            table.setdefault(str(kind.exit_code), summary(kind))
    table["1"] = "something else went wrong, or a check failed"
    return dict(sorted(table.items(), key=lambda item: int(item[0])))


def _commands(app: click.Group) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "help": inspect.cleandoc(command.help or ""),
            "arguments": [
                {"name": one.human_readable_name, "required": one.required, "default": _default(one)}
                for one in command.params
                if one.param_type_name == "argument"
            ],
            "options": [_option(one) for one in command.params if one.param_type_name == "option"],
        }
        for name, command in _leaves("", app.commands)
    ]


def _leaves(prefix: str, commands: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its full name; groups of commands only hold them."""
    for name, command in sorted(commands.items()):
        if hasattr(command, "commands"):
            yield from _leaves(f"{prefix}{name} ", command.commands)
        else:
            yield prefix + name, command


_KINDS = {"intrange": "integer", "floatrange": "number", "choice": "text", "string": "text"}


def _option(option: Any) -> dict[str, Any]:
    kind = option.type.to_info_dict()
    name = getattr(option.type, "name", kind["param_type"]).lower().replace(" ", "")
    facts: dict[str, Any] = {
        "flags": [*option.opts, *option.secondary_opts],
        "type": "flag"
        if option.is_flag
        else (option.metavar or _KINDS.get(kind["param_type"].lower(), name)).lower(),
        "required": option.required,
        "default": _default(option),
        "multiple": option.multiple,
        "help": option.help,
    }
    return {**facts, "choices": list(kind["choices"])} if "choices" in kind else facts


def _default(option: Any) -> Any:
    if option.required:
        return None
    # A text where the default is decided elsewhere, such as by a setting; arguments have no such thing.
    shown = getattr(option, "show_default", None)
    return shown if isinstance(shown, str) else option.to_info_dict()["default"]


def _runners() -> list[dict[str, Any]]:
    return [
        {
            "name": runner.name,
            "command": runner.command,
            "function": runner.function,
            "summary": runner.summary,
            "max_iterations": runner.iterations,
            "max_llm_calls": runner.sub_calls,
            "timeout": runner.timeout,
            "tools": list(runner.tools),
            "modes": [
                {
                    "mode": mode or None,
                    "signature": shape.task,
                    "result": [*shape.keys, "complete", "warnings"],
                }
                for mode, shape in runner.shapes.items()
            ],
        }
        for runner in RUNNERS.values()
    ]


def _signatures() -> list[dict[str, Any]]:
    return [
        {
            "name": task.name,
            "instructions": task.instructions,
            "inputs": [field._asdict() for field in task.inputs],
            "outputs": [field._asdict() for field in task.outputs],
        }
        for task in TASKS.values()
    ]


def _helpers() -> list[dict[str, Any]]:
    from fleet_rlm.driver.helpers import HELPERS  # noqa: PLC0415 - the driver's own modules

    return [
        {
            "name": helper.__name__,
            "signature": helper.__name__ + _signature(helper),
            "summary": summary(helper),
        }
        for helper in HELPERS
    ]


class _Bare(str):
    """An annotation as it was written: the driver's names for types exist only for type checkers."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _signature(function: Any) -> str:
    found = inspect.signature(function)
    parameters = [one.replace(annotation=_Bare(one.annotation)) for one in found.parameters.values()]
    returned = _Bare(found.return_annotation)
    return str(found.replace(parameters=parameters, return_annotation=returned))


def _settings() -> list[dict[str, Any]]:
    from fleet_rlm.config import SETTINGS  # noqa: PLC0415 - only here

    return [
        {
            "name": setting.name,
            "variables": list(setting.variables),
            "type": setting.kind.name,
            "default": setting.default,
            "secret": setting.secret,
            "help": setting.help,
        }
        for setting in SETTINGS
    ]


def readable(facts: dict[str, Any]) -> str:
    """Return the description for a person: names and one line each."""
    sections = {
        "Commands": [(entry["name"], entry["help"].split("\n")[0]) for entry in facts["commands"]],
        "Helpers in the sandbox": [(entry["signature"], entry["summary"]) for entry in facts["helpers"]],
        "Tasks": [
            (entry["name"], entry["instructions"].split(". ")[0] + ".") for entry in facts["signatures"]
        ],
        "Settings": [(entry["variables"][0], entry["help"]) for entry in facts["settings"]],
        "Sandboxes": list(facts["sandboxes"].items()),
        "Exit codes": list(facts["exit_codes"].items()),
    }
    lines = [f"fleet-rlm {facts['version']}, protocol {facts['protocol']}"]
    for title, entries in sections.items():
        lines += ["", title, *(f"  {name}\n      {text}" for name, text in entries)]
    return "\n".join(lines)
