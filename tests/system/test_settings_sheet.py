"""What people type into Settings, Mappings and the column Do: what cannot be used is told beside it, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from openpyxl.utils import range_boundaries

from agent.checks import test as run_checks
from agent.errors import PlainError
from agent.pretend.troubles import Trouble
from agent.sync import Report, sync
from tests.support import Practice, support
from tests.system.test_dashboard import named
from workbook import layout


def type_rows(practice: Practice, table: str, *rows: Mapping[str, Any]) -> None:
    """Type rows under those of a table and save, as a person would: twins and slips too."""
    book, sheet, place, names = opened(practice, table)
    left, top, right, bottom = place
    width = range(left, right + 1)
    last = max(row for row in range(top, bottom + 1) if any(sheet.cell(row, column).value for column in width))
    for number, row in enumerate(rows, last + 1):
        for name, value in row.items():
            sheet.cell(number, left + names.index(name), value)
    start, end = sheet.cell(top, left), sheet.cell(max(bottom, last + len(rows)), right)
    sheet.tables[table].ref = f"{start.coordinate}:{end.coordinate}"
    book.save(practice.workbook)


def retype(practice: Practice, table: str, match: Mapping[str, Any], cells: Mapping[str, Any]) -> None:
    """Type over cells of the last row that holds this, and save."""
    book, sheet, (left, top, _right, bottom), names = opened(practice, table)
    for number in range(bottom, top, -1):
        if all(sheet.cell(number, left + names.index(name)).value == value for name, value in match.items()):
            for name, value in cells.items():
                sheet.cell(number, left + names.index(name)).value = value
            book.save(practice.workbook)
            return
    raise LookupError(match)


def opened(practice: Practice, table: str) -> tuple[Any, Any, tuple[int, int, int, int], list[str]]:
    """The workbook, the table's sheet, its place there, and its headings."""
    book = openpyxl.load_workbook(practice.workbook, keep_vba=True)
    sheet: Any = next(sheet for sheet in book.worksheets if table in sheet.tables)
    left, top, right, bottom = (number or 0 for number in range_boundaries(sheet.tables[table].ref))
    names = [str(sheet.cell(top, column).value) for column in range(left, right + 1)]
    return book, sheet, (left, top, right, bottom), names


def beside(practice: Practice, table: str, column: str = "") -> dict[Any, str]:
    """What stands under Problem, by the cells of a column; the first column without one."""
    column = column or layout.TABLES[table].key[0]
    return {row[column]: row["Problem"] for row in practice.table(table) if row["Problem"]}


def stopped(practice: Practice, **options: Any) -> str:
    """The words with which a run refuses."""
    with pytest.raises(PlainError) as error:
        practice.sync(**options)
    assert error.value.exit_code == 2
    return str(error.value)


def at(practice: Practice, moment: datetime, **options: Any) -> Report:
    """One run with the agent's clock at that moment."""
    desk = practice.desk()
    desk.ledger.now = lambda: moment
    return sync(desk, **options)


# --- slips in Mappings ------------------------------------------------------------------------------------------------


def test_every_slip_in_mappings_is_told_beside_its_row(practice: Practice) -> None:
    """A twin, a row without its key, an odd company, half a tracking row: nothing is sent, and each row says why."""
    number = practice.world.invoice("Kauri Legal", [support()])
    type_rows(
        practice, "AccountMap",
        {"Billing code": "Twin", "Line type": "Labor", "Xero account": "200"},
        {"Billing code": "twin ", "Line type": "Labor", "Xero account": "260"},
        {"Line type": "Travel", "Xero account": "200"},
    )  # fmt: skip
    type_rows(practice, "TaxMap", {"Tax region": "NZ", "Xero tax rate": True})
    type_rows(practice, "ContactMap", {"Company id": "abc", "Xero contact": "Kauri Legal"})
    type_rows(practice, "TrackingMap", {"Billing code": "Twin", "Tracking category": "Region"})
    told = stopped(practice)
    assert practice.cloud.calls == []
    assert "twice" in beside(practice, "AccountMap")["Twin"]
    assert "no “Billing code”" in beside(practice, "AccountMap", "Line type")["Travel"]
    assert "TRUE or FALSE" in beside(practice, "TaxMap")["NZ"]
    assert "not a number" in beside(practice, "ContactMap")["abc"]
    assert "both a category and an option" in beside(practice, "TrackingMap")["Twin"]
    for where in ("AccountMap: Twin · Labor", "TaxMap: NZ", "ContactMap: abc", "TrackingMap: Twin"):
        assert where in told
    assert "5 problems" in named(practice)["AutoXeroNextStep"]
    assert practice.rows() == {}

    retype(practice, "AccountMap", {"Billing code": "twin "}, {"Billing code": None, "Line type": None,
                                                              "Xero account": None})  # fmt: skip
    retype(practice, "AccountMap", {"Line type": "Travel"}, {"Billing code": "Mileage"})
    retype(practice, "TaxMap", {"Tax region": "NZ"}, {"Xero tax rate": None})
    retype(practice, "ContactMap", {"Company id": "abc"}, dict.fromkeys(("Company id", "Xero contact", "Problem")))
    retype(practice, "TrackingMap", {"Billing code": "Twin"}, {"Tracking category": None})
    practice.sync()
    assert practice.rows()[number]["status"] == "Synced"
    for table in ("AccountMap", "TaxMap", "ContactMap", "TrackingMap"):
        for text in beside(practice, table).values():
            assert text.startswith("Xero has no"), text  # what the demo's accountant left wrong


def test_a_row_that_was_deleted_does_not_come_back(practice: Practice) -> None:
    """To delete a wrong row is a way to mend it."""
    type_rows(practice, "ContactMap", {"Company id": "abc", "Xero contact": "Kauri Legal"})
    stopped(practice)
    retype(practice, "ContactMap", {"Company id": "abc"}, dict.fromkeys(("Company id", "Xero contact", "Problem")))
    practice.sync()
    assert [row for row in practice.table("ContactMap") if row["Company id"]] == []


def test_a_row_that_is_deleted_during_a_run_does_not_come_back(practice: Practice) -> None:
    practice.map("ContactMap", "Xero contact", ("77",), "Nobody Ltd")
    practice.sync()
    assert "Nobody Ltd" in beside(practice, "ContactMap")[77]
    practice.world.invoice("Kauri Legal", [support()])
    desk = practice.desk()

    def delete(text: str) -> None:
        if text == "Reading Xero":
            cells = dict.fromkeys(("Company id", "Xero contact", "Problem"))
            retype(practice, "ContactMap", {"Company id": 77}, cells)

    desk.tell = delete
    sync(desk)
    assert practice.table("Invoices")[0]["Status"] == "Synced"
    assert [row for row in practice.table("ContactMap") if row["Company id"]] == []


def test_a_setting_of_another_name_is_told_beside_it(practice: Practice) -> None:
    type_rows(practice, "Settings", {"Setting": "Mail usr", "Value": "ann"})
    stopped(practice)
    assert "Did you mean “Mail user”?" in beside(practice, "Settings")["Mail usr"]
    retype(practice, "Settings", {"Setting": "Mail usr"}, dict.fromkeys(("Setting", "Value", "Problem")))
    practice.sync()
    assert beside(practice, "Settings") == {}


def test_what_waits_for_a_row_is_counted_once_for_a_company(practice: Practice) -> None:
    """Two invoices looked at on different days may have been offered different names."""
    practice.world.company("Rimu Ltd", in_xero=False)
    practice.world.invoice("Rimu Ltd", [support()])
    practice.sync()
    practice.cloud.xero.add_contact("Rimu Limited")
    practice.world.invoice("Rimu Ltd", [support()])
    practice.sync()
    (row,) = [row for row in practice.table("ContactMap") if row["Autotask company"] == "Rimu Ltd"]
    assert (row["Invoices waiting"], row["Problem"]) == (2, "Choose one, save, and press Resync.")
    assert "Rimu Limited" in row["Nearest names"]
    assert row.get("Money waiting", 667) == 667


# --- the column Do ----------------------------------------------------------------------------------------------------


def test_an_odd_text_under_do_stops_nothing(practice: Practice) -> None:
    """It is answered once in the log and in every run's answer, and left to the person."""
    first = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.map("Invoices", "Do", (str(first),), "ask Ana")
    second = practice.world.invoice("Kauri Legal", [support()])
    report = practice.sync()
    assert practice.rows()[second]["status"] == "Synced"
    assert report.exit_code == 1  # the first was tried, as ever
    assert any("ask Ana" in line and "Never send" in line for line in report.problems)
    practice.sync()
    logged = [row for row in practice.table("Log") if "ask Ana" in str(row["Detail"])]
    assert [(row["Level"], row["Invoice"]) for row in logged] == [("Warning", practice.rows()[first]["number"])]
    assert {row["Do"] for row in practice.table("Invoices") if row["Autotask id"] == first} == {"ask Ana"}
    practice.map("Invoices", "Do", (str(first),), "Never send")
    assert practice.sync().problems == []
    assert practice.rows()[first]["status"] == "Never send"


def test_two_choices_for_one_invoice_are_none(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.map("Invoices", "Do", (str(number),), "Never send")
    practice.map("Faults", "Do", (str(number),), "Resync")
    report = practice.sync()
    assert "both Never send and Resync" in " ".join(report.problems)
    assert practice.rows()[number]["status"] == "Retrying"
    assert practice.table("Invoices")[0]["Do"] == "Never send"


# --- what Xero has not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "typed", "words"),
    [
        ("Default sales account", "9999", "Xero has no account 9999. Nearest: 200 · Sales"),
        ("Default sales account", "Sale", "Nearest: 200 · Sales"),
        ("Default sales account", "090", "takes no sales"),
        ("Rounding account", "8888", "Xero has no account 8888."),
        ("Default tax rate", "OUTPUT3", "15% GST on Income (OUTPUT2)"),
        ("Currency", "XXX", "It has AUD, NZD."),
    ],
)
def test_a_setting_that_names_what_xero_has_not_stops_all(
    practice: Practice, setting: str, typed: str, words: str
) -> None:
    """It is told beside the cell with the nearest names, from what Xero had when it was last looked at."""
    practice.sync()
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.type_settings({setting: typed})
    assert setting in stopped(practice)
    assert words in beside(practice, "Settings")[setting]
    assert number not in practice.rows()
    assert practice.posts() == 0
    practice.type_settings({setting: None})
    practice.sync()
    assert beside(practice, "Settings") == {}
    assert practice.rows()[number]["status"] == "Synced"


def test_the_first_run_looks_before_it_sends(practice: Practice) -> None:
    """Where nothing is known of Xero yet, nothing is flagged; once it is, nothing is sent by a wrong setting."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.type_settings({"Default sales account": "9999"})
    assert practice.desk().reading.problems == ()
    assert "no account 9999" in stopped(practice)
    assert "no account 9999" in beside(practice, "Settings")["Default sales account"]
    assert practice.posts() == 0


def test_an_account_that_was_made_in_xero_meanwhile_is_known(practice: Practice) -> None:
    """What is remembered is old: before a run that a person asked for is refused, Xero is looked at again."""
    practice.sync()
    practice.type_settings({"Default sales account": "215"})
    stopped(practice)
    calls = len(practice.cloud.calls)
    stopped(practice)  # by the clock, with the same slip: nobody looks again within the hour
    assert len(practice.cloud.calls) == calls
    practice.cloud.xero.add_account("215", "Licences")
    practice.sync(is_asked=True)
    assert beside(practice, "Settings") == {}


def test_the_slip_stays_told_while_xero_is_down(practice: Practice) -> None:
    practice.sync()
    practice.type_settings({"Default sales account": "9999"})
    practice.cloud.troubles.add(Trouble("503", system="xero", times=None))
    assert "no account 9999" in stopped(practice)


def test_a_branding_theme_that_xero_has_not_is_a_warning(practice: Practice) -> None:
    practice.sync()
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.type_settings({"Branding theme": "No such theme"})
    practice.sync()
    assert practice.rows()[number]["status"] == "Synced with warnings"
    assert "No such theme" in " ".join(practice.rows()[number]["warnings"])
    assert "Xero has no branding theme “No such theme”" in beside(practice, "Settings")["Branding theme"]
    assert "Branding theme" in named(practice)["AutoXeroNextStep"]


def test_a_mapping_row_that_leads_nowhere_stops_its_invoices_only(practice: Practice) -> None:
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "9999")
    practice.map("TaxMap", "Xero tax rate", ("Mars", ""), "OUTPUT3")
    practice.map("ContactMap", "Xero contact", ("77",), "Kauri Legl")
    bad = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    good = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    assert practice.rows()[good]["status"] == "Synced"
    assert practice.codes()[bad] == "AX-203"
    assert "Xero has no account 9999. Nearest: 200 · Sales" in beside(practice, "AccountMap")["Drone Survey"]
    assert "15% GST on Income (OUTPUT2)" in beside(practice, "TaxMap")["Mars"]
    assert "Nearest in Xero: Kauri Legal" in beside(practice, "ContactMap")[77]
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    practice.sync()
    assert "Drone Survey" not in beside(practice, "AccountMap")


def test_a_row_of_a_name_that_autotask_nearly_has_says_so(practice: Practice) -> None:
    """It stops nothing; what is like nothing there is left alone."""
    practice.map("AccountMap", "Xero account", ("Remote Suport", ""), "200")
    practice.map("AccountMap", "Xero account", ("Zeppelins", ""), "200")
    practice.map("TaxMap", "Xero tax rate", ("Chatam Islands", ""), "OUTPUT2")
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.sync()
    assert practice.rows()[number]["status"] == "Synced"
    told = beside(practice, "AccountMap")
    assert told["Remote Suport"] == "Autotask has no billing code “Remote Suport”. Nearest: Remote Support."
    assert "Zeppelins" not in told
    assert "Nearest: Chatham Islands" in beside(practice, "TaxMap")["Chatam Islands"]


@pytest.mark.parametrize("typed", ["200 - Sales", "200 Sales", "sales", "200 · Sales", " SALES "])
def test_a_label_typed_a_little_differently_is_understood(practice: Practice, typed: str) -> None:
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), typed)
    practice.type_settings({"Default sales account": typed, "Default tax rate": "15% gst on income"})
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    for _ in range(2):
        practice.sync()
    assert practice.rows()[number]["status"] == "Synced"
    assert "Drone Survey" not in beside(practice, "AccountMap")
    assert beside(practice, "Settings") == {}


@pytest.mark.parametrize(
    ("typed", "booked"), [("Hardware (SALES)", "480"), ("Fees · Other", "490"), ("SALES", "200"), ("Sales (NZ)", "470")]
)
def test_a_name_that_looks_like_a_label_is_the_name(practice: Practice, typed: str, booked: str) -> None:
    """Brackets and dots of an account's own name are not taken for another account's code."""
    for code, name in (("470", "Sales (NZ)"), ("480", "Hardware (SALES)"), ("490", "Fees · Other")):
        practice.cloud.xero.add_account(code, name)
    practice.cloud.xero.add_tax_rate("TAX009", "Reduced rate (GST)", "15")
    practice.map("AccountMap", "Xero account", ("Remote Support", ""), typed)
    practice.map("TaxMap", "Xero tax rate", ("NZ GST", ""), "Reduced rate (GST)")
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    lines = [line for document in practice.cloud.xero.documents() for line in document.lines]
    assert [(line.account_code, line.tax_type) for line in lines] == [(booked, "TAX009")]


def test_the_test_says_what_the_sheet_says(practice: Practice) -> None:
    """One look at what was typed: the lines of “autoxero test” are the texts beside the cells."""
    practice.type_settings({"Default sales account": "9999", "Branding theme": "Blue"})
    practice.map("TaxMap", "Xero tax rate", ("Mars", ""), "OUTPUT3")
    lines = {check.name: check.message for check in run_checks(practice.desk())}
    stopped(practice)
    shown = beside(practice, "Settings")
    assert {name: lines[name] for name in shown} == shown
    assert lines["TaxMap: Mars"] == beside(practice, "TaxMap")["Mars"]


# --- the lists behind the drop-downs ----------------------------------------------------------------------------------


def lists(practice: Practice) -> dict[str, Sequence[str]]:
    """The hidden sheet's lists."""
    sheet = openpyxl.load_workbook(practice.workbook)[layout.LISTS_SHEET]
    return {
        str(column[0].value): [str(cell.value) for cell in column[1:] if cell.value] for column in sheet.iter_cols()
    }


@pytest.mark.parametrize("mode", ["Preview", "Live"])
def test_the_drop_downs_are_filled_where_no_invoice_is_open(practice: Practice, mode: str) -> None:
    """A new home whose Start date is to come: its mappings can be chosen all the same."""
    practice.type_settings({"Start date": date.today() + timedelta(days=30), "Sync mode": mode})  # noqa: DTZ011
    practice.cloud.xero.add_tracking("Region", "North", "South")
    practice.sync()
    assert all(lists(practice)[name] for name in layout.LIST_NAMES)


def test_a_new_account_appears_within_the_hour_while_all_is_settled(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.cloud.xero.add_account("215", "Licences")
    now = datetime.now(UTC)
    at(practice, now + timedelta(minutes=59))
    assert "215 · Licences" not in lists(practice)["Accounts"]
    assert practice.sync().calls == {"autotask": 2, "xero": 2}
    report = at(practice, now + timedelta(minutes=61))
    assert "215 · Licences" in lists(practice)["Accounts"]
    assert sum(report.calls.values()) <= 16
    assert sum(at(practice, now + timedelta(minutes=62)).calls.values()) <= 10


# --- what waits for a mapping row -------------------------------------------------------------------------------------


def waits(practice: Practice, table: str = "AccountMap") -> list[tuple[Any, Any, Any]]:
    rows = practice.table(table)
    return [(row["Invoices waiting"], row["Money waiting"], row["Problem"]) for row in rows if row["Invoices waiting"]]


def test_what_waits_is_told_by_currency(practice: Practice) -> None:
    practice.world.company("Wattle Pty", currency="AUD")
    practice.type_settings({"Other currencies": "Allow"})
    practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    assert waits(practice) == [(1, 333.5, "Choose one, save, and press Resync.")]
    practice.world.invoice("Wattle Pty", [support(code="Drone Survey")])
    practice.sync()
    ((count, money, _),) = waits(practice)
    assert count == 2
    assert money.startswith("AUD ")
    assert money.endswith(", NZD 333.50")


def test_what_is_never_sent_waits_for_nothing(practice: Practice) -> None:
    left_out, _ = (practice.world.invoice("Kauri Legal", [support(code="Drone Survey")]) for _ in range(2))
    practice.sync()
    practice.ask("never-send", str(left_out), "--because", "paid in cash")
    practice.sync()
    assert waits(practice)[0][:2] == (1, 333.5)


def test_what_was_chosen_asks_for_resync_only(practice: Practice) -> None:
    practice.type_settings({"Tries before a fault": 1})
    practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    practice.sync()
    assert waits(practice) == [(1, 333.5, "Chosen: press Resync.")]


def test_a_contact_typed_in_another_case_is_understood(practice: Practice) -> None:
    practice.world.company("Rata Cafe", in_xero=False)
    practice.cloud.xero.add_contact("Acmé Group Ltd")
    company = practice.world.companies["Rata Cafe"]
    practice.map("ContactMap", "Xero contact", (str(company),), "acmé  group ltd")
    number = practice.world.invoice("Rata Cafe", [support()])
    practice.sync()
    assert practice.rows()[number]["status"] == "Synced"
    practice.map("ContactMap", "Xero contact", (str(company),), "acmé grp ltd")
    other = practice.world.invoice("Rata Cafe", [support("3")])
    practice.sync()
    assert practice.codes()[other] == "AX-105"
    assert "Nearest in Xero: Acmé Group Ltd" in practice.rows()[other]["fault"]["detail"]
