"""Each runner over real text, through dspy's real client and a server on the loopback address.

The server's planner only writes code, so every answer is computed in the sandbox; what is true is computed here
by other means: Python's own parser instead of searches.
"""

from __future__ import annotations

import ast
import asyncio
import json
from pathlib import Path

import pytest

from loopback.openai_server import Refusal, from_script

FOLDER = Path(asyncio.__file__).parent
FILES = sorted(FOLDER.glob("*.py"))
TREES = [ast.parse(path.read_text()) for path in FILES]
NODES = [node for tree in TREES for node in ast.walk(tree)]
CLASSES = {node.name for node in NODES if isinstance(node, ast.ClassDef) and node.col_offset == 0}
FUNCTIONS = {node.name for node in NODES if isinstance(node, ast.FunctionDef) and node.col_offset == 0}
RAISES = sum(isinstance(node, ast.Raise) for node in NODES)

COUNT_RAISES = """
import io, tokenize
tokens = (t for d in documents.values() for t in tokenize.generate_tokens(io.StringIO(d).readline))
count = sum(t.type == tokenize.NAME and t.string == "raise" for t in tokens)
SUBMIT({"raise": count}, count)
"""
ASK_SIZES = """
answers = llm_query_batched([f"{path}: {len(text)}" for path, text in documents.items()])
SUBMIT(answers, str(sum(int(answer.split()[-1]) for answer in answers)), len(answers))
"""
RUNS = {
    "run-basic": (
        ("--question", "How much is 2 to the power of 100?"),
        "SUBMIT(str(2 ** 100))",
        {"answer": "1267650600228229401496703205376", "trajectory_steps": 1},
    ),
    "run-architecture": (
        ("--query", "classes"),
        "import re\nSUBMIT(sorted(set(re.findall(r'(?m)^class (\\w+)', docs))), [], list(documents))",
        {
            "modules": sorted(CLASSES),
            "optimizers": [],
            "design_principles": [path.name for path in FILES],
        },
    ),
    "run-api-endpoints": (
        (),
        "import re\nSUBMIT([{'name': n} for n in sorted(set(re.findall(r'(?m)^def (\\w+)', docs)))])",
        {"api_endpoints": [{"name": name} for name in sorted(FUNCTIONS)], "count": len(FUNCTIONS)},
    ),
    "run-error-patterns": (
        (),
        COUNT_RAISES,
        {"error_categories": {"raise": RAISES}, "total_errors_found": RAISES},
    ),
    "run-trajectory": (
        ("--chars", "0"),
        "SUBMIT(str(len(text)))",
        {"trajectory_steps": 1},
    ),
    "run-custom-tool": (
        ("--chars", "0"),
        "SUBMIT(regex_extract('docs', r'^class (\\w+)', 8), [], str(len(documents)))",
        {"structure_summary": str(len(FILES)), "code_blocks_count": 0},
    ),
    "run-long-context": (
        ("--query", "sizes"),
        ASK_SIZES,
        {
            "findings": [f"{path.name}: {len(path.read_text())}" for path in FILES],
            "answer": str(sum(len(path.read_text()) for path in FILES)),
            "sections_examined": len(FILES),
        },
    ),
    "run-long-context --mode summarize": (
        (),
        "parts = chunk_by_size(document, 50_000)\nSUBMIT('s', parts and ['k'], 100 * sum(map(len, parts)) / len(document))",
        {"summary": "s", "key_points": ["k"], "coverage_pct": 100.0},
    ),
}


@pytest.fixture
def served(openai_server, tmp_path):
    """Let the server plan with one piece of code, and answer sub-calls with their own text."""

    def serve(code) -> dict[str, str]:
        path = tmp_path / "planner.yaml"
        replies = [{"when": r"(?s)\A(?P<all>.*)\Z", "reply": r"\g<all>"}]
        path.write_text(json.dumps({"steps": [{"code": code}], "replies": replies}))
        openai_server.answer = from_script(str(path))
        return openai_server.environment

    return serve


@pytest.mark.parametrize("run", RUNS)
def test_exact_answers(fleet, served, openai_server, run):
    """The answer that comes out of the command is the one that the parser finds."""
    arguments, code, expected = RUNS[run]
    documents = () if run == "run-basic" else ("--docs-path", FOLDER / "*.py")
    ended = fleet(*run.split(), *documents, *arguments, "--json", env=served(code))
    assert ended.code == 0, ended.err
    assert expected == {key: ended.json[key] for key in expected}
    assert (ended.json["complete"], ended.json["warnings"]) == (True, [])
    assert openai_server.requests


def test_no_document_reaches_the_model(fleet, served, openai_server):
    """What is sent to the planner does not grow with the document: its start and end, and outputs."""
    fleet("run-api-endpoints", "--docs-path", FOLDER, "--json", env=served("print(len(docs))\nSUBMIT([])"))
    assert max(len(json.dumps(request.body)) for request in openai_server.requests) < 20_000


def test_refused_key(fleet, openai_server):
    """A provider's refusal is one sentence with a remedy, and the key that it repeats is not."""
    environment = openai_server.environment
    refusal = Refusal(
        401, f"Incorrect API key provided: {environment['DSPY_LLM_API_KEY']}", code="invalid_api_key"
    )
    openai_server.next_replies = [refusal] * 20
    ended = fleet("run-basic", "--question", "x", "--json", env=environment)
    assert ended.code == 7
    assert "Incorrect API key provided" in ended.json["error"]["message"]
    assert "Check DSPY_LLM_API_KEY" in ended.json["error"]["remedy"]
    assert environment["DSPY_LLM_API_KEY"] not in ended.out + ended.err


def test_failed_sub_call(fleet, served, openai_server):
    """A sub-call that fails is an error in its place; the others are answered."""
    code = "SUBMIT(str([a[:7] for a in llm_query_batched(['one', 'bad', 'two'])]))"
    environment = served(code)
    planner = openai_server.answer

    def answer(messages):
        return Refusal(400, "no") if messages[-1]["content"] == "bad" else planner(messages)

    openai_server.answer = answer
    ended = fleet("run-basic", "--question", "x", "--json", env=environment)
    assert ended.json["answer"] == "['one', '[ERROR]', 'two']"


@pytest.mark.parametrize("number", [1, 3])
def test_concurrency(fleet, served, openai_server, number):
    """--concurrency is how many sub-calls are under way at once."""
    openai_server.delay = 0.05
    arguments = ("run-basic", "--question", "x", "--concurrency", number, "--json")
    ended = fleet(*arguments, env=served("SUBMIT(str(len(llm_query_batched(['x'] * 9))))"))
    assert ("9", number) == (ended.json["answer"], openai_server.busiest)
