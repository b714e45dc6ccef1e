"""The hooks in the real client: exactly the intended context reaches the model, and nothing else does."""

from __future__ import annotations

import dataclasses
import json

import pytest

from client.messages_api import say, use
from client.reading import Context, contexts, offered_agents, offered_skills
from hooks.plugin import PLUGIN, USER, make_plugin
from hooks.test_large_files import RULE
from hooks.test_manners import MISSING
from hooks.test_prompts import AGENT, DOCUMENTS, SKILL
from hooks.test_rules import MODAL, SUB_MODEL

READ = "Read a part with offset and limit, search it with grep, or work on the whole of it in a session:"
BASH = "Search it with grep, or work on the whole of it in a session:"
PROMPT = "Do not read all of it; work on it in a session:"


def about(path, instead):
    """The notice for the large log."""
    return (
        f"fleet-rlm: {path} is 1.9 MB (2,000,000 bytes), about 500,000 tokens (bytes / 4): too much for this conversation. "
        f"{instead} fleet-rlm session load {path} (skill: rlm).\n{RULE}"
    )


def test_a_read_of_two_megabytes(client, big):
    """The model's Read of the log brings the notice with its error; a second Read brings nothing more."""
    read = use("Read", file_path=str(big))
    done = client.run("what went wrong?", [read, read, say("ok")])
    assert [[], [Context("PreToolUse", "Read", about(big, READ))]] == [
        contexts(turn) for turn in done.turns[:2]
    ]
    assert [Context("PreToolUse", "Read", about(big, READ))] == done.contexts
    assert (done.exit_code, done.unused) == (0, [])


def test_a_cat_of_two_megabytes(client, big):
    """The model's ``cat`` of the log brings the notice."""
    done = client.run("what went wrong?", [use("Bash", command="cat big.log")])
    assert [Context("PreToolUse", "Bash", about(big, BASH))] == done.contexts


def test_mentions_and_files_in_a_prompt(client, big):
    """@rlm, @rlm-orchestrator and @big.log are explained with the very first request."""
    done = client.run("@rlm or @rlm-orchestrator: why did @big.log go bad?")
    expected = "\n".join([SKILL, AGENT.format("rlm-orchestrator"), about(big, PROMPT)])
    assert [Context("UserPromptSubmit", "", expected)] == contexts(done.turns[0])


@pytest.mark.parametrize(
    ("prompt", "expected"), [("@rlm why?", SKILL), ("@rlm-orchestrator go", AGENT.format("rlm-orchestrator"))]
)
def test_one_mention(client, prompt, expected):
    """A mention alone is explained."""
    assert [Context("UserPromptSubmit", "", expected)] == client.run(prompt).contexts


def test_each_rule_reaches_the_model(client, big):
    """The four rules' texts arrive, each after its own trigger, and each once."""
    failing = "echo '{}'; exit 1"
    script = [
        use("Read", file_path=str(big)),
        use("Bash", command=failing.format("modal.exception.AuthError: no token")),
        use("Bash", command=failing.format("RuntimeError: LLM call limit exceeded: 50 + 1 > 50.")),
        use("Bash", command=failing.format("modal.exception.AuthError: again")),
    ]
    expected = [
        Context("UserPromptSubmit", "", DOCUMENTS),
        Context("PreToolUse", "Read", about(big, READ)),
        Context("PostToolUseFailure", "Bash", MODAL),
        Context("PostToolUseFailure", "Bash", SUB_MODEL),
    ]
    done = client.run("please summarize these thousands of transcripts", script)
    assert expected == done.contexts
    assert done.unused == []


def test_ordinary_work_is_left_alone(client, big):
    """Small files, ranged reads, samples, ordinary failures and ordinary prompts add nothing at all."""
    (client.cwd / "small.txt").write_text("small\n")
    script = [
        use("Read", file_path=str(client.cwd / "small.txt")),
        use("Read", file_path=str(big), offset=1, limit=5),
        use("Bash", command="cat small.txt; head -n 3 big.log; cat big.log | wc -l"),
        use("Bash", command="echo 1 failed; exit 1"),
    ]
    done = client.run("fix the test in small.txt, mail me@rlm.com", script)
    assert (done.contexts, done.unused) == ([], [])
    results = [text for text in done.turns[-1].texts() if "25000" in text]
    assert len(results) == 1


def test_the_off_switch(client, big):
    """With FLEET_RLM_HOOKS=off in the user's settings nothing is said."""
    settings = client.home / ".claude/settings.json"
    settings.write_text(json.dumps({"env": {"FLEET_RLM_HOOKS": "off"}}))
    done = client.run("@rlm read it", [use("Read", file_path=str(big))])
    assert done.contexts == []


def test_as_a_plugin_the_names_are_the_plugins(plugin_client):
    """What the model is told to start is what the client offers, under that very id."""
    done = plugin_client.run("@rlm and @rlm-orchestrator")
    [said] = done.contexts
    assert 'skill: "fleet-rlm:rlm"' in said.text
    assert 'subagent_type: "fleet-rlm:rlm-orchestrator"' in said.text
    assert "fleet-rlm:rlm" in offered_skills(done.turns[0])
    assert "fleet-rlm:rlm-orchestrator" in offered_agents(done.turns[0])


def test_the_model_can_do_what_it_is_told(plugin_client):
    """Doing literally what the notices say starts the skill and the agent."""
    script = [
        use("Skill", skill="fleet-rlm:rlm", args="why"),
        dataclasses.replace(
            use(
                "Agent",
                subagent_type="fleet-rlm:rlm-orchestrator",
                prompt="go",
                description="go",
                run_in_background=False,
            ),
            when=lambda request: not _in_agent(request),
        ),
        dataclasses.replace(say("the agent was here"), when=_in_agent),
    ]
    done = plugin_client.run("@rlm and @rlm-orchestrator", script)
    said = "\n".join(done.turns[-1].texts())
    assert "Stand-in body: why" in said
    assert [turn for turn in done.turns if _in_agent(turn)]
    assert done.unused == []


def test_a_subagent_is_told_as_well(plugin_client, big):
    """What the session was told a subagent was not: its own Read of the log brings the notice to it."""
    read = use("Read", file_path=str(big))
    agent = use(
        "Agent",
        subagent_type="fleet-rlm:rlm-orchestrator",
        prompt="go",
        description="go",
        run_in_background=False,
    )
    script = [
        dataclasses.replace(read, when=_in_agent),
        dataclasses.replace(say("the agent was here"), when=_in_agent),
        dataclasses.replace(read, when=lambda request: not _in_agent(request)),
        dataclasses.replace(agent, when=lambda request: not _in_agent(request)),
    ]
    done = plugin_client.run("look at the log", script)
    told = [len(contexts(turn)) for turn in done.turns if _in_agent(turn)]
    assert (told, len(done.contexts), done.unused) == ([0, 1], 1, [])


def _in_agent(request):
    return "You are a stand-in." in request.system


def test_a_missing_runtime_is_told_at_the_start(client):
    """A session whose runtime is not there begins with one line about it."""
    (client.home / ".local/bin/fleet-rlm").unlink()
    assert client.run("hello").contexts == [Context("SessionStart", "", MISSING)]


def test_a_broken_hook_disturbs_nothing(client):
    """With the hook program broken the session goes on as if there were none."""
    (client.home / ".claude/skills/fleet-rlm/hooks/fleet-rlm-hooks.json").write_text("{")
    done = client.run("@rlm read it", [use("Bash", command="echo fine")])
    assert (done.contexts, done.exit_code) == ([], 0)
    assert "fine" in "\n".join(done.turns[-1].texts())


def test_installed_twice_it_speaks_once(client, big):
    """With the hooks in the user's and in the project's folder the model is told once."""
    make_plugin(client.cwd / ".claude/skills/fleet-rlm", USER)
    done = client.run("@rlm and @big.log", [use("Bash", command="cat big.log")])
    assert [Context("UserPromptSubmit", "", f"{SKILL}\n{about(big, PROMPT)}")] == done.contexts


def test_beside_hookify_the_model_is_told_once(client, big):
    """A hook that answers with a systemMessage, as hookify does, speaks to the user only; ours to the model only."""
    folder = client.home / ".claude/skills/hookify"
    (folder / ".claude-plugin").mkdir(parents=True)
    (folder / ".claude-plugin/plugin.json").write_text(
        json.dumps({"name": "hookify", "version": "1.0.0", "description": "stand-in"})
    )
    (folder / "hooks").mkdir()
    command = f"echo '{json.dumps({'systemMessage': 'HOOKIFY ' + RULE})}'"
    hook = {"matcher": "Read", "hooks": [{"type": "command", "command": command}]}
    (folder / "hooks/hooks.json").write_text(json.dumps({"hooks": {"PreToolUse": [hook]}}))
    done = client.run("read it", [use("Read", file_path=str(big))])
    assert [Context("PreToolUse", "Read", about(big, READ))] == done.contexts
    assert "HOOKIFY" not in json.dumps(done.turns[-1].body)


def test_the_client_finds_the_plugin_valid(bare_client, tmp_path):
    """``claude plugin validate --strict`` passes."""
    folder = make_plugin(tmp_path / "plugin", PLUGIN)
    done = bare_client.command("plugin", "validate", "--strict", str(folder))
    assert (done.returncode, done.stderr) == (0, "")


def test_installed_from_a_marketplace(bare_client, tmp_path):
    """Added and installed with the client's own commands, the plugin's hooks work."""
    folder = make_plugin(tmp_path / "market", PLUGIN)
    market = {
        "name": "fleet-rlm",
        "owner": {"name": "tests"},
        "plugins": [{"name": "fleet-rlm", "source": "./"}],
    }
    (folder / ".claude-plugin/marketplace.json").write_text(json.dumps(market))
    for words in (["marketplace", "add", str(folder)], ["install", "fleet-rlm@fleet-rlm"]):
        done = bare_client.command("plugin", *words)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    [said] = bare_client.run("@rlm").contexts
    assert 'skill: "fleet-rlm:rlm"' in said.text
