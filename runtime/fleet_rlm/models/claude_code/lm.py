"""Claude Code as a ``dspy.LM``: the same object, calls, history and callbacks; only the engine is ours.

Importing this module imports dspy.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dspy
from dspy.lm15 import Adaptation, Message, Response, Usage, response_to_events

from fleet_rlm.models.claude_code.asking import Question, Way, ask
from fleet_rlm.models.claude_code.process import Call
from fleet_rlm.models.claude_code.program import PREFIX
from fleet_rlm.models.claude_code.wording import worded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from dspy.lm15 import Request

    from fleet_rlm.models.claude_code.reading import Report

__all__ = ["ClaudeCodeLM"]

_DOLLARS = "total_cost_usd"
_WITHOUT_EFFECT = ("temperature", "top_p", "top_k", "stop", "seed", "frequency_penalty", "presence_penalty")


class ClaudeCodeLM(dspy.LM):  # type: ignore[misc]
    """A ``dspy.LM`` that asks the user's own Claude Code, one headless process a call. Text in, text out.

    ``history[-1]["usage"]`` holds ``prompt_tokens`` (what came from the provider's cache included),
    ``completion_tokens`` and ``total_tokens``; ``history[-1]["cost"]`` the dollars that the client reckons at
    list prices, also where a subscription pays. What the client cannot be told, such as a temperature, is
    named in ``history[-1]["adaptations"]``.

    It repeats what failed in passing itself, so dspy's ``num_retries`` is 0. Safe for any number of threads.

    Args:
        way: how to reach the model.
        max_tokens: the longest answer. The client continues a longer one up to three times; the pieces are
            one answer here, and an answer that is longer still is cut and marked so.
        cache: reuse the stored answer of an identical call.
    """

    def __init__(self, way: Way, *, max_tokens: int | None = None, cache: bool = False) -> None:
        engine = _Engine(way, f"{PREFIX}{way.model}")
        super().__init__(
            f"{PREFIX}{way.model}",
            engine=engine,
            async_engine=_AsyncEngine(engine),
            max_tokens=max_tokens,
            cache=cache,
            num_retries=0,
        )

    def stop(self, *, for_good: bool = True) -> None:
        """Kill what is under way, in this object and its copies; from any thread.

        Args:
            for_good: refuse later calls as well, so that threads that were left behind ask nothing more.
        """
        self.engine.stop(for_good=for_good)

    def update_history(self, entry: dict[str, Any]) -> None:
        """Record a call with what it cost; dspy knows prices only of providers that it reaches itself."""
        data = getattr(entry.get("response"), "provider_data", None) or {}
        super().update_history({**entry, "cost": data.get(_DOLLARS, entry.get("cost"))})


class _Engine:
    def __init__(self, way: Way, name: str) -> None:
        self._way = way
        self._name = name
        self._lock = threading.Lock()
        self._calls: set[Call] = set()
        self._is_stopped = False

    def complete(self, request: Request, call: Call | None = None) -> Response:
        system, prompt = worded(request)
        question = Question(system, prompt, request.config.max_tokens)
        call = call or Call()
        self._add(call)
        try:
            return _response(request, ask(question, self._way, call, self._name))
        finally:
            with self._lock:
                self._calls.discard(call)

    def stream(self, request: Request) -> Iterator[Any]:
        yield from response_to_events(self.complete(request))

    def close(self) -> None:
        """Hold nothing between calls, so free nothing."""

    def stop(self, *, for_good: bool) -> None:
        with self._lock:
            self._is_stopped = self._is_stopped or for_good
            calls = list(self._calls)
        for call in calls:
            call.stop()

    def _add(self, call: Call) -> None:
        with self._lock:
            self._calls.add(call)
            if not self._is_stopped:
                return
        call.stop()


class _AsyncEngine:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine

    async def complete(self, request: Request) -> Response:
        call = Call()
        try:
            return await asyncio.to_thread(self._engine.complete, request, call)
        except asyncio.CancelledError:
            call.stop()
            raise

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        for event in response_to_events(await self.complete(request)):
            yield event

    async def aclose(self) -> None:
        """Hold nothing between calls, so free nothing."""


def _response(request: Request, report: Report) -> Response:
    tokens = report.tokens
    usage = Usage(
        input_tokens=tokens.read,
        output_tokens=tokens.written,
        total_tokens=tokens.read + tokens.written,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_written,
    )
    response = Response(
        id=None,
        model=report.model or request.model,
        message=Message.assistant(report.text),
        finish_reason="length" if report.is_cut else "stop",
        usage=usage,
        adaptations=tuple(_adaptations(request)),
    )
    return response if report.dollars is None else replace(response, provider_data={_DOLLARS: report.dollars})


def _adaptations(request: Request) -> Iterator[Adaptation]:
    for name in _WITHOUT_EFFECT:
        asked = getattr(request.config, name)
        if asked not in (None, ()):
            yield Adaptation(f"config.{name}", "dropped", "Claude Code takes no such setting.", asked=asked)
