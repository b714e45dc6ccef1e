"""Starting this Python again as a part of fleet-rlm, without the working folder on its path.

With ``-c`` and ``-m`` Python looks for modules in the working folder first. That is some project's, and a
file of it may have the name of a package of ours.
"""

from __future__ import annotations

import sys

__all__ = ["GRACE_SECONDS", "python_command"]

GRACE_SECONDS = 5.0
"""For such a process to end its sandbox after it was told to; then its group is killed."""


def python_command(module: str, function: str, *arguments: str) -> list[str]:
    """Return the command that calls ``function`` of ``module`` with ``arguments`` as its ``sys.argv[1:]``."""
    clean = "import sys; sys.path[:] = filter(None, sys.path)"
    return [sys.executable, "-c", f"{clean}; from {module} import {function}; {function}()", *arguments]
