"""The command line: help, reports, flags, the runtime's part, and how mistakes are told."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scaffold.box import ONE, own, tree

COMMANDS = ["", "install", "list", "status", "diff", "upgrade", "uninstall", "render", "doctor"]


@pytest.fixture
def one(box):
    """A box with the whole template set."""
    shutil.copytree(ONE, box.templates, dirs_exist_ok=True)
    return box


def program(box, *words, **environ):
    """Run the installed command itself."""
    return subprocess.run(
        [sys.executable, "-m", "fleet_rlm_scaffold.cli", *words],
        env={**box.environ, "COLUMNS": "100", **environ},
        cwd=box.home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help(one, snapshot):
    """Each command's help, as a user reads it."""
    shown = {command: program(one, *command.split(), "--help").stdout for command in COMMANDS}
    assert shown == snapshot


def test_version_and_no_arguments(one):
    """--version says the version; no arguments show the help as a usage error."""
    assert program(one, "--version").stdout == "fleet-rlm-scaffold, version 0.1.0\n"
    done = program(one)
    assert (done.returncode, done.stdout, done.stderr.startswith("Usage: fleet-rlm-scaffold")) == (
        2,
        "",
        True,
    )


def test_help_is_light():
    """The command tree, which `fleet-rlm init` shares, is there without templates, YAML or tables being loaded."""
    heavy = "{'jinja2', 'yaml', 'rich', 'fleet_rlm', 'dspy', 'modal'}"
    code = f"import sys, fleet_rlm_scaffold.cli; print({heavy} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "set()\n"
    )


def test_it_imports_nothing_of_the_runtime(one):
    """A whole install imports neither the runtime nor dspy nor modal: the runtime is reached by its command."""
    code = (
        "import sys\nfrom fleet_rlm_scaffold.cli.invoking import invoke\n"
        "code = invoke(sys.argv[1:])\nprint(code, {'fleet_rlm', 'dspy', 'modal'} & set(sys.modules))"
    )
    words = ["install", "--templates", str(one.templates), "--runtime", "fleet-rlm", "--no-self-test"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=one.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 set()"


def settled(box, value):
    """A report without what differs between runs."""
    text = json.dumps(value).replace(str(box.home), "HOME")
    return json.loads(re.sub(r"\d{8}T\d{6}Z", "TIME", text))


def life(one):
    """An install with an edit, an edit that clashes, a deletion and a file of the user's own."""
    (one.target / "teams/fleet-rlm").mkdir(parents=True)
    (one.target / "teams/fleet-rlm/config.json").write_text("mine")
    first = one.run("install", "--json")
    agent = one.target / "agents/rlm-orchestrator.md"
    agent.write_text(agent.read_text().replace("You coordinate.", "You coordinate well."))
    (one.target / "skills/rlm/references/helpers.md").unlink()
    template = one.templates / "agents/rlm-orchestrator.md.j2"
    template.write_text(template.read_text().replace("many files", "very many files"))
    return first


def test_reports(one, snapshot):
    """What install, status, upgrade and uninstall say, to a script and to a person."""
    first = life(one)
    texts = [
        one.run(*words)
        for words in (["status"], ["diff"], ["upgrade", "--dry-run"], ["upgrade"], ["uninstall"])
    ]
    assert {
        "json": settled(one, first.json),
        "text": [settled(one, [done.code, done.out, done.err]) for done in texts],
    } == snapshot


def test_json_is_one_object_on_stdout(one):
    """With --json stdout is one object, the runtime's part included, and stderr is empty."""
    done = one.run("install", "--json", "--self-test")
    assert (done.code, done.err, done.json["exit_code"]) == (0, "", 0)
    assert done.json["self_test"] == {
        "command": "fleet-rlm doctor --self-test",
        "passed": True,
        "output": "They agree.",
    }
    status = one.run("status", "--json")
    assert (status.code, status.json["written"], status.json["needs_you"]) == (0, False, False)


def test_errors_as_json(one):
    """With --json an error is one object on stdout, with its type, remedy and exit code."""
    done = one.run("upgrade", "--json")
    assert (done.code, done.err) == (2, "")
    assert done.json == {
        "error": {
            "type": "UsageError",
            "message": f"Nothing of fleet-rlm is installed in {one.target}.",
            "remedy": "Run `fleet-rlm-scaffold install`.",
            "exit_code": 2,
        }
    }


def test_install_proves_the_runtime(one):
    """An install ends with the runtime's self-test; it is skipped on request, in a dry run and after an abort."""
    log = one.folder / "runtime.log"
    done = one.run("install", "--self-test")
    assert done.out.endswith("Now the runtime proves itself (skip this with --no-self-test).\nThey agree.\n")
    assert log.read_text().splitlines() == ["describe --json", "doctor --self-test"]
    one.run("install")
    one.run("install", "--dry-run", "--self-test")
    one.run("upgrade", "--self-test")
    assert log.read_text().count("doctor") == 1


def test_a_failing_self_test(one):
    """A runtime that does not pass its self-test makes exit code 1, and the installed files stay."""
    done = one.run("install", "--self-test", FLEET_RLM_TEST_DOCTOR="6")
    assert (done.code, (one.target / "skills/rlm/SKILL.md").exists()) == (1, True)
    assert (
        done.out.splitlines()[-1]
        == "failed  `fleet-rlm doctor --self-test`  see above  see: fleet-rlm doctor"
    )


SELECTIONS = {
    "skills": (["--skills-only"], {"skills/rlm"}),
    "agents": (["--agents-only"], {"agents"}),
    "teams": (["--teams-only"], {"teams"}),
    "hooks": (["--hooks-only"], {"skills/fleet-rlm"}),
    "two": (["--skills-only", "--agents-only"], {"skills/rlm", "agents"}),
    "no-teams": (["--no-teams"], {"skills/rlm", "agents", "skills/fleet-rlm"}),
    "no-hooks": (["--no-hooks"], {"skills/rlm", "agents", "teams"}),
    "neither": (["--no-hooks", "--no-teams"], {"skills/rlm", "agents"}),
}


def parts(folder):
    """Which parts of an install are there."""
    found = own(folder)
    return {
        part
        for part in ("skills/rlm", "agents", "teams", "skills/fleet-rlm")
        if any(path.startswith(f"{part}/") for path in found)
    }


@pytest.mark.parametrize(("flags", "expected"), SELECTIONS.values(), ids=SELECTIONS)
def test_selection(one, flags, expected):
    """The flags choose what is installed; status and upgrade stay with it; what else is installed is not touched."""
    assert one.run("install", *flags).code == 0
    assert parts(one.target) == expected
    assert one.run("status").out == f"Everything in {one.target} is as installed.\n"
    one.run("upgrade")
    assert parts(one.target) == expected
    one.run("install")
    full = own(one.target)
    assert one.run("install", *flags).code == 0
    assert own(one.target) == full
    one.run("uninstall")
    assert not one.target.exists()


def test_a_selection_of_nothing(one):
    """Flags that leave nothing are a usage error."""
    done = one.run("install", "--hooks-only", "--no-hooks")
    assert (done.code, tree(one.home)) == (2, {})


def test_list(one):
    """list and install --list name the assets, need no runtime and write nothing."""
    done = one.run("list")
    assert (
        done.out.splitlines()[0]
        == "skill rlm                                When to use a recursive language model"
    )
    assert program(one, "install", "--list", "--templates", str(one.templates)).stdout == done.out
    assert one.run("list", "--skills-only", "--json").json["assets"] == [
        {
            "kind": "skill",
            "name": "rlm",
            "group": "skills",
            "path": "skills/rlm",
            "summary": "When to use a recursive language model",
        }
    ]
    assert tree(one.home) == {}
    assert not (one.folder / "runtime.log").exists()


def test_diff_of_paths(one):
    """diff takes files and folders, and refuses what is not ours."""
    life(one)
    assert one.run("diff", "agents").out.startswith("--- yours/agents/rlm-orchestrator.md\n+++ new/agents/")
    assert one.run("diff", "skills/rlm/SKILL.md").out == ""
    done = one.run("diff", "agents/other.md")
    assert (done.code, "Not a path of ours: agents/other.md." in done.err) == (2, True)


RUNTIMES = {
    "missing": (None, "cannot be started: No such file or directory."),
    "fails": ("#!/bin/sh\necho first >&2\necho broken >&2\nexit 7\n", "failed with exit code 7: broken"),
    "nonsense": ("#!/bin/sh\necho hello\n", "did not answer with its description."),
    "list": ("#!/bin/sh\necho '[]'\n", "did not answer with its description."),
    "no-version": ("#!/bin/sh\necho '{}'\n", "did not answer with its description."),
    "not-a-program": ("text", "cannot be started: "),
}


@pytest.mark.parametrize(("text", "words"), RUNTIMES.values(), ids=RUNTIMES)
def test_a_runtime_that_does_not_answer(one, text, words):
    """A runtime that cannot be asked stops the install before anything is written; an uninstall needs none."""
    one.run("install")
    before = own(one.target)
    runtime = one.bin / "fleet-rlm"
    runtime.unlink()
    if text is not None:
        runtime.write_text(text)
        runtime.chmod(0o755)
    done = one.run("install", "--force")
    assert (done.code, own(one.target)) == (1, before)
    assert f"Error: `fleet-rlm describe --json` {words}" in done.err
    assert "uv tool install fleet-rlm-scaffold" in done.err
    assert one.run("doctor").code == 1
    assert one.run("uninstall").code == 0


def test_doctor(one):
    """doctor checks each thing by using it, and its exit code says whether there is an error."""
    assert [line.split()[:2] for line in one.run("doctor").out.splitlines()] == [
        ["ok", "git"],
        ["ok", "runtime"],
        ["warning", "install"],
    ]
    one.run("install")
    assert (
        one.run("doctor").out.splitlines()[2]
        == f"ok       install  8 files in {one.target} are as they should be"
    )
    (one.templates / "plugin/plugin.json.j2").write_text("{}")
    assert "is not this version's" in one.run("doctor").out
    shutil.rmtree(one.target / "agents")
    (one.target / "agents").write_text("mine")
    done = one.run("doctor", "--json")
    assert (done.code, done.json["checks"][2]["level"]) == (1, "error")


def terminal(box, *words):
    """Run the command with a terminal as its stdout; return what it shows."""
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fleet_rlm_scaffold.cli", *words],
        env={**box.environ, "TERM": "xterm", "COLUMNS": "100"},
        cwd=box.home,
        stdout=there,
        stderr=there,
        stdin=there,
    )
    os.close(there)
    shown = b""
    while True:
        try:
            more = os.read(here, 65536)
        except OSError:
            break
        if not more:
            break
        shown += more
    process.wait()
    os.close(here)
    return shown.decode()


def test_on_a_terminal(one):
    """A terminal gets colours and a table; a pipe gets plain lines."""
    options = ["--templates", str(one.templates), "--runtime", "fleet-rlm"]
    shown = terminal(one, "install", "--no-self-test", *options)
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert re.search(r"created\s+agent rlm-orchestrator", plain)
    (one.target / "agents/rlm-orchestrator.md").write_text("mine")
    assert "\x1b[33mM \x1b[0m agents/rlm-orchestrator.md" in terminal(one, "status", *options)
    assert "\x1b[31m-mine" in terminal(one, "diff", *options)
    assert "\x1b[" not in one.run("diff").out


def test_a_bug_is_logged(one):
    """An error that nobody foresaw ends with exit code 3 and names a log with the traceback."""
    (one.templates / "assets.yaml").write_text("schema: 1\nkinds: [a]\nassets: [{kind: a, name: b}]\n")
    done = one.run("install", FLEET_RLM_HOME=str(one.folder / "fleet"))
    assert done.code == 3
    log = re.search(r"Details are in (\S+);", done.err).group(1)
    assert log.startswith(str(one.folder / "fleet/logs"))
    assert "Traceback" in Path(log).read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_runtime_is_asked(one, number):
    """A signal ends the command with its own exit code, before anything is written."""
    runtime = one.bin / "fleet-rlm"
    runtime.write_text("#!/bin/sh\ntouch asked\nexec sleep 20\n")
    words = [
        sys.executable,
        "-m",
        "fleet_rlm_scaffold.cli",
        "install",
        "--templates",
        str(one.templates),
        "--runtime",
        "fleet-rlm",
    ]
    process = subprocess.Popen(words, env=one.environ, cwd=one.home, stderr=subprocess.PIPE, text=True)
    while not (one.home / "asked").exists():
        assert process.poll() is None
    process.send_signal(number)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert "nothing is half done" in said
    assert not one.target.exists()
