"""The checks can fail: each has a broken interpreter that fails it, and only it."""

from __future__ import annotations

import os

import pytest

from conformance.checks import CHECKS
from conformance.mutants import MUTANTS

_EVERY_PAIR = bool(os.environ.get("FLEET_RLM_TEST_EVERY_PAIR"))  # minutes instead of seconds


def test_each_check_has_its_mutant() -> None:
    """No check is there that nothing has ever failed."""
    assert list(MUTANTS) == list(CHECKS)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_fails_its_own_check_and_no_other(name: str) -> None:
    """What is broken is noticed by the one check that is about it, and by no other."""
    assert [name] == [check for check in CHECKS if _is_near(check, name) and _fails(check, MUTANTS[name])]


def _is_near(check: str, name: str) -> bool:
    """Whether a check could take a mutant for its own: all of them, or to be quick, those of the same family."""
    return _EVERY_PAIR or check.partition(".")[0] == name.partition(".")[0]


def _fails(check: str, mutant: type) -> bool:
    try:
        CHECKS[check](mutant)
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 - however a check fails
        return True
    return False
