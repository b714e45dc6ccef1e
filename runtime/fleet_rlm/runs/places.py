"""Which sandbox a run uses, and how interpreters are made in it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleet_rlm.errors import UsageError
from fleet_rlm.runs import wiring
from fleet_rlm.runs.progress import Preparing, ignore

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet_rlm.config import Settings
    from fleet_rlm.interpreter import SandboxInterpreter
    from fleet_rlm.runs.options import RunOptions
    from fleet_rlm.runs.progress import Listener
    from fleet_rlm.sandboxes.base import Sandbox
    from fleet_rlm.sandboxes.local import LocalSandbox

__all__ = ["Factory", "Place", "choose", "local_sandbox"]

_EVERYWHERE = ("local", "modal", "trusted")
_OPTIONS = (
    ("--secret-name", "secret_name", ("modal",)),
    ("--memory", "memory", ("local", "modal")),
    ("--allow-subprocess", "allow_subprocess", _EVERYWHERE),
    ("--volume-name", "volume_name", _EVERYWHERE),
)
_MIB = 1 << 20
_MODAL_MEMORY = 1024  # MiB requested at least, as `ModalSettings` does
_MODAL_SPARE = 60  # seconds of life beyond the run, so that the run ends it and not Modal
_MODAL_LONGEST = 24 * 3600


@dataclass(frozen=True)
class Place:
    """A sandbox that was chosen, and one line on how code is confined in it."""

    sandbox: Sandbox
    confinement: Callable[[], str]

    @property
    def name(self) -> str:
        """``local``, ``modal`` or ``trusted``."""
        return self.sandbox.name

    def prepare(self) -> None:
        """Begin to create the sandbox where that takes long."""
        begin = getattr(self.sandbox, "prepare", None)
        if begin is not None:
            begin()

    def discard(self) -> None:
        """End what ``prepare`` began and nobody used."""
        end = getattr(self.sandbox, "discard", None)
        if end is not None:
            end()


class Factory:
    """Makes interpreters for ``dspy.RLM(interpreter_factory=…)``; safe to call from several threads.

    Args:
        sandbox: where they run.
        seconds: most seconds of one execute.
        made: is told of every interpreter.
    """

    def __init__(self, sandbox: Sandbox, seconds: float, made: Callable[[SandboxInterpreter], None]) -> None:
        from fleet_rlm.guidance import instructions  # noqa: PLC0415 - a help text does not need it

        self.execution_instructions = instructions(sandbox.description)
        self._sandbox = sandbox
        self._seconds = seconds
        self._made = made

    def __call__(self) -> SandboxInterpreter:
        """Make one; nothing is started."""
        from fleet_rlm.interpreter import SandboxInterpreter  # noqa: PLC0415 - imports dspy

        interpreter = SandboxInterpreter(sandbox=self._sandbox, execute_timeout=self._seconds)
        self._made(interpreter)
        return interpreter


def choose(settings: Settings, options: RunOptions, seconds: float, listener: Listener = ignore) -> Place:
    """Return where generated code will run. ``auto`` is ``local`` unless a setting says otherwise.

    Args:
        settings: what is configured.
        options: what this run asks for.
        seconds: how long the run may take.
        listener: is told what a remote sandbox is waiting for.

    Raises:
        UsageError: an option asks for what that sandbox does not have.
        ConfigurationError: the sandbox is not set up.
    """
    name = "local" if settings.sandbox == "auto" else settings.sandbox
    for flag, attribute, places in _OPTIONS:
        if getattr(options, attribute) and name not in places:
            raise UsageError(
                f"{flag} has no meaning in the {name} sandbox.",
                remedy=f"Leave it out, or use --sandbox {' or '.join(places)}.",
            )
    if name == "modal":
        return _modal(settings, options, seconds, listener)
    if name == "trusted":
        return _trusted(settings)
    sandbox = local_sandbox(settings, allow_subprocess=options.allow_subprocess)
    return Place(sandbox, lambda: _confinement(sandbox))


def local_sandbox(settings: Settings, *, allow_subprocess: bool = False) -> LocalSandbox:
    """Return the local sandbox as it is configured."""
    from fleet_rlm.sandboxes.local import Limits, LocalSandbox  # noqa: PLC0415 - not every run is local

    return LocalSandbox(
        volume=_volume(settings),
        allow_subprocess=allow_subprocess,
        limits=Limits(memory=settings.memory),
        confinement=None if settings.confinement == "auto" else settings.confinement,
    )


def _confinement(sandbox: LocalSandbox) -> str:
    from fleet_rlm.sandboxes.local import choose as confinements  # noqa: PLC0415 - not every run is local

    return confinements.choose(sandbox.policy, confinements.candidates(sandbox.confinement)).name


def _trusted(settings: Settings) -> Place:
    from fleet_rlm.sandboxes.trusted import TrustedSandbox  # noqa: PLC0415 - not every run is trusted

    return Place(TrustedSandbox(volume=_volume(settings)), lambda: "not confined: code has your own rights")


def _modal(settings: Settings, options: RunOptions, seconds: float, listener: Listener) -> Place:
    from fleet_rlm.sandboxes.modal import ModalSandbox, ModalSettings  # noqa: PLC0415 - not every run is remote

    limits: dict[str, Any] = {}
    if settings.memory is not None:
        limit = max(1, settings.memory // _MIB)
        limits["memory"] = (min(_MODAL_MEMORY, limit), limit)
    configured = ModalSettings(
        volume_name=settings.volume_name,
        secret_name=options.secret_name,
        timeout=min(math.ceil(seconds) + _MODAL_SPARE, _MODAL_LONGEST),
        progress=lambda line: listener(Preparing(line)),
        **limits,
    )
    return Place(ModalSandbox(configured), lambda: f"app {configured.app_name}")


def _volume(settings: Settings) -> str | None:
    """The folder of the local volume that the settings name, made if need be."""
    if not settings.volume_name:
        return None
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", settings.volume_name):
        raise UsageError(
            f"{settings.volume_name!r} cannot be the name of a volume.",
            remedy="Use letters, digits, dots, dashes and underscores.",
        )
    folder = wiring.paths().volumes / settings.volume_name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(folder)
