"""Autotask beside Xero: every invoice is in the tables, every difference has its reason, the sums add up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.links import Addresses
from agent.ledger.steps import LineSum
from agent.reconciliation import Reconciliation, by_account, reason
from workbook.cells import Link
from workbook.layout import AGREE, TABLES

D = Decimal
HERE = Addresses("!Pr3tn", "https://ww5.autotask.net/")


def invoice(number: int = 1, net: str = "100.00", tax: str = "15.00", **more: Any) -> dict[str, Any]:
    """An invoice that is in Xero as it is in Autotask, but for what is told otherwise."""
    found: dict[str, Any] = {
        "autotask_id": number, "number": f"T{number}", "company_id": 7, "customer": "Kauri Legal",
        "date": date(2026, 11, 5), "currency": "NZD", "net": D(net), "tax": D(tax), "status": "Synced", "why": "",
        "fault_code": "", "warnings": "", "origin": "sent", "xero_id": f"id-{number}", "xero_kind": "Invoice",
        "xero_number": f"X{number}",
        "xero_status": "AUTHORISED", "xero_net": D(net), "xero_tax": D(tax), "xero_total": D(net) + D(tax),
        "outstanding": D(net) + D(tax),
    }  # fmt: skip
    return found | more


def absent(number: int, status: str, why: str = "", code: str = "") -> dict[str, Any]:
    """An invoice without a document in Xero."""
    nothing: dict[str, Any] = dict.fromkeys(("xero_id", "xero_net", "xero_tax", "xero_total", "outstanding"))
    nothing |= {"xero_kind": "", "xero_number": "", "xero_status": ""}
    return invoice(number, status=status, why=why, fault_code=code, **nothing)


REASONS = [
    (invoice(), ""),
    (absent(1, "Waiting", "Ready to be sent"), "Waiting: Ready to be sent"),
    (absent(1, "Waiting", "The period is closed in Xero", "AX-205"), "Waiting: AX-205 The period is closed in Xero"),
    (absent(1, "Fault", "", "AX-105"), "Fault: AX-105 Can't find Xero Contact with Account Name"),
    (absent(1, "Retrying", "", "AX-109"), "Retrying: AX-109 No Xero account for billing code"),
    (absent(1, "Skipped", "before Start date"), "Skipped: before Start date"),
    (absent(1, "Skipped", "voided in Autotask before it was sent", "AX-102"),
     "Skipped: voided in Autotask before it was sent"),
    (absent(1, "Never send", "paid in cash"), "Never send: paid in cash"),
    (invoice(xero_status="VOIDED", status="Voided"), "Voided in Xero"),
    (invoice(status="Changed since sent", fault_code="AX-208"), "Changed since sent"),
    (invoice(xero_net=D("90.00"), xero_total=D("105.00"), fault_code="AX-213", status="Synced with warnings"),
     "Edited in Xero"),
    (invoice(xero_net=D("90.00"), xero_total=D("105.00"), origin="kept", status="Synced with warnings",
             why="left as it is in Xero, as you chose"),
     "Synced with warnings: left as it is in Xero, as you chose"),
    (invoice(xero_tax=D("14.00"), xero_total=D("114.00"), origin="kept", status="Synced with warnings",
             why="found in Xero when the ledger was made anew; Autotask → Xero: tax 15.00 → 14.00"),
     "Synced with warnings: found in Xero when the ledger was made anew"),
    (invoice(xero_net=D("99.99"), xero_tax=D("15.01")), "Rounding line"),
    (invoice(xero_tax=D("12.50"), xero_total=D("112.50")), "Tax as Xero works it out"),
    (invoice(xero_tax=D("12.50"), xero_total=D("112.50"), fault_code="AX-207", status="Synced with warnings"),
     "Synced with warnings: AX-207 Xero's total differs from ours after posting"),
    (invoice(xero_net=D("1.00"), xero_total=D("16.00")), "Not explained"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "told"), REASONS, ids=[told or "agrees" for _, told in REASONS])
def test_every_difference_has_its_reason(row: dict[str, Any], told: str) -> None:
    assert reason(row) == told


def test_the_statement_leads_from_autotask_to_xero() -> None:
    """All in Autotask, plus the difference of every reason, is all in Xero; drafts stand apart from approved."""
    rows = [
        invoice(1, outstanding=D("15.00")),
        invoice(2, "200.00", "30.00", xero_status="DRAFT"),
        invoice(3, "-50.00", "-7.50", xero_kind="Credit note"),
        absent(4, "Fault", "", "AX-109"),
        absent(5, "Fault", "", "AX-109"),
        invoice(6, currency="AUD"),
    ]
    lines = Reconciliation(rows, base="NZD", since=date(2026, 8, 1)).statement()
    zealand = {str(line["Line"]).strip(): line for line in lines if line["Currency"] == "NZD"}
    assert list(zealand) == [
        "In Autotask since 2026-08-01", AGREE, "Fault: AX-109 No Xero account for billing code", "In Xero",
        "of which drafts, not yet approved", "of which approved", "paid or credited", "outstanding",
    ]  # fmt: skip
    start, agree, fault, end, drafts, approved, paid, outstanding = zealand.values()
    assert [line["Invoices"] for line in (start, agree, fault, end)] == [5, 3, 2, 3]
    assert (start["Total"], fault["Total"], end["Total"]) == (D("517.50"), D("-230.00"), D("287.50"))
    assert (drafts["Total"], approved["Total"]) == (D("230.00"), D("57.50"))
    assert (paid["Total"], outstanding["Total"]) == (D("100.00"), D("-42.50"))
    assert lines[0]["Currency"] == "NZD"


def test_the_books_currency_stands_first() -> None:
    rows = [invoice(1), invoice(2), invoice(3, currency="AUD")]
    assert Reconciliation(rows, base="AUD").statement()[0]["Currency"] == "AUD"
    assert Reconciliation(rows).statement()[0]["Currency"] == "NZD"


CENTS = st.integers(-100_000, 100_000).map(lambda cents: D(cents) / 100)
ROWS = st.lists(
    st.builds(
        lambda row, currency, net, month: {**row[0], "currency": currency, "net": net, "date": date(2026, month, 1)},
        st.sampled_from(REASONS), st.sampled_from(["NZD", "AUD", ""]), CENTS, st.integers(1, 12),
    )
)  # fmt: skip


@given(ROWS)
def test_it_always_adds_up(rows: list[dict[str, Any]]) -> None:
    """Whatever the invoices are: each is counted once on each table, and reasons explain the whole difference."""
    both = Reconciliation(rows)
    table = both.by_customer()
    assert sum(_number(row["Invoices in Autotask"]) for row in table) == len(rows)
    lines = both.statement()
    for currency in {row["currency"] for row in rows}:
        mine = [line for line in lines if line["Currency"] == currency]
        start, *reasons = mine[: [str(line["Line"]) for line in mine].index("In Xero")]
        end = mine[len(reasons) + 1]
        assert sum(_number(line["Invoices"]) for line in reasons) == start["Invoices"]
        for column in ("Net", "Tax", "Total"):
            assert sum((_number(line[column]) for line in reasons), _number(start[column])) == end[column]
        here = [row for row in table if row["Currency"] == currency]
        assert sum(_number(row["Total in Xero"]) for row in here) == end["Total"]
        assert sum(_number(row["Difference"]) for row in here) == _number(end["Total"]) - _number(start["Total"])
    assert both.proof().startswith(f"100 % of {len(rows)} invoices" if rows else "No invoices yet")


def _number(value: object) -> Decimal:
    assert isinstance(value, Decimal | int)
    return D(value)


def test_a_row_has_both_sides_and_names_the_invoices() -> None:
    rows = [
        invoice(1, outstanding=D("15.00")),
        invoice(2, xero_status="SUBMITTED"),
        *(absent(number, "Fault", "", "AX-105") for number in (3, 4, 5, 6)),
    ]
    (row,) = Reconciliation(rows, HERE).by_customer()
    assert (row["Month"], row["Customer"], row["Currency"]) == ("2026-11", "Kauri Legal", "NZD")
    assert (row["Invoices in Autotask"], row["Net in Autotask"], row["Tax in Autotask"]) == (6, D(600), D(90))
    assert (row["Documents in Xero"], row["Net in Xero"], row["Tax in Xero"]) == (2, D(200), D(30))
    assert (row["Approved in Xero"], row["Drafts in Xero"]) == (D(115), D(115))
    assert (row["Paid"], row["Outstanding"]) == (D(100), D(15))
    assert (row["Difference"], row["Tax difference"]) == (D(-460), D(-60))
    assert row["Why"] == "4 Fault: AX-105 Can't find Xero Contact with Account Name (T3, T4, T5, …)"
    assert set(row) == {column.name for column in TABLES["Reconcile"].columns}


def test_a_difference_is_linked() -> None:
    """One document that differs opens in Xero; what failed leads to the sheet Faults, all else to Invoices."""

    def place(*rows: dict[str, Any], where: Addresses = HERE) -> object:
        return Reconciliation(rows, where).by_customer()[0]["Go to"]

    edited = invoice(1, xero_tax=D(0), xero_total=D(100), fault_code="AX-213", status="Synced with warnings")
    assert place(edited) == Link("X1 in Xero", HERE.document("Invoice", "id-1"))
    assert place(edited, where=Addresses()) == Link("Sheet Invoices", "#AutoXeroGoToInvoices")
    assert place(absent(2, "Fault", "", "AX-105"), invoice(3)) == Link("Sheet Faults", "#AutoXeroGoToFaults")
    assert place(absent(2, "Skipped", "before Start date")) == Link("Sheet Invoices", "#AutoXeroGoToInvoices")
    assert place(invoice(3)) == ""


def test_accounts_and_tax_rates_stand_beside_what_was_sent() -> None:
    """What the accountant recoded in Xero shows as a difference on both accounts."""
    sums = [
        LineSum("2026-11", "NZD", "260", "OUTPUT2", D(0), D(0), D("90.00"), D("13.50"), 1),
        LineSum("2026-10", "NZD", "200", "OUTPUT2", D("90.00"), D("13.50"), D(0), D(0), 1),
    ]
    first, second = by_account(sums)
    assert (first["Account"], first["Net difference"], first["Tax difference"]) == ("200", D("-90.00"), D("-13.50"))
    assert (second["Account"], second["Net difference"], second["Tax difference"]) == ("260", D("90.00"), D("13.50"))
    assert set(first) == {column.name for column in TABLES["ReconcileAccounts"].columns}


def other(**more: Any) -> dict[str, Any]:
    """A sales document that did not come from Autotask."""
    found: dict[str, Any] = {
        "xero_id": "o-1", "kind": "Invoice", "number": "INV-9", "status": "AUTHORISED", "contact": "Shop customer",
        "date": date(2026, 11, 1), "currency": "NZD", "net": D("10.00"), "tax": D("1.50"), "total": D("11.50"),
        "outstanding": D("11.50"), "reference": "",
    }  # fmt: skip
    return found | more


@pytest.mark.parametrize(
    ("document", "note"),
    [
        (other(), ""),
        (other(number="t1"), "It has the number of Autotask's T1, which is in Xero as X1."),
        (other(reference="Re: T2, thanks"), "Its reference names Autotask's T2 (Fault)."),
        (other(contact="KAURI LEGAL", date=date(2026, 11, 5), total=D("115.00")),
         "It has customer, date and total of Autotask's T2 (Fault)."),
    ],
)  # fmt: skip
def test_what_looks_like_an_autotask_invoice_is_told(document: dict[str, Any], note: str) -> None:
    """A document typed by hand, or by another tool, may stand in Xero twice."""
    (row,) = Reconciliation([invoice(1), absent(2, "Fault", "", "AX-105")], HERE).others([document])
    assert row["Note"] == note
    assert set(row) == {column.name for column in TABLES["NotFromAutotask"].columns}


def test_other_sales_are_listed_from_the_start_date_the_newest_first() -> None:
    documents = [other(number=str(day), date=date(2026, 11, day), status="DRAFT") for day in (1, 3, 2)]
    rows = Reconciliation((), HERE, since=date(2026, 11, 2)).others(documents)
    assert [str(row["Number"]) for row in rows] == ["3", "2"]
    assert rows[0]["Number"] == Link("3", HERE.document("Invoice", "o-1"))
    assert rows[0]["In Xero as"] == "Draft"
