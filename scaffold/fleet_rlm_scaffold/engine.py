"""One engine for every command that looks at or changes an install: survey, plan, and, if asked, apply."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fleet_rlm_scaffold import __version__, plan, state
from fleet_rlm_scaffold import manifest as manifests
from fleet_rlm_scaffold.apply import ChangedMeanwhileError, apply, tidy
from fleet_rlm_scaffold.errors import LockedError, TargetError, refused
from fleet_rlm_scaffold.lock import hold
from fleet_rlm_scaffold.manifest import Manifest
from fleet_rlm_scaffold.merge import Conflict, merge
from fleet_rlm_scaffold.model import Absent, Disk, Recorded, Regular, Rendered, Unreadable, trouble
from fleet_rlm_scaffold.paths import STATE
from fleet_rlm_scaffold.plan import Action, Decision, Policy
from fleet_rlm_scaffold.root import Root, open_root
from fleet_rlm_scaffold.settings import PATH, SettingsChange, decide_settings
from fleet_rlm_scaffold.work import CONFLICT, Work, make_work, staged_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from fleet_rlm_scaffold.context import Choices
    from fleet_rlm_scaffold.settings_text import Entries

__all__ = ["Outcome", "Wanted", "read_manifest", "run"]

_ATTEMPTS = 5  # plans that somebody else's writes may overtake before we give up


@dataclass(frozen=True)
class Wanted:
    """What is to be installed.

    Attributes:
        scope: ``user`` or ``project``.
        choices: recorded for the next command; None to leave what is recorded (an uninstall).
        files: path -> rendered file, of the assets acted on.
        entries: what is to stand in the settings file; None to leave those that are there.
        acts_on: whether an asset, named ``kind/name``, is acted on; others stay as they are.
        again: add entries again that the user has taken out, for they were just asked for.
    """

    scope: str
    choices: Choices | None
    files: Mapping[str, Rendered]
    entries: Entries | None
    acts_on: Callable[[str], bool]
    again: bool = False


@dataclass(frozen=True)
class Outcome:
    """What was found, decided and done.

    Attributes:
        target: the folder.
        decisions: one a path.
        settings: what happens to the settings file.
        before: the manifest as it was; None if nothing was installed.
        written: whether anything was written.
        pending: whether there is anything to write.
        backups: folder of this run's backups, relative to the target.
    """

    target: Path
    decisions: tuple[Decision, ...]
    settings: SettingsChange
    before: Manifest | None
    written: bool = False
    pending: bool = False
    backups: str | None = None

    @property
    def aborted(self) -> bool:
        """Whether something made every write impossible."""
        return self.settings.aborts or any(d.action is Action.ABORT for d in self.decisions)

    @property
    def needs_you(self) -> bool:
        """Whether something is left for the user to do."""
        return self.settings.refused is not None or any(d.needs_you for d in self.decisions)


@dataclass(frozen=True)
class _Survey:
    """What is there."""

    manifest: Manifest | None
    manifest_bytes: bytes | None
    note: state.Note | None
    leftovers: bool
    observe: Callable[[str], Disk] = field(repr=False)
    read_blob: Callable[[str], bytes | None] = field(repr=False)


def read_manifest(target: Path) -> Manifest | None:
    """Return the record of the install in ``target``, or None if there is none.

    Raises:
        ManifestError: if it cannot be understood.
        TargetError: if the target is not safe, or the record cannot be read.
    """
    root = open_root(target, create=False)
    if root is None:
        return None
    with root:
        return _survey(root).manifest


def run(
    target: Path, wanted: Wanted, policy: Policy, *, write: bool, command: str, say: Callable[[str], None]
) -> Outcome:
    """Plan, and with ``write`` carry the plan out; plan again if somebody else wrote meanwhile.

    Args:
        target: the folder to install into.
        wanted: what is to be there.
        policy: what the user allows.
        write: False for a dry run: the same plan, no lock, no write.
        command: how another process that has to wait is told of us.
        say: told when we wait.

    Raises:
        ScaffoldError: of the kind that says what is wrong; nothing has been changed then.
    """
    for _ in range(_ATTEMPTS):
        outcome, work, manifest = _plan(target, wanted, policy)
        if not write or outcome.aborted or not outcome.pending:
            return outcome
        try:
            backups = _carry_out(target, work, manifest, command, say)
        except ChangedMeanwhileError:
            continue
        return replace(outcome, written=True, backups=backups)
    raise LockedError(
        f"Files in {target} keep changing while they are installed.", remedy="Run this again later."
    )


def _plan(target: Path, wanted: Wanted, policy: Policy) -> tuple[Outcome, Work, bytes | None]:
    root = open_root(target, create=False)
    with root or contextlib.nullcontext():
        survey = _survey(root)
        before = _before(survey, wanted, fresh=root is None or _only_ours(root, survey))
        recorded = {path: entry for path, entry in before.files.items() if wanted.acts_on(entry.asset)}
        disk = {path: survey.observe(path) for path in {*recorded, *wanted.files}}
        decisions = tuple(plan.plan(recorded, disk, wanted.files, policy, _merger(survey)))
        settings = _settings(survey, before, wanted, policy)
        staged = _staged(survey, before, decisions, uninstall=policy.uninstall)
        work = make_work(decisions, settings, before, staged, uninstall=policy.uninstall)
    return (
        Outcome(target, decisions, settings, survey.manifest, pending=_pending(survey, work)),
        work,
        survey.manifest_bytes,
    )


def _carry_out(
    target: Path, work: Work, manifest: bytes | None, command: str, say: Callable[[str], None]
) -> str | None:
    fresh = not target.exists()
    root = open_root(target, create=True)
    if root is None:
        raise TargetError(f"{target} is gone.")
    backups, done = None, False
    try:
        with root, _told(target), hold(root, command, say):
            try:
                backups = apply(root, work, manifest)
                done = True
            finally:
                tidy(root)
    finally:
        if (work.ends and "." in work.record.dirs) or (fresh and not done):
            with contextlib.suppress(OSError):
                target.rmdir()
    return backups


@contextlib.contextmanager
def _told(target: Path) -> Iterator[None]:
    """Tell a refused lock as what it is: a folder that cannot be written to."""
    try:
        yield
    except OSError as error:
        raise refused(error, str(target)) from error


def _survey(root: Root | None) -> _Survey:
    if root is None:
        return _Survey(
            None, None, None, leftovers=False, observe=lambda _: Absent(), read_blob=lambda _: None
        )
    state.check(root)
    disk = root.observe(state.MANIFEST)
    why = trouble(disk)
    if why:
        raise TargetError(
            f"{root.path / state.MANIFEST} cannot be read: {why}.",
            remedy=f"{_settle(disk)}, then run this again.",
        )
    data = disk.data if isinstance(disk, Regular) else None
    return _Survey(
        None if data is None else manifests.load(data),
        data,
        state.read_note(root),
        leftovers=bool(set(root.names(STATE)) - {"backups"}),
        observe=root.observe,
        read_blob=lambda sha: state.read_blob(root, sha),
    )


def _before(survey: _Survey, wanted: Wanted, *, fresh: bool) -> Manifest:
    """Return the record to start from: what a killed run noted is in it, version and choices are new."""
    found = survey.manifest or Manifest(__version__, wanted.scope)
    note = survey.note or state.Note()
    settings = found.settings
    if note.settings:
        disk = survey.observe(PATH)
        settings = (
            note.settings if isinstance(disk, Regular) and disk.sha256 == note.settings.after else settings
        )
    return replace(
        found,
        version=__version__,
        scope=wanted.scope,
        context=_context(found, wanted.choices),
        dirs=found.dirs | note.dirs | ({"."} if fresh else set()),
        settings=settings,
    )


def _context(found: Manifest, choices: Choices | None) -> Mapping[str, Any]:
    """Return the choices to record; groups that somebody else has installed meanwhile stay."""
    if choices is None:
        return found.context
    groups = choices.groups | frozenset(found.context.get("groups", ()))
    return replace(choices, groups=groups).recorded()


def _merger(survey: _Survey) -> plan.Merger:
    labels = ("your version", "as installed", f"fleet-rlm-scaffold {__version__}")

    def merger(_path: str, recorded: Recorded, yours: bytes, new: bytes) -> bytes | Conflict:
        return merge(survey.read_blob(recorded.sha256), yours, new, labels=labels)

    return merger


def _settings(survey: _Survey, before: Manifest, wanted: Wanted, policy: Policy) -> SettingsChange:
    disk = survey.observe(PATH)
    if wanted.entries is None:
        kept = before.settings.before if before.settings else None
        return SettingsChange(disk, record=before.settings, keep=survey.read_blob(kept) if kept else None)
    again = policy.force or policy.restore or wanted.again
    return decide_settings(disk, before.settings, wanted.entries, survey.read_blob, again=again)


def _staged(
    survey: _Survey, before: Manifest, decisions: Iterable[Decision], *, uninstall: bool
) -> dict[str, Disk]:
    decisions = tuple(decisions)
    paths = {path for decision in decisions for path in staged_paths(decision)}
    about = {decision.path for decision in decisions}
    paths |= {path for path in before.incoming if uninstall or path.removesuffix(CONFLICT) in about}
    found = {path: survey.observe(f"{state.INCOMING}/{path}") for path in sorted(paths)}
    for path, disk in found.items():
        why = trouble(disk)
        if why:
            raise TargetError(
                f"{state.INCOMING}/{path} is in the way: {why}.",
                remedy=f"{_settle(disk)}, then run this again.",
            )
    return found


def _settle(disk: Disk) -> str:
    return "Make it readable" if isinstance(disk, Unreadable) else "Move it away"


def _only_ours(root: Root, survey: _Survey) -> bool:
    """Whether the target holds nothing yet but, perhaps, what a killed first run left."""
    return survey.manifest is None and set(root.names(".")) <= {STATE}


def _pending(survey: _Survey, work: Work) -> bool:
    if work.ends:
        return survey.manifest is not None or survey.leftovers
    return not work.idle or survey.note is not None or manifests.dump(work.record) != survey.manifest_bytes
