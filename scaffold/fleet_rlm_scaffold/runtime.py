"""The runtime, reached only through its command: how it is started, what it says of itself, its self-test."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_rlm_scaffold import __version__
from fleet_rlm_scaffold.errors import RuntimeCommandError, UsageError

__all__ = ["COMMAND", "Invocation", "describe", "find", "self_test", "uvx"]

COMMAND = "fleet-rlm"
"""The runtime's command."""

_DESCRIBE_TIMEOUT = 60.0  # seconds; it takes a fifth of one, but a cold uvx downloads first
_SELF_TEST_TIMEOUT = 300.0  # seconds; it takes about ten
_REMEDY = (
    "Install it with `uv tool install fleet-rlm-scaffold` or `pipx install fleet-rlm-scaffold`, or say with "
    "--runtime how it is started."
)


@dataclass(frozen=True)
class Invocation:
    """How the runtime is started.

    Attributes:
        shown: the words that assets show and that work in the user's shell.
        run: the words that start it from here.
    """

    shown: tuple[str, ...]
    run: tuple[str, ...]

    @property
    def text(self) -> str:
        """The shown words as one shell command."""
        return shlex.join(self.shown)


def uvx(version: str = __version__) -> tuple[str, ...]:
    """Return the words that start a version of the runtime without installing it."""
    return ("uvx", "--from", f"fleet-rlm-scaffold=={version}", COMMAND)


def find(chosen: str | None = None) -> Invocation:
    """Return how the runtime is started: as chosen, else from PATH, else beside this command, else with uvx.

    A command beside this one that lives in a cache (``uvx fleet-rlm-scaffold``, ``pipx run``) will be gone
    one day, so it is used here but assets show uvx.

    Raises:
        RuntimeCommandError: if there is none.
        UsageError: if what was chosen is not a command.
    """
    if chosen:
        words = _words(chosen)
        return Invocation(words, words)
    beside = Path(sys.executable).parent / COMMAND
    on_path = shutil.which(COMMAND)
    if on_path and not _in_cache(Path(on_path)) and (not beside.exists() or _same(Path(on_path), beside)):
        return Invocation((COMMAND,), (on_path,))
    if beside.exists():
        return Invocation(uvx() if _in_cache(beside) else (str(beside),), (str(beside),))
    if on_path:
        return Invocation((COMMAND,), (on_path,))
    if shutil.which("uvx"):
        return Invocation(uvx(), uvx())
    raise RuntimeCommandError(
        f"The {COMMAND} command is neither on PATH nor beside this one.", remedy=_REMEDY
    )


def _words(chosen: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(chosen))
    except ValueError as error:
        raise UsageError(
            f"{chosen!r} is not a command: {str(error).lower()}.", remedy="Quote its words as in a shell."
        ) from error
    if not words:
        raise UsageError(f"{chosen!r} is not a command.", remedy="Say how the runtime is started.")
    return words


def describe(invocation: Invocation) -> dict[str, Any]:
    """Return what the runtime says of itself (``fleet-rlm describe --json``).

    Raises:
        RuntimeCommandError: if it cannot be started, fails, takes too long or answers something else.
    """
    words = (*invocation.run, "describe", "--json")
    shown = shlex.join((*invocation.shown, "describe", "--json"))
    try:
        done = subprocess.run(
            words, capture_output=True, check=False, timeout=_DESCRIBE_TIMEOUT, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeCommandError(
            f"`{shown}` did not answer within {_DESCRIBE_TIMEOUT:.0f} seconds.", remedy=_REMEDY
        ) from error
    except OSError as error:
        raise RuntimeCommandError(
            f"`{shown}` cannot be started: {error.strerror}.", remedy=_REMEDY
        ) from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["nothing on stderr"]
        raise RuntimeCommandError(
            f"`{shown}` failed with exit code {done.returncode}: {last[0]}", remedy=_REMEDY
        )
    try:
        facts = dict(json.loads(done.stdout))
        facts["version"].encode()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RuntimeCommandError(
            f"`{shown}` did not answer with its description.", remedy=_REMEDY
        ) from error
    return facts


@dataclass(frozen=True)
class SelfTest:
    """How the runtime's self-test went.

    Attributes:
        command: as the user would type it.
        passed: whether its exit code was 0.
        output: the last lines it printed.
    """

    command: str
    passed: bool
    output: str


def self_test(invocation: Invocation, *, live: bool) -> SelfTest:
    """Run ``fleet-rlm doctor --self-test``; with ``live`` its output goes to our own stdout as it comes."""
    words = (*invocation.run, "doctor", "--self-test")
    shown = shlex.join((*invocation.shown, "doctor", "--self-test"))
    sys.stdout.flush()
    try:
        done = subprocess.run(
            words,
            check=False,
            timeout=_SELF_TEST_TIMEOUT,
            stdin=subprocess.DEVNULL,
            stdout=None if live else subprocess.PIPE,
            stderr=None if live else subprocess.STDOUT,
        )
    except subprocess.TimeoutExpired:
        return SelfTest(shown, passed=False, output=f"no answer within {_SELF_TEST_TIMEOUT:.0f} seconds")
    except OSError as error:
        return SelfTest(shown, passed=False, output=error.strerror or str(error))
    output = (done.stdout or b"").decode(errors="replace").strip().splitlines()[-5:]
    return SelfTest(shown, passed=done.returncode == 0, output="\n".join(output))


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other) or one.parent.resolve() == other.parent.resolve()


def _in_cache(path: Path) -> bool:
    return any(part.startswith("archive-v") or part == ".cache" for part in path.parts)
