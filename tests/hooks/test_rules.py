"""The four rules: what they say, and that YAML and the hook program read them alike."""

from __future__ import annotations

import importlib.util
import re

import pytest
import yaml

from hooks.plugin import PROGRAM, TEMPLATES, USER, render_hooks

RULES = ("document-process", "large-file", "llm-query-error", "modal-error")
SUB_MODEL = (
    'fleet-rlm: a sub-model call failed. "LLM call limit exceeded" means more calls than --max-llm-calls: send fewer, larger '
    'pieces with llm_query_batched, or raise the limit. "[ERROR] ..." in a batch is the one call that failed: ask only that one '
    "again. Otherwise check the model's settings with `fleet-rlm doctor`; the skill rlm-debug goes deeper."
)
MODAL = (
    "fleet-rlm: Modal could not do its part. `fleet-rlm doctor --modal` says what is wrong with the credentials, the secret, the "
    "volume or left-over sandboxes. The same command with --sandbox local needs neither an account nor a network. The agent "
    "modal-interpreter-agent diagnoses further."
)


@pytest.fixture(scope="module")
def program():
    """The hook program as a module."""
    spec = importlib.util.spec_from_file_location("fleet_rlm_hooks", TEMPLATES / PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "error",
    [
        "Exit code 1\nRuntimeError: LLM call limit exceeded: 50 + 1 > 50.",
        "Exit code 7\nllm_query failed: the model refused",
        "[ERROR] RateLimitError: slow down",
        "in llm_query_batched: request timed out",
    ],
)
def test_a_failing_sub_model_call(hooks, error):
    """A failing command that tells of a failed sub-model call gets the rule, once a session."""
    assert hooks.failure(error) == SUB_MODEL
    assert hooks.failure(error) == ""


@pytest.mark.parametrize(
    "error",
    [
        "Exit code 6\nModal cannot be reached, while starting the sandbox.",
        "modal.exception.AuthError: Token missing.",
        "Run `modal token new`, or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET.",
        "Error: Modal refused the credentials",
        "the Modal sandbox has ended",
        "the Modal package is not installed.",
    ],
)
def test_a_failing_modal_command(hooks, error):
    """A failing command that tells of Modal gets the rule, once a session."""
    assert hooks.failure(error) == MODAL
    assert hooks.failure(error) == ""


@pytest.mark.parametrize(
    "error",
    [
        "Exit code 1\n1 failed, 3 passed",
        "modal.test.tsx: the modal dialog failed to open",
        "Exit code 2\nno such file: llm_query.py",
        "[ERROR] Failed to execute goal",
        "",
    ],
)
def test_other_failures_are_quiet(hooks, error):
    """Failing tests, dialogs called modal and other people's errors say nothing."""
    assert hooks.failure(error) == ""


def test_output_of_any_length_is_searched_at_both_ends(hooks):
    """Of a very long output the head and the tail count."""
    assert hooks.failure("x" * 500_000 + "\nmodal.exception.NotFoundError") == MODAL


@pytest.mark.parametrize("rule", RULES)
def test_yaml_and_the_hooks_read_a_rule_alike(program, tmp_path, rule):
    """The front matter is in the subset that has one meaning."""
    text = (render_hooks(tmp_path, USER) / f"hookify.fleet-rlm-{rule}.local.md").read_text()
    head, message = program.split_rule(text)
    ours = program.front_matter(head)
    expected = yaml.safe_load(head)
    assert expected == ours | {"enabled": ours["enabled"] == "true"}
    assert [(item["field"], item["pattern"]) for item in expected["conditions"]]
    assert re.match(r"\s*fleet-rlm: ", message)


@pytest.mark.parametrize("rule", RULES)
def test_rules_stay_in_the_subset_that_hookify_reads(tmp_path, rule):
    """No marker inside, no quotes around values, items indented, no comma in an item's first line, one paragraph."""
    text = (render_hooks(tmp_path, USER) / f"hookify.fleet-rlm-{rule}.local.md").read_text()
    _empty, head, message = text.split("---", 2)
    lines = [line for line in head.strip().splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"(  - |    )?[a-z_]+:( [^\s\"'].*)?", line)
        assert not re.search(r"[\"'] *$|: .*: | #", line)
        assert not (line.startswith("  - ") and "," in line)
    assert f"name: fleet-rlm-{rule}" == lines[0]
    assert "\n\n" not in message.strip()


def test_a_rule_can_be_edited(hooks, big):
    """What the user writes into a rule is what is said."""
    path = hooks.folder / "hookify.fleet-rlm-large-file.local.md"
    head = path.read_text().rpartition("---")[0]
    path.write_text(f"{head}---\n\nMine.\n\nTwo paragraphs become one.\n")
    assert hooks.read(big).endswith("\nMine. Two paragraphs become one.")


def test_a_rule_can_be_switched_off(hooks, big):
    """``enabled: false`` silences the rule; the measured facts stay."""
    path = hooks.folder / "hookify.fleet-rlm-large-file.local.md"
    path.write_text(path.read_text().replace("enabled: true", "enabled: false"))
    assert len(hooks.read(big).splitlines()) == 1


def test_a_broken_rule_is_logged_and_the_others_work(hooks):
    """A rule that cannot be read costs only itself, and the next session start says so in one line."""
    path = hooks.folder / "hookify.fleet-rlm-llm-query-error.local.md"
    path.write_text(path.read_text().replace("pattern: ", "pattern: (("))
    assert hooks.failure("modal.exception.AuthError; LLM call limit exceeded") == MODAL
    assert "hookify.fleet-rlm-llm-query-error.local.md is not used: " in hooks.log
    said = hooks.send("SessionStart", source="startup")
    assert said.startswith(
        "fleet-rlm: these rules cannot be read: hookify.fleet-rlm-llm-query-error.local.md (see "
    )


def test_rules_of_others_are_not_touched(hooks):
    """A hookify rule that is not ours is hookify's business."""
    (hooks.folder / "hookify.mine.local.md").write_text(
        "---\nname: mine\nenabled: true\nevent: all\nconditions:\n  - field: prompt\n    pattern: hello\n---\nNo.\n"
    )
    assert hooks.prompt("hello") == ""


@pytest.mark.parametrize(
    ("operator", "pattern", "value", "expected"),
    [
        ("contains", "b", "abc", True), ("contains", "x", "abc", False), ("not_contains", "x", "abc", True), ("equals", "abc", "abc", True),
        ("starts_with", "ab", "abc", True), ("ends_with", "bc", "abc", True), ("ends_with", "ab", "abc", False), ("regex_match", "^A.C$", "abc", True),
    ],
)  # fmt: skip
def test_operators(program, operator, pattern, value, expected):
    """hookify's operators mean here what they mean there."""
    assert expected == program.Condition({"field": "f", "operator": operator, "pattern": pattern}).test(value)
