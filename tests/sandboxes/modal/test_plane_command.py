"""The loopback plane as a command, for trying things by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PLANE = [sys.executable, "-m", "tests.loopback.modal"]


def test_command_runs_against_the_plane_and_is_reported(tmp_path):
    """A command gets the settings, its exit code is passed on, and the report says what reached the plane."""
    program = "import modal, sys; modal.App.lookup('by-hand', create_if_missing=True); sys.exit(7)"
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*PLANE, "--report", str(report), "--", sys.executable, "-c", program],
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == 7
    assert json.loads(report.read_text())["calls"] == {"AppGetOrCreate": 1}


def test_settings_are_printed_for_a_shell():
    """Without a command the settings are printed as exports, and Ctrl-C ends it."""
    plane = subprocess.Popen(PLANE, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ)
    names = [plane.stdout.readline().split("=")[0] for _ in range(4)]
    assert names == [
        f"export MODAL_{name}" for name in ("SERVER_URL", "TOKEN_ID", "TOKEN_SECRET", "CONFIG_PATH")
    ]
    plane.send_signal(signal.SIGINT)
    assert plane.wait(20) == 0
    plane.stdout.close()


def test_run_answers_from_a_modal_sandbox(tmp_path):
    """The whole command: documents, planner, sandbox through the real SDK, one JSON object; nothing stays behind."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "notes.txt").write_text("A class is a blueprint.\n" * 1000)
    report = tmp_path / "report.json"
    command = [
        str(Path(sys.executable).with_name("fleet-rlm")),
        "run-long-context",
        "--docs-path",
        str(folder),
    ]
    command += ["--query", "What is a class?", "--model", "script:generic", "--sandbox", "modal", "--json"]
    done = subprocess.run(
        [*PLANE, "--report", str(report), "--", *command],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    result = json.loads(done.stdout)
    assert (result["complete"], result["doc_chars"]) == (True, 24_000)
    calls = json.loads(report.read_text())["calls"]
    assert (calls["SandboxCreateV2"], calls["SandboxTerminateV2"]) == (1, 1)
