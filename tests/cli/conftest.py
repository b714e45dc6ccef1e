"""The real command, in a process and a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON object on stdout."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


@pytest.fixture(scope="session")
def command() -> str:
    """The installed command."""
    return str(Path(sys.executable).with_name("fleet-rlm"))


@pytest.fixture
def fleet(tmp_path, command):
    """Run ``fleet-rlm`` with arguments; the working directory is an empty folder."""

    def run(*arguments, stdin="", env=None, timeout=60) -> Ended:
        done = subprocess.run(
            [command, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "100", **(env or {})},
            timeout=timeout,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def script(tmp_path):
    """Write a scripted model; return how to name it."""

    def write(text) -> str:
        path = tmp_path / "script.yaml"
        path.write_text(text)
        return f"script:{path}"

    return write


@pytest.fixture
def document(tmp_path) -> Path:
    """A small text with headings, code, an error and a date."""
    path = tmp_path / "guide.md"
    path.write_text(
        "# Guide\n\nIt began on 2026-11-01 with a ValueError.\n\n## Use\n\n```python\ndef start(port):\n    ...\n```\n"
        "\nGET /health answers 200.\n"
    )
    return path
