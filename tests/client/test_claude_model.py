"""The models ``claude-code/…`` with the real client, which asks a Messages API on the loopback address."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from dspy.lm15 import Message, Request
from dspy.utils import exceptions as dspy_errors

from client.messages_api import DROPPED, Cut, Fault, MessagesApi
from client.messages_api import Request as Received
from client.run import NOWHERE
from fleet_rlm.models.claude_code.asking import Way
from fleet_rlm.models.claude_code.lm import ClaudeCodeLM
from fleet_rlm.models.script_file import load_script
from fleet_rlm.models.scripted import answer as scripted_answer

SECRET = "the-text-of-a-file-of-the-user"
IDENTITY = "You are a Claude agent, built on Anthropic's Claude Agent SDK."
"""What the client puts before any system prompt, besides a line about billing."""

OVERLOADED = Fault.of(529, "overloaded_error", "Overloaded")
UNREADABLE = Fault(200, b"<html>not what you asked for</html>")


def question_of(request: Received) -> str:
    """What was asked, without what the client adds."""
    texts = [text for message in request.messages if message["role"] == "user" for text in _texts(message)]
    return "\n".join(text for text in texts if not text.startswith("<system-reminder>"))


def system_of(request: Received) -> list[str]:
    """The system prompt without the client's line about billing."""
    return [block["text"] for block in request.body["system"] if not block["text"].startswith("x-anthropic-")]


def _texts(message: Mapping) -> Iterator[str]:
    content = message["content"]
    yield from [content] if isinstance(content, str) else [block["text"] for block in content]


@pytest.fixture
def api(monkeypatch, tmp_path) -> Iterator[MessagesApi]:
    """A Messages API that this process's environment leads to; it answers ``ok`` until told otherwise."""
    with MessagesApi(toolless=lambda _request: "ok") as server:
        temporary = tmp_path / "tmp"
        temporary.mkdir(exist_ok=True)
        for name, value in {
            "ANTHROPIC_BASE_URL": server.url,
            "ANTHROPIC_API_KEY": "dummy",
            "HTTPS_PROXY": NOWHERE,
            "NO_PROXY": "127.0.0.1",
            "TMPDIR": str(temporary),
        }.items():
            monkeypatch.setenv(name, value)
        yield server


def lm_of(binary, *, retries=0, model="haiku", **options) -> ClaudeCodeLM:
    return ClaudeCodeLM(Way(binary, model, 60.0, retries, 8), **options)


def replies(*answers):
    """Answer with these in turn, then ``ok``."""
    left, lock = list(answers), threading.Lock()

    def reply(_request):
        with lock:
            return left.pop(0) if left else "ok"

    return reply


class TestRequest:
    def test_only_what_was_asked(self, binary, api):
        """The request holds our system prompt and our prompt, no tools, no thinking; the client adds a few lines."""
        prompt = "  How many?\r\n"
        lm_of(binary)(
            Request(model="claude-code/haiku", system="Be brief.", messages=(Message.user(prompt),))
        )
        (request,) = api.requests
        assert ([IDENTITY, "Be brief."], prompt) == (system_of(request), question_of(request))
        assert (request.tools, request.body.get("thinking")) == ([], None)
        added = json.dumps(request.body["messages"]).replace(json.dumps(prompt), "")
        assert len(added) < 2500  # the date, and since 2.1.3xx the working directory and the platform

    def test_no_system_prompt(self, binary, api):
        """Without a system prompt the client's own long one is not used in its place."""
        lm_of(binary)("x")
        assert [IDENTITY] == system_of(api.requests[0])

    def test_nothing_of_the_users_setting(self, binary, api, home, hostile):
        """Hooks, plugins, skills, memory and MCP servers, the user's and the project's, have no effect at all."""
        lm_of(binary)("x")
        sent = json.dumps([request.body for request in api.requests])
        assert [request.tools for request in api.requests] == [[]]
        assert not re.search("HOSTILE", sent)
        assert hostile.traces == []
        assert not (home / ".claude/projects").exists()
        assert "claude-from-settings" not in sent

    def test_hostile_things_work_otherwise(self, binary, api, hostile):
        """The same things do have an effect on a client that is started as usual: the test above can fail."""
        subprocess.run(
            [binary, "-p"],
            input="x",
            capture_output=True,
            text=True,
            timeout=60,
            cwd=hostile.project,
            env=os.environ.copy(),
            check=False,
        )
        assert {"user", "project", "plugin"} <= set(hostile.traces)
        assert "HOSTILE" in json.dumps([request.body for request in api.requests])

    @pytest.mark.parametrize("form", ["@{}", '@"{}"', "@{}#L1-2", "see @{} and @{}"])
    def test_no_file_is_read(self, form, binary, api, tmp_path):
        """A path that a prompt mentions is text: the client would send the file along, whoever wrote the prompt."""
        file = tmp_path / "secret.txt"
        file.write_text(SECRET)
        prompt = form.replace("{}", str(file))
        lm_of(binary)(prompt)
        assert prompt == question_of(api.requests[0])
        assert SECRET not in json.dumps([request.body for request in api.requests])

    @pytest.mark.parametrize(
        "prompt", ["/cost", "/compact now", "/init", "/explain this", "!ls", "# note", "ultrathink"]
    )
    def test_no_prompt_is_a_command(self, prompt, binary, api):
        """What would be a command in a session is a question like any other."""
        assert lm_of(binary)(prompt) == ["ok"]
        assert question_of(api.requests[0]).strip() == prompt

    def test_a_conversation(self, binary, api):
        """Earlier turns, the model's own included, arrive in their order."""
        turns = (Message.user("2+2?"), Message.assistant("4"), Message.user("And 3+3?"))
        lm_of(binary)(Request(model="claude-code/haiku", messages=turns))
        assert re.search(r"2\+2\?.*assistant.*4.*user.*And 3\+3\?", question_of(api.requests[0]), re.DOTALL)

    def test_longest_answer_and_model(self, binary, api):
        """max_tokens and a full id reach the API."""
        lm_of(binary, model="claude-haiku-4-5", max_tokens=123)("x")
        body = api.requests[0].body
        assert (body["max_tokens"], body["model"]) == (123, "claude-haiku-4-5")

    def test_a_long_prompt(self, binary, api):
        """A prompt far larger than an argument list can be arrives whole."""
        prompt = "word " * 100_000
        lm_of(binary)(prompt)
        assert prompt == question_of(api.requests[0])


@dataclass
class Hostile:
    """What others have left in the user's home and in a project; each leaves a trace where it has an effect."""

    home: Path
    project: Path

    @property
    def traces(self) -> list[str]:
        """What had an effect."""
        return sorted(path.name for path in (self.home / "traces").iterdir())

    def hooks(self, name: str) -> dict:
        run = [{"type": "command", "command": f"touch {self.home}/traces/{name}; echo HOSTILE"}]
        return {"hooks": {event: [{"hooks": run}] for event in ("SessionStart", "UserPromptSubmit", "Stop")}}

    def server(self, name: str) -> dict:
        return {"mcpServers": {name: {"command": "touch", "args": [f"{self.home}/traces/{name}"]}}}


@pytest.fixture
def hostile(home, tmp_path, monkeypatch) -> Hostile:
    """Settings, plugins, memory and MCP servers in the home and in the working directory."""
    found = Hostile(home, tmp_path / "project")
    (home / "traces").mkdir()
    plugin = home / ".claude/skills/evil"
    files = {
        home / ".claude/settings.json": found.hooks("user") | {"model": "claude-from-settings"},
        home / ".claude/CLAUDE.md": "HOSTILE",
        home / ".claude/.claude.json": found.server("user-server"),
        plugin / ".claude-plugin/plugin.json": {"name": "evil", "version": "0.1.0", "description": "HOSTILE"},
        plugin / "hooks/hooks.json": found.hooks("plugin"),
        plugin / ".mcp.json": found.server("plugin-server"),
        plugin / "skills/evil/SKILL.md": "---\nname: evil\ndescription: HOSTILE\n---\nHOSTILE\n",
        home / ".claude/agents/evil.md": "---\nname: evil\ndescription: HOSTILE\n---\nHOSTILE\n",
        found.project / ".claude/settings.json": found.hooks("project"),
        found.project / ".claude/settings.local.json": found.hooks("local"),
        found.project / "CLAUDE.md": "HOSTILE",
        found.project / ".mcp.json": found.server("project-server"),
        # Clients work in folders below that for temporary files, where every user of a machine may write.
        tmp_path / "tmp/.claude/settings.json": found.hooks("temporary"),
        tmp_path / "tmp/CLAUDE.md": "HOSTILE",
        tmp_path / "tmp/.mcp.json": found.server("temporary-server"),
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    monkeypatch.chdir(found.project)
    return found


FAILURES = {
    "refused key": (Fault.of(401, "authentication_error", "invalid x-api-key"), dspy_errors.LMAuthError),
    "no money": (Fault.of(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API"), dspy_errors.LMBillingError),
    "unknown model": (Fault.of(404, "not_found_error", "model: claude-none"), dspy_errors.LMUnsupportedModelError),
    "too long": (Fault.of(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"), dspy_errors.ContextWindowExceededError),
    "too large": (Fault.of(413, "request_too_large", "Request exceeds the maximum size"), dspy_errors.ContextWindowExceededError),
    "refused request": (Fault.of(400, "invalid_request_error", "messages: bad"), dspy_errors.LMInvalidRequestError),
    "rate limit": (Fault.of(429, "rate_limit_error", "Slow down"), dspy_errors.LMRateLimitError),
    "a long wait": (Fault.of(429, "rate_limit_error", "Slow down", retry_after="900"), dspy_errors.LMRateLimitError),
    "overloaded": (OVERLOADED, dspy_errors.LMServerError),
    "server error": (Fault.of(500, "api_error", "oops"), dspy_errors.LMServerError),
    "no JSON": (UNREADABLE, dspy_errors.LMServerError),
    "dropped": (DROPPED, dspy_errors.LMTransportError),
}  # fmt: skip


class TestFailures:
    @pytest.mark.parametrize("case", FAILURES)
    def test_typed(self, case, binary, api):
        """What the API refuses or breaks becomes one of dspy's errors, with a remedy."""
        fault, kind = FAILURES[case]
        api.toolless = lambda _request: fault
        with pytest.raises(dspy_errors.LMError) as caught:
            lm_of(binary)("x")
        assert (type(caught.value), bool(caught.value.remedy)) == (kind, True)

    def test_not_logged_in(self, binary, api, monkeypatch):
        """Without a login nothing is asked, and the error says how to log in."""
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        with pytest.raises(dspy_errors.LMAuthError) as caught:
            lm_of(binary, retries=3)("x")
        assert "/login" in caught.value.remedy
        assert api.requests == []

    def test_limit_reached(self, binary, api, monkeypatch):
        """A subscription whose limit is reached fails at once, and says when the limit is over."""
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-dummy")
        reset = int(time.time()) + 9000
        unified = {
            "status": "rejected",
            "reset": str(reset),
            "representative-claim": "five_hour",
            "5h-status": "rejected",
        }
        headers = {f"anthropic-ratelimit-unified-{name}": value for name, value in unified.items()}
        fault = Fault.of(
            429,
            "rate_limit_error",
            "This request would exceed your account's rate limit.",
            retry_after="9000",
            **headers,
        )
        api.toolless = lambda _request: fault
        with pytest.raises(dspy_errors.LMRateLimitError) as caught:
            lm_of(binary, retries=3)("x")
        assert 8000 < caught.value.retry_after <= 9000
        assert caught.value.remedy.startswith(
            f"Wait until {time.strftime('%Y-%m-%d %H:%M', time.localtime(reset))}"
        )
        assert len(api.requests) == 1

    @pytest.mark.parametrize(
        "fault", [OVERLOADED, DROPPED, UNREADABLE], ids=["overloaded", "dropped", "no JSON"]
    )
    def test_what_passes_is_repeated(self, fault, binary, api):
        """What fails in passing is repeated, and the answer is as if nothing had been."""
        api.toolless = replies(fault, *([fault] if fault is UNREADABLE else []))
        assert lm_of(binary, retries=1)("x") == ["ok"]

    def test_retry_after_is_honoured(self, binary, api):
        """The repetition comes when the API said it may."""
        arrived = []

        def reply(_request):
            arrived.append(time.monotonic())
            return (
                Fault.of(429, "rate_limit_error", "Slow down", retry_after="3") if len(arrived) == 1 else "ok"
            )

        api.toolless = reply
        assert lm_of(binary, retries=1)("x") == ["ok"]
        assert arrived[1] - arrived[0] >= 3

    def test_repetitions_are_bounded(self, binary, api):
        """The client repeats as often as it may, not ten times."""
        api.toolless = lambda _request: OVERLOADED
        with pytest.raises(dspy_errors.LMServerError):
            lm_of(binary, retries=1)("x")
        assert len(api.requests) == 2

    def test_continued_answer(self, binary, api):
        """An answer that was cut is continued by the client, and nothing of it is lost."""
        api.toolless = replies(Cut("one "), Cut("two "), "three")
        lm = lm_of(binary)
        assert lm("x") == ["one two three"]
        assert lm.history[-1]["usage"]["completion_tokens"] == 3


PLAN = """
import json
asked = ["chunk %d of %d" % (n, len(document)) for n in range(12)]
answers = llm_query_batched(asked)
SUBMIT(answers, json.dumps(asked == answers), len(answers))
"""


AT_ONCE = 4
"""How many clients a run may have."""


class Model:
    """Plays planner and sub-model, with everything going wrong once in the middle of the parallel sub-calls."""

    def __init__(self, folder: Path) -> None:
        script = folder / "planner.yaml"
        script.write_text(json.dumps({"steps": [{"code": PLAN}], "replies": [{"reply": "unused"}]}))
        self._script = load_script(str(script))
        self._lock = threading.Lock()
        self._together = threading.Barrier(AT_ONCE)
        self.faults: dict[str, object] = {
            "chunk 1 ": OVERLOADED,
            "chunk 3 ": Fault.of(429, "rate_limit_error", "Slow down", retry_after="1"),
            "chunk 5 ": UNREADABLE,
            "chunk 7 ": self.killed,
        }
        self.asked: list[str] = []
        self.planned: list[str] = []
        self.victims: list[int] = []
        self.most = 0
        self.run: psutil.Process | None = None

    def __call__(self, request: Received) -> str | Fault:
        asked = question_of(request)
        if "repl_history" in "".join(system_of(request)):
            self.planned.append(request.model)
            messages = [
                {"role": "system", "content": "\n".join(system_of(request))},
                {"role": "user", "content": asked},
            ]
            return scripted_answer(self._script, messages).text
        with self._lock:
            self.asked.append(f"{request.model}: {asked}")
            name = next((name for name in self.faults if asked.startswith(name)), "")
            fault = self.faults.pop(name) if name else None
            is_early = len(self.asked) <= AT_ONCE
        if is_early:
            self._together.wait(120)  # the first are all under way before any is answered
        return (fault() if callable(fault) else fault) or asked

    def killed(self) -> None:
        """Kill one of the clients that are under way, whichever it is."""
        clients = clients_of(self.run)
        self.most = len(clients)
        os.kill(clients[-1].pid, signal.SIGKILL)
        self.victims.append(clients[-1].pid)


def clients_of(process: psutil.Process) -> list[psutil.Process]:
    """The clients that ``process`` runs."""
    return [child for child in process.children() if "--print" in _cmdline(child)]


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def start(binary, tmp_path, *more: str) -> subprocess.Popen[str]:
    """The command, with the real client as planner and as sub-model."""
    document = tmp_path / "document.txt"
    document.write_text("line\n" * 20_000)
    command = [
        str(Path(sys.executable).with_name("fleet-rlm")), "run-long-context", "--docs-path", str(document),
        "--query", "What is in it?", "--json", *more,
    ]  # fmt: skip
    environment = {**os.environ, "FLEET_RLM_CLAUDE": str(binary), "FLEET_RLM_CLAUDE_PARALLEL": str(AT_ONCE)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    )


NAMED = ("--model", "claude-code/sonnet", "--sub-model", "claude-code/haiku")


def test_a_whole_run(binary, api, tmp_path):
    """Planner and sub-calls are the client's; overload, rate limit, nonsense and a kill cost no answer."""
    model = Model(tmp_path)
    api.toolless = model
    process = start(binary, tmp_path, *NAMED)
    model.run = psutil.Process(process.pid)
    out, err = process.communicate(timeout=170)
    assert process.returncode == 0, err
    result = json.loads(out)
    assert [f"chunk {number} of 100000" for number in range(12)] == result["findings"]
    assert (result["answer"], result["sections_examined"], result["complete"]) == ("true", 12, True)
    assert result["warnings"] == []
    assert {"sonnet"} == {name.split("-")[1] for name in model.planned}
    assert {"haiku"} == {asked.split("-")[1] for asked in model.asked}
    assert model.faults == {}
    assert len(model.victims) == 1
    assert 1 <= model.most <= AT_ONCE
    assert "line\nline" * 1000 not in json.dumps([request.body for request in api.requests])


def test_a_lost_sub_call(binary, api, tmp_path):
    """A sub-call that cannot be answered is an error in its place; the others and the answer stay."""
    model = Model(tmp_path)
    model.faults = {}

    def reply(request):
        lost = question_of(request).startswith("chunk 5 ")
        return Fault.of(400, "invalid_request_error", "messages: bad") if lost else model(request)

    api.toolless = reply
    out, err = start(binary, tmp_path, *NAMED).communicate(timeout=170)
    findings = json.loads(out)["findings"]
    assert findings.pop(5).startswith("[ERROR] LMInvalidRequestError: "), err
    assert all(finding.startswith("chunk ") for finding in findings)


def test_default_model(binary, api, tmp_path):
    """With nothing configured it is asked, which stderr says once and the result does not."""
    model = Model(tmp_path)
    model.faults = {}
    api.toolless = model
    out, err = start(binary, tmp_path, "--verbose").communicate(timeout=170)
    said = "note: No model is configured, so Claude Code is asked: claude-code/sonnet plans, claude-code/haiku answers sub-calls."
    assert err.count(said) == 1
    assert json.loads(out)["warnings"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ending_a_run_ends_its_clients(number, binary, api, tmp_path):
    """Ctrl-C, or a kill of the command, leaves no client behind that still asks."""
    model = Model(tmp_path)
    model.faults = {}
    reached = threading.Semaphore(0)
    over = threading.Event()

    def reply(request):
        if question_of(request).startswith("chunk "):
            reached.release()
            over.wait(120)
        return model(request)

    api.toolless = reply
    process = start(binary, tmp_path, *NAMED)
    for _ in range(AT_ONCE):
        assert reached.acquire(timeout=120)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(clients_of(psutil.Process(process.pid))) == AT_ONCE
    process.send_signal(number)
    process.communicate(timeout=60)
    _gone, alive = psutil.wait_procs(family, timeout=30)
    over.set()
    assert alive == []
    assert len(model.asked) <= AT_ONCE
