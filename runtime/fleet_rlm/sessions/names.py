"""Names that variables of a session can have, and what is loaded under them can be found by."""

from __future__ import annotations

import keyword
import unicodedata
from typing import TYPE_CHECKING

from fleet_rlm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["check_variable"]

_SUBMIT = "SUBMIT"


def check_variable(name: str, tools: Collection[str]) -> str:
    """Return ``name`` if code can have a variable of that name, and finds it there.

    A helper's name is one: the text takes its place. A tool's is none: each step finds the tool under it.

    Args:
        name: what somebody has typed.
        tools: the names of the tools.

    Raises:
        UsageError: it cannot.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise UsageError(
            f"{name!r} cannot be the name of a variable.",
            remedy="Use letters, digits and underscores, and begin with a letter.",
        )
    if name == _SUBMIT or name in tools:
        raise UsageError(
            f"{name!r} cannot be the name of a variable: code finds a function under it.",
            remedy="Choose another name.",
        )
    if (read := unicodedata.normalize("NFKC", name)) != name:
        raise UsageError(
            f"{name!r} cannot be the name of a variable: Python reads it as {read!r}.",
            remedy="Use plain letters.",
        )
    return name
