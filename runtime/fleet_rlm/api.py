"""The public functions: the runners, thin, so that an editor can show what each one takes, and ``describe``.

Every function takes the keyword options of ``RunOptions`` as well. Its defaults are the runner's; a test
keeps them equal to the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from fleet_rlm.runners import RUNNERS
from fleet_rlm.runs.execution import execute
from fleet_rlm.runs.options import RunOptions
from fleet_rlm.runs.progress import ignore

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import Literal

    from typing_extensions import Unpack

    from fleet_rlm.runs.progress import Listener

    Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

__all__ = [
    "describe",
    "run_api_endpoints",
    "run_architecture",
    "run_basic",
    "run_custom_tool",
    "run_error_patterns",
    "run_long_context",
    "run_trajectory",
]


def describe() -> dict[str, Any]:
    """Return everything that this version offers, as JSON data; what ``fleet-rlm describe --json`` prints."""
    from fleet_rlm.cli.app import app  # noqa: PLC0415 - the commands are described by their own tree
    from fleet_rlm.description import description_of  # noqa: PLC0415

    return description_of(app)


class Options(TypedDict, total=False):
    """Keyword options of every runner; see ``RunOptions`` for what each means."""

    sandbox: str | None
    model: str | None
    sub_model: str | None
    concurrency: int | None
    secret_name: str | None
    volume_name: str | None
    allow_subprocess: bool
    memory: str | int | None
    on_event: Listener


def run_basic(
    question: str,
    *,
    max_iterations: int = 15,
    max_llm_calls: int = 30,
    timeout: float = 600,
    **options: Unpack[Options],
) -> dict[str, Any]:
    """Answer a question by writing and running code.

    Args:
        question: the question.
        max_iterations: most steps of the planner.
        max_llm_calls: most sub-model calls of the whole run.
        timeout: most seconds for the whole run.
        **options: sandbox, models and limits; see ``RunOptions``.

    Returns:
        ``answer``, ``trajectory_steps``, ``complete`` and ``warnings``.

    Raises:
        FleetError: in each of its kinds.
    """
    limits = (max_iterations, max_llm_calls, timeout)
    return _run("basic", {"question": question}, limits, options)


def run_architecture(
    docs_path: Paths,
    query: str,
    *,
    max_iterations: int = 25,
    max_llm_calls: int = 50,
    timeout: float = 600,
    **options: Unpack[Options],
) -> dict[str, Any]:
    """Extract how a thing is built from the documents that describe it.

    Args:
        docs_path: a file, a folder, a glob, or several of them.
        query: which part or aspect to look at.
        max_iterations: most steps of the planner.
        max_llm_calls: most sub-model calls of the whole run.
        timeout: most seconds for the whole run.
        **options: sandbox, models and limits; see ``RunOptions``.

    Returns:
        ``modules``, ``optimizers``, ``design_principles``, ``doc_chars``, ``doc_lines``, ``complete`` and
        ``warnings``.

    Raises:
        FleetError: in each of its kinds.
    """
    given = {"docs_path": docs_path, "query": query}
    limits = (max_iterations, max_llm_calls, timeout)
    return _run("architecture", given, limits, options)


def run_api_endpoints(
    docs_path: Paths,
    *,
    max_iterations: int = 20,
    max_llm_calls: int = 30,
    timeout: float = 600,
    **options: Unpack[Options],
) -> dict[str, Any]:
    """List the API endpoints that the documents state.

    Args:
        docs_path: a file, a folder, a glob, or several of them.
        max_iterations: most steps of the planner.
        max_llm_calls: most sub-model calls of the whole run.
        timeout: most seconds for the whole run.
        **options: sandbox, models and limits; see ``RunOptions``.

    Returns:
        ``api_endpoints``, ``count``, ``complete`` and ``warnings``.

    Raises:
        FleetError: in each of its kinds.
    """
    limits = (max_iterations, max_llm_calls, timeout)
    return _run("api-endpoints", {"docs_path": docs_path}, limits, options)


def run_error_patterns(
    docs_path: Paths,
    *,
    max_iterations: int = 30,
    max_llm_calls: int = 40,
    timeout: float = 600,
    **options: Unpack[Options],
) -> dict[str, Any]:
    """Find and group the errors in the documents.

    Args:
        docs_path: a file, a folder, a glob, or several of them.
        max_iterations: most steps of the planner.
        max_llm_calls: most sub-model calls of the whole run.
        timeout: most seconds for the whole run.
        **options: sandbox, models and limits; see ``RunOptions``.

    Returns:
        ``error_categories``, ``total_errors_found``, ``complete`` and ``warnings``.

    Raises:
        FleetError: in each of its kinds.
    """
    limits = (max_iterations, max_llm_calls, timeout)
    return _run("error-patterns", {"docs_path": docs_path}, limits, options)


def run_trajectory(
    docs_path: Paths,
    *,
    chars: int = 3000,
    max_iterations: int = 10,
    max_llm_calls: int = 10,
    timeout: float = 600,
    **options: Unpack[Options],
) -> dict[str, Any]:
    """Summarize the start of a document and show every step taken.

    Args:
        docs_path: a file, a folder, a glob, or several of them.
        chars: how many characters from the start to read; 0 reads all.
        max_iterations: most steps of the planner.
        max_llm_calls: most sub-model calls of the whole run.
        timeout: most seconds for the whole run.
        **options: sandbox, models and limits; see ``RunOptions``.

    Returns:
        ``summary``, ``trajectory_steps``, ``trajectory`` (a list of ``reasoning``, ``code`` and ``output``),
        ``complete`` and ``warnings``.

    Raises:
        FleetError: in each of its kinds.
    """
    given = {"docs_path": docs_path, "chars": chars}
    limits = (max_iterations, max_llm_calls, timeout)
    return _run("trajectory", given, limits, options)


def run_custom_tool(
    docs_path: Paths,
    *,
    chars: int = 10000,
    max_iterations: int = 15,
    max_llm_calls: int = 20,
    timeout: float = 600,
    **options: Unpack[Options],
) -> dict[str, Any]:
    """Extract headings and code blocks with a host tool, ``regex_extract``.

    Args:
        docs_path: a file, a folder, a glob, or several of them.
        chars: how many characters from the start to read; 0 reads all.
        max_iterations: most steps of the planner.
        max_llm_calls: most sub-model calls of the whole run.
        timeout: most seconds for the whole run.
        **options: sandbox, models and limits; see ``RunOptions``.

    Returns:
        ``headers``, ``code_blocks``, ``structure_summary``, ``headers_count``, ``code_blocks_count``,
        ``complete`` and ``warnings``.

    Raises:
        FleetError: in each of its kinds.
    """
    given = {"docs_path": docs_path, "chars": chars}
    limits = (max_iterations, max_llm_calls, timeout)
    return _run("custom-tool", given, limits, options)


def run_long_context(
    docs_path: Paths,
    query: str = "",
    *,
    mode: Literal["analyze", "summarize"] = "analyze",
    max_iterations: int = 30,
    max_llm_calls: int = 50,
    timeout: float = 900,
    **options: Unpack[Options],
) -> dict[str, Any]:
    """Analyze or summarize documents far larger than a context window.

    Args:
        docs_path: a file, a folder, a glob, or several of them.
        query: what to find out; for a summary, what to pay attention to, and then it may be left out.
        mode: ``analyze`` or ``summarize``.
        max_iterations: most steps of the planner.
        max_llm_calls: most sub-model calls of the whole run.
        timeout: most seconds for the whole run.
        **options: sandbox, models and limits; see ``RunOptions``.

    Returns:
        analyze: ``findings``, ``answer``, ``sections_examined``, ``doc_chars``; summarize: ``summary``,
        ``key_points``, ``coverage_pct``, ``doc_chars``; both: ``complete`` and ``warnings``.

    Raises:
        FleetError: in each of its kinds.
    """
    given = {"docs_path": docs_path, "query": query, "mode": mode}
    limits = (max_iterations, max_llm_calls, timeout)
    return _run("long-context", given, limits, options)


def _run(
    name: str,
    given: dict[str, Any],
    limits: tuple[int, int, float],
    options: Options,
) -> dict[str, Any]:
    keywords: dict[str, Any] = dict(options)
    listener = keywords.pop("on_event", ignore)
    max_iterations, max_llm_calls, timeout = limits
    settings = RunOptions(
        max_iterations=max_iterations, max_llm_calls=max_llm_calls, timeout=timeout, **keywords
    )
    if "docs_path" in given:
        paths = given["docs_path"]
        single = isinstance(paths, str) or hasattr(paths, "__fspath__")
        given["docs_path"] = tuple(map(str, [paths] if single else paths))
    return execute(RUNNERS[name], given, settings, listener)
