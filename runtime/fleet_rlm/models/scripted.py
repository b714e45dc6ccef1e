"""Answering a prompt from a script: the whole of the scripted model, as one pure function.

The same prompt always gets the same answer. Planner steps are chosen by the iteration that the prompt states,
not by counting calls, so any number of runs and threads may share one script.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fleet_rlm.models.prompt import Field, Prompt, read_prompt
from fleet_rlm.models.script import Reply, Rule, Script, fill

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["answer", "notice"]

_ZERO: Mapping[str, Any] = {"int": 0, "float": 0.0, "bool": False, "list": [], "dict": {}, "any": None}
_NOTHING_COMPUTED = "The scripted model has no answer: its script ended before anything was submitted."


def notice(script: Script) -> str:
    """Return the sentence that keeps a user from mistaking a script for a model."""
    return f"No language model was asked: every answer came from the script {script.name!r}."


def answer(script: Script, messages: Sequence[Mapping[str, str]]) -> Reply:
    """Return the script's answer to a prompt given as messages with ``role`` and ``content``. Pure."""
    prompt = read_prompt(messages)
    if prompt.call == "planner":
        return _planned(script, prompt)
    if prompt.call == "extract":
        return _structured(prompt, script.extract, _NOTHING_COMPUTED)
    if prompt.call == "predict":
        rule = _first(script.predict, prompt.text)
        free = _free(script, prompt.text) if rule is None else Reply()
        if free.fail is not None:
            return free
        return _structured(prompt, rule, free.text, delay=free.delay)
    return _free(script, prompt.text)


def _first(rules: Sequence[Rule], text: str) -> Rule | None:
    return next((rule for rule in rules if rule.when is None or rule.when.search(text)), None)


def _planned(script: Script, prompt: Prompt) -> Reply:
    rule = _first(script.rules, prompt.text)
    if rule is None and script.steps:
        rule = script.steps[min(prompt.iteration, len(script.steps)) - 1]
    if rule is None:
        return Reply(fail=f"The script {script.name!r} has no planner rule or step for this prompt.")
    return _reply(rule, prompt, {"reasoning": "As the script says.", "code": "", **_filled(rule, prompt)})


def _structured(prompt: Prompt, rule: Rule | None, text: str, *, delay: float = 0.0) -> Reply:
    known = {} if rule is None else _filled(rule, prompt)
    fields = {field.name: known.get(field.name, _plain_value(field, text)) for field in prompt.outputs}
    if rule is None:
        return Reply(_rendered(fields, as_json=prompt.as_json), delay=delay)
    return _reply(rule, prompt, fields)


def _free(script: Script, text: str) -> Reply:
    rule = _first(script.replies, text)
    if rule is None:
        return Reply(f"The script {script.name!r} has no reply for this prompt.")
    if rule.fail is not None:
        return Reply(delay=rule.delay, fail=rule.fail)
    return Reply(_filled(rule, Prompt("plain", text))["reply"], rule.delay)


def _reply(rule: Rule, prompt: Prompt, fields: Mapping[str, Any]) -> Reply:
    if rule.fail is not None:
        return Reply(delay=rule.delay, fail=rule.fail)
    return Reply(_rendered(fields, as_json=prompt.as_json), rule.delay)


def _filled(rule: Rule, prompt: Prompt) -> dict[str, Any]:
    found = rule.when.search(prompt.text) if rule.when else None
    facts = {
        "inputs": "{" + ", ".join(f"{name!r}: {name}" for name in prompt.task_inputs) + "}",
        "outputs": repr({field.name: _described(field) for field in prompt.task_outputs}),
        "iteration": str(prompt.iteration),
        "limit": str(prompt.limit),
    }

    def value_of(name: str) -> str:
        if found is not None and (name.isdigit() or name in found.re.groupindex):
            return found[int(name) if name.isdigit() else name] or ""
        return facts[name]

    filled: dict[str, Any] = fill(rule.template, value_of)
    return filled


def _described(field: Field) -> str | tuple[str, ...]:
    return field.choices or (f"{field.kind}[{field.item}]" if field.item else field.kind)


def _plain_value(field: Field, text: str) -> Any:
    if field.kind == "str":
        return text
    if field.kind == "choice":
        return field.choices[0] if field.choices else ""
    return _ZERO[field.kind]


def _rendered(fields: Mapping[str, Any], *, as_json: bool) -> str:
    if as_json:
        return json.dumps(fields, ensure_ascii=False)
    sections = (f"[[ ## {name} ## ]]\n{_section(value)}" for name, value in fields.items())
    return "\n\n".join((*sections, "[[ ## completed ## ]]"))


def _section(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
