"""A locale that knows ASCII only: what is typed in UTF-8 is understood, and names of files stay what they are."""

from __future__ import annotations

import os
import subprocess

import pytest

ASCII = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def typed(tmp_path, command):
    """Run ``fleet-rlm`` with words as bytes, in such a locale."""

    def run(*words):
        return subprocess.run(
            [command, *words],
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **ASCII},
            timeout=60,
        )

    return run


def test_a_query(typed, tmp_path, script):
    """A query reaches the code as it was typed, and a document's name its file."""
    (tmp_path / "größe.txt").write_text("x")
    model = script('steps:\n- {code: "SUBMIT(findings=[], answer=query, sections_examined=1)"}\n')
    words = ("run-long-context", "--model", model, "--docs-path", "größe.txt".encode())
    done = typed(*words, "--query", "Größe 日本?".encode(), "--json", "--no-verbose")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb'"answer": "Gr\u00f6\u00dfe \u65e5\u672c?"' in done.stdout


def test_a_query_that_is_no_utf8(typed, tmp_path, script):
    """Bytes that are no UTF-8 are replaced, as in any text."""
    (tmp_path / "a.txt").write_text("x")
    model = script('steps:\n- {code: "SUBMIT(findings=[], answer=query, sections_examined=1)"}\n')
    words = ("run-long-context", "--model", model, "--docs-path", "a.txt", "--query", b"Gr\xf6\xdfe")
    done = typed(*words, "--json", "--no-verbose")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb'"answer": "Gr\ufffd\ufffde"' in done.stdout


def test_a_question_to_a_session(typed, tmp_path, script):
    """A session's question is understood as well."""
    (tmp_path / "a.txt").write_text("x" * 50)
    model = script('steps: []\nreplies:\n- {when: "Größe", reply: found}\n- {reply: other}\n')
    assert typed("session", "start", "--sub-model", model).returncode == 0
    try:
        assert typed("session", "load", "a.txt").returncode == 0
        done = typed("session", "ask", "Größe?".encode())
        assert (done.returncode, b"found" in done.stdout) == (0, True), done.stderr
    finally:
        typed("session", "stop")


def test_a_signature(typed):
    """A signature that cannot be used is told, not a bug."""
    assert typed("signature", "check", "größe -> weite".encode()).returncode in (0, 1)
