"""Several clients of one session, clients that go away, and clients that talk nonsense."""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from fleet_rlm.errors import SessionBusyError, SessionError, SilentSessionError
from fleet_rlm.protocol import encode_frame

LOOP = "import time\nwhile True: time.sleep(0.01)"


@pytest.fixture
def handle(box):
    """A session."""
    return box.start("shared")


@pytest.fixture
def running(handle, wait_until):
    """Begin code that does not end, and wait until it has its turn."""
    calls = []  # a call that nobody holds is closed, and its code interrupted

    def begin(code=LOOP):
        calls.append(handle.begin_execute(code))
        wait_until(lambda: handle.status()["state"] == "busy")
        return calls[-1]

    return begin


@pytest.fixture
def connected(handle):
    """Make connections that speak for themselves."""
    made = []

    def connect() -> socket.socket:
        made.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        made[-1].connect(handle.record.address)
        made[-1].settimeout(30)
        return made[-1]

    yield connect
    for end in made:
        end.close()


def test_busy(box, handle, running):
    """Only one executes: another one is told at once, and whoever waits gets his turn."""
    call = running("import time\nx = 1\nwhile x: time.sleep(0.01)")
    with pytest.raises(SessionBusyError, match="busy"):
        handle.execute("y = 2")
    busy = box("exec", "--json", stdin="y = 2")
    assert (busy.code, busy.json["error"]["type"]) == (9, "SessionBusyError")
    (listed,) = box.sessions.all()
    assert listed["state"] == "busy"
    told = []
    waiting = threading.Thread(
        target=lambda: told.append(handle.execute("y = 3", wait=60, on_event=told.append))
    )
    waiting.start()
    while not told:
        pass
    call.cancel()
    assert call.result()["outcome"] == "interrupted"
    waiting.join()
    assert (told[0], told[1]["outcome"]) == ({"event": "waiting"}, "ok")


def test_turns_are_in_order(handle, running):
    """Those who wait are served in the order in which they came."""
    handle.execute("order = []")
    call = running()
    waiting = [handle.begin_execute(f"order.append({number})", wait=60) for number in range(8)]
    call.cancel()
    call.result()
    assert [one.result()["outcome"] for one in waiting] == ["ok"] * 8
    assert handle.execute("print(order)")["output"] == f"{list(range(8))}\n"


def test_waiting_ends(handle, running):
    """Whoever waited as long as he said is told that the session is still busy."""
    running()
    with pytest.raises(SessionBusyError):
        handle.execute("y = 3", wait=0.3)


def test_cancel_before_its_turn(handle, running):
    """A request that is cancelled while it waits is answered, and never runs."""
    call = running()
    second = handle.begin_execute("print('never')", wait=60)
    second.cancel()
    with pytest.raises(SessionError, match="cancelled before its turn"):
        second.result()
    call.cancel()
    call.result()
    assert handle.execute("print('next')")["output"] == "next\n"
    assert handle.status()["steps"] == 2


def test_cancel_at_once(handle):
    """However early a cancel comes, what it is about ends."""
    for _ in range(20):
        call = handle.begin_execute("while True: pass")
        call.cancel()
        try:
            assert call.result()["outcome"] == "interrupted"
        except SessionError as error:
            assert "before its turn" in str(error)


def test_two_sessions_are_independent(box, handle, running):
    """What runs in one session does not touch another."""
    running()
    other = box.start("other")
    assert other.execute("print('begun' in globals())")["output"] == "False\n"


def test_one_command_after_the_other(handle):
    """An answer means that the session is free: the next request is never told that it is busy."""
    for number in range(100):
        assert handle.execute(f"print({number})")["output"] == f"{number}\n"


def test_interrupt_of_a_command(box, handle, wait_until):
    """Ctrl-C of `exec` exits with 130; its code is interrupted, variables are kept, and nobody is refused."""
    handle.execute("begun = 1")
    process = box.popen("exec", "-s", "shared")
    process.stdin.write(LOOP)
    process.stdin.close()
    wait_until(lambda: handle.status()["state"] == "busy")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr.read().strip() == "Interrupted."
    process.stdout.close()
    process.stderr.close()
    assert handle.execute("print(begun)")["output"] == "1\n"


def test_kill_of_a_command(box, handle, wait_until):
    """Code whose command was killed with SIGKILL is interrupted as well."""
    handle.execute("begun = 1")
    process = box.popen("exec", "-s", "shared")
    process.stdin.write(LOOP)
    process.stdin.close()
    wait_until(lambda: handle.status()["state"] == "busy")
    process.kill()
    process.wait(60)
    process.stdout.close()
    process.stderr.close()
    assert handle.execute("print(begun)")["output"] == "1\n"


def test_stubborn_code_of_a_killed_client(box, handle, running):
    """Code that ignores interrupts is ended with its worker, and what was loaded is at hand again."""
    handle.load(["-"], stdin=b"text")
    call = running("while True:\n    try:\n        while True: pass\n    except BaseException: pass")
    call._connection.close()
    assert handle.execute("print(document)", wait=30)["output"] == "text\n"


@pytest.mark.parametrize(
    "noise",
    [
        b"\0\xff garbage\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"[" * 100_000,
        b"x" * (2 << 20),
        b'{"type": 3}\n',
        b'{"type": "exec", "bytes": -1}\n',
        encode_frame({"type": "nothing"}),
        encode_frame({"type": "exec", "wait": "long"}),
        encode_frame({"type": "exec", "wait": None}, b"x = 1"),
        encode_frame({"type": "exec", "timeout": "long"}, b"x = 1"),
        encode_frame({"type": "exec"}, b"\xff\xfe"),
        encode_frame({"type": "load"}),
        encode_frame({"type": "save", "variable": 3}),
        encode_frame({"type": "output", "step": {}}),
        encode_frame({"type": "cancel"}),
    ],
    ids=lambda noise: repr(noise[:40]),
)
def test_nonsense(handle, connected, noise):
    """Bytes that are no request harm nobody else: the session goes on."""
    end = connected()
    try:
        end.sendall(noise)
        end.shutdown(socket.SHUT_WR)
        while end.recv(1 << 16):
            pass
    except OSError:
        pass  # hung up on
    assert handle.execute("print('fine')", wait=30)["output"] == "fine\n"


def test_silent_clients(handle, connected):
    """Clients that say nothing, or half a request, or read nothing, hold up nobody."""
    connected()
    connected().sendall(b'{"type": "exec", "bytes": 100}\nx =')
    deaf = connected()
    deaf.settimeout(0.5)
    try:
        for _ in range(3_000):
            deaf.sendall(encode_frame({"type": "status"}))
    except OSError:
        pass  # its answers fill the way back
    assert handle.execute("print('fine')")["output"] == "fine\n"


def test_too_many_clients(box, handle, connected, wait_until):
    """There is an end to how many connect at once; it is said, and it passes."""
    ends = [connected() for _ in range(220)]
    with pytest.raises(SessionBusyError, match="clients at once"):
        handle.status()
    with pytest.raises(SessionBusyError, match="clients at once"):  # also if it hangs up during the request
        handle.execute("#" * 10_000_000)
    with pytest.raises(SessionBusyError):  # not as if it had ended
        handle.stop()
    (listed,) = box.sessions.all()
    assert (listed["state"], "clients at once" in box("list").out) == ("busy", True)
    assert box.sessions.find().name == handle.name
    for end in ends:
        end.close()

    def is_served() -> bool:
        with contextlib.suppress(SessionBusyError):
            return bool(handle.status())
        return False

    wait_until(is_served)
    assert handle.execute("print('fine')")["output"] == "fine\n"


def test_a_session_that_does_not_accept_yet(handle, monkeypatch):
    """Whoever comes while as many wait to be accepted as can waits, too, and does not take it for ended."""
    broker = psutil.Process(handle.record.pid)
    broker.suspend()
    ends = []
    try:
        while not ends or ends[-1].connect_ex(handle.record.address) != errno.EAGAIN:
            ends.append(socket.socket(socket.AF_UNIX))
            ends[-1].settimeout(0)
        with monkeypatch.context() as patch:
            patch.setattr("fleet_rlm.sessions.client._PROMPT_SECONDS", 0.1)
            with pytest.raises(SilentSessionError):
                handle.status()
        threading.Timer(0.2, broker.resume).start()
        assert handle.status()["state"] == "idle"
    finally:
        broker.resume()
        for end in ends:
            end.close()


def test_twenty_clients(handle):
    """Twenty clients at once that wait are all served, each with its own answer."""
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: handle.execute(f"print({n})", wait=60)["output"], range(20)))
    assert answers == [f"{number}\n" for number in range(20)]


def test_access(box, handle):
    """The session's folder and socket are its user's alone."""
    assert box.session_folder("shared").stat().st_mode & 0o777 == 0o700
    assert Path(handle.record.address).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="this platform does not say who connects")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_peers_are_checked(box_with_long_home):
    """A process of another user is not served, even if it gets as far as the socket."""
    handle = box_with_long_home.start()
    socket_file = Path(handle.record.address)
    socket_file.chmod(0o666)
    socket_file.parent.chmod(0o755)
    code = (
        "import os, socket, sys\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
        "try:\n    s.sendall(b'{\"type\": \"status\"}\\n')\n    print(s.recv(99))\nexcept OSError:\n    print(b'')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, handle.record.address], capture_output=True, text=True, check=True
    )
    assert done.stdout == "b''\n"
    assert handle.status()["state"] == "idle"
