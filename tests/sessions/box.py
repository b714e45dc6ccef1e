"""A user's home and folder, the real command in them, and the processes of every session."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from fleet_rlm.sessions import Handle, Sessions, StartOptions

COMMAND = str(Path(sys.executable).with_name("fleet-rlm"))
GONE_SECONDS = 20.0  # far beyond what an end takes, for a busy machine


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        assert self.out.count("\n") == 1, self.out + self.err
        return json.loads(self.out)


@dataclass
class Box:
    """One user. ``seen`` holds every process that any of the sessions had when it was looked at."""

    folder: Path
    home: Path
    seen: set[psutil.Process] = field(default_factory=set)

    @classmethod
    def made(cls, root: Path) -> Box:
        """An empty one below ``root``."""
        made = cls(root / "work", root / "home")
        made.folder.mkdir(parents=True)
        return made

    @property
    def sessions(self) -> Sessions:
        """What the commands use."""
        return Sessions.of(os.environ)

    def session_folder(self, name: str) -> Path:
        """Where the files of a session are."""
        return self.home / "state" / "sessions" / name

    def record(self, name: str) -> dict[str, Any]:
        """What is on disk of a session."""
        return json.loads((self.session_folder(name) / "record.json").read_text())

    def start(self, name: str | None = None, **options: Any) -> Handle:
        """Start a session."""
        handle = self.sessions.start(name, StartOptions(**options))
        self.family(handle)
        return handle

    def family(self, handle: Handle) -> list[psutil.Process]:
        """The broker and every process below it."""
        broker = psutil.Process(handle.record.pid)
        found = [broker, *broker.children(recursive=True)]
        self.seen.update(found)
        return found

    def popen(self, *arguments: Any, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Begin a command of ``session``."""
        return subprocess.Popen(
            [COMMAND, "session", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def __call__(self, *arguments: Any, stdin: str = "", env: dict[str, str] | None = None) -> Ended:
        """Run a command of ``session`` to its end."""
        with self.popen(*arguments, env=env) as process:
            out, err = process.communicate(stdin, timeout=120)
        self._look()
        return Ended(process.returncode, out, err)

    def end(self) -> None:
        """Stop every session.

        Raises:
            AssertionError: a process of one is left.
        """
        self._look()
        for handle in self.sessions.live():
            handle.stop()
        assert left(self.seen) == []
        assert [process for process in psutil.process_iter() if self._is_ours(process)] == []

    def _look(self) -> None:
        for name in self.home.glob("state/sessions/*/record.json"):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, psutil.Error):
                broker = psutil.Process(json.loads(name.read_text())["pid"])
                if self._is_ours(broker):
                    self.seen.update([broker, *broker.children(recursive=True)])

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            home = process.environ().get("FLEET_RLM_HOME")
            is_broker = "fleet_rlm.sessions.serve" in " ".join(process.cmdline())
        except psutil.Error:
            return False
        return home == str(self.home) and is_broker and process.status() != psutil.STATUS_ZOMBIE


def left(processes: Any) -> list[psutil.Process]:
    """Those of ``processes`` that still run after a while; one that nobody has waited for does not."""
    _gone, alive = psutil.wait_procs([one for one in processes if not _is_over(one)], timeout=GONE_SECONDS)
    return [process for process in alive if not _is_over(process)]


def _is_over(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
