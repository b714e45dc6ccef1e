"""What bytes are, judged by their beginning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_rlm.documents.sniffing import HEAD_BYTES, Binary, Package, Pdf, Text, sniff

LATIN = "The quick brown fox.\nÇa va, señor?\n" * 20


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"", Text("utf-8")),
        (b"plain", Text("utf-8")),
        (b"\xef\xbb\xbfmarked", Text("utf-8", 3)),
        (b"\xff\xfea\x00", Text("utf-16-le", 2)),
        (b"\xfe\xff\x00a", Text("utf-16-be", 2)),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", Text("utf-32-le", 4)),
        (b"\x00\x00\xfe\xff\x00\x00\x00a", Text("utf-32-be", 4)),
        (LATIN.encode("utf-16-le"), Text("utf-16-le")),
        (LATIN.encode("utf-16-be"), Text("utf-16-be")),
        (LATIN.encode("utf-16-le")[:-1], Text("utf-16-le")),
        ("caf\xe9".encode("latin-1"), Text("utf-8")),
        (b"\x1b[31mred\x1b[0m\r\n\tlog\x0c", Text("utf-8")),
        (b"%PDF-1.7\n", Pdf()),
        (b"PK\x03\x04rest", Package()),
        (b"BZhe is a text that begins like bzip2", Text("utf-8")),
        (b"PAR1S, in text", Text("utf-8")),
    ],
)
def test_text_and_documents_are_recognised(head, expected):
    """Marks, unmarked UTF-16, PDF and zip are known by their first bytes; all else begins as UTF-8."""
    assert expected == sniff(head)


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\x1f\x8b\x08\x00", "gzip-compressed"),
        (b"\xfd7zXZ\x00\x00", "xz-compressed"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd-compressed"),
        (b"BZh91AY&SY\x00\x01", "bzip2-compressed"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\x7fELF\x02", "an ELF program"),
        (b"SQLite format 3\x00\x10", "an SQLite database"),
        (b"text with one zero\x00 byte", "binary data"),
        (b"\x01\x02\x03\x04\x05\x06", "binary data"),
        (b"ab\x00cd\x00ef\x00" * 50, "binary data"),
        ((LATIN + "\0").encode("utf-16-le"), "binary data"),
        (b"a\x00", "binary data"),
        (("Привет, мир.\n" * 20).encode("utf-16-le"), "binary data"),
    ],
)
def test_binary_is_named(head, what):
    """What cannot be text says what it is and what to do; unmarked UTF-16 of other scripts is not guessed."""
    sniffed = sniff(head)

    assert isinstance(sniffed, Binary)
    assert what == sniffed.what
    assert sniffed.remedy.endswith(".")


@given(st.binary(max_size=300))
def test_any_bytes_are_judged(head):
    """Every sample gets a verdict, and a verdict of text names a codec that exists."""
    verdict = sniff(head)

    assert isinstance(verdict, (Text, Pdf, Package, Binary))
    if isinstance(verdict, Text):
        b"".decode(verdict.encoding)


@given(st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1), st.integers(1, 4))
def test_a_sample_may_end_inside_a_character(text, cut):
    """Cutting UTF-8 anywhere does not turn text into something else."""
    head = (text * (HEAD_BYTES // 16))[:HEAD_BYTES].encode()[: HEAD_BYTES - cut]

    assert isinstance(sniff(b"x" + head), Text)
