"""Coming from another tool, or with a ledger that knows nothing: what is in Xero is found before anything is sent."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from agent.errors import StopError
from agent.pretend.troubles import Trouble
from agent.verbs import send_again, send_these
from tests.support import Practice, support
from tests.system.test_exactly_once import ids_in_xero
from tests.system.test_rebuilding import lose_ledger

LINE = {"Description": "Support", "Quantity": 2, "UnitAmount": 145, "AccountCode": "200", "TaxType": "OUTPUT2"}


def sent_by_another_tool(practice: Practice, days_ago: int = 5, quantity: int = 2, number: str = "OLD-9") -> str:
    """The same sale in Xero, from elsewhere: approved, and without our mark; gives its id."""
    day = practice.world.today - timedelta(days=days_ago)
    lines = [{**LINE, "Quantity": quantity}]
    return practice.cloud.xero.add_invoice("Kauri Legal", lines, Date=day.isoformat(), InvoiceNumber=number)


def five_days_old(practice: Practice, number: str = "") -> int:
    return practice.world.invoice(
        "Kauri Legal", [support()], day=practice.world.today - timedelta(days=5), number=number
    )


def state(practice: Practice, number: int) -> tuple[str, str]:
    row = practice.rows()[number]
    return row["status"], (row["fault"] or {}).get("code", "")


@pytest.mark.parametrize("numbers", ["No", "Number", "Id"])
def test_what_bears_its_number_in_autotask_waits_for_a_word(practice: Practice, numbers: str) -> None:
    """Dated a day earlier than ours would be: one word takes it over, and nothing is sent."""
    practice.type_settings({"Use Autotask Numbers": numbers})
    theirs = sent_by_another_tool(practice, days_ago=6, number="AT-1")
    number = practice.world.invoice(
        "Kauri Legal", [support()], day=practice.world.today - timedelta(days=5), number="AT-1"
    )
    practice.sync()
    assert state(practice, number) == ("Waiting", "AX-201")
    assert "Send these" in practice.rows()[number]["fault"]["cure"]
    send_these(practice.desk())
    assert practice.rows()[number]["xero_invoice_id"] == theirs
    assert practice.posts() == 0


def test_another_sum_under_its_number_waits_and_is_sent_when_a_person_says_so(practice: Practice) -> None:
    sent_by_another_tool(practice, number="AT-1", quantity=3)
    number = practice.world.invoice("Kauri Legal", [support()], number="AT-1")
    practice.sync()
    assert state(practice, number) == ("Waiting", "AX-201")
    send_these(practice.desk())
    assert state(practice, number) == ("Waiting", "AX-201")  # a word for all is none for this one
    assert practice.posts() == 0
    send_these(practice.desk(), [str(number)])
    assert state(practice, number) == ("Synced", "")
    assert len(practice.cloud.xero.documents()) == 2


def test_a_closed_period_hides_nothing(practice: Practice) -> None:
    """Ours would be re-dated behind the lock date; the other tool's bears the invoice's own date."""
    sent_by_another_tool(practice)
    day = practice.world.today - timedelta(days=5)
    practice.cloud.xero.set_lock_dates(period=day)
    practice.type_settings({"Closed period": "Re-date"})
    number = practice.world.invoice("Kauri Legal", [support()], day=day)
    practice.sync()
    assert state(practice, number) == ("Waiting", "AX-201")
    assert practice.posts() == 0


def test_a_voided_invoice_that_another_tool_sent_is_not_forgotten(practice: Practice) -> None:
    """Its lines go out on a new invoice: the customer would owe both."""
    sent_by_another_tool(practice, number="AT-1")
    gone = practice.world.invoice(
        "Kauri Legal", [support()], day=practice.world.today - timedelta(days=5), number="AT-1"
    )
    practice.cloud.autotask.void(gone)
    anew = practice.world.invoice("Kauri Legal", [support()], day=practice.world.today, number="AT-2")
    practice.sync()
    assert state(practice, gone) == ("Waiting", "AX-201")
    assert "voided in Autotask" in practice.rows()[gone]["fault"]["detail"]
    assert state(practice, anew) == ("Synced", "")
    send_these(practice.desk(), [str(gone)])
    assert practice.rows()[gone]["status"] == "Changed since sent"
    assert practice.rows()[gone]["xero_invoice_id"] is not None


def test_a_voided_invoice_that_nobody_sent_is_skipped(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.autotask.void(number)
    practice.sync()
    assert practice.rows()[number]["status"] == "Skipped"


@pytest.mark.parametrize("refund", [False, True])
def test_a_void_is_seen_by_a_ledger_that_knows_nothing(practice: Practice, *, refund: bool) -> None:
    """Sent, the ledger lost, voided in Autotask: the draft is ours by its mark or number, and is deleted."""
    number = practice.world.invoice("Kauri Legal", [support("1", "-145" if refund else "145")])
    practice.sync()
    lose_ledger(practice)
    practice.cloud.autotask.void(number)
    practice.sync(is_asked=True)
    practice.sync(is_asked=True)
    if refund:  # credit notes bear no mark: a person says so first
        assert state(practice, number) == ("Waiting", "AX-201")
        send_these(practice.desk(), [str(number)])
        practice.sync(is_asked=True)
    assert practice.rows()[number]["status"] == "Voided"
    assert practice.cloud.xero.documents() == []


def test_what_was_never_to_be_sent_is_not_sent_by_an_empty_ledger(practice: Practice) -> None:
    """The workbook still says so."""
    number = practice.world.invoice("Kauri Legal", [support()])
    other = practice.world.invoice("Kauri Legal", [support("3")])
    practice.ask("sync", "--dry-run")
    practice.ask("never-send", str(number), "--because", "paid in cash")
    lose_ledger(practice)
    practice.sync()
    assert practice.rows()[number]["status"] == "Never send"
    assert ids_in_xero(practice) == {str(other): 1}


def test_a_word_about_something_else_sends_no_second_document(practice: Practice) -> None:
    """Its fault was another one when Send now was chosen: what Xero has under its number waits for its own word."""
    sent_by_another_tool(practice, number="AT-1", quantity=3)
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")], number="AT-1")
    for _ in range(3):
        practice.sync()
    assert state(practice, number) == ("Fault", "AX-109")
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    send_these(practice.desk(), [str(number)])
    assert state(practice, number) == ("Waiting", "AX-201")
    assert practice.posts() == 0


def test_two_voided_invoices_are_not_found_in_one_document(practice: Practice) -> None:
    sent_by_another_tool(practice)
    numbers = [five_days_old(practice) for _ in range(2)]
    for number in numbers:
        practice.cloud.autotask.void(number)
    practice.sync()
    assert sorted(practice.rows()[number]["status"] for number in numbers) == ["Skipped", "Waiting"]


def test_a_preview_by_an_empty_ledger_keeps_what_was_never_to_be_sent(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.ask("sync", "--dry-run")
    practice.ask("never-send", str(number), "--because", "paid in cash")
    lose_ledger(practice)
    practice.sync(dry_run=True)
    practice.sync()
    assert practice.rows()[number]["status"] == "Never send"
    assert practice.posts() == 0


def test_preview_promises_to_send_only_what_would_go(practice: Practice) -> None:
    """It looks in Xero as a live run does, writes nothing there, and says the same each time."""
    practice.type_settings({"Use Autotask Numbers": "Number"})
    sent = practice.world.invoice("Kauri Legal", [support("5")], number="AT-5")
    practice.sync()
    lose_ledger(practice)
    practice.type_settings({"Sync mode": "Preview"})
    absent, equal, other, similar, marked = (
        practice.world.invoice("Kauri Legal", [support(quantity)], number=f"AT-{quantity}") for quantity in "12349"
    )
    day = practice.world.today - timedelta(days=5)
    practice.cloud.autotask.change("Invoices", marked, webServiceDate=f"{day}T00:00:00Z")
    sent_by_another_tool(practice, number="AT-2", quantity=2)
    sent_by_another_tool(practice, number="AT-3", quantity=7)
    sent_by_another_tool(practice, number=f"INV:{similar}", quantity=7)
    practice.cloud.reset()
    for _ in range(2):
        report = practice.sync()
        assert (report.would_create, report.created, report.exit_code) == (1, 0, 0)
        shown = {row["Autotask id"]: (row["Action"], (row["Why"] or "")[:6]) for row in practice.table("Preview")}
        assert shown[absent][0] == "Send"
        assert shown[equal] == ("Wait", "AX-201")
        assert shown[other] == ("Fault", "AX-201")
        assert shown[similar] == ("Fault", "AX-201")
        assert shown[marked] == ("Wait", "AX-111")
        assert shown[sent] == ("Take over", "In Xer")
        assert {row["status"] for row in practice.rows().values()} == {"Waiting"}
        assert not any(row["strikes"] for row in practice.rows().values())
    assert not [call for call in practice.cloud.calls if call.method in {"PUT", "PATCH"}]
    practice.type_settings({"Sync mode": "Live"})
    assert practice.sync().created == 1


@pytest.mark.parametrize("numbers", ["No", "Number"])
def test_twins_are_told_apart_by_the_reference(practice: Practice, numbers: str) -> None:
    """The other tool sent the second of two that agree in everything else: it is not taken for the first."""
    practice.type_settings({"Use Autotask Numbers": numbers})
    first, second = five_days_old(practice, "AT-1"), five_days_old(practice, "AT-2")
    day = practice.world.today - timedelta(days=5)
    theirs = practice.cloud.xero.add_invoice("Kauri Legal", [LINE], Date=day.isoformat(), Reference="AT-2")
    practice.sync()
    assert state(practice, first) == ("Synced", "")
    assert state(practice, second) == ("Waiting", "AX-201")
    send_these(practice.desk())
    assert practice.rows()[second]["xero_invoice_id"] == theirs
    assert sorted(item.reference for item in practice.cloud.xero.documents()) == ["AT-1", "AT-2"]


def test_a_word_to_take_over_sends_nothing(practice: Practice) -> None:
    """Two wait for one document, since they came at different times: the other one is not sent by that word."""
    sent_by_another_tool(practice)
    first = five_days_old(practice, "AT-1")
    practice.sync()
    second = five_days_old(practice, "AT-2")
    practice.sync()
    assert state(practice, first) == state(practice, second) == ("Waiting", "AX-201")
    send_these(practice.desk())
    assert sorted([state(practice, first), state(practice, second)]) == [("Synced", ""), ("Waiting", "AX-201")]
    assert practice.posts() == 0
    left = first if state(practice, first)[0] == "Waiting" else second
    send_these(practice.desk(), [str(left)])
    assert state(practice, left) == ("Synced", "")
    assert practice.posts() == 1


def test_a_credit_note_that_xero_numbered_is_found(practice: Practice) -> None:
    """Xero's own numbers, CN-0001 and so on, look like ours."""
    day = practice.world.today - timedelta(days=5)
    line = {**LINE, "Quantity": 1, "UnitAmount": 100}
    practice.cloud.xero.add_invoice("Kauri Legal", [line], Type="ACCRECCREDIT", Date=day.isoformat())
    assert [item.number for item in practice.cloud.xero.documents()] == ["CN-0001"]
    number = practice.world.invoice("Kauri Legal", [support("1", "-100")], day=day)
    practice.sync()
    assert state(practice, number) == ("Waiting", "AX-201")
    assert practice.posts() == 0


def test_its_number_and_sum_under_another_contact_wait(practice: Practice) -> None:
    practice.cloud.xero.add_contact("Kauri Legal Partners")
    day = practice.world.today - timedelta(days=5)
    practice.cloud.xero.add_invoice("Kauri Legal Partners", [LINE], Date=day.isoformat(), InvoiceNumber="AT-1")
    number = five_days_old(practice, "AT-1")
    practice.sync()
    assert state(practice, number) == ("Waiting", "AX-201")
    assert practice.posts() == 0


def test_what_differs_is_said_before_and_after_it_is_taken_over(practice: Practice) -> None:
    """The same total, but no tax in it."""
    day = practice.world.today - timedelta(days=5)
    line = {**LINE, "Quantity": 1, "UnitAmount": "333.50", "TaxType": "NONE"}
    practice.cloud.xero.add_invoice("Kauri Legal", [line], Date=day.isoformat(), InvoiceNumber="AT-1")
    number = five_days_old(practice, "AT-1")
    practice.sync()
    assert "tax 43.50 → 0.00" in practice.rows()[number]["fault"]["detail"]
    send_these(practice.desk())
    row = practice.rows()[number]
    assert row["status"] == "Synced with warnings"
    assert "tax 43.50 → 0.00" in row["warnings"][0]


@pytest.mark.parametrize("numbers", ["No", "Number"])
def test_a_lost_ledger_and_a_changed_invoice_leave_the_choice(practice: Practice, numbers: str) -> None:
    """Our own document, which is not what Autotask has any more: both versions are shown, and Send now works."""
    practice.type_settings({"Use Autotask Numbers": numbers})
    number = five_days_old(practice, "AT-1")
    practice.sync()
    lose_ledger(practice)
    practice.reprice(number)
    practice.sync()
    assert state(practice, number) == ("Changed since sent", "AX-201")
    assert "net 435.00 → 290.00" in practice.rows()[number]["fault"]["detail"]
    assert practice.rows()[number]["total"] == "500.25"
    assert practice.posts() == 1
    send_these(practice.desk(), [str(number)])
    assert state(practice, number) == ("Synced", "")
    (document,) = practice.cloud.xero.documents()
    assert str(document.total) == "500.25"


@pytest.mark.parametrize("shift", [85, -85])
def test_a_lost_ledger_finds_what_was_re_dated_far(practice: Practice, shift: int) -> None:
    number = five_days_old(practice)
    practice.sync()
    lose_ledger(practice)
    day = practice.world.today + timedelta(days=shift)
    if shift > 0:
        practice.cloud.autotask.change("Invoices", number, invoiceDateTime=day.isoformat())
    else:
        (document,) = practice.cloud.xero.documents()
        practice.cloud.xero.change(document.id, date=day)
    practice.sync()
    assert practice.rows()[number]["xero_number"]
    assert "date" in practice.rows()[number]["warnings"][0]
    assert practice.posts() == 1


def test_what_a_person_deleted_in_xero_is_not_sent_again_by_a_lost_ledger(practice: Practice) -> None:
    number = five_days_old(practice)
    practice.sync()
    (document,) = practice.cloud.xero.documents()
    practice.cloud.xero.change(document.id, status="DELETED")
    lose_ledger(practice)
    practice.sync()
    assert state(practice, number) == ("Voided", "AX-213")
    assert practice.posts() == 1
    send_again(practice.desk(), [str(number)])
    assert state(practice, number) == ("Synced", "")
    assert practice.posts() == 2


def test_a_voided_invoice_is_found_under_its_mapped_contact(practice: Practice) -> None:
    practice.cloud.xero.add_contact("Kauri Legal Partners")
    practice.map("ContactMap", "Xero contact", ("1",), "Kauri Legal Partners")
    day = practice.world.today - timedelta(days=5)
    practice.cloud.xero.add_invoice("Kauri Legal Partners", [LINE], Date=day.isoformat())
    gone = five_days_old(practice)
    practice.cloud.autotask.void(gone)
    practice.sync()
    assert state(practice, gone) == ("Waiting", "AX-201")


def test_a_word_to_take_over_never_sends(practice: Practice) -> None:
    """Re-dated in Xero since it was asked: it waits again, and says what is there no more."""
    theirs = sent_by_another_tool(practice)
    number = five_days_old(practice)
    practice.sync()
    practice.cloud.xero.change(theirs, date=practice.world.today)
    send_these(practice.desk(), [str(number)])
    assert state(practice, number) == ("Waiting", "AX-201")
    assert practice.posts() == 0


def test_a_word_to_send_beside_lasts_through_an_outage(practice: Practice) -> None:
    sent_by_another_tool(practice, number="AT-1", quantity=3)
    number = practice.world.invoice("Kauri Legal", [support()], number="AT-1")
    practice.sync()
    practice.cloud.troubles.add(Trouble("500", system="xero", method="PUT", times=None))
    with suppress(StopError):
        send_these(practice.desk(), [str(number)])
    practice.cloud.troubles.clear()
    practice.sync()
    assert state(practice, number) == ("Synced", "")
    assert len(practice.cloud.xero.documents()) == 2


def test_previews_by_the_clock_look_once_an_hour(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """They read all of Xero since Start date: so many calls an hour, not every quarter; what is new is looked for."""
    practice.type_settings({"Sync mode": "Preview"})
    five_days_old(practice, "AT-1")
    first = practice.sync()
    quiet = practice.sync()
    assert quiet.calls["xero"] < first.calls["xero"] - 1
    assert quiet.would_create == 1
    five_days_old(practice, "AT-2")
    assert practice.sync().calls["xero"] > quiet.calls["xero"]
    assert practice.sync().calls["xero"] == quiet.calls["xero"]
    monkeypatch.setattr("agent.sync.PREVIEW_KEEPS", timedelta(0))
    assert practice.sync().calls["xero"] > quiet.calls["xero"]
