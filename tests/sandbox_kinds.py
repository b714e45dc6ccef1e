"""Every kind of sandbox that the shared suites run against. Adding one is one entry in ``KINDS``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from fleet_rlm.interpreter import (
    LocalSandboxInterpreter,
    ModalInterpreter,
    SandboxInterpreter,
    TrustedInterpreter,
)
from fleet_rlm.sandboxes.local import LocalSandbox
from fleet_rlm.sandboxes.local.choose import candidates
from loopback.modal.container import refusal

__all__ = ["KINDS", "LOCAL_KINDS", "Kind", "each_kind", "each_local_kind", "usable"]

_IN_CI = bool(
    os.environ.get("CI")
)  # asked now: each test has an environment of its own, in which it is not set


@dataclass(frozen=True)
class Kind:
    """One sandbox as the suites see it.

    Attributes:
        name: shown in test ids.
        make: makes an interpreter from the keyword arguments all kinds share.
        missing: why it cannot run here, or None.
        confined: whether code is kept from starting processes.
        plane: whether it needs the loopback control plane of Modal.
    """

    name: str
    make: Callable[..., SandboxInterpreter]
    missing: Callable[[], str | None] = lambda: None
    confined: bool = False
    plane: bool = False

    def __call__(self, **options: Any) -> SandboxInterpreter:
        """Make an interpreter; nothing is started."""
        return self.make(**options)


def _local(confinement: str) -> Kind:
    """The embedded sandbox under one confinement."""

    def missing() -> str | None:
        (candidate,) = candidates(confinement)
        problem = candidate.unavailable(LocalSandbox(confinement=confinement).policy)
        return None if problem is None else problem.reason

    make = partial(LocalSandboxInterpreter, confinement=confinement, memory=1 << 30)
    return Kind(f"local[{confinement}]", make, missing, confined=True)


LOCAL_KINDS = (
    Kind("trusted", TrustedInterpreter),
    _local("bwrap"),
    _local("landlock"),
)
KINDS = (*LOCAL_KINDS, Kind("modal", ModalInterpreter, refusal, plane=True))


def usable(kind: Kind) -> Kind:
    """Return ``kind`` if it can run here; without it a developer's run skips, and CI fails."""
    reason = kind.missing()
    if reason is not None:
        (pytest.fail if _IN_CI else pytest.skip)(f"{kind.name} cannot run here: {reason}")
    return kind


def _named(kind: Kind) -> str:
    return kind.name


each_kind = pytest.mark.parametrize("kind", KINDS, ids=_named, indirect=True, scope="module")
"""Runs a test once for every kind, as its ``kind`` fixture."""

each_local_kind = pytest.mark.parametrize("kind", LOCAL_KINDS, ids=_named, indirect=True, scope="module")
"""The same for the kinds whose processes are this machine's own."""
