"""What a command found and did, in a person's words or as JSON data. Pure: nothing is printed here."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_rlm_scaffold import state
from fleet_rlm_scaffold.model import Absent, Unreadable, trouble
from fleet_rlm_scaffold.plan import Action, Decision
from fleet_rlm_scaffold.settings import PATH
from fleet_rlm_scaffold.work import staged_paths

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet_rlm_scaffold.engine import Outcome
    from fleet_rlm_scaffold.settings import SettingsChange

__all__ = [
    "Entry",
    "Item",
    "advice",
    "as_data",
    "entries",
    "items",
    "plain",
    "refused",
    "status_lines",
    "summary",
]

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


class Entry(NamedTuple):
    """One line for a person: what happened, to what, why, and the next command."""

    result: str
    what: str
    why: str = ""
    next: str = ""


def items(outcome: Outcome, options: str) -> list[Item]:
    """Return one item a path, sorted by path.

    Args:
        outcome: what was found and done.
        options: what the shown commands need to find this install again, such as `` --scope project``.
    """
    told = [_item(decision, outcome, options) for decision in outcome.decisions]
    settings = _settings_item(outcome.settings, outcome.backups)
    return sorted([*told, *([settings] if settings else [])], key=lambda item: item.path)


def entries(found: Iterable[Item], *, dry_run: bool) -> list[Entry]:
    """Return what a person reads: an entry an asset for what simply went well, one a path for the rest."""
    would = "would be " if dry_run else ""
    told = [item for item in found if not item.quiet]
    simple = Counter((item.result, item.asset) for item in told if _is_simple(item))
    done = [
        Entry(would + result, f"{asset.replace('/', ' ', 1)}{f' ({_files(count)})' if count > 1 else ''}")
        for (result, asset), count in sorted(simple.items())
    ]
    rest = [
        Entry(would + item.result, item.path, item.why, item.next) for item in told if not _is_simple(item)
    ]
    return done + rest


def refused(found: Iterable[Item]) -> list[Item]:
    """Return the items that were refused: all that happened where nothing was written."""
    return [item for item in found if item.result == "refused"]


def plain(entry: Entry) -> str:
    """Return an entry as one line."""
    see = f"see: {entry.next}" if entry.next else ""
    return "  ".join(part for part in (entry.result, entry.what, entry.why, see) if part)


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
        unused = f"{len(refused(found))} of {len(found)} paths cannot be used"
        return f"Nothing was written to {outcome.target}: {unused}."
    counts = Counter(item.result for item in found if not item.quiet)
    parts = [f"{_files(count)} {result}" for result, count in sorted(counts.items())]
    what = ", ".join(parts) if parts else "nothing to do"
    lead = "Dry run, nothing was written" if dry_run else str(outcome.target)
    tail = f" {_things(needs)} you." if needs else ""
    return f"{lead}: {what}.{tail}"


def advice(outcome: Outcome, options: str) -> str | None:
    """Return how to settle what was kept although there is a new version; None if there is nothing."""
    if outcome.aborted or not any(decision.action is Action.STAGE for decision in outcome.decisions):
        return None
    command = "fleet-rlm-scaffold install"
    return (
        f"To settle a path: `{command} --keep PATH{options}` keeps yours and stops asking; "
        f"`{command} --force{options}` takes the new version of every path, and backs yours up."
    )


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


def _is_simple(item: Item) -> bool:
    return item.result in {"created", "updated", "removed"} and not item.why


def _item(decision: Decision, outcome: Outcome, options: str) -> Item:
    result, why = _words(decision, outcome)
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


def _words(decision: Decision, outcome: Outcome) -> tuple[str, str]:
    match decision.action:
        case Action.WRITE | Action.REMOVE:
            words = _written(decision, outcome)
        case Action.RECORD:
            words = "already there", ""
        case Action.STAGE:
            words = "kept", _staged(decision, outcome)
        case Action.RELEASE:
            words = _released(decision)
        case Action.REFUSE | Action.ABORT:
            words = "refused", _refused(decision)
        case Action.KEEP:
            words = _kept(decision)
    return words


def _written(decision: Decision, outcome: Outcome) -> tuple[str, str]:
    if not decision.backup:
        return decision.row.verb, ""
    merged = decision.new is not None and decision.content not in {None, decision.new.data}
    result = "removed" if decision.action is Action.REMOVE else "merged" if merged else "replaced"
    if not outcome.written:
        return (
            result,
            "edited by you; it will be in a backup" if not merged else "edited by you; both changes fit",
        )
    saved = f"what was there is in {outcome.backups}/{decision.path}"
    return result, f"your edit and the new version are both in it; {saved}" if merged else saved


def _staged(decision: Decision, outcome: Outcome) -> str:
    why = "it was there before, with other content"
    if decision.conflict:
        why = f"edited by you, and {decision.conflict.why}"
    staged = staged_paths(decision)
    known = outcome.before.incoming if outcome.before else {}
    there = outcome.written or all(path in known for path in staged)
    places = " and ".join(f"{state.INCOMING}/{path}" for path in staged)
    return f"{why}; the new version {'is in' if there else 'will be put in'} {places}"


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
        without = "or use --hooks plugin" if "hooks" in settings.ours else "or use --no-allow-mcp"
        why = f"{settings.refused}; put it right, {without if settings.wanted else 'then run this again'}"
        return Item(PATH, "hook/settings", _SETTINGS_ROW, "X ", "refused", why, needs_you=True)
    if settings.remove:
        return Item(
            PATH, "hook/settings", _SETTINGS_ROW, " D", "removed", f"it held our {settings.ours} only"
        )
    if settings.write is not None:
        fresh = isinstance(settings.disk, Absent)
        saved = f"; what was there is in {backups}/{PATH}" if backups and settings.backup else ""
        more = f"; {settings.note}" if settings.note else ""
        result = "created" if fresh else "updated"
        return Item(
            PATH, "hook/settings", _SETTINGS_ROW, " M", result, f"our {settings.ours} only{saved}{more}"
        )
    if settings.note:
        return Item(PATH, "hook/settings", _SETTINGS_ROW, "M ", "kept", settings.note)
    return None
