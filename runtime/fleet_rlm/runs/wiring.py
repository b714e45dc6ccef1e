"""Where a run meets the parts it is made of: settings, documents, models, sandboxes.

Each function is a few lines, so that a part can change without the runner noticing.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import FleetError, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fleet_rlm.config import Settings
    from fleet_rlm.config.paths import Paths
    from fleet_rlm.config.redact import Redactor
    from fleet_rlm.runners import Runner
    from fleet_rlm.runs.options import RunOptions


def load_settings(options: RunOptions | None = None) -> Settings:
    """Return the settings, with what ``options`` choose put first.

    Raises:
        ConfigurationError: a value cannot be used.
    """
    from fleet_rlm.config import load_settings as load  # noqa: PLC0415 - a help text does not need it

    flags: dict[str, Any] = {}
    if options is not None:
        flags = {
            "sandbox": None if options.sandbox == "auto" else options.sandbox,
            "memory": options.memory,
            "volume_name": options.volume_name,
            "concurrency": options.concurrency,
        }
    settings = load(flags)
    _SECRETS.append(settings.secrets)
    return settings


_SECRETS: list[tuple[str, ...]] = []
"""The secrets of all settings loaded so far: an error is told without reading them again."""


def paths() -> Paths:
    """Return where this user's data is kept."""
    from fleet_rlm.config.paths import Paths  # noqa: PLC0415 - a help text does not need it

    return Paths.of(os.environ)


def redactor() -> Redactor:
    """Return what takes secrets out of anything that is shown or kept. It never fails: errors need it."""
    from fleet_rlm.config.redact import Redactor  # noqa: PLC0415 - only when there is something to show

    if not _SECRETS:
        # Settings that cannot be read hold no secret that could be shown; whatever is wrong with them, the
        # error that is being told must not be replaced by theirs.
        with suppress(Exception):
            load_settings()
    return Redactor.of(chain.from_iterable(_SECRETS), os.environ)


def models(settings: Settings, options: RunOptions) -> tuple[Any, Any]:
    """Return the planner and the sub-LM: those that are named, else the one that dspy is configured with.

    Raises:
        ConfigurationError: no model is named, or it cannot be used.
    """
    from fleet_rlm.models import planner_and_sub_lm  # noqa: PLC0415 - imports dspy when called

    dspy = sys.modules.get(
        "dspy"
    )  # a Python caller may have configured it; the command line has not loaded it
    configured = dspy.settings.get("lm") if dspy else None
    if configured is not None and not (options.model or settings.model or options.sub_model):
        return configured, configured
    return planner_and_sub_lm(settings, options.model, options.sub_model)


def stops(models: Iterable[Any]) -> Iterator[Callable[[], None]]:
    """Yield what ends the calls under way of those ``models`` that can be stopped.

    A model of this run's own then refuses further calls; one that the caller has configured does not.
    """
    dspy = sys.modules["dspy"]
    for model in models:
        stop = getattr(model, "stop", None)
        if stop is not None:
            yield partial(stop, for_good=model is not dspy.settings.get("lm"))


def make_rlm(
    runner: Runner,
    task: str,
    options: RunOptions,
    settings: Settings,
    *,
    sub_lm: Any,
    interpreter_factory: Any,
    variables: Mapping[str, Any],
) -> Any:
    """Return the loop that is going to answer ``task`` over ``variables``."""
    from fleet_rlm.rlm import RLM  # noqa: PLC0415 - imports dspy
    from fleet_rlm.signatures import signature  # noqa: PLC0415
    from fleet_rlm.tools import bind_regex_extract  # noqa: PLC0415

    tools = [bind_regex_extract(variables)] if "regex_extract" in runner.tools else []
    return RLM(
        signature(task, with_documents="documents" in variables),
        concurrency=settings.concurrency,
        max_iters=runner.iterations if options.max_iterations is None else options.max_iterations,
        max_llm_calls=runner.sub_calls if options.max_llm_calls is None else options.max_llm_calls,
        tools=tools,
        sub_lm=sub_lm,
        interpreter_factory=interpreter_factory,
    )


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
