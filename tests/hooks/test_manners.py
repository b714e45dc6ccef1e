"""A hook stays out of the way: switches, faults, bounds and places."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time

import pytest

from fleet_rlm.config import load_settings
from fleet_rlm.config.paths import Paths
from hooks.plugin import PROGRAM, TEMPLATES, context, make_plugin, render_hooks

MISSING = (
    "fleet-rlm: the command fleet-rlm is not there, so the rlm skills cannot run. "
    "The user can install it: uv tool install fleet-rlm-scaffold"
)


@pytest.mark.parametrize("value", ["off", "OFF", "0", "false", "no"])
def test_the_variable_switches_off(hooks, big, value):
    """With FLEET_RLM_HOOKS=off nothing is said."""
    hooks.environment["FLEET_RLM_HOOKS"] = value
    assert (hooks.read(big), hooks.prompt("@rlm go"), hooks.failure("modal.exception.X")) == ("", "", "")


def test_the_setting_switches_off(hooks, big):
    """``hooks: off`` in config.yaml does the same, and the variable wins over it."""
    config = hooks.home / ".config/fleet-rlm/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("hooks: off\n")
    assert hooks.read(big) == ""
    hooks.environment["FLEET_RLM_HOOKS"] = "on"
    assert "1.9 MB" in hooks.read(big)


def test_the_runtime_knows_the_settings(home):
    """What the hooks read from config.yaml the runtime accepts there, with the same default."""
    assert "DEFAULT_THRESHOLD = 256 * 1024\n" in (TEMPLATES / PROGRAM).read_text()
    defaults = load_settings(environ={"FLEET_RLM_HOME": str(home)})
    assert (defaults.hooks, defaults.hook_threshold) == (True, 256 * 1024)
    (home / "config.yaml").write_text("hooks: off\nhook_threshold: 1M\n")
    settings = load_settings(environ={"FLEET_RLM_HOME": str(home)})
    assert (settings.hooks, settings.hook_threshold) == (False, 1024 * 1024)


@pytest.mark.parametrize(
    "environ", [{}, {"FLEET_RLM_HOME": "~/moved"}, {"XDG_CONFIG_HOME": "/x/c", "XDG_STATE_HOME": "/x/s"}]
)
@pytest.mark.usefixtures("home")
def test_places_are_the_runtimes(monkeypatch, environ):
    """The hooks look where the runtime looks."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    runtime = Paths.of(os.environ)
    program = (TEMPLATES / PROGRAM).read_text()
    code = "import json, os; p = Places(dict(os.environ)); print(json.dumps([p.config, p.state, p.log_file]))"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-"],
        input=program.partition('if __name__ == "__main__"')[0].replace("__file__", "''") + code,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout) == [
        str(runtime.config_file),
        str(runtime.state / "hooks"),
        str(runtime.logs / "hooks.log"),
    ]


@pytest.mark.parametrize(
    "stdin",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"hook_event_name": "Stop"}',
        '{"hook_event_name": 3}',
        '{"hook_event_name": "PreToolUse", "tool_name": "Read", "tool_input": [1]}',
    ],
)
def test_bad_input_is_silence(hooks, stdin):
    """Whatever the client sends, the program ends with 0 and says nothing."""
    ran = subprocess.run(
        [sys.executable, "-I", "-S", hooks.folder / PROGRAM],
        input=stdin,
        capture_output=True,
        text=True,
        env={"HOME": str(hooks.home)},
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_a_fault_is_a_line_in_the_log(hooks, big):
    """A broken installation is silent, and its log says what and where."""
    (hooks.folder / "fleet-rlm-hooks.json").write_text("{broken")
    assert hooks.read(big) == ""
    assert "JSONDecodeError from line " in hooks.log


def test_a_vanished_installation_is_silent(hooks, big):
    """Without its file of facts the program still ends well."""
    (hooks.folder / "fleet-rlm-hooks.json").unlink()
    assert hooks.read(big) == ""


def test_the_log_is_bounded(hooks):
    """Two files of bounded size are all that faults leave."""
    (hooks.folder / "fleet-rlm-hooks.json").write_text("{broken")
    folder = hooks.home / ".local/state/fleet-rlm/log"
    folder.mkdir(parents=True)
    (folder / "hooks.log").write_text("old\n" * 20_000)
    hooks.prompt("x")
    hooks.prompt("x")
    assert sorted(path.name for path in folder.iterdir()) == ["hooks.log", "hooks.log.1"]
    assert len(hooks.log.splitlines()) == 2


def test_the_state_is_bounded(hooks, big):
    """A session that was told very much is told nothing more; old sessions are forgotten."""
    folder = hooks.home / ".local/state/fleet-rlm/hooks"
    folder.mkdir(parents=True)
    (folder / "session-1").write_text('1.1 "file"\n' * 10_000)
    assert hooks.read(big) == ""
    for number in range(250):
        (folder / f"s{number}").write_text("")
    (folder / "ancient").write_text("")
    os.utime(folder / "ancient", (0, time.time() - 8 * 86400))
    hooks.send("SessionStart", source="startup")
    assert len(list(folder.iterdir())) <= 200
    assert not (folder / "ancient").exists()


def test_a_session_id_cannot_leave_the_state_folder(hooks, big):
    """An id with slashes becomes a plain file name."""
    hooks.session = "../../../evil/id"
    assert "1.9 MB" in hooks.read(big)
    assert [path.name for path in (hooks.home / ".local/state/fleet-rlm/hooks").iterdir()] == [
        ".._.._.._evil_id".replace(".", "_")
    ]


def test_where_nothing_can_be_kept_the_model_is_told(hooks, big):
    """A home that takes no files costs the memory of what was said, not the notice."""
    (hooks.home / ".local/state").write_text("in the way")
    assert "1.9 MB" in hooks.read(big)
    assert "1.9 MB" in hooks.read(big)


def test_a_missing_runtime_is_one_line_at_the_start(hooks):
    """Without its command the session start says so once, and how to install it; with it, nothing."""
    assert hooks.send("SessionStart", source="startup") == ""
    (hooks.home / ".local/bin/fleet-rlm").unlink()
    assert hooks.send("SessionStart", source="startup") == MISSING
    assert hooks.send("SessionStart", source="resume") == ""


@pytest.mark.parametrize(
    ("scope", "command", "missing"),
    [
        ("user", "'/no such/fleet-rlm'", "/no such/fleet-rlm"),
        ("user", "uvx-none --from fleet-rlm-scaffold==1 fleet-rlm", "uvx-none"),
        ("user", "fleet-rlm", None),
        ("plugin", "fleet-rlm-none", "fleet-rlm-none or uvx"),
    ],
)
def test_what_counts_as_the_runtime(hooks, tmp_path, scope, command, missing):
    """The command's own program is looked for; a plugin may also fall back to uvx."""
    hooks.folder = make_plugin(tmp_path / "other", context(scope, command=command)) / "hooks"
    hooks.environment["PATH"] = "/no-such-folder"
    said = hooks.send("SessionStart", source="startup")
    assert said == (MISSING.replace("command fleet-rlm", f"command {missing}") if missing else "")


@pytest.mark.parametrize(
    ("values", "root", "rules"),
    [
        (context("user"), "skills/fleet-rlm", "skills/fleet-rlm/hooks"),
        (context("user", hooks="settings"), "fleet-rlm", "fleet-rlm/hooks"),
        (context("project"), "skills/fleet-rlm", "."),
        (context("project", hooks="settings"), "fleet-rlm", "."),
        (context("plugin"), ".", "hooks"),
    ],
    ids=["user", "user-settings", "project", "project-settings", "plugin"],
)
def test_rules_are_found_in_every_scope(hooks, tmp_path, values, root, rules):
    """Rules lie beside the program, or in project scope where hookify looks for them too."""
    target = tmp_path / "target"
    hooks.folder = render_hooks(target / root, values)
    path = target / rules / "hookify.fleet-rlm-modal-error.local.md"
    (hooks.folder / path.name).rename(path)
    assert hooks.failure("modal.exception.AuthError").startswith("fleet-rlm: Modal could not do its part.")


def test_the_events_name_the_program_where_it_is(tmp_path):
    """Each event runs the one program, from the plugin's root or from the folder that the installer chose."""
    for root in ("${CLAUDE_PLUGIN_ROOT}", "/home/user/.claude/fleet-rlm"):
        text = (
            render_hooks(tmp_path / root.strip("/"), context("user", root=root)) / "hooks.json"
        ).read_text()
        events = json.loads(text)["hooks"]
        commands = {
            hook["command"] for entries in events.values() for entry in entries for hook in entry["hooks"]
        }
        assert commands == {f'python3 -I -S "{root}/hooks/fleet_rlm_hooks.py"'}
        assert sorted(events) == ["PostToolUseFailure", "PreToolUse", "SessionStart", "UserPromptSubmit"]


def test_it_imports_little_and_opens_no_connection(hooks, big):
    """Nothing that costs time or could reach a network is imported, even when it speaks."""
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-I", "-S", hooks.folder / PROGRAM],
        input=json.dumps({"hook_event_name": "PreToolUse", "tool_name": "Bash", "cwd": str(hooks.cwd), "tool_input": {"command": f"cat {big}"}}),
        capture_output=True, text=True, env={"HOME": str(hooks.home)}, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "1.9 MB" in ran.stdout
    assert (
        imported
        & {
            "socket",
            "ssl",
            "subprocess",
            "pathlib",
            "typing",
            "dataclasses",
            "inspect",
            "shutil",
            "tempfile",
            "urllib",
        }
        == set()
    )


def test_it_is_python_3_9():
    """The program parses as Python 3.9, and looks up no typing names while running."""
    ast.parse((TEMPLATES / PROGRAM).read_text(), feature_version=(3, 9))


def test_nothing_is_written_beside_the_program(hooks, big):
    """No bytecode and no state in the installer's folder."""
    before = sorted(hooks.folder.iterdir())
    hooks.read(big)
    hooks.prompt("@rlm")
    assert before == sorted(hooks.folder.iterdir())
