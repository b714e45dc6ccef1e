"""Sessions in a home and a folder of their own; whatever a test does, nothing of them may be left."""

from __future__ import annotations

import time

import pytest

from .box import Box


@pytest.fixture
def box(tmp_path, monkeypatch):
    """An empty folder to work in; afterwards every session is stopped, and no process of one may be left."""
    made = Box.made(tmp_path)
    monkeypatch.setenv("FLEET_RLM_HOME", str(made.home))
    monkeypatch.chdir(made.folder)
    yield made
    made.end()


@pytest.fixture
def box_with_long_home(tmp_path, monkeypatch):
    """The same, with a home whose path is too long for a socket in it."""
    made = Box.made(tmp_path / ("long" * 20) / ("longer" * 10))
    monkeypatch.setenv("FLEET_RLM_HOME", str(made.home))
    monkeypatch.chdir(made.folder)
    yield made
    made.end()


@pytest.fixture
def wait_until():
    """Wait for a condition; the time passes only when what it waits for is broken."""

    def wait(condition, seconds=30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.02)

    return wait


@pytest.fixture
def script(box):
    """Write a scripted model; return how to name it."""

    def write(text) -> str:
        path = box.folder / "script.yaml"
        path.write_text(text)
        return f"script:{path}"

    return write
