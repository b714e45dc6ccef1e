"""Reading a dspy prompt back: which call it is, which fields it wants, and in which form.

A scripted model sees what any model sees, text. This module turns that text into facts, following dspy 3.4's
``ChatAdapter`` and ``JSONAdapter`` (``dspy/adapters``) and the action template of ``dspy.RLM``
(``dspy/predict/rlm.py``). Pure; needs no dspy.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Call", "Field", "Prompt", "read_prompt"]

Call = Literal["planner", "extract", "predict", "plain"]
"""What is asked: an RLM's next code, an RLM's forced answer, another signature's outputs, or free text."""


@dataclass(frozen=True)
class Field:
    """An output field.

    Attributes:
        name: its name.
        kind: ``str``, ``int``, ``float``, ``bool``, ``choice``, ``list``, ``dict`` or ``any``.
        choices: the allowed values of a ``choice``.
        item: the kind of a list's items or a dict's values; empty if not known.
    """

    name: str
    kind: str = "str"
    choices: tuple[str, ...] = ()
    item: str = ""


@dataclass(frozen=True)
class Prompt:
    """The facts of one prompt.

    Attributes:
        call: which call it is.
        text: all of it, for patterns to match.
        as_json: the answer must be one JSON object (``JSONAdapter``), not marked sections (``ChatAdapter``).
        outputs: the fields of the answer itself.
        task_outputs: for a planner, the fields that the code must ``SUBMIT``.
        task_inputs: for a planner, the variables the code can use.
        iteration: for a planner, counted from 1.
        limit: for a planner, the last iteration it has.
    """

    call: Call
    text: str
    as_json: bool = False
    outputs: tuple[Field, ...] = ()
    task_outputs: tuple[Field, ...] = ()
    task_inputs: tuple[str, ...] = ()
    iteration: int = 1
    limit: int = 1


_FIELDS = re.compile(
    r"^Your input fields are:\n(?P<inputs>.*?)\nYour output fields are:\n(?P<outputs>.*?)\n+"
    r"All interactions will be structured in the following way",
    re.DOTALL | re.MULTILINE,
)
_FIELD = re.compile(r"^\d+\. `(?P<name>\w+)` \((?P<type>.*?)\):", re.MULTILINE)
_JSON_ANSWER = "Outputs will be a JSON object with the following fields."
_ITERATION = re.compile(r"^\[\[ ## iteration ## \]\]\s*(\d+)/(\d+)", re.MULTILINE)
_SUBMIT = re.compile(r"^\s*- `SUBMIT\((?P<names>[^)\n]*)\)`", re.MULTILINE)
_VARIABLES = re.compile(r"^\s*- Variables: (?P<names>(?:`\w+`(?:, )?)+)", re.MULTILINE)
_NOTE = re.compile(
    r"^\s*- \{(?P<name>\w+)\}[ \t]*(?:# note: the value you produce (?P<rule>.*))?$", re.MULTILINE
)
_CHOICES = re.compile(r"one of: (.*)$")
_KINDS = {"str": "str", "int": "int", "float": "float", "bool": "bool", "list": "list", "dict": "dict"}
_SCHEMA_KINDS = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
}


def read_prompt(messages: Sequence[Mapping[str, str]]) -> Prompt:
    """Return the facts of a prompt given as messages with ``role`` and ``content``."""
    text = "\n\n".join(message["content"] for message in messages)
    system = "\n".join(
        message["content"] for message in messages if message["role"] in {"system", "developer"}
    )
    found = _FIELDS.search(system)
    if found is None:
        return Prompt("plain", text)
    outputs = _fields(found["outputs"])
    inputs = {field.name for field in _fields(found["inputs"])}
    as_json = _JSON_ANSWER in system
    if {"reasoning", "code"} <= {field.name for field in outputs} and {"repl_history", "iteration"} <= inputs:
        iteration, limit = _iteration(messages[-1]["content"])
        names = _SUBMIT.search(system)
        variables = _VARIABLES.search(system)
        return Prompt(
            "planner",
            text,
            as_json,
            outputs,
            task_outputs=_task_outputs(system, names["names"] if names else ""),
            task_inputs=tuple(re.findall(r"`(\w+)`", variables["names"])) if variables else (),
            iteration=iteration,
            limit=limit,
        )
    call: Call = "extract" if {"variables_info", "repl_history"} <= inputs else "predict"
    return Prompt(call, text, as_json, outputs)


def _iteration(content: str) -> tuple[int, int]:
    # The document's preview may quote such a header; dspy's own comes last.
    found = _ITERATION.findall(content)
    return (int(found[-1][0]), int(found[-1][1])) if found else (1, 1)


def _fields(description: str) -> tuple[Field, ...]:
    return tuple(_typed(found["name"], found["type"]) for found in _FIELD.finditer(description))


def _typed(name: str, annotation: str) -> Field:
    if annotation.startswith("Literal["):
        return Field(name, "choice", tuple(re.findall(r"""['"](.*?)['"](?:, |\]$)""", annotation)))
    bare = re.sub(r"^(?:Optional|Union)\[", "", annotation)
    return Field(name, _KINDS.get(re.split(r"[\[,\]]", bare)[0], "any"))


def _task_outputs(system: str, names: str) -> tuple[Field, ...]:
    rules = {found["name"]: found["rule"] for found in _NOTE.finditer(system)}
    return tuple(_ruled(name, rules.get(name)) for name in re.findall(r"\w+", names))


def _ruled(name: str, rule: str | None) -> Field:
    if not rule:
        return Field(name)
    if "True or False" in rule:
        return Field(name, "bool")
    if single := re.search(r"must be a single (int|float) value", rule):
        return Field(name, single[1])
    if choices := _CHOICES.search(rule):
        return Field(name, "choice", tuple(choices[1].split("; ")))
    try:
        schema = json.loads(rule.partition("JSON schema: ")[2])
    except ValueError:
        schema = {}
    kind, item = _schema_kind(schema), ""
    if kind in {"list", "dict"}:
        item = _schema_kind(schema.get("items", schema.get("additionalProperties")))
    return Field(name, kind, item="" if item == "any" else item)


def _schema_kind(schema: Any) -> str:
    options = [schema, *schema.get("anyOf", [])] if isinstance(schema, dict) else []
    kinds = (_SCHEMA_KINDS.get(str(option.get("type"))) for option in options)
    return next((kind for kind in kinds if kind), "any")
