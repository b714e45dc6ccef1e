"""What a session does when something between it and Modal fails."""

from __future__ import annotations

import time

import pytest
from grpclib import Status

from fleet_rlm.errors import SandboxError
from fleet_rlm.host.client import Limits

WRITE, READ = "TaskExecStdinWrite", "TaskExecStdioRead"
COUNT = "count = globals().get('count', 0) + 1\nprint(count)"


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        pytest.param(WRITE, {"lose": True}, id="answer to a write lost"),
        pytest.param(WRITE, {"drop": True}, id="connection cut at a write"),
        pytest.param(WRITE, {"drop": True, "times": 3}, id="connection cut three times"),
        pytest.param(WRITE, {"status": Status.UNAVAILABLE, "times": 3}, id="router unavailable three times"),
        pytest.param(WRITE, {"status": Status.UNAUTHENTICATED}, id="router token refused once"),
        pytest.param(
            WRITE, {"status": Status.RESOURCE_EXHAUSTED, "retry_after": 0.1, "times": 2}, id="throttled"
        ),
        pytest.param(WRITE, {"delay": 0.1, "times": None}, id="slow writes"),
        pytest.param("*", {"delay": 0.02, "times": None}, id="slow everything"),
    ],
)
def test_session_survives(session, modal_plane, method, fault):
    """What the SDK can repair does not show: every cell runs, and runs once."""
    client = session()
    client.execute(COUNT)
    modal_plane.inject(method, **fault)
    assert [client.execute(COUNT).output.strip() for _ in range(3)] == ["2", "3", "4"]


def test_output_stream_cut_again_and_again(session, modal_plane):
    """A stream of output that breaks after every message is taken up where it broke."""
    modal_plane.stdout_piece = 100
    modal_plane.inject(READ, drop_after=3, times=8)
    printed = "".join(f"line {number}\n" for number in range(300))
    client = session()
    assert client.execute("for number in range(300): print('line', number)").output.strip() == printed.strip()
    assert client.execute("print(1)").output.strip() == "1"


@pytest.mark.parametrize(
    ("fault", "sentence", "remedy"),
    [
        pytest.param(
            {"kill_exec": True}, "ended with exit code 137", "Memory may have run out", id="driver killed"
        ),
        pytest.param(
            {"end_sandbox": "timeout"}, "reached its time limit of 600 s", "Raise --timeout", id="out of time"
        ),
        pytest.param({"end_sandbox": "terminated"}, "terminated from outside", "Run again", id="terminated"),
        pytest.param({"end_sandbox": "gone"}, "is gone", "Run again", id="gone"),
        pytest.param(
            {"status": Status.PERMISSION_DENIED}, "does not allow this account", "Ask", id="forbidden"
        ),
        pytest.param(
            {"status": Status.RESOURCE_EXHAUSTED}, "limits for this account are used up", "Wait", id="quota"
        ),
    ],
)
def test_session_ends_with_a_reason(session, modal_plane, fault, sentence, remedy):
    """What cannot be repaired ends the session with one sentence and one remedy, and another one can be opened."""
    client = session()
    client.execute("x = 1")
    modal_plane.inject(WRITE, skip=2, times=None, **fault)
    client.execute("x = 2")
    client.execute("x = 3")
    with pytest.raises(SandboxError, match=sentence) as caught:
        client.execute("x = 4")
    assert caught.value.remedy.startswith(remedy)
    assert "\n" not in str(caught.value)
    with pytest.raises(SandboxError):
        client.execute("x = 5")
    modal_plane.faults.clear()
    assert session().execute("print('again')").output.strip() == "again"


def test_sandbox_that_ends_while_a_cell_runs(session):
    """A host that waits for a long cell is told of the sandbox's end at once, not at the cell's timeout."""
    client = session(limits=Limits(timeout=60.0), timeout=2)
    started = time.monotonic()
    with pytest.raises(SandboxError, match="time limit of 2 s"):
        client.execute("import time; time.sleep(50)")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("method", "fault", "sentence"),
    [
        pytest.param(
            "AppGetOrCreate", {"status": Status.UNAUTHENTICATED}, "refused the credentials", id="auth"
        ),
        pytest.param(
            "SandboxCreateV2", {"status": Status.RESOURCE_EXHAUSTED}, "used up, while creating", id="quota"
        ),
        pytest.param(
            "SandboxCreateV2", {"status": Status.INVALID_ARGUMENT}, "Modal refused the request", id="invalid"
        ),
        pytest.param(
            "VolumeGetOrCreate", {"status": Status.PERMISSION_DENIED}, "does not allow", id="volume"
        ),
        pytest.param(
            "TaskExecStart", {"end_sandbox": "terminated"}, "while starting the driver", id="no exec"
        ),
    ],
)
def test_start_fails_with_a_reason(modal_plane, unstarted, method, fault, sentence):
    """A start that fails says at which step and why, in one line, and leaves no sandbox behind."""
    modal_plane.inject(method, message="first line\nsecond", times=None, **fault)
    client = unstarted(app_name=f"other-{method}", volume_name="notes")
    with pytest.raises(SandboxError, match=sentence) as caught:
        client.start()
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    client.close()
    assert modal_plane.running == []


def test_missing_secret_is_named(unstarted):
    """A secret that does not exist is named, with what to look at."""
    client = unstarted(secret_name="nowhere")
    with pytest.raises(SandboxError, match="Secret 'nowhere' not found") as caught:
        client.start()
    assert "modal secret list" in caught.value.remedy


def test_image_that_cannot_be_built(modal_plane, unstarted):
    """A failed image build is a failed start that names the settings to look at; the next start is not spoiled."""
    modal_plane.broken_image = "no matching distribution found for nonsense"
    broken = unstarted(pip_packages=("nonsense",))
    with pytest.raises(SandboxError, match="image could not be built") as caught:
        broken.start()
    assert caught.value.remedy == "Check image_pip_packages and image_python_version."
    modal_plane.broken_image = ""
    unstarted().start()


def test_app_that_was_deleted_meanwhile(session, modal_plane, unstarted):
    """What a process remembers of Modal is looked up again after a failure, so that the next start works."""
    session(app_name="short-lived").close()
    modal_plane.apps.clear()
    with pytest.raises(SandboxError, match="while creating the sandbox"):
        unstarted(app_name="short-lived").start()
    session(app_name="short-lived")


def test_start_in_spite_of_trouble(session, modal_plane):
    """Throttling, a lost answer and a cut connection during the start only make it slower."""
    modal_plane.inject("SandboxCreateV2", status=Status.RESOURCE_EXHAUSTED, retry_after=0.1)
    modal_plane.inject("TaskExecStart", lose=True)
    modal_plane.inject("AuthTokenGet", status=Status.UNAVAILABLE)
    assert session().execute("print(1)").output.strip() == "1"
    assert len(modal_plane.running) == 1
