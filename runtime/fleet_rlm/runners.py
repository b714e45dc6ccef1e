"""The runners: named tasks with their options, defaults and result keys, in one table.

Everything that lists runners reads ``RUNNERS``: the commands, their help, ``describe``, the Python functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_rlm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["COMPUTED", "RUNNERS", "Facts", "Option", "Runner", "Shape", "result_of"]


class Option(NamedTuple):
    """An option of one runner.

    ``type`` is ``text``, ``count``, ``documents`` or ``choice``; without a default it is required.
    """

    name: str
    type: str
    help: str
    default: str | int | None = None
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The option as typed on the command line."""
        return "--" + self.name.replace("_", "-")


class Shape(NamedTuple):
    """What a runner asks and what it returns.

    ``binds`` pairs each input of the task with the option that fills it; ``keys`` are the keys of the result,
    each an output of the task or computed from the run (``COMPUTED``).
    """

    task: str
    binds: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]


class Runner(NamedTuple):
    """One row of the table: a command ``run-<name>`` and a function ``run_<name>``."""

    name: str
    summary: str
    options: tuple[Option, ...]
    iterations: int
    sub_calls: int
    shapes: Mapping[str, Shape]
    timeout: int = 600
    tools: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The name on the command line."""
        return "run-" + self.name

    @property
    def function(self) -> str:
        """The name in Python."""
        return "run_" + self.name.replace("-", "_")

    def shape(self, parameters: Mapping[str, Any]) -> Shape:
        """Return the shape that ``parameters`` choose."""
        return self.shapes[str(parameters.get("mode", ""))]

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in defaults and check each value.

        Raises:
            UsageError: a value is missing or cannot be used.
        """
        values: dict[str, Any] = {}
        for option in self.options:
            value = given.get(option.name)
            values[option.name] = option.default if value is None else value
            _check(option, values[option.name])
        if not values.get("query", True):
            values["query"] = _default_query(values)
        return values


class Facts(NamedTuple):
    """What is known about a run besides the planner's words: nothing here is a model's claim."""

    outputs: Mapping[str, Any]
    trajectory: list[dict[str, Any]]
    doc_chars: int = 0
    doc_lines: int = 0


COMPUTED: dict[str, Callable[[Facts], Any]] = {
    "code_blocks_count": lambda facts: len(facts.outputs["code_blocks"]),
    "count": lambda facts: len(facts.outputs["api_endpoints"]),
    "doc_chars": lambda facts: facts.doc_chars,
    "doc_lines": lambda facts: facts.doc_lines,
    "headers_count": lambda facts: len(facts.outputs["headers"]),
    "trajectory": lambda facts: facts.trajectory,
    "trajectory_steps": lambda facts: len(facts.trajectory),
}
"""Result keys that are computed here."""

_DOCUMENTS = Option(
    "docs_path", "documents", "A file, a folder, a glob, or - for standard input. May be given several times."
)
_DOCS = ("docs", "docs_path")


def _chars(default: int) -> Option:
    return Option("chars", "count", "How many characters from the start to read; 0 reads all.", default)


_ROWS = (
    Runner(
        name="basic",
        summary="Answer a question by writing and running code.",
        options=(Option("question", "text", "The question."),),
        iterations=15,
        sub_calls=30,
        shapes={"": Shape("AnswerQuestion", (("question", "question"),), ("answer", "trajectory_steps"))},
    ),
    Runner(
        name="architecture",
        summary="Extract how a thing is built from the documents that describe it.",
        options=(_DOCUMENTS, Option("query", "text", "Which part or aspect to look at.")),
        iterations=25,
        sub_calls=50,
        shapes={
            "": Shape(
                "ExtractArchitecture",
                (_DOCS, ("query", "query")),
                ("modules", "optimizers", "design_principles", "doc_chars", "doc_lines"),
            )
        },
    ),
    Runner(
        name="api-endpoints",
        summary="List the API endpoints that the documents state.",
        options=(_DOCUMENTS,),
        iterations=20,
        sub_calls=30,
        shapes={"": Shape("ExtractAPIEndpoints", (_DOCS,), ("api_endpoints", "count"))},
    ),
    Runner(
        name="error-patterns",
        summary="Find and group the errors in the documents.",
        options=(_DOCUMENTS,),
        iterations=30,
        sub_calls=40,
        shapes={"": Shape("FindErrorPatterns", (_DOCS,), ("error_categories", "total_errors_found"))},
    ),
    Runner(
        name="trajectory",
        summary="Summarize the start of a document and show every step taken.",
        options=(_DOCUMENTS, _chars(3000)),
        iterations=10,
        sub_calls=10,
        shapes={
            "": Shape(
                "SummarizeText", (("text", "docs_path"),), ("summary", "trajectory_steps", "trajectory")
            )
        },
    ),
    Runner(
        name="custom-tool",
        summary="Extract headings and code blocks with a host tool, regex_extract.",
        options=(_DOCUMENTS, _chars(10000)),
        iterations=15,
        sub_calls=20,
        shapes={
            "": Shape(
                "ExtractWithCustomTool",
                (_DOCS,),
                ("headers", "code_blocks", "structure_summary", "headers_count", "code_blocks_count"),
            )
        },
        tools=("regex_extract",),
    ),
    Runner(
        name="long-context",
        summary="Analyze or summarize documents far larger than a context window.",
        options=(
            _DOCUMENTS,
            Option("query", "text", "What to find out; with --mode summarize, what to pay attention to.", ""),
            Option("mode", "choice", "What to do.", "analyze", ("analyze", "summarize")),
        ),
        iterations=30,
        sub_calls=50,
        shapes={
            "analyze": Shape(
                "AnalyzeLongDocument",
                (("document", "docs_path"), ("query", "query")),
                ("findings", "answer", "sections_examined", "doc_chars"),
            ),
            "summarize": Shape(
                "SummarizeLongDocument",
                (("document", "docs_path"), ("focus", "query")),
                ("summary", "key_points", "coverage_pct", "doc_chars"),
            ),
        },
        timeout=900,
    ),
)

RUNNERS: dict[str, Runner] = {runner.name: runner for runner in _ROWS}
"""Every runner by name."""


def result_of(shape: Shape, facts: Facts, *, complete: bool, warnings: list[str]) -> dict[str, Any]:
    """Return the result of a run: the shape's keys, then ``complete`` and ``warnings``."""
    result = {key: COMPUTED[key](facts) if key in COMPUTED else facts.outputs[key] for key in shape.keys}
    return {**result, "complete": complete, "warnings": warnings}


def _check(option: Option, value: Any) -> None:
    if value is None or value == () or (value == "" and option.default is None):
        raise UsageError(
            f"{option.flag} is missing.", remedy=f"It takes: {option.help[:1].lower()}{option.help[1:]}"
        )
    if option.type == "choice" and value not in option.choices:
        raise UsageError(
            f"{option.flag} cannot be {value!r}.", remedy=f"Use one of {', '.join(option.choices)}."
        )
    if option.type == "count" and (not isinstance(value, int) or value < 0):
        raise UsageError(f"{option.flag} cannot be {value!r}.", remedy="Give a number, 0 or more.")


def _default_query(values: Mapping[str, Any]) -> str:
    if values.get("mode") == "summarize":
        return "the main points"
    raise UsageError(
        "--query is missing.", remedy="Say what to find out, for example --query 'Why did it fail?'."
    )
