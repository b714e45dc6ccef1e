"""A session's sub-model: asked from code, counted, limited, and only loaded when it is asked."""

from __future__ import annotations

import re
import time

import pytest

from fleet_rlm.errors import ConfigurationError, SessionError, UsageError
from loopback.openai_server import Refusal, Text

ECHO = "replies:\n- {when: '(?s)bad', fail: no such thing}\n- {when: '(?s)slow', reply: late, delay: 60}\n- {reply: fine}\n"
IMPORTED = re.compile(r"^import time: .*\| +(dspy|modal)$", re.MULTILINE)


@pytest.fixture
def asking(box, script):
    """Start a session whose sub-model is a script."""

    def start(text=ECHO, **options):
        return box.start(sub_model=script(text), **options)

    return start


@pytest.fixture
def over_http(box, openai_server, monkeypatch):
    """Start a session whose sub-model is reached over HTTP by dspy's own client."""
    for name, value in openai_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FLEET_RLM_LM_RETRIES", "0")

    def start(**options):
        return box.start(**options)

    return start


def used(handle):
    """What the session's calls have used, as anybody can see."""
    return handle.status()["used"]


def test_queries(asking):
    """Code asks one question or many; a failure is raised, or in a batch an error in its place."""
    handle = asking()
    done = handle.execute("print(llm_query('x'), llm_query_batched(['a', 'bad', 'b']))")
    assert done["output"].startswith("fine ['fine', '[ERROR] ")
    assert (done["llm_calls"], used(handle)["calls"]) == (4, 4)
    failed = handle.execute("llm_query('bad')")
    assert (failed["outcome"], "no such thing" in failed["error"]) == ("error", True)
    for wrong in ("llm_query(3)", "llm_query_batched('text')", "llm_query_batched([3])[0].foo"):
        assert handle.execute(wrong)["outcome"] == "error"
    assert handle.execute("print(llm_query_batched([]))")["output"] == "[]\n"


def test_a_script_in_the_folder(box, monkeypatch):
    """A script that is named relative to the folder is found when it is first asked."""
    (box.folder / "near.yaml").write_text("replies:\n- {reply: near}\n")
    handle = box.start(sub_model="script:near.yaml")
    assert handle.execute("print(llm_query('x'))")["output"] == "near\n"


def test_missing_model(box):
    """Without a model the question fails in the code, with what to do; the session goes on."""
    handle = box.start()
    failed = handle.execute("x = 1\nllm_query('x')")
    assert "No language model is configured" in failed["error"]
    assert "DSPY_LM_MODEL" in failed["error"]
    assert handle.execute("print(x)")["output"] == "1\n"
    handle.load(["-"], stdin=b"text")
    with pytest.raises(ConfigurationError, match="No language model is configured"):
        handle.begin_ask("what?").result()


def test_calls_are_limited(asking):
    """At the limit of calls the next one fails and says so; a batch keeps what was answered before."""
    handle = asking(max_llm_calls=3)
    first = handle.execute("answers = llm_query_batched(['a'] * 5)\nprint(sum(a == 'fine' for a in answers))")
    assert first["output"] == "3\n"
    again = handle.execute("print([a for a in answers if a != 'fine'][0])\nllm_query('x')")
    assert again["output"].startswith("[ERROR] BudgetError: the session's limit of 3 sub-calls is reached")
    assert "BudgetError: the session's limit of 3 sub-calls is reached" in again["error"]
    assert handle.execute("print(budget()['calls'])")["output"] == "{'used': 3, 'limit': 3, 'left': 0}\n"
    assert used(handle)["calls"] == 3


def test_no_calls_at_all(asking):
    """A limit of nothing allows nothing."""
    assert "limit of 0 sub-calls" in asking(max_llm_calls=0).execute("llm_query('x')")["error"]


def test_seconds_are_limited(asking):
    """The time in which calls are under way is limited, not that of other code."""
    handle = asking("replies:\n- {reply: fine, delay: 0.6}\n", max_seconds=0.5)
    done = handle.execute("import time; time.sleep(1)\nprint(llm_query('x'))\nllm_query('y')")
    assert done["output"] == "fine\n"
    assert "limit of 0.5 seconds of sub-calls is reached" in done["error"]


def test_tokens_and_cost(over_http, openai_server, monkeypatch):
    """Over HTTP tokens and dollars are what the provider's answer and the model's price say."""
    monkeypatch.setenv("DSPY_LM_MODEL", "openai/gpt-4o-mini")
    handle = over_http(max_tokens=10_000)
    handle.execute("print(llm_query('one two three'))")
    spent = used(handle)
    assert spent["tokens"] > 0
    assert (spent["calls"], spent["unpriced"], spent["cost"] > 0) == (1, 0, True)
    report = handle.execute("print(sorted(budget()), budget()['tokens'])")["output"]
    assert report.startswith("['calls', 'cost', 'seconds', 'tokens'] {'used': ")


@pytest.mark.parametrize(("limit", "unit"), [({"max_tokens": 1}, "tokens"), ({"max_cost": 1e-9}, "dollars")])
def test_tokens_and_cost_are_limited(over_http, monkeypatch, limit, unit):
    """Once tokens or dollars are spent the next call fails and says so."""
    monkeypatch.setenv("DSPY_LM_MODEL", "openai/gpt-4o-mini")
    handle = over_http(**limit)
    done = handle.execute("print(llm_query('one two three four five six'))\nllm_query('y')")
    assert done["output"] == "one two three four five six\n"
    assert re.search(rf"limit of [\de.,-]+ {unit} is reached", done["error"])


def test_unpriced(over_http):
    """Calls of a model without a known price are counted as such."""
    handle = over_http()
    handle.execute("llm_query('x')")
    assert (used(handle)["cost"], used(handle)["unpriced"]) == (0.0, 1)


def test_refused_key(over_http, openai_server):
    """A provider's refusal is raised in the code with its remedy, without the key that it repeats."""
    key = openai_server.environment["DSPY_LLM_API_KEY"]
    openai_server.answer = lambda _: Refusal(
        401, f"Incorrect API key provided: {key}", code="invalid_api_key"
    )
    done = over_http().execute("llm_query('x')")
    assert "Incorrect API key provided" in done["error"]
    assert "Check DSPY_LLM_API_KEY" in done["error"]
    assert key not in done["error"]


def test_a_key_of_the_folder_is_not_shown(box, openai_server):
    """A key that stands in the folder's .env is kept out of errors as well."""
    (box.folder / ".env").write_text(
        f"DSPY_LM_MODEL=openai/x\nDSPY_LLM_API_KEY=odd-looking-0123\nDSPY_LM_API_BASE={openai_server.base_url}\n"
    )
    openai_server.answer = lambda _: Refusal(400, "what is odd-looking-0123?")
    done = box.start().execute("llm_query('x')")
    assert ("what is" in done["error"], "odd-looking-0123" in done["error"]) == (True, False)


@pytest.mark.parametrize("number", [1, 3])
def test_concurrency(over_http, openai_server, number):
    """No more calls are under way at once than was said, in one batch or several."""
    openai_server.delay = 0.1
    handle = over_http(concurrency=number)
    handle.execute(
        "import threading\nworkers = [threading.Thread(target=llm_query_batched, args=(['x'] * 4,)) for _ in range(3)]\n"
        "for worker in workers: worker.start()\nfor worker in workers: worker.join()"
    )
    assert (openai_server.busiest, len(openai_server.requests)) == (number, 12)


@pytest.mark.parametrize("how", ["cancelled", "timeout", "gone"])
def test_nobody_pays_for_what_nobody_wants(over_http, openai_server, wait_until, how):
    """What is left of a batch is not asked once its step was interrupted or its client has gone."""
    handle = over_http(concurrency=2)
    handle.execute("llm_query('x')")  # the first question imports dspy, which may take seconds
    openai_server.answer = lambda _: Text("x", delay=0.3)
    call = handle.begin_execute("llm_query_batched(['x'] * 200)", timeout=3.0 if how == "timeout" else None)
    wait_until(lambda: len(openai_server.requests) > 3)
    if how == "gone":
        call._connection.close()
    elif how == "cancelled":
        call.cancel()
    if how != "gone":
        assert call.result()["outcome"] == "interrupted"
    assert handle.execute("print('next')", wait=30)["output"] == "next\n"
    asked = len(openai_server.requests)
    time.sleep(1)
    assert len(openai_server.requests) <= asked + 2
    assert asked < 100


def test_stop_while_a_model_is_asked(asking, box, wait_until):
    """A stop does not wait for an answer."""
    handle = asking()
    call = handle.begin_execute("llm_query('slow')")
    wait_until(lambda: used(handle)["calls"] == 1)
    handle.stop()
    with pytest.raises(SessionError, match="was stopped"):
        call.result()


def test_ask(asking, box):
    """A question about every chunk: what is found, what is not, what failed, and how much was covered."""
    handle = asking(
        "replies:\n- {when: 'needle', reply: found it}\n- {when: bad, fail: oh no}\n- {reply: NOTHING}\n"
    )
    text = "".join({3: "needle", 5: "badbad"}.get(n, "......") + "\n" for n in range(10))
    handle.execute(f"text = {text!r}")
    events = []
    report = handle.begin_ask("where?", variable="text", size=7).result(events.append)
    assert (report["chunks"], report["asked"], report["answered"], report["nothing"], report["failed"]) == (
        10,
        10,
        9,
        8,
        1,
    )
    assert (report["findings"], report["coverage_pct"]) == (
        [{"chunk": 3, "start": 21, "end": 28, "answer": "found it"}], 90.0,
    )  # fmt: skip
    assert max(event.get("done", 0) for event in events) == 10
    assert "oh no" in report["errors"][0]
    assert handle.execute("print(len(answers))")["output"] == "10\n"
    some = handle.begin_ask("where?", variable="text", size=7, match="needle", save_as="few").result()
    assert (some["asked"], some["coverage_pct"]) == (1, 10.0)
    for wrong in ({"overlap": 7}, {"size": 0}, {"variable": "1x"}, {"save_as": "for"}):
        with pytest.raises(Exception, match="cannot"):
            handle.begin_ask("?", **{"variable": "text", "size": 7, **wrong}).result()
    for wrong in ({"variable": "nothing"}, {"match": "("}):
        with pytest.raises(UsageError):
            handle.begin_ask("?", **{"variable": "text", **wrong}).result()


def test_what_is_loaded_when(box, script, monkeypatch):
    """Neither a command nor the session's process imports dspy or modal, until code asks a model."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    assert IMPORTED.findall(box("start", "lean", "--sub-model", script(ECHO)).err) == []
    (box.folder / "x.txt").write_text("text")
    for arguments in (("load", "x.txt"), ("exec",), ("vars",), ("list",)):
        ended = box(*arguments, stdin="print(1)")
        assert ended.code == 0
        assert "| fleet_rlm.sessions.client" in ended.err
        assert IMPORTED.findall(ended.err) == []
    log = box.session_folder("lean") / "log"
    assert "| fleet_rlm.sessions.broker" in log.read_text()
    assert IMPORTED.findall(log.read_text()) == []
    box("exec", stdin="llm_query('x')")
    assert IMPORTED.findall(log.read_text()) == ["dspy"]


def test_ask_of_too_many(asking, box):
    """A list of more items than there are calls left is refused before anything is asked or paid for."""
    handle = asking(max_llm_calls=10)
    handle.execute("many = ['one'] * 11")
    with pytest.raises(UsageError, match=r"^11 sub-calls would be needed and 10 are left"):
        handle.begin_ask("what?", variable="many").result()
    assert used(handle)["calls"] == 0


def test_ask_of_documents(asking, box):
    """A question about a mapping of documents is asked of each text, not of their names."""
    handle = asking("replies:\n- {when: 'needle', reply: found it}\n- {reply: NOTHING}\n")
    handle.execute("given = {'a.txt': 'a needle here', 'needle.txt': 'hay'}")
    report = handle.begin_ask("what?", variable="given").result()
    assert [0] == [row["chunk"] for row in report["findings"]]


def test_ask_of_nothing(asking, box):
    """A variable that is not there, and a pattern that is none, are named in a sentence; nothing is asked."""
    handle = asking()
    handle.execute("document = 'text'")
    with pytest.raises(UsageError, match="There is no variable 'nowhere'"):
        handle.begin_ask("what?", variable="nowhere").result()
    with pytest.raises(UsageError, match="'\\(' is not a regular expression"):
        handle.begin_ask("what?", match="(").result()
    assert used(handle)["calls"] == 0
