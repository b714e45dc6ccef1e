"""What happens when things go wrong: bad requests, cancelling, busy sessions, killed servers, a client that leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from mcp_server.conftest import shell
from mcp_server.desk import PATIENCE, Pipe, desk

ENDLESS = "while True: pass"

BAD = {
    "missing": (
        "execute",
        {},
        "'code' is a required property. The arguments are: code (required), timeout, ",
    ),
    "unknown": (
        "execute",
        {"code": "1", "cod": "2"},
        "Additional properties are not allowed ('cod' was unexpected)",
    ),
    "kind": ("execute", {"code": 1}, "execute: code: 1 is not of type 'string'."),
    "range": ("execute", {"code": "1", "timeout": -1}, "-1 is less than the minimum of 0"),
    "choice": ("load", {"paths": [], "sandbox": "trusted"}, "'trusted' is not one of"),
    "list": ("load", {"paths": "big.log"}, "'big.log' is not of type 'array'"),
    "name": ("load", {"paths": ["big.log"], "name": "a b"}, "'a b' cannot be the name of a variable."),
    "path": ("load", {"paths": ["nowhere.log"]}, "nowhere.log"),
    "session": (
        "execute",
        {"code": "1", "session": "none"},
        "There is no session none. `load` starts a session",
    ),
    "no-session": ("ask", {"question": "?"}, "No session is running."),
}


@pytest.mark.parametrize(("tool", "arguments", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_one_sentence(tools, tool, arguments, said):
    """A bad argument is a failed result in one line with a remedy, never a traceback."""
    answer = tools.call(tool, **arguments)
    assert answer.failed
    assert answer.text.startswith("Error: ")
    assert answer.text.count("\n") == 0
    assert said in answer.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_cancelled_call_reaches_the_sandbox(project, mode):
    """Cancelling an endless loop interrupts it: the next call runs in the same session, its variables kept."""
    with desk(project, mode) as tools:
        tools.call("load", paths=["big.log"])
        tools.call("execute", code="x = 7")
        call = tools.begin("execute", code=f"y = 8\n{ENDLESS}")
        until_busy(project)
        call.cancel()
        answer = tools.call("execute", code="print(x, y)", wait=PATIENCE)
    assert answer.text.startswith("7 8\n")


def test_a_busy_session(tools, project):
    """A call that does not wait for its turn is told that somebody else's code runs; status and stop still work."""
    tools.call("load", paths=["big.log"])
    running = tools.begin("execute", code=ENDLESS)
    until_busy(project)
    refused = tools.call("execute", code="1", wait=0)
    assert refused.failed
    assert "The session is busy" in refused.text
    assert refused.text.endswith("Try again later, or give a larger `wait`.")
    assert "busy" in tools.call("status").text
    assert tools.call("stop").text == "Stopped: project."
    ended = running.result(PATIENCE)
    assert ended.failed
    assert "it was stopped" in ended.text


def test_a_timeout(tools):
    """At its limit code is interrupted, and its variables stay."""
    tools.call("load", paths=[])
    answer = tools.call("execute", code=f"x = 1\n{ENDLESS}", timeout=0.5)
    assert answer.failed
    assert "interrupted" in answer.text
    assert tools.call("execute", code="x").text.startswith("1\n")


def test_methods_that_do_not_exist(project):
    """An unknown method before or after the handshake is an error to the client, and the server goes on."""
    with Pipe(project) as pipe:
        assert pipe.ask(7, "server/discover")["error"]["code"] == -32601
        assert pipe.initialize()["result"]["serverInfo"]["name"] == "fleet-rlm"
        assert pipe.ask(8, "no/such")["error"]["code"] == -32601
        pipe.process.stdin.write("this is no JSON\n")
        assert (
            "there are load, execute"
            in pipe.ask(9, "tools/call", name="nope", arguments={})["error"]["message"]
        )
        for uri in (
            "fleet-rlm://session/none/answer",
            "fleet-rlm://run/1",
            "file:///etc/passwd",
            "fleet-rlm://run/x",
        ):
            answer = pipe.ask(10, "resources/read", uri=uri)
            assert "There is no " in answer["error"]["message"]
        assert len(pipe.ask(11, "tools/list")["result"]["tools"]) == 7


def test_a_client_that_leaves(project):
    """When its input ends the server ends, its output clean; the session stays."""
    with Pipe(project) as pipe:
        pipe.initialize()
        pipe.ask(2, "tools/call", name="load", arguments={"paths": ["big.log"]})
        pipe.ask(3, "tools/call", name="execute", arguments={"code": "x = 5"})
        out, err = pipe.process.communicate(timeout=PATIENCE)
        assert (pipe.process.returncode, out, err) == (0, "", "")
    assert shell("session", "exec", cwd=project, stdin="print(x)").stdout == "5\n"


def test_a_client_that_leaves_in_the_middle(project):
    """When its input ends during an endless loop, the loop is interrupted, and the session is free again."""
    with Pipe(project) as pipe:
        pipe.initialize()
        pipe.ask(2, "tools/call", name="load", arguments={"paths": ["big.log"]})
        pipe.send(id=3, method="tools/call", params={"name": "execute", "arguments": {"code": ENDLESS}})
        until_busy(project)
        pipe.process.communicate(timeout=PATIENCE)
        assert pipe.process.returncode == 0
    done = shell("session", "exec", "--wait", "60", cwd=project, stdin="print(len(document) > 0)")
    assert done.stdout == "True\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_server_that_is_ended(project, number):
    """A signal ends the server although its input is still open; the session lives on for the next server."""
    with Pipe(project) as pipe:
        pipe.initialize()
        pipe.ask(2, "tools/call", name="load", arguments={"paths": ["big.log"]})
        pipe.send(
            id=3, method="tools/call", params={"name": "execute", "arguments": {"code": f"x = 3\n{ENDLESS}"}}
        )
        until_busy(project)
        pipe.process.send_signal(number)
        pipe.process.wait(PATIENCE)
        assert pipe.process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    with desk(project) as tools:
        assert tools.call("execute", code="print(x)", wait=PATIENCE).text.startswith("3\n")


def test_nothing_heavy_is_loaded(project):
    """Neither saying hello nor serving loads dspy or modal, and only serving loads the mcp package."""
    code = (
        "import sys, fleet_rlm.cli.app; print('mcp' in sys.modules)\n"
        "import fleet_rlm.mcp.server; print('mcp' in sys.modules, 'dspy' in sys.modules, 'modal' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "False\nTrue False False\n", done.stderr


def until_busy(project) -> None:
    """Wait until code runs in the project's session."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        rows = json.loads(shell("session", "list", "--json", cwd=project).stdout)["sessions"]
        if any(row["state"] == "busy" for row in rows):
            return
        time.sleep(0.05)
    raise AssertionError("no code runs")
