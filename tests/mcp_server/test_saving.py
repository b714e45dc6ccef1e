"""The tool ``save``: what the command writes, where the tool may write, and what it refuses."""

from __future__ import annotations

import json

import pytest

from mcp_server.conftest import shell
from mcp_server.desk import PATIENCE
from mcp_server.test_manners import ENDLESS, until_busy


@pytest.fixture
def pieces(tools):
    """A client whose session has a text, texts, data and what is no data."""
    tools.call("load", paths=["big.log"])
    code = "text = 'a\\r\\nb'; pieces = ['x', 'yy', 'z']; data = {'k': [1, None]}; thing = object()"
    assert not tools.call("execute", code=code).failed
    return tools


def written(folder):
    """What is in a folder, by name."""
    return {path.name: path.read_bytes().decode() for path in folder.iterdir()}


def test_it_writes_what_the_command_writes(pieces, project):
    """A text is one file, texts one each, all else JSON; the answer is the command's line with whole paths."""
    for variable in ("text", "pieces", "data"):
        answer = pieces.call("save", variable=variable, to=f"rlm-work/{variable}")
        done = shell("session", "save", variable, "--to", f"shell/{variable}", cwd=project)
        assert not answer.failed, answer.text
        line, session = answer.text.split("\n")
        assert line == done.stdout.rstrip("\n").replace(f"{project}/shell/", f"{project}/rlm-work/")
        assert session == "[session project]"
        assert written(project / "rlm-work" / variable) == written(project / "shell" / variable)
    assert written(project / "rlm-work/pieces") == {
        "pieces-0000.txt": "x", "pieces-0001.txt": "yy", "pieces-0002.txt": "z",
    }  # fmt: skip
    assert line.startswith("1 file, ")
    assert json.loads((project / "rlm-work/data/data.json").read_text()) == {"k": [1, None]}


def test_what_is_there_stays_unless_replaced(pieces, project):
    """A second save is refused in one sentence and changes nothing; with `replace` it leaves only its own files."""
    assert pieces.call("save", variable="pieces", to="out").text.startswith("3 files, 4 bytes: ")
    (project / "out/mine.txt").write_text("mine")
    pieces.call("execute", code="pieces = ['new']")
    refused = pieces.call("save", variable="pieces", to="out")
    assert refused.failed
    assert refused.text.startswith(f"Error: {project}/out/pieces-0000.txt is there already. ")
    assert "`replace`" in refused.text
    assert (project / "out/pieces-0000.txt").read_text() == "x"
    assert not pieces.call("save", variable="pieces", to="out", replace=True).failed
    assert written(project / "out") == {"mine.txt": "mine", "pieces-0000.txt": "new"}


OUTSIDE = {
    "parent": ("../elsewhere", "is not below the project's folder"),
    "absolute": ("{tmp}/elsewhere", "is not below the project's folder"),
    "home": ("~/elsewhere", "is not below the project's folder"),
    "itself": (".", "is not below the project's folder"),
    "neighbour": ("{project}-2/out", "is not below the project's folder"),
    "link": ("link/out", "is not below the project's folder"),
    "hidden": (".claude", "is hidden"),
    "below-hidden": ("a/.git/hooks", "is hidden"),
    "hidden-link": ("settings", "is hidden"),
    "no-path": ("a\0b", "is no path"),
    "empty": ("", "is empty"),
}


@pytest.mark.parametrize(("folder", "said"), OUTSIDE.values(), ids=OUTSIDE)
def test_where_it_may_not_write(pieces, project, tmp_path, folder, said):
    """Outside of the project, in its folder itself, and in hidden folders nothing is written, also by links."""
    (project / "link").symlink_to(tmp_path)
    (project / ".vscode").mkdir()
    (project / "settings").symlink_to(".vscode")
    before = sorted(tmp_path.rglob("*"))
    answer = pieces.call("save", variable="data", to=folder.format(tmp=tmp_path, project=project))
    assert answer.failed
    assert answer.text.startswith("Error: ")
    assert answer.text.count("\n") == 0
    assert said in answer.text
    assert sorted(tmp_path.rglob("*")) == before


def test_a_whole_path_in_the_project(pieces, project):
    """A folder may be named by its whole path, or by a link that stays in the project."""
    (project / "real").mkdir()
    (project / "alias").symlink_to("real")
    assert not pieces.call("save", variable="text", to=f"{project}/real/deep").failed
    assert f": {project}/real/text.txt" in pieces.call("save", variable="text", to="alias").text


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("nothing_here", "There is no variable 'nothing_here'."),
        ("thing", "TypeError"),
        ("a b", "'a b' cannot be"),
    ],
)
def test_what_cannot_be_saved(pieces, project, variable, said):
    """A variable that is not there, or that holds no data, is named in one sentence; no folder is made."""
    answer = pieces.call("save", variable=variable, to="out")
    assert answer.failed
    assert said in answer.text
    assert answer.text.count("\n") == 0
    assert not (project / "out").exists()


def test_while_code_runs(pieces, project):
    """While somebody's code runs it is told so, or waits for its turn."""
    running = pieces.begin("execute", code=ENDLESS)
    until_busy(project)
    refused = pieces.call("save", variable="text", to="out", wait=0)
    assert refused.text.endswith("Try again later, or give a larger `wait`.")
    waiting = pieces.begin("save", variable="text", to="out", wait=PATIENCE)
    running.cancel()
    assert waiting.result(PATIENCE).text.startswith("1 file, 4 bytes: ")
