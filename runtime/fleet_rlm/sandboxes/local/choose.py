"""Which confinement is used: the first that works here, or the one that was asked for."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from fleet_rlm.errors import ConfigurationError, ConfinementError
from fleet_rlm.sandboxes.local.bwrap import Bwrap
from fleet_rlm.sandboxes.local.landlock import Landlock
from fleet_rlm.sandboxes.local.seatbelt import Seatbelt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet_rlm.sandboxes.local.launch import Confinement, Unavailable
    from fleet_rlm.sandboxes.local.policy import Policy

__all__ = ["SETTING", "candidates", "choose", "refuse"]

SETTING = "FLEET_RLM_CONFINEMENT"
"""Environment variable that forces one confinement."""

_ALL: tuple[Confinement, ...] = (Bwrap(), Landlock(), Seatbelt())


def candidates(forced: str | None = None, platform: str = sys.platform) -> tuple[Confinement, ...]:
    """Return what to try, best first.

    Args:
        forced: name of the only one to try; None takes it from the environment, else all of the platform's.
        platform: as ``sys.platform``.

    Raises:
        ConfigurationError: there is no confinement of that name.
    """
    wanted = forced or os.environ.get(SETTING)
    if not wanted:
        return tuple(one for one in _ALL if (one.name == "seatbelt") == (platform == "darwin"))
    named = tuple(one for one in _ALL if one.name == wanted)
    if not named:
        names = ", ".join(one.name for one in _ALL)
        raise ConfigurationError(
            f"there is no confinement {wanted!r}.", remedy=f"Set {SETTING} to one of {names}."
        )
    return named


def choose(policy: Policy, among: Sequence[Confinement]) -> Confinement:
    """Return the first of ``among`` that can enforce ``policy`` here.

    Raises:
        ConfinementError: none can.
    """
    tried: list[tuple[str, Unavailable]] = []
    for confinement in among:
        problem = confinement.unavailable(policy)
        if problem is None:
            return confinement
        tried.append((confinement.name, problem))
    raise refuse(tried)


def refuse(tried: Sequence[tuple[str, Unavailable]]) -> ConfinementError:
    """The error that names what was tried, why each failed, and what would help."""
    why = "; ".join(f"{name}: {problem.reason}" for name, problem in tried) or "this platform has none"
    remedies = [problem.remedy for _, problem in tried]
    return ConfinementError(
        f"no confinement works on this machine, so nothing was run ({why}).",
        remedy=" Or: ".join([*remedies, "run remotely with --sandbox modal."]),
    )
