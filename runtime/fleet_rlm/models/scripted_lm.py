"""A scripted model as a ``dspy.LM``: the same object, calls, history and callbacks; only the engine is ours.

dspy 3.4 takes custom models as engines (``dspy/clients/engines/base.py``); subclassing ``BaseLM.forward`` is
deprecated there and gone in 3.5. Importing this module imports dspy.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import dspy
from dspy.lm15 import Message, ProviderError, Request, Response, Usage, response_to_events

from fleet_rlm.models.scripted import answer, notice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fleet_rlm.models.script import Reply, Script

__all__ = ["ScriptedLM"]


class ScriptedLM(dspy.LM):  # type: ignore[misc]
    """A ``dspy.LM`` that answers from a script. Not a model: it asks nobody and costs nothing.

    Safe for any number of threads; the same prompt always gets the same answer.

    Attributes:
        script: what it answers from.
        notice: a sentence for the user that says that no model was asked.
    """

    def __init__(self, script: Script) -> None:
        super().__init__(
            f"script:{script.name}",
            engine=_Engine(script),
            async_engine=_AsyncEngine(script),
            cache=False,
            num_retries=0,
        )
        self.script = script
        self.notice = notice(script)


class _Engine:
    def __init__(self, script: Script) -> None:
        self._script = script

    def complete(self, request: Request) -> Response:
        reply = answer(self._script, _messages(request))
        if reply.delay:
            time.sleep(reply.delay)
        return _response(request, reply)

    def stream(self, request: Request) -> Iterator[Any]:
        yield from response_to_events(self.complete(request))

    def close(self) -> None:
        """Hold nothing, so free nothing."""


class _AsyncEngine:
    def __init__(self, script: Script) -> None:
        self._script = script

    async def complete(self, request: Request) -> Response:
        reply = answer(self._script, _messages(request))
        if reply.delay:
            await asyncio.sleep(reply.delay)
        return _response(request, reply)

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        for event in response_to_events(await self.complete(request)):
            yield event

    async def aclose(self) -> None:
        """Hold nothing, so free nothing."""


def _messages(request: Request) -> list[dict[str, str]]:
    system = request.system
    if isinstance(system, tuple):
        system = "".join(getattr(part, "text", "") for part in system)
    head = [{"role": "system", "content": system}] if system else []
    return head + [{"role": message.role, "content": message.text or ""} for message in request.messages]


def _response(request: Request, reply: Reply) -> Response:
    if reply.fail is not None:
        raise ProviderError(reply.fail, provider="script")
    return Response(
        id=None,
        model=request.model,
        message=Message.assistant(reply.text),
        finish_reason="stop",
        usage=Usage(input_tokens=0, output_tokens=0, total_tokens=0),
    )
