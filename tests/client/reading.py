"""Reading a recorded request: what hooks added, and which skills, agents and tools were offered."""

from __future__ import annotations

import re
from dataclasses import dataclass

from client.messages_api import Request

_CONTEXT = re.compile(
    r"^(\w+)(?::(\w+))? hook additional context: (.*?)(?=\n\n|\n</system-reminder>|\Z)",
    re.MULTILINE | re.DOTALL,
)
_ITEM = re.compile(r"^- ([\w:.-]+): ", re.MULTILINE)


@dataclass(frozen=True)
class Context:
    """What one hook added to the conversation.

    Attributes:
        event: the hook's event, such as ``PreToolUse``.
        tool: the tool it was about, if any.
        text: what the model reads; up to the first blank line, where the next thing begins.
    """

    event: str
    tool: str
    text: str


def contexts(request: Request) -> list[Context]:
    """Everything that hooks have added so far, in order."""
    found = (match for text in request.texts() for match in _CONTEXT.finditer(text))
    return [Context(match[1], match[2] or "", match[3]) for match in found]


def offered_skills(request: Request) -> list[str]:
    """The ids of the skills that the model may use, sorted."""
    return _listed(request, "The following skills are available for use with the Skill tool:")


def offered_agents(request: Request) -> list[str]:
    """The ids of the agents that the model may start, sorted."""
    return _listed(request, "Available agent types for the Agent tool:")


def _listed(request: Request, heading: str) -> list[str]:
    text = "\n".join(request.texts())
    _before, found, after = text.partition(heading)
    return sorted(_ITEM.findall(after.lstrip().partition("\n\n")[0])) if found else []
