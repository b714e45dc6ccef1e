"""The options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm.runners import Option, Runner

SANDBOXES = ("auto", "local", "modal", "trusted")


def json_option(function: Any) -> Any:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object.")(function)


def run_options(runner: Runner) -> list[click.Option]:
    """Return every option of the command of ``runner``: its own first."""
    return [*map(_own_option, runner.options), *_shared_options(runner)]


def _own_option(option: Option) -> click.Option:
    kinds: dict[str, Any] = {
        "text": str,
        "count": click.IntRange(min=0),
        "documents": str,
        "choice": click.Choice(option.choices),
    }
    return click.Option(
        [option.flag],
        type=kinds[option.type],
        default=option.default,
        required=option.default is None,
        multiple=option.type == "documents",
        metavar="PATH" if option.type == "documents" else None,
        help=option.help,
        show_default=option.default not in {None, ""},
    )


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
        type=click.FloatRange(min=0, min_open=True),
        default=runner.timeout,
        show_default=True,
        help="Most seconds for the whole run.",
    )
    add(
        "--sandbox",
        type=click.Choice(SANDBOXES),
        help="Where generated code runs; auto is modal if that is configured, else local.  [default: auto]",
    )
    add("--model", help="The model that writes code, or script:NAME for a scripted one that needs no key.")
    add("--sub-model", help="The model that llm_query asks.  [default: as --model]")
    add("--concurrency", type=count, help="Most sub-model calls at the same time.  [default: 32]")
    add("--allow-subprocess", is_flag=True, help="Let generated code start processes in the local sandbox.")
    add("--memory", metavar="SIZE", help="Most memory for generated code, such as 4G; documents are not counted.")
    add("--secret-name", help="Place this Modal secret in the sandbox's environment.")
    add("--volume-name", help="Mount this volume at /data.")
    add("--verbose/--no-verbose", default=True, show_default=True, help="Tell on stderr what is happening.")
    add("--full-output", is_flag=True, help="Print the whole result as indented JSON.")
    add("--json", "as_json", is_flag=True, help="Print exactly one JSON object.")
    return made
