"""What ``doctor --assets`` finds: each thing that the client leaves unread or unchecked."""

from __future__ import annotations

import shutil

import pytest

from fleet_rlm_scaffold.lint import lint
from scaffold.box import ONE

SKILL = b"---\nname: a\ndescription: Use it when.\n---\nBody.\n"
AGENT = b"---\nname: b\ndescription: Does it.\ntools: Read\nmodel: haiku\n---\nYou do it.\n"
PLUGIN = b'{"name": "a-plugin"}'
HOOKS = b'{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "python3 \\"${CLAUDE_PLUGIN_ROOT}/hooks/x.py\\"", "timeout": 5}]}]}}'
RULE = b"---\nname: r\nenabled: true\nevent: file\n---\nMessage.\n"
GOOD = {
    ".claude-plugin/plugin.json": PLUGIN,
    "skills/a/SKILL.md": SKILL,
    "agents/b.md": AGENT,
    "hooks/hooks.json": HOOKS,
    "hooks/x.py": b"",
    "hooks/hookify.r.local.md": RULE,
    "bin/x": b"#!/bin/sh\n",
}


def changed(data, old, new):
    assert old in data
    return data.replace(old, new)


FOUND = {
    "skill-file-name": (
        {"skills/a/skill.md": SKILL, "skills/a/SKILL.md": None},
        "error",
        "skills/a/SKILL.md",
        "it is called skills/a/skill.md",
    ),
    "skill-none": ({"skills/c/notes.md": b""}, "error", "skills/c/SKILL.md", "there is none"),
    "skill-loose": ({"skills/loose.md": b""}, "error", "skills/loose.md", "this file is dead"),
    "skill-no-description": (
        {"skills/a/SKILL.md": b"---\nname: a\n---\n"},
        "error",
        "skills/a/SKILL.md",
        "no description",
    ),
    "skill-name": (
        {"skills/a/SKILL.md": changed(SKILL, b"name: a", b"name: z")},
        "error",
        "skills/a/SKILL.md",
        "its name is 'z'",
    ),
    "skill-long": (
        {"skills/a/SKILL.md": changed(SKILL, b"Use it", b"x" * 300)},
        "warning",
        "skills/a/SKILL.md",
        "stay under 300",
    ),
    "skill-cut": (
        {"skills/a/SKILL.md": changed(SKILL, b"Use it", b"x" * 1600)},
        "error",
        "skills/a/SKILL.md",
        "cuts at 1536",
    ),
    "skill-field": (
        {"skills/a/SKILL.md": changed(SKILL, b"name: a", b"colour: red")},
        "warning",
        "skills/a/SKILL.md",
        "'colour'",
    ),
    "skill-permission": (
        {"skills/a/SKILL.md": changed(SKILL, b"name: a", b"allowed-tools: Read")},
        "warning",
        "skills/a/SKILL.md",
        "allowed-tools makes",
    ),
    "skill-link": (
        {"skills/a/SKILL.md": SKILL + b"[x](references/x.md)"},
        "error",
        "skills/a/SKILL.md",
        "links to references/x.md",
    ),
    "skill-yaml": ({"skills/a/SKILL.md": b"---\na: b: c\n---\n"}, "error", "skills/a/SKILL.md", "not YAML"),
    "skill-open": ({"skills/a/SKILL.md": b"---\nname: a\n"}, "error", "skills/a/SKILL.md", "not closed"),
    "skill-bytes": ({"skills/a/SKILL.md": b"\xff"}, "error", "skills/a/SKILL.md", "not UTF-8"),
    "skill-many": (
        {f"skills/s{n}/SKILL.md": b"---\ndescription: " + b"x" * 290 + b"\n---\n" for n in range(11)},
        "warning",
        "skills",
        "stay under 3000",
    ),
    "agent-name": (
        {"agents/b.md": changed(AGENT, b"name: b\n", b"")},
        "error",
        "agents/b.md",
        "it has no name",
    ),
    "agent-description": (
        {"agents/b.md": changed(AGENT, b"description: Does it.\n", b"")},
        "error",
        "agents/b.md",
        "it has no description",
    ),
    "agent-body": (
        {"agents/b.md": changed(AGENT, b"You do it.\n", b"")},
        "error",
        "agents/b.md",
        "it has no body",
    ),
    "agent-tools": (
        {"agents/b.md": changed(AGENT, b"tools: Read", b"tools: Reed")},
        "error",
        "agents/b.md",
        "refuses the agent",
    ),
    "agent-tool": (
        {"agents/b.md": changed(AGENT, b"tools: Read", b"tools: [Read, Reed]")},
        "error",
        "agents/b.md",
        "does not know: Reed",
    ),
    "agent-bash-grep": (
        {"agents/b.md": changed(AGENT, b"tools: Read", b"tools: Bash, Grep")},
        "error",
        "agents/b.md",
        "drop Grep and Glob",
    ),
    "agent-restricted": (
        {"agents/b.md": changed(AGENT, b"tools: Read", b"tools: Task(x)")},
        "warning",
        "agents/b.md",
        "restrict nothing",
    ),
    "agent-model": (
        {"agents/b.md": changed(AGENT, b"haiku", b"haikoo")},
        "error",
        "agents/b.md",
        "model 'haikoo'",
    ),
    "agent-old-model": (
        {"agents/b.md": changed(AGENT, b"haiku", b"claude-haiku-9")},
        "warning",
        "agents/b.md",
        "will age",
    ),
    "agent-field": (
        {"agents/b.md": changed(AGENT, b"model: haiku", b"mode: x")},
        "warning",
        "agents/b.md",
        "'mode'",
    ),
    "agent-ignored": (
        {"agents/b.md": changed(AGENT, b"model: haiku", b"permissionMode: plan")},
        "error",
        "agents/b.md",
        "ignores permissionMode",
    ),
    "agent-twice": ({"agents/x/b.md": AGENT}, "error", "agents/x/b.md", "also that of agents/b.md"),
    "agent-dead": ({"agents/b.txt": b""}, "error", "agents/b.txt", "this file is dead"),
    "hooks-script": ({"hooks/x.py": None}, "error", "hooks/hooks.json", "hooks/x.py, which is not there"),
    "hooks-event": (
        {"hooks/hooks.json": changed(HOOKS, b"Stop", b"Stopp")},
        "error",
        "hooks/hooks.json",
        "no event 'Stopp'",
    ),
    "hooks-wrapper": (
        {"hooks/hooks.json": b'{"Stop": []}'},
        "error",
        "hooks/hooks.json",
        'outer key "hooks"',
    ),
    "hooks-json": ({"hooks/hooks.json": b"{"}, "error", "hooks/hooks.json", "not JSON"),
    "hooks-timeout": (
        {"hooks/hooks.json": changed(HOOKS, b', "timeout": 5', b"")},
        "warning",
        "hooks/hooks.json",
        "give it a timeout",
    ),
    "hooks-quotes": (
        {"hooks/hooks.json": changed(HOOKS, b'\\"', b"")},
        "warning",
        "hooks/hooks.json",
        "in double quotes",
    ),
    "rule-name": (
        {"hooks/hookify.r.md": RULE},
        "error",
        "hooks/hookify.r.md",
        "hookify.<name>.local.md only",
    ),
    "rule-field": (
        {"hooks/hookify.r.local.md": changed(RULE, b"event: file\n", b"")},
        "error",
        "hooks/hookify.r.local.md",
        "no event",
    ),
    "rule-empty": (
        {"hooks/hookify.r.local.md": changed(RULE, b"Message.\n", b"")},
        "error",
        "hooks/hookify.r.local.md",
        "no message",
    ),
    "plugin-name": (
        {".claude-plugin/plugin.json": b'{"name": "A Plugin"}'},
        "error",
        ".claude-plugin/plugin.json",
        "kebab-case",
    ),
    "plugin-paths": (
        {".claude-plugin/plugin.json": b'{"name": "a", "agents": "./agents/"}'},
        "error",
        ".claude-plugin/plugin.json",
        "where agents are",
    ),
    "plugin-json": (
        {".claude-plugin/plugin.json": b"["},
        "error",
        ".claude-plugin/plugin.json",
        "not a JSON object",
    ),
    "plugin-dead": (
        {".claude-plugin/notes.json": b""},
        "warning",
        ".claude-plugin/notes.json",
        "nothing else",
    ),
    "plugin-servers": ({".mcp.json": b"{}"}, "warning", ".mcp.json", "opens the folder as a project"),
    "team": ({"teams/t/config.json": b"{}"}, "warning", "teams/t/config.json", "a skill <team>-team"),
    "bin": ({"bin/x": b"x"}, "warning", "bin/x", "a first line with #!"),
    "tag": ({"agents/b.md": AGENT + b"<%= x %>"}, "error", "agents/b.md", "template tag"),
}


def test_good_assets():
    """Assets that all have their effect give no finding."""
    assert lint(GOOD) == []


@pytest.mark.parametrize(("change", "level", "path", "words"), FOUND.values(), ids=FOUND)
def test_finding(change, level, path, words):
    """One mistake in good assets is one finding, at its path, with its level."""
    files = {name: data for name, data in {**GOOD, **change}.items() if data is not None}
    found = lint(files)
    assert [(one.level, one.path) for one in found] == [(level, path)], found
    assert words in found[0].message


def test_a_plugin_inside_a_client_folder():
    """A plugin folder under skills/ is checked as a plugin; hooks.json in the client's own folder is dead."""
    inner = {f"skills/p/{path}": data for path, data in GOOD.items()}
    assert lint(inner) == []
    assert [one.path for one in lint({**inner, "hooks/hooks.json": HOOKS})] == ["hooks/hooks.json"]
    assert [one.path for one in lint({**inner, "skills/p/agents/b.md": b""})] == ["skills/p/agents/b.md"] * 3


def test_a_folder(box):
    """doctor --assets DIR checks a folder, names what it finds, and exits 1 for an error."""
    (box.home / "plugin/agents").mkdir(parents=True)
    (box.home / "plugin/agents/b.md").write_bytes(AGENT.replace(b"name: b\n", b""))
    done = box.run("doctor", "--assets", "plugin")
    assert (done.code, done.out) == (
        1,
        "error    assets  agents/b.md: it has no name: the client skips it without a word.\n",
    )
    (box.home / "plugin/agents/b.md").write_bytes(AGENT)
    assert box.run("doctor", "--assets", "plugin").out == "ok       assets  nothing to complain about\n"
    assert box.run("doctor", "--assets", "nowhere").code == 2


def test_ours(box):
    """doctor --assets checks ours as they are rendered in every scope."""
    shutil.copytree(ONE, box.templates, dirs_exist_ok=True)
    done = box.run("doctor", "--assets")
    assert (done.code, [line.split()[1] for line in done.out.splitlines()]) == (
        0,
        ["plugin", "user", "project"],
    )
