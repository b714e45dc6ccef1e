"""The skills and agents in the real client: offered, inlined, started with the tools and models that they claim."""

from __future__ import annotations

import dataclasses

import pytest

from assets.rendering import parsed, paths, write
from client.messages_api import say, use
from client.reading import offered_agents, offered_skills
from fleet_rlm_scaffold.context import PERMISSION

SKILLS = sorted(path.split("/")[1] for path in paths("plugin", "skills/*/SKILL.md"))
AGENTS = sorted(path.split("/")[1].removesuffix(".md") for path in paths("plugin", "agents/*.md"))
STAND_IN = "DeferredToolPlaceholder"
"""What 2.1.329 adds to the tools of an agent that names tools which are not there."""
MODELS = {"haiku": "haiku", "sonnet": "sonnet", "inherit": ""}


@pytest.fixture(params=["user", "plugin"])
def scope(request):
    """How the assets came to the client."""
    return request.param


@pytest.fixture
def prefix(scope):
    """What stands before a name."""
    return "fleet-rlm:" if scope == "plugin" else ""


@pytest.fixture
def equipped(bare_client, scope, tmp_path):
    """A client with the assets, as plain files under ``~/.claude`` or with ``--plugin-dir``."""
    if scope == "user":
        write("user", bare_client.home / ".claude")
        return bare_client
    folder = write("plugin", tmp_path / "plugin")
    return dataclasses.replace(bare_client, options=(f"--plugin-dir={folder}",))


def test_skills_and_agents_are_offered(equipped, prefix):
    """The first request offers every skill and every agent under the name of the scope."""
    first = equipped.run("hello").turns[0]
    assert {prefix + name for name in SKILLS} <= set(offered_skills(first))
    assert {prefix + name for name in AGENTS} <= set(offered_agents(first))


def test_a_typed_skill_is_inlined(equipped, prefix):
    """/rlm with words puts the skill's body before the model, the words in it."""
    texts = "\n".join(equipped.run(f"/{prefix}rlm why did it fail?").turns[0].texts())
    assert "The request, if one was given with the command: why did it fail?" in texts


def test_a_skill_knows_its_folder(equipped, prefix):
    """The model may start a skill, and the path of its script in the body is a real one."""
    texts = equipped.run("go", [use("Skill", skill=f"{prefix}rlm-batch")]).turns[-1].texts()
    body = next(text for text in texts if "# Many documents, many questions" in text)
    assert "/skills/rlm-batch/scripts/batch.py" in body
    assert "CLAUDE_SKILL_DIR" not in body


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_keeps_its_tools_and_model(equipped, prefix, agent):
    """An agent is started with the tools and the model that its file names, none lost; no server is running here."""
    front, _ = parsed("plugin", f"agents/{agent}.md")
    start = use("Agent", description="try", prompt="do it", subagent_type=prefix + agent)
    turns = equipped.run("go", [start, say("done")]).turns
    started = next(turn for turn in turns[1:] if turn.tools != turns[0].tools)
    named = {tool.strip() for tool in front["tools"].split(",")} - {PERMISSION}
    assert sorted(named) == [tool for tool in started.tools if tool != STAND_IN]
    assert (MODELS[front["model"]] or turns[0].model) in started.model


def test_the_plugin_is_valid(bare_client, tmp_path):
    """The client's own validator finds nothing, warnings included."""
    folder = write("plugin", tmp_path / "plugin")
    done = bare_client.command("plugin", "validate", "--strict", str(folder))
    assert done.returncode == 0, done.stdout
