"""What the hooks say about a prompt: mentions, files and the rule for documents."""

from __future__ import annotations

import pytest

from hooks.plugin import PLUGIN, make_plugin

SKILL = 'fleet-rlm: with @rlm the user asks for the skill rlm. Start it with the Skill tool (skill: "rlm") and follow it for this request.'
AGENT = (
    "fleet-rlm: with @{0} the user asks for the agent {0}. Start it with the Agent tool "
    '(subagent_type: "{0}") and give it the whole request, with every path in it.'
)
DOCUMENTS = (
    "fleet-rlm: this asks for work on long documents. Measure them first. Below about 16,000 tokens (64 KB), read them. "
    "Above, do not read them into the conversation: use the skill rlm, which keeps them in a sandbox and brings back the "
    "answer; for many documents or several steps, the agent rlm-orchestrator."
)


@pytest.mark.parametrize(
    "prompt", ["@rlm why?", "please ask @rlm.", "(@RLM) go", "@rlm: why", "use @fleet-rlm:rlm now", "@rlm"]
)
def test_the_skill_is_recognised(hooks, prompt):
    """A mention of the skill is explained."""
    assert hooks.prompt(prompt) == SKILL


@pytest.mark.parametrize(
    "name", ["rlm-orchestrator", "rlm-specialist", "rlm-subcall", "modal-interpreter-agent"]
)
def test_the_agents_are_recognised(hooks, name):
    """A mention of an agent is explained, and is not taken for the skill."""
    assert AGENT.format(name) == hooks.prompt(f"@{name} process these ten files")


def test_several_mentions(hooks):
    """Each is explained once, in the order in which they stand."""
    assert f"{AGENT.format('rlm-orchestrator')}\n{SKILL}" == hooks.prompt(
        "@rlm-orchestrator and @rlm, then @rlm"
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "me@rlm.com", "mail me@rlm", "@rlm.io is a site", "@rlm/core is a package", "@rlm-foo", "@rlmx", "rlm", "@@rlm", "x/@rlm", "see `@rlm`",
        "```\n@rlm inside\n```", "text\n~~~md\n@rlm\n~~~\nmore", "```unclosed\n@rlm", "fix the login page", "@agent-rlm-orchestrator go",
    ],
)  # fmt: skip
def test_what_is_no_mention(hooks, prompt):
    """Addresses, packages, code, other names and the client's own mentions say nothing."""
    assert hooks.prompt(prompt) == ""


@pytest.mark.usefixtures("big")
def test_in_a_plugin_names_carry_its_prefix(hooks, tmp_path):
    """In plugin scope the model is told the full ids, in mentions, notices and rules."""
    hooks.folder = make_plugin(tmp_path / "plugin", PLUGIN) / "hooks"
    said = hooks.prompt("@rlm and @rlm-orchestrator on big.log")
    assert 'skill: "fleet-rlm:rlm"' in said
    assert 'subagent_type: "fleet-rlm:rlm-orchestrator"' in said
    assert "(skill: fleet-rlm:rlm)" in said
    assert "goes to the skill fleet-rlm:rlm," in said


def test_a_prompt_is_explained_once_and_the_next_one_again(hooks):
    """Two installations that see the same prompt speak once; a new prompt is explained anew."""
    assert hooks.prompt("@rlm why?", prompt_id="1") == SKILL
    assert hooks.prompt("@rlm why?", prompt_id="1") == ""
    assert hooks.prompt("@rlm why?", prompt_id="2") == SKILL


@pytest.mark.parametrize(
    "prompt",
    [
        "@novel.text", "what is in @novel.text?", "see ./novel.text, please", "compare 'novel.text' with it", 'read "novel.text".', "read `novel.text`",
        '@"novel.text" why', "(novel.text)", "in {cwd}/novel.text!", "~/novel.text", "don't read novel.text, it's long", "@./novel.text",
    ],
)  # fmt: skip
def test_files_in_a_prompt_are_measured(hooks, plain, prompt):
    """A large file is found however it is written, and told with the command."""
    (hooks.home / "novel.text").write_text("word " * 100_000)
    path = hooks.home / "novel.text" if "~" in prompt else plain
    expected = (
        f"fleet-rlm: {path} is 488.3 KB (500,000 bytes), about 125,000 tokens (bytes / 4): too much for this conversation. "
        f'Do not read all of it; work on it in a session: fleet-rlm session load {path} (skill: rlm).'
    )
    assert expected == hooks.prompt(prompt.format(cwd=hooks.cwd))


def test_names_with_spaces(hooks):
    """Quoted and escaped spaces are part of a path."""
    path = hooks.cwd / "my log.txt"
    path.write_text("x" * 500_000)
    assert f"session load '{path}'" in hooks.prompt('look at @"my log.txt"')
    hooks.session = "session-2"
    assert f"session load '{path}'" in hooks.prompt(r"look at my\ log.txt")


@pytest.mark.parametrize(
    "prompt",
    [
        "@novel.text#L10-20",
        "@small.txt",
        "read small.txt",
        "https://example.org/novel.text",
        ".",
        "fix a.b.c / d.e",
        "```\ncat novel.text\n```",
    ],
)
def test_what_is_not_reported(hooks, plain, prompt):
    """Ranges of lines, small files, addresses, folders and code are quiet."""
    (hooks.cwd / "small.txt").write_text("small")
    assert (plain.exists(), hooks.prompt(prompt)) == (True, "")


def test_a_file_told_at_the_prompt_is_not_told_at_the_read(hooks, big):
    """Once for a file and session, wherever it turns up first."""
    assert "1.9 MB" in hooks.prompt("why did @big.log go bad?")
    assert hooks.read(big) == ""


@pytest.mark.parametrize(
    "prompt",
    [
        "Summarize these thousands of transcripts",
        "analyse the huge log files of last week",
        "Please process a 40 MB dump",
        "find in the large corpus\nwho said it? search the big report",
    ],
)
def test_the_rule_for_documents(hooks, prompt):
    """A prompt that asks for work on long documents gets the rule, once a session."""
    assert hooks.prompt(prompt) == DOCUMENTS
    assert hooks.prompt(prompt) == ""


@pytest.mark.parametrize(
    "prompt",
    [
        "fix the failing test",
        "add a large button to the page",
        "summarize this function",
        "process the form",
        "why is this file so long?",
    ],
)
def test_ordinary_prompts_are_quiet(hooks, prompt):
    """Ordinary work says nothing."""
    assert hooks.prompt(prompt) == ""


def test_the_rule_gives_way_to_what_is_known(hooks):
    """Who asks for @rlm need not be told of it again."""
    assert hooks.prompt("@rlm summarize these thousands of transcripts") == SKILL


def test_a_huge_prompt_is_answered(hooks):
    """A prompt of a megabyte is no reason to hang or to fail."""
    assert hooks.prompt("@rlm " + "a/b.c @x " * 110_000) == SKILL
    assert hooks.log == ""
