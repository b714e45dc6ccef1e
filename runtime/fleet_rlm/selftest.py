"""A real task over a real text, in the real sandbox, with an answer that can be computed without any of it.

The text is the standard library's own source code. A script takes the model's place: it answers from a file,
so no key, account or network is needed, and what is proven is everything except a model's wit.
"""

from __future__ import annotations

import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_rlm.errors import DocumentError
from fleet_rlm.runners import RUNNERS
from fleet_rlm.runs.execution import execute
from fleet_rlm.runs.options import RunOptions

if TYPE_CHECKING:
    from fleet_rlm.runs.progress import Listener

__all__ = ["Outcome", "exact_count", "self_test", "sources"]

SCRIPT = "script:self-test"
STEPS = 6
"""More than the script has: a repair is allowed, a loop is not."""

QUESTION = "How many lines raise ValueError?"
STATEMENT = "raise ValueError"


class Outcome(NamedTuple):
    """What the sandbox answered, beside what is true."""

    answer: str
    expected: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether they are the same."""
        return self.answer == self.expected


def sources() -> str:
    """Return the glob of the standard library's own modules.

    Raises:
        DocumentError: this Python has no source files.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    if not (folder / "argparse.py").is_file():
        raise DocumentError(
            f"This Python keeps no source files in {folder}, and the self-test reads them.",
            remedy="Use another Python, or try a run on documents of your own.",
        )
    return str(folder / "*.py")


def exact_count(pattern: str) -> int:
    """Count the lines that raise ValueError, file by file and line by line: not the way the script counts."""
    folder = Path(pattern).parent
    texts = (path.read_text(encoding="utf-8") for path in folder.glob(Path(pattern).name))
    return sum(_raises(line) for text in texts for line in text.splitlines())


def self_test(listener: Listener, *, sandbox: str = "local") -> tuple[Outcome, dict[str, Any]]:
    """Run the task; return how it compares with the truth, and the task's result.

    Raises:
        FleetError: it could not be run.
    """
    pattern = sources()
    options = RunOptions(sandbox=sandbox, model=SCRIPT, sub_model=SCRIPT, max_iterations=STEPS, timeout=60)
    started = time.monotonic()
    result = execute(RUNNERS["long-context"], {"docs_path": (pattern,), "query": QUESTION}, options, listener)
    seconds = time.monotonic() - started
    expected = f"{exact_count(pattern)} lines raise ValueError."
    return Outcome(str(result["answer"]), expected, seconds), result


def _raises(line: str) -> bool:
    statement = line.lstrip(" \t")
    following = statement[len(STATEMENT) : len(STATEMENT) + 1]
    return statement.startswith(STATEMENT) and not (following.isalnum() or following == "_")
