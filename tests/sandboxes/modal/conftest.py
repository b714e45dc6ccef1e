"""What the tests of the Modal sandbox share."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from fleet_rlm.host.client import DriverClient, Limits
from fleet_rlm.sandboxes.modal import ModalSandbox, ModalSettings


class Session:
    """One driver on Modal, as the interpreter uses it."""

    def __init__(self, sandbox: ModalSandbox, limits: Limits) -> None:
        self._client = DriverClient(sandbox, limits)
        self.close = self._client.close
        self.start = self._client.start

    def execute(self, code: str, variables=None):
        """Run one cell and return how it ended."""
        return self._client.execute(code, variables or {}, step=0)

    @property
    def connection(self):
        """The connection under test."""
        return self._client._connection


@pytest.fixture
def unstarted(modal_plane):
    """Make a session that is not started, of a sandbox or of settings; closed at the end."""
    made = []

    def make(sandbox: ModalSandbox | None = None, limits: Limits | None = None, **settings) -> Session:
        made.append(
            Session(sandbox or ModalSandbox(ModalSettings(**settings)), limits or Limits(timeout=20.0))
        )
        return made[-1]

    yield make
    for session in made:
        session.close()


@pytest.fixture
def session(unstarted):
    """Start a session with the given settings."""

    def start(**settings) -> Session:
        made = unstarted(**settings)
        made.start()
        return made

    return start


@pytest.fixture
def wait_until():
    """Wait for a condition; ten seconds pass only when what it waits for is broken."""

    def wait(condition) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.02)

    return wait


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
