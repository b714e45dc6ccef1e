"""A project with a document, and servers in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_server.desk import Desk, desk

LINES = 5_000


@pytest.fixture
def project(tmp_path, tmp_path_factory, monkeypatch) -> Iterator[Path]:
    """A folder with a log of 5,000 lines, 50 of them errors; every session of the test ends with it."""
    monkeypatch.setenv("FLEET_RLM_HOME", str(tmp_path_factory.mktemp("fleet")))
    monkeypatch.setenv("DSPY_LM_MODEL", "script:generic")
    folder = tmp_path / "project"
    folder.mkdir()
    lines = (f"2026-11-01 {'ERROR' if n % 100 == 0 else 'fine'} line {n}\n" for n in range(LINES))
    (folder / "big.log").write_text("".join(lines))
    yield folder
    shell("session", "stop", "--all", cwd=folder)


@pytest.fixture
def tools(project) -> Iterator[Desk]:
    """A client of a server in the project."""
    with desk(project) as connected:
        yield connected


def shell(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``fleet-rlm`` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "fleet_rlm.cli", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=120,
    )
