"""The first lines of docstrings, where they are data: of helpers for the planner, of errors for a table.

Python drops docstrings with ``-OO`` or ``PYTHONOPTIMIZE=2``; then they are read from the source.
"""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["summary"]


def summary(documented: Any) -> str:
    """Return the first line of the docstring of a function or class, "" if there is no finding it."""
    text = inspect.getdoc(documented) if documented.__doc__ else _in_source(documented)
    return (text or "").partition("\n")[0]


def _in_source(documented: Any) -> str | None:
    import ast  # noqa: PLC0415 - only where docstrings were dropped
    import textwrap  # noqa: PLC0415

    try:
        source = inspect.getsource(documented)
    except OSError:  # there are only compiled files
        return None
    definition = ast.parse(textwrap.dedent(source)).body[0]
    if not isinstance(definition, (ast.FunctionDef, ast.ClassDef)):
        return None
    return ast.get_docstring(definition)
