"""Host tools that generated code may call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["MAX_FOUND_CHARS", "MAX_SECONDS", "bind_regex_extract", "regex_extract"]

MAX_SECONDS = 20.0
"""Longest search, in seconds; catastrophic patterns end here."""

MAX_FOUND_CHARS = 4_000_000
"""Most characters that one search may return: more is a list nobody asked for."""


def regex_extract(text: str, pattern: str, flags: int = 0) -> list[Any]:
    r"""Find every match of a regular expression, as ``re.findall`` does.

    Generated code should give the *name* of an input variable (``regex_extract("docs", r"^# .+", 8)``):
    then the document is not sent out of the sandbox.

    The pattern is matched by the ``regex`` package, because ``re`` can neither be stopped nor lets another
    thread run while it backtracks.

    Args:
        text: the text to search, or in a run the name of an input variable.
        pattern: a regular expression in the syntax of ``re``.
        flags: flags of ``re`` as a number: 2 ignores case, 8 matches ``^`` and ``$`` at each line, 16 lets
            ``.`` match newlines.

    Returns:
        The whole matches; with one group, the groups; with several, a list of groups for each match.

    Raises:
        ValueError: the pattern is no regular expression, or there is too much to return.
        TimeoutError: the search took longer than ``MAX_SECONDS``.
    """
    import regex  # noqa: PLC0415 - only this tool needs it

    try:
        compiled = regex.compile(pattern, flags)
    except (regex.error, ValueError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is not a usable regular expression: {error}") from error
    try:
        return list(_bounded(compiled.finditer(text, concurrent=True, timeout=MAX_SECONDS)))
    except TimeoutError:
        raise TimeoutError(
            f"the pattern {pattern!r} took longer than {MAX_SECONDS:g} s; avoid repetition within repetition"
        ) from None


def bind_regex_extract(variables: Mapping[str, Any]) -> Callable[..., list[Any]]:
    """Return ``regex_extract`` as a tool of one run, where a text may be given as the name of a variable."""

    def tool(text: str, pattern: str, flags: int = 0) -> list[Any]:
        found = variables.get(text) if len(text) < 100 else None  # noqa: PLR2004 - no name is that long
        return regex_extract(found if isinstance(found, str) else text, pattern, flags)

    tool.__name__ = tool.__qualname__ = "regex_extract"
    tool.__doc__ = (
        "Find every match of a regular expression, as re.findall does. "
        f"`text` may be the name of an input variable ({', '.join(map(repr, variables))}), which is faster "
        "than passing the text itself; `flags` is a number: 2 ignores case, 8 is multiline, 16 is dotall."
    )
    return tool


def _bounded(matches: Iterator[Any]) -> Iterator[Any]:
    total = 0
    for match in matches:
        groups = match.groups("")
        found = match.group() if not groups else groups[0] if len(groups) == 1 else list(groups)
        total += len(found) if isinstance(found, str) else sum(map(len, found))
        if total > MAX_FOUND_CHARS:
            raise ValueError(f"the matches hold more than {MAX_FOUND_CHARS:,} characters; narrow the pattern")
        yield found
