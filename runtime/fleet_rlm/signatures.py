"""What each task asks of the planner: inputs, outputs and instructions, worded for any document.

The tasks are data, so that ``fleet-rlm describe`` and every help text know them without importing dspy.
``signature(name)`` makes the ``dspy.Signature`` class, and so does ``from fleet_rlm import SummarizeText``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import dspy

__all__ = ["TASKS", "Field", "Task", "signature"]


class Field(NamedTuple):
    """One input or output of a task; ``type`` is written as in an annotation."""

    name: str
    type: str
    description: str


class Task(NamedTuple):
    """One signature as data."""

    name: str
    instructions: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]


_TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "list[str]": list[str],
    "list[dict[str, Any]]": list[dict[str, Any]],
    "dict[str, Any]": dict[str, Any],
}

_DOCS = Field("docs", "str", "the whole text of the documents; look at it with code, never print all of it")
_DOCUMENT = _DOCS._replace(name="document")

DOCUMENTS_FIELD = Field(
    "documents",
    "dict[str, str]",
    "a read-only mapping from each document's path to its text: documents[path], list(documents)",
)
"""Added to a task's inputs when a run reads more than one document."""

_ALL = (
    Task(
        "AnswerQuestion",
        "Answer the question by writing and running Python code. Compute what can be computed, "
        "and check the result in a second way before giving it.",
        (Field("question", "str", "the question to answer"),),
        (Field("answer", "str", "the answer: complete, and nothing besides it"),),
    ),
    Task(
        "ExtractArchitecture",
        "Find out how the thing that the documents describe is built: its parts, how they are tuned, and the "
        "ideas behind it. Name only what the documents state, in their own terms.",
        (_DOCS, Field("query", "str", "which part or aspect to look at")),
        (
            Field("modules", "list[str]", "the parts it is made of, each as `name: what it does`"),
            Field(
                "optimizers",
                "list[str]",
                "what tunes, improves or optimises those parts; empty if there is no such thing",
            ),
            Field(
                "design_principles",
                "list[str]",
                "the rules and ideas that the design follows, one sentence each",
            ),
        ),
    ),
    Task(
        "ExtractAPIEndpoints",
        "List every API endpoint, public function, command or other entry point that the documents state. "
        "Find candidates with code over the whole text, then describe them; list each one once.",
        (_DOCS,),
        (
            Field(
                "api_endpoints",
                "list[dict[str, Any]]",
                "one entry each with the keys `name`, `kind` (HTTP method, function, class, command, …), "
                "`signature` and `description`",
            ),
        ),
    ),
    Task(
        "FindErrorPatterns",
        "Find the errors, failures and warnings in the documents and group them by cause. "
        "Count with code over the whole text; never estimate a count.",
        (_DOCS,),
        (
            Field(
                "error_categories",
                "dict[str, Any]",
                "category name to an object with the keys `count`, `examples` (verbatim) and `remedy`",
            ),
            Field("total_errors_found", "int", "how many errors were found in the whole text"),
        ),
    ),
    Task(
        "SummarizeText",
        "Summarize the text. Look at all of it before answering.",
        (Field("text", "str", "the text to summarize"),),
        (Field("summary", "str", "a summary in a few sentences, stating only what the text states"),),
    ),
    Task(
        "ExtractWithCustomTool",
        "Describe how the documents are laid out. "
        "Use the tool `regex_extract` to find headings and code blocks.",
        (_DOCS,),
        (
            Field("headers", "list[str]", "every heading, verbatim, in the order of the text"),
            Field("code_blocks", "list[str]", "every block of code, verbatim, in the order of the text"),
            Field("structure_summary", "str", "how the text is organised, in a few sentences"),
        ),
    ),
    Task(
        "AnalyzeLongDocument",
        "Answer the query from a document that is far larger than any context window. Narrow down with code "
        "first, ask sub-models about the parts that matter, and let every finding rest on the text itself.",
        (_DOCUMENT, Field("query", "str", "what to find out")),
        (
            Field("findings", "list[str]", "what was found, each with the place it comes from"),
            Field("answer", "str", "the answer to the query"),
            Field("sections_examined", "int", "how many separate sections or chunks were looked at"),
        ),
    ),
    Task(
        "SummarizeLongDocument",
        "Summarize a document that is far larger than any context window. Split it with code, have "
        "sub-models summarize the parts in batches, then combine their summaries.",
        (_DOCUMENT, Field("focus", "str", "what the summary should pay attention to")),
        (
            Field("summary", "str", "the summary"),
            Field("key_points", "list[str]", "the main points, one sentence each"),
            Field(
                "coverage_pct", "float", "the share of the document's characters that was looked at, 0 to 100"
            ),
        ),
    ),
    Task(
        "ExtractFromLogs",
        "Answer the query from log files. Parse lines and times with code, count over the whole text, "
        "and quote matching lines verbatim.",
        (Field("logs", "str", "the whole text of the logs"), Field("query", "str", "what to look for")),
        (
            Field("matches", "list[str]", "the lines that answer the query, verbatim"),
            Field("patterns", "dict[str, Any]", "recurring pattern to how often it occurs"),
            Field("time_range", "str", "first and last time among the matches, as written in the logs"),
        ),
    ),
)

TASKS: dict[str, Task] = {task.name: task for task in _ALL}
"""Every task by the name of its signature."""


@cache
def signature(name: str, *, with_documents: bool = False) -> type[dspy.Signature]:
    """Return the ``dspy.Signature`` class of the task ``name``. Imports dspy.

    Args:
        name: a key of ``TASKS``.
        with_documents: also take the mapping ``documents`` as an input.

    Raises:
        KeyError: there is no such task.
    """
    import dspy  # noqa: PLC0415 - 700 ms that only a run has to spend

    task = TASKS[name]
    inputs = (*task.inputs, DOCUMENTS_FIELD) if with_documents else task.inputs
    fields: dict[str, Any] = {
        field.name: (_TYPES.get(field.type, Any), dspy.InputField(desc=field.description)) for field in inputs
    }
    fields |= {
        field.name: (_TYPES[field.type], dspy.OutputField(desc=field.description)) for field in task.outputs
    }
    made: type[dspy.Signature] = dspy.Signature(fields, task.instructions, signature_name=name)
    return made


def __getattr__(name: str) -> Any:
    """Make ``fleet_rlm.signatures.<Task>`` the signature class, on first use."""
    if name in TASKS:
        return signature(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
