"""Folders, pipes and small real documents in every format that is read."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tree(tmp_path) -> Callable[..., Path]:
    """Make files below a fresh folder: ``tree({"a/b.txt": "text"})``."""

    def make(files: dict[str, str | bytes], root: str = "tree") -> Path:
        folder = tmp_path / root
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return make


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder in which permissions count: root gives up its rights for the length of the test."""
    folder = Path(tempfile.mkdtemp(prefix="fleet-rlm-"))
    folder.chmod(0o777)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


@pytest.fixture
def pdf() -> Callable[[str], bytes]:
    """Make a one-page PDF: ``pdf("words on the page")``; without words it has only an empty page."""
    return pdf_bytes


def pdf_bytes(line: str) -> bytes:
    """Return a one-page PDF that shows ``line``, with a correct cross-reference table."""
    content = f"BT /F1 18 Tf 72 720 Td ({line}) Tj ET".encode() if line else b""
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(
        out
        + b"xref\n0 6\n0000000000 65535 f \n"
        + table
        + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    )


def write_docx(path: Path, paragraph: str) -> None:
    """Write the smallest Word document that holds ``paragraph``."""
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{kind}"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{office}/officeDocument" Target="word/document.xml"/></Relationships>',
        )
        archive.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{word}"><w:body><w:p><w:r><w:t>{paragraph}</w:t></w:r></w:p></w:body></w:document>',
        )


@pytest.fixture
def office_folder(tmp_path) -> Path:
    """One document in each format that is converted, all with the word ``quartz`` in it."""
    openpyxl = pytest.importorskip("openpyxl", reason="needs the extra `docs`")
    pptx = pytest.importorskip("pptx", reason="needs the extra `docs`")
    folder = tmp_path / "office"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(pdf_bytes("quartz in a PDF"))
    write_docx(folder / "b.docx", "quartz in Word")
    book = openpyxl.Workbook()
    book.active.append(["mineral", "count"])
    book.active.append(["quartz", 12])
    book.save(folder / "c.xlsx")
    show = pptx.Presentation()
    show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = "quartz on a slide"
    show.save(folder / "d.pptx")
    return folder
