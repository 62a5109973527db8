"""Cases in which an invoice could have been doubled, lost or misdirected; each once went wrong."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from agent.errors import StopError
from agent.ledger import tables
from agent.pretend.troubles import Call, Trouble
from agent.sync import sync
from tests.support import Practice, support
from tests.system.test_exactly_once import age_ledger, assert_all_there_once, ids_in_xero, some_invoices
from workbook.project import Projection, project


def test_asleep_between_two_tries(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is lost, and the laptop is shut during the pause: the key is dead when it wakes, so it asks first."""
    expected = some_invoices(practice)
    practice.cloud.troubles.add(Trouble("cut_after", system="xero", method="PUT"))
    xero_now = practice.cloud.xero.now
    slept = [0.0]
    wall = time.time

    def sleep(seconds: float) -> None:
        if seconds == 2.0:
            slept[0] = 600.0

    monkeypatch.setattr(practice.cloud.xero, "now", lambda: xero_now() + timedelta(seconds=slept[0]))
    desk = practice.desk()
    make = desk.make_wire

    def wire() -> Any:
        made = make()
        made.sleep, made.clocks = sleep, (time.monotonic, lambda: wall() + slept[0])
        return made

    desk.make_wire = wire
    with pytest.raises(StopError):
        sync(desk)
    age_ledger(practice, 10)
    practice.sync()
    assert_all_there_once(practice, expected)


def test_a_clock_that_was_set_back(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes went by, our clock says none: what is in Xero is found before the dead key is used again."""
    expected = some_invoices(practice)
    practice.cloud.troubles.add(Trouble("cut_after", system="xero", method="PUT", times=4))
    with pytest.raises(StopError):
        practice.sync()
    now = practice.cloud.xero.now
    monkeypatch.setattr(practice.cloud.xero, "now", lambda: now() + timedelta(minutes=10))
    practice.sync()
    assert_all_there_once(practice, expected)


def test_a_twin_is_not_taken_for_the_other(practice: Practice) -> None:
    """Lists hide our mark, numbers are Xero's, sixty invoices are alike: the ten that failed are really sent."""
    practice.cloud.xero.rules.lists_url = False
    expected = some_invoices(practice, 60, same=True)
    mark = f"={expected[-1]}"
    practice.cloud.troubles.add(Trouble("503", system="xero", method="PUT", body_contains=mark, times=4))
    practice.sync()
    practice.sync()
    assert_all_there_once(practice, expected)
    references = Counter(document.reference for document in practice.cloud.xero.documents())
    assert set(references.values()) == {1}


def test_a_hidden_company_is_not_billed_in_our_currency(practice: Practice) -> None:
    """Autotask hides rows in silence: neither name nor currency is guessed."""
    practice.world.company("Berlin GmbH", "EUR")
    practice.type_settings({"Other currencies": "Allow"})
    practice.cloud.xero.organisation.currencies["EUR"] = "Euro"
    practice.world.invoice("Berlin GmbH", [support(is_taxed=False)], region="Overseas")
    assert practice.sync().created == 1
    practice.cloud.autotask.remove("Companies", practice.world.companies["Berlin GmbH"])
    number = practice.world.invoice("Berlin GmbH", [support("3", is_taxed=False)], region="Overseas")
    assert practice.sync().created == 0
    assert practice.codes()[number] == "AX-202"


def test_an_unknown_currency_is_not_ours(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.autotask.change("Companies", practice.world.companies["Kauri Legal"], currencyID=99)
    assert practice.sync().created == 0
    assert practice.codes()[number] == "AX-202"


def test_a_document_moved_to_another_contact_moves_no_others(practice: Practice) -> None:
    first = practice.world.invoice("Kauri Legal", [support()])
    practice.world.company("Somebody Else")
    practice.sync()
    stranger = practice.cloud.xero.contact("Somebody Else")
    practice.cloud.xero.change(practice.rows()[first]["xero_invoice_id"], contact=stranger)
    practice.sync(is_asked=True)
    assert practice.codes()[first] == "AX-213"
    second = practice.world.invoice("Kauri Legal", [support("3")])
    practice.sync()
    document = practice.cloud.xero.document(practice.rows()[second]["xero_invoice_id"])
    assert document.contact.name == "Kauri Legal"


def test_a_wish_in_an_open_file_is_acted_on_once(practice: Practice) -> None:
    """The cell cannot be cleared while the file is open: the draft, deleted again on purpose, is not sent again."""
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.cloud.xero.change(practice.rows()[number]["xero_invoice_id"], status="DELETED")
    practice.sync(is_asked=True)
    project(practice.workbook, Projection(edits={"Invoices": {(str(number),): {"Do": "Send again"}}}))
    lock = practice.workbook.with_name(f".~lock.{practice.workbook.name}#")
    lock.write_text(f",ann,{socket.gethostname()},22.11.2026 10:00,file:///tmp/x;{os.getpid()}\n", encoding="utf-8")
    practice.sync()
    assert sum(ids_in_xero(practice).values()) == 1
    practice.cloud.xero.change(practice.rows()[number]["xero_invoice_id"], status="DELETED")
    practice.sync(is_asked=True)
    practice.sync()
    assert sum(ids_in_xero(practice).values()) == 0
    lock.unlink()
    practice.sync()
    assert practice.table("Invoices")[0]["Do"] is None


def test_a_confirmation_survives_an_outage(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()], webServiceDate=practice.cloud.now())
    practice.sync()
    practice.desk().ledger.wish([number], "send")  # type: ignore[list-item] # a plain number will do
    practice.cloud.troubles.add(Trouble("429-day", system="xero", path_contains="/Invoices"))
    with pytest.raises(StopError):
        practice.sync()
    practice.sync()
    assert practice.rows()[number]["status"] == "Synced"


def test_confirming_twice_harms_nothing(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.ask("send-these", str(number))
    practice.ask("resync", str(number))
    assert practice.rows()[number]["status"] == "Synced"


def test_one_write_back_that_fails_delays_no_other(practice: Practice) -> None:
    bad, good = some_invoices(practice, 2)
    practice.cloud.troubles.add(
        Trouble("500", system="autotask", method="PATCH", body_contains=f'"id":{bad},', times=None)
    )
    for _ in range(4):
        practice.sync()
    records = practice.cloud.autotask.tables["Invoices"]
    assert records[good]["webServiceDate"] is not None
    engine = practice.desk().ledger.engine
    with engine.begin() as connection:
        states = dict(connection.execute(select(tables.write_back.c.autotask_id, tables.write_back.c.state)).all())
    assert states == {bad: "failed", good: "done"}


def test_contacts_that_cannot_be_created_in_an_outage_strike_nobody(practice: Practice) -> None:
    practice.type_settings({"Create missing contacts": "Yes"})
    practice.world.company("Rimu Ltd", in_xero=False)
    number = practice.world.invoice("Rimu Ltd", [support()])
    practice.cloud.troubles.add(Trouble("503", system="xero", method="PUT", path_contains="/Contacts", times=8))
    other = practice.world.invoice("Kauri Legal", [support("3")])
    for _ in range(2):
        practice.sync()
    row = practice.rows()[number]
    assert (row["status"], row["strikes"], row["fault"]["code"]) == ("Waiting", 0, "AX-403")
    assert practice.rows()[other]["status"] == "Synced"
    assert practice.sync().created == 1


def test_an_odd_invoice_stops_no_other(practice: Practice) -> None:
    """Dates that are none, no lines and a cent in the header: its own fault at most."""
    odd = practice.world.invoice("Kauri Legal", [], header_gap="0.03")
    worse = practice.world.invoice("Kauri Legal", [support("3")])
    practice.cloud.autotask.tables["Invoices"][worse]["dueDate"] = None
    good = practice.world.invoice("Kauri Legal", [support()])
    assert practice.sync().created == 2
    assert practice.codes()[odd] in {"AX-106", "AX-112"}
    assert {practice.rows()[number]["status"] for number in (worse, good)} == {"Synced"}


def test_a_number_written_back_is_no_change(practice: Practice) -> None:
    practice.type_settings({"Write Xero number back to Autotask": "Yes"})
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    assert practice.cloud.autotask.tables["Invoices"][number]["invoiceNumber"].startswith("INV-")
    practice.sync(is_asked=True)
    assert practice.rows()[number]["status"] == "Synced"


def test_no_two_invoices_share_a_document(practice: Practice) -> None:
    """Should all else fail, the ledger itself refuses."""
    first, second = some_invoices(practice, 2)
    practice.sync()
    engine = practice.desk().ledger.engine
    taken = practice.rows()[first]["xero_invoice_id"]
    with pytest.raises(Exception, match="UNIQUE"), engine.begin() as connection:
        connection.execute(update(tables.invoice).where(tables.invoice.c.autotask_id == second).values(xero_id=taken))


def test_problems_reach_the_sheet_when_they_stop_a_run(practice: Practice) -> None:
    practice.type_settings({"Start date": None})
    done = practice.command("sync", "--workbook", str(practice.workbook))
    assert done.returncode == 2
    row = next(row for row in practice.table("Settings") if row["Setting"] == "Start date")
    assert "Type it" in row["Problem"]


@pytest.mark.parametrize("kind", ["500", "cut_after"])
def test_a_document_of_ours_is_ours_whatever_its_sums(practice: Practice, kind: str) -> None:
    """The answer is lost, and the total in Xero is another than ours: it is told (AX-207), never sent again."""
    number = practice.world.invoice("Kauri Legal", [support()])

    def edit(call: Call) -> None:
        if call.method == "PUT":
            practice.cloud.xero.add_tax_rate("OUTPUT2", "15% GST on Income", "12.5")

    practice.cloud.troubles.on_request = edit
    practice.cloud.troubles.add(Trouble(kind, system="xero", method="PUT", times=4, is_after_commit=True))
    for _ in range(3):
        try:
            practice.sync()
        except StopError as stopped:
            if stopped.exit_code != 69:
                raise
        age_ledger(practice, 10)
    assert ids_in_xero(practice) == {str(number): 1}
    row = practice.rows()[number]
    assert (row["status"], row["fault"]["code"]) == ("Synced with warnings", "AX-207")


def test_a_request_that_may_still_land_is_not_given_up(practice: Practice) -> None:
    """Its key has just died, but its last try may have begun just before: it is neither repeated nor planned anew."""
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("cut_before", system="xero", method="PUT", times=4))
    with pytest.raises(StopError):
        practice.sync()
    posts = practice.posts()
    age_ledger(practice, 6)
    practice.sync()
    assert practice.posts() == posts
    assert practice.codes()[number] == "AX-212"
    age_ledger(practice, 2)
    practice.sync()
    assert ids_in_xero(practice) == {str(number): 1}


def test_an_intent_from_the_future_waits_and_does_not_hang(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("cut_before", system="xero", method="PUT", times=4))
    with pytest.raises(StopError):
        practice.sync()
    age_ledger(practice, -7)
    practice.sync()
    assert practice.codes()[number] == "AX-212"
    age_ledger(practice, 10)
    practice.sync()
    assert ids_in_xero(practice) == {str(number): 1}


def test_resync_does_not_lift_the_cap(practice: Practice) -> None:
    """Only Send these does."""
    practice.type_settings({"Invoices in the first live run": 2})
    some_invoices(practice, 6)
    assert practice.sync().created == 2
    assert practice.ask("resync", "--all")["created"] == 0
    assert practice.ask("send-these")["created"] == 4


def test_a_choice_changed_during_the_run_is_not_wiped(practice: Practice) -> None:
    """Resync is taken up; meanwhile the accountant saves Never send: that stands, and counts in the next run."""
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    project(practice.workbook, Projection(edits={"Invoices": {(str(number),): {"Do": "Resync"}}}))

    def change_mind(call: Call) -> None:
        if call.path.endswith("/Organisation"):
            project(practice.workbook, Projection(edits={"Invoices": {(str(number),): {"Do": "Never send"}}}))

    practice.cloud.troubles.on_request = change_mind
    practice.sync()
    practice.cloud.troubles.clear()
    assert practice.table("Invoices")[0]["Do"] == "Never send"
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    practice.sync()
    assert (practice.rows()[number]["status"], practice.posts()) == ("Never send", 0)


def test_an_outage_in_mid_run_strikes_nobody(practice: Practice) -> None:
    """The first batch arrives, then everything sent fails: the run ends, and the day's limit is not burnt."""
    some_invoices(practice, 210)
    practice.cloud.troubles.add(Trouble("503", system="xero", method="PUT", skip=1, times=None))
    with pytest.raises(StopError):
        practice.sync()
    assert practice.posts() < 60
    assert all(row["strikes"] == 0 for row in practice.rows().values())
    practice.cloud.troubles.clear()
    practice.sync()
    assert Counter(row["status"] for row in practice.rows().values()) == {"Synced": 210}


def test_a_draft_that_cannot_be_deleted_blocks_nothing(practice: Practice) -> None:
    (voided,) = some_invoices(practice, 1)
    practice.sync()
    practice.cloud.autotask.void(voided)
    practice.cloud.troubles.add(Trouble("500", system="xero", method="POST", times=None))
    (other,) = some_invoices(practice, 1)
    assert practice.sync(is_asked=True).created == 1
    assert practice.codes()[voided] == "AX-209"
    assert practice.cloud.autotask.tables["Invoices"][other]["webServiceDate"] is not None
    practice.cloud.troubles.clear()
    practice.sync(is_asked=True)
    assert practice.rows()[voided]["status"] == "Voided"


@pytest.mark.parametrize("refund", [False, True])
def test_sent_again_it_gets_a_number_of_its_own(practice: Practice, *, refund: bool) -> None:
    """Xero may keep the number of a voided document for good: the new one does not ask for it, and is found by it."""
    practice.cloud.xero.rules.reusable_numbers = set()
    practice.type_settings({"Use Autotask Numbers": "Number", "Invoice status in Xero": "Approved"})
    number = practice.world.invoice("Kauri Legal", [support("1", "-145" if refund else "145")], number="AT-7")
    practice.sync()
    first = f"CN-{number}" if refund else "AT-7"
    practice.cloud.xero.change(first, status="VOIDED")
    practice.sync(is_asked=True)
    assert practice.ask("send-again", str(number))["created"] == 1
    assert practice.rows()[number]["xero_number"] == f"{first}-2"
    practice.cloud.xero.rules.lists_url = False
    practice.ask("rebuild-ledger")
    assert practice.rows()[number]["xero_number"] == f"{first}-2"


def test_a_resync_while_paused_says_so(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.type_settings({"Paused": "Yes"})
    error = practice.ask("resync", "--all")["error"]
    assert "Paused is Yes" in error["message"]


def test_two_invoices_never_claim_one_document(practice: Practice) -> None:
    """Changing over: one has the number of what is there, the other the same sums. One is taken over, one is sent."""
    practice.type_settings({"Use Autotask Numbers": "Number"})
    day = practice.world.today - timedelta(days=5)
    line = {"Description": "x", "Quantity": 2, "UnitAmount": 145, "AccountCode": "200", "TaxType": "OUTPUT2"}
    practice.cloud.xero.add_invoice("Kauri Legal", [line], InvoiceNumber="AT-9", Date=day.isoformat())
    other = practice.world.invoice("Kauri Legal", [support()], number="AT-1")
    same = practice.world.invoice("Kauri Legal", [support()], number="AT-9")
    practice.sync()
    practice.ask("send-these")
    rows = practice.rows()
    assert {rows[key]["status"] for key in (other, same)} == {"Synced"}
    assert (rows[same]["xero_number"], rows[other]["xero_number"]) == ("AT-9", "AT-1")
    assert len(practice.cloud.xero.documents()) == 2


def test_confirming_that_there_are_many_confirms_nothing_else(practice: Practice) -> None:
    """What another tool marked as sent, and Xero does not have, waits for its own word."""
    practice.type_settings({"Invoices in the first live run": 1})
    first = practice.world.invoice("Kauri Legal", [support("9")])
    ids = [practice.world.invoice("Kauri Legal", [support(str(n))]) for n in (2, 3)]
    for key in ids:
        practice.cloud.autotask.change("Invoices", key, webServiceDate="2026-11-01T00:00:00Z")
    practice.sync()
    assert practice.rows()[first]["status"] == "Synced"
    assert {practice.codes()[key] for key in ids} == {"AX-505"}
    practice.ask("send-these")
    assert {practice.codes()[key] for key in ids} == {"AX-111"}
    practice.ask("send-these")
    assert practice.posts() == 1
    practice.ask("send-these", *map(str, ids))
    assert {practice.rows()[key]["status"] for key in ids} == {"Synced"}


def test_a_mark_that_is_not_autotasks_is_none(practice: Practice) -> None:
    """A web shop's address ends like ours: the ledger made anew does not take its draft for the invoice."""
    number = practice.world.invoice("Kauri Legal", [support()])
    line = {"Description": "shoes", "UnitAmount": 9.5, "AccountCode": "200"}
    url = f"https://shop.example.com/view?invoice={number}"
    shop = practice.cloud.xero.add_invoice("Walk-in", [line], Url=url, Status="DRAFT")
    answer = practice.ask("rebuild-ledger")
    assert (answer["found"], answer["left"]) == (0, 1)
    practice.sync()
    assert practice.rows()[number]["xero_invoice_id"] != shop
    assert practice.rows()[number]["status"] == "Synced"


def test_an_attachment_that_is_refused_holds_up_no_other(practice: Practice) -> None:
    practice.type_settings({"Note in Xero's history": "Yes"})
    for count in (1, 2):
        practice.world.invoice("Kauri Legal", [support(str(count))])
    practice.cloud.troubles.add(Trouble("404", path_contains="/History", times=1))
    for _ in range(3):
        practice.sync()
    told = [
        note for item in practice.cloud.xero.documents() for note in item.history if "AutoXero sent" in note.details
    ]
    assert len(told) == 2


def test_a_twin_does_not_wait_for_what_is_under_way(practice: Practice) -> None:
    """Its twin arrives by the repeated request, whose answer is lost, too; Xero's lists show no marks."""
    practice.cloud.xero.rules.lists_url = False
    first = practice.world.invoice("Kauri Legal", [support()])
    for kind in ("cut_before", "cut_after"):
        practice.cloud.troubles.add(Trouble(kind, system="xero", method="PUT", times=4))
    with suppress(StopError):
        practice.sync()
    second = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    assert practice.rows()[second]["status"] == "Synced"
    practice.sync()
    assert practice.rows()[first]["status"] == "Synced"
    assert len(practice.cloud.xero.documents()) == 2
