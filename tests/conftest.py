"""Shared fixtures: every test runs with a home of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from loopback.modal.fixture import modal_plane, modal_plane_of_session
from loopback.openai_server import OpenAIServer
from sandbox_kinds import Kind, usable

__all__ = ["modal_plane", "modal_plane_of_session"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job that a shell has put into the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else no test could interrupt what it starts

# Time says nothing about a value under test: on a loaded machine an example takes its time, and the first text that
# is drawn in a fresh clone waits a second for the table of Unicode's characters.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

KEPT = ("PATH", "LANG", "LC_ALL", "TERM", "TMPDIR", "SSL_CERT_FILE", "FLEET_RLM_TEST_")


@pytest.fixture(scope="session")
def path_without_claude(tmp_path_factory) -> str:
    """PATH without any Claude Code: whether one is there is for a test to decide, and none may be asked."""
    folders = []
    for folder in map(Path, os.environ["PATH"].split(os.pathsep)):
        if not (folder / "claude").exists():
            folders.append(str(folder))
            continue
        twin = tmp_path_factory.mktemp("bin")
        for program in folder.iterdir():
            if program.name != "claude":
                (twin / program.name).symlink_to(program)
        folders.append(str(twin))
    return os.pathsep.join(folders)


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch, path_without_claude) -> Path:
    """A fresh HOME, and no setting or model of the developer's own in the environment."""
    folder = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if not name.startswith((*KEPT, "PYTEST_", "VIRTUAL_ENV", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", path_without_claude)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(folder / ".claude"))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def openai_server() -> Iterator[OpenAIServer]:
    """An OpenAI-compatible server on the loopback address; it echoes until told otherwise."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="module")
def kind(request) -> Kind:
    """The kind of sandbox that a test marked ``each_kind`` runs against."""
    return usable(request.param)


@pytest.fixture(autouse=True)
def plane_of_kind(request, home, monkeypatch) -> None:
    """What leads the Modal SDK to the loopback plane, for the kinds that need it."""
    if "kind" in request.fixturenames and getattr(request.getfixturevalue("kind"), "plane", False):
        for name, value in request.getfixturevalue("modal_plane_of_session").settings.items():
            monkeypatch.setenv(name, value)
