"""The ribbon's actions, for real: the xlwings API over an Excel in memory, against the pretend cloud."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from agent.alive import one_agent
from macros import actions
from tests.memory_excel import Excel, Workbook, caller, running_excel
from tests.support import Practice, support


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

    def select(self, *ids: int, table: str = "Invoices") -> None:
        """Select rows, each an area of its own."""
        shown = [row["Autotask id"] for row in self.book.rows(table)]
        self.excel.select(self.book.list_object(table), *(shown.index(item) for item in ids))

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


def test_resync_tries_the_visible_selected_rows_only(office: Office) -> None:
    """Three rows in two areas, one of them filtered away: two are tried, and the accountant's column is as it was."""
    first, hidden, third, unselected = faulty(office, 4)
    column = office.book.add_column("Invoices", "Checked by", before="Customer")
    table = office.book.list_object("Invoices")
    notes = {(table.top + row, column): f"Ann {row}" for row in range(1, 5)}
    table.sheet.values |= notes
    table.sheet.hidden = {table.top + 2}
    office.excel.select(table, (0, 1), 2)
    told = actions.resync()
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
    told = actions.sync_now()
    assert "1 sent to Xero" in told
    assert office.practice.workbook.read_bytes() == before
    shown = office.invoice(number)
    assert (shown["Status"], shown["Total"]) == ("Synced", 333.5)
    assert office.book.named("AutoXeroMode") == "Live"
    assert not office.book.is_saved
    assert any("Reading Autotask" in text for text in office.excel.status)


def test_a_whole_column_means_the_table_and_no_row_beyond(office: Office) -> None:
    ids = faulty(office, 2)
    table = office.book.list_object("Invoices")
    office.excel.select_column(table.sheet, table.left)
    assert actions.never_send()
    assert {office.invoice(item)["Status"] for item in ids} == {"Never send"}


@pytest.mark.parametrize("sheet", ["Settings", "Dashboard"])
def test_the_wrong_sheet_is_told(office: Office, sheet: str) -> None:
    office.excel.select_column(office.book.sheet(sheet), 1)
    assert actions.resync() == f"Select rows on the sheet Invoices or Faults first; this is the sheet {sheet}."


@pytest.mark.usefixtures("office")
def test_no_cells_are_selected() -> None:
    assert "not a chart or a picture" in actions.resync()


def test_only_hidden_or_blank_rows_are_selected(office: Office) -> None:
    (number,) = faulty(office)
    table = office.book.list_object("Invoices")
    office.select(number)
    table.sheet.hidden = {table.top + 1}
    assert "holds no invoice" in actions.resync()


def test_resync_all_like_this_takes_the_fault_of_the_selected_row(office: Office) -> None:
    ids = faulty(office, 3)
    office.select(ids[1], table="Faults")
    actions.resync_all_like_this()
    assert {office.invoice(item)["Status"] for item in ids} == {"Synced"}
    assert not any(row["Autotask id"] for row in office.book.rows("Faults"))


def test_never_send_and_send_again(office: Office) -> None:
    number = office.practice.world.invoice("Kauri Legal", [support()])
    office.practice.sync()
    office.reopen()
    office.select(number)
    assert "is in Xero as" in actions.send_again()  # it would make two
    assert office.practice.posts() == 1
    assert "in Xero already" in actions.never_send()


def test_send_these_confirms_what_waits(office: Office) -> None:
    office.practice.set(Most_invoices_in_one_run=1)
    ids = [office.practice.world.invoice("Kauri Legal", [support(str(count))]) for count in (1, 2)]
    office.practice.sync()
    office.reopen()
    assert {office.invoice(item)["Status"] for item in ids} == {"Synced", "Waiting"}
    actions.send_these()
    assert {office.invoice(item)["Status"] for item in ids} == {"Synced"}


def test_use_suggested_contact_and_create_in_xero(office: Office) -> None:
    office.practice.world.company("Rimu Ltd", in_xero=False)
    number = office.practice.world.invoice("Rimu Ltd", [support()])
    office.practice.sync()
    office.reopen()
    office.select(number, table="Faults")
    assert "no suggestion is clear" in actions.use_suggested_contact()
    assert "is in Xero as" in actions.create_in_xero()
    assert office.invoice(number)["Xero contact"] == "Rimu Ltd"


def test_preview_refresh_and_test(office: Office) -> None:
    office.practice.world.invoice("Kauri Legal", [support()])
    assert "1 invoices would be sent" in actions.preview()
    assert office.book.rows("Preview")[0]["Total"] == 333.5
    assert office.practice.posts() == 0
    assert "Xero has no active account 280" in actions.test_connections()
    assert office.book.named("AutoXeroXero") == "Connected"
    table = office.book.list_object("Preview")
    table.sheet.values[table.top + 1, table.left] = "typed over"
    assert "show what the ledger says" in actions.refresh()
    assert office.book.rows("Preview")[0]["Action"] == "Send"


def test_why_and_how_to_fix(office: Office) -> None:
    (number,) = faulty(office)
    office.select(number)
    assert "AX-109" in actions.why()
    assert "Drone Survey" in actions.why()
    assert "AX-109" in actions.how_to_fix()


def test_open_in_xero_and_autotask(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    number = office.practice.world.invoice("Kauri Legal", [support()])
    office.practice.sync()
    office.reopen()
    office.select(number)
    pages: list[str] = []

    def browser(page: str) -> bool:
        pages.append(page)
        return True

    monkeypatch.setattr("webbrowser.open", browser)
    assert actions.open_in_xero() == "Opened 1 page of Xero in the browser."
    assert actions.open_in_autotask() == "Opened 1 page of Autotask in the browser."
    assert "InvoiceID=" in pages[0]
    assert "OpenAccount" in pages[1]
    assert list(office.book.sheet("Invoices").formulas.values()).count(f'=HYPERLINK("{pages[0]}","INV-0001")') <= 1


def test_settings_are_typed_into_the_open_workbook_and_count_once_saved(office: Office) -> None:
    def value(name: str) -> Any:
        return next(row["Value"] for row in office.book.rows("Settings") if row["Setting"] == name)

    office.practice.world.invoice("Kauri Legal", [support()])
    actions.sync_now()  # from then on it is known which currencies there are
    assert actions.four_decimals(on=False) == (
        "“Four decimal places” is now “No”. It counts once the workbook is saved."
    )
    assert value("Four decimal places") == "No"
    assert actions.autotask_numbers(on=True)
    assert value("Use Autotask Numbers") == "Number"
    assert actions.currency("AUD")
    assert value("Currency") == "AUD"
    assert "Nothing was changed" in actions.currency("dollars")
    assert value("Currency") == "AUD"
    assert not office.book.is_saved
    assert "saved" in actions.pause()
    assert office.book.is_saved
    assert value("Paused") == "Yes"
    actions.go_on()
    assert value("Paused") == "No"
    office.book.is_read_only = True
    assert "to read only" in actions.pause()


def test_settings_typed_since_the_last_save_must_be_saved_first(office: Office) -> None:
    """Unsaved typing never steers money, and nothing is done by settings that the screen no longer shows."""
    office.practice.world.invoice("Kauri Legal", [support()])
    actions.refresh()
    assert not office.book.is_saved  # what the agent wrote alone stops nothing
    assert "1 sent" in actions.sync_now()
    actions.four_decimals(on=False)
    office.practice.world.invoice("Kauri Legal", [support("3")])
    told = actions.sync_now()
    assert told.startswith("Save the workbook first: “Four decimal places”")
    assert office.practice.posts() == 1


def test_a_mapping_chosen_since_the_last_save_must_be_saved_first(office: Office) -> None:
    office.practice.world.invoice("Kauri Legal", [support()])
    table = office.book.list_object("AccountMap")
    column = next(c for c in range(table.left, table.right + 1) if table.sheet.values[4, c] == "Xero account")
    table.sheet.enter((table.top + 1, column), "'210")
    assert actions.sync_now().startswith("Save the workbook first: AccountMap")
    assert office.practice.posts() == 0


def test_an_agent_that_lives_gets_the_work_and_excel_is_free_at_once(office: Office) -> None:
    (number,) = faulty(office)
    office.select(number)
    inbox = office.practice.desk().config.inbox
    taken: list[str] = []

    def agent() -> None:
        ends = time.monotonic() + 10
        while not taken and time.monotonic() < ends:
            for path in inbox.glob("*.request"):
                taken.append(path.read_text("ascii"))
                path.rename(path.with_suffix(".taken"))
            time.sleep(0.01)

    with one_agent(office.practice.home):
        worker = threading.Thread(target=agent)
        worker.start()
        begun = time.monotonic()
        told = actions.resync()
        worker.join()
    assert time.monotonic() - begun < 2
    assert "the agent is at it" in told
    assert f"verb=resync\nids={number}\n" in taken[0]
    assert office.practice.rows()[number]["status"] == "Fault"


def test_a_request_that_no_agent_takes_is_withdrawn_and_done_here(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.buttons._TAKEN_WITHIN", 0.1)
    (number,) = faulty(office)
    office.select(number)
    with one_agent(office.practice.home):
        actions.resync()
    assert office.invoice(number)["Status"] == "Synced"
    assert list(office.practice.desk().config.inbox.iterdir()) == []


def test_a_run_under_way_is_told_at_once(office: Office) -> None:
    with FileLock(office.practice.home / "agent.lock"):
        assert actions.sync_now().startswith("Another sync is under way.")


def test_a_refused_sign_in_is_told_in_words_and_shown(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.practice.world.invoice("Kauri Legal", [support()])
    monkeypatch.setenv("AUTOXERO_AUTOTASK_SECRET", "wrong")
    told = actions.sync_now()
    assert "Autotask refused the secret" in told
    assert office.book.named("AutoXeroAutotask").startswith("AX-30")


def test_a_run_that_takes_too_long_frees_excel(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.buttons.LONGEST", 0.0)
    office.practice.world.invoice("Kauri Legal", [support()])
    assert "so that Excel is free again" in actions.sync_now()
    assert office.practice.posts() == 0


def test_a_bug_becomes_a_sentence_and_a_report(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("agent.asked.sync", broken)
    told = actions.sync_now()
    report = next(office.practice.home.glob("bug-*.txt"))
    assert str(report) in told
    assert "ZeroDivisionError" in report.read_text(encoding="utf-8")


def test_a_cell_being_edited_is_told(office: Office) -> None:
    office.excel.editing = 1
    assert "being edited" in actions.sync_now()


def test_a_workbook_from_onedrive_is_told_what_to_do(office: Office) -> None:
    office.reopen("https://contoso.sharepoint.com/sites/books/AutoXero.xlsm")
    assert "OneDrive or SharePoint" in actions.sync_now()
    assert "autoxero install" in actions.sync_now()


def test_a_copy_and_another_workbook_are_refused(office: Office, tmp_path: Path) -> None:
    office.practice.world.invoice("Kauri Legal", [support()])
    actions.sync_now()
    copy = tmp_path / "Copy of AutoXero.xlsm"
    copy.write_bytes(office.practice.workbook.read_bytes())
    office.excel.books.clear()
    office.book = office.excel.open(copy)
    caller(office.excel, office.book)
    office.practice.world.invoice("Kauri Legal", [support("3")])
    assert "a copy of the agent's workbook" in actions.sync_now()
    assert office.practice.posts() == 1


@pytest.mark.usefixtures("office")
def test_connect_bundle_and_about() -> None:
    assert "autoxero connect xero" in actions.connect_xero()
    assert "autoxero connect autotask" in actions.connect_autotask()
    assert actions.support_bundle()
    assert "AutoXero 0." in actions.about()
    assert "not running" in actions.about()


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
