"""The permission rule for the MCP server: only on request, only that rule, and only ours to take out again."""

from __future__ import annotations

import json
import shutil

import pytest

from fleet_rlm_scaffold import settings_text
from fleet_rlm_scaffold.context import PERMISSION
from fleet_rlm_scaffold.settings_text import ALLOW
from scaffold.box import ONE, tree
from scaffold.test_settings import TEXTS, THEIRS

OURS = {ALLOW: [PERMISSION]}
ALLOWING = {
    "permissions": '{\n  "permissions": {\n    "deny": ["Read(.env)"]\n  }\n}\n',
    "rules": '{\n  "permissions": {\n    "allow": [\n      "Bash(ls:*)"\n    ]\n  },\n  "model": "opus"\n}\n',
    "one-line-rules": '{"permissions": {"allow": ["Read"], "deny": []}}',
}
NOTE = f"Note: Claude Code asks before it uses the MCP server's tools. The rule {PERMISSION} under permissions.allow"


@pytest.fixture
def one(box):
    """A box with the whole template set and an MCP server in it."""
    shutil.copytree(ONE, box.templates, dirs_exist_ok=True)
    (box.templates / "plugin/plugin.json.j2").write_text('{"name": "fleet-rlm", "mcpServers": {"rlm": {}}}\n')
    return box


def settings(box):
    return json.loads((box.target / "settings.json").read_text())


@pytest.mark.parametrize("text", [*TEXTS.values(), *ALLOWING.values()], ids=[*TEXTS, *ALLOWING])
def test_the_text_around_the_rule_stays(text):
    """The rule is added at the end of the allowed ones, and comes out again exactly."""
    added = settings_text.add(text, OURS)
    before = json.loads(text).get("permissions", {}).get("allow", [])
    assert [*before, PERMISSION] == json.loads(added)["permissions"]["allow"]
    assert settings_text.remove(added, OURS) == text


def test_rule_and_hooks_together(snapshot):
    """Hooks and rule do not disturb each other."""
    both = {"PreToolUse": [THEIRS], **OURS}
    added = {name: settings_text.add(text, both) for name, text in ALLOWING.items()}
    assert added == snapshot
    assert ALLOWING == {name: settings_text.remove(text, both) for name, text in added.items()}


def test_nothing_is_granted_unless_asked(one):
    """A plain install grants nothing, names the rule once, and says what it would mean."""
    done = one.run("install")
    assert not (one.target / "settings.json").exists()
    assert done.code == 0
    assert NOTE in done.out
    assert "read any file that you can read, and write files below the project's folder" in done.out
    assert "`fleet-rlm-scaffold install --allow-mcp` adds it." in done.out
    assert NOTE not in one.run("install").out


@pytest.mark.parametrize(
    "text", [None, *TEXTS.values(), *ALLOWING.values()], ids=["absent", *TEXTS, *ALLOWING]
)
def test_granted_and_taken_back(one, text):
    """--allow-mcp adds exactly that rule; an uninstall gives back exactly what was there."""
    one.target.mkdir()
    if text is not None:
        (one.target / "settings.json").write_bytes(text.encode())
    before = tree(one.target)
    done = one.run("install", "--allow-mcp")
    assert (done.code, NOTE in done.out) == (0, False)
    expected = json.loads(text or "{}")
    expected.setdefault("permissions", {}).setdefault("allow", []).append(PERMISSION)
    assert expected == settings(one)
    assert one.run("install").out == f"{one.target}: nothing to do.\n"
    assert one.run("status").out == f"Everything in {one.target} is as installed.\n"
    assert one.run("uninstall").code == 0
    assert tree(one.target) == before


def test_a_dry_run_shows_it(one):
    """--dry-run says what would happen to settings.json and writes nothing."""
    done = one.run("install", "--allow-mcp", "--dry-run")
    assert "would be created  settings.json  our permission rule only\n" in done.out
    assert tree(one.home) == {}


def test_later_and_no_longer(one):
    """The rule can be granted to an install that is there, upgrade keeps it, and --no-allow-mcp takes it out."""
    one.run("install")
    one.run("install", "--allow-mcp")
    assert settings(one) == {"permissions": {"allow": [PERMISSION]}}
    one.run("upgrade")
    assert settings(one) == {"permissions": {"allow": [PERMISSION]}}
    done = one.run("upgrade", "--no-allow-mcp")
    assert "removed  settings.json  it held our permission rule only\n" in done.out
    assert not (one.target / "settings.json").exists()


def test_your_own_rule_stays_yours(one):
    """A rule that the user had already is not added twice, and an uninstall leaves it, edits or not."""
    one.target.mkdir()
    place = one.target / "settings.json"
    place.write_text(json.dumps({"permissions": {"allow": [PERMISSION]}}))
    before = place.read_bytes()
    assert one.run("install", "--allow-mcp").code == 0
    assert place.read_bytes() == before
    place.write_text(json.dumps({"permissions": {"allow": [PERMISSION]}, "model": "opus"}))
    one.run("upgrade")
    one.run("uninstall")
    assert settings(one) == {"permissions": {"allow": [PERMISSION]}, "model": "opus"}


def test_what_you_take_out_stays_out_until_you_ask(one):
    """A rule that the user has taken out is not put back, unless asked for again."""
    one.run("install", "--allow-mcp")
    (one.target / "settings.json").write_text("{}")
    one.run("upgrade")
    assert settings(one) == {}
    one.run("install", "--allow-mcp")
    assert settings(one) == {"permissions": {"allow": [PERMISSION]}}


def test_rules_that_you_add_stay(one):
    """Rules beside ours survive the uninstall."""
    one.run("install", "--allow-mcp")
    (one.target / "settings.json").write_text(
        json.dumps({"permissions": {"allow": ["Read", PERMISSION, "Bash(ls:*)"]}})
    )
    one.run("uninstall")
    assert settings(one) == {"permissions": {"allow": ["Read", "Bash(ls:*)"]}}


@pytest.mark.parametrize("text", ['{"permissions": []}', '{"permissions": {"allow": "Read"}}', "{", "[]"])
def test_a_file_that_cannot_be_edited(one, text):
    """A settings file of another shape is left alone, and the command says so."""
    one.target.mkdir()
    (one.target / "settings.json").write_text(text)
    done = one.run("install", "--allow-mcp")
    assert done.code == 1
    assert "use --no-allow-mcp" in done.out
    assert (one.target / "settings.json").read_text() == text


@pytest.mark.parametrize("flags", [["--no-hooks"], ["--skills-only"], ["--hooks", "settings"]])
def test_where_there_is_no_server(one, flags):
    """Without the plugin folder there is no server, so that there is nothing to allow."""
    done = one.run("install", "--allow-mcp", *flags)
    assert (done.code, tree(one.home)) == (2, {})
    assert "--allow-mcp is about the MCP server" in done.err


def test_in_a_project(one):
    """In the project scope the rule goes into the project's settings."""
    project = one.folder / "project"
    project.mkdir()
    done = one.run("install", "--scope", "project", cwd=project)
    assert "`fleet-rlm-scaffold install --allow-mcp --scope project` adds it." in done.out
    one.run("install", "--allow-mcp", "--scope", "project", cwd=project)
    found = json.loads((project / ".claude/settings.json").read_text())
    assert found == {"permissions": {"allow": [PERMISSION]}}
