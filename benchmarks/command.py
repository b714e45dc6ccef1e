"""The command line says hello."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.measure import in_turns, timed
from benchmarks.rows import Bar, Row, against

__all__ = ["hello"]


def hello(*, quick: bool) -> list[Row]:
    """``fleet-rlm --help`` against a Python that does nothing, both with their bytecode cached."""
    command = str(Path(sys.executable).with_name("fleet-rlm"))
    lines = {"fleet-rlm --help": [command, "--help"], "python -c pass": [sys.executable, "-c", "pass"]}
    for line in lines.values():
        subprocess.run(line, check=True, capture_output=True)

    def sample(line: list[str]) -> float:
        return timed(lambda: subprocess.run(line, check=True, capture_output=True))

    contenders = {name: (lambda line=line: sample(line)) for name, line in lines.items()}
    seconds = in_turns(contenders, 7 if quick else 25)
    return [against("fleet-rlm --help", *lines, seconds, bar=Bar(6))]
