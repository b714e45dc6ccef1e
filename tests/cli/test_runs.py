"""Each runner end to end: the real command, the scripted model, a real driver."""

from __future__ import annotations

import json

import pytest

from fleet_rlm import run_long_context

RUNS = {
    "basic": (("--question", "What is it?"), {"answer", "trajectory_steps"}),
    "architecture": (
        ("--docs-path", "guide.md", "--query", "parts"),
        {"modules", "optimizers", "design_principles", "doc_chars", "doc_lines"},
    ),
    "api-endpoints": (("--docs-path", "guide.md"), {"api_endpoints", "count"}),
    "error-patterns": (("--docs-path", "guide.md"), {"error_categories", "total_errors_found"}),
    "trajectory": (("--docs-path", "guide.md"), {"summary", "trajectory_steps", "trajectory"}),
    "custom-tool": (
        ("--docs-path", "guide.md"),
        {"headers", "code_blocks", "structure_summary", "headers_count", "code_blocks_count"},
    ),
    "long-context": (
        ("--docs-path", "guide.md", "--query", "health"),
        {"findings", "answer", "sections_examined", "doc_chars"},
    ),
    "long-context --mode summarize": (
        ("--docs-path", "guide.md"),
        {"summary", "key_points", "coverage_pct", "doc_chars"},
    ),
}
NOTICE = "No language model was asked: every answer came from the script 'generic'."


@pytest.mark.usefixtures("document")
@pytest.mark.parametrize("run", RUNS)
def test_result_keys(fleet, run):
    """Each runner returns exactly its keys, `complete` and `warnings`, as one JSON object."""
    arguments, keys = RUNS[run]
    ended = fleet(*f"run-{run}".split(), *arguments, "--model", "script:generic", "--json", "--no-verbose")
    assert (ended.code, ended.err) == (0, "")
    result = ended.json
    assert keys | {"complete", "warnings"} == set(result)
    assert (result["complete"], result["warnings"]) == (True, [NOTICE])


def test_counts_are_computed(fleet, document):
    """Counts and sizes come from the text and the lists themselves, not from what a model says."""
    arguments = ("--docs-path", document, "--model", "script:generic", "--json")
    text = document.read_text()
    architecture = fleet("run-architecture", "--query", "parts", *arguments).json
    assert (len(text), text.count("\n")) == (architecture["doc_chars"], architecture["doc_lines"])
    endpoints = fleet("run-api-endpoints", *arguments).json
    assert len(endpoints["api_endpoints"]) == endpoints["count"]
    assert endpoints["count"] > 0


def test_forced_answer(fleet, script):
    """When the iterations run out the answer is marked: complete is false, and a warning says why."""
    model = script("steps:\n- {code: 'x = 1'}\nextract: {answer: perhaps}\n")
    arguments = ("run-basic", "--question", "x", "--model", model, "--max-iterations", "2", "--json")
    ended = fleet(*arguments, "--no-verbose")
    result = ended.json
    assert ended.err == ""
    assert (result["answer"], result["trajectory_steps"], result["complete"]) == ("perhaps", 2, False)
    assert "The answer was forced" in result["warnings"][-1]


@pytest.mark.parametrize("shown", ["--json", "--full-output", None])
def test_an_integer_beyond_python_s_limit(fleet, script, document, shown):
    """It is hexadecimal text in the result, whose other parts are what they are."""
    model = script("steps:\n- code: \"SUBMIT([{'name': 10 ** 5000, 'kind': 'GET'}])\"\n")
    arguments = ["--docs-path", document, "--model", model, "--no-verbose", *([shown] if shown else [])]
    ended = fleet("run-api-endpoints", *arguments)
    assert (ended.code, ended.err) == (0, "")
    if shown:
        result = json.loads(ended.out)
        assert result["api_endpoints"] == [{"name": hex(10**5000), "kind": "GET"}]
        assert (result["count"], result["complete"]) == (1, True)
    else:
        assert f"- name: {hex(10**5000)[:1000]}" in ended.out
        assert "kind: GET" in ended.out


def test_an_integer_beyond_python_s_limit_as_a_text(fleet, script):
    """Where a text is wanted, its text is taken, as the text of any other number is."""
    model = script("steps:\n- {code: SUBMIT(10 ** 5000)}\n")
    ended = fleet("run-basic", "--question", "x", "--model", model, "--json", "--no-verbose")
    assert (ended.json["answer"], ended.json["complete"]) == (hex(10**5000), True)


NAMES = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


@pytest.mark.parametrize("number", NAMES)
def test_a_float_that_is_no_json(fleet, script, document, number):
    """It is told by its name, as text, however the result is shown; in Python it is the float itself."""
    code = f"SUBMIT(summary='s', key_points=['k'], coverage_pct=float('{number}'))"
    model = script(json.dumps({"steps": [{"code": code}]}))
    command = ("run-long-context", "--mode", "summarize", "--docs-path", document, "--model", model)
    ended = fleet(*command, "--json", "--no-verbose")
    assert (ended.code, ended.err) == (0, "")
    assert (ended.json["coverage_pct"], ended.json["summary"]) == (NAMES[number], "s")
    assert f'"coverage_pct": "{NAMES[number]}"' in fleet(*command, "--full-output", "--no-verbose").out
    assert f"Coverage pct: {NAMES[number]}\n" in fleet(*command, "--no-verbose").out
    result = run_long_context([str(document)], mode="summarize", model=model)
    assert repr(result["coverage_pct"]) == number


def test_sub_call_budget(fleet, script):
    """--max-llm-calls is the budget of the run: one more is an error in the code."""
    code = "llm_query('a')\ntry:\n    llm_query('b')\nexcept Exception as e:\n    SUBMIT(str(e))"
    model = script(json.dumps({"steps": [{"code": code}], "replies": [{"reply": "yes"}]}))
    result = fleet("run-basic", "--question", "x", "--model", model, "--max-llm-calls", "1", "--json").json
    assert "LLM call limit exceeded: 1 + 1 > 1" in result["answer"]


def test_documents_mapping(fleet, script, tmp_path):
    """Several documents are one text and a mapping from path to text, also after the worker was replaced."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"this is {name}\n")
    steps = [
        {"code": "print(documents['a.txt'])"},
        {"code": "import os; os._exit(1)"},
        {"code": "SUBMIT([f'{p}: {t}' for p, t in documents.items()], docs_are := document, len(documents))"},
    ]
    model = script(json.dumps({"steps": steps}))
    arguments = ("--docs-path", "a.txt", "--docs-path", "b.txt", "--query", "x", "--model", model, "--json")
    result = fleet("run-long-context", *arguments).json
    assert result["findings"] == ["a.txt: this is a\n", "b.txt: this is b\n"]
    assert result["sections_examined"] == 2
    assert all(name in result["answer"] for name in ("a.txt", "b.txt", "this is a", "this is b"))


def test_documents_from_stdin(fleet):
    """`-` reads standard input."""
    arguments = (
        "run-long-context",
        "--docs-path",
        "-",
        "--query",
        "x",
        "--model",
        "script:generic",
        "--json",
    )
    assert fleet(*arguments, stdin="twelve chars").json["doc_chars"] == 12


def test_regex_tool(fleet, script, document):
    """regex_extract runs on the host, and takes a variable's name instead of its text."""
    code = "SUBMIT(regex_extract('docs', '^#+ .+', 8), regex_extract(docs, r'GET (\\S+)'), 'x')"
    model = script(json.dumps({"steps": [{"code": code}]}))
    result = fleet("run-custom-tool", "--docs-path", document, "--model", model, "--json").json
    assert (result["headers"], result["code_blocks"]) == (["# Guide", "## Use"], ["/health"])


def test_chars(fleet, document):
    """--chars reads the start only, and says so."""
    arguments = ("run-trajectory", "--docs-path", document, "--model", "script:generic", "--json")
    result = fleet(*arguments, "--chars", "10").json
    assert "10 characters" in result["summary"]
    assert "Only the first 10 of" in result["warnings"][-1]
    assert fleet(*arguments, "--chars", "0").json["warnings"] == [NOTICE]


def test_volume(fleet, script, home):
    """--volume-name keeps files from run to run, in the user's own data folder."""
    options = ("--question", "x", "--json", "--volume-name", "shelf", "--model")
    save = script(json.dumps({"steps": [{"code": "save_to_volume('a.txt', 'kept')\nSUBMIT('saved')"}]}))
    assert fleet("run-basic", *options, save).json["answer"] == "saved"
    load = script(json.dumps({"steps": [{"code": "SUBMIT(load_from_volume('a.txt'))"}]}))
    assert fleet("run-basic", *options, load).json["answer"] == "kept"
    assert [path.parent.name for path in home.rglob("a.txt")] == ["shelf"]


def test_allow_subprocess(fleet, script):
    """Generated code may start a process only with --allow-subprocess."""
    code = "import os\ntry:\n    SUBMIT(str(os.waitpid(os.fork() or os._exit(7), 0)[1]))\nexcept OSError as e:\n    SUBMIT('denied')"
    arguments = (
        "run-basic",
        "--question",
        "x",
        "--model",
        script(json.dumps({"steps": [{"code": code}]})),
        "--json",
    )
    assert fleet(*arguments).json["answer"] == "denied"
    assert str(7 << 8) == fleet(*arguments, "--allow-subprocess").json["answer"]


def test_memory(fleet, script):
    """--memory bounds what generated code may use; the run goes on."""
    steps = [{"code": "x = bytearray(600 << 20)"}, {"code": "SUBMIT(str('x' in globals()))"}]
    arguments = ("run-basic", "--question", "x", "--model", script(json.dumps({"steps": steps})), "--json")
    assert fleet(*arguments, "--memory", "300M").json["answer"] == "False"
    assert fleet(*arguments, "--memory", "2G").json["answer"] == "True"


def test_endless_code(fleet, script):
    """Code that never ends costs half of the run's time; the planner learns of it and goes on."""
    steps = [{"code": "x = 5\nwhile True: pass"}, {"code": "SUBMIT(str(x))"}]
    model = script(json.dumps({"steps": steps}))
    ended = fleet("run-basic", "--question", "x", "--model", model, "--timeout", "6", "--json")
    assert (ended.json["answer"], ended.json["trajectory_steps"]) == ("5", 2)
    assert "interrupted" in ended.err


def test_readable(fleet, document, snapshot):
    """Without --json the result is for a person: fields, lists, notes."""
    ended = fleet("run-custom-tool", "--docs-path", document, "--model", "script:generic", "--no-verbose")
    assert (ended.code, ended.err) == (0, "")
    assert snapshot == ended.out


def test_full_output(fleet, document):
    """--full-output is the whole result, indented."""
    arguments = ("run-trajectory", "--docs-path", document, "--model", "script:generic")
    ended = fleet(*arguments, "--full-output", "--no-verbose")
    assert {"reasoning", "code", "output"} == set(json.loads(ended.out)["trajectory"][0])
    assert ended.out.startswith('{\n  "summary"')


def test_terminal_escapes_are_made_harmless(fleet, script):
    """What a document holds cannot drive the terminal."""
    model = script(json.dumps({"steps": [{"code": "SUBMIT('a\\x1b[2Jb')"}]}))
    assert "Answer: a�[2Jb\n" in fleet("run-basic", "--question", "x", "--model", model).out


def test_progress(fleet, script, document):
    """Progress on stderr, without a terminal, is plain lines in the order of events."""
    steps = [
        {"reasoning": "look", "code": "\nprint(len(document))\nprint('more')"},
        {"code": "1 / 0"},
        {"code": "x = llm_query_batched(['a', 'b', 'c'])"},
        {"code": "SUBMIT(['f'], 'a', 1)"},
    ]
    model = script(json.dumps({"steps": steps, "replies": [{"reply": "r"}]}))
    ended = fleet("run-long-context", "--docs-path", document, "--query", "x", "--model", model)
    lines = ended.err.splitlines()
    starts = [line.partition("  (")[0] for line in lines if line.startswith("[")]
    assert starts == [
        "[1/30] print(len(document))",
        "[2/30] 1 / 0",
        "[3/30] x = llm_query_batched(['a', 'b', 'c'])",
        "[4/30] SUBMIT(['f'], 'a', 1)",
    ]
    assert sum(line.startswith("sandbox: local (") for line in lines) == 1
    assert f"read 1 document: {len(document.read_text())} characters, 12 lines" in lines
    ends = [line for line in lines if line.startswith("      ")]
    assert ends[0].startswith(f"      → {len(document.read_text())}  (")
    assert "ZeroDivisionError" in ends[1]
    assert "3 sub-calls" in ends[2]
    assert lines[-1].startswith("done: 4 iterations, 3 sub-calls, ")


def test_silence(fleet, document):
    """--no-verbose says nothing on stderr."""
    ended = fleet("run-error-patterns", "--docs-path", document, "--model", "script:generic", "--no-verbose")
    assert (ended.code, ended.err) == (0, "")
