"""The variable ``documents`` as dspy takes it: what crosses is where each document begins and ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dspy.primitives.sandbox_serializable import SandboxSerializable

from fleet_rlm.documents.mapping import SETUP, assignment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DocumentMap"]


class DocumentMap(SandboxSerializable):  # type: ignore[misc] # dspy carries no types
    """Where each document lies in the text that the variable ``variable`` holds.

    Args:
        variable: name of the input variable that holds all the text.
        spans: path to (start, end), in characters.
    """

    def __init__(self, variable: str, spans: Mapping[str, tuple[int, int]]) -> None:
        self._variable = variable
        self._spans = dict(spans)

    def sandbox_setup(self) -> str:
        """The class that makes the slices."""
        return SETUP

    def to_sandbox(self) -> bytes:
        """The spans."""
        return json.dumps(self._spans).encode()

    def sandbox_assignment(self, var_name: str, data_expr: str) -> str:
        """Bind the mapping."""
        return assignment(var_name, self._variable, data_expr)

    def rlm_preview(self, max_chars: int = 500) -> str:
        """Paths and sizes, as many as fit."""
        lines: list[str] = []
        room = max_chars
        for path, (start, end) in self._spans.items():
            line = f"{path}: {end - start:,} characters"
            room -= len(line) + 1
            if room < 0:
                return "\n".join([*lines, f"… and {len(self._spans) - len(lines):,} more: list(documents)"])
            lines.append(line)
        return "\n".join(lines)
