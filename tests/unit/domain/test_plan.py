"""What is done with every invoice: one test for each line of the truth table, then the limits."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from agent.domain.books import ContactId, Organisation, XeroId
from agent.domain.invoice import AutotaskId, CompanyId, Invoice
from agent.domain.plan import Action, Limits, plan
from agent.domain.record import Record
from tests.unit.domain.builders import NOW, D, books, contact, customer, invoice, line, situation

ID = AutotaskId(155)
MINUTES = dt.timedelta(minutes=1)


def planned(
    *invoices: Invoice,
    records: tuple[Record, ...] = (),
    limits: Limits | None = None,
    known: dict[CompanyId, ContactId] | None = None,
    **changes: Any,
) -> list[Action]:
    known_records = {record.autotask_id: record for record in records}
    return plan(invoices, known_records, situation(**changes), known or {}, NOW, limits or Limits())


def one(made: Invoice, record: Record | None = None, **changes: Any) -> tuple[str, str]:
    """What is done with a single invoice, and the code of its fault."""
    (action,) = planned(made, records=(record,) if record else (), **changes)
    return action.verb, action.fault.code if action.fault else ""


def numbered(autotask_id: int, number: str = "", **changes: Any) -> Invoice:
    return invoice(id=AutotaskId(autotask_id), number=number or f"10{autotask_id}", **changes)


# --- the truth table, line by line ---


def test_sent_without_an_answer_is_kept() -> None:
    assert one(invoice(), Record(ID, is_in_flight=True, wish="send")) == ("keep", "")


def test_what_is_in_xero_is_kept() -> None:
    assert one(invoice(), Record(ID, "Synced", xero_id=XeroId("x"), wish="resync")) == ("keep", "")


def test_never_send_is_kept() -> None:
    assert one(invoice(), Record(ID, "Never send")) == ("keep", "")


def test_a_fault_is_left_alone_until_resync() -> None:
    assert one(invoice(), Record(ID, "Fault", 3, "AX-106")) == ("keep", "")
    assert one(invoice(), Record(ID, "Fault", 3, "AX-106", "resync")) == ("create", "")
    assert one(invoice(), Record(ID, "Retrying", 2, "AX-106")) == ("create", "")


@pytest.mark.parametrize("code", ["AX-111", "AX-505"])
def test_what_waits_for_a_confirmation_waits_on(code: str) -> None:
    assert one(invoice(), Record(ID, "Waiting", fault_code=code)) == ("keep", "")
    assert one(invoice(), Record(ID, "Waiting", fault_code=code, wish="resync")) == ("keep", "")
    assert one(invoice(), Record(ID, "Waiting", fault_code=code, wish="send")) == ("create", "")


def test_before_start_date_is_skipped() -> None:
    assert one(invoice(), start_date=dt.date(2026, 10, 6)) == ("skip", "")
    assert one(invoice(), start_date=dt.date(2026, 10, 5)) == ("create", "")
    assert one(invoice(lines=(), net=D(0), tax=D(0)), start_date=dt.date(2026, 10, 6)) == ("skip", "")


def test_voided_before_it_was_sent_is_skipped() -> None:
    assert one(invoice(is_voided=True)) == ("skip", "")
    assert one(invoice(is_voided=True, lines=())) == ("skip", "AX-102")
    assert one(invoice(is_voided=True, created=NOW)) == ("skip", "")


def test_younger_than_the_settle_time_waits() -> None:
    assert one(invoice(created=NOW - 9 * MINUTES)) == ("wait", "AX-108")
    assert one(invoice(created=NOW - 10 * MINUTES)) == ("create", "")
    assert one(invoice(created=NOW), settle_time=0) == ("create", "")
    assert one(invoice(created=NOW - 59 * MINUTES), settle_time=60) == ("wait", "AX-108")
    (action,) = planned(invoice(created=NOW))
    assert action.fault is not None
    assert not action.fault.is_strike


def test_no_lines_and_nothing_to_pay_is_skipped() -> None:
    empty = invoice(lines=(), net=D(0), tax=D(0))
    assert one(empty) == ("skip", "AX-102")
    assert one(empty, zero_invoices="Send") == ("skip", "AX-102")


def test_an_empty_one_that_is_young_may_still_get_lines() -> None:
    assert one(invoice(lines=(), net=D(0), tax=D(0), created=NOW - 9 * MINUTES)) == ("wait", "AX-108")


def test_a_header_without_lines_is_no_empty_invoice() -> None:
    assert one(invoice(lines=(), net=D(100), tax=D(15))) == ("fault", "AX-112")


def test_zero_invoices_by_the_setting() -> None:
    zero = invoice(line("100", "15"), line("-100", "-15", rate=D(-100)))
    assert one(zero) == ("skip", "")
    assert one(zero, zero_invoices="Send") == ("create", "")


@pytest.mark.parametrize("sign", ["", "-"])
def test_small_invoices_of_either_sign_are_skipped(sign: str) -> None:
    made = invoice(line(f"{sign}100", f"{sign}15", rate=D(f"{sign}100")))
    assert one(made, skip_smaller_than=D("115.01")) == ("skip", "")
    assert one(made, skip_smaller_than=D("115.00")) == ("create", "")
    assert one(made, skip_smaller_than=None) == ("create", "")


@pytest.mark.parametrize(
    ("changes", "settings", "code"),
    [
        ({"number": ""}, {"use_autotask_numbers": "Number"}, "AX-101"),
        ({"net": D(112), "tax": D(15)}, {}, "AX-106"),
        ({"net": D(300), "tax": D(45)}, {}, "AX-112"),
    ],
    ids=["no number", "lines do not add up", "lines are hidden"],
)
def test_what_is_still_being_finished_waits_up_to_twice_the_settle_time(
    changes: dict[str, Any], settings: dict[str, Any], code: str
) -> None:
    assert one(invoice(**changes, created=NOW - 19 * MINUTES), **settings) == ("wait", "AX-108")
    assert one(invoice(**changes, created=NOW - 20 * MINUTES), **settings) == ("fault", code)


def test_a_fault_of_another_kind_does_not_wait_for_finishing() -> None:
    unknown = line(billing_code="Drones")
    assert one(invoice(unknown, created=NOW - 19 * MINUTES)) == ("fault", "AX-109")


def test_a_shared_number_is_a_fault_of_both() -> None:
    actions = planned(numbered(1, "A-1"), numbered(2, "A-1"), numbered(3, "A-3"), use_autotask_numbers="Number")
    assert [(action.verb, action.fault.code if action.fault else "") for action in actions] == [
        ("fault", "AX-113"),
        ("fault", "AX-113"),
        ("create", ""),
    ]
    assert actions[0].fault is not None
    assert "invoices 1 (Kauri Legal, NZD 115.00) and 2 (" in actions[0].fault.detail
    assert "A-1" in actions[0].fault.detail


def test_a_shared_number_matters_only_where_it_is_used() -> None:
    twins = (numbered(1, "A-1"), numbered(2, "A-1"))
    for setting in ("No", "Id"):
        assert [action.verb for action in planned(*twins, use_autotask_numbers=setting)] == ["create", "create"]


@pytest.mark.parametrize(
    ("twin", "record"),
    [
        (numbered(1, "A-1", is_voided=True), None),
        (numbered(1, "A-1"), Record(AutotaskId(1), "Synced", xero_id=XeroId("x"))),
        (numbered(1, "A-1"), Record(AutotaskId(1), "Never send")),
        (numbered(1, "A-1", date=dt.date(2026, 8, 31)), None),
        (numbered(1, "A-1", lines=(), net=D(0), tax=D(0)), None),
    ],
    ids=["voided", "in Xero", "never sent", "before Start date", "empty"],
)
def test_a_twin_that_will_not_be_sent_takes_no_number(twin: Invoice, record: Record | None) -> None:
    """Only what would be created can clash: Never send for the one is a way out for the other."""
    actions = planned(twin, numbered(2, "A-1"), records=(record,) if record else (), use_autotask_numbers="Number")
    assert actions[1].verb == "create"


def test_what_cannot_be_translated_is_a_fault() -> None:
    (action,) = planned(invoice(line(billing_code="Drones"), tax_region="Mars"))
    assert (action.verb, action.fault.code if action.fault else "") == ("fault", "AX-109")
    assert action.fault is not None
    assert "Also AX-110" in action.fault.detail
    assert action.translation is not None
    assert len(action.translation.missing) == 2


def closed() -> Any:
    return books(organisation=Organisation("tenant", "Test Books", "NZD", period_lock=dt.date(2026, 10, 31)))


def test_a_closed_period_waits_and_is_no_strike() -> None:
    assert one(invoice(), books=closed()) == ("wait", "AX-205")


def test_what_must_be_mended_is_told_before_what_only_waits() -> None:
    (action,) = planned(invoice(line(billing_code="Drones")), books=closed())
    assert (action.verb, action.fault.code if action.fault else "") == ("fault", "AX-109")
    assert action.fault is not None
    assert "AX-205" in action.fault.detail


def test_an_invoice_whose_lines_are_all_left_out_is_skipped() -> None:
    """AX-102 skips; it is not held for ever."""
    covered = line("0", "0", rate=D(100))
    assert one(invoice(covered), zero_invoices="Send", zero_lines="Leave out") == ("skip", "AX-102")


def test_anything_else_is_created() -> None:
    (action,) = planned(invoice())
    assert (action.verb, action.fault) == ("create", None)
    assert "NZD 115.00" in action.why
    assert action.document.expected.total == D("115.00")
    assert action.document.autotask_id == ID


# --- what the lines have in common ---


def test_decisions_come_in_the_order_of_ids() -> None:
    actions = planned(numbered(9), numbered(3), numbered(7))
    assert [action.invoice.id for action in actions] == [3, 7, 9]


def test_lines_that_hold_their_tax_are_planned_before_tax() -> None:
    (action,) = planned(invoice(line("115", "15", rate=D(115)), net=D(100), tax=D(15)))
    assert action.document.expected.net == D("100.00")
    assert action.invoice.lines[0].net == D(100)


def test_the_contact_of_earlier_invoices_is_taken_again() -> None:
    two = books(contacts=(contact("Kauri Legal"), contact("Kauri Legal Ltd", "ltd")))
    theirs, other = invoice(), numbered(2, customer=customer("Kauri Legal", id=CompanyId(8)))
    actions = planned(theirs, other, books=two, known={CompanyId(7): ContactId("ltd")})
    assert [action.document.contact_id for action in actions] == ["kauri legal", "ltd"]


def test_one_bad_invoice_stops_no_other() -> None:
    actions = planned(numbered(1), numbered(2, tax_region="Mars"), numbered(3))
    assert [action.verb for action in actions] == ["create", "fault", "create"]


def test_the_reason_is_always_in_words() -> None:
    records = (Record(AutotaskId(2), "Never send"), Record(AutotaskId(3), is_in_flight=True))
    actions = planned(*(numbered(item) for item in range(1, 5)), numbered(5, is_voided=True), records=records)
    assert all(action.why for action in actions)


# --- limits ---


def test_more_than_a_run_may_create_waits_with_count_and_value() -> None:
    abroad = customer("Barossa", id=CompanyId(8), currency="AUD")
    two = books(contacts=(contact("Kauri Legal"), contact("Barossa")))
    made = [numbered(item) for item in range(1, 5)] + [numbered(5, customer=abroad)]
    actions = planned(*made, limits=Limits.by_setting(2), books=two, other_currencies="Allow")
    assert [action.verb for action in actions] == ["create", "create", "wait", "wait", "wait"]
    for action in actions[2:]:
        assert action.fault is not None
        assert (action.fault.code, action.fault.is_strike) == ("AX-505", False)
        assert "5 invoices are ready" in action.fault.detail
        assert "“Most invoices in one run” (2)" in action.fault.detail
        assert "3 over AUD 115.00, NZD 230.00 wait" in action.fault.detail
        assert action.translation is not None


@pytest.mark.parametrize("most", [None, 3, 4])
def test_within_the_limit_all_go(most: int | None) -> None:
    actions = planned(*(numbered(item) for item in range(1, 4)), limits=Limits(most))
    assert [action.verb for action in actions] == ["create"] * 3


def test_the_limit_names_its_setting() -> None:
    actions = planned(numbered(1), numbered(2), limits=Limits.by_setting(1, "Invoices in the first live run"))
    assert actions[1].fault is not None
    assert "“Invoices in the first live run” (1)" in actions[1].fault.detail


def test_what_is_not_created_does_not_count() -> None:
    actions = planned(
        numbered(1, is_voided=True), numbered(2, tax_region="Mars"), numbered(3), limits=Limits.by_setting(1)
    )
    assert [action.verb for action in actions] == ["skip", "fault", "create"]


def test_what_a_person_asked_for_always_goes() -> None:
    records = (Record(AutotaskId(3), wish="send"), Record(AutotaskId(4), "Fault", 3, "AX-106", "resync"))
    actions = planned(*(numbered(item) for item in range(1, 5)), records=records, limits=Limits.by_setting(0))
    assert [action.verb for action in actions] == ["wait", "wait", "create", "create"]


def test_what_a_person_asked_for_counts_towards_the_limit() -> None:
    records = (Record(AutotaskId(3), wish="send"),)
    actions = planned(*(numbered(item) for item in range(1, 4)), records=records, limits=Limits.by_setting(2))
    assert [action.verb for action in actions] == ["create", "wait", "create"]
