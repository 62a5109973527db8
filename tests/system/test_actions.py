"""The ribbon's actions, for real: the xlwings API over an Excel in memory, against the pretend cloud."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from macros import actions
from tests.memory_excel import Excel, Workbook, caller, running_excel
from tests.support import Practice, support
from workbook.project import Projection, project


class Office:
    """A practice whose workbook is open in an Excel, as its accountant has it in front of them."""

    def __init__(self, practice: Practice, excel: Excel) -> None:
        self.practice = practice
        self.excel = excel
        self.book: Workbook = excel.open(practice.workbook)
        caller(excel, self.book)

    def reopen(self, full_name: str = "") -> None:
        """Close the workbook without saving, and open the file."""
        self.excel.books.clear()
        self.book = self.excel.open(self.practice.workbook, full_name)
        caller(self.excel, self.book)

    def invoice(self, autotask_id: int) -> dict[str, Any]:
        return next(row for row in self.book.rows("Invoices") if row["Autotask id"] == autotask_id)

    def press(self, verb: str, *ids: int, fault: str = "", **more: str) -> str:
        """What a button leaves in the inbox where no agent takes it, carried out as Excel's own Python does."""
        name, folder = str(uuid.uuid4()), self.practice.desk().config.inbox
        folder.mkdir(parents=True, exist_ok=True)
        pairs = {"verb": verb, "workbook": self.practice.desk().ledger.fact("workbook_id"), **more}
        pairs |= {"ids": ",".join(map(str, ids))} if ids else {}
        pairs |= {"fault": fault} if fault else {}
        lines = "".join(f"{key}={value}\r\n" for key, value in pairs.items())
        (folder / f"{name}.asked").write_text(lines, "ascii")
        return actions.do(name)

    @property
    def status_bar(self) -> str:
        return self.excel.status[-1]


@pytest.fixture
def office(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    for name, value in {**practice.cloud.environment, "AUTOXERO_HOME": str(practice.home)}.items():
        monkeypatch.setenv(name, value)
    with running_excel() as excel:
        yield Office(practice, excel)


def faulty(office: Office, count: int = 1) -> list[int]:
    """Invoices that fail until Drone Survey is mapped, and are in fault by now; the workbook is opened after that."""
    found = [office.practice.world.invoice("Kauri Legal", [support(code="Drone Survey")]) for _ in range(count)]
    for _ in range(3):
        office.practice.sync()
    office.practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    office.reopen()
    return found


def test_resync_tries_what_was_selected_when_the_button_was_pressed(office: Office) -> None:
    """Two of four are tried, and the accountant's column is as it was."""
    first, hidden, third, unselected = faulty(office, 4)
    column = office.book.add_column("Invoices", "Checked by", before="Customer")
    table = office.book.list_object("Invoices")
    notes = {(table.top + row, column): f"Ann {row}" for row in range(1, 5)}
    table.sheet.values |= notes
    told = office.press("resync", first, third)
    assert "is in Xero as" in told
    assert office.status_bar.startswith(told[:100])
    assert [office.invoice(item)["Status"] for item in (first, hidden, third, unselected)] == [
        "Synced", "Fault", "Synced", "Fault",
    ]  # fmt: skip
    assert office.practice.rows()[hidden]["status"] == "Fault"
    assert {place: table.sheet.values[place] for place in notes} == notes


def test_the_file_is_left_to_excel_and_the_open_sheets_show_the_outcome(office: Office) -> None:
    number = office.practice.world.invoice("Kauri Legal", [support()])
    before = office.practice.workbook.read_bytes()
    told = office.press("sync")
    assert "1 sent to Xero" in told
    assert office.practice.workbook.read_bytes() == before
    shown = office.invoice(number)
    assert (shown["Status"], shown["Total"]) == ("Synced", 333.5)
    assert office.book.named("AutoXeroMode") == "Live"
    assert not office.book.is_saved
    assert any("Reading Autotask" in text for text in office.excel.status)


def test_resync_all_like_this_takes_the_fault_of_the_selected_row(office: Office) -> None:
    ids = faulty(office, 3)
    office.press("resync-fault", fault="AX-109")
    assert {office.invoice(item)["Status"] for item in ids} == {"Synced"}
    assert not any(row["Autotask id"] for row in office.book.rows("Faults"))


def test_never_send_and_send_again(office: Office) -> None:
    number = office.practice.world.invoice("Kauri Legal", [support()])
    office.practice.sync()
    office.reopen()
    assert "is in Xero as" in office.press("send-again", number)  # it would make two
    assert office.practice.posts() == 1
    assert "in Xero already" in office.press("never-send", number)


def test_send_these_confirms_what_was_selected_and_nothing_else(office: Office) -> None:
    office.practice.set(Most_invoices_in_one_run=1)
    ids = [office.practice.world.invoice("Kauri Legal", [support(str(count))]) for count in (1, 2, 3)]
    office.practice.sync()
    office.reopen()
    assert [office.invoice(item)["Status"] for item in ids] == ["Synced", "Waiting", "Waiting"]
    office.press("send-these", ids[1])
    assert [office.invoice(item)["Status"] for item in ids] == ["Synced", "Synced", "Waiting"]
    assert office.practice.posts() == 2


def test_use_suggested_contact_and_create_in_xero(office: Office) -> None:
    office.practice.world.company("Rimu Ltd", in_xero=False)
    number = office.practice.world.invoice("Rimu Ltd", [support()])
    office.practice.sync()
    office.reopen()
    assert "no suggestion is clear" in office.press("use-suggested", number)
    assert "is in Xero as" in office.press("create-in-xero", number)
    assert office.invoice(number)["Xero contact"] == "Rimu Ltd"


def test_preview_refresh_and_test(office: Office) -> None:
    office.practice.world.invoice("Kauri Legal", [support()])
    assert "1 invoices would be sent" in office.press("preview")
    assert office.book.rows("Preview")[0]["Total"] == 333.5
    assert office.practice.posts() == 0
    assert "Xero has no active account 280" in office.press("test")
    assert office.book.named("AutoXeroXero") == "Connected"
    table = office.book.list_object("Preview")
    table.sheet.values[table.top + 1, table.left] = "typed over"
    assert "show what the ledger says" in office.press("refresh")
    assert office.book.rows("Preview")[0]["Action"] == "Send"


def test_an_answer_is_on_the_sheet_and_in_the_inbox(office: Office) -> None:
    """The sheet Log shows it at once, and nothing of the request is left to be done again."""
    told = office.press("bundle")
    assert [str(path) in told for path in office.practice.workbook.parent.glob("*.zip")] == [True]
    assert office.book.rows("Log")[0]["Detail"] == told
    assert office.book.rows("Log")[0]["Event"] == "Button: Support bundle"
    assert {path.suffix for path in office.practice.desk().config.inbox.iterdir()} == {".doing", ".answer"}


def test_a_request_is_carried_out_once(office: Office) -> None:
    (number,) = faulty(office)
    office.press("resync", number)
    [claimed] = office.practice.desk().config.inbox.glob("*.doing")
    assert "nothing was done" in actions.do(claimed.stem)
    assert "nothing was done" in actions.do("../../etc/passwd")
    shutil.copy(claimed, claimed.with_suffix(".asked"))
    claimed.unlink()
    assert "not done twice" in actions.do(claimed.stem)
    assert office.book.rows("Log")[0]["Event"] == "Request refused"
    assert office.practice.posts() == 1


def test_a_request_that_the_inbox_refuses_is_refused_here(office: Office) -> None:
    assert "another workbook" in office.press("sync", workbook="someone-elses")
    assert "does not know" in office.press("format-disk")
    assert "No invoice was selected" in office.press("resync")
    refused = [row for row in office.practice.desk().ledger.log_rows(10) if row["event"] == "Request refused"]
    assert len(refused) == 3
    assert office.practice.posts() == 0


def test_another_users_workbook_is_left_alone(office: Office, tmp_path: Path) -> None:
    """Its buttons reach nobody here: its sheets are not written from a ledger that knows nothing of it."""
    office.practice.world.invoice("Kauri Legal", [support()])
    office.press("sync")
    project(office.practice.workbook, Projection(names={"AutoXeroInbox": str(tmp_path / "Ann" / "inbox")}))
    office.reopen()
    before = office.book.rows("Invoices")
    for verb in ("refresh", "sync"):
        assert "belongs to another user of this computer" in office.press(verb)
    assert office.book.rows("Invoices") == before


def test_settings_typed_since_the_last_save_must_be_saved_first(office: Office) -> None:
    """Unsaved typing never steers money, and nothing is done by settings that the screen no longer shows."""
    office.practice.world.invoice("Kauri Legal", [support()])
    office.press("refresh")
    assert not office.book.is_saved  # what the agent wrote alone stops nothing
    assert "1 sent" in office.press("sync")
    table = office.book.list_object("Settings")
    row = next(number for number, row in enumerate(office.book.rows("Settings"), 1) if row["Setting"] == "Paused")
    column = next(c for c in range(table.left, table.right + 1) if table.sheet.values[table.top, c] == "Value")
    table.sheet.enter((table.top + row, column), "Yes")
    office.practice.world.invoice("Kauri Legal", [support("3")])
    told = office.press("sync")
    assert told.startswith("Save the workbook first: “Paused”")
    assert office.practice.posts() == 1


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("AccountMap", "Xero account"),
        ("ContactMap", "Xero contact id"),
        ("TrackingMap", "Tracking category"),
        ("TrackingMap", "Tracking option"),
    ],
)
def test_a_mapping_chosen_since_the_last_save_must_be_saved_first(office: Office, name: str, heading: str) -> None:
    office.practice.map("ContactMap", "Xero contact id", ("7",), "c-7")
    office.practice.map("TrackingMap", "Tracking category", ("Remote Support", "Labor"), "Region")
    office.practice.map("TrackingMap", "Tracking option", ("Remote Support", "Labor"), "North")
    office.reopen()
    office.practice.world.invoice("Kauri Legal", [support()])
    table = office.book.list_object(name)
    column = next(c for c in range(table.left, table.right + 1) if table.sheet.values[table.top, c] == heading)
    table.sheet.enter((table.top + 1, column), "'210")
    assert office.press("sync").startswith(f"Save the workbook first: {name}")
    assert office.practice.posts() == 0


def test_mappings_that_are_saved_as_they_stand_stop_nothing(office: Office) -> None:
    office.practice.map("ContactMap", "Xero contact id", ("7",), "c-7")
    office.practice.map("TrackingMap", "Tracking category", ("Remote Support", "Labor"), "Region")
    office.practice.map("TrackingMap", "Tracking option", ("Remote Support", "Labor"), "North")
    office.reopen()
    office.practice.world.invoice("Kauri Legal", [support()])
    office.press("refresh")
    assert not office.book.is_saved
    assert "Save the workbook first" not in office.press("sync")


def test_a_run_under_way_is_waited_for_and_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it takes too long nothing is done, and the button says that it has to be pressed again."""
    monkeypatch.setattr("agent.buttons.A_WHILE", 0.01)
    (number,) = faulty(office)
    with FileLock(office.practice.home / "agent.lock"):
        for verb in ("never-send", "resync"):
            told = office.press(verb, number)
            assert told == "Another sync is under way; nothing was done. Try again in a minute."
    assert any("Waiting for another sync to end" in text for text in office.excel.status)
    assert office.practice.rows()[number]["status"] == "Fault"


def test_a_refused_sign_in_is_told_in_words_and_shown(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.practice.world.invoice("Kauri Legal", [support()])
    monkeypatch.setenv("AUTOXERO_AUTOTASK_SECRET", "wrong")
    told = office.press("sync")
    assert "Autotask refused the secret" in told
    assert office.book.named("AutoXeroAutotask").startswith("AX-30")


def test_a_run_that_takes_too_long_frees_excel(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.buttons.LONGEST", 0.0)
    office.practice.world.invoice("Kauri Legal", [support()])
    assert "so that Excel is free again" in office.press("sync")
    assert office.practice.posts() == 0


def test_a_bug_becomes_a_sentence_and_a_report(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("agent.asked.sync", broken)
    told = office.press("sync")
    report = next(office.practice.home.glob("bug-*.txt"))
    assert str(report) in told
    assert "ZeroDivisionError" in report.read_text(encoding="utf-8")


def test_a_cell_being_edited_is_told(office: Office) -> None:
    office.excel.editing = 1
    assert "being edited" in office.press("sync")


def test_a_workbook_from_onedrive_is_told_what_to_do(office: Office) -> None:
    office.reopen("https://contoso.sharepoint.com/sites/books/AutoXero.xlsm")
    assert "OneDrive or SharePoint" in office.press("sync")
    assert "autoxero install" in office.press("sync")


def test_a_copy_and_another_workbook_are_refused(office: Office, tmp_path: Path) -> None:
    office.practice.world.invoice("Kauri Legal", [support()])
    office.press("sync")
    copy = tmp_path / "Copy of AutoXero.xlsm"
    copy.write_bytes(office.practice.workbook.read_bytes())
    office.excel.books.clear()
    office.book = office.excel.open(copy)
    caller(office.excel, office.book)
    office.practice.world.invoice("Kauri Legal", [support("3")])
    assert "a copy of the agent's workbook" in office.press("sync")
    assert office.practice.posts() == 1


def test_importing_the_actions_costs_little_more_than_xlwings() -> None:
    code = (
        "import sys, xlwings; before = set(sys.modules); import macros.actions; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "macros.actions" in loaded
    heavy = {"sqlalchemy", "alembic", "requests", "lxml", "agent", "openpyxl", "msgspec", "rich"}
    assert not {name.split(".")[0] for name in loaded} & heavy
