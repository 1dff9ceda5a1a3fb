"""Which files dendrosim has written, by what it writes into each of them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree

from dendrosim.machine.json_text import parse_json, read_text

NAME = "dendrosim"
PAGE_MARK = f'<meta name="generator" content="{NAME}">'
"""What the head of a report has."""
_HEAD = 2**16  # bytes at the beginning of a figure, which contain its metadata
_PNG = b"\x89PNG\r\n\x1a\n"
_SVG, _RDF, _CC, _DC = (
    "{http://www.w3.org/2000/svg}",
    "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}",
    "{http://creativecommons.org/ns#}",
    "{http://purl.org/dc/elements/1.1/}",
)
_PDF_INFORMATION = rb"\n\d+ 0 obj\n<< /Creator \(dendrosim\)[^\n]*>>\nendobj\n"
"""The object of a PDF file that names the program, as Matplotlib writes it."""

_CREATOR = (
    f"{_SVG}svg", f"{_SVG}metadata", f"{_RDF}RDF", f"{_CC}Work", f"{_DC}creator", f"{_CC}Agent", f"{_DC}title",
)  # fmt: skip


def is_ours(path: Path) -> bool:
    """Return whether dendrosim has written a file.

    Its metadata must say so, in the field in which dendrosim writes it: the format of a result, the version of a
    stability report, and the program that made a figure. A file that only mentions dendrosim is not ours.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    if path.is_symlink() or not path.is_file():
        return False
    kinds = {
        ".nc": _is_result,
        ".json": _is_report,
        ".png": _is_png,
        ".svg": _is_svg,
        ".html": _is_page,
        ".pdf": _is_pdf,
    }
    return path.suffix in kinds and kinds[path.suffix](path)


def _is_result(path: Path) -> bool:
    from dendrosim.machine.hdf5_reading import FormatError, open_hdf5
    from dendrosim.results.reading import MARK

    path.open("rb").close()  # HDF5 raises OSError also for files of other formats
    try:
        with open_hdf5(path) as file:
            return file.attribute(MARK) is not None
    except (FormatError, OSError, RuntimeError, ValueError, TypeError, LookupError):
        return False


def _is_report(path: Path) -> bool:
    try:
        report = parse_json(read_text(path))
    except ValueError:
        return False
    return isinstance(report, dict) and isinstance(report.get(NAME), str)


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return PAGE_MARK.encode() in file.read(_HEAD)


def _is_png(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PNG)) == _PNG and f"Software\0{NAME}".encode() in _png_texts(file)


def _png_texts(file: BinaryIO) -> Iterator[bytes]:
    """Yield the keyword and text of each `tEXt` chunk before the pixels."""
    while file.tell() < _HEAD and len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IDAT":
            return
        if kind == b"tEXt" and size <= _HEAD:
            yield file.read(size)
            file.seek(4, 1)  # the checksum
        else:
            file.seek(size + 4, 1)


def _is_pdf(path: Path) -> bool:
    content = path.read_bytes()
    return content.startswith(b"%PDF-") and re.search(_PDF_INFORMATION, content) is not None


def _is_svg(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if b"<!ENTITY" in head:  # entities can be much longer than the file
        return False
    parser: Any = ElementTree.XMLPullParser(("start", "end"))
    inside: list[str] = []
    try:
        parser.feed(head)
        for event, element in parser.read_events():
            if event == "start":
                inside.append(element.tag)
                continue
            if tuple(inside) == _CREATOR:
                return bool(element.text == NAME)
            inside.pop()
    except ElementTree.ParseError:
        return False
    return False
