"""The workbook in pyOpenVBA's Excel: the real VBA runs, but for the one module that touches files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyopenvba.apps.excel import ExcelApplication
from pyopenvba.interpreter import VBAObject, VBARuntimeError, method

from workbook.build import MACROS, TARGET, modules
from workbook.cells import Link
from workbook.project import Projection, Row, project

NO_DISK = """
Public Sent As String
Public HasAgent As Boolean
Public IsLocked As Boolean
Public SavedLast As Date
Public Function NewRequest(ByVal folder As String, ByVal text As String) As String
    If folder = "/nobody's" Then Exit Function
    Sent = Sent & folder & vbCrLf & text
    NewRequest = "1a2b3c4d-0000-1111-2222-333344445555"
End Function
Public Function IsTaken(ByVal folder As String, ByVal id As String) As Boolean
    IsTaken = HasAgent And id = "1a2b3c4d-0000-1111-2222-333344445555"
End Function
Public Function IsSameFile(ByVal one As String, ByVal folder As String, ByVal file As String) As Boolean
    IsSameFile = one = folder & "/" & file
End Function
Public Function LastPart(ByVal path As String) As String
    LastPart = Mid$(LCase$(path), InStrRev(path, "/") + 1)
End Function
Public Function SavedAt() As Date
    SavedAt = SavedLast
End Function
Public Sub SaveLast()
    SavedLast = Now
End Sub
Public Function IsReadOnly() As Boolean
    IsReadOnly = IsLocked
End Function
"""
"""Stands in for AutoXeroDisk, which LibreOffice proves: pyOpenVBA refuses files."""

XLWINGS = """
Public Ran As String
Public Sub RunPython(ByVal command As String)
    Ran = Ran & command
End Sub
"""

HANDS = """
Public Sub SelectArea(ByVal sheetName As String, ByVal area As String)
    ThisWorkbook.Worksheets(sheetName).Activate
    ActiveSheet.Range(area).Select
End Sub
Public Sub Hide(ByVal sheetName As String, ByVal area As String)
    ThisWorkbook.Worksheets(sheetName).Range(area).EntireRow.Hidden = True
End Sub
Public Sub Write(ByVal sheetName As String, ByVal place As String, ByVal value As Variant)
    ThisWorkbook.Worksheets(sheetName).Range(place).Formula = value
End Sub
Public Sub Protect(ByVal sheetName As String)
    ThisWorkbook.Worksheets(sheetName).Protect
End Sub
Public Sub Delete(ByVal sheetName As String)
    Application.DisplayAlerts = False
    ThisWorkbook.Worksheets(sheetName).Delete
End Sub
Public Sub Put(ByVal cellName As String, ByVal value As String)
    ThisWorkbook.Names(cellName).RefersToRange.Value = value
End Sub
Public Function Place() As String
    Place = ActiveSheet.Name & "!" & ActiveCell.Address
End Function
Public Function PlaceOf(ByVal tableName As String, ByVal heading As String) As String
    PlaceOf = ColumnOf(TableRange(tableName), heading).Cells(1, 1).Address
End Function
Public Function Setting(ByVal settingName As String) As Variant
    Setting = SettingText(settingName)
End Function
"""
"""What a person does with mouse and keyboard."""

YES, NO = 6, 7


class RibbonUi(VBAObject):  # type: ignore[misc]  # an untyped library
    """What Excel hands to onLoad."""

    redrawn = 0

    @method(name="Invalidate")  # type: ignore[untyped-decorator]
    def invalidate(self) -> None:
        self.redrawn += 1


class LostRibbon(VBAObject):  # type: ignore[misc]  # an untyped library
    """What is left of it after a macro was stopped."""

    @method(name="Invalidate")  # type: ignore[untyped-decorator]
    def invalidate(self) -> None:
        raise VBARuntimeError(-2147467259, "Automation error")


@dataclass
class Excel:
    """An open workbook, as a person at the screen has it."""

    app: Any
    control: VBAObject = field(default_factory=VBAObject)

    def press(self, name: str, *arguments: object, answers: tuple[int, ...] = ()) -> None:
        """Press a button; the answers are for the questions that it asks."""
        self.app.dialogs.clear()
        self.app.answer_dialogs(*answers)
        self.app.run(name, self.control, *arguments)
        assert not self.app.interpreter.answers, "a question was not asked"

    def select(self, sheet: str, area: str) -> None:
        self.app.run("SelectArea", sheet, area)

    def do(self, name: str, *arguments: object) -> Any:
        return self.app.run(name, *arguments)

    def shown(self, name: str, *arguments: object) -> Any:
        """What a get… callback gives for the ribbon to show."""
        given = "".join(f"{argument}, " for argument in arguments)
        self.app.add_module(
            f"Public Function Asked(control)\n Dim found\n {name} control, {given}found\n Asked = found\nEnd Function",
            name="Asking",
        )
        return self.app.run("Asked", self.control)

    @property
    def told(self) -> str:
        """All boxes since the last button, one a line."""
        return "\n".join(prompt for _, prompt, _, _ in self.app.dialogs)

    @property
    def bar(self) -> str:
        return str(self.app.evaluate("Application.StatusBar"))

    @property
    def sent(self) -> list[str]:
        """The lines of the requests, the folder first."""
        return str(self.app.evaluate("Sent")).split("\r\n")[:-1]

    @property
    def ran(self) -> str:
        """What Python was told to run."""
        return str(self.app.evaluate("Ran"))

    def with_agent(self) -> None:
        self.app.run("Agent")


def rows() -> list[Row]:
    """Twenty invoices, 101 to 120; one is in Xero, one has a text for an id's neighbour."""
    return [
        {
            "Status": "Fault" if number < 119 else "Synced",
            "Number": f"A{number}",
            "Customer": Link("Kauri Legal", "https://ww5.autotask.net/Autotask/AutotaskExtend?id=7")
            if number != 104
            else "Tui & Co",
            "Xero number": Link(f"INV-{number}", f"https://go.xero.com/app/abc/invoicing/view/{number}")
            if number >= 119
            else None,
            "Total": Decimal(number),
            "Fault": "AX-105 Can't find Xero Contact" if number < 119 else None,
            "What to do": "Choose the contact." if number < 119 else None,
            "Autotask id": number,
        }
        for number in range(101, 121)
    ]


def faults() -> list[Row]:
    return [
        {"Code": code, "Fault": "A title", "Invoice": f"A{number}", "Detail": "What was found", "Autotask id": number}
        for code, number in (("AX-105", 101), ("AX-106", 102), ("AX-505", 103))
    ]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook that has been installed and synced."""
    path = tmp_path_factory.mktemp("filled") / "AutoXero.xlsm"
    path.write_bytes(TARGET.read_bytes())
    lines: list[Row] = [{"Number": "A120", "Line": 1, "Autotask id": number} for number in (120, 120, 119)]
    heads: list[Row] = [{"Action": "Create", "Number": f"A{n}", "Why": "New", "Autotask id": n} for n in (118, 117)]
    project(
        path,
        Projection(
            {"Invoices": rows(), "Faults": faults(), "Preview": heads, "PreviewLines": lines},
            {
                "AutoXeroInbox": "/inbox of Zoe",
                "AutoXeroWorkbook": "wb-1",
                "AutoXeroOrganisation": "Kauri Legal",
                "AutoXeroLastSeen": datetime(2026, 11, 23, 9, 30),  # noqa: DTZ001 - as on the sheet
            },
            {"Currencies": ["AUD", "NZD"]},
        ),
    )
    return path


Opener = Callable[[Path], Excel]


@pytest.fixture
def open_excel() -> Opener:
    def opened(path: Path) -> Excel:
        app = ExcelApplication.open(path, with_vba=False)
        for name, source in modules(MACROS / "vba").items():
            if name != "AutoXeroDisk":
                app.add_module(source, name=name, kind="document" if name.startswith("Sheet") else "standard")
        app.add_module(NO_DISK, name="AutoXeroDisk")
        app.add_module(HANDS + "\nPublic Sub Agent()\n HasAgent = True\nEnd Sub\n", name="Hands")
        return Excel(app)

    return opened


@pytest.fixture
def excel(filled: Path, open_excel: Opener, tmp_path: Path) -> Excel:
    """The filled workbook, open; nobody looks into the inbox, and Python may not be started."""
    copy = tmp_path / "AutoXero.xlsm"
    copy.write_bytes(filled.read_bytes())
    return open_excel(copy)


@pytest.fixture
def with_xlwings(excel: Excel) -> Excel:
    """The same with the VBA of xlwings in it."""
    excel.app.add_module(XLWINGS, name="xlwings")
    return excel
