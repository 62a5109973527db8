"""The VBA as source: what is in the file is what is here, it is strict, and it can do no more than it should."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from pyopenvba import ExcelFile
from pyopenvba.interpreter import parse_module

from workbook import layout
from workbook.build import MACROS, RIBBON, TARGET, modules
from workbook.package import Package
from workbook.project import Projection, Row, project
from workbook.wiring import xlwings_modules

VBA = MACROS / "vba"
SOURCES = modules(VBA)
EVENTS = {"Worksheet_Change"}
OUTSIDE = {
    "ActiveCell", "ActiveSheet", "ActiveWorkbook", "Application", "Array", "Boolean", "CStr", "Date", "DateDiff", "Dir",
    "DoEvents", "Err", "FileDateTime", "FileLen", "False", "FreeFile", "Hex", "IIf", "InStr", "Int", "Integer",
    "IRibbonControl", "IRibbonUI",
    "IsError", "LCase", "Left", "Len", "Long", "Mid", "MsgBox", "Nothing", "Now", "Object", "Randomize",
    "Range", "Replace", "Right", "Rnd", "Selection", "Single", "Split", "String", "ThisWorkbook", "Timer", "Trim",
    "True", "TypeName", "UBound", "Variant", "vbCrLf", "vbDefaultButton2", "vbInformation", "vbLf", "vbQuestion",
    "vbYes", "vbYesNo",
}  # fmt: skip
"""What VBA and Excel bring along, of which we use this."""
WORDS = {
    "And", "As", "Attribute", "ByRef", "ByVal", "Case", "Close", "Const", "Dim", "Do", "Each", "Else", "ElseIf",
    "End", "Error", "Exit", "Explicit", "For", "Function", "GoTo", "If", "In", "Is", "Like", "Loop", "Mod", "Name",
    "Next", "Not", "On", "Open", "Option", "Or", "Output", "Print", "Private", "Public", "Resume", "Select", "Set",
    "Sub", "Then", "To", "While",
}  # fmt: skip
PROCEDURE = re.compile(
    r"^(Public|Private) (Sub|Function) (\w+)\(([^\n]*)\)(?: As \w+)?$(.*?)^End \2$", re.MULTILINE | re.DOTALL
)


def code(source: str) -> str:
    """The source without comments, texts and line continuations."""
    source = source.replace("\r\n", "\n").replace(" _\n", " ")
    source = re.sub(r'"(?:[^"\n]|"")*"', '""', source)
    return re.sub(r"'.*$", "", source, flags=re.MULTILINE)


def procedures(name: str) -> dict[str, tuple[str, str, str]]:
    """By name: Public or Private, the parameters, the body."""
    return {found[2]: (found[0], found[3], found[4]) for found in PROCEDURE.findall(code(SOURCES[name]))}


def used(text: str) -> set[str]:
    """Every name in a piece of code but members, after a dot, and attributes."""
    return set(re.findall(r"(?<![\w.#])[A-Za-z_]\w*", re.sub(r"^Attribute .*$", "", text, flags=re.MULTILINE)))


def declared(text: str) -> set[str]:
    """What Dim, Const, For Each and parameters declare."""
    return set(re.findall(r"(?:Dim|Const|ByVal|ByRef|Private|Public) (\w+)(?= As |\)|,|$)", text, re.MULTILINE))


PUBLIC = {name: module for module in SOURCES for name, (scope, _, _) in procedures(module).items() if scope == "Public"}


@pytest.mark.parametrize("module", SOURCES)
def test_every_name_is_declared(module: str) -> None:
    source = code(SOURCES[module])
    level = PROCEDURE.sub("", source)
    known = OUTSIDE | WORDS | declared(level) | set(PUBLIC) | set(procedures(module))
    assert used(level) <= known | {"ribbonUi"}
    for name, (_, parameters, body) in procedures(module).items():
        given = {re.sub(r"^By(Val|Ref) ", "", item.strip()).split(" ")[0] for item in parameters.split(",")}
        labels = set(re.findall(r"^(\w+):$", body, re.MULTILINE))
        assert used(body) <= known | given | declared(body) | labels, name


@pytest.mark.parametrize("module", SOURCES)
def test_what_is_declared_is_used(module: str) -> None:
    source = code(SOURCES[module])
    for name, (_, _, body) in procedures(module).items():
        for local in declared(body):
            assert len(re.findall(rf"\b{local}\b", body)) > 1, f"{name}: {local}"
    for name in declared(PROCEDURE.sub("", source)):
        assert len(re.findall(rf"\b{name}\b", source)) > 1, name


def test_every_procedure_is_reached() -> None:
    """From another one, the ribbon or an event of Excel's."""
    ribbon = (MACROS / "ribbon.xml").read_text(encoding="utf-8")
    for module in SOURCES:
        for name, (scope, _, body) in procedures(module).items():
            places = SOURCES if scope == "Public" else [module]
            calls = sum(len(re.findall(rf"\b{name}\b", code(SOURCES[place]))) for place in places)
            own = 1 + len(re.findall(rf"\b{name}\b", body))
            assert name in EVENTS or f'"{name}"' in ribbon or calls > own, name


def test_no_two_procedures_have_one_name() -> None:
    names = [name for module in SOURCES for name in procedures(module) if name not in EVENTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", sorted(VBA.iterdir()), ids=lambda path: path.name)
def test_every_module_is_strict_and_plain(path: Path) -> None:
    """Option Explicit; ASCII, since a code page differs by country; lines end as the VBA editor writes them."""
    data = path.read_bytes()
    assert path.suffix in {".bas", ".cls"}
    assert data.isascii()
    assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")
    lines = data.decode("ascii").split("\r\n")
    head = [f'Attribute VB_Name = "{path.stem}"'] if path.suffix == ".bas" else []
    assert lines[: len(head) + 1] == [*head, "Option Explicit"]
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("module", SOURCES)
def test_every_module_parses(module: str) -> None:
    assert parse_module(SOURCES[module], name=module) is not None


def test_python_is_run_by_name_only() -> None:
    """In a copy without xlwings a direct call would be a compile error, which no handler catches."""
    together = "".join(SOURCES.values())
    assert "RunPython" not in "".join(map(code, SOURCES.values()))
    assert re.findall(r".*Application\.Run.*", together) == ['    Application.Run "RunPython", ACTION & id & "\')"\r']
    assert """Private Const ACTION As String = "import macros.actions as a; a.do('\"""" in together


def test_nothing_else_leaves_excel() -> None:
    """No program is started, nothing is loaded, and files are touched by one module only."""
    for module, source in SOURCES.items():
        plain = code(source)
        assert not re.search(
            r"\b(Shell|CreateObject|GetObject|Declare|MacScript|Environ|SendKeys|Evaluate|OnTime)\b", plain
        )
        assert ("FollowHyperlink" in plain) == (module == "AutoXeroShow")
        if module != "AutoXeroDisk":
            assert not re.search(r"\b(Open|Kill|Dir|FreeFile|Print)\b|\bName .* As\b", plain)


def test_the_file_holds_exactly_these_sources() -> None:
    """As olevba reads them back; of the sheets' modules only those that we write hold code."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # its own, of a library that it uses
        from oletools.olevba import VBA_Parser

        macros = list(VBA_Parser(str(TARGET)).extract_macros())
    found = {name.rpartition(".")[0]: text for _, _, name, text in macros}
    for name, source in SOURCES.items():
        text = found.pop(name)
        assert re.sub(r"^(Attribute VB_.*\r\n)+", "", text).strip() == re.sub(r"^Attribute.*\r\n", "", source).strip()
    for name, text in found.items():
        assert re.sub(r"^Attribute .*$", "", text, flags=re.MULTILINE).split() in ([], ["Option", "Explicit"]), name


def test_office_is_referred_to() -> None:
    """Without this library `IRibbonControl` is unknown, and no button works."""
    with ExcelFile(TARGET) as file:
        assert {reference.name for reference in file.references()} == {"stdole", "Office"}


def test_no_name_is_one_of_xlwings() -> None:
    """In an installed copy both stand side by side: a name that both have could not be called."""
    theirs = "".join(xlwings_modules("darwin").values())
    names = {
        name.lower() for name in re.findall(r"^\s*(?:Public |Private )?(?:Sub|Function) (\w+)", theirs, re.MULTILINE)
    }
    assert "runpython" in names
    assert not {name.lower() for name in (*PUBLIC, *SOURCES)} & names


def test_writing_a_module_anew_changes_nothing(tmp_path: Path) -> None:
    """`autoxero install` writes every module into the user's copy; done twice the file stays as it is."""
    copy = tmp_path / "copy.xlsm"
    copy.write_bytes(TARGET.read_bytes())
    with ExcelFile(copy) as file:
        before = file.vba_modules()
        for name, source in SOURCES.items():
            file.set_module(name, source)
        assert file.vba_modules() == before


def test_ribbon_and_macros_stay_through_a_hundred_syncs(tmp_path: Path) -> None:
    path = tmp_path / "AutoXero.xlsm"
    path.write_bytes(TARGET.read_bytes())
    kept = [RIBBON, "xl/vbaProject.bin", "_rels/.rels", "[Content_Types].xml"]
    before = {name: Package.read(path).part(name) for name in kept}
    for sync in range(100):
        rows: list[Row] = [
            {"Status": layout.STATUSES[sync % 3][0], "Tries": f"{sync}/3", "Autotask id": number}
            for number in range(1, 3 + sync)
        ]
        assert project(path, Projection({"Invoices": rows, "Log": [{"Event": f"Run {sync}"}]})).changed
    assert {name: Package.read(path).part(name) for name in kept} == before
