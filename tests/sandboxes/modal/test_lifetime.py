"""How sandboxes end: by us, by a host that dies, by nobody ever coming."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from fleet_rlm.errors import SandboxError
from fleet_rlm.sandboxes.modal import ModalSandbox, ModalSettings
from fleet_rlm.sandboxes.modal.delivery import guest_program
from fleet_rlm.sandboxes.modal.launch import Launch

START = """
import sys, time
from fleet_rlm.host.client import DriverClient, Limits
from fleet_rlm.sandboxes.modal import ModalSandbox, ModalSettings
client = DriverClient(ModalSandbox(ModalSettings(heartbeat=1.0)), Limits())
client.start()
print(client.execute("print('up')", {}, step=0).output, flush=True)
"""


def test_close_ends_the_sandbox(session, modal_plane):
    """After ``close`` nothing runs at Modal."""
    session().close()
    assert modal_plane.running == []
    assert modal_plane.sandboxes[-1].state == "terminated"


def test_close_lets_a_volume_be_written(session, modal_plane, wait_until):
    """With a volume the driver is let end first, so that what it wrote is committed before the end."""
    client = session(volume_name="notes")
    client.execute("open('/data/note.txt', 'w').write('kept')")
    client.close()
    wait_until(lambda: modal_plane.sandboxes[-1].state != "running")
    assert (modal_plane.volumes.path(modal_plane.volumes.names["notes"]) / "note.txt").read_text() == "kept"
    process = next(p for name, p in modal_plane.sandboxes[-1].processes.items() if name != "entrypoint")
    assert process.code.result() == 0


def test_sandbox_ends_when_its_host_is_killed(modal_plane, wait_until):
    """A host that is killed leaves a sandbox that ends by itself when no heartbeat comes."""
    host = subprocess.Popen(
        [sys.executable, "-c", START + "time.sleep(60)"],
        env={**os.environ, **modal_plane.settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert host.stdout.readline().strip() == "up"
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    assert len(modal_plane.running) == 1
    wait_until(lambda: not modal_plane.running)
    assert modal_plane.sandboxes[-1].state == "exited"


def test_heartbeat_keeps_an_idle_session(session):
    """A session that is silent for longer than the heartbeat allows goes on, whatever its host is doing."""
    client = session(heartbeat=0.8)
    client.execute("x = 7")
    time.sleep(2.0)
    assert client.execute("print(x)").output.strip() == "7"


def test_sandbox_ends_when_no_driver_comes(modal_plane, wait_until):
    """A sandbox whose driver never starts (its host died in between) ends after its idle time."""
    launch = Launch(ModalSettings(idle_timeout=1))
    launch.check()
    asyncio.run(launch.create())
    wait_until(lambda: not modal_plane.running)


def test_watch_ends_by_itself_when_no_driver_comes(tmp_path):
    """The sandbox's main program needs nobody to end it: neither Modal's idle time nor a host."""
    program = [sys.executable, "-c", guest_program("watch.py"), str(tmp_path / "lock"), "0.3"]
    assert subprocess.run(program, check=False, timeout=10).returncode == 3


def test_close_while_the_sandbox_is_being_created(modal_plane, wait_until):
    """A sandbox that comes up after ``close`` is ended then; ``close`` itself does not wait for it."""
    modal_plane.inject("SandboxCreateV2", delay=3.0)
    connection = ModalSandbox(ModalSettings()).open()
    wait_until(lambda: modal_plane.record.requests("SandboxCreateV2"))
    started = time.monotonic()
    connection.close()
    assert time.monotonic() - started < 2.0
    wait_until(lambda: modal_plane.sandboxes and modal_plane.sandboxes[-1].state == "terminated")
    assert "TaskExecStart" not in modal_plane.record.counts


def test_close_does_not_wait_for_a_server_that_is_silent(session, modal_plane):
    """Ctrl-C must end within two seconds, also when Modal does not answer."""
    client = session(volume_name="notes")
    modal_plane.inject("SandboxTerminateV2", delay=10.0, times=None)
    modal_plane.inject("TaskExecStdinWrite", delay=10.0, times=None)
    started = time.monotonic()
    client.close()
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize(
    "ending", ["", "client.close()", "sys.exit(3)", "raise ValueError", "client.interrupt()"]
)
def test_host_process_ends_promptly(python, ending):
    """However a host ends, its process does not hang on threads that still talk to Modal."""
    started = time.monotonic()
    done = python(START + ending)
    assert done.stdout.strip() == "up"
    assert time.monotonic() - started < 15
    assert "modal" not in done.stderr
    assert done.returncode == {"sys.exit(3)": 3, "raise ValueError": 1}.get(ending, 0)


def test_starts_may_overlap(modal_plane):
    """Sessions started at the same time from several threads all come up."""
    connections = [ModalSandbox(ModalSettings(app_name="overlapping")).open() for _ in range(4)]
    assert all(connection.receive(20.0).startswith(b'{"type":"ready"') for connection in connections)
    for connection in connections:
        connection.close()
    assert modal_plane.running == []


@pytest.mark.usefixtures("modal_plane")
def test_prepared_sandbox_reports_its_failure_when_it_is_opened():
    """What fails in the background is not lost: the connection says it."""
    sandbox = ModalSandbox(ModalSettings(secret_name="nowhere"))
    sandbox.prepare()
    connection = sandbox.open()
    with pytest.raises(SandboxError, match="nowhere"):
        connection.receive(20.0)
    with pytest.raises(SandboxError, match="nowhere"):
        connection.send(b"{}")


@pytest.mark.parametrize("slow", ["AppGetOrCreate", "ImageJoinStreaming", "SandboxCreateV2", "TaskExecStart"])
def test_host_that_gives_up_during_the_start_ends_quietly(modal_plane, python, slow):
    """Ctrl-C while Modal is slow (an image is being built): the process ends at once and prints no traceback."""
    modal_plane.images.clear()
    modal_plane.inject(slow, delay=8.0, times=None)
    give_up = START.replace(
        "client.start()",
        "threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()\ntry:\n    client.start()\nexcept KeyboardInterrupt:\n    client.close()\n    print('gave up', flush=True)\n    sys.exit(130)",
    )
    started = time.monotonic()
    done = python(
        "import os, signal, threading\n" + give_up, PYTHONWARNINGS="ignore"
    )  # the SDK's, of an old Python
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("gave up", "", 130)
    assert time.monotonic() - started < 6
