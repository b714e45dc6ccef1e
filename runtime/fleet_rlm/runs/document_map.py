"""The variable ``documents``: a mapping from path to text that costs a few bytes for each document.

The texts are already in the sandbox, joined in one variable. What crosses is where each one begins and ends;
the mapping cuts its slice when it is asked for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dspy.primitives.sandbox_serializable import SandboxSerializable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DocumentMap"]

_SETUP = """\
import collections.abc as _abc, json as _json
class _Documents(_abc.Mapping):
    def __init__(self, variable, spans):
        self._variable, self._spans = variable, spans
    def __getitem__(self, path):
        start, end = self._spans[path]
        return globals()[self._variable][start:end]
    def __iter__(self):
        return iter(self._spans)
    def __len__(self):
        return len(self._spans)
    def __repr__(self):
        return "documents: " + ", ".join(f"{p} ({b - a:,} chars)" for p, (a, b) in self._spans.items())
"""


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
        return _SETUP

    def to_sandbox(self) -> bytes:
        """The spans."""
        return json.dumps(self._spans).encode()

    def sandbox_assignment(self, var_name: str, data_expr: str) -> str:
        """Bind the mapping."""
        return f"{var_name} = _Documents({self._variable!r}, _json.loads({data_expr}))"

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
