"""Every kind of sandbox that the shared suites run against. Adding one is one entry in ``KINDS``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from fleet_rlm.interpreter import LocalSandboxInterpreter, SandboxInterpreter, TrustedInterpreter
from fleet_rlm.sandboxes.local import LocalSandbox
from fleet_rlm.sandboxes.local.choose import candidates

__all__ = ["KINDS", "Kind", "each_kind", "usable"]


@dataclass(frozen=True)
class Kind:
    """One sandbox as the suites see it.

    Attributes:
        name: shown in test ids.
        make: makes an interpreter from the keyword arguments all kinds share.
        missing: why it cannot run here, or None.
        confined: whether code is kept from processes, files and network.
    """

    name: str
    make: Callable[..., SandboxInterpreter]
    missing: Callable[[], str | None] = lambda: None
    confined: bool = True

    def __call__(self, *args: Any, **options: Any) -> SandboxInterpreter:
        """Make an interpreter; nothing is started."""
        return self.make(*args, **options)


def _local(confinement: str) -> Kind:
    """The embedded sandbox under one confinement."""

    def missing() -> str | None:
        sandbox = LocalSandbox(confinement=confinement)
        (candidate,) = candidates(confinement)
        problem = candidate.unavailable(sandbox.policy)
        return None if problem is None else problem.reason

    make = partial(LocalSandboxInterpreter, confinement=confinement, memory=1 << 30)
    return Kind(f"local[{confinement}]", make, missing)


KINDS = (
    Kind("trusted", TrustedInterpreter, confined=False),
    _local("bwrap"),
    _local("landlock"),
)


def usable(kind: Kind) -> Kind:
    """Return ``kind`` if it can run here; without it a developer's run skips, and CI fails."""
    reason = kind.missing()
    if reason is not None:
        if os.environ.get("FLEET_RLM_TEST_CI") or "CI" in _STARTED_WITH:
            pytest.fail(f"{kind.name} cannot run here: {reason}")
        pytest.skip(reason)
    return kind


def each_kind(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a test or a suite once for every kind, as its ``kind`` fixture."""
    return pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name, indirect=True)(function)


_STARTED_WITH = frozenset(os.environ)  # tests run with an environment of their own, in which CI is not set
assert sys.version_info >= (3, 10)
