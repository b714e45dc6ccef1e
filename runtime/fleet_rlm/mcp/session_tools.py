"""The tools on sessions: load, execute, ask, status, stop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from fleet_rlm.errors import FleetError, SessionBusyError
from fleet_rlm.mcp import addresses
from fleet_rlm.mcp.results import Link, Result, cut, fields, fits
from fleet_rlm.sessions import StartOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet_rlm.mcp.place import Place
    from fleet_rlm.mcp.progress import Progress
    from fleet_rlm.sessions import Handle

__all__ = ["ask", "execute", "load", "status", "stop"]

_FOR_A_START = ("sandbox", "sub_model", "max_llm_calls", "max_cost")
_NAMES_SHOWN = 20
_ERROR_CHARS = 3_000
_ANSWER_CHARS = 3_000
_VARIABLES_SHOWN = 40


async def load(place: Place, given: Mapping[str, Any], progress: Progress) -> Result:
    """Load documents; start a session if there is none."""
    options = {name: given[name] for name in _FOR_A_START if name in given}
    handle, started = await place.aside(
        partial(
            place.sessions.find_or_start,
            given.get("session"),
            StartOptions(**options),
            folder=place.folder,
            on_event=progress.event_from_thread,
        )
    )
    how, record = "started" if started else "was running", handle.record
    lines = [f"session {handle.name} ({how}; {record.sandbox}: {record.confinement})"]
    if options and not started:
        lines.append(f"Note: {', '.join(options)} did not count, for the session was running already.")
    if given["paths"]:
        wanted = {"sources": given["paths"], "name": given["name"], "cwd": place.folder, "stdin": False}
        begin = partial(handle.begin, "load", {**wanted, "wait": given["wait"]})
        try:
            lines += _loaded(await place.answer(begin, progress))
        except BaseException:
            if started:  # for a text that is not there: leave nothing behind
                with anyio.CancelScope(shield=True):
                    await place.aside(partial(handle.stop, unless_used=True))
            raise
    return Result("\n".join(lines))


def _loaded(result: Mapping[str, Any]) -> list[str]:
    names = result["documents"]
    more = f", … and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return [
        *_variables(result["variables"]),
        f"read: {', '.join(names[:_NAMES_SHOWN])}{more}",
        *(f"Note: {warning}" for warning in result["warnings"]),
        *_notes(result),
    ]


async def execute(place: Place, given: Mapping[str, Any], progress: Progress) -> Result:
    """Run code; what it printed is the answer."""
    handle = await place.aside(partial(place.find, given.get("session")))
    begin = partial(handle.begin_execute, given["code"], timeout=given["timeout"], wait=given["wait"])
    return _executed(await place.answer(begin, progress))


def _executed(result: Mapping[str, Any]) -> Result:
    session, step, failed = result["session"], result["step"], result["error"] is not None
    said = [f"step {step}", result["outcome"], f"{result['seconds']:.1f} s"]
    said += [f"{result['llm_calls']} sub-calls"] * bool(result["llm_calls"])
    parts, links = [result["output"].rstrip("\n")] * bool(result["output"]), []
    if failed:
        parts.append(cut(result["error"].rstrip(), _ERROR_CHARS))
    if result["answer"] is not None:
        parts.append("submitted:\n" + fields(result["answer"], _ANSWER_CHARS))
        if not fits(result["answer"], _ANSWER_CHARS):
            links.append(Link(addresses.answer_of(session), "the whole answer"))
    if result["cut"]:
        links.append(Link(addresses.output_of(session, step), f"all that step {step} printed"))
        parts.append(
            f"Not all is shown. All of it: get_output({step}) in code, best searched there; "
            f"`fleet-rlm session output {step} -s {session}` in a shell; or the resource below."
        )
    if not parts:
        parts.append("(nothing printed)")
    parts += _notes(result)
    return Result("\n".join([*parts, f"[session {session}: {', '.join(said)}]"]), tuple(links), failed=failed)


async def ask(place: Place, given: Mapping[str, Any], progress: Progress) -> Result:
    """Ask the sub-model about every chunk of a variable."""
    handle = await place.aside(partial(place.find, given.get("session")))
    size = {"size": given["chunk_chars"]} if "chunk_chars" in given else {}
    begin = partial(
        handle.begin_ask,
        given["question"],
        variable=given["of"],
        overlap=given["overlap"],
        match=given.get("match"),
        save_as=given["save_as"],
        wait=given["wait"],
        **size,
    )
    return _asked(await place.answer(begin, progress))


def _asked(result: Mapping[str, Any]) -> Result:
    covered = f"{result['chars_asked']:,} of {result['chars']:,} characters"
    answered = f"answered {result['answered']:,} ({result['nothing']:,} of them: nothing there)"
    lines = [
        f"coverage: {result['coverage_pct']} % of {result['variable']} ({covered})",
        f"chunks: {result['chunks']:,}, asked {result['asked']:,}, {answered}, failed {result['failed']:,}",
        *(f"error: {error}" for error in result["errors"]),
        *_notes(result),
    ]
    lines += [
        f"\n[chunk {row['chunk']}, characters {row['start']:,}-{row['end']:,}] {row['answer']}"
        for row in result["findings"]
    ]
    lines.append(
        f"\n{result['findings_shown']} of {result['findings_total']} findings shown, long ones cut; "
        f"all answers are in {result['saved_as']} of session {result['session']}, a list of "
        "{chunk, start, end, answer}."
    )
    return Result("\n".join(lines), failed=result["asked"] > 0 and result["answered"] == 0)


def _notes(result: Mapping[str, Any]) -> list[str]:
    return [f"Note: {notice}" for notice in result["notices"]]


async def status(place: Place, given: Mapping[str, Any], progress: Progress) -> Result:
    """Show the sessions."""
    del progress
    return await place.aside(partial(_status, place, given.get("session")))


def _status(place: Place, name: str | None) -> Result:
    if name:
        place.find(name)
    rows = [row for row in place.sessions.all() if name in (None, row["session"])]
    live = [row for row in rows if row["state"] != "ended"]
    here = [row for row in live if row["folder"] == place.folder]
    blocks = [_block(place, row) for row in live]
    blocks += [
        f"session {row['session']}: ended ({row['ended']['why']}), {row['folder']}"
        for row in rows
        if row["state"] == "ended" and row["folder"] == place.folder
    ][:3]
    if not live:
        blocks.append('No session is running. Go on: load(paths=["FILE"]) starts one.')
    elif len(here) == 1 or name:
        blocks.append("Go on: execute(code=…) or ask(question=…); stop() when the work is done.")
    else:
        blocks.append(f"Go on: name one with `session`; {len(here)} were started in {place.folder}.")
    return Result("\n".join(blocks))


def _block(place: Place, row: Mapping[str, Any]) -> str:
    if "error" in row:
        return f"session {row['session']}: {row['error']}"
    try:
        handle = place.sessions.find(row["session"])
        variables = _variables(handle.variables()["variables"])
    except SessionBusyError:
        variables = ["  variables: not known while code runs"]
    except FleetError as error:  # it has ended since it was listed
        return f"session {row['session']}: {error.message}"
    state = row["state"]
    if state == "idle":
        state = f"idle for {row['idle_seconds']:.0f} s, ends after {handle.record.idle_timeout / 60:g} min"
    steps = f"{row['steps']} step{'s' * (row['steps'] != 1)}"
    head = f"session {row['session']}: {state}; {row['sandbox']}; {steps}; {row['folder']}"
    return "\n".join([head, *variables, f"  sub-calls: {_used(row)}"])


def _variables(rows: list[Mapping[str, Any]]) -> list[str]:
    lines = []
    for row in rows[:_VARIABLES_SHOWN]:
        size = f"{row['size']:,}" if isinstance(row["size"], int) else row["size"]
        measured = "" if size is None else f", {size} {row['unit']}"
        lines.append(f"  {row['name']}: {row['type']}{measured}")
    more = len(rows) - _VARIABLES_SHOWN
    return [*lines, f"  … and {more} more"] if more > 0 else lines


def _used(row: Mapping[str, Any]) -> str:
    parts = []
    for name, limit in row["limits"].items():
        used = row["used"][name]
        if used or limit is not None:
            parts.append(f"{name} {used:,}" + (f" of {limit:,}" if limit is not None else ""))
    return ", ".join(parts) or "none"


async def stop(place: Place, given: Mapping[str, Any], progress: Progress) -> Result:
    """End one session, or all."""
    del progress
    return await place.aside(partial(_stop, place, given.get("session"), every=given["all"]))


def _stop(place: Place, name: str | None, *, every: bool) -> Result:
    handles = _live(place) if every else [place.find(name)]
    for handle in handles:
        handle.stop()
    names = ", ".join(handle.name for handle in handles)
    return Result(f"Stopped: {names}." if names else "No session was running.")


def _live(place: Place) -> list[Handle]:
    rows = [row for row in place.sessions.all() if row["state"] != "ended"]
    return [place.sessions.find(row["session"]) for row in rows]
