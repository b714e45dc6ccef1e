"""What code in the local sandbox can do, and how far: limits, files, packages, processes."""

from __future__ import annotations

import platform
import threading

import pytest

from conftest import Driver, need
from fleet_rlm.sandboxes.local import Limits, LocalSandbox

MIB = 1 << 20
SMALL = Limits(memory=400 * MIB, file_size=8 * MIB, tmp_size=16 * MIB, open_files=64)


@pytest.fixture
def small(confinement):
    """A driver with tight limits."""
    made = Driver(LocalSandbox(confinement=confinement, limits=SMALL))
    yield made
    made.close()


@pytest.mark.parametrize(
    "bomb",
    [
        "x = bytearray(500 << 20)",
        "x = []\nwhile True: x.append(bytearray(10 << 20))",
        "x = 'a' * (600 << 20)",
        "import ctypes; x = ctypes.create_string_buffer(600 << 20)",
    ],
)
def test_memory_ends_in_a_memory_error(small, bomb):
    """Private memory is bounded; the code gets the exception, the session lives."""
    outcome = small.outcome(bomb)
    assert (outcome.kind, outcome.error) == ("error", "MemoryError")
    assert small.run("x = None; print(sum(range(10)))") == "45"


@pytest.mark.parametrize(
    "bomb",
    [
        "import mmap; m = mmap.mmap(-1, 600 << 20)",
        "import mmap; m = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x100)",
    ],
)
def test_there_is_no_memory_that_is_not_counted(small, bomb):
    """Shared and stack-like mappings, which the limit does not count, are refused."""
    outcome = small.outcome(bomb)
    assert (outcome.kind, outcome.error) == ("error", "PermissionError")


def test_documents_come_on_top_of_the_limit(confinement):
    """The file that a document is handed over in is not counted, only what code makes of it."""
    made = Driver(LocalSandbox(confinement=confinement, limits=Limits(memory=400 * MIB)))
    try:
        text = "x" * (250 * MIB)
        assert made.run("print(len(text), text[-1])", text=text) == f"{250 * MIB} x"
    finally:
        made.close()


def test_a_document_cannot_be_changed_by_the_code_that_reads_it(driver):
    """The next worker reads from the same file, so it is sealed."""
    code = """
import os, stat
for descriptor in range(3, 64):
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode): continue
    except OSError: continue
    for change in (lambda: os.pwrite(descriptor, b"y", 0), lambda: os.ftruncate(descriptor, 0)):
        try: change(); print("changed")
        except OSError as error: print(error.strerror)
"""
    assert driver.run(code, text="x" * MIB) == "Operation not permitted\nOperation not permitted"


def test_files_are_bounded(small):
    """A file that grows too large is an OSError."""
    code = """
try:
    with open("big", "wb") as file:
        for _ in range(9): file.write(bytes(1 << 20))
except OSError as error:
    import errno; print(errno.errorcode[error.errno])
"""
    assert small.run(code) == "EFBIG"


def test_bwrap_bounds_the_temporary_folder():
    """Many files together cannot fill the machine's memory either."""
    need("bwrap")
    made = Driver(LocalSandbox(confinement="bwrap", limits=SMALL))
    code = """
import errno
try:
    for number in range(5):
        with open(f"part{number}", "wb") as file: file.write(bytes(5 << 20))
except OSError as error:
    print(number, errno.errorcode[error.errno])
try:
    open("/file", "w")
except OSError as error:
    print(errno.errorcode[error.errno])
"""
    try:
        assert made.run(code) == "3 ENOSPC\nEROFS"
    finally:
        made.close()


def test_open_files_are_bounded(small):
    """Descriptors run out with an OSError, and can be had again."""
    code = """
kept = []
try:
    while True: kept.append(open("/dev/null"))
except OSError as error:
    many = len(kept); kept.clear(); print(many < 64, error.strerror)
"""
    assert small.run(code) == "True Too many open files"


def test_scratch_files_work_and_end_with_the_session(confinement, base):
    """The current folder and tempfile are the session's own; nothing is left of them."""
    made = Driver(LocalSandbox(confinement=confinement))
    code = """
import os, tempfile, pathlib
pathlib.Path("a/b").mkdir(parents=True); pathlib.Path("a/b/c.txt").write_text("x"); os.rename("a/b/c.txt", "d.txt")
with tempfile.TemporaryDirectory() as folder: pathlib.Path(folder, "e").write_text("y")
print(os.listdir("a/b"), open("d.txt").read(), os.path.realpath(tempfile.gettempdir()) == os.getcwd())
"""
    assert made.run(code) == "[] x True"
    assert len(list(base.iterdir())) == 1
    made.close()
    assert list(base.iterdir()) == []


def test_a_volume_keeps_files(confinement, tmp_path):
    """What helpers save is on the host, and there for the next session; outside of it nothing is."""
    volume = tmp_path / "volume"
    volume.mkdir()
    sandbox = LocalSandbox(confinement=confinement, volume=str(volume))
    made = Driver(sandbox)
    made.run("save_to_volume('/data/sub/note.txt', 'kept')")
    made.close()
    assert (volume / "sub" / "note.txt").read_text() == "kept"
    made = Driver(sandbox)
    assert made.run("print(load_from_volume('sub/note.txt'))") == "kept"
    made.close()


def test_packages_work(confinement):
    """numpy computes with its threads, and pandas reads what numpy made."""
    made = Driver(LocalSandbox(confinement=confinement))
    code = """
import numpy, pandas, sqlite3, zoneinfo, datetime
a = numpy.ones((400, 400)); print(int((a @ a).sum()))
print(int(pandas.DataFrame({"v": [1, 2, 3]}).v.sum()), sqlite3.connect(":memory:").execute("select 1").fetchone())
print(datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")).utcoffset())
try:
    import pytest
except ImportError as error: print(error)
"""
    assert made.run(code).splitlines() == [str(400**3), "6 (1,)", "2:00:00", "No module named 'pytest'"]
    made.close()


def test_threads_and_event_loops_work(driver):
    """Only processes are denied: threads, asyncio and their wake-up sockets are not."""
    code = """
import asyncio, concurrent.futures
async def main(): return await asyncio.gather(*(asyncio.to_thread(pow, 2, n) for n in range(4)))
print(asyncio.run(main()))
with concurrent.futures.ThreadPoolExecutor(20) as pool: print(sum(pool.map(len, ["ab"] * 50)))
"""
    assert driver.run(code) == "[1, 2, 4, 8]\n100"


def test_processes_are_denied_with_an_error_that_code_can_read(driver):
    """A PermissionError at the line that tried."""
    outcome = driver.outcome("import subprocess\nsubprocess.run(['ls'])")
    assert (outcome.kind, outcome.error) == ("error", "PermissionError")
    assert "subprocess.run(['ls'])" in outcome.detail


def test_allowed_processes_run_and_are_confined_too(confinement, facts):
    """A program of the system runs; its walls are the worker's, and it can be ended."""
    made = Driver(LocalSandbox(confinement=confinement, allow_subprocess=True))
    code = f"""
import subprocess, sys
print(subprocess.run("echo $((6*7)); cat {facts["file"]}", shell=True, capture_output=True, text=True).stdout)
probe = "import socket; socket.create_connection(('127.0.0.1', {facts["tcp"]}))"
print(subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True).stderr.splitlines()[-1])
sleeper = subprocess.Popen(["sleep", "100"]); sleeper.terminate(); print(sleeper.wait())
import os
for target in (os.getppid(), {facts["victim"]}):
    try: os.kill(target, 9); print("killed")
    except OSError as error: print(type(error).__name__)
"""
    lines = made.run(code).split("\n")
    assert lines[:3] == ["42", "", "PermissionError: [Errno 1] Operation not permitted"]
    assert lines[3:5] == ["-15", "PermissionError"]
    assert lines[5] == ("ProcessLookupError" if confinement == "bwrap" else "PermissionError")
    made.close()


def test_a_fresh_worker_is_confined_like_the_first(driver, facts):
    """A worker that killed itself is replaced by one behind the same walls."""
    assert driver.outcome("import os; os.kill(os.getpid(), 9)").kind == "lost"
    driver.load_escapes(facts)
    assert driver.run("print(outcome('fork', facts), outcome('tcp_connect', facts))") == "EPERM EPERM"


def test_calls_of_another_architecture_end_the_worker(driver):
    """The x32 numbering, or arm64's none, is answered by death, and the session goes on."""
    if platform.machine() != "x86_64":
        pytest.skip("only x86-64 has a second numbering")
    outcome = driver.outcome("import ctypes; ctypes.CDLL(None).syscall(0x40000000 | 41, 1, 1, 0)")
    assert (outcome.kind, outcome.detail) == ("lost", "signal SIGSYS")
    assert driver.run("print('on')") == "on"


def test_nothing_is_inherited_but_the_workers_own(driver):
    """The standard ones, /dev/null, sockets to supervisor and host, a pipe; no folder, no file, no third socket."""
    code = """
import os, stat
kinds = []
for one in range(1024):
    try: mode = os.fstat(one).st_mode
    except OSError: continue
    kinds.append((one < 3, stat.S_IFMT(mode)))
print(sorted(stat.filemode(kind)[0] for standard, kind in kinds if not standard), len(kinds))
"""
    assert driver.run(code) == "['c', 'p', 's', 's'] 7"


def test_sandboxes_open_at_the_same_time(confinement):
    """Several drivers started from several threads are independent of each other."""
    results: list[str] = []

    def one(number: int) -> None:
        made = Driver(LocalSandbox(confinement=confinement))
        results.append(
            made.run(f"import os; print(os.path.exists('mine')); open('mine', 'w').write('{number}')")
        )
        made.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["False\n1"] * 4


@pytest.mark.parametrize(
    ("confined_by", "code", "seen"),
    [
        ("landlock", "import os; print(os.stat({file!r}).st_size)", True),
        ("bwrap", "import os; print(os.stat({file!r}).st_size)", False),
        ("landlock", "import os, socket; print(os.uname().nodename == {host!r})", True),
        ("bwrap", "import os, socket; assert os.uname().nodename != {host!r}, 1", True),
        ("landlock", "import os; print(os.path.exists('/proc/{pid}'))", True),
        ("bwrap", "import os; assert not os.path.exists('/proc/{pid}')", True),
        ("landlock", "import shutil; shutil.copyfile(shutil.__file__, 'copied')", True),
        ("landlock", "import shutil; shutil.copy(shutil.__file__, 'copied')", False),
        ("bwrap", "import shutil; shutil.copy2(shutil.__file__, 'copied')", True),
    ],
)
def test_the_limitations_are_the_documented_ones(confined, facts, confined_by, code, seen):
    """Landlock hides contents but not that a path exists, nor the machine's name: the threat model says so."""
    need(confined_by)
    outcome = confined[confined_by].outcome(
        code.format(file=facts["file"], host=platform.node(), pid=facts["victim"])
    )
    assert (outcome.kind == "ok") == seen, outcome
