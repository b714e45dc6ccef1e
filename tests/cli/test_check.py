"""The commands that check answers of sub-calls, and signatures."""

from __future__ import annotations

import copy
import json
import subprocess

import pytest

from fleet_rlm.driver.helpers import HELPERS

CHUNK = "2026-11-01 10:00 ERROR disk full\n2026-11-01 10:01 ERROR no route to host\n"
GOOD = {
    "chunk_id": "chunk-0003.txt",
    "relevant": [{"point": "The disk was full.", "evidence": "ERROR disk full", "confidence": "high"}],
    "missing": [],
    "suggested_queries": [],
    "complete_answer": None,
}


def changed(path, value):
    """The good answer with one value changed; ``...`` takes it away."""
    answer = copy.deepcopy(GOOD)
    *folders, last = path
    place = answer
    for folder in folders:
        place = place[folder]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return answer


def test_a_good_answer(fleet):
    """An answer that follows the schema is accepted, from standard input or a file."""
    ended = fleet("subcall", "check", stdin=json.dumps(GOOD))
    assert (ended.code, ended.out, ended.err) == (0, "The answer can be used.\n", "")


FAULTS = [
    (changed(["chunk_id"], ...), "The answer: 'chunk_id' is a required property."),
    (changed(["chunk_id"], ""), "chunk_id: '' should be non-empty."),
    (
        changed(["relevant", 0, "confidence"], "sure"),
        "relevant[0].confidence: 'sure' is not one of ['high', 'medium', 'low'].",
    ),
    (changed(["relevant", 0, "evidence"], ...), "relevant[0]: 'evidence' is a required property."),
    (changed(["missing"], "nothing"), "missing: 'nothing' is not of type 'array'."),
    (changed(["complete_answer"], 3), "complete_answer: 3 is not of type 'string', 'null'."),
    (changed(["note"], "hi"), "The answer: Additional properties are not allowed ('note' was unexpected)."),
    ([], "The answer: [] is not of type 'object'."),
]


@pytest.mark.parametrize(("answer", "fault"), FAULTS, ids=[fault for _, fault in FAULTS])
def test_faults_of_an_answer(fleet, answer, fault):
    """Each departure from the schema is one sentence that says where, and exit code 1."""
    ended = fleet("subcall", "check", "-", stdin=json.dumps(answer))
    assert (ended.code, ended.out) == (1, f"{fault}\n")


def test_an_answer_in_words(fleet):
    """Words around the JSON, such as a fence, are a fault."""
    ended = fleet("subcall", "check", "--json", stdin=f"```json\n{json.dumps(GOOD)}\n```")
    assert ended.code == 1
    assert ended.json["valid"] is False
    assert ended.json["faults"] == ["It is not JSON: Expecting value: line 1 column 1 (char 0)."]


@pytest.mark.parametrize(
    ("evidence", "code"),
    [("ERROR disk full", 0), ("ERROR disk full 2026-11-01 10:01", 0), ("The disk was full", 1)],
    ids=["verbatim", "across a line break", "in other words"],
)
def test_evidence_is_looked_up(fleet, tmp_path, evidence, code):
    """With the chunk at hand, evidence must be found in it; only white space may differ."""
    (tmp_path / "chunk.txt").write_text(CHUNK)
    answer = changed(["relevant", 0, "evidence"], evidence)
    (tmp_path / "answer.json").write_text(json.dumps(answer).replace("full 2026", "full\\n2026"))
    ended = fleet("subcall", "check", "answer.json", "--chunk", "chunk.txt")
    said = (
        "relevant[0].evidence is not in the chunk: 'The disk was full'.\n"
        if code
        else "The answer can be used.\n"
    )
    assert (ended.code, ended.out) == (code, said)


def test_a_file_that_is_not_there(fleet):
    """A missing file is an error of use, not an answer with a fault."""
    ended = fleet("subcall", "check", "nowhere.json")
    assert (ended.code, ended.out) == (2, "")
    assert "No such file" in ended.err


def test_a_good_signature(fleet):
    """A signature that an RLM can run is accepted, and shown as it was understood."""
    text = "docs, query -> answer: str, counts: dict[str, int], kind: Literal['a', 'b']"
    ended = fleet("signature", "check", text, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == {
        "valid": True,
        "faults": [],
        "inputs": {"docs": "str", "query": "str"},
        "outputs": {"answer": "str", "counts": "dict[str, int]", "kind": "Literal['a', 'b']"},
    }


SIGNATURES = [
    ("docs answer", "A signature has inputs, an arrow and outputs"),
    ("docs ->", "A signature has inputs, an arrow and outputs"),
    ("docs -> a: strr", "Unknown name: strr."),
    ("docs -> a: list[", "'['"),
    ("docs -> docs", "Input and output fields must have distinct names"),
    ("docs -> _hidden", "Fields must not use names with leading underscores"),
    ("docs -> trajectory", "Output fields conflict with RLM result metadata"),
    ("llm_query -> answer", "Input fields conflict with built-in sandbox functions"),
    ("docs -> SUBMIT", "The output 'SUBMIT' has the name of the function that submits; rename it."),
    ("docs -> fields", "shadows an attribute"),
    ("docs: __import__('os').abort() -> a", "Failed to parse"),
    *((f"{helper.__name__} -> answer", "would hide the sandbox's helper") for helper in HELPERS[:1]),
]


@pytest.mark.parametrize(("text", "fault"), SIGNATURES, ids=[text for text, _ in SIGNATURES])
def test_faults_of_a_signature(text, fault):
    """What dspy or a session would stumble over is told in a sentence."""
    from fleet_rlm.signature_check import check  # noqa: PLC0415 - imports dspy

    faults = check(text).faults
    assert [one for one in faults if not one.endswith(".") or "\n" in one] == []
    assert fault in " ".join(faults)


def test_a_faulty_signature_on_the_command_line(fleet):
    """A faulty signature is exit code 1 and one sentence on stdout; nothing on stderr."""
    ended = fleet("signature", "check", "docs -> fields")
    assert (ended.code, ended.out.count("\n"), ended.err) == (1, 1, "")


def test_the_python_for_scripts(fleet):
    """`describe --python` prints an interpreter that can import fleet_rlm."""
    python = fleet("describe", "--python").out.strip()
    assert subprocess.run([python, "-c", "import fleet_rlm"], check=False).returncode == 0


def test_python_and_json_together(fleet):
    """A path is not JSON, so asking for both is refused."""
    assert fleet("describe", "--python", "--json").code == 2
