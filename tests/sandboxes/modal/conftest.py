"""What the tests of the Modal sandbox share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fleet_rlm.host.client import DriverClient, Limits
from fleet_rlm.sandboxes.modal import ModalSandbox, ModalSettings
from loopback.modal.fixture import modal_plane, modal_plane_of_session

__all__ = ["modal_plane", "modal_plane_of_session"]

ROOT = Path(__file__).parents[3]


@pytest.fixture
def session(modal_plane):  # noqa: ARG001 - it has to be there
    """Start a driver on Modal with the given settings; all are closed at the end."""
    opened = []

    def start(limits: Limits | None = None, **settings) -> DriverClient:
        client = DriverClient(ModalSandbox(ModalSettings(**settings)), limits or Limits(timeout=20.0))
        opened.append(client)
        client.start()
        return client

    yield start
    for client in opened:
        client.close()


@pytest.fixture
def python(modal_plane, tmp_path):
    """Run a program in a process of its own, led to the plane, in an empty folder."""

    def run(program: str, *, timeout: float = 60.0, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **modal_plane.settings, **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
