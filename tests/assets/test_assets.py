"""Each asset is what was read and accepted, and what the client takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jinja2
import pytest
import yaml

from assets.rendering import SCOPES, TEMPLATES, facts, parsed, paths, rendered, text
from fleet_rlm_scaffold import render
from fleet_rlm_scaffold.context import MODELS, PERMISSION
from fleet_rlm_scaffold.lint import lint

ALL = [(scope, path) for scope in SCOPES for path in sorted(rendered(scope)) if not path.endswith(".py")]
SKILLS = paths("plugin", "skills/*/SKILL.md")
AGENTS = paths("plugin", "agents/*.md")
NAMES = {
    "dspy-signature", "fleet-rlm-team", "modal-sandbox", "rlm", "rlm-batch", "rlm-debug", "rlm-execute",
    "rlm-long-context", "rlm-memory", "rlm-run", "rlm-test-suite",
}  # fmt: skip
TOOLS = {"Agent", "Bash", "Read", "Skill", "Write", PERMISSION}


@pytest.mark.parametrize(("scope", "path"), ALL, ids=[f"{scope}:{path}" for scope, path in ALL])
def test_snapshot(snapshot, scope, path):
    """Every rendered asset is the one that was read and accepted."""
    assert snapshot == text(scope, path)


def test_project_scope_is_user_scope():
    """A project gets what a user gets; only hookify's rules lie elsewhere, and the facts of the hooks say so."""
    user, project = rendered("user"), rendered("project")
    differ = {path for path in user.keys() & project.keys() if user[path].data != project[path].data}
    assert differ == {"skills/fleet-rlm/hooks/fleet-rlm-hooks.json"}
    moved = {path.rpartition("/")[2] for path in user.keys() - project.keys()}
    assert moved == project.keys() - user.keys()
    assert all(name.startswith("hookify.fleet-rlm-") for name in moved)


def test_all_are_there():
    """The plugin has the skills and agents that users know."""
    assert {Path(path).parent.name for path in SKILLS} == NAMES
    assert {Path(path).stem for path in AGENTS} == {
        "modal-interpreter-agent", "rlm-orchestrator", "rlm-specialist", "rlm-subcall",
    }  # fmt: skip


@pytest.mark.parametrize("scope", SCOPES)
def test_the_lint_finds_nothing(scope):
    """The installer's lint knows nothing that the client would ignore, drop or refuse."""
    files = {path: file.data for path, file in rendered(scope).items()}
    assert lint(files) == []


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("path", SKILLS)
def test_a_skill_obeys_the_client(scope, path):
    """Its name is its folder; the description begins with the trigger and is short; nothing asks for permission."""
    front, body = parsed(scope, path)
    assert set(front) == {"name", "description"}
    assert front["name"] == Path(path).parent.name
    assert front["description"].startswith("Use ")
    assert len(front["description"]) < 300
    assert len(body.split()) < 500


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("path", AGENTS)
def test_an_agent_obeys_the_client(scope, path):
    """Its name is its file; model and tools are those that the client knows, and it keeps all of them."""
    front, body = parsed(scope, path)
    tools = [tool.strip() for tool in front["tools"].split(",")]
    assert set(front) == {"name", "description", "model", "tools"}
    assert front["name"] == Path(path).stem
    assert front["description"].startswith("Use ")
    assert len(front["description"]) < 300
    assert front["model"] in MODELS.values()
    assert set(tools) <= TOOLS
    assert ("Agent" in tools) == ("rlm-orchestrator" in path)
    assert ("Skill" in tools) or "skill `" not in body.lower()


def test_the_reader_is_a_leaf():
    """The agent that reads chunks can only read."""
    assert parsed("plugin", "agents/rlm-subcall.md")[0]["tools"] == "Read"


@pytest.mark.parametrize("scope", SCOPES)
def test_the_listing_is_small(scope):
    """All descriptions of skills together leave the client's listing its room."""
    assert sum(len(parsed(scope, path)[0]["description"]) for path in SKILLS) < 3_000


def test_names_lead_somewhere():
    """Every skill or agent that an asset names is there under that name; only the plugin's prefix differs by scope."""
    known = NAMES | {Path(path).stem for path in AGENTS}
    for path in [*SKILLS, *AGENTS, *paths("plugin", "references/*.md"), "teams/fleet-rlm/config.json"]:
        assert set(re.findall(r"fleet-rlm:([\w-]+)", text("plugin", path))) <= known
        assert text("plugin", path).replace("fleet-rlm:", "") == text("user", path)


@pytest.mark.parametrize("scope", SCOPES)
def test_links_lead_somewhere(scope):
    """Every file that a skill refers to is in its folder."""
    files = rendered(scope)
    missing = [
        (path, target)
        for path in paths(scope, "*.md")
        for target in re.findall(r"\]\(([^)]+)\)|\$\{CLAUDE_SKILL_DIR\}/([^\"]+)", text(scope, path))
        if f"{Path(path).parent}/{target[0] or target[1]}" not in files
    ]
    assert missing == []


@pytest.mark.parametrize("scope", SCOPES)
def test_nothing_of_this_machine(scope):
    """No path of the machine that rendered it, no template syntax left, no trailing white space."""
    for path, file in rendered(scope).items():
        found = re.findall(rb"/(?:home|root|tmp|Users)/|<%|%>|[ \t]+$", file.data, re.MULTILINE)
        assert found == [], path


def test_the_team_is_one_roster():
    """The team's file, the skill that starts it and the agents state the same roles and models."""
    members = json.loads(text("plugin", "teams/fleet-rlm/config.json"))["members"]
    skill = text("plugin", "skills/fleet-rlm-team/SKILL.md")
    assert [member["agentType"] for member in members] == re.findall(
        r"^\| \w+ \| `(fleet-rlm:[\w-]+)`", skill, re.MULTILINE
    )
    for member in members:
        front, _ = parsed("plugin", f"agents/{member['agentType'].partition(':')[2]}.md")
        assert front["model"] == member["model"]


def test_manifests():
    """One name and the runtime's version; no component paths, nothing that a project would read at the root of a
    repository; the marketplace offers that root."""
    manifest = json.loads(text("plugin", ".claude-plugin/plugin.json"))
    market = json.loads(text("plugin", ".claude-plugin/marketplace.json"))
    assert (manifest["name"], manifest["version"]) == ("fleet-rlm", facts()["version"])
    assert {"skills", "agents", "hooks", "commands"} & set(manifest) == set()
    assert (list(manifest["mcpServers"]), ".mcp.json" in rendered("plugin")) == (["rlm"], False)
    assert [(plugin["name"], plugin["source"]) for plugin in market["plugins"]] == [("fleet-rlm", "./")]


UNKNOWN = [
    ('<%= cli("run-basic", "--no-such-flag 3") %>', "--no-such-flag"),
    ('<%= cli("run-nothing") %>', "No first item"),
    ('<%= flag("run-basic", "--docs-path") %>', "--docs-path"),
    ('<%= helper("poke") %>', "No first item"),
    ('<%= key("run-basic", "poem") %>', "poem"),
    ('<%= setting("DSPY_POEM") %>', "DSPY_POEM"),
    ('<%= code(99, "bug") %>', "99"),
    ('<%= code(4, "sandbox") %>', "exit code 4 for sandbox"),
]


@pytest.mark.parametrize(("source", "named"), UNKNOWN, ids=[source for source, _ in UNKNOWN])
def test_what_the_runtime_has_not_cannot_be_stated(source, named):
    """A template that states a command, flag, helper, result or setting that does not exist is refused."""
    loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(TEMPLATES), jinja2.DictLoader({
        "x": f'<% from "partials/facts.j2" import cli, flag, helper, key, setting, code with context %>\n{source}'
    })])  # fmt: skip
    environment = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        **render.DELIMITERS,
    )
    with pytest.raises(jinja2.UndefinedError, match=named):
        environment.get_template("x").render(runtime=facts(), command="fleet-rlm")


def test_every_index_entry_has_a_summary():
    """`fleet-rlm-scaffold list` can say what each asset is for."""
    entries = yaml.safe_load((TEMPLATES / "assets.yaml").read_text())["assets"]
    assert [entry["name"] for entry in entries if not entry.get("summary")] == []
