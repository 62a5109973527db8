"""What was changed in Autotask after it was sent is carried over to Xero, where nobody touched it there."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from decimal import Decimal

import pytest

from agent.errors import StopError
from agent.pretend.troubles import Call, Trouble
from agent.pretend.xero_records import Document
from agent.verbs import never_send, send_these
from tests.support import Practice, support
from tests.system.test_exactly_once import KILLS, age_intents, killed_at

LONG = KILLS > 100


@pytest.fixture
def sent(practice: Practice) -> int:
    """An invoice that was sent as a draft."""
    number = practice.world.invoice("Kauri Legal", [support()], number="AT-1")
    practice.sync()
    assert practice.rows()[number]["status"] == "Synced"
    return number


def document(practice: Practice, number: int) -> Document:
    """The invoice's one live document."""
    found = practice.cloud.xero.documents()
    assert len(found) == 1
    assert found[0].id == practice.rows()[number]["xero_invoice_id"]
    return found[0]


def state(practice: Practice, number: int) -> tuple[str, str]:
    row = practice.rows()[number]
    return row["status"], (row["fault"] or {}).get("code", "")


def notes(practice: Practice) -> list[str]:
    return [
        note.details for item in practice.cloud.xero.documents() for note in item.history if "AutoXero" in note.details
    ]


@pytest.mark.parametrize("refund", [False, True])
def test_a_draft_follows_its_invoice(practice: Practice, *, refund: bool) -> None:
    """Dated, numbered and priced anew, for another purchase order: the same document, the same line, one note."""
    practice.type_settings({"Use Autotask Numbers": "Number"})
    number = practice.world.invoice("Kauri Legal", [support("1", "-145" if refund else "145")], number="AT-1")
    practice.sync()
    before = document(practice, number)
    line = before.lines[0].id
    day = before.date - dt.timedelta(days=1)
    total = practice.reprice(number, "3", "-145" if refund else "145")
    practice.cloud.autotask.change(
        "Invoices",
        number,
        invoiceDateTime=day.isoformat(),
        invoiceNumber="AT-9",
        orderNumber="PO 7",
        dueDate="2027-01-31",
    )
    assert practice.sync(is_asked=True).updated == 1
    after = document(practice, number)
    assert (after.id, after.date, after.total, after.status) == (before.id, day, abs(total), "DRAFT")
    assert [item.id for item in after.lines] == [line]
    assert "PO 7" in after.reference
    assert after.number == (f"CN-{number}" if refund else "AT-9")
    assert state(practice, number) == ("Synced", "")
    row = practice.table("Invoices")[0]
    assert (row["Number"], row["Total"], row["Xero total"], row["Difference"]) == (
        "AT-9",
        float(total),
        float(total),
        0,
    )
    assert practice.sync(is_asked=True).updated == 0
    told = [note for note in notes(practice) if "updated" in note]
    assert len(told) == 1
    assert f"id {number} (AT-9)" in told[0]


def test_prices_keep_their_four_decimals(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support("1", "145")])
    practice.sync()
    practice.reprice(number, "1000", "1.2345")
    assert practice.sync(is_asked=True).updated == 1
    assert document(practice, number).lines[0].unit_amount == Decimal("1.2345")


def test_an_invoice_moved_to_another_customer(practice: Practice, sent: int) -> None:
    practice.world.company("Rimu Dental")
    company = next(
        key for key, row in practice.cloud.autotask.tables["Companies"].items() if row["companyName"] == "Rimu Dental"
    )
    practice.cloud.autotask.change("Invoices", sent, companyID=company)
    assert practice.sync(is_asked=True).updated == 1
    assert document(practice, sent).contact.name == "Rimu Dental"


def test_what_the_accountant_recoded_is_left(practice: Practice, sent: int) -> None:
    """Only Xero moved: nothing is overwritten, and the sheet says what was changed."""
    recode(practice, sent)
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Synced with warnings", "AX-213")
    assert "account of line 1" in practice.rows()[sent]["fault"]["detail"]


def recode(practice: Practice, number: int) -> None:
    """The accountant books the line on another account."""
    lines = document(practice, number).lines
    lines[0].account_code = next(code for code in ("260", "200") if code != lines[0].account_code)
    practice.cloud.xero.change(document(practice, number).id, lines=lines)


def test_both_moved_and_a_person_decides_for_autotask(practice: Practice, sent: int) -> None:
    recode(practice, sent)
    total = practice.reprice(sent)
    assert practice.sync(is_asked=True).updated == 0
    assert state(practice, sent) == ("Changed since sent", "")
    why = practice.rows()[sent]["why"]
    assert "290.00 → 435.00" in why
    assert "account of line 1" in why
    practice.ask("resync", "--all")
    assert state(practice, sent) == ("Changed since sent", "")  # an impatient Resync overwrites nothing
    answer = practice.ask("send-these", str(sent))
    assert answer["updated"] == 1
    assert document(practice, sent).total == total
    assert state(practice, sent) == ("Synced", "")


def test_both_moved_and_a_person_decides_for_xero(practice: Practice, sent: int) -> None:
    recode(practice, sent)
    practice.reprice(sent)
    practice.sync(is_asked=True)
    practice.ask("never-send", str(sent), "--because", "agreed with the customer")
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Synced with warnings", "")
    assert document(practice, sent).total == Decimal("333.50")
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Synced with warnings", "")
    row = practice.table("Invoices")[0]
    assert (row["Total"], row["Difference"]) == (500.25, -166.75)


def test_an_approved_document_follows_only_when_a_person_says_so(practice: Practice, sent: int) -> None:
    practice.cloud.xero.change(document(practice, sent).id, status="AUTHORISED")
    total = practice.reprice(sent)
    assert practice.sync(is_asked=True).updated == 0
    assert practice.ask("send-these", str(sent))["updated"] == 1
    assert (document(practice, sent).total, document(practice, sent).status) == (total, "AUTHORISED")


def test_a_part_paid_document_never_follows(practice: Practice, sent: int) -> None:
    practice.cloud.xero.change(document(practice, sent).id, status="AUTHORISED")
    practice.cloud.xero.pay(document(practice, sent).id, Decimal("10.00"))
    practice.reprice(sent)
    practice.sync(is_asked=True)
    assert practice.ask("send-these", str(sent))["updated"] == 0
    assert state(practice, sent) == ("Changed since sent", "AX-208")
    assert document(practice, sent).total == Decimal("333.50")


def test_a_void_that_was_told_is_carried_out_when_a_person_says_so(practice: Practice, sent: int) -> None:
    practice.cloud.xero.change(document(practice, sent).id, status="AUTHORISED")
    practice.cloud.autotask.void(sent)
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Changed since sent", "")
    assert practice.ask("send-these", str(sent))["voided"] == 1
    assert practice.cloud.xero.documents() == []


def test_an_update_that_xero_refuses_is_told_in_its_words(practice: Practice) -> None:
    practice.type_settings({"Use Autotask Numbers": "Number"})
    one = practice.world.invoice("Kauri Legal", [support()], number="AT-1")
    practice.world.invoice("Kauri Legal", [support("1")], number="AT-2")
    practice.sync()
    practice.cloud.autotask.change("Invoices", one, invoiceNumber="AT-2")
    practice.sync(is_asked=True)
    row = practice.rows()[one]
    assert (row["status"], row["fault"]["code"]) == ("Changed since sent", "AX-208")
    assert "must be unique" in row["fault"]["detail"]


def test_an_update_that_cannot_be_made_says_why(practice: Practice, sent: int) -> None:
    practice.cloud.autotask.change("Invoices", sent, invoiceTotal="300")  # its lines come to 290
    practice.sync(is_asked=True)
    row = practice.rows()[sent]
    assert (row["status"], row["fault"]["code"]) == ("Changed since sent", "AX-208")
    assert "AX-1" in row["fault"]["detail"]
    assert document(practice, sent).total == Decimal("333.50")


@pytest.mark.parametrize("arrived", [True, False])
def test_an_update_whose_answer_is_lost(
    practice: Practice, sent: int, monkeypatch: pytest.MonkeyPatch, *, arrived: bool
) -> None:
    total = practice.reprice(sent)
    kind = "cut_after" if arrived else "cut_before"
    practice.cloud.troubles.add(Trouble(kind, system="xero", method="POST", path_contains="/Invoices", times=4))
    practice.sync(is_asked=True)
    assert len(practice.desk().ledger.open_intents()) == 1
    practice.sync(is_asked=True)
    age_intents(practice, monkeypatch, minutes=10)
    practice.sync(is_asked=True)
    practice.sync(is_asked=True)
    assert not practice.desk().ledger.open_intents()
    assert document(practice, sent).total == total
    assert state(practice, sent) == ("Synced", "")
    assert len([note for note in notes(practice) if "updated" in note]) == 1


def test_killed_while_updating(practice: Practice, sent: int) -> None:
    """Killed at requests of a run that updates, before and after commits: one document, as Autotask has it."""
    quantity = 2
    for target in range(1, 60, 1 if LONG else 3):
        quantity += 1
        total = practice.reprice(sent, str(quantity))
        practice.desk().ledger.remember(watched="2026-01-01T00:00:00+00:00")
        was_killed = killed_at(practice, target, after_commit=target % 2 == 1)
        practice.sync(is_asked=True)
        if practice.desk().ledger.open_intents():
            continue  # it may still land: the next round settles it
        assert document(practice, sent).total == total
        assert state(practice, sent) == ("Synced", "")
        if not was_killed:
            break
    else:
        pytest.fail("The run never came to its end.")
    assert target > 8


def test_what_was_kept_once_is_not_overwritten_later(practice: Practice, sent: int) -> None:
    """A person chose Xero's version; the next change in Autotask asks again."""
    recode(practice, sent)
    practice.reprice(sent)
    practice.sync(is_asked=True)
    practice.ask("never-send", str(sent), "--because", "agreed")
    practice.sync(is_asked=True)
    practice.cloud.autotask.change("Invoices", sent, orderNumber="PO 9")
    assert practice.sync(is_asked=True).updated == 0
    assert state(practice, sent) == ("Changed since sent", "")
    assert document(practice, sent).total == Decimal("333.50")


def test_what_was_kept_teaches_no_contact(practice: Practice, sent: int) -> None:
    """A document stays with its contact though its invoice moved to another company; the next goes where it should."""
    practice.world.company("Rimu Dental")
    companies = practice.cloud.autotask.tables["Companies"]
    rimu = next(key for key, row in companies.items() if row["companyName"] == "Rimu Dental")
    practice.cloud.xero.change(document(practice, sent).id, status="AUTHORISED")
    practice.cloud.autotask.change("Invoices", sent, companyID=rimu)
    practice.sync(is_asked=True)
    practice.ask("never-send", str(sent), "--because", "agreed")
    practice.sync(is_asked=True)
    new = practice.world.invoice("Rimu Dental", [support("5")])
    practice.sync()
    assert practice.cloud.xero.document(str(practice.rows()[new]["xero_invoice_id"])).contact.name == "Rimu Dental"


def test_words_that_the_accountant_changed_are_an_edit(practice: Practice, sent: int) -> None:
    lines = document(practice, sent).lines
    lines[0].description = "Remote support as agreed"
    practice.cloud.xero.change(document(practice, sent).id, lines=lines)
    practice.cloud.autotask.change("Invoices", sent, orderNumber="PO 9")
    assert practice.sync(is_asked=True).updated == 0
    assert "as agreed" in practice.rows()[sent]["why"]
    assert document(practice, sent).lines[0].description == "Remote support as agreed"


def test_an_edit_during_the_look_is_not_overwritten(practice: Practice, sent: int) -> None:
    """The accountant recodes the draft while Autotask's lines are being read: the update is left to the next look."""
    practice.reprice(sent)

    def meanwhile(call: Call) -> None:
        if "BillingItems/query" in call.path:
            practice.cloud.troubles.on_request = None
            recode(practice, sent)

    practice.cloud.troubles.on_request = meanwhile
    assert practice.sync(is_asked=True).updated == 0
    assert document(practice, sent).lines[0].account_code == "260"
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Changed since sent", "")


def test_an_approved_update_whose_answer_is_lost_ends_well(practice: Practice, sent: int) -> None:
    practice.cloud.xero.change(document(practice, sent).id, status="AUTHORISED")
    total = practice.reprice(sent)
    practice.sync(is_asked=True)
    practice.cloud.troubles.add(Trouble("cut_after", system="xero", method="POST", path_contains="/Invoices", times=4))
    send_these(practice.desk(), [str(sent)])
    for _ in range(3):
        practice.sync(is_asked=True)
    assert document(practice, sent).total == total
    assert state(practice, sent) == ("Synced", "")
    assert len([note for note in notes(practice) if "updated" in note]) == 1


def test_a_document_that_was_sent_again_keeps_its_own_number(practice: Practice) -> None:
    practice.cloud.xero.rules.reusable_numbers = set()
    practice.type_settings({"Use Autotask Numbers": "Number", "Invoice status in Xero": "Approved"})
    number = practice.world.invoice("Kauri Legal", [support()], number="AT-7")
    practice.sync()
    practice.cloud.xero.change("AT-7", status="VOIDED")
    practice.sync(is_asked=True)
    practice.type_settings({"Invoice status in Xero": "Draft"})
    practice.ask("send-again", str(number))
    total = practice.reprice(number)
    assert practice.sync(is_asked=True).updated == 1
    assert (document(practice, number).number, document(practice, number).total) == ("AT-7-2", total)


def test_a_refused_update_is_not_tried_every_hour(practice: Practice, sent: int) -> None:
    practice.cloud.autotask.change("Invoices", sent, invoiceTotal="300")  # its lines come to 290
    practice.sync(is_asked=True)
    hourly = practice.sync(is_asked=True)
    assert sum(hourly.calls.values()) <= 10
    assert state(practice, sent) == ("Changed since sent", "AX-208")
    total = practice.reprice(sent)
    assert practice.sync(is_asked=True).updated == 1
    assert document(practice, sent).total == total


def test_an_answer_with_another_total_is_told(practice: Practice, sent: int) -> None:
    """Someone edits the tax rate in Xero between our reading it and our sending."""
    practice.reprice(sent)

    def edit(call: Call) -> None:
        if call.method == "POST" and call.path.endswith("/Invoices"):
            practice.cloud.xero.add_tax_rate("OUTPUT2", "15% GST on Income", "12.5")

    practice.cloud.troubles.on_request = edit
    practice.sync(is_asked=True)
    assert document(practice, sent).total != Decimal("500.25")
    assert state(practice, sent) == ("Synced with warnings", "AX-207")


def lost_update(practice: Practice, sent: int) -> None:
    """Autotask prices the invoice anew; the draft is updated, and the answer lost for the whole run."""
    practice.reprice(sent)
    practice.cloud.troubles.add(Trouble("cut_after", system="xero", method="POST", path_contains="/Invoices", times=4))
    practice.sync(is_asked=True)
    assert len(practice.desk().ledger.open_intents()) == 1


def test_what_is_edited_after_a_lost_update_is_left(practice: Practice, sent: int) -> None:
    lost_update(practice, sent)
    practice.sync()
    found = document(practice, sent)
    found.lines[0].account_code = "260"
    practice.cloud.xero.change(found.id, lines=found.lines)
    practice.sync(is_asked=True)
    assert document(practice, sent).lines[0].account_code == "260"
    assert state(practice, sent) == ("Synced with warnings", "AX-213")
    assert sum("AutoXero updated this" in text for text in notes(practice)) == 1


def test_what_is_priced_back_after_a_lost_update_follows(practice: Practice, sent: int) -> None:
    """What Autotask has now is held against what the update made of it, not against what was there before."""
    lost_update(practice, sent)
    practice.sync()
    total = practice.reprice(sent, "2")
    practice.sync(is_asked=True)
    assert document(practice, sent).total == total
    assert practice.rows()[sent]["total"] == "333.50"


def test_an_invoice_and_a_credit_note_follow_in_one_look(practice: Practice) -> None:
    invoice = practice.world.invoice("Kauri Legal", [support()])
    refund = practice.world.invoice("Kauri Legal", [support("1", "-100")])
    practice.sync()
    practice.reprice(invoice)
    practice.reprice(refund, "1", "-150")
    assert practice.sync(is_asked=True).updated == 2
    assert practice.in_xero()["NZD"] == Decimal("500.25") - Decimal("172.50")


def test_one_at_which_xero_fails_holds_up_no_other(practice: Practice) -> None:
    """It is found by halving, and stands on Faults; a person's word tries it again."""
    bad, *good = [practice.world.invoice("Kauri Legal", [support()]) for _ in range(5)]
    practice.sync()
    for number in (bad, *good):
        practice.reprice(number)
    xero_id = practice.rows()[bad]["xero_invoice_id"]
    practice.cloud.troubles.add(Trouble("500", system="xero", method="POST", body_contains=xero_id, times=None))
    assert practice.sync(is_asked=True).updated == 4
    assert state(practice, bad) == ("Changed since sent", "AX-208")
    assert "HTTP 500" in practice.rows()[bad]["fault"]["detail"]
    practice.cloud.troubles.clear()
    send_these(practice.desk(), [str(bad)])
    assert state(practice, bad) == ("Synced", "")
    assert practice.in_xero()["NZD"] == 5 * Decimal("500.25")


@pytest.mark.parametrize("count", [1, 8])
def test_an_outage_blames_no_update(practice: Practice, count: int) -> None:
    numbers = [practice.world.invoice("Kauri Legal", [support()]) for _ in range(count)]
    practice.sync()
    for number in numbers:
        practice.reprice(number)
    practice.cloud.reset()
    practice.cloud.troubles.add(Trouble("500", system="xero", method="POST", path_contains="Invoices", times=None))
    for _ in range(3):
        with suppress(StopError):
            practice.sync(is_asked=True)
    assert {state(practice, number) for number in numbers} == {("Synced", "")}
    sent = [call for call in practice.cloud.calls if (call.system, call.method) == ("xero", "POST")]
    assert len(sent) <= 3 * 4 * 4  # runs, failures in a row, tries of each
    practice.cloud.troubles.clear()
    practice.sync(is_asked=True)
    assert practice.in_xero()["NZD"] == count * Decimal("500.25")


@pytest.mark.parametrize("choice", ["send", "keep"])
def test_a_number_written_back_and_renumbered_in_xero_settles(practice: Practice, choice: str) -> None:
    """Neither an update at every look, nor a choice that has to be made again."""
    practice.type_settings({"Write Xero number back to Autotask": "Yes"})
    number = practice.world.invoice("Kauri Legal", [support()], number="T100")
    practice.sync()
    practice.sync()
    practice.cloud.xero.change(document(practice, number).id, number="MINE-1")
    practice.reprice(number)
    practice.sync(is_asked=True)
    assert state(practice, number)[0] == "Changed since sent"
    if choice == "send":
        send_these(practice.desk(), [str(number)])
    else:
        never_send(practice.desk(), [str(number)], "as it is")
        practice.sync(is_asked=True)
    for _ in range(2):
        assert practice.sync(is_asked=True).updated == 0
        assert state(practice, number)[0].startswith("Synced")
    assert len(notes(practice)) == (choice == "send")


def test_what_a_person_made_alike_in_xero_is_settled(practice: Practice, sent: int) -> None:
    """The invoice was re-dated, its approved document waits for a choice, and the accountant re-dates it by hand."""
    practice.cloud.xero.change(document(practice, sent).id, status="AUTHORISED")
    day = practice.world.today - dt.timedelta(days=2)
    practice.cloud.autotask.change("Invoices", sent, invoiceDateTime=day.isoformat())
    practice.sync(is_asked=True)
    assert state(practice, sent)[0] == "Changed since sent"
    practice.cloud.xero.change(document(practice, sent).id, date=day)
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Synced", "")
    assert "alike" in practice.rows()[sent]["why"]
