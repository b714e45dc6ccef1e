"""Which confinements work on this machine, each proven by a driver started in it: for the doctor."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fleet_rlm.errors import ConfinementError, SandboxError
from fleet_rlm.protocol import Frame, FrameError, FrameReader
from fleet_rlm.sandboxes.local import choose

if TYPE_CHECKING:
    from fleet_rlm.sandboxes.base import Connection
    from fleet_rlm.sandboxes.local.launch import Confinement
    from fleet_rlm.sandboxes.local.policy import Policy
    from fleet_rlm.sandboxes.local.sandbox import LocalSandbox

__all__ = ["Finding", "examine", "first_frame"]

_START_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """What was found out about one confinement.

    Attributes:
        name: ``bwrap``, ``landlock`` or ``seatbelt``.
        holds: whether a driver was started in it and every attempt to break out failed.
        used: whether the sandbox would use it: the first one that is available.
        problem: why it cannot be used or does not hold, and "".
        remedy: what would help, or "".
        probe: outcome of each attempt, "blocked" or "open".
        milliseconds: from starting the driver to its first word.
    """

    name: str
    holds: bool
    used: bool = False
    problem: str = ""
    remedy: str = ""
    probe: dict[str, str] = field(default_factory=dict)
    milliseconds: float = 0.0


def examine(sandbox: LocalSandbox) -> tuple[Finding, ...]:
    """Try every confinement that ``sandbox`` would consider, in order.

    Raises:
        ConfigurationError: a confinement was forced that does not exist.
        UsageError: the volume cannot be used.
    """
    policy = sandbox.policy
    findings: list[Finding] = []
    for confinement in choose.candidates(sandbox.confinement):
        problem = confinement.unavailable(policy)
        if problem is not None:
            findings.append(
                Finding(confinement.name, holds=False, problem=problem.reason, remedy=problem.remedy)
            )
            continue
        used = not any(finding.used for finding in findings)
        findings.append(_tried(sandbox, confinement, policy, used=used))
    return tuple(findings)


def _tried(sandbox: LocalSandbox, confinement: Confinement, policy: Policy, *, used: bool) -> Finding:
    name, began = confinement.name, time.perf_counter()
    try:
        connection = sandbox.open_under(confinement, policy)
        try:
            ready = first_frame(connection, _START_SECONDS).header
        finally:
            connection.close()
    except SandboxError as error:
        return Finding(name, holds=False, used=used, problem=error.message, remedy=error.remedy or "")
    took, probe = (time.perf_counter() - began) * 1000, dict(ready.get("probe", {}))
    try:
        sandbox.verify(ready)
    except ConfinementError as error:
        finding = Finding(name, holds=False, problem=error.message, remedy=error.remedy or "")
    else:
        finding = Finding(name, holds=True)
    return replace(finding, used=used, probe=probe, milliseconds=took)


def first_frame(connection: Connection, seconds: float) -> Frame:
    """Return the first frame a driver says.

    Raises:
        SandboxError: it said none in time, ended, or spoke nonsense.
    """
    frames, deadline = FrameReader(), time.monotonic() + seconds
    try:
        while data := connection.receive(max(0.0, deadline - time.monotonic())):
            for frame in frames.feed(data):
                return frame
    except TimeoutError:
        raise SandboxError(f"the driver was not ready within {seconds:.0f} seconds.") from None
    except FrameError as error:
        raise SandboxError(f"the driver sent what is not a frame: {error}.") from error
    raise SandboxError("the driver ended before it was ready.")
