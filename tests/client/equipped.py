"""A client with everything of ours and the real runtime, and a log that is too large for any context."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

from assets.rendering import write
from client.run import Client
from hooks.plugin import BARE_PATH

__all__ = ["FILLER", "equip", "write_log"]

FILLER = "nobody-may-ever-read-this-line-in-a-conversation"
"""Stands in every line of the log but one."""

_COMMAND = Path(sys.executable).with_name("fleet-rlm")
_LINES = 1_000_000
_CULPRIT = 777_777


def equip(how: str, binary: Path, home: Path, folder: Path) -> Client:
    """Return a client with everything of ours, ``installed`` by ``install`` or given as a ``plugin``.

    Its working folder is ``folder``/work; the runtime's commands and the client itself are on its PATH.
    """
    cwd, commands = folder / "work", home / ".local/bin"
    cwd.mkdir()
    commands.mkdir(parents=True)
    for name in ("fleet-rlm", "fleet-rlm-scaffold"):
        (commands / name).symlink_to(_COMMAND.with_name(name))
    (commands / "claude").symlink_to(binary)
    environment = {"PATH": f"{commands}{os.pathsep}{BARE_PATH}"}
    client = Client(binary, home, cwd, environment=environment)
    if how == "plugin":
        plugin = write("plugin", folder / "plugin")
        return dataclasses.replace(client, options=(f"--plugin-dir={plugin}",))
    done = subprocess.run(
        [str(commands / "fleet-rlm-scaffold"), "install", "--no-self-test"],
        env={"HOME": str(home), **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return client


def write_log(folder: Path) -> Path:
    """Write a log of about 60 MB; one line tells what went wrong."""
    path = folder / "big.log"
    with path.open("w", encoding="utf-8") as out:
        for start in range(0, _LINES, 10_000):
            out.writelines(_line(number) for number in range(start, start + 10_000))
    return path


def _line(number: int) -> str:
    if number == _CULPRIT:
        return f"{number} ERROR the disk of node-42 is full\n"
    return f"{number} INFO {FILLER}\n"
