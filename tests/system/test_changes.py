"""What happens to an invoice after it was sent, on either side, is found in bulk and told or put right."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from agent.errors import StopError
from agent.pretend.troubles import Trouble
from agent.verbs import never_send
from tests.support import Practice, support


@pytest.fixture
def sent(practice: Practice) -> int:
    """An invoice that was sent."""
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    assert practice.rows()[number]["status"] == "Synced"
    return number


def document_id(practice: Practice, number: int) -> str:
    return str(practice.rows()[number]["xero_invoice_id"])


def state(practice: Practice, number: int) -> tuple[str, str]:
    row = practice.rows()[number]
    return row["status"], (row["fault"] or {}).get("code", "")


def change_status(practice: Practice, number: int, status: str) -> None:
    """Someone changes the document's status in Xero."""
    practice.cloud.xero.change(document_id(practice, number), status=status)


def test_a_draft_whose_invoice_is_voided_is_deleted(practice: Practice, sent: int) -> None:
    practice.cloud.autotask.void(sent)
    assert practice.sync(is_asked=True).voided == 1
    assert state(practice, sent) == ("Voided", "")
    assert practice.cloud.xero.documents() == []
    assert practice.sync(is_asked=True).voided == 0


@pytest.mark.parametrize(
    ("setting", "status", "left"), [("Tell me", "Changed since sent", 1), ("Void in Xero", "Voided", 0)]
)
def test_an_approved_document_is_told_or_voided(
    practice: Practice, sent: int, setting: str, status: str, left: int
) -> None:
    practice.type_settings({"When Autotask is voided": setting})
    change_status(practice, sent, "AUTHORISED")
    practice.cloud.autotask.void(sent)
    practice.sync(is_asked=True)
    assert state(practice, sent) == (status, "")
    assert len(practice.cloud.xero.documents()) == left


def test_a_paid_document_is_never_voided(practice: Practice, sent: int) -> None:
    practice.type_settings({"When Autotask is voided": "Void in Xero"})
    change_status(practice, sent, "AUTHORISED")
    practice.cloud.xero.pay(document_id(practice, sent))
    practice.cloud.autotask.void(sent)
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Changed since sent", "AX-209")
    assert len(practice.cloud.xero.documents()) == 1


def test_deleted_in_xero_by_hand_then_sent_again(practice: Practice, sent: int) -> None:
    change_status(practice, sent, "DELETED")
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Voided", "AX-213")
    answer = practice.ask("send-again", str(sent))
    assert answer["created"] == 1
    assert state(practice, sent) == ("Synced", "")
    assert len(practice.cloud.xero.documents()) == 1


def test_a_live_document_is_not_sent_again(practice: Practice, sent: int) -> None:
    done = practice.command("send-again", str(sent), "--workbook", str(practice.workbook))
    assert done.returncode == 2
    assert "would make two" in done.stderr
    assert practice.posts() == 1


def test_an_edit_in_xero_is_left_and_shown(practice: Practice, sent: int) -> None:
    document = practice.cloud.xero.document(document_id(practice, sent))
    practice.cloud.xero.change(document.id, date=document.date - dt.timedelta(days=1))
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Synced with warnings", "AX-213")
    assert "date" in practice.rows()[sent]["fault"]["detail"]


def test_a_change_in_autotask_is_shown_with_both_versions(practice: Practice, sent: int) -> None:
    change_status(practice, sent, "AUTHORISED")
    practice.reprice(sent, "3")
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Changed since sent", "")
    assert "290.00 → 435.00" in practice.rows()[sent]["why"]
    practice.reprice(sent, "2")
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Synced", "")


def test_a_change_that_xero_has_closed_says_so(practice: Practice, sent: int) -> None:
    change_status(practice, sent, "AUTHORISED")
    practice.cloud.xero.pay(document_id(practice, sent))
    practice.cloud.autotask.change("Invoices", sent, invoiceNumber="CHANGED")
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Changed since sent", "AX-208")


def test_payments_come_back_once_and_are_cleared_when_undone(practice: Practice, sent: int) -> None:
    practice.type_settings({"Copy payments back to Autotask": "Yes"})
    change_status(practice, sent, "AUTHORISED")
    payment = practice.cloud.xero.pay(document_id(practice, sent))
    practice.sync(is_asked=True)
    record = practice.cloud.autotask.tables["Invoices"][sent]
    assert record["paidDate"] is not None
    shown = practice.table("Invoices")[0]
    assert (shown["In Xero as"], shown["Outstanding"]) == ("Paid", 0)
    assert shown["Paid on"] is not None
    practice.cloud.reset()
    practice.sync(is_asked=True)
    assert not [call for call in practice.cloud.calls if call.method == "PATCH"]
    practice.cloud.xero.unpay(payment)
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Synced with warnings", "AX-214")
    assert record["paidDate"] is None


def test_a_part_payment_is_shown(practice: Practice, sent: int) -> None:
    change_status(practice, sent, "AUTHORISED")
    practice.cloud.xero.pay(document_id(practice, sent), Decimal("100.00"))
    practice.sync(is_asked=True)
    assert practice.table("Invoices")[0]["Outstanding"] == 233.5
    assert state(practice, sent) == ("Synced", "")


def test_the_hourly_look_is_cheap_and_hourly(practice: Practice, sent: int) -> None:
    practice.cloud.reset()
    practice.sync(is_asked=True)
    assert len([call for call in practice.cloud.calls if call.system != "login"]) <= 10
    practice.cloud.reset()
    practice.sync()
    assert len([call for call in practice.cloud.calls if call.system != "login"]) <= 4
    assert sent


def test_an_edit_that_was_undone_is_forgotten(practice: Practice, sent: int) -> None:
    document = practice.cloud.xero.document(document_id(practice, sent))
    day = document.date
    practice.cloud.xero.change(document.id, date=day - dt.timedelta(days=1))
    practice.sync(is_asked=True)
    practice.cloud.xero.change(document.id, date=day)
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Synced", "")


def test_nothing_on_hold_is_voided(practice: Practice, sent: int) -> None:
    """A document dated on or before the hold date is told, not deleted."""
    practice.type_settings({"Hold invoices dated on or before": practice.world.today})
    practice.cloud.autotask.void(sent)
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Changed since sent", "AX-209")
    assert len(practice.cloud.xero.documents()) == 1


@pytest.mark.parametrize("turn", ["voided", "changed", "rebuilt"])
def test_the_paid_date_is_always_that_of_xero(practice: Practice, sent: int, turn: str) -> None:
    """Undone and voided in one look; undone while it waits for a choice; paid before the ledger was made anew."""
    practice.type_settings({"Copy payments back to Autotask": "Yes"})
    change_status(practice, sent, "AUTHORISED")
    payment = practice.cloud.xero.pay(document_id(practice, sent))
    record = practice.cloud.autotask.tables["Invoices"][sent]
    if turn == "rebuilt":
        practice.ask("rebuild-ledger")
        practice.sync(is_asked=True)
        assert record["paidDate"] is not None
        return
    practice.sync(is_asked=True)
    assert record["paidDate"] is not None
    if turn == "changed":
        practice.cloud.autotask.change("Invoices", sent, orderNumber="PO 1")
        practice.sync(is_asked=True)
    practice.cloud.xero.unpay(payment)
    if turn == "voided":
        change_status(practice, sent, "VOIDED")
    practice.sync(is_asked=True)
    assert record["paidDate"] is None


def test_what_was_skipped_and_changed_is_looked_at_again(practice: Practice) -> None:
    free = practice.world.invoice("Kauri Legal", [support("1", "0")])
    early = practice.world.invoice("Kauri Legal", [support()], day=practice.world.start - dt.timedelta(days=3))
    practice.type_settings({"Zero invoices": "Skip"})
    practice.sync()
    assert {practice.rows()[key]["status"] for key in (free, early) if key in practice.rows()} == {"Skipped"}
    practice.reprice(free)
    practice.cloud.autotask.change("Invoices", early, invoiceDateTime=practice.world.today.isoformat())
    for _ in range(2):
        practice.sync(is_asked=True)
    assert {practice.rows()[key]["status"] for key in (free, early)} == {"Synced"}


def test_a_fast_clock_hides_no_void(practice: Practice, sent: int) -> None:
    """The last look was noted for next year: the next one looks at once, and notes when it really was."""
    future = dt.datetime.now(dt.UTC) + dt.timedelta(days=400)
    practice.desk().ledger.remember(watched=future.isoformat())
    practice.cloud.autotask.void(sent)
    practice.sync()
    assert state(practice, sent) == ("Voided", "")
    assert dt.datetime.fromisoformat(practice.desk().ledger.fact("watched")) < future


def test_an_old_void_stays_told(practice: Practice) -> None:
    """Its header is not among the recent ones any more, and something happens in Xero: it is no invoice as sent."""
    day = practice.world.today - dt.timedelta(days=120)
    practice.type_settings({"Start date": day})
    number = practice.world.invoice("Kauri Legal", [support()], day=day)
    practice.sync()
    change_status(practice, number, "AUTHORISED")
    practice.cloud.autotask.void(number)
    practice.sync(is_asked=True)
    assert state(practice, number) == ("Changed since sent", "")
    long_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(days=3)).isoformat()
    practice.cloud.autotask.change("Invoices", number, voidedDate=long_ago)
    practice.sync(is_asked=True)
    assert state(practice, number) == ("Changed since sent", "")
    practice.cloud.xero.pay(document_id(practice, number), Decimal(10))
    practice.sync(is_asked=True)
    assert state(practice, number) == ("Changed since sent", "AX-209")


def test_what_we_deleted_ourselves_is_not_told_as_deleted_by_hand(practice: Practice) -> None:
    day = practice.world.today - dt.timedelta(days=120)
    practice.type_settings({"Start date": day})
    number = practice.world.invoice("Kauri Legal", [support()], day=day)
    practice.sync()
    practice.cloud.autotask.void(number)
    practice.sync(is_asked=True)
    long_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(days=3)).isoformat()
    practice.cloud.autotask.change("Invoices", number, voidedDate=long_ago)
    practice.sync(is_asked=True)
    assert state(practice, number) == ("Voided", "")


def test_a_draft_that_somebody_works_on_is_not_deleted(practice: Practice, sent: int) -> None:
    """Approved between the look and the deletion."""
    practice.cloud.autotask.void(sent)
    key = document_id(practice, sent)

    def approve(call: object) -> None:
        if getattr(call, "path", "").endswith(key):
            practice.cloud.troubles.on_request = None
            change_status(practice, sent, "AUTHORISED")

    practice.cloud.troubles.on_request = approve
    practice.sync(is_asked=True)
    assert state(practice, sent) == ("Changed since sent", "")
    assert len(practice.cloud.xero.documents()) == 1


def test_another_total_is_told_again_after_an_edit_was_undone(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])

    def other_rate(call: object) -> None:
        if getattr(call, "method", "") == "PUT":
            practice.cloud.xero.add_tax_rate("OUTPUT2", "15% GST on Income", "12.5")

    practice.cloud.troubles.on_request = other_rate
    practice.sync()
    practice.cloud.troubles.on_request = None
    assert state(practice, number) == ("Synced with warnings", "AX-207")
    key = document_id(practice, number)
    before = practice.cloud.xero.document(key).reference
    practice.cloud.xero.change(key, reference="see me")
    practice.sync(is_asked=True)
    assert state(practice, number) == ("Synced with warnings", "AX-213")
    practice.cloud.xero.change(key, reference=before)
    practice.sync(is_asked=True)
    row = practice.rows()[number]
    assert row["status"] == "Synced with warnings"
    assert any("AX-207" in warning for warning in row["warnings"])


def test_a_failed_invoice_that_is_voided_is_no_fault_any_more(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    for _ in range(3):
        practice.sync()
    assert state(practice, number)[0] == "Fault"
    practice.cloud.autotask.void(number)
    practice.sync(is_asked=True)
    practice.sync()
    assert practice.rows()[number]["status"] == "Skipped"


@pytest.mark.parametrize("how", ["re-dated", "hidden"])
def test_what_comes_into_sight_late_is_sent(practice: Practice, how: str) -> None:
    """An older id, re-dated past Start date, or hidden from the API user when all were read first."""
    start = practice.world.today - dt.timedelta(days=40)
    practice.type_settings({"Start date": start})
    day = start + dt.timedelta(days=-10 if how == "re-dated" else 3)
    late = practice.world.invoice("Kauri Legal", [support()], day=day)
    practice.world.invoice("Kauri Legal", [support("5")])
    table = practice.cloud.autotask.tables["Invoices"]
    hidden = table.pop(late) if how == "hidden" else None
    practice.sync()
    assert late not in practice.rows()
    if hidden is not None:
        table[late] = hidden
    else:
        practice.cloud.autotask.change("Invoices", late, invoiceDateTime=(start + dt.timedelta(days=5)).isoformat())
    practice.sync(is_asked=True)
    practice.sync()
    assert state(practice, late) == ("Synced", "")


@pytest.mark.parametrize("count", [1, 3])
def test_what_xero_does_not_void_holds_up_no_other(practice: Practice, count: int) -> None:
    """The others, payments and updates are looked after all the same; after three looks they stand on Faults."""
    *bad, good, new = [practice.world.invoice("Kauri Legal", [support()]) for _ in range(count + 2)]
    practice.sync()
    for number in (*bad, good):
        practice.cloud.autotask.void(number)
        xero_id = practice.rows()[number]["xero_invoice_id"]
        if number in bad:
            practice.cloud.troubles.add(Trouble("502", system="xero", method="POST", body_contains=xero_id, times=None))
    practice.reprice(new)
    report = practice.sync(is_asked=True)
    assert (report.voided, report.updated, report.exit_code) == (1, 1, 0)
    assert "could not be voided in Xero" in report.problems[0]
    for _ in range(2):
        practice.sync(is_asked=True)
    assert {state(practice, number) for number in bad} == {("Changed since sent", "AX-209")}
    practice.cloud.troubles.clear()
    practice.sync(is_asked=True)
    assert {state(practice, number) for number in bad} == {("Voided", "")}


def test_an_outage_in_voiding_blames_nobody_and_stops_no_payment(practice: Practice) -> None:
    practice.type_settings({"Copy payments back to Autotask": "Yes"})
    *gone, paid = [practice.world.invoice("Kauri Legal", [support()]) for _ in range(7)]
    practice.sync()
    practice.cloud.xero.change(document_id(practice, paid), status="AUTHORISED")
    practice.cloud.xero.pay(document_id(practice, paid))
    for number in gone:
        practice.cloud.autotask.void(number)
    practice.cloud.troubles.add(Trouble("502", system="xero", method="POST", path_contains="Invoices", times=None))
    with pytest.raises(StopError):
        practice.sync(is_asked=True)
    assert {state(practice, number) for number in gone} == {("Synced", "")}
    practice.cloud.troubles.clear()
    practice.sync(is_asked=True)
    assert {state(practice, number) for number in gone} == {("Voided", "")}
    assert practice.cloud.autotask.tables["Invoices"][paid]["paidDate"]


def test_a_voided_invoice_that_is_left_in_xero_costs_no_more_looks(practice: Practice) -> None:
    practice.type_settings({"Invoice status in Xero": "Approved"})
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.sync()
    quiet = sum(practice.sync().calls.values())
    practice.cloud.autotask.void(number)
    practice.sync()
    never_send(practice.desk(), [str(number)], "credited by hand")
    practice.sync(is_asked=True)
    assert practice.rows()[number]["status"] == "Synced with warnings"
    assert sum(practice.sync().calls.values()) == quiet


def test_the_number_of_a_voided_invoice_is_free_for_the_next(practice: Practice) -> None:
    """Voided and invoiced anew under its number, as Autotask does it: no strike, at the next sync by the clock."""
    practice.type_settings({"Use Autotask Numbers": "Number"})
    first = practice.world.invoice("Kauri Legal", [support()], number="N1")
    practice.sync()
    practice.sync()
    practice.cloud.autotask.void(first)
    second = practice.world.invoice("Kauri Legal", [support("3")], number="N1")
    practice.sync()
    assert state(practice, first) == ("Voided", "")
    assert state(practice, second) == ("Synced", "")
    assert [str(item.total) for item in practice.cloud.xero.documents()] == ["500.25"]


def test_more_documents_with_an_invoices_mark_are_told(practice: Practice) -> None:
    """Each by itself, as long as it stands; also beside an update."""
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    (ours,) = practice.cloud.xero.documents()
    line = {"Description": "Twice", "Quantity": 2, "UnitAmount": 145, "AccountCode": "200"}
    twins = [practice.cloud.xero.add_invoice("Kauri Legal", [line], Url=ours.url) for _ in range(2)]
    practice.sync(is_asked=True)
    row = practice.rows()[number]
    assert row["status"] == "Synced with warnings"
    assert len(row["warnings"]) == 2
    assert "If it is a double, void one of the two." in row["warnings"][0]
    practice.cloud.xero.change(twins[1], status="VOIDED")
    practice.reprice(number)
    practice.sync(is_asked=True)
    (left,) = practice.rows()[number]["warnings"]
    assert practice.cloud.xero.document(twins[0]).number in left
    practice.cloud.xero.change(twins[0], status="VOIDED")
    practice.sync(is_asked=True)
    assert practice.rows()[number]["status"] == "Synced"


def test_a_number_that_was_written_back_gets_no_second_prefix(practice: Practice) -> None:
    practice.type_settings(
        {"Use Autotask Numbers": "Number", "Invoice number prefix": "AT-", "Write Xero number back to Autotask": "Yes"}
    )
    number = practice.world.invoice("Kauri Legal", [support()], number="1085")
    practice.sync()
    practice.sync()
    assert practice.cloud.autotask.tables["Invoices"][number]["invoiceNumber"] == "AT-1085"
    practice.reprice(number)
    practice.sync(is_asked=True)
    (document,) = practice.cloud.xero.documents()
    assert (document.number, document.reference, str(document.total)) == ("AT-1085", "1085", "500.25")
