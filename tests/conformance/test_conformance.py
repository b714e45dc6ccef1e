"""Every check of the interpreter contract, on every kind of sandbox (promise P2)."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.checks import CHECKS
from sandbox_kinds import each_kind


@pytest.mark.parametrize("name", CHECKS)
@each_kind
def test_conformance(kind: Any, name: str) -> None:
    """The interpreter keeps this part of the contract."""
    CHECKS[name](kind)
