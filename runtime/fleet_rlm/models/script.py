"""A script: what a scripted model answers, as values.

`fleet_rlm.models.script_file` reads one from YAML; `fleet_rlm.models.scripted` answers from it.
The format is described in ``docs/scripted-model.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FACTS", "PLACEHOLDER", "Reply", "Rule", "Script", "fill"]

FACTS = ("inputs", "outputs", "iteration", "limit")
"""What planner code may refer to besides the groups of its own ``when``."""

PLACEHOLDER = re.compile(r"\\g<(\w+)>")
"""``\\g<name>``, as in ``re.sub``; everything else in a template is literal."""


@dataclass(frozen=True)
class Rule:
    """One entry of a section.

    Attributes:
        when: must be found in the prompt for the rule to apply; None always applies.
        template: the answer with placeholders: ``reply``, or ``reasoning`` and ``code``, or the fields.
        delay: seconds to wait before answering.
        fail: answer with this error instead.
        line: where it stands in the file, from 1.
    """

    when: re.Pattern[str] | None
    template: Mapping[str, Any]
    delay: float = 0.0
    fail: str | None = None
    line: int = 0


@dataclass(frozen=True)
class Script:
    """Everything a scripted model knows.

    Attributes:
        name: how people call it.
        about: one line on what it is for.
        rules: planner rules; the first one that applies answers, before any step is considered.
        steps: planner steps; step N answers iteration N, the last one all later iterations.
        extract: fields of a forced answer.
        predict: rules for other signatures; the first one that applies answers.
        replies: rules for free text; the first one that applies answers.
    """

    name: str
    about: str = ""
    rules: tuple[Rule, ...] = ()
    steps: tuple[Rule, ...] = ()
    extract: Rule | None = None
    predict: tuple[Rule, ...] = ()
    replies: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Reply:
    """An answer: ``text`` after ``delay`` seconds, or the failure ``fail``."""

    text: str = ""
    delay: float = 0.0
    fail: str | None = None


def fill(template: Any, value_of: Callable[[str], str]) -> Any:
    """Return ``template`` with each placeholder replaced by ``value_of(name)``, in nested values as well."""
    if isinstance(template, str):
        return PLACEHOLDER.sub(lambda found: value_of(found[1]), template)
    if isinstance(template, Mapping):
        return {key: fill(item, value_of) for key, item in template.items()}
    if isinstance(template, (list, tuple)):
        return [fill(item, value_of) for item in template]
    return template
