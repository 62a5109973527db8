"""Makes AutoXero.xlsm from the layout and ``macros/``, byte for byte the same every time.

Run it as ``python -m workbook.build [PATH]``.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workbook import layout
from workbook.cells import letters

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

    from workbook.looks import Looks

ROOT = Path(__file__).resolve().parent.parent
MACROS = ROOT / "macros"
TARGET = ROOT / "AutoXero.xlsm"

_BORN = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
PROJECT = "xl/vbaProject.bin"
_UNCOMPILED = bytes.fromhex("CC61 FFFF 00 0000")
"""The head of a VBA project's cache, of a version that no Office has, and nothing after it."""
RIBBON = "customUI/customUI.xml"
RIBBON_TYPE = "http://schemas.microsoft.com/office/2006/relationships/ui/extensibility"
_CALCULATED_BY = b'<calcPr calcId="191029"/>'
"""Says that a present-day Excel worked out all results, so that opening does not calculate all anew."""
_BLANK_RESULT = re.compile(rb'(<c r="[A-Z]+\d+" s="\d+")(><f>[^<]*</f><v></v>)')
"""A formula whose result is blank text; XlsxWriter leaves out that it is text."""


def build(macros: Path = MACROS) -> bytes:
    """The bytes of a fresh workbook.

    Args:
        macros: The folder with ``ribbon.xml`` and ``vba``.
    """
    return _finished(_drawn(_project(macros / "vba")), (macros / "ribbon.xml").read_bytes())


def main(arguments: list[str]) -> int:
    """Build the workbook at the path given, by default the one in the repository."""
    path = Path(arguments[0]) if arguments else TARGET
    path.write_bytes(build())
    print(f"built {path}")  # noqa: T201 - a command's answer
    return 0


def modules(folder: Path) -> dict[str, str]:
    """The VBA sources by module name, with the line ends that the VBA editor writes."""
    found = {}
    for path in sorted([*folder.glob("*.bas"), *folder.glob("*.cls")]):
        text = path.read_bytes().decode("cp1252")
        found[path.stem] = re.sub(r"\r?\n", "\r\n", text)
    return found


def without_cache(project: bytes) -> bytes:
    """A VBA project that every Office compiles anew from its sources.

    pyOpenVBA blanks what an Office had compiled and leaves the version of that Office before it, which might then
    believe the blanks. Other writers are to give a version of no Office, and no cache: [MS-OVBA] 2.3.4.1.
    """
    from pyopenvba.cfb import CFB  # noqa: PLC0415 - heavy, and needed here only

    container = CFB.from_bytes(project)
    container.write_stream_in_storage("VBA", "_VBA_PROJECT", _UNCOMPILED)
    made: bytes = container.to_bytes()
    return made


def _project(folder: Path) -> bytes:
    """The VBA project, made in a bare workbook with the same sheets."""
    from pyopenvba import ExcelFile  # noqa: PLC0415 - only the builder needs it

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "project.xlsm"
        path.write_bytes(_bare())
        with ExcelFile(path) as file:
            project = file.add_vba_project()
            for name, source in modules(folder).items():
                if name in file.module_names():
                    file.set_module(name, source)
                else:
                    project.add_module(name, source)
            file.save()
        from workbook.package import Package  # noqa: PLC0415

        return without_cache(Package.read(path).part(PROJECT))


def _bare() -> bytes:
    from xlsxwriter import Workbook  # noqa: PLC0415

    stream = io.BytesIO()
    book = Workbook(stream)
    book.set_vba_name("ThisWorkbook")
    for name in (*layout.SHEETS, *layout.HIDDEN_SHEETS):
        book.add_worksheet(name).set_vba_name(_code_name(name))
    book.close()
    return stream.getvalue()


def _code_name(sheet: str) -> str:
    return "Sheet" + re.sub(r"\W|_", "", sheet.title())


def _drawn(project: bytes) -> bytes:
    """The workbook as XlsxWriter makes it."""
    from xlsxwriter import Workbook  # noqa: PLC0415

    from workbook.looks import FONT, Looks  # noqa: PLC0415

    stream = io.BytesIO()
    book = Workbook(stream, {"default_format_properties": {"font_name": FONT, "font_size": 10}})
    book.set_properties({"title": "AutoXero", "author": "", "created": _BORN})
    book.set_size(2400, 1500)
    book.set_vba_name("ThisWorkbook")
    book.add_vba_project(io.BytesIO(project), is_stream=True)
    sheets = {name: book.add_worksheet(name) for name in (*layout.SHEETS, *layout.HIDDEN_SHEETS)}
    for name, sheet in sheets.items():
        sheet.set_vba_name(_code_name(name))
    for name in layout.HIDDEN_SHEETS:
        sheets[name].very_hidden() if name == layout.LISTS_SHEET else sheets[name].hide()
    _draw(book, sheets, Looks(book))
    sheets["Dashboard"].activate()
    book.close()
    return stream.getvalue()


def _draw(book: Workbook, sheets: Mapping[str, Worksheet], looks: Looks) -> None:
    from workbook.dashboard import draw_dashboard  # noqa: PLC0415
    from workbook.drawn import draw_conf, draw_lists, draw_proof, draw_settings, draw_tables  # noqa: PLC0415
    from workbook.helpsheet import draw_help  # noqa: PLC0415

    names: dict[str, tuple[str, int, int]] = {}
    draw_dashboard(book, sheets["Dashboard"], looks, names)
    for name, frozen in (("Invoices", 4), ("Faults", 4), ("Preview", 3), ("Reconcile", 0), ("Mappings", 0), ("Log", 0)):
        tables = [table for table in layout.TABLES.values() if table.sheet == name]
        draw_tables(sheets[name], looks, tables)
        sheets[name].freeze_panes(4, frozen)
    draw_proof(sheets["Reconcile"], looks, names)
    sheets["Invoices"].fit_to_pages(2, 0)
    pages = (("Preview", 55, [14]), ("Reconcile", 60, [7, 18, 27, 39]), ("Mappings", 70, [7, 14, 23]))
    for name, scale, breaks in pages:
        sheets[name].fit_page = False
        sheets[name].set_print_scale(scale)
        sheets[name].set_v_pagebreaks(breaks)
    sheets["Invoices"].repeat_columns("A:D")
    draw_settings(sheets["Settings"], looks)
    draw_help(sheets["Help"], looks)
    draw_lists(sheets[layout.LISTS_SHEET], names)
    draw_conf(sheets["xlwings.conf"], names)
    names |= {name: (sheet, 0, 0) for sheet, name in layout.GO_TO.items()}
    for name, (sheet, row, column) in names.items():
        book.define_name(name, f"='{sheet}'!${letters(column + 1)}${row + 1}")
    for name in layout.LIST_NAMES:
        letter = letters(layout.hidden_columns()[name])
        area = f"{layout.LISTS_SHEET}!${letter}$2:${letter}${layout.LIST_ROOM + 1}"
        start = f"{layout.LISTS_SHEET}!${letter}$2"
        book.define_name(layout.list_name(name), f"={start}:INDEX({area},MAX(1,COUNTA({area})))")


def _finished(drawn: bytes, ribbon: bytes) -> bytes:
    """The workbook with its ribbon, its names hidden where people need not see them, and fixed dates inside the zip."""
    from workbook.package import Package  # noqa: PLC0415

    package = Package(Path("AutoXero.xlsm"), drawn)
    relation = f'<Relationship Id="rIdRibbon" Type="{RIBBON_TYPE}" Target="{RIBBON}"/></Relationships>'
    rels = package.part("_rels/.rels").replace(b"</Relationships>", relation.encode())
    book = package.part("xl/workbook.xml")
    book = re.sub(rb"<calcPr[^>]*/>", _CALCULATED_BY, book)
    for name in (*layout.HIDDEN_NAMES, *map(layout.list_name, layout.LIST_NAMES)):
        start = b'<definedName name="%b"' % name.encode()
        book = book.replace(start, start + b' hidden="1"')
    dashboard = package.part("xl/worksheets/sheet1.xml")
    package.replace("xl/worksheets/sheet1.xml", _BLANK_RESULT.sub(rb'\1 t="str"\2', dashboard))
    package.replace("_rels/.rels", rels)
    package.replace("xl/workbook.xml", book)
    package.add(RIBBON, ribbon)
    for part in package.names:
        package.replace(part, package.part(part))
    return package.to_bytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
