"""The real client in each supported version, with the hooks installed in each supported way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from client.equipped import equip, write_log
from client.fetch import VERSIONS, ClientUnavailableError, fetched
from client.run import Client
from hooks.plugin import PLUGIN, USER, install_runtime, make_plugin

REQUIRED = "FLEET_RLM_TEST_REQUIRE_CLIENT"


@pytest.fixture(scope="session", params=VERSIONS)
def binary(request) -> Path:
    """The client's executable; a skip where it was not fetched, unless the variable says that it must be."""
    try:
        return fetched(request.param)
    except ClientUnavailableError as error:
        if os.environ.get(REQUIRED):
            raise
        pytest.skip(f"no Claude Code client: {error}")


@pytest.fixture
def bare_client(binary, home, tmp_path) -> Client:
    """A client without anything of ours; its session works in an empty folder."""
    cwd = tmp_path / "work"
    cwd.mkdir()
    install_runtime(home)
    return Client(binary, home, cwd)


@pytest.fixture
def client(bare_client) -> Client:
    """A client whose user has the hooks as a plugin folder under ``~/.claude/skills``."""
    make_plugin(bare_client.home / ".claude/skills/fleet-rlm", USER)
    return bare_client


@pytest.fixture
def plugin_client(bare_client, tmp_path) -> Client:
    """A client that is given the plugin with ``--plugin-dir``."""
    folder = make_plugin(tmp_path / "plugin", PLUGIN)
    return Client(bare_client.binary, bare_client.home, bare_client.cwd, options=(f"--plugin-dir={folder}",))


@pytest.fixture(params=["installed", "plugin"])
def equipped(request, binary, home, tmp_path) -> Client:
    """A client with everything of ours and the real runtime, put there in either way."""
    return equip(request.param, binary, home, tmp_path)


@pytest.fixture
def log(equipped) -> Path:
    """A log of about 60 MB in the working folder."""
    return write_log(equipped.cwd)


@pytest.fixture
def big(bare_client) -> Path:
    """A log of 2,000,000 bytes in the working directory."""
    path = bare_client.cwd / "big.log"
    path.write_text(("x" * 79 + "\n") * 25_000)
    return path
