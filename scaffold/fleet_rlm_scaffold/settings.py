"""Our entries in the user's settings file: what is to be done with it. Pure, as the plan is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from fleet_rlm_scaffold import settings_text
from fleet_rlm_scaffold.errors import TemplateError
from fleet_rlm_scaffold.manifest import Merged
from fleet_rlm_scaffold.model import Absent, Disk, Obstacle, Regular, Unreadable, digest
from fleet_rlm_scaffold.settings_text import ALLOW, Entries, NotSettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["PATH", "SettingsChange", "decide_settings", "entries_of"]

PATH = "settings.json"
"""The settings file, relative to the target."""


@dataclass(frozen=True)
class SettingsChange:
    """What happens to the settings file.

    Attributes:
        disk: what the decision was made on.
        write: its whole new content; None to leave it.
        remove: whether the file, which we made, goes.
        record: what the manifest keeps from now on.
        keep: bytes to keep as a blob, so that an uninstall can restore them exactly.
        backup: whether the file is backed up first: it is neither as we left it nor kept as a blob.
        refused: why it was left alone although something was to be done, as a clause; ends in exit code 1.
        aborts: whether the refusal stops the whole command: the file cannot even be read.
        note: something the user should know.
        ours: what of ours it is about, in a person's words.
        wanted: whether something of ours is to be in it.
    """

    disk: Disk
    write: bytes | None = None
    remove: bool = False
    record: Merged | None = None
    keep: bytes | None = None
    backup: bool = False
    refused: str | None = None
    aborts: bool = False
    note: str | None = None
    ours: str = "hooks"
    wanted: bool = True

    @property
    def changes(self) -> bool:
        """Whether the file on disk changes."""
        return self.write is not None or self.remove


def entries_of(fragments: tuple[str, ...]) -> Entries:
    """Return the hook entries in rendered fragments, each ``{"hooks": {event: [entry, ...]}}``.

    Raises:
        TemplateError: if a fragment is of another shape.
    """
    found: dict[str, list[object]] = {}
    for fragment in fragments:
        try:
            hooks = settings_text.parse(fragment)["hooks"]
        except (NotSettingsError, KeyError) as error:
            raise TemplateError(f"The rendered hooks cannot be merged: {error}.") from error
        for event, entries in hooks.items():
            found.setdefault(event, []).extend(entries)
    return MappingProxyType(found)


def decide_settings(
    disk: Disk,
    recorded: Merged | None,
    wanted: Entries,
    read_blob: Callable[[str], bytes | None],
    *,
    again: bool,
) -> SettingsChange:
    """Return what happens to the settings file so that exactly ``wanted`` of ours is in it.

    Args:
        disk: the file as it is.
        recorded: what we put there before.
        wanted: what is to be there now; empty to take everything out.
        read_blob: returns the bytes of a digest that were kept, or None.
        again: add entries again that the user has taken out.
    """
    if not wanted and recorded is None:
        return SettingsChange(disk)
    change = _decide(disk, recorded, wanted, read_blob, again=again)
    ours = _words({*wanted, *(recorded.entries if recorded else ())})
    return replace(change, ours=ours, wanted=bool(wanted))


def _words(names: Collection[str]) -> str:
    parts = ["hooks"] * any(name != ALLOW for name in names) + ["permission rule"] * (ALLOW in names)
    return " and ".join(parts)


def _decide(
    disk: Disk,
    recorded: Merged | None,
    wanted: Entries,
    read_blob: Callable[[str], bytes | None],
    *,
    again: bool,
) -> SettingsChange:
    match disk:
        case Unreadable(why):
            return SettingsChange(disk, record=recorded, refused=why, aborts=True)
        case Obstacle(what):
            return SettingsChange(disk, record=recorded, refused=what)
        case Absent():
            return _absent(disk, recorded, wanted, again=again)
        case Regular():
            try:
                return _present(disk, recorded, wanted, read_blob, again=again)
            except (NotSettingsError, UnicodeDecodeError) as error:
                return SettingsChange(disk, record=recorded, refused=str(error))


def _absent(disk: Disk, recorded: Merged | None, wanted: Entries, *, again: bool) -> SettingsChange:
    if not wanted:
        return SettingsChange(disk)
    if recorded and not again:
        return SettingsChange(disk, record=recorded)
    data = (settings_text.add("{}", wanted) + "\n").encode()
    return SettingsChange(disk, write=data, record=Merged(wanted, digest(data), None))


def _present(
    disk: Regular,
    recorded: Merged | None,
    wanted: Entries,
    read_blob: Callable[[str], bytes | None],
    *,
    again: bool,
) -> SettingsChange:
    text = disk.data.decode("utf-8")
    settings_text.parse(text)
    backup = recorded is not None and disk.sha256 != recorded.after
    if recorded and wanted and not again and _leave(text, recorded, wanted):
        return SettingsChange(disk, record=recorded, keep=_kept(recorded, read_blob))
    bare = _without(disk, recorded, text, read_blob)
    if not wanted:
        return _taken_out(disk, bare, backup=backup)
    before = (bare or b"{}").decode()
    new = settings_text.add(before, wanted).encode()
    # What the user had put there is not ours to take out again.
    ours = settings_text.missing(before, wanted)
    record = Merged(ours, digest(new), digest(bare) if bare is not None else None)
    write = new if new != disk.data else None
    return SettingsChange(disk, write=write, record=record, keep=bare, backup=backup)


def _leave(text: str, recorded: Merged, wanted: Entries) -> bool:
    """Whether the file stays: nothing new is wanted, or the user has taken all of ours out."""
    if dict(recorded.entries) == dict(wanted):
        return True
    return bool(recorded.entries) and not settings_text.present(text, recorded.entries)


def _kept(recorded: Merged, read_blob: Callable[[str], bytes | None]) -> bytes | None:
    return read_blob(recorded.before) if recorded.before else None


def _without(
    disk: Regular, recorded: Merged | None, text: str, read_blob: Callable[[str], bytes | None]
) -> bytes | None:
    """Return the file as it is without our entries; None if it would not be there."""
    if recorded is None:
        return disk.data
    if disk.sha256 == recorded.after:
        kept = _kept(recorded, read_blob)
        if recorded.before is None or kept is not None:
            return kept
    bare = settings_text.remove(text, recorded.entries)
    return None if recorded.before is None and not settings_text.parse(bare) else bare.encode()


def _taken_out(disk: Regular, bare: bytes | None, *, backup: bool) -> SettingsChange:
    if bare is None:
        return SettingsChange(disk, remove=True, backup=backup)
    note = None
    if b"fleet-rlm/hooks/" in bare:
        note = f"{PATH} still holds a hook of fleet-rlm that you have edited; take it out by hand."
    return SettingsChange(disk, write=bare if bare != disk.data else None, note=note, backup=backup)
