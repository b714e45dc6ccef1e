"""The answer that the agent ``rlm-subcall`` gives about one chunk: its schema, and what is wrong with one.

The schema is the one source: ``fleet-rlm describe --json`` hands it to the agent's prompt, and
``fleet-rlm subcall check`` checks answers against it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

__all__ = ["SCHEMA", "faults"]

_TEXTS = {"type": "array", "items": {"type": "string"}}
_POINT = {
    "type": "object",
    "properties": {
        "point": {
            "type": "string",
            "minLength": 1,
            "description": "one thing that the chunk says on the question",
        },
        "evidence": {"type": "string", "minLength": 1, "description": "the words of the chunk, verbatim"},
        "confidence": {"enum": ["high", "medium", "low"]},
    },
    "required": ["point", "evidence", "confidence"],
    "additionalProperties": False,
}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "chunk_id": {"type": "string", "minLength": 1, "description": "the file name of the chunk"},
        "relevant": {
            "type": "array",
            "items": _POINT,
            "description": "empty if nothing in the chunk matters",
        },
        "missing": {**_TEXTS, "description": "what the question needs and the chunk does not say"},
        "suggested_queries": {**_TEXTS, "description": "questions for other chunks"},
        "complete_answer": {
            "type": ["string", "null"],
            "description": "the whole answer if this chunk alone gives it, else null",
        },
    },
    "required": ["chunk_id", "relevant", "missing", "suggested_queries", "complete_answer"],
    "additionalProperties": False,
}
"""JSON Schema (2020-12) of one answer."""


def faults(text: str, chunk: str | None = None) -> list[str]:
    """Return what is wrong with an answer, one sentence each; empty if it can be used.

    Args:
        text: the answer as it was given.
        chunk: the chunk it is about; evidence must then be found in it, differences of white space aside.
    """
    try:
        answer = json.loads(text)
    except ValueError as error:
        return [f"It is not JSON: {error}."]
    found = [*_against_schema(answer)]
    if chunk is None or found:
        return found
    whole = _plain(chunk)
    return [
        f"relevant[{place}].evidence is not in the chunk: {point['evidence'][:80]!r}."
        for place, point in enumerate(answer["relevant"])
        if _plain(point["evidence"]) not in whole
    ]


def _against_schema(answer: Any) -> Iterator[str]:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - a description does not need it

    errors: list[ValidationError] = sorted(
        Draft202012Validator(SCHEMA).iter_errors(answer), key=lambda error: error.json_path
    )
    for error in errors:
        where = error.json_path.removeprefix("$").removeprefix(".")
        yield f"{where or 'The answer'}: {error.message}."


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
