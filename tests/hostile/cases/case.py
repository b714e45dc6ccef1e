"""One hostile cell."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

from hostile.outcomes import Outcome

__all__ = ["Case", "case"]


@dataclass(frozen=True)
class Case:
    """A cell and the ways in which it may end.

    Attributes:
        name: shown in the test id.
        code: the cell.
        expected: the ends that are allowed; more than one where Python versions or confinements differ.
        spins: runs until it is interrupted.
        needs: what the case must not be run without: ``confined`` or ``3.11``.
        spoils: may change how later cells in the same worker behave, so its session is not looked at again.
        lingers: leaves threads or processes behind, so its session is looked at, but no other case gets it.
    """

    name: str
    code: str
    expected: tuple[Outcome, ...]
    spins: bool = False
    needs: str = ""
    spoils: bool = False
    lingers: bool = False


def case(name: str, code: str, *expected: Outcome, **flags: Any) -> Case:
    """Make a case from indented code."""
    return Case(name, textwrap.dedent(code).strip("\n"), expected, **flags)
