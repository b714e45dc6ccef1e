"""Turning a request into what ``claude`` takes: a system prompt and one prompt, both text.

Importing this module imports dspy.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from dspy.lm15 import TextPart
from dspy.utils.exceptions import LMInvalidRequestError, LMUnsupportedFeatureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dspy.lm15 import Request

__all__ = ["worded"]


def worded(request: Request) -> tuple[str, str]:
    """Return the system prompt, which may be empty, and the prompt.

    A single message is the prompt as it is. The client cannot be given earlier answers of the model, so
    several messages become a transcript whose turns are marked by a tag that occurs in none of them.

    Raises:
        LMUnsupportedFeatureError: the request asks for what only text in, text out cannot give.
        LMInvalidRequestError: there is nothing in it to answer.
    """
    if request.tools or request.config.response_format is not None:
        raise _unsupported("function calls or a response format", request.model)
    system = request.system if isinstance(request.system, str) else _text(request.system or (), request.model)
    turns = [(message.role, _text(message.parts, request.model)) for message in request.messages]
    # To the client these are further instructions; it knows no third speaker.
    system = "\n\n".join([system, *(text for role, text in turns if role == "developer")]).strip("\n")
    turns = [(role, text) for role, text in turns if role != "developer"]
    if not any(text.strip() for _, text in turns):
        raise LMInvalidRequestError("The prompt is empty.", model=request.model)
    if len(turns) == 1:
        return system, _not_a_command(turns[0][1])
    return system, _transcript(turns)


def _text(parts: Sequence[object], model: str) -> str:
    texts = []
    for part in parts:
        if not isinstance(part, TextPart):
            raise _unsupported(f"a part of type {getattr(part, 'type', '?')}", model)
        texts.append(part.text)
    return "".join(texts)


def _unsupported(what: str, model: str) -> LMUnsupportedFeatureError:
    said = f"Claude Code is asked in text only, so {what} cannot be sent."
    return LMUnsupportedFeatureError(said, model=model)


def _not_a_command(text: str) -> str:
    # What begins with a slash would be run as a command of the client's, or refused as an unknown one.
    return f"\n{text}" if text.startswith("/") else text


def _transcript(turns: Sequence[tuple[str, str]]) -> str:
    names = itertools.chain(["turn"], (f"turn{number}" for number in itertools.count(2)))
    whole = "\n".join(text for _, text in turns)
    tag = next(name for name in names if f"<{name}" not in whole and f"</{name}" not in whole)
    told = "\n\n".join(f'<{tag} role="{role}">\n{text}\n</{tag}>' for role, text in turns)
    return (
        "The turns below are one conversation between the user and you, the assistant, in order.\n\n"
        f"{told}\n\n"
        "Answer the last turn. Write nothing but the answer, and no tags around it."
    )
