"""From an Autotask invoice to the Xero document, or to what stops it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.books import Account, Organisation
from agent.domain.document import Document
from agent.domain.invoice import Invoice, with_net_lines
from agent.domain.mappings import ContactRow, Mappings, TaxRow, TrackingRow
from agent.domain.money import Priced, rounded, totals
from agent.domain.translate import due_by_terms, translate
from tests.unit.domain.builders import MAPPINGS, D, books, contact, customer, invoice, line, person, situation


def document(made: Invoice, **changes: Any) -> Document:
    found = translate(made, situation(**changes))
    assert not found.faults
    assert found.document is not None
    return found.document


def codes(made: Invoice, **changes: Any) -> list[str]:
    found = translate(made, situation(**changes))
    assert (found.document is None) == bool(found.faults)
    return [fault.code for fault in found.faults]


def test_a_plain_invoice() -> None:
    found = document(invoice(order_number="PO 9"))
    assert (found.kind, found.number, found.status, found.currency) == ("Invoice", None, "DRAFT", "NZD")
    assert (found.date, found.due, found.reference) == (dt.date(2026, 10, 5), dt.date(2026, 11, 4), "PO 9 / 1085")
    assert found.mark == "https://ww1.autotask.net/?invoice=155"
    assert "xero" not in found.mark
    assert found.expected.total == D("115.00")
    assert [(item.quantity, item.unit, item.account, item.tax_type) for item in found.lines] == [
        (D(1), D(100), "200", "OUTPUT2")
    ]
    assert found.lines[0].tax is None


def test_a_negative_invoice_becomes_a_credit_note_with_its_own_number() -> None:
    refund = line("-480", "-72", rate=D(-480))
    charge = line("80", "12")
    found = document(invoice(refund, charge), use_autotask_numbers="Number")
    assert (found.kind, found.number) == ("Credit note", "CN-155")
    assert [item.unit for item in found.lines] == [480, -80]
    assert found.expected.total == D("460.00")


@pytest.mark.parametrize(
    ("setting", "prefix", "wanted"), [("No", "", None), ("Number", "AT-", "AT-1085"), ("Id", "", "155")]
)
def test_numbering(setting: str, prefix: str, wanted: str | None) -> None:
    assert document(invoice(), use_autotask_numbers=setting, number_prefix=prefix).number == wanted


def test_an_empty_number_matters_only_when_it_is_needed() -> None:
    assert codes(invoice(number=""), use_autotask_numbers="Number") == ["AX-101"]
    assert codes(invoice(number=""), use_autotask_numbers="Id") == []
    assert codes(invoice(number="")) == []


def test_covered_work_keeps_its_hours_and_costs_nothing() -> None:
    covered = line("0", "0", quantity=D("3.175"), rate=D(100))
    found = document(invoice(line(), covered))
    assert (found.lines[1].quantity, found.lines[1].unit) == (D("3.175"), D(0))
    assert len(document(invoice(line(), covered), zero_lines="Leave out").lines) == 1


def test_lines_that_hold_their_tax_are_read_before_tax() -> None:
    gross = invoice(line("115", "15", rate=D(115)), net=D(100), tax=D(15))
    assert document(with_net_lines(gross)).expected.total == D("115.00")


def test_the_row_with_the_line_type_wins() -> None:
    assert document(invoice(line(line_type="Contract Retainer"))).lines[0].account == "260"


def test_a_line_without_a_billing_code() -> None:
    assert codes(invoice(line(billing_code=""))) == ["AX-109"]
    found = document(invoice(line(billing_code="")), unmapped_code="Use default", default_account="200")
    assert found.lines[0].account == "200"


@pytest.mark.parametrize(("account", "code"), [("999", "AX-203"), ("280", "AX-203"), ("090", "AX-203")])
def test_accounts_that_xero_would_refuse(account: str, code: str) -> None:
    assert codes(invoice(line(billing_code="")), unmapped_code="Use default", default_account=account) == [code]


def test_a_line_without_tax_never_gets_a_rate_by_itself() -> None:
    untaxed = line(tax="0")
    assert document(invoice(untaxed)).lines[0].tax_type == "ZERORATED"
    unnamed = Mappings(MAPPINGS.accounts, (TaxRow("GST", "", "OUTPUT2"),))
    assert document(invoice(untaxed), mappings=unnamed).lines[0].tax_type == "NONE"
    assert document(invoice(line(tax="0", tax_category="")), mappings=unnamed).lines[0].tax_type == "NONE"


def test_an_unknown_tax_region_stops_and_names_the_missing_row() -> None:
    found = translate(invoice(tax_region="Mars"), situation())
    assert [fault.code for fault in found.faults] == ["AX-110"]
    assert found.missing == (("TaxMap", "Mars", "Standard"),)
    assert "Mars · Standard" in found.faults[0].cure


def test_a_deleted_tax_rate() -> None:
    mapped = Mappings(MAPPINGS.accounts, (TaxRow("GST", "", "OUTPUT"),))
    assert codes(invoice(), mappings=mapped) == ["AX-204"]


def test_cents_of_rounding_get_a_line_of_their_own() -> None:
    made = invoice(line("10.004", "1.5006"), line("10.004", "1.5006"), net=D("20.01"), tax=D("3.00"))
    found = document(made)
    assert found.lines[-1].description == "Rounding"
    assert (found.lines[-1].unit, found.lines[-1].account, found.lines[-1].tax_type) == (D("0.01"), "860", "NONE")
    assert found.expected.total == rounded(made.total)


def test_cents_of_rounding_on_a_credit_note_have_its_sign() -> None:
    made = invoice(line("-10.004", "-1.5006"), line("-10.004", "-1.5006"), net=D("-20.01"), tax=D("-3.00"))
    found = document(made)
    assert found.kind == "Credit note"
    assert found.lines[-1].unit == D("0.01")
    assert found.expected.total == D("23.01")


def test_more_than_cents_is_a_fault_with_both_sums() -> None:
    found = translate(invoice(net=D("112.00"), tax=D("15.00")), situation())
    assert [fault.code for fault in found.faults] == ["AX-106"]
    assert "112.00" in found.faults[0].detail
    assert "115.00" in found.faults[0].detail
    assert "12.00" in found.faults[0].detail


def test_hidden_lines_are_told_from_other_mismatches() -> None:
    assert codes(invoice(net=D(300), tax=D(45))) == ["AX-112"]


def test_a_tax_rate_that_differs_is_not_rounded_away() -> None:
    """12.5 % on 1.00 is 3 cents off 15 %: within the tolerance, and still the wrong rate."""
    assert codes(invoice(line("1.00", "0.125", rate=D(1)))) == ["AX-106"]


def test_four_decimals_cure_what_two_cannot_carry() -> None:
    made = invoice(line("123.40", "18.51", quantity=D(1000), rate=D("0.1234")))
    assert document(made).lines[0].unit == D("0.1234")
    assert len(document(made).lines) == 1
    found = translate(made, situation(four_decimals=False))
    assert [fault.code for fault in found.faults] == ["AX-106"]
    assert "Four decimal places" in found.faults[0].cure


def test_the_three_meanings_of_tax_comes_from() -> None:
    odd = invoice(line("100", "14.50", rate=D(100)))
    assert codes(odd) == ["AX-106"]
    ignored = translate(odd, situation(tax_from="Xero, ignore Autotask's tax"))
    assert ignored.document is not None
    assert ignored.document.expected.total == D("115.00")
    assert "15.00" in ignored.warnings[0]
    taken = document(odd, tax_from="Autotask")
    assert taken.expected.total == D("114.50")
    assert taken.lines[0].tax == D("14.50")


def test_currencies() -> None:
    euro, dollar = customer(currency="EUR"), customer(currency="AUD")
    assert codes(invoice(customer=euro)) == ["AX-202"]
    assert codes(invoice(customer=dollar)) == ["AX-114"]
    assert document(invoice(customer=dollar), other_currencies="Allow").currency == "AUD"
    assert document(invoice(customer=customer(currency=""))).currency == "NZD"


def test_closed_periods() -> None:
    closed = books(organisation=Organisation("tenant", "Test Books", "NZD", period_lock=dt.date(2026, 10, 31)))
    assert codes(invoice(), books=closed) == ["AX-205"]
    assert document(invoice(), books=closed, closed_period="Re-date").date == dt.date(2026, 11, 1)
    left = document(invoice(), books=closed, closed_period="Leave as draft", invoice_status="Approved")
    assert (left.status, left.date) == ("DRAFT", dt.date(2026, 10, 5))
    assert codes(invoice(), hold_before=dt.date(2026, 10, 5)) == ["AX-205"]


def test_contacts_by_name() -> None:
    assert codes(invoice(customer=customer("KAURI LEGAL"))) == ["AX-105"]
    assert document(invoice(customer=customer("KAURI LEGAL")), exact_case=False).contact_name == "Kauri Legal"
    assert document(invoice(customer=customer("  Kauri   Legal "))).contact_name == "Kauri Legal"


def test_nothing_is_created_when_a_name_differs_only_in_spelling() -> None:
    for name in ("KAURI LEGAL", "Kāuri Legal", "Kauri-Legal.", "KauriLegal"):
        found = translate(invoice(customer=customer(name)), situation(create_contacts=True))
        assert [fault.code for fault in found.faults] == ["AX-105"], name
        assert not found.needs_contact
    assert translate(invoice(customer=customer("Rimu Ltd")), situation(create_contacts=True)).needs_contact


def test_the_mapped_contact_wins_then_the_known_one() -> None:
    two = books(contacts=(contact("Kauri Legal"), contact("Other"), contact("Gone", is_active=False)))
    mapped = replace(MAPPINGS, contacts=(ContactRow(7, "Kauri Legal", "Other", ""),))
    assert document(invoice(), books=two, mappings=mapped).contact_name == "Other"
    assert document(invoice(), books=two, known_contact="other").contact_name == "Other"
    archived = replace(MAPPINGS, contacts=(ContactRow(7, "Kauri Legal", "", "gone"),))
    assert codes(invoice(), books=two, mappings=archived) == ["AX-206"]


def test_suggestions_name_the_nearest() -> None:
    found = translate(invoice(customer=customer("Kauri Legal Ltd")), situation())
    assert "Kauri Legal (" in found.faults[0].detail


@pytest.mark.parametrize(
    ("people", "code"),
    [
        ((), "AX-103"),
        ((person(is_active=False),), "AX-103"),
        ((person(email="accounts(at)kauri"),), "AX-104"),
        ((person(1), person(2)), "AX-107"),
    ],
)
def test_people_stop_only_when_one_would_be_written(people: tuple[Any, ...], code: str) -> None:
    made = invoice(customer=customer(people=people))
    relaxed = translate(made, situation())
    assert relaxed.document is not None
    assert code in relaxed.warnings[0]
    assert codes(made, update_contacts=True) == [code]


def test_which_person_and_why() -> None:
    marked = person(3, fields={"Position": "accounts"})
    some = (person(1, is_primary=True), person(2), marked)
    assert "Position is Accounts" in str(translate(invoice(customer=customer(people=some)), situation()).decisions)
    assert "primary" in str(translate(invoice(customer=customer(people=some[:2])), situation()).decisions)
    assert "only" in str(translate(invoice(customer=customer(people=some[1:2])), situation()).decisions)


def test_due_dates() -> None:
    terms = books(contacts=(contact("Kauri Legal", terms=(20, "OFFOLLOWINGMONTH")),))
    assert document(invoice(), books=terms, due_date_from="Xero contact terms").due == dt.date(2026, 11, 20)
    assert document(invoice(due=None)).due == dt.date(2026, 10, 5)
    day = dt.date(2026, 1, 31)
    assert due_by_terms(day, 10, "DAYSAFTERBILLDATE") == dt.date(2026, 2, 10)
    assert due_by_terms(day, 10, "DAYSAFTERBILLMONTH") == dt.date(2026, 2, 10)
    assert due_by_terms(day, 31, "OFFOLLOWINGMONTH") == dt.date(2026, 2, 28)
    assert due_by_terms(day, 15, "OFCURRENTMONTH") == dt.date(2026, 1, 15)


def test_tracking_options_are_resolved_to_ids() -> None:
    tracked = replace(
        MAPPINGS, tracking=(TrackingRow("Support", "", "Team", "North"), TrackingRow("Support", "", "Team", "?"))
    )
    here = books(tracking=(("Team", "North", "c1", "o1"),))
    found = translate(invoice(), situation(books=here, mappings=tracked))
    assert found.document is not None
    assert found.document.lines[0].tracking == (("c1", "o1"),)
    assert "Team: ?" in found.warnings[0]


def test_blank_and_endless_descriptions() -> None:
    assert document(invoice(line(description=" "))).lines[0].description == "Support"
    assert (
        document(invoice(line(description="", billing_code="")), unmapped_code="Use default", default_account="200")
        .lines[0]
        .description
        == "Labor"
    )
    found = translate(invoice(line(description="word " * 1000)), situation())
    assert found.document is not None
    assert len(found.document.lines[0].description) <= 4000
    assert found.document.lines[0].description.endswith("word…")
    assert "cut" in found.warnings[0]


def test_without_a_rounding_account_cents_are_a_fault() -> None:
    plain = books(accounts=(Account("200", "Sales"),))
    made = invoice(line("10.004", "1.5006"), line("10.004", "1.5006"), net=D("20.01"), tax=D("3.00"))
    assert codes(made, books=plain) == ["AX-203"]


amounts = st.decimals(min_value="-5000", max_value="5000", places=4, allow_nan=False)


@given(nets=st.lists(amounts, min_size=1, max_size=8), four=st.booleans())
def test_whatever_goes_out_agrees_with_autotask_to_the_cent(nets: list[Decimal], *, four: bool) -> None:
    """The one promise about money: a document is made only if Xero's own arithmetic ends at Autotask's total."""
    lines = [line(str(net), str(rounded(net * D("0.15"), 4)), rate=net) for net in nets]
    made = invoice(*lines)
    found = translate(made, situation(four_decimals=four))
    if found.document is None:
        assert {fault.code for fault in found.faults} <= {"AX-106", "AX-112"}
        return
    sign = -1 if found.document.kind == "Credit note" else 1
    sent = [
        Priced(item.quantity, item.unit, D(15) if item.tax_type == "OUTPUT2" else D(0)) for item in found.document.lines
    ]
    assert totals(sent, "Exclusive", found.document.places).total == sign * rounded(made.total)
    assert found.document.expected.total >= 0


def test_a_merged_contact_is_followed() -> None:
    """Merged into another in Xero, an old contact leads to the one that is left, by memory and by ContactMap."""
    old = contact("Kauri Legal", "old", is_active=False, merged_into="new")
    two = books(contacts=(old, contact("Kauri Legal Group", "new")))
    assert document(invoice(), books=two, known_contact="old").contact_name == "Kauri Legal Group"
    mapped = replace(MAPPINGS, contacts=(ContactRow(7, "Kauri Legal", "", "old"),))
    assert document(invoice(), books=two, mappings=mapped).contact_name == "Kauri Legal Group"
