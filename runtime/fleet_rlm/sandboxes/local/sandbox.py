"""``local``: the embedded sandbox. Generated code on the user's own machine, confined or not run at all."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from fleet_rlm.driver.lockdown.attempts import BLOCKED, attempts
from fleet_rlm.errors import ConfinementError
from fleet_rlm.sandboxes.local import choose
from fleet_rlm.sandboxes.local.launch import BY_OTHERS, Confinement, environment
from fleet_rlm.sandboxes.local.policy import Limits, Policy, for_this_interpreter
from fleet_rlm.sandboxes.local.session import Session
from fleet_rlm.sandboxes.process import ProcessConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LocalSandbox"]


@dataclass(frozen=True)
class LocalSandbox:
    """Runs drivers under the first confinement that works here: bwrap, Landlock with filters, or seatbelt.

    Attributes:
        volume: host folder that code can write in as ``/data``, or None.
        allow_subprocess: whether code may start processes; the system's programs are then readable.
        limits: bounds on memory, files and descriptors.
        packages: installed distributions that code can import, with what they require.
        confinement: name of the only one to use; None obeys ``FLEET_RLM_CONFINEMENT``, or
            tries them in order.
    """

    name: ClassVar[str] = "local"
    start_timeout: ClassVar[float] = 60.0

    volume: str | None = None
    allow_subprocess: bool = False
    limits: Limits = field(default_factory=Limits)
    packages: tuple[str, ...] = ("numpy", "pandas")
    confinement: str | None = None

    @property
    def description(self) -> str:
        """What code in this sandbox can and cannot do, for the planner."""
        processes = "Subprocesses are allowed." if self.allow_subprocess else "No subprocesses."
        volume = (
            "Files written under /data with save_to_volume persist." if self.volume else "No /data volume."
        )
        return (
            "An isolated sandbox without network or host files. The standard library and, if installed,"
            f" {' and '.join(self.packages)} can be imported. {processes} Write scratch files only in the"
            f" current folder (tempfile works); they are gone after the session. {volume}"
        )

    @property
    def policy(self) -> Policy:
        """What this sandbox allows, for this machine and interpreter.

        Raises:
            UsageError: the volume cannot be used.
        """
        return for_this_interpreter(
            self.limits, packages=self.packages, volume=self.volume, processes=self.allow_subprocess
        )

    def open(self) -> ProcessConnection:
        """Start a confined driver. See ``sandboxes.base.Sandbox``."""
        policy = self.policy
        return self.open_under(choose.choose(policy, choose.candidates(self.confinement)), policy)

    def open_under(self, confinement: Confinement, policy: Policy) -> ProcessConnection:
        """Start a driver under one confinement.

        Raises:
            SandboxError: it cannot be started.
        """
        session = Session.create(
            environment=(*environment("", processes=policy.processes), *BY_OTHERS),
            visible=policy.paths(),
        )
        try:
            launch = confinement.launch(policy, session)
            connection = ProcessConnection.start(launch.argv, env=launch.env, cwd="/", on_close=session.close)
        except BaseException:
            session.close()
            raise
        weakref.finalize(connection, session.close).atexit = False  # if it is dropped and never closed
        return connection

    def verify(self, ready: Mapping[str, Any]) -> None:
        """Believe a confinement only if every attempt to break out was made, and failed.

        Args:
            ready: header of the driver's ``ready`` frame.

        Raises:
            ConfinementError: an attempt succeeded, or was not made.
        """
        policy = self.policy
        answers = ready.get("probe", {})
        expected = attempts(policy.for_driver("", 0))
        holes = sorted(name for name in {*expected, *answers} if answers.get(name) != BLOCKED)
        if holes:
            raise ConfinementError(
                f"the confinement does not hold on this machine ({', '.join(holes)}), so nothing was run.",
                remedy=f"See `fleet-rlm doctor`; set {choose.SETTING} to another, or use --sandbox modal.",
            )
