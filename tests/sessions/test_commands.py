"""The commands as a person or an agent types them: text, JSON, exit codes, and what goes wrong."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from fleet_rlm.errors import UsageError
from fleet_rlm.sessions.records import check_name, name_for

from .box import COMMAND, left

VARYING = re.compile(r'("(?:seconds|started|at|idle_seconds)": )[\d.]+')
NOTICE = "No language model was asked: every answer came from the script 'script.yaml'.\n"
CONFINEMENT = re.compile(r'("confinement": )"[^"]+"')
MARKED = re.compile(r"\\n[ ~^]+\\n")  # where in the line; Python 3.10 does not say
WHEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.fixture
def texts(box):
    """Two small files."""
    (box.folder / "docs").mkdir()
    (box.folder / "docs" / "a.md").write_text("alpha\nbeta\n")
    (box.folder / "docs" / "b.md").write_text("gamma\n")
    return box.folder / "docs"


def shown(box, ended) -> str:
    """A command's JSON without what differs from run to run."""
    text = VARYING.sub(r"\1…", ended.out.replace(str(box.folder), "FOLDER"))
    text = WHEN.sub("WHEN", MARKED.sub(r"\\n", CONFINEMENT.sub(r'\1"…"', text)))
    return re.sub("y{9,}", "yyy…", text)


def test_every_answer_as_json(box, texts, snapshot, script):
    """With --json each command prints exactly one object, and the one that was read and accepted."""
    model = script("replies:\n- {when: 'gamma', reply: 'gamma is a letter'}\n- {reply: NOTHING}\n")
    commands = [
        (("start", "s", "--sub-model", model, "--output", "count:int", "--output", "note"), ""),
        (("load", "docs"), ""),
        (("exec",), "print('hello')\nn = 3"),
        (("exec", "--timeout", 9), "SUBMIT(n, note='three')"),
        (("exec",), "1/0"),
        (("exec",), "x = ("),
        (("vars",), ""),
        (("answer",), ""),
        (("ask", "Which letters?", "--chunk-chars", 20), ""),
        (("save", "n", "--to", "out"), ""),
        (("exec",), "print('y' * 9_500)"),
        (("output",), ""),
        (("list",), ""),
        (("stop",), ""),
        (("list",), ""),
        (("stop", "--all"), ""),
        (("vars",), ""),
    ]
    said = []
    for arguments, stdin in commands:
        ended = box(*arguments, "--json", stdin=stdin)
        assert ended.err in ("", NOTICE)
        assert ended.out.count("\n") == 1
        said.append(f"{arguments[0]}: {ended.code} {shown(box, ended)}")
    assert snapshot == "".join(said)


def test_text(box, texts):
    """Without --json data is on stdout and all talk on stderr; how to get the rest is said with its step."""
    loaded = box("load", "docs", "--as", "notes")
    assert (loaded.code, loaded.out.splitlines()[0]) == (0, "session work (started)")
    assert re.search(
        r"^notes +str +[\d,]+ chars\nnotes_documents +documents +2 texts$", loaded.out, re.MULTILINE
    )
    done = box("exec", stdin="print('out')\nimport sys; print('err', file=sys.stderr)\n6 * 7")
    assert (done.code, done.out, done.err) == (0, "out\nerr\n42\n", "")
    failed = box("exec", stdin="print('before')\nundefined")
    assert (failed.code, failed.out) == (1, "before\n")
    assert failed.err.startswith("Traceback")
    assert failed.err.endswith("NameError: name 'undefined' is not defined\n")
    cut = box("exec", stdin="print('z' * 20_000)")
    assert len(cut.out) < 12_000
    assert cut.err == "(All of it: fleet-rlm session output 3 -s work)\n"
    assert box("output", 3, "-s", "work").out == "z" * 20_000 + "\n"
    submitted = box("exec", stdin="SUBMIT('the answer')")
    assert (submitted.out, "session answer" in submitted.err) == ("", True)
    assert box("answer").out == "the answer\n"
    assert "3 steps" not in box("list").out
    assert "work" in box("list").out
    assert box("stop").out == "stopped: work\n"
    assert re.search(r"work +ended +local +it was stopped", box("list").out)


def test_code_from_a_file(box):
    """Code is read from a file that is named; one that is not there, or no text, is an error of use."""
    box.start("f")
    (box.folder / "code.py").write_text("print('from a file', '\N{GREEK SMALL LETTER PI}')")
    (box.folder / "bad.py").write_bytes(b"print('\xff\xfe')")
    assert box("exec", "code.py").out == "from a file \N{GREEK SMALL LETTER PI}\n"
    assert box("exec", "missing.py").code == 2
    assert "is not UTF-8" in box("exec", "bad.py").err


def test_submit_is_checked(box):
    """SUBMIT takes the fields that the session was started with; anything else is an error in the code."""
    handle = box.start("fields", fields=(("count", "int"), ("names", "list[str]")))
    wrong = handle.execute("SUBMIT(1)")
    assert (wrong["outcome"], "TypeError" in wrong["error"]) == ("error", True)
    good = handle.execute("SUBMIT(names=['a'], count=2)")
    assert good["answer"] == {"count": 2, "names": ["a"]}
    assert handle.execute("SUBMIT(1, 2, 3)")["outcome"] == "error"
    assert handle.answer()["answer"] == {"count": 2, "names": ["a"]}


def test_loading(box, texts):
    """Standard input, one file, globs and folders; a second load replaces the first, its mapping included."""
    handle = box.start("l")
    assert handle.load(["-"], stdin=b"from stdin")["documents"] == ["<stdin>"]
    assert handle.execute("print(document)")["output"] == "from stdin\n"
    handle.load(["docs"])
    assert handle.execute("print(len(documents), 'gamma' in document)")["output"] == "2 True\n"
    handle.load(["docs/*.md", "-"], stdin=b"more", name="other")
    assert handle.execute("print(len(other_documents), len(documents))")["output"] == "3 2\n"
    handle.load(["docs/a.md"])
    assert (
        handle.execute("print(document.strip()[-4:], 'documents' in globals())")["output"] == "beta False\n"
    )


def test_loading_by_command(box, texts):
    """`-` is the command's standard input; a failed load that started a session leaves none."""
    for bad, code in (("missing.txt", 5), ("/bin/ls", 5)):
        assert box("load", bad).code == code
        assert [one["state"] for one in box.sessions.all() if one["state"] != "ended"] == []
    loaded = box("load", "-", "docs/a.md", "--json", stdin="typed\n")
    assert loaded.json["started"]
    assert [row["name"] for row in loaded.json["variables"]] == ["document", "documents"]
    for name in ("class", "1x", "_hidden", "a-b", "a b", ""):
        assert box("load", "docs", "--as", name).code == 2
    assert box("load", "missing.txt").code == 5
    assert box("exec", stdin="print('typed' in document)").out == "True\n"


def test_names_that_code_would_not_see(box, texts):
    """What code finds tools under, and what Python reads as another name, is no name for a variable."""
    handle = box.start("names")
    for name in ("llm_query", "llm_query_batched", "budget", "SUBMIT"):
        refused = box("load", "docs", "--as", name)
        assert (refused.code, f"'{name}'" in refused.err) == (2, True)
    ligature = "\N{LATIN SMALL LIGATURE FI}le"
    refused = box("load", "docs", "--as", ligature)
    assert (refused.code, "'file'" in refused.err) == (2, True)
    assert box("save", ligature, "--to", "out").code == 2
    assert box("ask", "Why?", "--of", "document", "--save-as", "llm_query").code == 2
    assert handle.variables()["variables"] == []


def test_a_helpers_name_is_a_name_as_any_other(box, texts):
    """A text that takes the place of a helper is at hand, also after its worker was replaced."""
    handle = box.start("helpers")
    for name in ("grep", "peek", "get_output", "documents"):
        assert box("load", "docs", "--as", name).code == 0
    code = "print(*(type(one).__name__ for one in (grep, peek, get_output, documents, grep_documents)))"
    assert handle.execute(code)["output"] == "str str str str _Documents\n"
    assert handle.execute("import os; os._exit(1)")["outcome"] == "lost"
    assert handle.execute(code)["output"] == "str str str str _Documents\n"


def test_a_text_whose_name_a_mapping_took_is_gone(box, texts):
    """It does not come back with a fresh worker, once the mapping has gone as well."""
    handle = box.start("took")
    handle.load(["docs/a.md"], name="documents")
    handle.load(["docs"])
    handle.load(["docs/a.md"])
    assert [row["name"] for row in handle.variables()["variables"]] == ["document"]
    assert handle.execute("import os; os._exit(1)")["outcome"] == "lost"
    assert [row["name"] for row in handle.variables()["variables"]] == ["document"]


def test_saving(box):
    """A text is one file, texts one each, all else JSON; what is there already is not replaced unasked."""
    handle = box.start("save")
    handle.execute(
        "text = 'a\\r\\nb'; texts = ['x', 'y']; data = {'k': [1, None]}; chunks = [{'content': 'c'}]"
    )
    for variable, files in {"text": ["text.txt"], "texts": ["texts-0000.txt", "texts-0001.txt"],
                            "data": ["data.json"], "chunks": ["chunks-0000.txt"]}.items():  # fmt: skip
        saved = handle.save(variable, str(box.folder / "out"))
        assert [path.rpartition("/")[2] for path in saved["files"]] == files
    assert (box.folder / "out/text.txt").read_bytes() == b"a\r\nb"
    assert json.loads((box.folder / "out/data.json").read_text()) == {"k": [1, None]}
    assert box("save", "texts", "--to", "out").code == 2
    handle.execute("texts = ['z']")
    assert box("save", "texts", "--to", "out", "--replace").code == 0
    assert sorted(path.name for path in (box.folder / "out").glob("texts*")) == ["texts-0000.txt"]
    assert box("save", "nothing", "--to", "out").code == 2
    nowhere = box("save", "text", "--to", "")
    assert (nowhere.code, "empty" in nowhere.err) == (2, True)
    assert list(box.folder.glob("*.txt")) == []
    handle.execute("thing = object()")
    assert "TypeError" in box("save", "thing", "--to", "out").err


def test_which_session(box, monkeypatch):
    """The one that is named, by flag or variable; else the only one of this folder; else an error that names them."""
    (box.folder / "elsewhere").mkdir()
    box.start("here")
    monkeypatch.chdir(box.folder / "elsewhere")
    assert (9, "here (" in box("vars").err) == (box("vars").code, True)
    assert box("vars", "-s", "here").code == 0
    assert box("vars", env={"FLEET_RLM_SESSION": "here"}).code == 0
    box.start("one")
    assert box("vars", "--json").json["session"] == "one"
    box.start("two")
    several = box("vars")
    assert (several.code, "one (" in several.err, "two (" in several.err, "here (" in several.err) == (
        9, True, True, False,
    )  # fmt: skip
    assert box("vars", "-s", "nobody").code == 9
    assert sorted(box("stop", "--all", "--json").json["stopped"]) == ["here", "one", "two"]
    assert "one ended at" in box("vars", "-s", "one").err


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "-x", "x" * 64, "é", "a b", ""])
def test_names_that_are_refused(name):
    """A name is a plain one: it becomes a folder's."""
    with pytest.raises(UsageError, match="cannot be the name"):
        check_name(name)


def test_names_from_folders(box, tmp_path, monkeypatch):
    """A session is named after its folder, whatever that is called, and numbered if that name runs."""
    assert [name_for(path) for path in ("/x/My Project", "/x/.conf", "/", "/x/日本", "/x/" + "l" * 80)] == [
        "My-Project", "conf", "session", "session", "l" * 40,
    ]  # fmt: skip
    assert [box.start().name for _ in range(2)] == ["work", "work-2"]
    (tmp_path / "more" / "work").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "more" / "work")
    assert box.start().name == "work-3"


def test_a_link_to_the_folder_is_the_folder(box, tmp_path, monkeypatch):
    """A session is found from its folder also where that is reached through a link."""
    handle = box.start()
    (tmp_path / "link").symlink_to(box.folder)
    monkeypatch.chdir(tmp_path / "link")
    assert box.sessions.find().name == handle.name


def test_start_refuses(box):
    """What cannot be started is refused with the exit code of its kind, and nothing is left of it."""
    assert box("start", "a/b").code == 2
    assert box("start", "--sandbox", "trusted", "--memory", "1G").code == 2
    assert box("start", "--output", "no-name:int").code == 2
    assert box("start", env={"FLEET_RLM_CONFINEMENT": "nonsense"}).code == 4
    assert box.sessions.all() == []
    box.start("same")
    again = box("start", "same")
    assert (again.code, "running already" in again.err) == (9, True)


def test_nothing_yet(box):
    """Before anything was submitted, printed or started, the commands say so."""
    assert "Start one" in box("vars").err
    assert box("list").out == "No session is running.\n"
    assert (box("stop").code, box("stop", "--all").code) == (9, 0)
    handle = box.start()
    assert "Nothing has been submitted" in box("answer").err
    assert "not kept" in box("output").err
    assert handle.variables()["variables"] == []


def test_code_cannot_break_the_look_at_it(box):
    """Whatever code names its variables, or does to builtins, `vars` and `save` go on working."""
    handle = box.start()
    handle.execute(
        "SUBMIT = len = str = list = 3\nclass Odd(dict):\n    def __len__(self): raise SystemExit\nodd = Odd()\n"
        "text = 'still here'\nimport builtins; builtins.globals = None; del builtins.isinstance"
    )
    assert "text" in [row["name"] for row in handle.variables()["variables"]]
    assert handle.save("text", "out")["bytes"] == 10


def test_a_stopped_name_can_be_started_anew(box):
    """A name is free as soon as its session has ended."""
    first = box.start("again")
    first.execute("x = 1")
    family = box.family(first)
    first.stop()
    second = box.start("again")
    assert second.execute("print('x' in globals())")["output"] == "False\n"
    assert left(family) == []


def test_a_relative_home(box, monkeypatch):
    """A home named relative to the folder is that one for the session's process as well."""
    monkeypatch.setenv("FLEET_RLM_HOME", "../home")
    handle = box.start("relative")
    assert handle.execute("print(1)")["output"] == "1\n"
    assert box.session_folder("relative").is_dir()
    handle.stop()


def test_closed_standard_input(box):
    """Code or text from a standard input that is closed is refused in a sentence."""
    box.start("k")
    for command in ("session exec", "session load -"):
        done = subprocess.run(
            ["sh", "-c", f"{COMMAND} {command} <&-"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr.startswith("Error: Standard input is closed.")
