"""Templates to files: the same context gives the same bytes, and mistakes are named."""

from __future__ import annotations

import json
import shutil

import pytest

from fleet_rlm_scaffold import assets, context, render
from fleet_rlm_scaffold.errors import TemplateError
from fleet_rlm_scaffold.stamp import MARK, stamp
from scaffold.box import ONE, tree

FACTS = {"version": "9.9.9", "helpers": [{"name": "peek", "signature": "peek(text, start=0)"}]}


def rendered(scope="user", hooks="plugin", folder=ONE, target="/home/someone/.claude"):
    values = context.context(
        FACTS, command="fleet-rlm", scope=scope, hooks=hooks, threshold=262144, target=target
    )
    return render.render(folder, assets.load_index(folder), values, scope, hooks)


@pytest.mark.parametrize(
    ("scope", "hooks"),
    [
        ("user", "plugin"),
        ("user", "settings"),
        ("project", "plugin"),
        ("project", "settings"),
        ("plugin", "plugin"),
    ],
)
def test_every_scope(snapshot, scope, hooks):
    """Each scope gets its places, its names and its way to the hook programs."""
    output = rendered(scope, hooks)
    shown = {
        f"{path}{' (program)' if file.executable else ''}": file.data.decode()
        for path, file in output.files.items()
    }
    assert {"files": shown, "settings": output.settings} == snapshot


def test_the_same_again():
    """Rendering twice gives the same bytes in the same order."""
    assert rendered() == rendered()
    assert list(rendered().files) == sorted(rendered().files)


def test_each_file_says_what_it_was_made_from():
    """Each file that can hold a comment names its template; JSON cannot."""
    for path, file in rendered("plugin").files.items():
        assert (MARK in file.data.decode()) != path.endswith(".json"), path


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.md", "---\nname: a\n---\n", f"---\n# {MARK}t\nname: a\n---\n"),
        ("a.md", "# Title\n", f"<!-- {MARK}t -->\n\n# Title\n"),
        ("a.py", "#!/usr/bin/env python3\nx\n", f"#!/usr/bin/env python3\n# {MARK}t\nx\n"),
        ("bin/a", "#!/bin/sh\nx\n", f"#!/bin/sh\n# {MARK}t\nx\n"),
        ("a.json", "{}\n", "{}\n"),
        ("a.txt", "x\n", "x\n"),
    ],
)
def test_stamp(path, text, expected):
    """The stamp is in the front matter or the first comment, after a line with #!."""
    assert stamp(text, path, "t") == expected


@pytest.fixture
def copy(tmp_path):
    """A template set to spoil."""
    shutil.copytree(ONE, tmp_path / "set")
    return tmp_path / "set"


def test_an_unknown_name_is_an_error(copy):
    """A template that uses what the runtime does not say is an error that names both."""
    (copy / "skills/rlm/SKILL.md.j2").write_text("<%= runtime.nothing %>")
    with pytest.raises(TemplateError, match=r"skills/rlm/SKILL.md.j2 cannot be rendered: .*'nothing'"):
        rendered(folder=copy)


def test_a_syntax_error_names_the_line(copy):
    """A template that cannot be parsed is named with its line."""
    (copy / "skills/rlm/SKILL.md.j2").write_text("one\n<% if %>\n")
    with pytest.raises(TemplateError, match=r"SKILL.md.j2, line 2: "):
        rendered(folder=copy)


def index(entries):
    return json.dumps({"schema": 1, "kinds": {"skill": {"group": "skills"}}, "assets": entries})


WRONG = {
    "traversal": ([{"user": "../x"}], "'../x' is refused: it holds an empty part"),
    "absolute": ([{"user": "/etc/x"}], "'/etc/x' is refused: it is not a relative path"),
    "state": ([{"user": ".Fleet-RLM/x"}], "is the installer's own folder"),
    "windows": ([{"user": "a\\b"}], "it is not a relative path with forward slashes"),
    "empty-part": ([{"user": "a//b"}], "it holds an empty part"),
    "nul": ([{"user": "a\0b"}], "it is empty or holds a control character"),
    "line-break": ([{"user": "a\nb"}], "'a\\nb' is refused: it is empty or holds a control character"),
    "same": ([{"user": "a"}, {"user": "a"}], "a is made twice: by skill/0 and by skill/1"),
    "case": ([{"user": "a/B"}, {"user": "a/b"}], "are one file where case does not count"),
    "file-and-folder": ([{"user": "a"}, {"user": "A/b"}], "would be a file and the folder of"),
    "source": ([{"user": "a", "source": "nowhere"}], "The source of skill/0 is not there: nowhere."),
    "field": ([{"user": "a", "colour": "red"}], "skill/0 in the index has unknown fields: colour."),
    "group": (
        [{"user": "a", "group": "x"}],
        "needs a source and a group out of skills, agents, teams, hooks.",
    ),
    "hooks": ([{"user": "a", "hooks": "x"}], "hooks is plugin or settings"),
}


@pytest.mark.parametrize(("entries", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_index(tmp_path, entries, words):
    """What an index may not say is refused with the entry and the reason."""
    (tmp_path / "file").write_text("x")
    full = [
        {"kind": "skill", "name": str(number), "source": "file", **entry}
        for number, entry in enumerate(entries)
    ]
    (tmp_path / "assets.yaml").write_text(index(full))
    with pytest.raises(TemplateError) as caught:
        rendered(folder=tmp_path)
    assert words in str(caught.value)


def test_a_duplicate_in_the_index(tmp_path):
    """Two assets of one kind and name are refused."""
    (tmp_path / "assets.yaml").write_text(index([{"kind": "skill", "name": "a", "source": "x"}] * 2))
    with pytest.raises(TemplateError, match="The index names skill/a twice"):
        assets.load_index(tmp_path)


def test_a_missing_template_set(tmp_path):
    """A folder without an index is refused with what to do."""
    with pytest.raises(TemplateError, match="No template set in"):
        assets.template_folder(tmp_path)


@pytest.fixture
def one(box):
    """A box with the whole template set."""
    shutil.copytree(ONE, box.templates, dirs_exist_ok=True)
    return box


def test_render_and_check(one):
    """render makes a folder current; --check finds what is missing, stale or left over, and writes nothing."""
    repository = one.home / "repository"
    (repository / "skills/own").mkdir(parents=True)
    (repository / "skills/own/notes.md").write_text("not made by a template")
    missing = one.run("render", "--check", "--output", str(repository))
    assert (missing.code, len(tree(repository))) == (1, 1)
    assert one.run("render", "--output", str(repository)).code == 0
    current = one.run("render", "--check", "--output", str(repository))
    assert (current.code, current.out) == (0, f"8 files in {repository} are current.\n")
    (repository / "hooks/dispatch.py").chmod(0o644)
    (repository / "agents/rlm-orchestrator.md").write_text("edited")
    left_over = repository / "agents/old.md"
    left_over.write_text(f"---\n# {MARK}templates/agents/old.md.j2\n---\n")
    stale = one.run("render", "--check", "--output", str(repository))
    assert (stale.code, stale.out.splitlines()) == (
        1,
        [
            "extra  agents/old.md",
            "stale  agents/rlm-orchestrator.md",
            "stale  hooks/dispatch.py",
            "Run `make render` and commit the result.",
        ],
    )
    one.run("render", "--output", str(repository))
    assert one.run("render", "--check", "--output", str(repository)).code == 0
    assert not left_over.exists()
    assert (repository / "skills/own/notes.md").exists()
