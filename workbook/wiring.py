"""Wiring a workbook to this computer: xlwings' VBA, our own VBA and ribbon, the Python that the buttons start.

The workbook that comes with the program holds our own VBA only. What the installed xlwings ships is put into the
user's copy, so that no add-in is needed and the two always agree. Everything else in the file stays as it lies.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from workbook.book import Book, parse, to_bytes
from workbook.build import MACROS, PROJECT, RIBBON, RIBBON_TYPE, modules, without_cache
from workbook.cells import Cell, letters, value_of
from workbook.container import damaged
from workbook.errors import WorkbookError
from workbook.kept import Values
from workbook.layout import INBOX_NAME, PATH_NAME, PYTHON_NAMES, VERSION_NAME, WORKBOOK_NAME
from workbook.package import Package
from workbook.project import Outcome, Projection
from workbook.session import Session
from workbook.splice import SheetReader, cell_at

if TYPE_CHECKING:
    from pyopenvba import ExcelFile

_OURS = "AutoXero"
"""How the names of our modules begin; all others but those of xlwings are the accountant's."""
_XLWINGS = "xlwings"
_DICTIONARY = "Dictionary"
_SHIPPED_DICTIONARY = "github.com/timhall/VBA-Dictionary"
"""Stands in the class that xlwings ships, and tells it from one that the accountant wrote under that name."""


@dataclass(frozen=True)
class Wiring:
    """What a workbook is wired to.

    Attributes:
        workbook_id: Which workbook it is; blank in a fresh one.
        inbox: The folder that takes its buttons' requests; blank before it is installed.
        version: The AutoXero that its macros and ribbon come from.
        platform: The operating system, as ``sys.platform`` says it.
        python: The Python that the buttons start.
        path: Where the workbook is to be; blank where it is wired in its place.
    """

    workbook_id: str
    inbox: str
    version: str
    platform: str = ""
    python: str = ""
    path: str = ""

    @property
    def names(self) -> dict[str, Cell]:
        """The cells it stands in, by name."""
        found: dict[str, Cell] = {
            WORKBOOK_NAME: self.workbook_id,
            INBOX_NAME: self.inbox,
            VERSION_NAME: self.version,
            PATH_NAME: self.path,
        }
        if self.platform in PYTHON_NAMES:
            found[PYTHON_NAMES[self.platform]] = self.python
        return found


def read_wiring(path: Path) -> Wiring:
    """What the workbook says of itself: its id, its inbox and its version.

    Raises:
        WorkbookError: It is not the AutoXero workbook, is damaged, or is open elsewhere.
    """
    session = Session(path)
    book = Book(session.package)
    found = {name: _text_at(book, name) for name in (WORKBOOK_NAME, INBOX_NAME, VERSION_NAME)}
    return Wiring(found[WORKBOOK_NAME], found[INBOX_NAME], found[VERSION_NAME])


def wire(
    path: Path,
    wiring: Wiring,
    backups: Path | None = None,
    template: Path | None = None,
    known: Mapping[str, Values] = MappingProxyType({}),
) -> Outcome:
    """Wire a workbook, or bring one that is wired up to date; a file that is so already is not touched.

    Args:
        path: The closed workbook.
        wiring: What to wire it to.
        backups: The folder that gets a copy of the file as it was.
        template: The workbook as it is shipped; brings an older layout up to date, and back what was deleted.
        known: What was typed when it was last read, for what is brought back.

    Raises:
        WorkbookError: It is open elsewhere, was saved meanwhile, is not ours, or its macros are locked.
    """
    wanted = modules(MACROS / "vba") | xlwings_modules(wiring.platform)

    def edit(file: ExcelFile) -> None:
        if not file.has_vba_project():
            file.add_vba_project()
        for name in file.module_names():
            if name.startswith(_OURS) and name not in wanted:
                file.vba_project().delete_module(name)
        for name, source in wanted.items():
            _put(file, name, source)

    def finish(package: Package) -> list[str]:
        _put_ribbon(package, (MACROS / "ribbon.xml").read_bytes())
        return _edit_project(package, edit)

    names = replace(wiring, path=wiring.path or str(path.absolute())).names
    return _save(path, names, finish, backups, template, known)


def unwire(path: Path, backups: Path | None = None) -> Outcome:
    """Take xlwings' VBA and all paths out again; what is the accountant's stays, and our sheets.

    Raises:
        WorkbookError: As for `wire`.
    """

    def edit(file: ExcelFile) -> None:
        for name in file.module_names() if file.has_vba_project() else ():
            if name == _XLWINGS or (name == _DICTIONARY and _SHIPPED_DICTIONARY in file.get_module(name)):
                file.vba_project().delete_module(name)

    names: dict[str, Cell] = dict.fromkeys((INBOX_NAME, PATH_NAME, *PYTHON_NAMES.values()))
    return _save(path, names, lambda package: _edit_project(package, edit), backups)


def xlwings_modules(platform: str) -> dict[str, str]:
    """The VBA that the installed xlwings ships for a workbook without an add-in, by module name.

    On macOS it needs a class for what Windows has built in.
    """
    spec = find_spec("xlwings")  # importing it would take half a second
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("xlwings")
    folder = Path(next(iter(spec.submodule_search_locations)))
    paths = {_XLWINGS: folder / "xlwings.bas"}
    if platform == "darwin":
        paths[_DICTIONARY] = folder / "addin" / "Dictionary.cls"
    return {name: re.sub(r"\r?\n", "\r\n", path.read_bytes().decode("cp1252")) for name, path in paths.items()}


def _text_at(book: Book, name: str) -> str:
    """What stands in a named cell, as text."""
    place = book.named_cells.get(name)
    if place is None:
        return ""
    sheet, column, wanted = place
    for number, row in SheetReader(book.package.pieces(sheet)).rows():
        if number == wanted and (raw := cell_at(row, number, letters(column).encode())):
            value = value_of(raw, book.shared)
            return "" if value is None else str(value)
    return ""


def _save(
    path: Path,
    names: Mapping[str, Cell],
    finish: Callable[[Package], list[str]],
    backups: Path | None,
    template: Path | None = None,
    known: Mapping[str, Values] = MappingProxyType({}),
) -> Outcome:
    session, projection = Session(path), Projection(names=names)
    if template is not None:
        projection = session.mend(template, projection, backups, known)
    session.apply(projection)
    notes = [*session.notes, *finish(session.package)]
    if not session.package.is_changed:
        return Outcome(changed=False, notes=tuple(notes))
    return Outcome(changed=True, notes=(*notes, *session.package.save(path, session.package.digest, backups)))


def _put(file: ExcelFile, name: str, source: str) -> None:
    """Give a module its source, and make it where it is missing.

    An accountant's own class under the name of xlwings' stays. The module of a sheet comes and goes with its sheet.
    """
    from pyopenvba.vba import VBAModuleKind  # noqa: PLC0415 - heavy, and needed here only

    if name in file.module_names():
        if name != _DICTIONARY or _SHIPPED_DICTIONARY in file.get_module(name):
            file.set_module(name, source)
    elif source.startswith("VERSION "):
        file.vba_project().add_module(name, source, kind=VBAModuleKind.other)
    elif source.startswith("Attribute "):
        file.vba_project().add_module(name, source)


def _edit_project(package: Package, edit: Callable[[ExcelFile], None]) -> list[str]:
    """Change the VBA project; the package gets every part that this touches.

    Returns:
        What the accountant should know.

    Raises:
        WorkbookError: The project is locked with a password, or cannot be read.
    """
    from pyopenvba import ExcelFile, PyOpenVBAError  # noqa: PLC0415 - heavy, and needed here only

    name = package.path.name
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "workbook.xlsm"
        path.write_bytes(package.to_bytes())
        try:
            with ExcelFile(path) as file:
                before = file.vba_modules()
                is_signed = file.vba_signature().present
                edit(file)
                if file.vba_modules() == before:
                    return []
                if (protection := file.vba_project().protection) is not None and protection.has_password:
                    raise WorkbookError(
                        f"The macros of {name} are locked with a password. Take it off in Excel (Alt+F11, Tools, "
                        "VBAProject Properties, Protection), save, close, and try again."
                    )
                file.save(allow_invalidate_signature=True)
        except PyOpenVBAError as error:
            raise damaged(name) from error
        made = Package.read(path)
        made.replace(PROJECT, without_cache(made.part(PROJECT)))
        _take_over(package, made)
    if not is_signed:
        return []
    return [f"The macros of {name} were signed. They are not any more: have them signed again if your office asks it."]


def _take_over(package: Package, made: Package) -> None:
    """Give the package every part in which the other one differs."""
    for part in package.names:
        if not made.has(part):
            package.remove(part)
    for part in made.names:
        data = made.part(part)
        if not package.has(part):
            package.add(part, data)
        elif package.part(part) != data:
            package.replace(part, data)


def _put_ribbon(package: Package, ribbon: bytes) -> None:
    """Give the workbook our tab, in place of the one it has."""
    root = parse(package.part("_rels/.rels"), package.path.name)
    target = next((item.get("Target", "") for item in root if item.get("Type") == RIBBON_TYPE), "").lstrip("/")
    if not target:
        namespace = root.tag.removesuffix("Relationships")
        root.append(
            root.makeelement(f"{namespace}Relationship", {"Id": "rIdRibbon", "Type": RIBBON_TYPE, "Target": RIBBON})
        )
        package.replace("_rels/.rels", to_bytes(root))
    part = target or RIBBON
    if not package.has(part):
        package.add(part, ribbon)
    elif package.part(part) != ribbon:
        package.replace(part, ribbon)
