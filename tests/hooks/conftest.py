"""Hooks installed in a home of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from hooks.plugin import USER, Hooks, install_runtime, make_plugin


@pytest.fixture
def hooks(home, tmp_path) -> Hooks:
    """The hooks of user scope; the session works in an empty folder."""
    cwd = tmp_path / "work"
    cwd.mkdir()
    install_runtime(home)
    return Hooks(make_plugin(tmp_path / "fleet-rlm", USER) / "hooks", home, cwd)


@pytest.fixture
def big(hooks) -> Path:
    """A log of 2,000,000 bytes in the working directory."""
    path = hooks.cwd / "big.log"
    path.write_text("x" * 79 + "\n")
    path.write_text(path.read_text() * 25_000)
    return path


@pytest.fixture
def plain(hooks) -> Path:
    """A large text whose name no rule knows."""
    path = hooks.cwd / "novel.text"
    path.write_text("word " * 100_000)
    return path
