"""The sheet Reconcile after real syncs: all invoices since Start date, both sides, every difference explained."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import openpyxl
import pytest

from tests.support import Practice, support
from workbook.layout import AGREE, PROOF_NAME


def named(practice: Practice, name: str) -> Any:
    """What a named cell of the workbook shows."""
    book = openpyxl.load_workbook(practice.workbook, data_only=True)
    sheet, _, place = (book.defined_names[name].attr_text or "").rpartition("!")
    return book[sheet.strip("'")][place.replace("$", "")].value


def link(practice: Practice, table: str, column: str) -> str:
    """The formula in the first row of a table's column."""
    book = openpyxl.load_workbook(practice.workbook)
    sheet = next(sheet for sheet in book.worksheets if table in sheet.tables)
    head, first = list(sheet[sheet.tables[table].ref])[:2]
    return str(next(cell.value for heading, cell in zip(head, first, strict=True) if heading.value == column))


@pytest.fixture
def mixed(practice: Practice) -> Practice:
    """Three invoices in Xero, one of them approved and half paid, a credit note, one in fault, one skipped."""
    world = practice.world
    first = world.invoice("Kauri Legal", [support()])
    world.invoice("Kauri Legal", [support("3")])
    world.company("Rimu Ltd")
    world.invoice("Rimu Ltd", [support("-1")])
    world.invoice("Rimu Ltd", [support(code="Drone Survey")])
    world.invoice("Rimu Ltd", [support("0")])
    practice.sync()
    document = str(practice.rows()[first]["xero_invoice_id"])
    practice.cloud.xero.change(document, status="AUTHORISED")
    practice.cloud.xero.pay(document, Decimal("100.00"), practice.world.today)
    practice.sync(is_asked=True)
    return practice


def test_it_adds_up_to_all_invoices(mixed: Practice) -> None:
    """The rows hold every invoice once, and the line over the sheet says so."""
    rows = mixed.table("Reconcile")
    invoices = mixed.table("Invoices")
    assert sum(row["Invoices in Autotask"] for row in rows) == len(invoices) == 5
    for there, here in (("Net", "Net"), ("Tax", "Tax"), ("Total", "Total")):
        assert round(sum(row[f"{here} in Autotask"] for row in rows), 2) == round(sum(r[there] for r in invoices), 2)
    assert round(sum(row["Total in Xero"] for row in rows), 2) == float(sum(mixed.in_xero().values()))
    assert str(named(mixed, PROOF_NAME)).startswith("100 % of 5 invoices: 3 agree to the cent")


def test_drafts_stand_apart_from_approved(mixed: Practice) -> None:
    rows = {row["Customer"]: row for row in mixed.table("Reconcile")}
    kauri, rimu = rows["Kauri Legal"], rows["Rimu Ltd"]
    assert (kauri["Approved in Xero"], kauri["Drafts in Xero"]) == (333.5, 500.25)
    assert (kauri["Paid"], kauri["Outstanding"], kauri["Difference"]) == (100, 233.5, 0)
    assert (rimu["Drafts in Xero"], rimu["Difference"]) == (-166.75, -333.5)
    assert rimu["Why"].startswith("1 Retrying: AX-109 No Xero account for billing code (")
    assert "1 Skipped: its total is 0.00 (" in rimu["Why"]
    assert rimu["Go to"] == "Sheet Faults"


def test_the_statement_ends_at_what_xero_has(mixed: Practice) -> None:
    lines = {row["Line"].strip(): row for row in mixed.table("ReconcileTotals")}
    assert lines[f"In Autotask since {mixed.world.start}"]["Invoices"] == 5
    assert lines[AGREE]["Invoices"] == 3
    assert lines["In Xero"]["Total"] == float(mixed.in_xero()["NZD"])
    assert lines["of which approved"]["Total"] == 333.5


def test_by_account_and_tax_rate(mixed: Practice) -> None:
    """What was sent stands beside what is in Xero now, on each account; they come to the same sums."""
    rows = mixed.table("ReconcileAccounts")
    assert {(row["Account"], row["Tax rate"]) for row in rows} == {("200", "OUTPUT2")}
    assert sum(row["Net in Xero"] for row in rows) == sum(row["Net sent"] for row in rows) == 580
    assert {row["Net difference"] for row in rows} == {0}


def test_numbers_open_in_xero_and_customers_in_autotask(mixed: Practice) -> None:
    """The text is what it was; the cell opens the document of this organisation, the customer of this Autotask."""
    row = mixed.table("Invoices")[0]
    assert row["Customer"] == "Kauri Legal"
    number = link(mixed, "Invoices", "Xero number")
    assert "https://go.xero.com/organisationlogin/default.aspx?shortcode=!" in number
    assert f"AccountsReceivable/View.aspx?InvoiceID={mixed.rows()[row['Autotask id']]['xero_invoice_id']}" in number
    company = mixed.world.companies["Kauri Legal"]
    assert f"ExecuteCommand.aspx?Code=OpenAccount&AccountID={company}" in link(mixed, "Invoices", "Customer")


def test_sales_that_did_not_come_from_autotask_are_listed(practice: Practice) -> None:
    """A document that someone made in Xero shows; ours do not, nor what is dated before Start date."""
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    before = practice.world.start - dt.timedelta(days=1)
    line = {"Description": "Over the counter", "Quantity": 1, "UnitAmount": "10.00", "AccountCode": "200"}
    for name, day in (("SHOP-1", practice.world.today), ("SHOP-0", before)):
        practice.cloud.xero.add_invoice("Kauri Legal", [line], InvoiceNumber=name, Date=str(day))
    practice.sync(is_asked=True)
    assert [row["Number"] for row in practice.table("NotFromAutotask")] == ["SHOP-1"]
    assert practice.rows()[number]["status"] == "Synced"


def test_the_statement_says_since_when_it_really_counts(mixed: Practice) -> None:
    """What was sent before Start date was moved on is still in both, so the line must not name the later date."""
    earliest = min(row["Date"] for row in mixed.table("Invoices")).date()
    mixed.type_settings({"Start date": mixed.world.today + dt.timedelta(days=1)})
    mixed.sync()
    first = mixed.table("ReconcileTotals")[0]
    assert (first["Line"], first["Invoices"]) == (f"In Autotask since {earliest}", 5)
    assert str(named(mixed, PROOF_NAME)).startswith("100 % of 5 invoices: ")


def test_what_was_changed_since_shows_what_autotask_has_now(practice: Practice) -> None:
    """One re-priced beside an approved document, one voided beside a paid one: the difference stands on the line."""
    repriced, voided = (practice.world.invoice("Kauri Legal", [support()]) for _ in range(2))
    practice.sync()
    for number in (repriced, voided):
        practice.cloud.xero.change(str(practice.rows()[number]["xero_invoice_id"]), status="AUTHORISED")
    practice.cloud.xero.pay(str(practice.rows()[voided]["xero_invoice_id"]))
    practice.reprice(repriced)
    practice.cloud.autotask.void(voided)
    practice.sync(is_asked=True)
    shown = {row["Autotask id"]: (row["Net"], row["Total"], row["Difference"]) for row in practice.table("Invoices")}
    assert shown == {repriced: (435, 500.25, -166.75), voided: (0, 0, 333.5)}
    lines = {row["Line"].strip(): row for row in practice.table("ReconcileTotals")}
    changed, ours, theirs = (
        lines[name] for name in ("Changed since sent", f"In Autotask since {practice.world.start}", "In Xero")
    )
    assert (changed["Invoices"], changed["Total"]) == (2, 166.75)
    assert ours["Total"] + changed["Total"] == theirs["Total"] == 667
    assert practice.rows()[repriced]["total"] == "500.25"


def test_what_was_left_as_it_is_says_so(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.cloud.xero.change(str(practice.rows()[number]["xero_invoice_id"]), status="AUTHORISED")
    practice.reprice(number)
    practice.sync(is_asked=True)
    practice.ask("never-send", str(number), "--because", "agreed")
    practice.sync(is_asked=True)
    (line,) = (row for row in practice.table("ReconcileTotals") if row["Total"] == -166.75)
    assert line["Line"] == "Synced with warnings: left as it is in Xero, as you chose"
