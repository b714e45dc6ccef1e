"""No process of a session outlives it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox_kinds import each_local_kind

HOST = """
import sys
sys.path.insert(0, sys.argv[1])
from sandbox_kinds import LOCAL_KINDS
kind = next(kind for kind in LOCAL_KINDS if kind.name == sys.argv[2])
session = kind()
session.tools["begun"] = lambda: print("begun", flush=True)
session.start()
session.execute(sys.argv[3])
"""
CELLS = {
    "loop": "begun()\nwhile True: pass",
    "stubborn": "import signal\nfor n in (1, 2, 3, 15): signal.signal(n, signal.SIG_IGN)\nbegun()\nwhile True: pass",
    "c-loop": "begun()\nsum(range(10**13))",
    "idle-with-threads": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\nbegun()\ntime.sleep(600)",
}
FAMILY = (
    "import os, subprocess, sys\ntry:\n"
    "    if os.fork() == 0:\n        import time\n        time.sleep(600)\n"
    "    subprocess.Popen(['sleep', '600'])\nexcept OSError: pass\n"
)


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    _gone, alive = psutil.wait_procs(processes, timeout=10)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("cell", CELLS)
@each_local_kind
def test_host_killed_during_a_cell(kind: Any, cell: str) -> None:
    """Ten seconds after the host was killed with SIGKILL, nothing of its session runs."""
    tests = str(Path(__file__).parents[1])
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, tests, kind.name, FAMILY + CELLS[cell]],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert host.stdout is not None
    assert host.stdout.readline() == "begun\n"
    processes = psutil.Process(host.pid).children(recursive=True)
    assert processes

    host.kill()
    host.wait()
    host.stdout.close()
    assert _alive(processes) == []


@each_local_kind
def test_shutdown_ends_every_process(kind: Any) -> None:
    """After shutdown no process of the session is left, forked and started ones included."""
    before = set(psutil.Process().children(recursive=True))
    session = kind()
    session.execute(
        FAMILY + "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()"
    )
    processes = [process for process in psutil.Process().children(recursive=True) if process not in before]
    assert processes

    session.shutdown()
    assert _alive(processes) == []


@each_local_kind
def test_supervisor_killed_during_a_cell(kind: Any) -> None:
    """A worker does not outlive the supervisor that holds it."""
    before = set(psutil.Process().children(recursive=True))
    session = kind()
    started: list[psutil.Process] = []

    def kill_supervisor() -> None:
        started.extend(p for p in psutil.Process().children(recursive=True) if p not in before)
        worker = max(started, key=lambda process: len(process.parents()))
        os.kill(worker.ppid(), signal.SIGKILL)

    session.tools["kill_supervisor"] = kill_supervisor
    with pytest.raises(Exception, match="sandbox has ended"):
        session.execute(
            "import threading\nthreading.Thread(target=kill_supervisor, daemon=True).start()\nwhile True: pass"
        )
    session.shutdown()
    assert _alive(started) == []


@each_local_kind
def test_shutdown_during_an_execute(kind: Any) -> None:
    """A shutdown from another thread ends a running execute as a dead session."""
    session = kind()
    session.tools["stop"] = session.shutdown
    with pytest.raises(Exception, match="ended"):
        session.execute(
            "import threading\nthreading.Thread(target=stop, daemon=True).start()\nwhile True: pass"
        )
