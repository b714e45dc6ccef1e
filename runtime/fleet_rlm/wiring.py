"""Where a run meets the parts it is made of: settings, documents, models, sandboxes.

Each function is a few lines, so that a part can change without the runner noticing.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import DocumentError, FleetError, ModelError, SandboxError
from fleet_rlm.progress import SandboxChosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fleet_rlm.run import RunOptions
    from fleet_rlm.runners import Runner


@dataclass(frozen=True)
class Loaded:
    """Documents as a run needs them: one text, where each document lies in it, and what to say."""

    text: str
    spans: Mapping[str, tuple[int, int]]
    lines: int
    warnings: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many documents there are."""
        return len(self.spans)


@dataclass(frozen=True)
class Place:
    """A sandbox that was chosen: how to make interpreters in it, and what to say."""

    event: SandboxChosen
    factory: Any


def load_settings(options: RunOptions) -> Any:
    return None


def state_folder() -> Path:
    return Path(os.environ.get("FLEET_RLM_HOME", "~/.local/state/fleet-rlm")).expanduser()


def redacted(text: str) -> str:
    return text


def load_documents(sources: Sequence[str], on_progress: Callable[[int, int], None]) -> Loaded:
    text = ""
    spans = {}
    for source in sources:
        try:
            part = Path(source).read_text()
        except OSError as error:
            raise DocumentError(f"{source} cannot be read: {error.strerror}.") from error
        spans[source] = (len(text), len(text) + len(part))
        text += part
        on_progress(len(text), 0)
    return Loaded(text, spans, text.count("\n"), ())


def document_map(variable: str, documents: Loaded) -> Any:
    from fleet_rlm.mapping import DocumentMap

    return DocumentMap(variable, documents.spans)


def choose_sandbox(settings: Any, options: RunOptions) -> Place:
    import dspy

    def factory() -> Any:
        return dspy.LocalInterpreter()

    factory.execution_instructions = dspy.LocalInterpreter.execution_instructions  # type: ignore[attr-defined]
    return Place(SandboxChosen("trusted", "stand-in"), factory)


def models(settings: Any, options: RunOptions) -> tuple[Any, Any]:
    from dspy.utils import DummyLM

    lm = DummyLM(
        [
            {"reasoning": "look", "code": "```python\nprint('hello', globals().keys())\n```"},
            {"reasoning": "done", "code": "print(llm_query_batched(['a', 'b']))"},
            {"answer": "x"},
            {"answer": "x"},
            {"reasoning": "done", "code": "SUBMIT('42')"},
        ]
    )
    return lm, lm


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
    """Turn the errors of dspy into ours."""
    import dspy
    from dspy.utils.exceptions import AdapterParseError

    try:
        yield
    except FleetError:
        raise
    except dspy.LMError as error:
        raise ModelError(f"The model failed: {error}") from error
    except AdapterParseError as error:
        raise ModelError("The model's answer could not be read.") from error
    except dspy.primitives.code_interpreter.CodeInterpreterError as error:
        raise SandboxError(f"The sandbox has died: {error}") from error
