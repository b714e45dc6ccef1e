"""The cells in which dspy itself prepares a session: their variables have names of its own."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Preparations", "text_shown"]

_PREFIXES = ("__dspy", "_raw_")  # dspy 3.4: facade.py, rlm.py, flex/bridge.py
_CALL = "__dspy_flex_inputs"  # the variable of a cell that runs a module, which does so once


class Preparations:
    """What a fresh worker must be given again, after it was lost."""

    def __init__(self) -> None:
        self._cells: dict[frozenset[str], tuple[str, dict[str, Any]]] = {}

    @staticmethod
    def include(variables: Mapping[str, Any]) -> bool:
        """Whether a cell with these variables is dspy's own."""
        # no generator: a Ctrl-C that comes while one is closed is lost
        return bool(variables) and not [name for name in variables if not name.startswith(_PREFIXES)]

    def add(self, code: str, variables: Mapping[str, Any]) -> None:
        """Remember such a cell; a later one with the same variables takes its place."""
        if _CALL not in variables:
            names = frozenset(variables)
            self._cells.pop(names, None)
            self._cells[names] = (code, dict(variables))

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield code and variables of each, in the order in which they were added."""
        return iter(tuple(self._cells.values()))


def text_shown(output: str) -> str:
    """The text whose repr ``output`` is, if it is one: so dspy.Flex reads a last expression's value."""
    try:
        value = ast.literal_eval(output.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return output
    return value if isinstance(value, str) else output
