"""The policy, and what each confinement makes of it: pure functions but for the last test."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from fleet_rlm.errors import ConfigurationError, ConfinementError, UsageError
from fleet_rlm.host.client import DriverClient
from fleet_rlm.host.outcome import Limits as ExecuteLimits
from fleet_rlm.sandboxes.local import Limits, LocalSandbox, bwrap, choose, landlock, seatbelt
from fleet_rlm.sandboxes.local.launch import Unavailable, environment
from fleet_rlm.sandboxes.local.policy import Policy

POLICY = Policy(
    python="/opt/py/bin/python3.12",
    read=("/etc/ld.so.cache", "/opt/py/bin/python3.12", "/opt/py/lib", "/srv/fleet_rlm/driver", "/usr/lib64"),
    hidden=("/opt/py/lib/python3.12/site-packages",),
    links=(("/lib64", "usr/lib64"),),
    packages=("/home/ada/venv/numpy", "/home/ada/venv/numpy.libs"),
    volume="/home/ada/notes",
    processes=False,
    limits=Limits(memory=4 << 30),
)
VARIABLES = {"HOME": "/tmp", "LANG": "C.UTF-8"}


WITH_PROCESSES = replace(POLICY, processes=True)


def test_bwrap_builds_the_root_from_nothing(snapshot):
    """The whole argument list, for reading."""
    assert "\n".join(bwrap.arguments(POLICY, VARIABLES)) == snapshot


def test_bwrap_with_processes_adds_only_a_place_for_locks():
    """Allowing processes changes nothing about what is bound, beyond the policy's own paths."""
    without, more = bwrap.arguments(POLICY, {}), bwrap.arguments(WITH_PROCESSES, {})
    assert [flag for flag in more if flag not in without] == ["--perms", "1777", "/dev/shm"]


def test_seatbelt_denies_what_it_does_not_name(snapshot):
    """The whole profile, for reading; nobody here could run it."""
    text = seatbelt.profile(POLICY, site="/private/tmp/site", write=["/private/tmp/s", '/a "b"\\c'])
    assert text == snapshot
    assert seatbelt.arguments("(version 1)", ["python", "x"]) == [
        "/usr/bin/sandbox-exec",
        "-p",
        "(version 1)",
        "python",
        "x",
    ]


def test_seatbelt_with_processes_names_the_systems_programs(snapshot):
    """Programs can be started from the system's folders, and only from there."""
    assert seatbelt.profile(WITH_PROCESSES, site="/private/tmp/site", write=["/private/tmp/s"]) == snapshot


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("bwrap: setting up uid map: Permission denied", "AppArmor"),
        ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", "AppArmor"),
        (
            "bwrap: No permissions to create a new namespace, likely because ...",
            "user namespaces are switched off",
        ),
        ("bwrap: Creating new namespace failed: Operation not permitted", "user namespaces are switched off"),
        ("bwrap: Creating new namespace failed: No space left on device", "user namespaces are switched off"),
        ("bwrap: Failed to make / slave: Operation not permitted", "mounts are not allowed here"),
        ("bwrap: pivot_root: Operation not permitted", "mounts are not allowed here"),
        ("bwrap: Unknown option --size", "too old"),
        ("bwrap: something new", "bwrap failed: bwrap: something new"),
        ("", "it said nothing"),
    ],
)
def test_what_bwrap_says_becomes_a_reason(said, reason):
    """Every known failure has a sentence and a remedy; an unknown one is passed on."""
    problem = bwrap.explain(said)
    assert reason in problem.reason
    assert problem.remedy.endswith(".")


def test_bwrap_is_ready_when_only_the_program_is_missing():
    """A trial that gets as far as starting its program, which does not exist, has set everything up."""
    assert bwrap.explain("bwrap: execvp /nonexistent: No such file or directory") is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errno.ENOSYS, "no Landlock"),
        (errno.EOPNOTSUPP, "switched off"),
        (errno.EPERM, "forbids Landlock"),
        (errno.ENOEXEC, "no system call filters"),
        (errno.ENOMEM, "Landlock failed: Cannot allocate memory"),
    ],
)
def test_what_the_kernel_says_of_landlock_becomes_a_reason(error, reason):
    """Every refusal has a sentence and a remedy."""
    problem = landlock.explain(error)
    assert reason in problem.reason
    assert problem.remedy.endswith(".")


def test_nothing_of_the_hosts_environment_is_handed_on(monkeypatch):
    """The environment is made, not filtered."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert set(environment("/tmp", processes=False)) == {
        "GLIBC_TUNABLES",
        "HOME",
        "LANG",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TMPDIR",
    }
    assert environment("/tmp", processes=True)["PATH"] == "/usr/bin:/bin"


def test_the_policy_names_this_interpreter_and_no_installed_package():
    """The base interpreter is used, also from a virtual environment; what is installed there stays out."""
    policy = LocalSandbox().policy
    assert policy.python == os.path.realpath(sys._base_executable)
    assert any(Path(os.__file__).resolve().is_relative_to(path) for path in policy.read)
    site = Path(pytest.__file__).parent.parent
    readable = [path for path in (*policy.read, *policy.packages) if site.is_relative_to(path)]
    assert [
        path for path in readable if not any(site.is_relative_to(hidden) for hidden in policy.hidden)
    ] == []


def test_the_policy_offers_packages_one_by_one_with_what_they_require():
    """numpy and pandas come with their libraries and requirements, and nothing that lies beside them."""
    offered = {Path(path).name for path in LocalSandbox().policy.packages}
    version = metadata.version("numpy")
    assert {"numpy", "numpy.libs", f"numpy-{version}.dist-info", "pandas", "dateutil", "six.py"} <= offered
    assert not offered & {"pytest", "_pytest", "dspy", "modal", "__pycache__", "bin", ".."}


def test_a_package_that_is_not_installed_is_left_out():
    """Code then meets an ImportError, as it would anywhere."""
    assert LocalSandbox(packages=("no-such-thing",)).policy.packages == ()


def test_memory_is_half_of_the_machines_by_default():
    """Two gigabytes at least; a stated limit is taken as it is."""
    default = LocalSandbox().policy.limits.memory
    assert 2 << 30 <= default <= max(2 << 30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    assert LocalSandbox(limits=Limits(memory=1 << 30)).policy.limits.memory == 1 << 30


def test_a_volume_must_be_a_folder(tmp_path):
    """A missing one is refused by name."""
    with pytest.raises(UsageError, match=r"nowhere is not a folder.*Create it"):
        _ = LocalSandbox(volume=str(tmp_path / "nowhere")).policy


@pytest.mark.parametrize("volume", ["~", "/", "~/.."])
def test_a_volume_must_not_contain_the_home(volume, home):
    """That would hand over everything that the sandbox is there to protect."""
    path = str(home.parent) if volume == "~/.." else volume
    with pytest.raises(UsageError, match="contains your home"):
        _ = LocalSandbox(volume=path).policy


class Fake:
    """A confinement that is or is not available."""

    def __init__(self, name: str, problem: Unavailable | None) -> None:
        self.name, self._problem = name, problem

    def unavailable(self, _policy):
        return self._problem


def test_the_first_confinement_that_works_is_chosen():
    """Those before it are passed over; those behind it are not asked."""
    first, second, third = Fake("a", Unavailable("no", "Do.")), Fake("b", None), Fake("c", None)
    assert choose.choose(POLICY, (first, second, third)) is second


def test_without_any_confinement_the_error_names_all_that_was_tried():
    """Each with its reason, and each remedy."""
    tried = (
        Fake("a", Unavailable("is missing", "Install a.")),
        Fake("b", Unavailable("is old", "Update b.")),
    )
    with pytest.raises(ConfinementError) as caught:
        choose.choose(POLICY, tried)
    assert str(caught.value) == (
        "no confinement works on this machine, so nothing was run (a: is missing; b: is old)."
        " Install a. Or: Update b. Or: run remotely with --sandbox modal."
    )


def test_the_order_is_bwrap_then_landlock_and_on_macos_seatbelt():
    """The best comes first."""
    assert [one.name for one in choose.candidates(platform="linux")] == ["bwrap", "landlock"]
    assert [one.name for one in choose.candidates(platform="darwin")] == ["seatbelt"]


def test_a_setting_forces_one_confinement(monkeypatch):
    """From the argument or the environment, the argument first; an unknown name is refused."""
    monkeypatch.setenv("FLEET_RLM_CONFINEMENT", "landlock")
    assert [one.name for one in choose.candidates()] == ["landlock"]
    assert [one.name for one in choose.candidates("bwrap")] == ["bwrap"]
    monkeypatch.setenv("FLEET_RLM_CONFINEMENT", "chroot")
    with pytest.raises(
        ConfigurationError, match=r"no confinement 'chroot'.*one of bwrap, landlock, seatbelt"
    ):
        choose.candidates()


def test_without_bwrap_on_path_landlock_is_used(monkeypatch, tmp_path):
    """Nothing has to be installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox = LocalSandbox()
    assert choose.choose(sandbox.policy, choose.candidates()).name == "landlock"


def test_an_old_bwrap_is_passed_over(monkeypatch, tmp_path):
    """A program that does not know an option is no confinement, and the reason says so."""
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: Unknown option --size' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sandbox = LocalSandbox()
    assert choose.choose(sandbox.policy, choose.candidates()).name == "landlock"
    with pytest.raises(ConfinementError, match=r"this bwrap is too old.*Install bubblewrap 0.5"):
        LocalSandbox(confinement="bwrap").open()


def test_seatbelt_is_refused_elsewhere():
    """Forcing it on Linux stops with the reason."""
    with pytest.raises(ConfinementError, match="seatbelt is a part of macOS"):
        LocalSandbox(confinement="seatbelt").open()


def test_the_description_says_what_code_can_do(tmp_path):
    """The planner reads it, so it is short and true."""
    plain = LocalSandbox().description
    assert "without network" in plain
    assert "No subprocesses." in plain
    assert "No /data volume." in plain
    more = LocalSandbox(allow_subprocess=True, volume=str(tmp_path)).description
    assert "Subprocesses are allowed." in more
    assert "persist" in more


def test_too_little_memory_is_refused_in_a_sentence():
    """Less than Python itself needs is a usage error with a remedy; the least that is accepted does start."""
    with pytest.raises(UsageError, match=r"1,024 bytes of memory are too little.*at least 16M"):
        LocalSandbox(limits=Limits(memory=1024)).open()
    for confinement in filter(None, ("landlock", shutil.which("bwrap") and "bwrap")):
        sandbox = LocalSandbox(limits=Limits(memory=16 << 20), confinement=confinement)
        client = DriverClient(sandbox, ExecuteLimits())
        try:
            client.start()
            assert client.execute("6 * 7", {}, step=1).output == "42\n"
        finally:
            client.close()
