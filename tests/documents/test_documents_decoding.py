"""Bytes to text in pieces: nothing is lost, whatever the encoding and wherever the pieces end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_rlm.documents.decoding import (
    WINDOWS_1252,
    BinaryError,
    StrictDecoder,
    UndecodableError,
    Utf8Decoder,
    legacy_or_damaged,
)

WINDOW = 64 * 1024
CONTROLS = set(range(32)) - set(b"\t\n\r\f\x1b")


def decode(decoder, data, step):
    """Feed ``data`` in pieces of ``step`` bytes."""
    parts = [decoder.feed(data[at : at + step], final=False) for at in range(0, len(data), step)]
    return "".join([*parts, decoder.feed(b"", final=True)])


@settings(max_examples=60)
@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]),
    st.integers(1, 9),
)
def test_every_unicode_encoding_round_trips(text, encoding, step):
    """Any text in any Unicode encoding comes back the same, newlines included, however it is cut."""
    decoder = Utf8Decoder() if encoding == "utf-8" else StrictDecoder(encoding)

    assert text == decode(decoder, text.encode(encoding), step)
    assert encoding == decoder.encoding


@settings(max_examples=60)
@given(st.binary(), st.integers(1, 9))
def test_no_byte_is_lost(data, step):
    """Bytes that are no UTF-8 can be recovered from the text: as Windows-1252, or from the escapes."""
    decoder = Utf8Decoder()
    try:
        text = decode(decoder, data, step)
    except BinaryError:
        assert set(data) & CONTROLS
        return

    if decoder.encoding == WINDOWS_1252:
        undefined = {"\x81", "\x8d", "\x8f", "\x90", "\x9d"}
        back = b"".join(char.encode("latin-1" if char in undefined else "cp1252") for char in text)
        assert data == back
    elif not decoder.escaped:
        assert data == text.encode()
    else:
        assert len(data) == len(text.encode()) - 3 * decoder.escaped


@settings(max_examples=60)
@given(st.text(st.characters(codec="cp1252")), st.integers(1, 9))
def test_the_pieces_do_not_matter(text, step):
    """Cut in small pieces or whole, legacy text gives the same text and the same verdict."""
    data, whole, pieces = text.encode("cp1252"), Utf8Decoder(), Utf8Decoder()

    def outcome(decoder, step):
        try:
            return decode(decoder, data, step)
        except BinaryError:
            return None

    assert outcome(whole, len(data) + 1) == outcome(pieces, step)
    assert whole.encoding == pieces.encoding


def test_latin_1_after_long_ascii():
    """A legacy byte far into an ASCII text makes it Windows-1252, with what came before kept."""
    data = b"a" * 3 * WINDOW + "déjà vu — “naïve”\r\n".encode("cp1252") + b"b" * WINDOW
    decoder = Utf8Decoder()

    assert data.decode("cp1252") == decode(decoder, data, 1000)
    assert decoder.encoding == WINDOWS_1252


@pytest.mark.parametrize("control", sorted(CONTROLS))
@pytest.mark.parametrize("before", [b"", b"a" * (WINDOW - 50), b"a" * 2 * WINDOW])
def test_no_guess_over_control_characters(before, control):
    """Text of no known encoding that holds control characters is not text, near the beginning or near the guess."""
    data = before + b"ol\xe9 " + bytes([control]) + b" ol\xe9"
    with pytest.raises(BinaryError):
        decode(Utf8Decoder(), data, 1000)
    assert decode(Utf8Decoder(), before + bytes([control]), 1000)


def test_a_guess_over_ordinary_ones():
    """Tabs, ends of lines, form feeds and colours are no sign of anything binary."""
    data = b"ol\xe9\t\x1b[31mol\xe9\x1b[0m\x0c\r\n"
    assert decode(Utf8Decoder(), data, 4) == data.decode("cp1252")


def test_damage_in_utf8_is_shown_and_counted():
    """A few bad bytes in a UTF-8 text stay visible, and their number and first place are known."""
    data = "é".encode() * 10 + b"\xff\xfe ok \xc3" + "日本".encode()
    decoder = Utf8Decoder()

    assert decode(decoder, data, 7) == "é" * 10 + r"\xff\xfe ok \xc3日本"
    assert (decoder.encoding, decoder.escaped, decoder.escaped_at) == ("utf-8", 3, 20)


def test_the_verdict_waits_for_enough_bytes():
    """A bad byte at the end of a piece is judged by what follows, not by itself alone."""
    decoder = Utf8Decoder()

    assert decode(decoder, b"plain \xff" + "日本語".encode(), 7) == r"plain \xff日本語"
    assert decoder.escaped_at == 6


def test_a_truncated_character_at_the_end_is_shown():
    """A file cut inside its last character loses nothing."""
    decoder = Utf8Decoder()

    assert decode(decoder, "日本".encode()[:-1], 100) == r"日\xe6\x9c"
    assert decoder.escaped == 2


@pytest.mark.parametrize(
    ("window", "ascii_before", "expected"),
    [
        (b"\xe9t\xe9 ", True, WINDOWS_1252),
        (b"\xe9t\xe9 ", False, "utf-8"),
        (b"\xff" + "日本語".encode(), True, "utf-8"),
        (b"\xff" + "日本語".encode()[:-1], True, "utf-8"),
    ],
)
def test_legacy_or_damaged(window, ascii_before, expected):
    """UTF-8 that has shown itself, before or after the bad byte, outweighs the bad byte."""
    assert expected == legacy_or_damaged(window, ascii_before=ascii_before)


def test_a_strict_failure_names_the_byte():
    """The offset of a failure counts from the start of the document, across pieces."""
    data = "abc".encode("utf-16-le") + b"\x00\xdc" + "d".encode("utf-16-le")

    with pytest.raises(UndecodableError) as caught:
        decode(StrictDecoder("utf-16-le"), data, 3)
    assert (caught.value.encoding, caught.value.offset) == ("utf-16-le", 6)
