"""Reading scripts: what is understood, and how clearly the rest is refused."""

from __future__ import annotations

import pytest

from fleet_rlm.errors import ConfigurationError
from fleet_rlm.models.script_file import built_in_scripts, load_script, parse_script

BAD = {
    "empty": ("", "s.yaml, line 1: the script is empty."),
    "no yaml": ("steps: [", "s.yaml, line 1: this is not valid YAML"),
    "a list": ("- code: x", "s.yaml, line 1: the script must be lines of the form name: value."),
    "nothing": ("about: x", "s.yaml, line 1: the script says nothing"),
    "unknown section": (
        "about: x\nstep: []",
        "s.yaml, line 2: the script cannot have 'step'; did you mean 'steps'.",
    ),
    "unknown key": (
        "steps:\n- code: x\n  resoning: y",
        "line 3: an entry cannot have 'resoning'; did you mean 'reasoning'.",
    ),
    "not a list": ("steps:\n  code: x", "line 2: this section must be a list"),
    "twice": ("replies:\n- reply: a\n  reply: b", "line 3: 'reply' is given twice."),
    "no code": ("steps:\n- reasoning: hm", "line 2: an entry needs either code or fail."),
    "reply and fail": ("replies:\n- reply: a\n  fail: b", "line 2: an entry needs either reply or fail."),
    "bad pattern": ("replies:\n- when: '('\n  reply: a", "line 2: this is no regular expression (missing )"),
    "bad delay": ("replies:\n- reply: a\n  delay: soon", "line 3: delay must be a number of seconds."),
    "negative delay": ("replies:\n- reply: a\n  delay: -1", "line 3: delay must be a number of seconds."),
    "true delay": ("replies:\n- reply: a\n  delay: true", "line 3: delay must be a number of seconds."),
    "condition on a step": ("steps:\n- when: a\n  code: b", "line 2: an entry cannot have 'when'"),
    "unknown group": (
        "replies:\n- when: a\n  reply: '\\g<b>'",
        r"line 2: \g<b> refers to nothing; possible are \g<0>.",
    ),
    "group without when": ("replies:\n- reply: '\\g<0>'", "possible are none here: the entry has no when."),
    "facts outside a planner": (
        "replies:\n- when: a\n  reply: '\\g<outputs>'",
        r"\g<outputs> refers to nothing",
    ),
    "group in extract": (
        "steps:\n- code: x\nextract: {answer: '\\g<1>'}",
        "line 3: \\g<1> refers to nothing",
    ),
    "extract of another form": (
        "steps:\n- code: x\nextract: [a]",
        "line 3: extract must map field names to values.",
    ),
    "fields of another form": ("predict:\n- fields: 3", "line 2: fields must map field names to values."),
    "code of another form": ("steps:\n- code: [a]", "line 2: code must be text."),
    "a fence": ("steps:\n- code: 'x = \"```\"'", "line 2: code cannot hold ```"),
    "a strange tag": (
        "steps:\n- code: x\nextract: {a: !!python/name:os.system }",
        "line 3: this value cannot be used",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_mistakes_are_refused_with_their_place(case):
    """A script that cannot be understood is refused with file, line, what is wrong, and where the format is told."""
    text, message = BAD[case]
    with pytest.raises(ConfigurationError) as caught:
        parse_script(text, name="s", source="s.yaml")
    assert message in caught.value.message
    assert caught.value.message.startswith("s.yaml, line ")
    assert caught.value.remedy == "The format is described in docs/scripted-model.md."


@pytest.mark.parametrize("name", built_in_scripts())
def test_built_in_scripts_are_valid(name):
    """Every script that comes with the package can be read and says what it is for."""
    assert load_script(name).about


def test_the_built_in_names():
    """The documented scripts are there."""
    assert built_in_scripts() == ("generic", "self-test")


def test_unknown_script_names_the_known_ones():
    """A script that does not exist is refused, and the built-in ones are listed."""
    with pytest.raises(ConfigurationError) as caught:
        load_script("nope")
    assert str(caught.value) == (
        "There is no script 'nope': it is neither a file nor a built-in script. "
        "Use the path of a YAML file, or one of script:generic, script:self-test."
    )


def test_a_file_is_read_from_its_path(tmp_path):
    """A path is a script too, with or without a byte order mark, and is called by its file name."""
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbfreplies:\n- reply: hello\n")
    assert load_script(str(path)).name == "mine.yaml"


def test_a_file_that_is_no_text_is_refused(tmp_path):
    """Bytes that are not UTF-8 are refused by name."""
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"mine.yaml is not UTF-8 text. Save it as UTF-8."):
        load_script(str(path))
