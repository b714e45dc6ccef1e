"""From sources to one text with its parts, and what the user is told."""

import io
import os
import pty
import threading
import tracemalloc
from pathlib import Path

import pytest

from fleet_rlm.documents import Reason, load
from fleet_rlm.documents.memory import available_bytes, cgroup_limit, parse_meminfo
from fleet_rlm.errors import DocumentError, UsageError


def loaded(*sources, **options):
    """Load paths."""
    return load([str(source) for source in sources], **options)


def refused(*sources, **options):
    """Return the sentence with which loading ends, after checking that it comes with a remedy."""
    with pytest.raises(DocumentError) as caught:
        loaded(*sources, **options)
    assert caught.value.remedy
    return str(caught.value)


def pipe_of(data):
    """Return the reading end of a pipe into which a thread writes ``data``."""
    reading, writing = os.pipe()

    def write():
        with os.fdopen(writing, "wb") as stream:
            stream.write(data)

    threading.Thread(target=write, daemon=True).start()
    return os.fdopen(reading, "rb")


def test_one_file_is_exactly_its_text(tree):
    """A single file gives its text, newlines as they are, without any separator."""
    text = "one\r\ntwo\rthree\n\nfünf 😀"
    docs = loaded(tree({"a.txt": text}) / "a.txt")

    assert text == docs.text
    assert {"a.txt": text} == dict(docs.documents)
    assert (4, len(text), len(text.encode())) == (docs.lines, docs.chars, docs.size)
    assert docs.warnings == ()


def test_several_files_stand_under_their_names(tree):
    """Each text begins under a line with its name, on a line of its own; spans give it back exactly."""
    folder = tree({"a.txt": "no newline", "b/c.txt": "with\n", "d.txt": ""})
    docs = loaded(folder)

    assert docs.text == (
        "===== document: a.txt =====\nno newline\n"
        "===== document: b/c.txt =====\nwith\n"
        "===== document: d.txt =====\n"
    )
    assert dict(docs.documents) == {"a.txt": "no newline", "b/c.txt": "with\n", "d.txt": ""}
    assert {name: docs.text[start:end] for name, (start, end) in docs.spans.items()} == dict(docs.documents)
    assert list(docs.documents) == ["a.txt", "b/c.txt", "d.txt"]
    assert docs.lines == 5


def test_the_same_folder_gives_the_same_text(tree):
    """Loading is deterministic."""
    folder = tree({f"{name}.txt": name for name in "zyxwabc"})

    assert loaded(folder) == loaded(folder)


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("utf-8", b"\xef\xbb\xbf" + "naïve — 日本\r\n".encode()),
        ("utf-16-le", "naïve — 日本\r\n".encode("utf-16")),
        ("utf-16-be", b"\xfe\xff" + "naïve — 日本\r\n".encode("utf-16-be")),
        ("utf-32-le", "naïve — 日本\r\n".encode("utf-32")),
    ],
)
def test_marked_encodings(tree, encoding, data):
    """A byte order mark decides the encoding and is no part of the text."""
    docs = loaded(tree({"a.txt": data}) / "a.txt")

    assert docs.text == "naïve — 日本\r\n"
    assert (encoding, len(data), 0) == (docs.sources[0].encoding, docs.size, len(docs.warnings))


def test_latin_1_is_detected_and_said(tree):
    """Text that is not UTF-8 is read as Windows-1252, and a warning says that this is a guess."""
    docs = loaded(tree({"a.txt": "Señor Muñoz".encode("latin-1")}) / "a.txt")

    assert docs.text == "Señor Muñoz"
    assert docs.warnings == ("Not UTF-8, read as Latin-1 (windows-1252) by guess: a.txt.",)


def test_damage_is_said(tree):
    """Bytes that cannot be decoded stand in the text as escapes, and a warning says how many and where."""
    docs = loaded(tree({"a.log": "日本\n".encode() + b"\xff\n"}) / "a.log")

    assert docs.text == "日本\n\\xff\n"
    assert docs.warnings == (
        "UTF-8 but for some bytes, which read \\xNN in the text: a.log (1, first at offset 7).",
    )


def test_an_encoding_can_be_given(tree):
    """Detection can be overruled, by any of Python's text codecs."""
    folder = tree({"a.txt": "Привет".encode("cp1251"), "b.txt": "Привет".encode("utf-16-le")})

    assert loaded(folder / "a.txt", encoding="cp1251").text == "Привет"
    assert loaded(folder / "b.txt", encoding="UTF-16LE").text == "Привет"
    assert "a.txt is not valid ascii: byte 0 does not decode." in refused(folder / "a.txt", encoding="ascii")


@pytest.mark.parametrize("encoding", ["klingon", "hex", "undefined", "a\0b"])
def test_an_encoding_has_to_exist(tree, encoding):
    """An unknown or non-text codec is a usage error."""
    with pytest.raises(UsageError, match="is not a text encoding"):
        loaded(tree({"a": "x"}), encoding=encoding)


@pytest.mark.parametrize("sources", [[], [""]])
def test_something_has_to_be_named(sources):
    """No source is a usage error."""
    with pytest.raises(UsageError, match="No document was named"):
        load(sources)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x7fELF\x02\x01", "is not text but an ELF program."),
        (b"a\x00b", "is not text but binary data."),
        (b"\x1f\x8b\x08", "is not text but gzip-compressed. Decompress it"),
        (b"PK\x05\x06" + bytes(18), "is not text but a zip archive. Unpack it"),
        (b"PK\x03\x04 cut off", "cannot be converted to text: it is a damaged zip file"),
        (b"\xff\xfea\x00\x00\xdc", "is not valid utf-16-le: byte 4 does not decode. Convert it"),
        (b"\xff\xfea\x00b", "is not valid utf-16-le: byte 4 does not decode."),
        (b"", "is empty. Name a document with text in it."),
    ],
)
def test_a_named_file_that_is_no_text_is_refused(tree, data, sentence):
    """What the user named and cannot be read ends the load, with its name, the reason and a remedy."""
    path = tree({"file": data}) / "file"

    assert f"{path} {sentence}" in refused(path)


def test_in_a_folder_it_is_left_out_and_said(tree):
    """One bad file in a folder costs only itself, and is named with what can be done."""
    folder = tree(
        {"a.txt": "text", "b.bin": b"\0\1", "c.bin": b"\0\2", "d.gz": b"\x1f\x8b", "e.txt": b"\xff\xfea"}
    )
    docs = loaded(folder)

    assert docs.text == "text"
    assert [skipped.name for skipped in docs.skipped] == ["b.bin", "c.bin", "d.gz", "e.txt"]
    assert docs.warnings == (
        "Left out (binary): b.bin, c.bin, d.gz.",
        (
            "Left out: e.txt is not valid utf-16-le: byte 2 does not decode. "
            "Convert it to UTF-8 first, for instance with iconv."
        ),
    )
    assert docs.describe() == ("1 document, 0.0 MB, 4 characters, 1 lines; left out: 3 binary, 1 undecodable")


def test_named_beside_its_folder_it_is_refused(tree):
    """A binary file that is found in a folder and named as well is an error."""
    folder = tree({"a.txt": "text", "b.bin": b"\0"})

    assert "b.bin is not text" in refused(folder, folder / "b.bin")


def test_a_file_that_fails_late_leaves_no_trace(tree):
    """What a large file gave before it turned out to be undecodable is taken back."""
    wide = "a".encode("utf-16-le") * (5 << 20)
    folder = tree({"a.txt": "first", "b.txt": b"\xff\xfe" + wide + b"\x00", "c.txt": "last"})
    docs = loaded(folder)

    assert docs.text == "===== document: a.txt =====\nfirst\n===== document: c.txt =====\nlast"
    assert dict(docs.documents) == {"a.txt": "first", "c.txt": "last"}
    assert [skipped.reason for skipped in docs.skipped] == [Reason.UNDECODABLE]


def test_a_folder_without_text(tree):
    """If nothing in a folder can be read the error says so, with one of the reasons."""
    assert "None of the 2 files could be read as text. b is not text" in refused(
        tree({"a": b"\0", "b": b"\0"})
    )
    assert "All 2 documents are empty." in refused(tree({"a": "", "b": ""}, root="empties"))


def test_an_empty_file_among_others_is_said(tree):
    """A named empty file is no error while there is something to read."""
    folder = tree({"a.txt": "", "b.txt": "b"})

    assert loaded(folder / "a.txt", folder / "b.txt").warnings == ("Empty: a.txt.",)


def test_a_link_that_leads_out_is_said(tree, tmp_path):
    """A link out of the folder is not followed, and a warning says so; one inside is no news."""
    (tmp_path / "other").write_text("x")
    folder = tree({"a.txt": "text"})
    (folder / "out").symlink_to(tmp_path / "other")
    (folder / "in").symlink_to("a.txt")
    (folder / "self").symlink_to("../tree")

    assert loaded(folder).warnings == ("Left out: out is a link that leads out of the folder.",)


def test_a_link_to_nothing_is_said(tree):
    """A link that leads nowhere may have been meant as a document."""
    folder = tree({"a.txt": "text"})
    (folder / "gone").symlink_to("nowhere")
    (folder / "round").symlink_to("round")

    assert loaded(folder).warnings == ("Left out (symbolic link): gone, round.",)
    (folder / "round").unlink()
    assert loaded(folder).warnings == ("Left out: gone is a link to nothing.",)


def test_installed_packages_are_said(tree):
    """A folder that holds what a tool has installed is left out by a rule of ours, so it is said."""
    folder = tree({"a.txt": "text", "node_modules/m.js": "", "__pycache__/a.pyc": ""})

    said = "Left out: node_modules/ holds installed packages. Name a folder itself to read it."
    assert loaded(folder).warnings == (said,)
    assert loaded(folder).left_out == "1 ignored, 1 installed packages"


def test_a_small_binary_file_is_refused(tree):
    """Random bytes without a zero are no Latin-1."""
    noise = bytes(range(1, 256))[::-3]
    assert "noise is not text but binary data." in refused(tree({"noise": noise}) / "noise")
    assert "left out" not in " ".join(loaded(tree({"a.txt": "text"}, root="plain")).warnings)


def test_permissions(ordinary_user):
    """A file that may not be read is an error if it was named, a warning in a folder."""
    (ordinary_user / "a.txt").write_text("text")
    (ordinary_user / "b.txt").write_text("secret")
    (ordinary_user / "b.txt").chmod(0)

    assert "b.txt cannot be read: Permission denied. Check that" in refused(ordinary_user / "b.txt")
    assert loaded(ordinary_user).warnings[0].startswith("Left out: b.txt cannot be read: Permission denied.")


def test_a_file_that_fails_while_it_is_read():
    """An input error of a regular file is a sentence, not a traceback."""
    memory_of_this_process = "/proc/self/mem"  # reading its first page is an input/output error
    if not Path(memory_of_this_process).exists():
        pytest.skip("needs /proc")

    assert "/proc/self/mem cannot be read: Input/output error." in refused(memory_of_this_process)


def test_a_size_that_lies():
    """A file is read to its end, whatever size the file system announced."""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")

    assert "VmRSS" in loaded("/proc/self/status").text


def test_a_file_that_vanishes(tree):
    """A file that is gone when its turn comes is left out of the folder, and said."""
    folder = tree({"a.txt": "a", "b.txt": "b"})

    def remove_b(_done, _total):
        (folder / "b.txt").unlink(missing_ok=True)

    docs = loaded(folder, on_progress=remove_b)

    assert docs.text == "a"
    assert "b.txt cannot be read: No such file or directory." in docs.warnings[0]


def test_standard_input():
    """``-`` reads a pipe to its end, once, in any encoding, and its name is <stdin>."""
    text = "día\n" * 100_000
    docs = load(["-", "-", "/dev/stdin"], stdin=pipe_of(text.encode("latin-1")))

    assert text == docs.text
    assert ("<stdin>", None, "windows-1252", len(text)) == (
        docs.sources[0].name,
        docs.sources[0].path,
        docs.sources[0].encoding,
        docs.size,
    )


def test_standard_input_that_does_not_block():
    """A pipe in non-blocking mode, as some parents hand over, is waited for and read whole."""
    stream = pipe_of(b"x" * 3_000_000)
    os.set_blocking(stream.fileno(), False)

    assert load(["-"], stdin=stream).chars == 3_000_000


def test_standard_input_that_comes_in_drops():
    """What a stream is gets judged by its beginning, not by the first bytes that happened to arrive."""
    reading, writing = os.pipe()
    drops = [b"\xfe", b"d\x00o\x00c\x00", b""]
    os.write(writing, b"\xff")

    def next_drop(_done, _total):
        drop = drops.pop(0)
        os.write(writing, drop) if drop else os.close(writing)

    with os.fdopen(reading, "rb", buffering=0) as stream:
        assert load(["-"], stdin=stream, on_progress=next_drop).text == "doc"


def test_progress_of_a_redirected_file(tree):
    """Standard input from a file has a length from the start."""
    seen = []
    with (tree({"a.txt": "x" * 5_000_000}) / "a.txt").open("rb") as stream:
        load(["-"], stdin=stream, on_progress=lambda *now: seen.append(now))

    assert {total for _, total in seen} == {5_000_000}


def test_standard_input_beside_files(tree):
    """Standard input is one document among others."""
    docs = load(["-", str(tree({"a.txt": "file"}))], stdin=pipe_of(b"piped"))

    assert dict(docs.documents) == {"<stdin>": "piped", "a.txt": "file"}


def test_standard_input_is_refused_when_it_is_none():
    """A terminal, a closed stream and an empty pipe are errors."""
    main, terminal = pty.openpty()
    with os.fdopen(terminal, "rb") as stream:
        assert "Standard input is a terminal" in refused("-", stdin=stream)
    os.close(main)
    assert "Standard input is closed" in refused("-", stdin=stream)
    assert "<stdin> is empty" in refused("-", stdin=io.BytesIO())


def test_progress_reaches_its_total(tree):
    """Progress never goes back and ends at the total, left out files and pipes included."""
    folder = tree({"a.txt": "x" * 9_000_000, "b.bin": b"\0" * 5_000_000, "c.txt": "c"})
    seen = []
    load(
        ["-", str(folder)],
        stdin=pipe_of(b"piped"),
        on_progress=lambda done, total: seen.append((done, total)),
    )

    assert seen[-1] == (14_000_006, 14_000_006)
    assert seen == sorted(seen)
    assert all(done <= total for done, total in seen)
    assert len(seen) > 4


def test_an_error_of_the_caller_is_not_a_document_error(tree):
    """What the progress callback raises comes out as it is."""

    def broken(_done, _total):
        raise BrokenPipeError("terminal gone")

    with pytest.raises(BrokenPipeError, match="terminal gone"):
        loaded(tree({"a.txt": "a"}), on_progress=broken)


def test_what_does_not_fit_is_refused_before_it_is_read(tmp_path):
    """A file larger than the memory left is an error at once; a sparse terabyte costs nothing."""
    huge = tmp_path / "huge.log"
    with huge.open("wb") as file:
        file.truncate(1 << 40)

    assert "do not fit in memory: they are 1,099.5 GB" in refused(huge)
    assert "only 0.0 GB of memory is free" in refused(huge, memory_limit=1000)


def test_memory_sources():
    """The kernel's and the container's files are understood, also where they say nothing."""
    assert parse_meminfo("MemTotal: 9 kB\nMemAvailable:    2 kB\n") == 2048
    assert (parse_meminfo(""), cgroup_limit("max\n"), cgroup_limit("5\n")) == (None, None, 5)
    assert available_bytes() is None or available_bytes() > 0


@pytest.mark.parametrize("parts", [1, 2])
def test_the_peak_is_near_the_text(tree, parts):
    """32 MB of text, in one file or several, are read with little more than 32 MB."""
    folder = tree({f"{part}.log": b"0123456789abcde\n" * ((2 << 20) // parts) for part in range(parts)})
    tracemalloc.start()
    try:
        docs = loaded(folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 1.3 * docs.chars


def test_a_single_document_is_not_copied(tree):
    """The mapping of a single document hands out the very text."""
    docs = loaded(tree({"a.txt": "x" * 100}))

    assert docs.documents["a.txt"] is docs.text


def test_shown_without_the_text(tree):
    """Printing the value never prints the text."""
    docs = loaded(tree({"a.txt": "x" * 5000, "b.txt": ""}))

    assert "xxx" not in repr(docs) + repr(docs.documents)
    assert repr(docs.documents) == "Slices(a.txt, b.txt)"
    with pytest.raises(KeyError):
        docs.documents["c.txt"]
