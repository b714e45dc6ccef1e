"""``dspy.RLM`` with what long runs need: batches that are wide and lose nothing, async that yields.

The methods overridden here are dspy's own extension points in all but name; ``tests/test_rlm.py``
fails if a dspy release moves them.
"""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dspy
from dspy.primitives.code_interpreter import FinalOutput
from dspy.utils.exceptions import format_error_for_lm

from fleet_rlm import json_text
from fleet_rlm.config.table import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEFAULT_CONCURRENCY", "RLM", "is_complete"]

DEFAULT_CONCURRENCY = Settings.concurrency
"""Sub-calls of one ``llm_query_batched`` that are under way at once; dspy's own number is 8."""

_FORCED = "Extract forced final output"  # dspy's mark on an answer taken when the iterations ran out


def is_complete(prediction: dspy.Prediction) -> bool:
    """Whether the answer was submitted; False if it was forced because the iterations ran out."""
    return getattr(prediction, "final_reasoning", None) != _FORCED


class RLM(dspy.RLM):  # type: ignore[misc]
    """A Recursive Language Model whose batched sub-calls are wide and independent.

    Args:
        concurrency: sub-calls of one batch under way at once.
        **options: what ``dspy.RLM`` takes.
    """

    def __init__(self, signature: Any, *, concurrency: int = DEFAULT_CONCURRENCY, **options: Any) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {concurrency}")
        super().__init__(signature, **options)
        self.concurrency = concurrency

    def _make_llm_tools(self, *args: Any, **kwargs: Any) -> dict[str, Callable[..., Any]]:
        tools: dict[str, Callable[..., Any]] = super()._make_llm_tools(*args, **kwargs)
        llm_query = tools["llm_query"]

        def ask(prompt: str) -> str:
            try:
                answer: str = llm_query(prompt)
            except Exception as error:  # noqa: BLE001 - told in its place: one failure must not lose the others
                return f"[ERROR] {type(error).__name__}: {format_error_for_lm(error)}"
            return answer

        def llm_query_batched(prompts: list[str]) -> list[str]:
            """Query prompts concurrently; a failed one is an ``[ERROR] …`` in its place."""
            if isinstance(prompts, str):
                raise TypeError("llm_query_batched takes a list of prompts; for one prompt use llm_query")
            prompts = list(prompts)
            if not prompts:
                return []
            contexts = [contextvars.copy_context() for _ in prompts]
            with ThreadPoolExecutor(max_workers=min(self.concurrency, len(prompts))) as pool:
                return list(pool.map(lambda context, prompt: context.run(ask, prompt), contexts, prompts))

        return {**tools, "llm_query_batched": llm_query_batched}

    def _process_final_output(
        self, result: FinalOutput, output_field_names: list[str]
    ) -> tuple[dict[str, Any] | None, str | None]:
        """Read the answer, its huge integers as text: dspy prints it, at which Python fails for those."""
        readable = FinalOutput(json_text.readable_integers(result.output))
        read: tuple[dict[str, Any] | None, str | None]
        read = super()._process_final_output(readable, output_field_names)
        return read

    async def aforward(self, *, interpreter_factory: Any = None, **inputs: Any) -> dspy.Prediction:
        """Run ``forward`` on a thread: dspy's own ``aforward`` executes code on the event loop and blocks it.

        Cancelling ends the interpreter; a model call under way is abandoned.
        """
        made: list[Any] = []
        factory = interpreter_factory or dspy.primitives.code_interpreter.resolve_interpreter_factory(
            self._interpreter_factory
        )

        def recorded() -> Any:
            made.append(factory())
            return made[-1]

        recorded.execution_instructions = getattr(factory, "execution_instructions", "")  # type: ignore[attr-defined]
        try:
            return await asyncio.to_thread(self.forward, interpreter_factory=recorded, **inputs)
        except asyncio.CancelledError:
            for interpreter in made:
                interpreter.shutdown()
            raise
