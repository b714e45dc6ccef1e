"""The probe: drivers with one wall missing are found out, and nothing runs in them."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from local_mutants import Mutant, Mutated

from conftest import need
from fleet_rlm.driver.lockdown.attempts import BLOCKED, attempts
from fleet_rlm.errors import ConfinementError
from fleet_rlm.sandboxes.local import LocalSandbox
from fleet_rlm.sandboxes.local.report import examine, first_frame

# The driver's own walls, each taken down by one edit of its sources: (file, what stands there, what instead).
NO_FILES = ("driver/lockdown/__init__.py", "landlock.guard_files(policy)", "pass")
NO_SCOPE = ("driver/lockdown/__init__.py", "landlock.scope()", "pass")
NO_DRIVER_FILTER = ("driver/lockdown/__init__.py", "seccomp.driver_rules(abi)", "[]")
NO_WORKER_FILTER = (
    "driver/lockdown/__init__.py",
    'seccomp.worker_rules(os.getpid(), processes=policy["processes"])',
    "[]",
)
NO_MEMORY_LIMIT = ("driver/lockdown/__init__.py", "_limit(resource.RLIMIT_DATA, policy", "print(policy")
DESCRIPTORS_KEPT = ("driver/child.py", "os.closerange(", "max(")
NO_FILTERS = (NO_DRIVER_FILTER, NO_WORKER_FILTER)

BY_DRIVER_FILTER = {
    *("file_handles", "io_uring", "keyrings", "mounts", "namespaces", "ptrace", "shared_memory", "udp"),
}
BY_WORKER_FILTER = {"anonymous_files", "execute", "fork", "limits"}


MUTANTS = {
    "landlock without Landlock": Mutant(
        "landlock", {"read_file", "list_home", "write_file"}, edits=(NO_FILES, NO_SCOPE)
    ),
    "landlock without the driver's filter": Mutant(
        "landlock", BY_DRIVER_FILTER | {"unix_socket"}, edits=(NO_DRIVER_FILTER,)
    ),
    "landlock without the worker's filter": Mutant("landlock", BY_WORKER_FILTER, edits=(NO_WORKER_FILTER,)),
    "landlock with nothing": Mutant(
        "landlock",
        {
            *BY_DRIVER_FILTER,
            *BY_WORKER_FILTER,
            *("abstract_socket", "list_home", "memory", "read_file", "read_memory", "signal_host", "tcp"),
            *("unix_socket", "write_file"),
        },
        edits=(NO_FILES, NO_SCOPE, *NO_FILTERS, NO_MEMORY_LIMIT),
    ),
    "landlock with the supervisor's descriptors": Mutant(
        "landlock", {"descriptors"}, edits=(DESCRIPTORS_KEPT,)
    ),
    "landlock without a memory limit": Mutant("landlock", {"memory"}, edits=(NO_MEMORY_LIMIT,)),
    "landlock with the host's environment": Mutant(
        "landlock", {"environment"}, environment={"FLEET_RLM_TEST_KEY": "secret"}
    ),
    "landlock with the home readable": Mutant("landlock", {"list_home"}, opened=("home",)),
    "bwrap without the worker's filter": Mutant("bwrap", BY_WORKER_FILTER, edits=(NO_WORKER_FILTER,)),
    "bwrap without a memory limit": Mutant("bwrap", {"memory"}, edits=(NO_MEMORY_LIMIT,)),
    "bwrap with the home bound": Mutant("bwrap", {"list_home"}, opened=("home",)),
    "bwrap with the temporary folder bound": Mutant(
        "bwrap", {"read_file", "write_file"}, opened=("session",)
    ),
    "bwrap with the host's environment": Mutant(
        "bwrap", {"environment"}, without=("--clearenv",), environment={"FLEET_RLM_TEST_KEY": "secret"}
    ),
    "bwrap with the host's network and no filters": Mutant(
        "bwrap",
        BY_DRIVER_FILTER | BY_WORKER_FILTER | {"tcp", "abstract_socket"},
        edits=(*NO_FILTERS, NO_SCOPE),
        flags=("--share-net",),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_wall_is_found_out(name, tmp_path, home):
    """The probe names exactly the holes of each broken confinement, and it is refused."""
    mutant = MUTANTS[name]
    need(mutant.confinement)
    (home / "key.txt").write_text("secret")
    sandbox = LocalSandbox()
    connection = sandbox.open_under(Mutated(mutant, tmp_path), sandbox.policy)
    try:
        ready = first_frame(connection, 20).header
    finally:
        connection.close()
    assert {attempt for attempt, answer in ready["probe"].items() if answer != BLOCKED} == {
        hole for hole in mutant.holes if _possible(hole)
    }
    with pytest.raises(ConfinementError, match="does not hold"):
        sandbox.verify(ready)


def _possible(hole: str) -> bool:
    """Whether this user could do it without any wall: a driver of root's has given up capabilities already."""
    return hole != "read_memory" or os.geteuid() != 0


def test_what_was_not_attempted_is_not_believed():
    """A driver that leaves an attempt out, or reports one of which nobody knows that it failed, is refused."""
    sandbox = LocalSandbox()
    expected = dict.fromkeys(attempts(sandbox.policy.for_driver("", 0)), BLOCKED)
    sandbox.verify({"probe": expected})
    for probe in ({}, {**expected, "more": "open"}, {name: expected[name] for name in list(expected)[1:]}):
        with pytest.raises(ConfinementError, match="does not hold"):
            sandbox.verify({"probe": probe})


@pytest.mark.parametrize("processes", [False, True])
def test_a_whole_confinement_is_believed(confinement, processes):
    """Every attempt fails in each confinement as it is, whether or not processes are allowed."""
    sandbox = LocalSandbox(confinement=confinement, allow_subprocess=processes)
    (finding,) = examine(sandbox)
    assert finding == replace(finding, name=confinement, holds=True, used=True, problem="", remedy="")
    assert set(finding.probe) == set(attempts(sandbox.policy.for_driver("", 0)))


def test_the_threat_model_names_every_attempt():
    """Readers of the doctor's report find what each attempt is about."""
    text = (Path(__file__).parents[3] / "docs" / "threat-model.md").read_text(encoding="utf-8")
    assert {f"`{name}`" for name in attempts(LocalSandbox().policy.for_driver("", 0))} <= set(
        re.findall(r"`\w+`", text)
    )
