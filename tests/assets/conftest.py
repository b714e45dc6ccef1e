"""A folder with real documents, in which everything that assets show can be run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.rendering import text
from assets.showing import blocks
from loopback.modal.fixture import modal_plane, modal_plane_of_session

__all__ = ["modal_plane", "modal_plane_of_session"]

BIN = str(Path(sys.executable).parent)


@pytest.fixture
def workspace(tmp_path) -> Path:
    """The documents, cases and answers that the assets' examples name."""
    folder = tmp_path / "work"
    for name in ("docs", "logs", "rlm-work/answers"):
        (folder / name).mkdir(parents=True)
    log = "".join(f"2026-11-01T10:{minute:02}:00 ERROR disk full\n" for minute in range(60))
    for name in ("big.log", "logs/one.log", "logs/two.log"):
        (folder / name).write_text(log)
    (folder / "docs/guide.md").write_text("# Guide\n\nThe parts talk over pipes.\n\n```sh\nmake demo\n```\n")
    (folder / "docs/api.md").write_text("# API\n\nGET /health answers 200, or a ValueError.\n")
    (folder / "cases.json").write_text(blocks(text("user", "skills/rlm-test-suite/SKILL.md"), "json")[0])
    (folder / "answers.jsonl").write_text(
        json.dumps({"document": "docs/api.md", "answer": "fine", "complete": True}) + "\n"
    )
    answer = {
        "chunk_id": "pieces-0000.txt",
        "relevant": [{"point": "The disk was full.", "evidence": "ERROR disk full", "confidence": "high"}],
        "missing": [],
        "suggested_queries": [],
        "complete_answer": None,
    }
    (folder / "rlm-work/answers/pieces-0000.json").write_text(json.dumps(answer))
    return folder


@pytest.fixture
def shell(workspace):
    """Run a piece of shell among the documents, with the scripted model; sessions that it leaves are stopped."""

    def run(script, *, path=BIN, **variables):
        environment = {**os.environ, "DSPY_LM_MODEL": "script:generic", **variables}
        environment["PATH"] = f"{path}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-euc", script],
            cwd=workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    yield run
    assert run("fleet-rlm session stop --all").returncode == 0
