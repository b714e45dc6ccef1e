"""Nothing outlives its host: processes and folders, also when the host is killed."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from conftest import Driver, need
from fleet_rlm.errors import SandboxError
from fleet_rlm.sandboxes.local import LocalSandbox
from fleet_rlm.sandboxes.local.bwrap import Bwrap
from fleet_rlm.sandboxes.local.launch import Launch
from fleet_rlm.sandboxes.local.session import Session, sweep

HOST = """
import sys, tempfile
from fleet_rlm.sandboxes.local import LocalSandbox
from fleet_rlm.sandboxes.local.bwrap import Bwrap
from fleet_rlm.host.client import DriverClient, Limits
tempfile.tempdir = sys.argv[1]
client = DriverClient(LocalSandbox(confinement=sys.argv[2], allow_subprocess=sys.argv[3] == "processes"), Limits())
client.start()
code = '''
import sys
if {processes}:
    import subprocess
    subprocess.Popen(["sh", "-c", "trap '' TERM HUP INT; sleep {marker} & sleep {marker}"], start_new_session=True)
print("up", file=open("up", "w"))
while True: pass
'''
import threading
threading.Thread(target=client.execute, args=(code.format(processes=sys.argv[3] == "processes", marker=sys.argv[4]), {}),
                 kwargs={"step": 0}, daemon=True).start()
print("started", flush=True)
sys.stdin.read()
"""
SECONDS = 10
COUNTER = itertools.count()


def _below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.fixture
def marker() -> str:
    """How long the processes of this test sleep, which tells them from those of any other."""
    return f"977.{os.getpid()}{next(COUNTER)}"


def _sleepers(marker: str) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if (one.info["cmdline"] or [])[1:] == [marker]]


def _wait_until(condition) -> bool:
    end = time.monotonic() + SECONDS
    while not (true := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return bool(true)


@pytest.mark.parametrize("allowed", ["alone", "processes"])
def test_a_killed_host_leaves_no_process(confinement, allowed, base, marker):
    """Ten seconds after SIGKILL nothing of a looping session runs, what it started in other sessions included."""
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(base.parent), confinement, allowed, marker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert host.stdout.readline() == b"started\n"
        if allowed == "processes":
            assert _wait_until(lambda: len(_sleepers(marker)) == 2)
        assert _wait_until(lambda: len(_below(host.pid)) >= 2)
        family = [*_below(host.pid), *_sleepers(marker)]
    finally:
        host.kill()
        host.wait()
    assert _wait_until(
        lambda: not any(one.is_running() and one.status() != "zombie" for one in _alive(family))
    )
    assert len(list(base.iterdir())) == 1
    sweep(base)
    assert list(base.iterdir()) == []


def _alive(family: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in family if psutil.pid_exists(one.pid)]


@pytest.mark.parametrize("allowed", [False, True])
def test_closing_ends_every_process(confinement, allowed, marker):
    """Also while code loops, and what it has started in a session of its own."""
    others = {one.pid for one in _below(os.getpid())}
    made = Driver(LocalSandbox(confinement=confinement, allow_subprocess=allowed), timeout=1)
    if allowed:
        made.run(f"import subprocess; subprocess.Popen(['sleep', '{marker}'], start_new_session=True)")
        assert _wait_until(lambda: len(_sleepers(marker)) == 1)
    before = [one for one in _below(os.getpid()) if one.pid not in others]
    made.close()
    assert _wait_until(
        lambda: not any(one.is_running() and one.status() != "zombie" for one in _alive(before))
    )
    assert _sleepers(marker) == []


def test_a_killed_worker_takes_its_processes_along(confinement, marker):
    """What the last worker has started does not reach into the next one's life."""
    made = Driver(LocalSandbox(confinement=confinement, allow_subprocess=True))
    made.run(f"import subprocess; subprocess.Popen(['sleep', '{marker}'], start_new_session=True)")
    assert _wait_until(lambda: len(_sleepers(marker)) == 1)
    assert made.outcome("import os; os._exit(3)").kind == "lost"
    assert _wait_until(lambda: _sleepers(marker) == [])
    assert made.run("print('on')") == "on"
    made.close()


def _session() -> Session:
    return Session.create(environment=(), visible=())


def test_a_session_is_private_and_removed(base):
    """Its folder is the user's alone, and gone after close, twice if need be."""
    session = _session()
    assert session.folder.stat().st_mode & 0o777 == 0o700
    assert base.stat().st_mode & 0o777 == 0o700
    session.close()
    session.close()
    assert list(base.iterdir()) == []


def test_folders_that_cannot_be_entered_are_removed_too(base):
    """Hostile code may take its own rights away."""
    session = _session()
    locked = Path(session.tmp) / "a"
    (locked / "b").mkdir(parents=True)
    (locked / "b" / "file").write_text("x")
    (locked / "b").chmod(0)
    locked.chmod(0)
    session.close()
    assert list(base.iterdir()) == []


def test_live_sessions_are_not_swept(base):
    """A second session leaves the first alone, and one whose host is dead is removed."""
    first = _session()
    dead = base / "session-dead"
    dead.mkdir()
    (dead / "lock").write_text("")
    second = _session()
    assert sorted(base.iterdir()) == sorted([first.folder, second.folder])
    first.close()
    second.close()


def test_a_base_folder_of_somebody_else_is_refused(base):
    """A folder that others can write in may have been put there as a trap."""
    base.mkdir(mode=0o777)
    base.chmod(0o777)
    with pytest.raises(SandboxError, match=r"belongs to somebody else.*TMPDIR"):
        _session()


def test_a_base_folder_that_is_a_link_is_refused(base):
    """So may a link."""
    (base.parent / "elsewhere").mkdir(mode=0o700)
    base.symlink_to(base.parent / "elsewhere")
    with pytest.raises(SandboxError, match="belongs to somebody else"):
        _session()


@pytest.mark.usefixtures("base")
def test_canaries_can_be_reached_from_outside(home):
    """They are real: a host process reads the file, connects to each listener, and sees the names in the home."""
    (home / "notes").write_text("x")
    (home / "venv").mkdir()
    session = Session.create(environment=("LANG",), visible=(str(home / "venv" / "lib"), "/usr/lib"))
    canaries = session.canaries
    assert Path(canaries["file"]).read_text() == "outside\n"
    assert canaries["names"] == ["notes"]
    assert canaries["environment"] == ["LANG"]
    os.kill(canaries["host"], 0)
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", canaries["tcp"])),
        (socket.AF_UNIX, canaries["unix"]),
        (socket.AF_UNIX, "\0" + canaries["abstract"]),
    ):
        with socket.socket(family) as client:
            client.connect(address)
    session.close()


def test_a_deep_temporary_folder_is_not_used(tmp_path, monkeypatch):
    """Addresses of sockets are short; the system's own folder takes its place."""
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    session = _session()
    assert session.folder.parent.parent == Path("/tmp")
    session.close()


class Broken:
    """A confinement whose command does not exist."""

    name = "broken"

    def launch(self, _policy, _session) -> Launch:
        return Launch(("/nonexistent/python",), {})


def test_a_driver_that_cannot_start_leaves_nothing(base):
    """If the command is not there, the session's folder is not either."""
    sandbox = LocalSandbox()
    with pytest.raises(SandboxError, match="cannot start /nonexistent/python"):
        sandbox.open_under(Broken(), sandbox.policy)
    assert list(base.iterdir()) == []


class Vanished:
    """bwrap, told to show something that is gone since."""

    name = "bwrap"

    def launch(self, policy, session) -> Launch:
        return Bwrap().launch(replace(policy, read=(*policy.read, "/vanished")), session)


def test_what_bwrap_says_when_it_fails_reaches_the_user(base):
    """A sandbox that ends before its driver speaks says why, and leaves nothing behind."""
    need("bwrap")
    sandbox = LocalSandbox()
    connection = sandbox.open_under(Vanished(), sandbox.policy)
    with pytest.raises(SandboxError, match="the sandbox has ended: bwrap: Can't find source path /vanished"):
        connection.receive(10)
    connection.close()
    assert list(base.iterdir()) == []


def test_signals_of_the_terminal_do_not_reach_a_driver(confinement):
    """A driver is in a session of its own: Ctrl-C is the host's to pass on."""
    before = set(_below(os.getpid()))
    made = Driver(LocalSandbox(confinement=confinement))
    family = set(_below(os.getpid())) - before
    assert len(family) >= 2
    assert os.getsid(0) not in {os.getsid(one.pid) for one in family}
    made.close()
