"""A home of its own with a runtime that answers, and the real command line run in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
ONE = HERE / "template_sets" / "one"

RUNTIME = """#!/bin/sh
echo "$@" >> "${0%/bin/*}/runtime.log"
case "$1" in
describe) echo '{"version": "9.9.9", "helpers": [{"name": "peek", "signature": "peek(text, start=0)"}]}' ;;
doctor) echo "They agree."; exit ${FLEET_RLM_TEST_DOCTOR:-0} ;;
esac
"""


@dataclass(frozen=True)
class Done:
    """A run that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)

    @property
    def rows(self) -> dict[str, tuple[int, str, str]]:
        """Path -> row, status, result, from a JSON report."""
        return {item["path"]: (item["row"], item["status"], item["result"]) for item in self.json["items"]}


class Zygote:
    """The process that forks a command line for each run."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, request: dict) -> int:
        stdin, stdout = self._pipes()
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        return int(stdout.readline())

    def close(self) -> None:
        stdin, stdout = self._pipes()
        stdin.close()
        self.process.wait(timeout=10)
        stdout.close()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self.process.stdin
        assert self.process.stdout
        return self.process.stdin, self.process.stdout


@dataclass
class Box:
    """One user's machine.

    ``folder`` holds the home, the template set and a PATH with the runtime; ``target`` is the client's folder.
    """

    folder: Path
    zygote: Zygote
    environ: dict[str, str] = field(default_factory=dict)
    uid: int | None = None

    def __post_init__(self) -> None:
        temporary = self.folder / "tmp"
        for path in (self.home, self.bin, self.templates, temporary):
            path.mkdir(parents=True, exist_ok=True)
        runtime = self.bin / "fleet-rlm"
        runtime.write_text(RUNTIME)
        runtime.chmod(0o755)
        self.environ = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(temporary),  # where a killed merge leaves a folder
            "LC_ALL": "C.UTF-8",
        }

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def templates(self) -> Path:
        return self.folder / "templates"

    @property
    def target(self) -> Path:
        return self.home / ".claude"

    def run(
        self, *arguments: str, fault: tuple | None = None, cwd: Path | None = None, **environ: str
    ) -> Done:
        """Run ``fleet-rlm-scaffold`` with these arguments; commands that render get our template set."""
        words = [*arguments]
        if arguments[0] not in {"uninstall", "--help", "--version"}:
            words += ["--templates", str(self.templates)]
            words += ["--runtime", "fleet-rlm"] if arguments[0] != "list" else []
        if arguments[0] in {"install", "upgrade"} and "--self-test" not in arguments:
            words += ["--no-self-test"]
        words = [word for word in words if word != "--self-test"]
        out, err = self.folder / "stdout", self.folder / "stderr"
        self.hand_over()
        code = self.zygote.run(
            {
                "arguments": words,
                "environ": {**self.environ, **environ},
                "cwd": str(cwd or self.home),
                "stdin": os.devnull,
                "stdout": str(out),
                "stderr": str(err),
                "fault": fault,
                "uid": self.uid,
            }
        )
        return Done(code, out.read_text(), err.read_text())

    def hand_over(self) -> None:
        """Make everything the user's."""
        if self.uid is not None:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, self.uid, -1, follow_symlinks=False)

    def effects(self, *arguments: str) -> int:
        """Run the command, and return how many effects it had."""
        counter = self.folder / "effects"
        counter.write_text("0")
        self.run(*arguments, fault=(0, "count", str(counter)))
        return int(counter.read_text())

    def offer(self, files: Mapping[str, str | bytes], **fields: object) -> None:
        """Make the template set one of these files, each an agent or a skill of its own, taken as it is."""
        entries = []
        for old in self.templates.rglob("*"):
            if old.is_file():
                old.unlink()
        for path, content in files.items():
            source = self.templates / path
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(content if isinstance(content, bytes) else content.encode())
            group = path.split("/", maxsplit=1)[0]
            entries.append(
                {
                    "kind": group.rstrip("s"),
                    "name": path.replace("/", "-"),
                    "group": group,
                    "source": path,
                    "user": path,
                    "project": path,
                    "plugin": path,
                    **fields,
                }
            )
        index = {"schema": 1, "kinds": {}, "assets": entries}
        (self.templates / "assets.yaml").write_text(json.dumps(index))

    @property
    def manifest(self) -> dict:
        return json.loads((self.target / ".fleet-rlm/manifest.json").read_text())

    def backups(self) -> dict[str, bytes]:
        """What is in the backups of all runs: path -> bytes, the last one counts."""
        found = {}
        for folder in sorted((self.target / ".fleet-rlm/backups").glob("*")):
            found.update(tree(folder))
        return found


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder: relative path -> bytes; a link is what it points to, in brackets."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"[{path.readlink()}]".encode()
        elif path.is_file():
            found[name] = path.read_bytes()
        elif path.is_dir() and not any(path.iterdir()):
            found[name + "/"] = b""
    return found


def own(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the installer's own."""
    return {path: data for path, data in tree(folder).items() if not path.startswith(".fleet-rlm/")}


@contextmanager
def permissions(path: Path, mode: int) -> Iterator[None]:
    """Change a path's permissions for a while."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)
