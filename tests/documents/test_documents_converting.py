"""PDF and Office documents, made by real writers and read by the real converter."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pathspec
import pytest

import fleet_rlm
from fleet_rlm.documents import Reason, load
from fleet_rlm.errors import DocumentError


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.pdf", "pdf", "quartz in a PDF"),
        ("b.docx", "docx", "quartz in Word"),
        ("c.xlsx", "xlsx", "| quartz | 12 |"),
        ("d.pptx", "pptx", "quartz on a slide"),
    ],
)
def test_each_format_becomes_text(office_folder, name, kind, expected):
    """PDF, Word, Excel and PowerPoint become Markdown; what they are is read from their bytes."""
    path = office_folder / name
    nameless = path.rename(office_folder / "nameless")
    docs = load([str(nameless)])

    assert expected in docs.text
    assert (kind, None) == (docs.sources[0].format, docs.sources[0].encoding)
    assert nameless.stat().st_size == docs.size


def test_a_folder_of_them_is_read_quietly(office_folder, capfd):
    """They mix with text in a folder, and nothing the converters say reaches the terminal."""
    (office_folder / "e.txt").write_text("quartz in text")
    docs = load([str(office_folder)])

    assert list(docs.documents) == ["a.pdf", "b.docx", "c.xlsx", "d.pptx", "e.txt"]
    assert all("quartz" in text for text in docs.documents.values())
    assert tuple(capfd.readouterr()) == ("", "")


def test_remarks_of_the_converters_are_kept_off(tmp_path, office_folder, caplog, recwarn):
    """Warnings about fonts and spreadsheet extensions, which no reader can act on, are not shown."""
    sheet = "xl/worksheets/sheet1.xml"
    with (
        zipfile.ZipFile(office_folder / "c.xlsx") as source,
        zipfile.ZipFile(tmp_path / "odd.xlsx", "w") as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            extension = b'<extLst><ext uri="{00000000-0000-0000-0000-000000000000}"/></extLst></worksheet>'
            target.writestr(name, data.replace(b"</worksheet>", extension) if name == sheet else data)
    descriptor = b"/BaseFont /X /FontDescriptor << /Type /FontDescriptor /FontName /X /Flags 32 >>"
    odd_font = (office_folder / "a.pdf").read_bytes().replace(b"/BaseFont /Helvetica", descriptor)
    (tmp_path / "odd.pdf").write_bytes(odd_font)
    docs = load([str(tmp_path / "odd.xlsx"), str(tmp_path / "odd.pdf")])

    assert "quartz" in docs.documents["odd.xlsx"]
    assert docs.documents["odd.pdf"].split() == list("quartzinaPDF")  # the font has no widths
    assert caplog.records == []
    assert [str(warning.message) for warning in recwarn] == []


def test_standard_input_is_converted_too(office_folder):
    """A PDF may come through a pipe."""
    data = (office_folder / "a.pdf").read_bytes()

    assert "quartz in a PDF" in load(["-"], stdin=io.BytesIO(data)).text


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"<w:body>", b"<w:body"),
        lambda data: data[: len(data) // 2],
    ],
)
def test_a_damaged_document_is_refused(office_folder, capfd, damage):
    """A broken document ends in one sentence with its name, not in a converter's traceback."""
    path = office_folder / "b.docx"
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(DocumentError, match=r"b\.docx cannot be converted to text: .*\. Open it in"):
        load([str(path)])
    assert tuple(capfd.readouterr()) == ("", "")
    assert [skipped.reason for skipped in load([str(office_folder)]).skipped] == [Reason.UNCONVERTIBLE]


@pytest.mark.usefixtures("office_folder")
def test_a_broken_pdf_is_refused(tmp_path):
    """A PDF with nothing behind its first line is refused."""
    path = tmp_path / "broken.pdf"
    path.write_bytes(b"%PDF-1.7\nnothing")

    with pytest.raises(DocumentError, match=r"broken\.pdf cannot be converted to text"):
        load([str(path)])


@pytest.mark.usefixtures("office_folder")
def test_a_document_without_text_is_refused(tmp_path, pdf):
    """A PDF of pictures has no text: better said than answered from nothing."""
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdf(""))

    with pytest.raises(DocumentError, match="it holds no text"):
        load([str(path)])


def test_a_decompression_bomb_is_refused(tmp_path):
    """A small Office file that unpacks to more than a gigabyte is refused without unpacking it."""
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    data = path.read_bytes()
    # The central directory states the size; a reader that believed the entry would unpack it.
    at = data.index(b"PK\x01\x02") + 24
    path.write_bytes(data[:at] + (2_000_000_000).to_bytes(4, "little") + data[at + 4 :])

    with pytest.raises(DocumentError, match=r"it unpacks to 2\.0 GB"):
        load([str(path)])


def test_without_the_extra_the_remedy_is_named(tmp_path, pdf):
    """In an environment without markitdown a PDF is refused with the command that brings it."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "pathspec").symlink_to(Path(pathspec.__file__).parent)
    (site / "fleet_rlm").symlink_to(Path(fleet_rlm.__file__).parent)
    (tmp_path / "a.pdf").write_bytes(pdf("words"))
    program = (
        "import sys\n"
        "from fleet_rlm.documents import load\n"
        "from fleet_rlm.errors import DocumentError\n"
        "try:\n    load(sys.argv[1:])\n"
        "except DocumentError as error:\n    print(error)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-S", "-c", program, str(tmp_path / "a.pdf")],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip() == (
        f"{tmp_path / 'a.pdf'} is a PDF document, and what converts it is not installed. "
        "Install it with pip install 'fleet-rlm-scaffold[docs]'."
    )
