"""What the project's own documents show is true: commands run, files exist, versions agree."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fleet_rlm
import fleet_rlm_scaffold

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/claude-code-model.md",
    "docs/scripted-model.md",
    "docs/sessions.md",
]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language, without those marked ``skip:`` or ``session``."""
    text = (ROOT / page).read_text()
    marked = ("skip:", "session")
    return [
        body
        for kind, mark, body in BLOCK.findall(text)
        if kind == language and not mark.strip().startswith(marked)
    ]


def sessions(page: str) -> list[str]:
    """The blocks of a page that only make sense as a whole."""
    text = (ROOT / page).read_text()
    return [body for _, mark, body in BLOCK.findall(text) if mark.strip() == "session"]


def commands(page: str) -> list[str]:
    """The shell lines of a page, comments stripped."""
    lines = "".join(blocks(page, "sh")).splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


ALL = sorted({line for page in PAGES for line in commands(page)})


@pytest.mark.parametrize("line", [line for line in ALL if not line.startswith("make ")])
def test_commands_shown_work(line, home):
    """Every command line shown, other than make's, succeeds as written in the clone."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["sh", "-ec", line],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    allowed = (
        {0, 1} if " doctor" in line else {0}
    )  # doctor's exit code tells of this machine, not of the command
    assert done.returncode in allowed, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_sessions_shown_work(page, home):
    """Every block that shows a session succeeds from its first line to its last, and leaves none running."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for block in sessions(page):
        done = subprocess.run(
            ["sh", "-ec", block + "\nfleet-rlm session list --json"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        subprocess.run(["fleet-rlm", "session", "stop", "--all"], env=environment, check=True)
        assert done.returncode == 0, done.stderr
        left = json.loads(done.stdout.splitlines()[-1])["sessions"]
        assert {"ended"} == {one["state"] for one in left}


@pytest.mark.parametrize("line", [line for line in ALL if line.startswith("make ")])
def test_make_targets_shown_exist(line):
    """Every make target shown is one; the first two are the demo and the tests."""
    target = line.split()[1]
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_first_commands_of_the_readme():
    """A reader meets the demo, then the tests."""
    assert commands("README.md")[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("code", blocks("README.md", "python"))
def test_python_shown_works(code, home):
    """Every Python block of the README runs."""
    ast.parse(code)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "page", sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
)
def test_links_lead_somewhere(page):
    """Every relative link of a page leads to a file of the repository."""
    text = (ROOT / page).read_text()
    targets = [target for target in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in target]
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert missing == []


def test_versions_agree():
    """The distribution, both packages and the changelog name one version."""
    stated = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert stated == fleet_rlm.__version__ == fleet_rlm_scaffold.__version__
    assert f"## {stated}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("notebook", sorted(path.name for path in ROOT.glob("notebooks/*.ipynb")))
def test_notebooks_run(notebook, home):
    """Every notebook's cells run in order."""
    cells = json.loads((ROOT / "notebooks" / notebook).read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
