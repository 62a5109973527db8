"""The buttons in a real spreadsheet program: the real workbook, the real callbacks, real files, the real agent."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pytest

from agent.inbox import Inbox, Request, parse
from tests.support import Practice, support
from tests.system.test_service import going
from workbook.build import TARGET
from workbook.project import Projection, Row, project

PYTHON = "/usr/bin/python3"
DRIVER = Path(__file__).with_name("driver.py")

HEARD = """
Private words As String
Private says As Boolean
Public Sub Tell(ByVal message As String)
    words = words & "BOX " & message & Chr(10)
End Sub
Public Sub Say(ByVal message As String)
    words = words & "BAR " & message & Chr(10)
End Sub
Public Sub TellFailure(ByVal description As String)
    words = words & "FAILURE " & description & Chr(10)
End Sub
Public Function IsAgreed(ByVal question As String) As Boolean
    words = words & "QUESTION " & question & Chr(10)
    IsAgreed = True
End Function
Public Function Heard() As String
    Heard = words
    words = ""
End Function
"""
"""Stands in for AutoXeroTell: without a window LibreOffice shows no box and no status bar."""

HANDS = """
Public Sub SelectArea(ByVal sheetName As String, ByVal area As String)
    ThisWorkbook.Worksheets(sheetName).Activate
    ActiveSheet.Range(area).Select
End Sub
Public Sub Hide(ByVal area As String)
    ActiveSheet.Range(area).EntireRow.Hidden = True
End Sub
Public Function Place() As String
    Place = ActiveSheet.Name & "!" & ActiveCell.Address
End Function
Public Function Cell(ByVal sheetName As String, ByVal area As String) As String
    Cell = ThisWorkbook.Worksheets(sheetName).Range(area).Value
End Function
Public Function Shown(ByVal settingName As String) As String
    Shown = SettingText(settingName)
End Function
"""
XLWINGS = """
Private commands As String
Public Function RunPython(ByVal command As String)
    commands = commands & command
End Function
Public Function Ran() As String
    Ran = commands
End Function
"""


class LibreOffice:
    """A LibreOffice that runs beside the test."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("soffice") or ""
        arguments = [PYTHON, str(DRIVER), program, (folder / "profile").as_uri()]
        self.driver = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def ask(self, name: str, *arguments: Any) -> Any:
        assert self.driver.stdin is not None
        assert self.driver.stdout is not None
        print(json.dumps([name, *arguments]), file=self.driver.stdin, flush=True)
        answer = json.loads(self.driver.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def open(self, path: Path, *, with_xlwings: bool = False) -> None:
        self.ask("open", str(path))
        self.ask("module", "AutoXeroTell", HEARD)
        self.ask("module", "Hands", HANDS)
        if with_xlwings:
            self.ask("module", "xlwings", XLWINGS)

    def press(self, name: str, *arguments: Any) -> str:
        """Press a button; gives what it said."""
        self.ask("run", f"AutoXeroRibbon.{name}", "control", *arguments)
        return str(self.ask("run", "AutoXeroTell.Heard"))

    def select(self, sheet: str, area: str) -> None:
        self.ask("run", "Hands.SelectArea", sheet, area)

    def end(self) -> None:
        self.driver.communicate(timeout=60)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LibreOffice]:
    if (
        shutil.which("soffice") is None
        or subprocess.run([PYTHON, "-c", "import uno"], check=False, capture_output=True).returncode
    ):
        if os.environ.get("CI"):
            pytest.fail("soffice and python3-uno are needed on CI")
        pytest.skip("soffice or python3-uno is not installed")
    office = LibreOffice(tmp_path_factory.mktemp("office"))
    yield office
    office.end()


@pytest.fixture
def office(program: LibreOffice) -> Iterator[LibreOffice]:
    yield program
    program.ask("close")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in box"
    folder.mkdir()
    return folder


@pytest.fixture
def path(tmp_path: Path, inbox: Path) -> Path:
    """The workbook as an installation and a sync leave it."""
    path = tmp_path / "AutoXero.xlsm"
    path.write_bytes(TARGET.read_bytes())
    rows: list[Row] = [
        {"Status": "Fault", "Number": f"A{n}", "Fault": "AX-105 No contact", "Total": Decimal(n), "Autotask id": n}
        for n in range(101, 121)
    ]
    faults: list[Row] = [{"Code": "AX-105", "Invoice": f"A{n}", "Autotask id": n} for n in (101, 102)]
    names = {"AutoXeroInbox": str(inbox), "AutoXeroWorkbook": "wb-1"}
    project(path, Projection({"Invoices": rows, "Faults": faults}, names, {"Currencies": ["AUD", "NZD"]}))
    return path


class Agent(threading.Thread):
    """Plays the agent's part at the inbox: claims what comes, and keeps it."""

    def __init__(self, folder: Path, *, is_rude: bool = False) -> None:
        super().__init__()
        self.folder, self.is_rude = folder, is_rude
        self.contents: dict[str, bytes] = {}
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            for path in self.folder.glob("*.request"):
                self.contents[path.stem] = path.read_bytes()
                if self.is_rude:
                    path.unlink()
                else:
                    path.rename(path.with_suffix(".taken"))
            time.sleep(0.01)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()

    def request(self) -> Request:
        """The one request that came, as the real agent reads it."""
        [(name, content)] = self.contents.items()
        found = parse(name, content, datetime.now(UTC))
        assert isinstance(found, Request), found
        return found


def test_a_request_arrives_with_the_selected_ids(office: LibreOffice, path: Path, inbox: Path) -> None:
    office.open(path)
    office.select("Invoices", "B6:C7,A9:A10")
    with Agent(inbox) as agent:
        said = office.press("OnNeverSend")
    found = agent.request()
    assert (found.verb, sorted(found.ids), found.workbook) == ("never-send", [102, 103, 105, 106], "wb-1")
    assert said.splitlines() == [
        "QUESTION Leave 4 invoices out for good? Resync takes that back.",
        "BAR Asking the agent ...",
        "BAR AutoXero has taken it; the sheet Invoices shows the result.",
    ]
    assert [file.suffix for file in inbox.iterdir()] == [".taken"]


def test_every_request_is_one_that_the_agent_takes(office: LibreOffice, path: Path, inbox: Path) -> None:
    """The agent's own reader takes them all, and no two have one name."""
    office.open(path)
    office.select("Faults", "D5:D6")
    buttons = ("OnSyncNow", "OnPreview", "OnRefresh", "OnResync", "OnSendAgain", "OnResyncFault", "OnUseSuggested",
               "OnCreateInXero", "OnSendThese", "OnTest", "OnConnectAutotask", "OnConnectXero", "OnBundle")  # fmt: skip
    names = set()
    for button in buttons:
        with Agent(inbox) as agent:
            assert "has taken it" in office.press(button)
        found = agent.request()
        names.add(found.name)
        assert found.ids == ((101, 102) if button in buttons[3:5] + buttons[6:9] else ())
        assert found.fault == ("AX-105" if button == "OnResyncFault" else "")
    assert len(names) == len(buttons)


def test_hidden_rows_and_whole_columns(office: LibreOffice, path: Path, inbox: Path) -> None:
    office.open(path)
    office.select("Invoices", "C:C")
    office.ask("run", "Hands.Hide", "A6:A22")
    with Agent(inbox) as agent:
        office.press("OnResync")
    assert agent.request().ids == (101, 119, 120)


def test_more_than_five_thousand_are_told(office: LibreOffice, path: Path, inbox: Path) -> None:
    """Long before the request would be larger than the agent takes."""
    more: list[Row] = [{"Status": "Waiting", "Autotask id": 10_000_000_000_000 + n} for n in range(4981)]
    project(path, Projection({"Invoices": more}))
    office.open(path)
    office.select("Invoices", "C:C")
    assert office.press("OnResync").startswith("BOX Too many invoices are selected for one request (at most 5000).")
    assert list(inbox.iterdir()) == []


def test_what_nobody_takes_is_set_aside_and_python_does_it(office: LibreOffice, path: Path, inbox: Path) -> None:
    """The very request that was pressed, as the agent's own reader finds it: no agent takes it any more."""
    office.open(path, with_xlwings=True)
    office.select("Invoices", "A6")
    begun = time.monotonic()
    said = office.press("OnSendAgain")
    assert 0.9 < time.monotonic() - begun < 20
    assert "BOX" not in said
    [asked] = inbox.iterdir()
    assert office.ask("run", "xlwings.Ran") == f"import macros.actions as a; a.do('{asked.stem}')"
    assert asked.suffix == ".asked"
    taken = Inbox(inbox)
    assert taken.take(datetime.now(UTC), "wb-1") == []
    found = taken.take_asked(asked.stem, datetime.now(UTC), "wb-1")
    assert isinstance(found, Request), found
    assert (found.verb, found.ids) == ("send-again", (102,))


def test_what_was_taken_at_the_last_moment_is_not_done_twice(office: LibreOffice, path: Path, inbox: Path) -> None:
    """The request is gone when the button wants to withdraw it: then somebody does it."""
    office.open(path, with_xlwings=True)
    with Agent(inbox, is_rude=True) as agent:
        said = office.press("OnSyncNow")
    assert agent.request().verb == "sync"
    assert "has taken it" in said
    assert office.ask("run", "xlwings.Ran") == ""


def test_words_where_there_is_no_way_at_all(office: LibreOffice, path: Path, inbox: Path) -> None:
    """No agent, and no xlwings in this copy; then not even a folder: no error, but what to do."""
    office.open(path)
    said = office.press("OnSyncNow")
    assert "FAILURE" not in said
    assert "BOX The agent did not answer, and Excel may not or cannot start Python here; nothing was done." in said
    shutil.rmtree(inbox)
    inbox.touch()
    said = office.press("OnSyncNow")
    assert "FAILURE" not in said
    assert f"takes nothing from you; nothing was done: {inbox}" in said


def test_a_copy_says_that_it_is_one(office: LibreOffice, path: Path, inbox: Path) -> None:
    """By another name, or in another folder, with its time kept as file managers do; it tells which one is kept."""
    project(path, Projection(names={"AutoXeroPath": str(path)}))
    office.open(path)
    with Agent(inbox):
        assert "has taken it" in office.press("OnSyncNow")
    office.ask("close")
    other = path.parent / "elsewhere"
    other.mkdir()
    for copy in (path.with_name("Copy of AutoXero.xlsm"), other / path.name):
        shutil.copy2(path, copy)
        office.open(copy)
        said = office.press("OnSyncNow")
        assert said.startswith("BOX This is a copy of the workbook that the agent keeps")
        assert str(path) in said
        office.ask("close")
    office.open(path)


def test_the_other_buttons_run_here_too(office: LibreOffice, path: Path) -> None:
    office.open(path)
    office.select("Log", "A1")
    assert office.press("OnResync").startswith("BOX Select rows of the sheet Invoices")
    office.press("OnNextFault")
    office.press("OnNextFault")
    assert office.ask("run", "Hands.Place") == "Faults!$C$6"
    assert office.press("OnWhy") == "BOX Invoice: A102\n\n"
    office.press("OnHowToFix")
    assert office.ask("run", "Hands.Place").startswith("Help!")
    assert "Requests go to: " in office.press("OnAbout")
    office.press("OnAllSettings")
    assert office.ask("run", "Hands.Place").startswith("Settings!")
    assert "is now 'No'" in office.press("OnFourDecimals", False)  # noqa: FBT003 - as Excel calls it
    assert office.ask("run", "Hands.Shown", "Four decimal places") == "No"
    office.press("OnCurrency", "", 2)
    assert office.ask("run", "Hands.Shown", "Currency") == "NZD"
    office.press("OnAutotaskNumbers", True)  # noqa: FBT003
    assert office.ask("run", "Hands.Shown", "Use Autotask Numbers") == "Number"


def test_a_pause_that_cannot_be_saved_is_told(office: LibreOffice, path: Path) -> None:
    """Here Save does nothing; the agent reads the saved file."""
    office.open(path)
    before = path.read_bytes()
    said = office.press("OnPause", True)  # noqa: FBT003 - as Excel calls it
    assert path.read_bytes() == before
    assert "could not be saved, so it does not count yet" in said
    assert "autoxero set Paused Yes" in said


def test_ids_are_new_each_time(office: LibreOffice, path: Path, inbox: Path) -> None:
    office.open(path)
    names = set()
    for _ in range(5):
        with Agent(inbox) as agent:
            office.press("OnRefresh")
        names |= set(agent.contents)
    assert len(names) == 5
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", name) for name in names)


def test_from_the_button_through_the_agent_to_the_cell(practice: Practice, program: LibreOffice) -> None:
    """Rows are selected, Never send is pressed, the real agent takes it and answers; opened again the cells tell it."""
    practice.world.company("Rata Cafe", in_xero=False)
    other, wanted = (practice.world.invoice("Rata Cafe", [support()]) for _ in range(2))
    practice.sync()
    practice.desk().ledger.remember(workbook_id="wb-1")
    names = {"AutoXeroInbox": str(practice.home / "inbox"), "AutoXeroWorkbook": "wb-1"}
    project(practice.workbook, Projection(names=names))
    program.open(practice.workbook)
    row = {line["Autotask id"]: place for place, line in enumerate(practice.table("Invoices"), 5)}
    assert program.ask("run", "Hands.Cell", "Invoices", f"B{row[wanted]}") == "Retrying"
    with going(practice) as service:
        program.select("Invoices", f"C{row[wanted]}")
        assert "has taken it" in program.press("OnNeverSend")
        answers = practice.home / "inbox"
        for _ in range(3000):
            if any(answers.glob("*.answer")):
                break
            time.sleep(0.01)
        program.ask("close")
        service.worker.settle()
    practice.command("rebuild", "--workbook", str(practice.workbook))
    program.open(practice.workbook)
    found = [program.ask("run", "Hands.Cell", "Invoices", f"B{row[invoice]}") for invoice in (wanted, other)]
    program.ask("close")
    assert found == ["Never send", "Retrying"]
