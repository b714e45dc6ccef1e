"""The tool ``run``: our own command in a process group of its own, so that this process never loads dspy."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.text import TextReceiveStream

from fleet_rlm.errors import FleetError, UsageError
from fleet_rlm.isolated import GRACE_SECONDS, python_command
from fleet_rlm.mcp import addresses
from fleet_rlm.mcp.results import Link, Result, fields, fits
from fleet_rlm.runners import RUNNERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import ByteReceiveStream, Process

    from fleet_rlm.mcp.place import Place
    from fleet_rlm.mcp.progress import Progress

__all__ = ["run"]

_SHARED = ("model", "sub_model", "sandbox", "max_iterations", "max_llm_calls", "timeout")
_RESULTS_KEPT = 8


async def run(place: Place, given: Mapping[str, Any], progress: Progress) -> Result:
    """Run a runner and answer its result.

    Raises:
        UsageError: an option is not one of this runner.
        FleetError: what the command said is wrong.
    """
    words = _words(given)
    async with await anyio.open_process(
        python_command("fleet_rlm.cli.tied", "run", *words, "--json"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        cwd=place.folder,
        start_new_session=True,
    ) as process:
        try:
            said = await _listen(process, progress)
            code = await process.wait()
        except BaseException:
            await _end(process)
            raise
    return _result(place, said, code)


def _words(given: Mapping[str, Any]) -> list[str]:
    runner = RUNNERS[given["runner"]]
    own = {option.name for option in runner.options}
    strange = sorted(set(given) - own - {"runner", *_SHARED})
    if strange:
        raise UsageError(
            f"run: {runner.name} does not take {', '.join(strange)}.",
            remedy=f"Its own options are {', '.join(sorted(own))}.",
        )
    words = [runner.command]
    for name, value in given.items():
        if name == "runner":
            continue
        values = value if isinstance(value, list) else [value]
        words += [f"--{name.replace('_', '-')}={one}" for one in values]
    if "--docs-path=-" in words:
        raise UsageError("run: docs_path cannot be -: a tool has no standard input.", remedy="Name files.")
    return words


async def _listen(process: Process, progress: Progress) -> str:
    """Tell each line of stderr as progress; return what is on stdout."""
    stdout, stderr = _text(process.stdout), _text(process.stderr)
    pieces: list[str] = []

    async def collect() -> None:
        pieces.extend([piece async for piece in stdout])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(collect)
        rest = ""
        async for piece in stderr:
            *lines, rest = (rest + piece).split("\n")
            for line in filter(str.strip, lines):
                progress.line(line)
    return "".join(pieces)


def _text(stream: ByteReceiveStream | None) -> TextReceiveStream:
    if stream is None:
        raise TypeError("the process was started without a pipe")
    return TextReceiveStream(stream, errors="replace")


async def _end(process: Process) -> None:
    """End the run's whole group: first as Ctrl-C does, so that it ends its sandbox, then for good."""
    with anyio.CancelScope(shield=True), suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with anyio.move_on_after(GRACE_SECONDS):
            await process.wait()
        os.killpg(process.pid, signal.SIGKILL)


def _result(place: Place, said: str, code: int) -> Result:
    try:
        found = dict(json.loads(said))
    except ValueError:
        raise FleetError(f"The run ended with exit code {code} and without a result.") from None
    if "error" in found and code:
        error = found["error"]
        raise FleetError(error["message"], remedy=error["remedy"])
    if fits(found):
        return Result(fields(found))
    number = max(place.runs, default=0) + 1
    place.runs[number] = json.dumps(found, indent=2, ensure_ascii=False)
    for old in sorted(place.runs)[:-_RESULTS_KEPT]:
        del place.runs[old]
    link = Link(addresses.run_result(number), "the whole result", len(place.runs[number]))
    return Result(f"{fields(found)}\nNot all is shown; the resource below holds the whole result.", (link,))
