"""What a command found and did, in a person's words or as JSON data. Pure: nothing is printed here."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fleet_rlm_scaffold import state
from fleet_rlm_scaffold.model import Absent, Unreadable, trouble
from fleet_rlm_scaffold.plan import Action, Decision
from fleet_rlm_scaffold.settings import PATH
from fleet_rlm_scaffold.work import staged_paths

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet_rlm_scaffold.engine import Outcome
    from fleet_rlm_scaffold.settings import SettingsChange

__all__ = ["Item", "as_data", "items", "plain", "status_lines", "summary"]

_SETTINGS_ROW = 18
"""The settings file has no row in the table of paths: only our entries in it are ours."""


@dataclass(frozen=True)
class Item:
    """One path: what happened, why, and what to do.

    Attributes:
        path: relative to the target.
        asset: what it belongs to.
        row: the row of the table.
        status: two columns: what the user changed, what an install does.
        result: a participle.
        why: a clause; empty if nothing needs saying.
        next: the next command, or empty.
        needs_you: whether it counts for exit code 1.
        quiet: whether a person need not read it.
    """

    path: str
    asset: str
    row: int
    status: str
    result: str
    why: str = ""
    next: str = ""
    needs_you: bool = False
    quiet: bool = False


def items(outcome: Outcome, options: str) -> list[Item]:
    """Return one item a path, sorted by path.

    Args:
        outcome: what was found and done.
        options: what the shown commands need to find this install again, such as `` --scope project``.
    """
    told = [_item(decision, outcome, options) for decision in outcome.decisions]
    settings = _settings_item(outcome.settings, outcome.backups)
    return sorted([*told, *([settings] if settings else [])], key=lambda item: item.path)


def plain(found: Iterable[Item], *, dry_run: bool) -> list[str]:
    """Return the lines for a person: one a path that needs reading, one an asset for what went well."""
    simple = ("created", "updated", "removed")
    groups: Counter[tuple[str, str]] = Counter()
    lines = []
    for item in found:
        if item.quiet:
            continue
        if item.result in simple and not item.why:
            groups[item.result, item.asset] += 1
        else:
            lines.append(_line(item, dry_run=dry_run))
    would = "would be " if dry_run else ""
    done = [
        f"{would}{result}  {asset.replace('/', ' ', 1)}{f'  ({count} files)' if count > 1 else ''}"
        for (result, asset), count in sorted(groups.items())
    ]
    return done + lines


def status_lines(found: Iterable[Item]) -> list[str]:
    """Return two columns and the path for each path that is not as installed."""
    return [
        f"{item.status} {item.path}{f'  {item.why}' if item.why else ''}"
        for item in found
        if item.status.strip()
    ]


def summary(outcome: Outcome, found: Iterable[Item], *, dry_run: bool) -> str:
    """Return the last line: what all of it comes to."""
    found = list(found)
    needs = sum(item.needs_you for item in found)
    if outcome.aborted:
        return f"Nothing was written to {outcome.target}: {needs} of {len(found)} paths cannot be read."
    counts = Counter(item.result for item in found if not item.quiet)
    parts = [f"{_files(count)} {result}" for result, count in sorted(counts.items())]
    what = ", ".join(parts) if parts else "nothing to do"
    lead = "Dry run, nothing was written" if dry_run else str(outcome.target)
    tail = f" {_things(needs)} you." if needs else ""
    return f"{lead}: {what}.{tail}"


def as_data(
    outcome: Outcome, found: Iterable[Item], *, command: str, scope: str, dry_run: bool, notes: list[str]
) -> dict[str, Any]:
    """Return the report for a script."""
    return {
        "schema": 1,
        "command": command,
        "target": str(outcome.target),
        "scope": scope,
        "dry_run": dry_run,
        "written": outcome.written,
        "needs_you": outcome.needs_you,
        "backups": outcome.backups,
        "items": [{key: value for key, value in asdict(item).items() if key != "quiet"} for item in found],
        "notes": notes,
    }


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _things(count: int) -> str:
    return "One path needs" if count == 1 else f"{count} paths need"


def _line(item: Item, *, dry_run: bool) -> str:
    result = f"would be {item.result}" if dry_run else item.result
    parts = [result, item.path, item.why, f"see: {item.next}" if item.next else ""]
    return "  ".join(part for part in parts if part)


def _item(decision: Decision, outcome: Outcome, options: str) -> Item:
    result, why = _words(decision, outcome.backups)
    following = ""
    if decision.action is Action.STAGE:
        following = f"fleet-rlm-scaffold diff {decision.path}{options}"
    return Item(
        decision.path,
        decision.asset,
        decision.row.number,
        decision.row.status,
        result,
        why,
        following,
        needs_you=decision.needs_you,
        quiet=result in {"unchanged", "already there", "forgotten"},
    )


def _words(decision: Decision, backups: str | None) -> tuple[str, str]:
    match decision.action:
        case Action.WRITE | Action.REMOVE:
            words = _written(decision, backups)
        case Action.RECORD:
            words = "already there", ""
        case Action.STAGE:
            words = "kept", _staged(decision)
        case Action.RELEASE:
            words = _released(decision)
        case Action.REFUSE | Action.ABORT:
            words = "refused", _refused(decision)
        case Action.KEEP:
            words = _kept(decision)
    return words


def _written(decision: Decision, backups: str | None) -> tuple[str, str]:
    saved = f"what was there is in {backups}/{decision.path}" if backups and decision.backup else ""
    if not decision.backup:
        return decision.row.verb, ""
    if decision.action is Action.REMOVE:
        return "removed", saved or "what was there is backed up"
    merged = decision.new is not None and decision.content != decision.new.data
    lead = "your edit and the new version are both in it" if merged else "with the new version"
    return ("merged" if merged else "replaced"), f"{lead}; {saved or 'what was there is backed up'}"


def _staged(decision: Decision) -> str:
    why = "it was there before, with other content"
    if decision.conflict:
        why = f"edited by you, and {decision.conflict.why}"
    places = " and ".join(f"{state.INCOMING}/{path}" for path in staged_paths(decision))
    return f"{why}; the new version is in {places}"


def _released(decision: Decision) -> tuple[str, str]:
    if isinstance(decision.disk, Absent):
        return "forgotten", ""
    why = "edited by you"
    if decision.row.name == "orphan":
        why += ", and no longer part of fleet-rlm"
    return "kept", f"{why}; it is yours and not tracked any more"


def _refused(decision: Decision) -> str:
    act = "make it readable" if isinstance(decision.disk, Unreadable) else "move it away"
    return f"{trouble(decision.disk)}; {act}, then run this again"


def _kept(decision: Decision) -> tuple[str, str]:
    if decision.row.status == "D ":
        return "left out", "deleted by you; --restore creates it again"
    return ("kept", "edited by you") if decision.row.status == "M " else ("unchanged", "")


def _settings_item(settings: SettingsChange, backups: str | None) -> Item | None:
    if settings.refused:
        why = f"{settings.refused}; put it right, or use --hooks plugin"
        return Item(PATH, "hook/settings", _SETTINGS_ROW, "X ", "refused", why, needs_you=True)
    if settings.remove:
        return Item(PATH, "hook/settings", _SETTINGS_ROW, " D", "removed", "only our hooks were in it")
    if settings.write is not None:
        fresh = isinstance(settings.disk, Absent)
        saved = f"; what was there is in {backups}/{PATH}" if backups and not fresh else ""
        more = f"; {settings.note}" if settings.note else ""
        result = "created" if fresh else "updated"
        return Item(PATH, "hook/settings", _SETTINGS_ROW, " M", result, f"our hooks only{saved}{more}")
    if settings.note:
        return Item(PATH, "hook/settings", _SETTINGS_ROW, "M ", "kept", settings.note)
    return None
