"""A mapping from path to text inside the sandbox, which costs a few bytes for each document.

The texts are already there, joined in one variable; the mapping cuts a slice of it when it is asked for.
"""

from __future__ import annotations

__all__ = ["SETUP", "assignment"]

SETUP = """\
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
"""Code that defines the mapping's class, and imports what the assignment needs."""


def assignment(mapping: str, variable: str, spans: str) -> str:
    """Return the code that binds ``mapping``.

    Args:
        mapping: name of the mapping.
        variable: name of the variable that holds all the text, looked up whenever a document is asked for.
        spans: an expression for JSON text: path to (start, end), in characters.
    """
    return f"{mapping} = _Documents({variable!r}, _json.loads({spans}))"
