"""Hooks in the user's settings file: only our entries come and go."""

from __future__ import annotations

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_rlm_scaffold import settings_text
from scaffold.box import ONE, tree

OURS = {
    "PreToolUse": [{"matcher": "Read", "hooks": [{"type": "command", "command": "ours"}]}],
    "SessionStart": [{"hooks": []}],
}
THEIRS = {"matcher": "Bash", "hooks": [{"type": "command", "command": "theirs"}]}

TEXTS = {
    "empty": "{}",
    "other": '{\n  "model": "opus"\n}\n',
    "tabs": '{\n\t"model": "opus",\n\t"list": [\n\t\t1\n\t]\n}',
    "one-line": '{"model": "opus", "hooks": {"Stop": []}}',
    "crlf": '{\r\n    "model": "opus"\r\n}\r\n',
    "event": json.dumps({"hooks": {"PreToolUse": [THEIRS]}, "z": 1}, indent=4),
    "hooks-first": json.dumps({"hooks": {"Stop": [THEIRS]}, "model": "opus"}, indent=2) + "\n",
    "odd": '{ "hooks" : {\n "PreToolUse":[ {"hooks":[]}\n ] }\n, "a":"\\u00e9 }{][ \\"" }',
    "bare": '{"PreToolUse": 1, "a": [{"hooks": {}}]}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_adding_keeps_every_other_byte(text):
    """Our entries are added at the end; what was there is still there, byte for byte, and comes out again exactly."""
    added = settings_text.add(text, OURS)
    before, after = json.loads(text), json.loads(added)
    for event, entries in OURS.items():
        assert after["hooks"][event] == before.get("hooks", {}).get(event, []) + entries
    rest = {key: value for key, value in after.items() if key != "hooks"}
    assert rest == {key: value for key, value in before.items() if key != "hooks"}
    left = iter(added)
    assert all(character in left for character in text if not character.isspace())
    assert settings_text.add(added, OURS) == added
    assert settings_text.remove(added, OURS) == text


def test_the_look_of_added_entries(snapshot):
    """Added entries follow the indentation and the line ends of the file."""
    assert {name: settings_text.add(text, OURS) for name, text in TEXTS.items()} == snapshot


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "model": VALUES,
        "hooks": st.dictionaries(
            st.sampled_from(["PreToolUse", "SessionStart", "Stop"]),
            st.lists(VALUES, min_size=1, max_size=3),
            min_size=1,
            max_size=3,
        ),
        "other": VALUES,
    },
)


@given(
    document=DOCUMENTS,
    indent=st.sampled_from([None, 0, 1, 2, 4, "\t"]),
    separators=st.sampled_from([None, (",", ":"), (" , ", " : ")]),
    ascii_only=st.booleans(),
)
def test_adding_and_removing_is_exact(document, indent, separators, ascii_only):
    """For any settings in any layout, adding and removing gives back the very same text."""
    text = json.dumps(document, indent=indent, separators=separators, ensure_ascii=ascii_only)
    assert settings_text.remove(settings_text.add(text, OURS), OURS) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1,}', "it is not valid JSON"),
        ('{"a": 1} // comment', "it is not valid JSON"),
        ("", "it is not valid JSON"),
        ("[]", "it is not an object"),
        ('{"hooks": []}', "it is not an object whose hooks are lists by event"),
        ('{"hooks": {"Stop": {}}}', "it is not an object whose hooks are lists by event"),
        ('{"a": 1, "a": 2}', "it says one key twice"),
        ('{"a": NaN}', "it is not valid JSON (NaN)"),
        ("\ufeff{}", "it is not valid JSON"),
    ],
)
def test_what_is_not_a_settings_file_is_refused(text, why):
    """A text that the client could not read is refused with the reason."""
    with pytest.raises(settings_text.NotSettingsError) as caught:
        settings_text.add(text, OURS)
    assert why in str(caught.value)


@pytest.fixture
def one(box):
    """A box with the whole template set."""
    shutil.copytree(ONE, box.templates, dirs_exist_ok=True)
    return box


def hooks(box):
    return json.loads((box.target / "settings.json").read_text())["hooks"]


@pytest.mark.parametrize("text", [None, "{ }", *TEXTS.values()], ids=["absent", "spaced", *TEXTS])
def test_install_and_uninstall_leave_the_file_as_it_was(one, text):
    """With --hooks settings our entries are in the file; an uninstall gives back exactly what was there."""
    one.target.mkdir()
    if text is not None:
        (one.target / "settings.json").write_bytes(text.encode())
    before = tree(one.target)
    assert one.run("install", "--hooks", "settings").code == 0
    program = one.target / "fleet-rlm/hooks/dispatch.py"
    assert program.exists()
    assert f'python3 "{program}"' in json.dumps(hooks(one)["PreToolUse"]).replace("\\", "")
    assert not (one.target / "skills/fleet-rlm").exists()
    after = tree(one.home)
    assert one.run("install").out == f"{one.target}: nothing to do.\n"
    assert tree(one.home) == after
    assert one.run("uninstall").code == 0
    assert tree(one.target) == before


def test_what_the_user_adds_stays(one):
    """Entries and settings that the user adds after the install survive upgrade and uninstall."""
    one.target.mkdir()
    place = one.target / "settings.json"
    place.write_text(TEXTS["other"])
    one.run("install", "--hooks", "settings")
    data = json.loads(place.read_text())
    data["hooks"]["PreToolUse"].insert(0, THEIRS)
    data["effort"] = "high"
    place.write_text(json.dumps(data))
    assert one.run("upgrade", "--large-file", "1000").code == 0
    assert hooks(one)["PreToolUse"][0] == THEIRS
    edited = place.read_bytes()
    assert one.run("uninstall").code == 0
    assert one.backups()["settings.json"] == edited
    assert json.loads(place.read_text()) == {
        "model": "opus",
        "hooks": {"PreToolUse": [THEIRS]},
        "effort": "high",
    }


def test_entries_that_the_user_takes_out_stay_out(one):
    """Hooks taken out of the file are not put back, until --restore."""
    one.run("install", "--hooks", "settings")
    (one.target / "settings.json").write_text("{}")
    assert one.run("install").code == 0
    assert (one.target / "settings.json").read_text() == "{}"
    assert one.run("install", "--restore").code == 0
    assert set(hooks(one)) == {"PreToolUse", "UserPromptSubmit"}


def test_changing_how_hooks_travel(one):
    """From settings to plugin our entries leave the file and the plugin folder comes; and back."""
    one.target.mkdir()
    (one.target / "settings.json").write_text(TEXTS["other"])
    one.run("install", "--hooks", "settings")
    assert one.run("install", "--hooks", "plugin").code == 0
    assert (one.target / "settings.json").read_text() == TEXTS["other"]
    assert (one.target / "skills/fleet-rlm/.claude-plugin/plugin.json").exists()
    assert not (one.target / "fleet-rlm").exists()
    assert one.run("install", "--hooks", "settings").code == 0
    assert not (one.target / "skills/fleet-rlm").exists()
    assert "PreToolUse" in hooks(one)


def test_other_groups_leave_the_entries(one):
    """Acting on skills only leaves our entries in the settings file, and an uninstall still takes them out."""
    one.target.mkdir()
    (one.target / "settings.json").write_text(TEXTS["other"])
    one.run("install", "--hooks", "settings")
    before = tree(one.target)
    assert one.run("install", "--skills-only").code == 0
    assert tree(one.target) == before
    one.run("uninstall")
    assert tree(one.target) == {"settings.json": TEXTS["other"].encode()}


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_a_file_that_is_not_settings_is_left_alone(one, command):
    """A broken settings file is refused by name and reason; the rest is done; exit code 1."""
    one.target.mkdir()
    if command == "uninstall":
        one.run("install", "--hooks", "settings")
    place = one.target / "settings.json"
    place.write_text('{"a": 1,}')
    done = one.run(command, *(["--hooks", "settings"] if command == "install" else []))
    assert (done.code, place.read_text()) == (1, '{"a": 1,}')
    assert "refused  settings.json  it is not valid JSON" in done.out
    assert (one.target / "agents").exists() == (command == "install")


def test_an_edited_entry_of_ours_is_pointed_out(one):
    """An entry that the user has edited is not ours to remove; the reader is told that it points nowhere now."""
    one.run("install", "--hooks", "settings")
    place = one.target / "settings.json"
    place.write_text(place.read_text().replace('"timeout": 10', '"timeout": 11', 1))
    done = one.run("uninstall")
    assert done.code == 0
    assert (
        "settings.json still holds a hook of fleet-rlm that you have edited; take it out by hand." in done.out
    )
    assert "PreToolUse" in hooks(one)
    assert "UserPromptSubmit" not in hooks(one)
