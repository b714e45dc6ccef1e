"""Cells that go to the worker directly: nothing is lost on that way, and nothing happens twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from dspy.primitives.code_interpreter import CodeExecutionError

from fleet_rlm.interpreter import TrustedInterpreter
from fleet_rlm.protocol import MAX_CALLS, MAX_DIRECT
from fleet_rlm.sandboxes.stream import Stream
from hostile.outcomes import run
from sandbox_kinds import each_local_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIND_LINE = """
import gc
def line():
    return next(o for o in gc.get_objects() if type(o).__name__ == "Channel")._line
"""


class Route:
    """Which way the cells of a session went: as bytes that the supervisor was sent for them."""

    def __init__(self, session: Any) -> None:
        self._connection = session._client._connection
        self._send = self._connection.send
        self._connection.send = self._count
        self.relayed = 0

    def _count(self, data: bytes, before_waiting: Callable[[], None] | None = None) -> None:
        self.relayed += data.startswith(b'{"type":"execute"')
        self._send(data, before_waiting)

    def of(self, run: Callable[[], object]) -> str:
        """How the one cell that this runs was sent."""
        before = self.relayed
        run()
        return "direct" if self.relayed == before else "relayed"


@pytest.fixture
def session() -> Iterator[TrustedInterpreter]:
    """A session whose next cell is direct."""
    with TrustedInterpreter(grace=5.0) as made:
        made.tools["echo"] = lambda value: value
        made.execute("count = 0")
        yield made


@each_local_kind
def test_which_way_cells_go(kind) -> None:
    """The first cell, large ones, and the first one after anything that it must not overtake are relayed."""
    with kind() as session:
        session.start()
        route = Route(session)
        run = session.execute
        assert route.of(lambda: run("x = 1")) == "relayed"
        assert route.of(lambda: run("x = 2")) == "direct"
        assert route.of(lambda: run("print(x)")) == "direct"
        assert route.of(lambda: run("#" * MAX_DIRECT)) == "relayed"
        assert route.of(lambda: run("x = given", {"given": "new"})) == "relayed"
        assert route.of(lambda: run("x = given", {"given": "new"})) == "direct"
        assert route.of(lambda: run("x = given", {"given": "newer"})) == "relayed"
        assert run("x") == "'newer'"
        session.tools["late"] = lambda: "called"
        assert route.of(lambda: run("x = late()")) == "relayed"
        assert route.of(lambda: run("x = late()")) == "direct"
        assert run("x") == "'called'"


@each_local_kind
@pytest.mark.parametrize("wait", ["0", "0.0001", "0.001", "0.01"])
def test_whatever_is_printed_comes_with_its_cell(kind, wait: str) -> None:
    """Whether the supervisor has read it when the cell ends or not, and whoever wrote it, whether or not Python."""
    with kind() as session:
        session.execute("import os, sys, time")
        for number in range(100):
            way = ("print({0})", "os.write(1, b'{0}\\n') and None", "sys.stderr.write('{0}\\n') and None")[
                number % 3
            ]
            assert session.execute(f"{way.format(number)}\ntime.sleep({wait})") == str(number)
            assert session.execute("x = 1") is None


def test_output_of_child_processes(session: TrustedInterpreter) -> None:
    """What a child writes while its cell runs is the cell's, though the worker itself wrote nothing."""
    for number in range(10):
        assert session.execute(f"import os\n_ = os.system('echo {number}')") == str(number)


def test_long_output_during_a_cell(session: TrustedInterpreter) -> None:
    """Megabytes do not wait for the cell's end, and what is cut can be had."""
    told = session.execute("for n in range(400_000): print(n)")
    assert told.startswith("0\n1\n")
    assert told.endswith("399999")
    assert session._client.output(session._steps).count("\n") == 400_000


def test_output_after_a_cell_is_no_later_cells(session: TrustedInterpreter) -> None:
    """A child that writes between cells leaks into none, though no cell told the supervisor that it ended."""
    session.execute("import os\n_ = os.system('(sleep 0.1; echo stray) &')")
    session.execute("x = 1")
    time.sleep(1.5)
    for _ in range(5):
        assert session.execute("x = 1") is None


@each_local_kind
def test_worker_that_dies_of_a_direct_cell(kind) -> None:
    """The step's own end is told, not the step before; the fresh worker gets a line of its own."""
    with kind(execute_timeout=20.0) as session:
        session.start()
        route = Route(session)
        for number in range(5):
            session.execute(f"mine = {number}", {"given": 1})
            session.execute("x = 1", {"given": 1})
            with pytest.raises(CodeExecutionError, match=r"This step's.*exit 3.*mine.*given"):
                session.execute("import os; os._exit(3)")
            assert session.execute("'mine' in globals(), given", {"given": 1}) == "(False, 1)"
            assert route.of(lambda: session.execute("x = 1")) == "direct"


@pytest.mark.parametrize("printed", ["", "print('first', flush=True)\n"])
def test_worker_that_dies_after_a_direct_cell(session: TrustedInterpreter, printed: str) -> None:
    """However close to its end: the next step is not run without saying so, and neither is a loss told twice."""
    for number in range(40):
        session.execute("import os, threading, time\nmine = 1")
        session.execute("x = 1")
        spent = number * 0.0001
        ends = []
        try:
            session.execute(f"threading.Timer(0.002, os._exit, (7,)).start()\n{printed}time.sleep({spent})")
        except CodeExecutionError as error:
            assert "This step's" in str(error)
            continue
        for _ in range(60):
            try:
                ends.append(session.execute("'mine' in globals()"))
            except CodeExecutionError as error:
                ends.append("lost")
                assert "exit 7" in str(error)
                assert "mine" in str(error)
            if ends[-1] == "False":
                break
            time.sleep(0.001)
        assert ends[-2:] == ["lost", "False"]
        assert set(ends[:-2]) <= {"True"}


@each_local_kind
@pytest.mark.parametrize(
    "how",
    [
        "line().close()",
        "import os; os.close(line().fileno())",
        "import os; os.dup2(os.open('/dev/null', os.O_RDWR), line().fileno())",
        "import socket; line().shutdown(socket.SHUT_WR)",
        "import socket; line().shutdown(socket.SHUT_RDWR)",
    ],
)
def test_code_that_ends_the_line(kind, how: str) -> None:
    """That cell and those after it go on by the supervisor: none runs twice, and no call is lost."""
    with kind(execute_timeout=20.0, tools={"echo": lambda value: value}) as session:
        session.execute(FIND_LINE + "count = 0")
        session.execute("x = 1")
        told = session.execute(
            f"count += 1\n{how}\nimport time\ntime.sleep(0.05)\nprint(count, echo('called'))"
        )
        assert told == "1 called"
        for number in range(2, 6):
            assert session.execute("count += 1\ncount, echo(count)") == str((number, number))


def test_code_that_ends_the_line_between_cells(session: TrustedInterpreter) -> None:
    """A cell that was sent into a line that had ended is run once."""
    session.execute(FIND_LINE)
    session.execute("import threading\nthreading.Timer(0.1, lambda: line().close()).start()")
    deadline = time.monotonic() + 0.5
    number = 0
    while time.monotonic() < deadline:
        number += 1
        assert session.execute("count += 1\ncount") == str(number)


def test_cell_after_an_interrupt_is_relayed(session: TrustedInterpreter) -> None:
    """Or it could be hit by the signal for the one before it, which nobody waits for."""
    route = Route(session)
    session.tools["stop"] = session.interrupt
    session.execute("pass")
    with pytest.raises(CodeExecutionError, match="interrupted"):
        session.execute("stop()\nwhile True: pass")
    assert route.of(lambda: session.execute("x = 1")) == "relayed"
    assert route.of(lambda: session.execute("x = 1")) == "direct"


WAITS = """
said = []
def ask():
    try: said.append(hang())
    except BaseException as error: said.append(str(error))
asking = threading.Thread(target=ask)
asking.start()
begun()
"""


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ("import socket; line().shutdown(socket.SHUT_RDWR)", "the line to the host has ended"),
        ("stop()\nwhile True: pass", "the step was interrupted"),
    ],
)
def test_thread_that_waits_for_an_answer_that_cannot_come(
    session: TrustedInterpreter, then: str, told: str
) -> None:
    """It is told so, though the tool never returns."""
    hanging = threading.Event()
    session.tools.update(
        hang=lambda: hanging.set() or threading.Event().wait(60),
        begun=lambda: hanging.wait(60) and None,
        stop=session.interrupt,
    )
    session.execute("import threading" + FIND_LINE)
    with contextlib.suppress(CodeExecutionError):
        session.execute(WAITS + then)
    assert session.execute("asking.join(10)\nsaid") == str([told])


def test_call_between_cells_is_refused_at_once(session: TrustedInterpreter) -> None:
    """A leftover thread does not wait for the next cell to be told so."""
    code = """
        import threading, time
        said = []
        def ask():
            time.sleep(0.1)
            try: said.append(echo("between"))
            except RuntimeError as error: said.append(str(error))
        threading.Thread(target=ask).start()
    """
    session.execute(textwrap.dedent(code))
    time.sleep(1.5)
    assert "no step is running" in session.execute("said")


def test_leftover_thread_and_the_next_cells_calls(session: TrustedInterpreter) -> None:
    """A call that outlives its cell is answered all the same, and holds nothing up."""
    release = threading.Event()
    session.tools["hold"] = lambda: release.wait(60)
    session.execute("import threading, time\nsaid = []\ndef ask(): said.append(hold())")
    session.execute("threading.Thread(target=ask).start()\ntime.sleep(0.1)")
    for number in range(20):
        assert session.execute(f"echo({number})") == str(number)
    release.set()
    assert any(session.execute("time.sleep(0.1)\nsaid") == "[True]" for _ in range(100))


def test_more_calls_at_once_than_are_taken(session: TrustedInterpreter) -> None:
    """The one too many is an error in the code, not the end of the session."""
    release = threading.Event()
    session.tools["hold"] = lambda: release.wait(60)
    session.tools["release"] = release.set
    code = f"""
        import threading, time
        said = []
        def ask():
            try: said.append(hold())
            except RuntimeError as error: said.append(str(error))
        threads = [threading.Thread(target=ask) for _ in range({MAX_CALLS} + 20)]
        for thread in threads: thread.start()
        while len(said) < 20: time.sleep(0.01)
        early = said[0]
    """
    session.execute(textwrap.dedent(code))
    assert f"{MAX_CALLS:,} calls are under way" in session.execute("early")
    release.set()
    assert session.execute("for thread in threads: thread.join()\nsaid.count(True)") == str(MAX_CALLS)


def test_results_that_nobody_reads(session: TrustedInterpreter) -> None:
    """Forged calls whose answers fill the line end as the worker's fault, and the host waits for nobody."""
    session.tools["large"] = lambda: "x" * (1 << 20)
    session.execute(FIND_LINE)
    forge = """
        import json
        call = b"".join(json.dumps({"type": "call", "id": n, "name": "large", "bytes": 7}).encode() + b"\\n[[],{}]" for n in range(5000, 8000))
        line().sendall(call)
        import time
        while True: time.sleep(1)
    """
    begun = time.monotonic()
    with pytest.raises(CodeExecutionError, match="forged"):
        session.execute(textwrap.dedent(forge))
    assert time.monotonic() - begun < 60
    assert session.execute("echo(1)") == "1"


FLOOD = """
import json, threading
def call(n): return json.dumps({"type": "call", "id": n, "name": "echo", "bytes": 8}).encode() + b"\\n[[1],{}]"
calls, under_way, end = b"".join(map(call, range(50))), threading.Semaphore(10), line()
def write():
    while under_way.acquire(): end.sendall(calls)
def read():
    answered = 0
    while True:
        answered += end.recv(1 << 16).count(b"result")
        while answered >= 50:
            answered -= 50
            under_way.release()
threading.Thread(target=write, daemon=True).start()
threading.Thread(target=read, daemon=True).start()
threading.Event().wait()
"""


def test_calls_without_end_do_not_hide_the_time() -> None:
    """A cell whose threads keep the host busy with forged calls is interrupted when its time is up."""
    with TrustedInterpreter(execute_timeout=1.0, grace=0.5, tools={"echo": lambda value: value}) as session:
        session.execute(FIND_LINE)
        begun = time.monotonic()
        with pytest.raises(CodeExecutionError, match=r"after 1 s|forged frames"):
            session.execute(FLOOD)
        assert time.monotonic() - begun < 8
        # its threads go on, and may take a cell from the line before the driver does
        assert any(run(session, "1").result == "1" for _ in range(20))


def test_frames_that_were_left_for_the_next_cell(session: TrustedInterpreter) -> None:
    """What code writes to the line between cells costs the worker, not the session."""
    session.execute(FIND_LINE + "import threading")
    session.execute(
        'threading.Timer(0.05, lambda: line().sendall(b\'{"type":"done","id":3,"outcome":"ok"}\\n\')).start()'
    )
    time.sleep(1.0)
    ends = [run(session, "x = 1") for _ in range(2)]  # the second tells it, if the first has ended before
    assert any("forged frames" in str(ended.error) for ended in ends)
    assert session.execute("echo(1)") == "1"


def test_line_is_no_worse_for_many_sessions() -> None:
    """Sessions side by side have lines of their own."""
    sessions = [TrustedInterpreter(tools={"echo": lambda value: value}) for _ in range(5)]

    def work(session: TrustedInterpreter, number: int) -> None:
        said.extend(session.execute(f"echo({number})") == str(number) for _ in range(100))

    said: list[bool] = []
    threads = [threading.Thread(target=work, args=(one, number)) for number, one in enumerate(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in sessions:
        one.shutdown()
    assert said == [True] * 500


def test_output_of_a_cell_while_an_earlier_one_waits_for_a_tool(session: TrustedInterpreter) -> None:
    """The waiting thread reads for the main one: what it has read but not looked at yet counts as told."""
    release = threading.Event()
    session.tools["hold"] = lambda: release.wait(60)
    session.execute("import os, threading\nthreading.Thread(target=hold).start()")
    for number in range(3000):
        spent = (0, 200, 500, 1000, 2000)[number % 5]
        code = f"os.write(1, b'{number}\\n') and None\nfor _ in range({spent}): pass"
        assert session.execute(code) == str(number)
    release.set()


def test_output_of_a_cell_that_begins_while_the_supervisor_reads(session: TrustedInterpreter) -> None:
    """What a leftover child prints between cells does not take the next cell's own output with it."""
    supervisor = session._client._connection.pid
    stray = "import os, time\nwhile True: os.write(1, b'stray\\\\n'); time.sleep(0.0002)"
    session.execute(
        f"import os, subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', '''{stray}'''])"
    )
    ended = threading.Event()

    def hold_up() -> None:
        while not ended.wait(random.random() * 0.003):
            os.kill(supervisor, signal.SIGSTOP)
            ended.wait(random.random() * 0.003)
            os.kill(supervisor, signal.SIGCONT)

    holding_up = threading.Thread(target=hold_up)
    holding_up.start()
    try:
        for number in range(5000):
            code = f"os.write(1, b'<{number}>\\n') and None\nfor _ in range(1000): pass"
            assert f"<{number}>" in session.execute(code)
    finally:
        ended.set()
        holding_up.join()
    session.execute("child.kill()")


def test_worker_that_dies_while_a_copy_of_it_holds_the_line(session: TrustedInterpreter) -> None:
    """Its end is told at the next step, once, with what is gone; nobody waits for the copy."""
    code = """
        import os, threading, time
        if os.fork() == 0:
            os.setsid()
            time.sleep(20)
            os._exit(0)
        threading.Timer(0.1, os._exit, (7,)).start()
    """
    session.execute("mine = 1")
    session.execute(textwrap.dedent(code))
    time.sleep(0.5)
    begun = time.monotonic()
    with pytest.raises(CodeExecutionError, match=r"exit 7.*this step was not run.*mine"):
        session.execute("x = 1")
    assert time.monotonic() - begun < 5
    assert session.execute("'mine' in globals()") == "False"


def test_line_of_a_host_that_was_forked() -> None:
    """A copy of the host keeps the old line open; its end must not be taken for news on the new one."""
    told: list[Any] = []

    def work(session: TrustedInterpreter) -> None:
        told.extend(session.execute(f"print({number})") for number in range(3))

    with TrustedInterpreter() as session:
        session.execute("x = 1")
        copy = os.fork()
        if copy == 0:
            time.sleep(30)
            os._exit(0)
        try:
            with pytest.raises(CodeExecutionError, match="exit 3"):
                session.execute("import os; os._exit(3)")
            working = threading.Thread(target=work, args=(session,), daemon=True)
            working.start()
            working.join(10)
            assert told == ["0", "1", "2"]
        finally:
            os.kill(copy, signal.SIGKILL)
            os.waitpid(copy, 0)


def test_threads_that_call_when_the_main_one_is_interrupted() -> None:
    """Whoever is interrupted while it reads for all leaves that to another thread, so the step ends by itself."""
    code = """
        def work():
            try:
                while True: echo(1)
            except RuntimeError: pass
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        try:
            begun()
            while True: echo(0)
        finally:
            for thread in threads: thread.join()
    """
    with TrustedInterpreter(grace=10.0) as session:
        delays = iter(range(300))
        session.tools["echo"] = lambda value: value
        session.tools["begun"] = lambda: threading.Timer(next(delays) * 0.00001, session.interrupt).start()
        session.execute("import threading\nkept = 1")
        for _ in range(300):
            with pytest.raises(CodeExecutionError, match="was interrupted and its variables are kept"):
                session.execute(textwrap.dedent(code))
        assert session.execute("kept") == "1"


def test_more_threads_than_calls_are_taken(session: TrustedInterpreter) -> None:
    """Those that are refused while results are being sent are refused, and nothing worse."""
    session.tools["nap"] = lambda: time.sleep(0.02)
    code = f"""
        import threading
        said = []
        def ask():
            for _ in range(3):
                try: said.append(nap() is None)
                except RuntimeError as error: said.append(str(error))
        threads = [threading.Thread(target=ask) for _ in range({MAX_CALLS} + 300)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        del threads
    """
    for _ in range(2):
        session.execute(textwrap.dedent(code))
        assert int(session.execute("len(said)")) == 3 * (MAX_CALLS + 300)
        assert (
            session.execute(f"[one for one in said if one is not True and '{MAX_CALLS:,} calls' not in one]")
            == "[]"
        )


def test_offer_that_is_interrupted_at_any_moment() -> None:
    """It leaves nothing locked: closing would wait for ever."""
    ours, theirs = socket.socketpair()
    stream, interrupted = Stream(ours), 0
    theirs.settimeout(30)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        while interrupted < 300:  # some seconds of time of its own
            try:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0.001)
                while True:
                    stream.offer(b"x")
            except KeyboardInterrupt:
                interrupted += 1
            theirs.recv(1 << 20)
            assert stream.offer(b"x"), "it is locked"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    stream.close()
    theirs.close()
