"""Ending a run at any moment: quickly, with the right exit code, leaving no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import psutil
import pytest

PLACES = {
    "while the planner is asked": "steps:\n- {code: pass, delay: 60}\n",
    "while code runs": "steps:\n- {code: 'while True: pass'}\n",
    "while a sub-model is asked": "steps:\n- {code: \"llm_query('x')\"}\nreplies:\n- {reply: x, delay: 60}\n",
    "while many are asked": "steps:\n- {code: \"llm_query_batched(['x'] * 20)\"}\nreplies:\n- {reply: x, delay: 60}\n",
}
SIGNALS = {signal.SIGINT: (130, "Interrupted."), signal.SIGTERM: (143, "Terminated.")}


@pytest.fixture
def running(tmp_path, script, command):
    """Start a run that will not end by itself and wait until it is where the case wants it."""

    def start(text) -> subprocess.Popen[str]:
        arguments = [command, "run-basic", "--question", "x", "--model", script(text), "--verbose"]
        process = subprocess.Popen(
            arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ.copy(),
        )
        wanted = "sandbox:" if "delay: 60}\n" in text.partition("replies")[0] else "[1/"
        for line in process.stderr:
            if line.startswith(wanted):
                break
        time.sleep(0.3)
        return process

    return start


@pytest.mark.parametrize(
    ("place", "number"), [*((place, signal.SIGINT) for place in PLACES), ("while code runs", signal.SIGTERM)]
)
def test_stop(running, place, number):
    """A signal ends the run within two seconds, wherever it is, and no process is left."""
    process = running(PLACES[place])
    family = psutil.Process(process.pid).children(recursive=True)
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    took = time.monotonic() - began
    code, said = SIGNALS[number]
    assert (code, "") == (process.returncode, out)
    assert err.rstrip().endswith(said)
    assert took < 2
    _gone, alive = psutil.wait_procs(family, timeout=2)
    assert alive == []


def test_second_interrupt_is_immediate(running):
    """A second Ctrl-C does not wait for anything to end."""
    process = running(PLACES["while many are asked"])
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_interrupt_names_the_kept_steps(running, home):
    """What had been found when the run was stopped is in a file, and its name is said."""
    process = running(
        "steps:\n- {reasoning: look, code: 'print(1)'}\n- {code: pass, delay: 60}\n".replace("60}", "60 }")
    )
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    (file,) = home.rglob("*run*/*.json")
    assert str(file) in err
