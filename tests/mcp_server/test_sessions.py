"""The tools on sessions: what they answer, and that everybody shares the session."""

from __future__ import annotations

import json

import pytest

from fleet_rlm.runners import RUNNERS
from mcp_server.conftest import LINES, shell
from mcp_server.desk import desk

TOOLS = ["load", "execute", "ask", "save", "run", "status", "stop"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_tools_are_offered(project, mode):
    """In both eras of the protocol the client gets the tools, strict about their arguments, and short instructions."""
    with desk(project, mode) as tools:
        listed = tools.ask("list_tools").tools
        instructions = tools.client.instructions
    assert TOOLS == [tool.name for tool in listed]
    assert len(instructions) < 2_000
    for tool in listed:
        schema = tool.input_schema
        assert schema["additionalProperties"] is False
        assert all(one["description"] and "type" in one for one in schema["properties"].values())
        assert f"{tool.name}:" in instructions or f"{tool.name} " in instructions


def test_hints_are_truthful(tools):
    """Only status is free of effects, and what may destroy or reach other machines says so."""
    hints = {tool.name: tool.annotations for tool in tools.ask("list_tools").tools}
    assert [name for name in TOOLS if hints[name].read_only_hint] == ["status"]
    assert [name for name in TOOLS if hints[name].destructive_hint] == ["execute", "save", "stop"]
    assert [name for name in TOOLS if hints[name].open_world_hint] == ["load", "execute", "ask", "run"]


def test_every_runner_is_there_and_nothing_unconfined(tools):
    """`run` knows every runner and every option of theirs; no tool can be asked for the unconfined sandbox."""
    schemas = {tool.name: tool.input_schema["properties"] for tool in tools.ask("list_tools").tools}
    assert schemas["run"]["runner"]["enum"] == list(RUNNERS)
    assert {option.name for runner in RUNNERS.values() for option in runner.options} <= set(schemas["run"])
    assert "trusted" not in json.dumps(schemas)


def test_load_then_execute(tools):
    """A document is loaded by path into a session that starts by itself; code sees it, and its variables stay."""
    loaded = tools.call("load", paths=["big.log"])
    assert loaded.text.startswith("session project (started; local: ")
    assert "\n  document: str, " in loaded.text
    assert loaded.progress
    first = tools.call(
        "execute", code="errors = [l for l in document.splitlines() if 'ERROR' in l]\nlen(errors)"
    )
    assert first.text == f"{LINES // 100}\n{first.text.splitlines()[-1]}"
    assert first.text.splitlines()[-1].startswith("[session project: step 1, ok, ")
    assert tools.call("execute", code="print(errors[1])").text.startswith("2026-11-01 ERROR line 100\n")


def test_several_files(tools, project):
    """Of several files there is also a mapping, and the variable can have another name."""
    (project / "notes.md").write_text("# Notes\n")
    text = tools.call("load", paths=["*.log", "notes.md"], name="texts").text
    assert "texts_documents: documents, 2 texts" in text
    assert "read: big.log, notes.md" in text
    answer = tools.call("execute", code="print(texts_documents['notes.md'])").text
    assert answer.startswith("# Notes\n")


def test_the_shell_and_a_second_client_share_it(tools, project):
    """What one client computes another sees, and so does the command line; stop is for all."""
    tools.call("load", paths=["big.log"])
    tools.call("execute", code="x = 41")
    with desk(project) as other:
        assert other.call("execute", code="x += 1; print(x)").text.startswith("42\n")
    done = shell("session", "exec", cwd=project, stdin="print(x, len(document.splitlines()))")
    assert (done.stdout, done.returncode) == (f"42 {LINES}\n", 0)
    assert tools.call("stop").text == "Stopped: project."
    assert shell("session", "exec", cwd=project, stdin="1").returncode == 9


def test_the_project_folder_is_the_clients(project, tmp_path):
    """With CLAUDE_PROJECT_DIR set, paths and sessions belong to that folder, wherever the server was started."""
    with desk(tmp_path, CLAUDE_PROJECT_DIR=str(project)) as tools:
        assert "read: big.log" in tools.call("load", paths=["big.log"]).text
    assert shell("session", "vars", cwd=project).stdout.startswith("document")


def test_a_named_session(tools):
    """Two sessions are independent; without a name a call says which there are."""
    tools.call("load", paths=[], session="one")
    tools.call("load", paths=[], session="two")
    tools.call("execute", code="x = 1", session="one")
    assert "NameError" in tools.call("execute", code="x", session="two").text
    unclear = tools.call("execute", code="x")
    assert unclear.failed
    assert "one" in unclear.text
    assert "two" in unclear.text
    assert "`session` names one" in unclear.text
    assert tools.call("stop", all=True).text == "Stopped: two, one."


def test_options_count_for_a_new_session_only(tools):
    """Limits are those of the start; given later, the answer says that they did not count."""
    tools.call("load", paths=["big.log"], max_llm_calls=1)
    again = tools.call("load", paths=[], max_llm_calls=9)
    assert "was running" in again.text
    assert "Note: max_llm_calls did not count" in again.text
    assert "calls 0 of 1" in tools.call("status").text


def test_failures_of_code_are_errors_and_no_end(tools):
    """A traceback or a syntax error is a failed result, and the session goes on."""
    tools.call("load", paths=["big.log"])
    wrong = tools.call("execute", code="print('before')\n1/0")
    assert wrong.failed
    assert wrong.text.startswith("before\nTraceback")
    assert "ZeroDivisionError: division by zero\n[session project: step 1, error" in wrong.text
    assert "SyntaxError" in tools.call("execute", code="def (").text
    assert not tools.call("execute", code="len(document)").failed


def test_long_output_is_cut_and_kept(tools):
    """A result is bounded; the whole is a resource, and code can get it."""
    tools.call("load", paths=["big.log"])
    shown = tools.call("execute", code="print(document)")
    assert len(shown.text) < 10_000
    assert shown.links == ["fleet-rlm://session/project/output/1"]
    assert "get_output(1)" in shown.text
    assert "fleet-rlm session output 1 -s project" in shown.text
    [whole] = tools.ask("read_resource", shown.links[0]).contents
    assert whole.mime_type == "text/plain"
    assert whole.text.count("\n") >= LINES
    assert tools.call("execute", code="get_output(1).count('ERROR')").text.startswith("50\n")


def test_a_submitted_answer(tools):
    """SUBMIT's value is shown, and whole as a resource; a long one is cut."""
    tools.call("load", paths=["big.log"])
    assert "submitted:\noutput: 42\n" in tools.call("execute", code="SUBMIT(42)").text
    long = tools.call("execute", code="SUBMIT(document)")
    assert len(long.text) < 5_000
    assert "characters not shown" in long.text
    assert long.links == ["fleet-rlm://session/project/answer"]
    [whole] = tools.ask("read_resource", long.links[0]).contents
    assert json.loads(whole.text)["output"].count("ERROR") == 50
    assert long.links[0] in [str(one.uri) for one in tools.ask("list_resources").resources]


def test_resource_templates(tools):
    """The client learns the addresses of outputs, answers and results of runs."""
    found = tools.ask("list_resource_templates").resource_templates
    assert [one.uri_template for one in found] == [
        "fleet-rlm://session/{session}/output/{step}",
        "fleet-rlm://session/{session}/answer",
        "fleet-rlm://run/{number}",
    ]


def test_status(tools, project):
    """status shows sessions with variables, use and limits, and how to go on; also when there is none."""
    assert tools.call("status").text == 'No session is running. Go on: load(paths=["FILE"]) starts one.'
    tools.call("load", paths=["big.log"])
    tools.call("execute", code="n = 3")
    text = tools.call("status").text
    assert f"; local; 1 step; {project}\n" in text
    assert "\n  document: str, " in text
    assert "\n  n: int, 3 value\n" in text
    assert "\n  sub-calls: calls 0 of 500\n" in text
    assert text.endswith("Go on: execute(code=…) or ask(question=…); stop() when the work is done.")
    tools.call("stop")
    assert "session project: ended (it was stopped)" in tools.call("status").text


def test_an_integer_beyond_python_s_limit(tools):
    """It is answered as hexadecimal text, and the server goes on."""
    tools.call("load", paths=[])
    done = tools.begin("execute", code="SUBMIT(10 ** 5000)").result(30)
    assert f"output: {hex(10**5000)[:1000]}" in done.text
    found = tools.ask("read_resource", done.links[0]).contents[0]
    assert json.loads(found.text) == {"output": hex(10**5000)}
    assert "1 step" in tools.begin("status").result(30).text


def test_text_that_is_no_unicode(tools):
    """Half of a surrogate pair, which no message can hold, is shown escaped, and the server goes on."""
    tools.call("load", paths=[])
    done = tools.begin("execute", code="SUBMIT({'\\ud800': 'x\\udfff' * 2_000})").result(30)
    assert r"\ud800" in done.text
    found = tools.ask("read_resource", done.links[0]).contents[0]
    assert found.text.count(r"\udfff") == 2_000
    failed = tools.begin("execute", code="raise ValueError('\\ud800')").result(30)
    assert (failed.failed, "ValueError: " in failed.text) == (True, True)
    assert "2 steps" in tools.begin("status").result(30).text


def test_numbers_that_are_no_json(tools):
    """A float that JSON has no form for is told by its name, as text."""
    tools.call("load", paths=[])
    done = tools.call("execute", code="SUBMIT([float('nan'), float('inf'), -float('inf'), 0.5])")
    assert 'output: ["NaN", "Infinity", "-Infinity", 0.5]' in done.text


def test_a_load_that_fails_leaves_no_session(tools, project):
    """A session that was started for a text that is not there ends; one that was there before goes on."""
    failed = tools.call("load", paths=["nope"])
    assert (failed.failed, "nope" in failed.text) == (True, True)
    assert "No session is running." in tools.call("status").text
    tools.call("load", paths=["big.log"], session="m1")
    assert tools.call("load", paths=["nope"], session="m1").failed
    assert tools.call("execute", code="len(document)").failed is False


def test_several_loads_at_once(tools):
    """One of them starts the session, the others find it."""
    begun = [tools.begin("load", paths=["big.log"], name=f"log{number}") for number in range(3)]
    answers = [one.result(60).text for one in begun]
    assert sum("(started" in text for text in answers) == 1
    found = tools.call("execute", code="[len(log0), len(log1), len(log2)]")
    assert found.failed is False, found.text
