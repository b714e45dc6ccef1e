"""Where a run meets the parts it is made of: settings, documents, models, sandboxes.

Each function is a few lines, so that a part can change without the runner noticing.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_rlm.errors import FleetError, SandboxError, UsageError
from fleet_rlm.progress import SandboxChosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fleet_rlm.config import Settings
    from fleet_rlm.paths import Paths
    from fleet_rlm.redact import Redactor
    from fleet_rlm.run import RunOptions
    from fleet_rlm.runners import Runner


class Place(NamedTuple):
    """A sandbox that was chosen: what to say, and how to get a factory of interpreters in it."""

    event: SandboxChosen
    factory: Callable[[], Any]


def load_settings(options: RunOptions | None = None) -> Settings:
    """Return the settings, with what ``options`` choose put first.

    Raises:
        ConfigurationError: a value cannot be used.
    """
    from fleet_rlm.config import load_settings as load  # noqa: PLC0415 - a help text does not need it

    if options is None:
        return load()
    return load(
        {
            "sandbox": options.sandbox,
            "memory": options.memory,
            "volume": options.volume_name,
            "concurrency": options.concurrency,
        }
    )


def paths() -> Paths:
    """Return where this user's data is kept."""
    from fleet_rlm.paths import Paths  # noqa: PLC0415 - a help text does not need it

    return Paths.of(os.environ)


def redactor() -> Redactor:
    """Return what takes secrets out of anything that is shown or kept."""
    from fleet_rlm.redact import Redactor  # noqa: PLC0415 - only when there is something to show

    try:
        secrets = load_settings().secrets
    except FleetError:
        secrets = ()
    return Redactor.of(secrets, os.environ)


def choose_sandbox(settings: Settings, options: RunOptions) -> Place:
    """Return where generated code will run.

    ``auto`` is ``local``: a user who wants Modal by default says so once, in the setting ``sandbox``.

    Raises:
        UsageError: an option asks for what that sandbox does not have.
    """
    name = "local" if settings.sandbox == "auto" else settings.sandbox
    for flag, given, places in (
        ("--secret-name", options.secret_name, ("modal",)),
        ("--memory", options.memory, ("local", "modal")),
        ("--volume-name", options.volume_name, ("local", "modal")),
    ):
        if given and name not in places:
            raise UsageError(
                f"{flag} has no meaning in the {name} sandbox.",
                remedy=f"Leave it out, or use --sandbox {' or '.join(places)}.",
            )
    return Place(SandboxChosen(name, "stand-in"), _standin)


def _standin() -> Any:
    import dspy

    def make() -> Any:
        return dspy.LocalInterpreter()

    make.execution_instructions = dspy.LocalInterpreter.execution_instructions  # type: ignore[attr-defined]
    return make


def models(settings: Settings, options: RunOptions) -> tuple[Any, Any]:
    """Return the planner and the sub-LM.

    Raises:
        ConfigurationError: no model is named, or it cannot be used.
    """
    from fleet_rlm.models import planner_and_sub_lm  # noqa: PLC0415 - imports dspy when called

    return planner_and_sub_lm(settings, options.model, options.sub_model)


def make_rlm(
    runner: Runner,
    task: str,
    options: RunOptions,
    settings: Any,
    *,
    sub_lm: Any,
    interpreter_factory: Any,
    variables: Mapping[str, Any],
) -> Any:
    import dspy

    from fleet_rlm.signatures import signature
    from fleet_rlm.tools import bind_regex_extract

    tools = [bind_regex_extract(variables)] if "regex_extract" in runner.tools else []
    return dspy.RLM(
        signature(task, with_documents="documents" in variables),
        max_iters=options.max_iterations or runner.iterations,
        max_llm_calls=options.max_llm_calls or runner.sub_calls,
        tools=tools,
        sub_lm=sub_lm,
        interpreter_factory=interpreter_factory,
    )


def is_complete(prediction: Any) -> bool:
    return prediction.final_reasoning != "Extract forced final output"


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn dspy's errors into ours: a model's into ``ModelError``, a dead sandbox's into ``SandboxError``."""
    from dspy.primitives.code_interpreter import CodeInterpreterError  # noqa: PLC0415 - 700 ms

    from fleet_rlm.models.errors import model_errors  # noqa: PLC0415 - imports dspy

    with model_errors(redactor()):
        try:
            yield
        except CodeInterpreterError as error:
            if isinstance(error.__cause__, FleetError):
                raise error.__cause__ from None
            raise SandboxError(f"The sandbox has died: {error}") from error
