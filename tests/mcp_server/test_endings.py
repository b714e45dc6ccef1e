"""A run whose server is gone, however it went: the run, its sandbox and its worker end as well."""

from __future__ import annotations

import signal

import psutil
import pytest

from mcp_server.desk import Pipe
from mcp_server.test_models import ours, sessions_in, short_folder, wait_for

__all__ = ["short_folder"]

SECONDS = 10.0
"""From the end of the server to that of everything it had started."""
SPIN = 1.0
"""Seconds of processor time by which code that runs is told from a driver that starts."""

SCRIPT = """\
steps:
  - reasoning: I take my time.
    code: |
      import time
      while time.process_time() < 2:
          pass
"""
CODE = {
    "sleeping": "      time.sleep(600)\n",
    "stubborn": """\
      while True:
          try:
              while True:
                  pass
          except BaseException:
              pass
""",
}


def kill(pipe):
    pipe.process.send_signal(signal.SIGKILL)


def terminate(pipe):
    pipe.process.send_signal(signal.SIGTERM)


def leave(pipe):
    pipe.leave()


@pytest.mark.parametrize("end", [kill, terminate, leave])
@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_a_run_ends_with_its_server(project, short_folder, monkeypatch, end, code):
    """Whether it is killed, told to end, or left by its client: no process stays, and no file."""
    monkeypatch.setenv("TMPDIR", str(short_folder))
    with Pipe(project) as pipe:
        run = begin(pipe, project, SCRIPT + code)
        wait_for(lambda: any(sum(one.cpu_times()[:2]) > SPIN for one in below(run)) or None)
        assert sessions_in(short_folder) != []
        assert left_after(end, pipe, run) == []
    assert sessions_in(short_folder) == []


@pytest.mark.parametrize("end", [kill, terminate, leave])
def test_a_run_that_has_just_begun(project, end):
    """The same while it is still loading what it needs."""
    with Pipe(project) as pipe:
        run = begin(pipe, project, SCRIPT + CODE["sleeping"])
        assert left_after(end, pipe, run) == []


def begin(pipe, project, script):
    """Call ``run`` with a scripted model, and return its process."""
    (project / "slow.yaml").write_text(script)
    pipe.initialize()
    arguments = {"runner": "basic", "question": "Why?", "model": "script:slow.yaml"}
    pipe.send(id=2, method="tools/call", params={"name": "run", "arguments": arguments})
    return wait_for(lambda: next((one for one in ours() if "run-basic" in one.cmdline()), None))


def below(process):
    """Every process below this one."""
    return process.children(recursive=True)


def left_after(end, pipe, run):
    """End the server; return what is still there of the run when it has had its time, and clear it away."""
    family = [run, *below(run)]
    end(pipe)
    _, alive = psutil.wait_procs(family, timeout=SECONDS)
    left = [process.cmdline() for process in alive]
    for process in alive:
        process.kill()
    return left
