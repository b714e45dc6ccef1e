"""Older versions of Landlock: what they do not cover, the filters do. This kernel plays their part."""

from __future__ import annotations

import pytest
from local_escapes import ESCAPES, EXPECTED, NEEDS_ROOT
from local_mutants import Mutant, Mutated, MutatedSandbox

from conftest import Driver
from fleet_rlm.driver.lockdown import landlock
from fleet_rlm.sandboxes.local.landlock import judge

OLDER = range(1, landlock.NEWEST_ABI)
DIFFERENT = {1: {"truncate_outside": "EPERM"}, 2: {"truncate_outside": "EPERM"}}


@pytest.mark.parametrize("abi", OLDER)
def test_no_escape_succeeds_on_an_older_kernel(abi, tmp_path, facts):
    """Every attempt ends as it does on this kernel, but for those that a filter now answers first."""
    edit = ("driver/lockdown/landlock.py", f"NEWEST_ABI = {landlock.NEWEST_ABI}", f"NEWEST_ABI = {abi}")
    made = Driver(MutatedSandbox(Mutated(Mutant("landlock", edits=(edit,)), tmp_path)))
    try:
        made.load_escapes(facts)
        found = {name: made.run(f"print(outcome({name!r}, facts))") for name in ESCAPES}
        expected = {name: EXPECTED[name]["landlock"] for name in ESCAPES} | DIFFERENT.get(abi, {})
        assert {name: found[name] for name in expected.keys() - NEEDS_ROOT} == {
            name: expected[name] for name in expected.keys() - NEEDS_ROOT
        }
        assert "escaped" not in found.values()
    finally:
        made.close()


def test_this_kernel_is_as_new_as_the_rules():
    """Otherwise the newest of them would go untested."""
    assert landlock.version() == landlock.NEWEST_ABI


@pytest.mark.parametrize(
    ("abi", "enough"), [(abi, abi >= landlock.SCOPED_SIGNALS_ABI) for abi in range(1, 8)]
)
def test_processes_need_a_landlock_that_scopes_signals(abi, enough):
    """Without it they could signal the user's other processes; without processes any version will do."""
    assert judge(abi, 0, processes=False) is None
    problem = judge(abi, 0, processes=True)
    assert (problem is None) == enough
    if problem:
        assert f"(version {abi}) cannot keep new processes from signalling" in problem.reason
