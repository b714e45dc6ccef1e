"""The options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleet_rlm.cli.typed import TEXT
from fleet_rlm.config.table import SETTINGS
from fleet_rlm.sessions.options import IDLE_SECONDS, MAX_LLM_CALLS

if TYPE_CHECKING:
    from fleet_rlm.runners import Option, Runner

_SETTINGS = {setting.name: setting for setting in SETTINGS}


class _Written(click.ParamType):  # type: ignore[type-arg] # click grew its parameter in 8.4 only
    """A value that is written as that of a setting of the same kind, such as ``4G``."""

    def __init__(self, name: str, setting: str) -> None:
        self.name = name
        self._kind = _SETTINGS[setting].kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the parsed value."""
        try:
            return self._kind.parse(str(value))
        except ValueError as error:
            self.fail(f"{value!r} is not {error}.", param, ctx)


def written(name: str, setting: str) -> click.ParamType:  # type: ignore[type-arg] # click grew it in 8.4 only
    """A value that is written as that of a setting of the same kind."""
    return _Written(name, setting)


def json_option(function: Any) -> Any:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object.")(function)


def session_option(function: Any) -> Any:
    """``--session`` and ``--wait``."""
    function = click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=0.0,
        show_default=True,
        help="Seconds to wait for one's turn while somebody else's code runs.",
    )(function)
    return click.option(
        "--session",
        "-s",
        "session_name",
        envvar="FLEET_RLM_SESSION",
        show_default="the one of this folder",
        help="The session's name.",
    )(function)


def sandbox_options(function: Any) -> Any:
    """What a session is started with."""
    for option in reversed(_session_start_options()):
        function.__dict__.setdefault("__click_params__", []).append(option)
    return function


def _session_start_options() -> list[click.Option]:
    shared = _sandbox_options("as configured")
    number, money = click.IntRange(min=0), click.FloatRange(min=0)
    return [
        *shared,
        click.Option(
            ["--idle-timeout"],
            type=_Written("seconds", "lm_timeout"),
            default=IDLE_SECONDS,
            show_default=True,
            help="End the session after so many seconds without a command.",
        ),
        click.Option(
            ["--output"],
            multiple=True,
            metavar="NAME[:TYPE]",
            help="A value that SUBMIT takes; may be repeated. One named output by default.",
        ),
        click.Option(
            ["--max-llm-calls"],
            type=number,
            default=MAX_LLM_CALLS,
            show_default=True,
            help="Most sub-model calls of the session.",
        ),
        click.Option(["--max-tokens"], type=number, help="Most tokens of them together."),
        click.Option(["--max-cost"], type=money, help="Most US dollars of them together, where known."),
        click.Option(
            ["--max-seconds"], type=money, help="Most seconds during which sub-calls are under way."
        ),
    ]


def _sandbox_options(sub_model: str) -> list[click.Option]:
    """Where code runs and whom it asks; for runs and sessions alike."""
    made: list[click.Option] = []

    def add(*names: str, **attributes: Any) -> None:
        made.append(click.Option(names, **attributes))

    add(
        "--sandbox",
        type=click.Choice(_SETTINGS["sandbox"].kind.choices),
        show_default=_SETTINGS["sandbox"].default,
        help="Where generated code runs; auto is modal if that is configured, else local.",
    )
    add("--sub-model", show_default=sub_model, help="The model that llm_query asks.")
    add(
        "--concurrency",
        type=click.IntRange(min=1),
        show_default=str(_SETTINGS["concurrency"].default),
        help="Most sub-model calls at the same time.",
    )
    add("--allow-subprocess", is_flag=True, help="Let generated code start processes in the local sandbox.")
    add(
        "--memory",
        type=_Written("size", "memory"),
        help="Most memory for generated code, such as 4G; documents are not counted.",
    )
    add("--secret-name", help="Place this Modal secret in the sandbox's environment.")
    add("--volume-name", help="Mount this volume at /data.")
    return made


def run_options(runner: Runner) -> list[click.Option]:
    """Return every option of the command of ``runner``: its own first."""
    return [*map(_own_option, runner.options), *_shared_options(runner)]


def _own_option(option: Option) -> click.Option:
    kinds: dict[str, Any] = {
        "text": TEXT,
        "count": click.IntRange(min=0),
        "documents": str,
        "choice": click.Choice(option.choices),
    }
    attributes: dict[str, Any] = {"required": True}
    if option.default is not None:
        attributes = {"default": option.default, "show_default": option.default != ""}
    if option.type == "documents":
        attributes |= {"multiple": True, "metavar": "PATH"}
    return click.Option([option.flag], type=kinds[option.type], help=option.help, **attributes)


def _shared_options(runner: Runner) -> list[click.Option]:
    made: list[click.Option] = []

    def add(*names: str, **attributes: Any) -> None:
        made.append(click.Option(names, **attributes))

    count = click.IntRange(min=1)
    add(
        "--max-iterations",
        type=count,
        default=runner.iterations,
        show_default=True,
        help="Most steps of the planner.",
    )
    add(
        "--max-llm-calls",
        type=click.IntRange(min=0),
        default=runner.sub_calls,
        show_default=True,
        help="Most sub-model calls of the whole run.",
    )
    add(
        "--timeout",
        type=_Written("seconds", "lm_timeout"),
        default=runner.timeout,
        show_default=True,
        help="Most seconds for the whole run.",
    )
    sandbox, *others = _sandbox_options("as --model")
    made.append(sandbox)
    add("--model", help="The model that writes code, or script:NAME for a scripted one that needs no key.")
    made.extend(others)
    add("--verbose/--no-verbose", default=True, show_default=True, help="Tell on stderr what is happening.")
    add("--full-output", is_flag=True, help="Print the whole result as indented JSON.")
    add("--json", "as_json", is_flag=True, help="Print exactly one JSON object.")
    return made
