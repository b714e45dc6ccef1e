"""Which files a source stands for."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_rlm.documents.finding import find
from fleet_rlm.documents.ignoring import parse_rules
from fleet_rlm.documents.model import Reason, display
from fleet_rlm.documents.patterns import parse_pattern, split_pattern
from fleet_rlm.errors import DocumentError


def names(*sources):
    """Return the names of what is found."""
    return [candidate.name for candidate in find([str(source) for source in sources]).candidates]


def left_out(*sources):
    """Return what is left out and why."""
    return {entry.name: entry.reason for entry in find([str(source) for source in sources]).skipped}


def test_a_folder_is_read_recursively_and_in_order(tree):
    """Names are relative to the folder, sorted component by component."""
    folder = tree({"b.txt": "", "a/z.txt": "", "a/b/c.txt": "", "a.txt": "", "B.txt": ""})

    assert names(folder) == ["B.txt", "a/b/c.txt", "a/z.txt", "a.txt", "b.txt"]


def test_a_file_counts_once(tree):
    """Naming a file directly, by its folder, by a pattern and by a link finds it once."""
    folder = tree({"a.txt": "", "sub/b.txt": ""})
    (folder.parent / "link").symlink_to(folder)

    assert names(folder / "a.txt", folder, folder / "**/*.txt", folder / "sub/../a.txt") == [
        "a.txt",
        "sub/b.txt",
    ]
    assert len(names(folder, folder.parent / "link")) == 2


def test_names_are_relative_to_what_sources_share(tree):
    """Several sources keep as much of their paths as tells them apart."""
    tree({"logs/a.txt": "", "notes/a.txt": "", "readme": ""})
    folder = tree({})

    assert names(folder / "logs", folder / "notes", folder / "readme") == [
        "logs/a.txt",
        "notes/a.txt",
        "readme",
    ]
    assert names(folder / "logs/a.txt") == ["a.txt"]


def test_hidden_and_installed_are_left_out(tree):
    """Hidden names (where secrets live), node_modules, caches and virtual environments are not read."""
    folder = tree(
        {
            ".env": "KEY=1",
            ".git/config": "",
            "node_modules/x/index.js": "",
            "__pycache__/m.pyc": "",
            "env/pyvenv.cfg": "",
            "env/lib.py": "",
            "kept.py": "",
        }
    )

    assert names(folder) == ["kept.py"]
    assert left_out(folder) == {
        ".env": Reason.HIDDEN,
        ".git/": Reason.HIDDEN,
        "__pycache__/": Reason.IGNORED,
        "env/": Reason.INSTALLED,
        "node_modules/": Reason.INSTALLED,
    }


def test_what_is_named_is_read(tree):
    """Ignored and hidden files and folders are found when the user names them."""
    folder = tree(
        {".gitignore": "*.log\nbuild/\n", "x.log": "", ".env": "", "build/out.txt": "", ".ci/run": ""}
    )
    (folder / ".git").mkdir()

    assert names(folder / "x.log", folder / ".env") == ["x.log", ".env"]
    assert names(folder / "build") == ["out.txt"]
    assert names(folder / ".ci") == ["run"]


def test_ignore_files_agree_with_git(tree):
    """Nested ignore files, negations and anchors select the files that git itself would track."""
    folder = tree(
        {
            ".gitignore": "*.log\n!keep.log\n/top.txt\nout/\n# comment\n\\#odd\nsub/*.tmp\nsp ace\n",
            "a.log": "",
            "keep.log": "",
            "top.txt": "",
            "#odd": "",
            "sp ace": "",
            "out/x.txt": "",
            "deep/.gitignore": "!a.log\n*.md\n!/only.md\n",
            "deep/a.log": "",
            "deep/b.log": "",
            "deep/top.txt": "",
            "deep/c.md": "",
            "deep/only.md": "",
            "deep/er/only.md": "",
            "deep/out/y.txt": "",
            "sub/t.tmp": "",
            "sub/er/t.tmp": "",
        }
    )
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(folder), "ls-files", "-z", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    expected = {name for name in listed if name and not name.endswith(".gitignore")}

    assert expected == set(names(folder))
    assert {name for name in expected if name.startswith("deep/")} == {
        f"deep/{name}" for name in names(folder / "deep")
    }


def test_a_nested_repository_has_its_own_rules(tree):
    """The rules of a repository around another one end where the inner one begins."""
    folder = tree({".gitignore": "*.txt\n", ".git/HEAD": "", "inner/.git/HEAD": "", "inner/a.txt": ""})

    assert names(folder / "inner") == ["a.txt"]


def test_what_is_named_is_not_left_out(tree):
    """A file that its folder leaves out and the user names is found, and not among what was left out."""
    folder = tree({".gitignore": "*.log\n", "x.log": "", "a.txt": ""})

    assert names(folder, folder / "x.log") == ["a.txt", "x.log"]
    assert left_out(folder, folder / "x.log") == {".gitignore": Reason.HIDDEN}


def test_a_line_that_is_no_pattern_is_passed_over():
    """One bad line of an ignore file does not switch off the others."""
    assert parse_rules("*.log\n!\n").match_file("a.log")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", ["top.md"]),
        ("**/*.md", ["a/b/deep.md", "a/mid.md", "top.md"]),
        ("a/*", ["mid.md"]),
        ("a/**", ["b/deep.md", "b/deep.txt", "mid.md"]),
        ("**/b/*.t?t", ["a/b/deep.txt"]),
        ("[!t]*/**/deep.*", ["a/b/deep.md", "a/b/deep.txt"]),
        (".h*/*", [".hidden/x.md"]),
        ("./**/b/**/*.md", ["a/b/deep.md"]),
    ],
)
def test_patterns(tree, monkeypatch, pattern, expected):
    """Patterns work as in a shell with globstar: a dot has to be asked for, and only files match."""
    folder = tree(
        {
            "top.md": "",
            "a/mid.md": "",
            "a/b/deep.md": "",
            "a/b/deep.txt": "",
            ".hidden/x.md": "",
            ".dot.md": "",
        }
    )
    monkeypatch.chdir(folder)

    assert expected == names(pattern)


def test_a_pattern_enters_no_folder_in_vain():
    """Folders that cannot hold a match are not walked."""
    pattern = parse_pattern("src/*/x.py")
    inside = pattern.advance(pattern.advance(pattern.start(), "src"), "pkg")

    assert not pattern.enters(pattern.advance(pattern.start(), "docs"))
    assert pattern.enters(inside)
    assert not pattern.enters(pattern.advance(inside, "x.py"))


def test_a_name_with_wildcards_is_itself_first(tree):
    """A file whose name looks like a pattern can be named."""
    folder = tree({"a[1].txt": "", "a1.txt": ""})

    assert names(folder / "a[1].txt") == ["a[1].txt"]


@given(st.lists(st.sampled_from(["a", "b*", "**", "[x]"]), min_size=1, max_size=5), st.booleans())
def test_a_pattern_splits_at_its_first_wildcard(parts, absolute):
    """Base folder and pattern together are the source again."""
    source = "/" * absolute + "/".join(parts)
    split = split_pattern(source)

    if split is None:
        assert {"a"} == set(parts)
    else:
        base, pattern = split
        assert source in {f"{base}/{pattern}", f"{base}{pattern}", pattern}
        assert not set("*[") & set(base)


def test_links_in_a_folder_are_not_followed(tree, tmp_path):
    """Loops end, and a link cannot bring in a file from elsewhere; a link that is named is read."""
    folder = tree({"a.txt": "a", "sub/b.txt": "b"})
    outside = tmp_path / "secret.txt"
    outside.write_text("secret")
    (folder / "sub/loop").symlink_to(folder)
    (folder / "leak.txt").symlink_to(outside)
    (folder / "dangling").symlink_to("nowhere")

    assert names(folder) == ["a.txt", "sub/b.txt"]
    assert left_out(folder) == {"sub/loop": Reason.LINK, "leak.txt": Reason.LINK, "dangling": Reason.LINK}
    assert names(folder / "leak.txt") == ["leak.txt"]


def test_special_files_are_left_out_of_folders(tree):
    """Pipes and sockets in a folder are named, never opened."""
    folder = tree({"a.txt": ""})
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "sock"))

        assert names(folder) == ["a.txt"]
        assert left_out(folder) == {"pipe": Reason.SPECIAL, "sock": Reason.SPECIAL}


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("missing.txt", "missing.txt does not exist. Check the path."),
        ("https://example.org/a", "https://example.org/a does not exist. Download it first."),
        ("*.none", "No file matches *.none."),
        ("nowhere/*.md", "No file matches nowhere/*.md."),
        ("empty", "The folder empty holds no documents. Name the files themselves."),
        ("hidden", "The folder hidden holds no documents (left out: 1 hidden). Name the files themselves."),
        ("pipe", "pipe is a named pipe, not a file."),
        ("/dev/null", "/dev/null is a device, not a file."),
        ("a\0b", "cannot be read"),
    ],
)
def test_what_is_not_there_is_an_error(tree, monkeypatch, source, sentence):
    """A source that stands for nothing is named, with what to do."""
    monkeypatch.chdir(tree({}))
    Path("empty").mkdir()
    Path("hidden").mkdir()
    Path("hidden/.env").touch()
    os.mkfifo("pipe")

    with pytest.raises(DocumentError) as caught:
        find([source])
    assert sentence in str(caught.value)
    assert caught.value.remedy


def test_odd_names_are_shown_in_one_line(tmp_path):
    """Names with newlines or undecodable bytes are escaped, and stay apart when that makes them equal."""
    for name in (b"a\nb", b"a\\nb", b"\xff.txt"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")

    assert sorted([r"a\nb", r"a\nb (2)", r"\xff.txt"]) == sorted(names(tmp_path))
    assert display("\x1b[31m") == r"\x1b[31m"


def test_a_deep_folder_is_walked(tmp_path):
    """Depth is no recursion."""
    where = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(1200):
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(where)
    (tmp_path / "top.txt").write_text("x")

    try:
        assert names(tmp_path) == ["top.txt"]
    finally:
        subprocess.run(["rm", "-r", str(tmp_path / "d")], check=True)  # shutil.rmtree recurses


def test_permissions_of_folders(ordinary_user):
    """A folder that may not be listed is named, as an error if it was asked for."""
    (ordinary_user / "a.txt").write_text("a")
    (ordinary_user / "locked").mkdir(mode=0o000)
    try:
        assert names(ordinary_user) == ["a.txt"]
        assert left_out(ordinary_user) == {"locked/": Reason.UNREADABLE}
        with pytest.raises(DocumentError, match="cannot be listed: Permission denied"):
            find([str(ordinary_user / "locked")])
    finally:
        (ordinary_user / "locked").chmod(0o700)


@pytest.mark.parametrize("beside", [False, True])
def test_a_path_that_is_too_long(tree, monkeypatch, beside):
    """What lies deeper than the system can name is not read, and that is what is said."""
    folder = tree({"a.txt": "a"} if beside else {})
    monkeypatch.chdir(folder)
    deep = Path("d" * 200)
    for _ in range(21):
        deep.mkdir()
        os.chdir(deep)
    Path("file.txt").touch()
    os.chdir(folder)

    if beside:
        assert set(left_out(folder).values()) == {Reason.UNREADABLE}
        return
    with pytest.raises(DocumentError) as caught:
        names(folder)
    said = str(caught.value)
    assert "holds no documents (left out: 1 unreadable). The folder dddd" in said
    assert said.endswith("cannot be listed: File name too long. Move it to where its path is shorter.")
    assert len(said) < 600
