"""However a session ends, nothing of it is left, and the next command says when and why."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from fleet_rlm.errors import FleetError, SessionError, SilentSessionError
from sandbox_kinds import each_local_kind

from .box import COMMAND, left

WHEN = r"ended at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: "
BUSY = {"idle": None, "while code runs": "while True: pass"}


@pytest.fixture
def options(kind, monkeypatch):
    """What a session in this kind of sandbox is started with."""
    if found := re.fullmatch(r"local\[(\w+)\]", kind.name):
        monkeypatch.setenv("FLEET_RLM_CONFINEMENT", found[1])
    return {"sandbox": kind.name.partition("[")[0]}


def depth(process: psutil.Process) -> int:
    """How far below the first process of the machine it is."""
    return len(process.parents())


@pytest.mark.parametrize("code", BUSY.values(), ids=BUSY)
@each_local_kind
def test_broker_killed(box, options, kind, code, wait_until):
    """After a kill -9 of the session's process its sandbox is gone, and the next command says so."""
    handle = box.start("k", **options)
    if code is not None:
        call = handle.begin_execute(code)
        wait_until(lambda: handle.status()["state"] == "busy")
    family = box.family(handle)
    family[0].kill()
    if code is not None:
        with pytest.raises(SessionError, match="killed"):
            call.result()
    assert left(family) == []
    with pytest.raises(SessionError, match=WHEN + "its process was killed"):
        handle.execute("1")
    with pytest.raises(SessionError, match=WHEN + "its process was killed"):
        box.sessions.find()
    assert not Path(handle.record.address).exists()
    assert [one["state"] for one in box.sessions.all()] == ["ended"]


@pytest.mark.parametrize("code", BUSY.values(), ids=BUSY)
@each_local_kind
def test_supervisor_killed(box, options, kind, code, wait_until):
    """After a kill -9 of what holds the worker the session ends by itself, the worker with it."""
    handle = box.start("k", **options)
    if code is not None:
        call = handle.begin_execute(code)
        wait_until(lambda: handle.status()["state"] == "busy")
    family = box.family(handle)
    psutil.Process(max(family, key=depth).ppid()).kill()
    if code is not None:
        with pytest.raises(SessionError, match="sandbox has ended"):
            call.result()
    assert left(family) == []
    with pytest.raises(SessionError, match=WHEN + "its sandbox has ended"):
        box.sessions.find()


@each_local_kind
def test_worker_killed(box, options, kind):
    """After a kill -9 of the worker alone the session goes on, with what was loaded and a word on what is gone."""
    handle = box.start("k", **options)
    handle.load(["-"], stdin=b"kept")
    handle.execute("x = 1")
    max(box.family(handle), key=depth).kill()
    lost = handle.execute("print('not run')")
    assert (lost["outcome"], lost["output"], "Gone are all" in lost["error"]) == ("lost", "", True)
    assert handle.execute("print(document, 'x' in globals())")["output"] == "kept False\n"
    max(box.family(handle), key=depth).kill()
    assert handle.load(["-"], name="other", stdin=b"more")["variables"][0]["size"] == 4
    assert handle.execute("print(document, other)")["output"] == "kept more\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end(box, number):
    """A session that is told to end does, in order, and says which signal it was."""
    handle = box.start("told")
    family = box.family(handle)
    family[0].send_signal(number)
    assert left(family) == []
    with pytest.raises(SessionError, match=WHEN + f"its process was told to end by {number.name}"):
        box.sessions.find()


def test_idle(box):
    """A session that nobody uses for as long as was said ends; being listed is no use of it."""
    handle = box.start("idle", idle_timeout=1.0)
    family = box.family(handle)
    looks = 0
    while any(one["state"] != "ended" for one in box.sessions.all()):
        looks += 1
    assert looks > 1
    assert left(family) == []
    with pytest.raises(SessionError, match=WHEN + "it was idle for 1 second"):
        box.sessions.find()


def test_running_is_not_idle(box):
    """Code that takes longer than the idle timeout is not idleness."""
    handle = box.start("long", idle_timeout=0.5)
    assert handle.execute("import time; time.sleep(2); print('done')")["output"] == "done\n"


def test_survives_its_shell(box, wait_until):
    """A session outlives the shell that started it, its whole process group killed."""
    shell = subprocess.Popen(
        ["sh", "-c", f"{COMMAND} session start shell && echo ready && sleep 600"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert "shell" in shell.stdout.readline()
    assert shell.stdout.readline() == "ready\n"
    os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    assert shell.stdout.read() == ""  # nothing holds the pipe open
    shell.stdout.close()
    assert box.sessions.find("shell").execute("print('alive')")["output"] == "alive\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_start_interrupted(box, number, monkeypatch):
    """A start that is ended half-way leaves nothing that runs."""
    process = box.popen("start", "half")
    while not (found := psutil.Process(process.pid).children(recursive=True)):
        assert process.poll() is None
    box.seen.update(found)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -9)
    again = box.start("half-2")
    assert again.execute("print(1)")["output"] == "1\n"


def test_two_starts_of_one_name(box):
    """Of several that start the same name at once one wins; the others are told that it runs."""
    outcomes = []

    def start() -> None:
        try:
            outcomes.append(box.sessions.start("race").name)
        except SessionError as error:
            outcomes.append(error.message)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["A session race is running already."] * 3 + ["race"]
    assert box.sessions.find("race").execute("print(1)")["output"] == "1\n"


def test_starts_without_a_name(box):
    """Several that start at once without a name each get a session of their own."""
    names = []
    threads = [threading.Thread(target=lambda: names.append(box.start().name)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == ["work", "work-2", "work-3"]


def test_a_long_home(box_with_long_home):
    """A home whose path is too long for a socket has it elsewhere, and it is removed with the session."""
    handle = box_with_long_home.start("far")
    place = Path(handle.record.address).parent
    assert len(handle.record.address) < 100
    assert place.stat().st_mode & 0o777 == 0o700
    assert handle.execute("print(1)")["output"] == "1\n"
    handle.stop()
    assert not place.exists()


def test_a_long_home_and_a_kill(box_with_long_home):
    """The same after a kill -9, once the next command has noticed it."""
    handle = box_with_long_home.start("far")
    box_with_long_home.family(handle)[0].kill()
    with pytest.raises(SessionError, match="killed"):
        handle.execute("1")
    assert not Path(handle.record.address).parent.exists()


def test_a_long_home_and_a_failed_start(box_with_long_home, monkeypatch, wait_until):
    """A start that fails leaves no folder for a socket behind."""
    monkeypatch.setenv("TMPDIR", str(box_with_long_home.folder))
    before = set(Path("/tmp").glob("fleet-rlm-session-*"))
    monkeypatch.setenv("FLEET_RLM_MEMORY", "nonsense")
    with pytest.raises(FleetError):
        box_with_long_home.start("far")

    def is_empty(path: Path) -> bool:
        with contextlib.suppress(OSError):
            return not any(path.iterdir())
        return False

    # others may be starting sessions now, whose folders are empty for a moment
    wait_until(lambda: not any(map(is_empty, set(Path("/tmp").glob("fleet-rlm-session-*")) - before)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_home(box):
    """A home that cannot be written is told in a sentence."""
    box.home.mkdir()
    box.home.chmod(0o500)
    ended = box("start")
    box.home.chmod(0o700)
    assert (ended.code, "cannot be written: Permission denied" in ended.err) == (9, True)


def test_a_home_that_is_a_file(box):
    """The same for a home that is no folder."""
    box.home.write_text("")
    ended = box("start")
    assert (ended.code, "cannot be written: Not a directory" in ended.err) == (9, True)
    assert box("list").code == 0
    box.home.unlink()


def test_a_full_disk(box, tmp_path):
    """On a full disk a start is refused in a sentence, and a session that runs ends properly all the same."""
    box.home.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(box.home)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root of a machine of its own can mount a small disk")
    try:
        handle = box.start("running")
        family = box.family(handle)
        filler = box.home / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"x" * (1 << 20))
        refused = box("start", "another")
        assert (refused.code, "cannot be written: No space left" in refused.err) == (9, True)
        assert handle.execute("print(1)")["output"] == "1\n"
        handle.stop()
        assert left(family) == []
        filler.unlink()
        with pytest.raises(SessionError, match=WHEN):
            box.sessions.find("running").status()
    finally:
        subprocess.run(["umount", "-l", str(box.home)], check=True)


@pytest.mark.parametrize(
    "damage",
    ["", "{", "null", "[]", '"text"', "{}", '{"session": "other"}', '{"ended": 5}', "\0\0\0"],
)
def test_a_damaged_record_of_an_ended_session(box, damage):
    """A record that cannot be read is as good as none: nothing fails, and the name can be used."""
    box.start("hurt").stop()
    (box.session_folder("hurt") / "record.json").write_text(damage)
    assert box.sessions.all() == []
    with pytest.raises(SessionError, match="no session hurt"):
        box.sessions.find("hurt")
    assert box.start("hurt").execute("print(1)")["output"] == "1\n"


@pytest.mark.parametrize("how", ["emptied", "removed", "nonsense", "wrong types"])
def test_a_damaged_record_of_a_running_session(box, wait_until, how):
    """A running session writes its record anew, so that it can be found and stopped."""
    handle = box.start("hurt")
    file = box.session_folder("hurt") / "record.json"
    if how == "removed":
        file.unlink()
    else:
        wrong = json.dumps({**box.record("hurt"), "started": "x", "folder": 5})
        file.write_text({"emptied": "", "nonsense": "{", "wrong types": wrong}[how])
    wait_until(lambda: [one["session"] for one in box.sessions.all()] == ["hurt"])
    assert box.sessions.find().execute("print(1)")["output"] == "1\n"
    handle.stop()


def test_a_removed_home(box):
    """A session whose files were removed, so that no command can reach it, ends by itself."""
    handle = box.start("lost")
    family = box.family(handle)
    shutil.rmtree(box.home)
    assert left(family) == []


def test_the_folder_can_be_removed(box, tmp_path, monkeypatch):
    """A session does not need the folder that it was started in."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    handle = box.start("homeless")
    monkeypatch.chdir(box.folder)
    (tmp_path / "other").rmdir()
    assert handle.execute("print(1)")["output"] == "1\n"
    with pytest.raises(FleetError, match="cannot be entered"):
        handle.load(["x.txt"], cwd=str(tmp_path / "other"))


def test_old_sessions_are_forgotten(box):
    """Of sessions that ended the latest twenty are remembered."""
    box.start("first").stop()
    record = box.record("first")
    for number in range(30):
        folder = box.session_folder(f"old-{number}")
        folder.mkdir()
        older = {**record, "session": folder.name, "started": record["started"] - number}
        (folder / "record.json").write_text(json.dumps(older))
    box.start("now")
    known = [one["session"] for one in box.sessions.all()]
    assert known == ["now", "first", *(f"old-{number}" for number in range(19))]


def test_another_version(box):
    """A session of another version of fleet-rlm is neither used nor said to be stopped."""
    handle = box.start("elder")
    (box.session_folder("elder") / "record.json").write_text(
        json.dumps({**box.record("elder"), "protocol": 0})
    )
    for command in ("vars", "stop"):
        ended = box(command, "-s", "elder")
        assert (ended.code, f"kill {handle.record.pid}" in ended.err) == (9, True)
    assert f"kill {handle.record.pid}" in box("list").out
    handle.stop()


def test_nothing_inherited(box, wait_until):
    """A session's process keeps no descriptor of whoever started it but its log and its lock."""
    if sys.platform != "linux":
        pytest.skip("/proc is Linux's")
    read, write = os.pipe()
    os.set_inheritable(write, True)
    handle = box.start("alone")
    os.close(write)
    assert os.read(read, 1) == b""
    os.close(read)
    held = [Path(f"/proc/{handle.record.pid}/fd/{fd}") for fd in (0, 1)]
    wait_until(lambda: {str(path.readlink()) for path in held} == {"/dev/null"})


def test_a_stopped_process(box, monkeypatch):
    """A session whose process is stopped is listed as silent, with the way to end it, and holds nobody up."""
    monkeypatch.setattr("fleet_rlm.sessions.client._PROMPT_SECONDS", 0.5)
    handle = box.start("k")
    broker = psutil.Process(handle.record.pid)
    broker.suspend()
    try:
        assert [("silent", broker.pid)] == [(one["state"], one["pid"]) for one in box.sessions.all()]
        with pytest.raises(SilentSessionError, match=f"does not answer. End it: kill -9 {broker.pid}"):
            handle.status()
    finally:
        broker.resume()
    assert "idle" == handle.status()["state"]
