"""Invoices flow: the main job, over real HTTP, into a real workbook."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest

from agent.errors import PlainError, StopError
from agent.pretend.troubles import Call, Trouble
from agent.sync import sync
from tests.support import Practice, support

D = Decimal


def test_an_invoice_arrives_and_is_shown(practice: Practice) -> None:
    """From Autotask over the wire into Xero, the ledger, the sheet and the log; Autotask is told."""
    number = practice.world.invoice("Kauri Legal", [support()])
    report = practice.sync()
    assert (report.pulled, report.created, report.exit_code) == (1, 1, 0)
    row = practice.rows()[number]
    assert (row["status"], row["total"], row["fault"]) == ("Synced", "333.50", None)
    assert practice.in_xero() == {"NZD": D("333.50")}
    shown = practice.table("Invoices")[0]
    assert (shown["Status"], shown["Customer"], shown["Total"], shown["Xero total"]) == (
        "Synced",
        "Kauri Legal",
        333.5,
        333.5,
    )
    assert shown["Autotask id"] == number
    assert any(line["Event"] == "Created in Xero" for line in practice.table("Log"))
    assert practice.cloud.autotask.tables["Invoices"][number]["webServiceDate"] is not None


def test_nothing_new_costs_little_and_leaves_the_file_alone(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    before = hashlib.sha256(practice.workbook.read_bytes()).hexdigest(), practice.workbook.stat().st_mtime_ns
    practice.cloud.reset()
    report = practice.sync()
    assert (report.pulled, report.created) == (0, 0)
    calls = [call for call in practice.cloud.calls if call.system != "login" and "zoneInformation" not in call.path]
    assert len(calls) <= 4, [call.path for call in calls]
    assert report.calls == {"autotask": 2, "xero": 2}
    after = hashlib.sha256(practice.workbook.read_bytes()).hexdigest(), practice.workbook.stat().st_mtime_ns
    assert after == before


def test_a_thousand_invoices_stay_within_the_budget(practice: Practice) -> None:
    """1,000 invoices with 5 lines of 300 customers, 2,000 contacts: 60 Xero calls and 40 Autotask calls at most."""
    practice.cloud.xero.minute_limit = 60
    practice.timeout = (10.0, 60.0)
    for index in range(300):
        practice.world.company(f"Customer {index:03}")
    for index in range(1700 - 1):
        practice.cloud.xero.add_contact(f"Stranger {index:04}")
    lines = [support(str(count), "145") for count in range(1, 6)]
    for index in range(1000):
        practice.world.invoice(f"Customer {index % 300:03}", lines)
    practice.type_settings({"Use Autotask Numbers": "Number"})
    practice.cloud.reset()
    report = practice.sync()
    assert report.created == 1000
    assert practice.waits == []
    assert practice.cloud.count("xero") + practice.cloud.count("login") <= 60
    assert sum(call.system == "autotask" for call in practice.cloud.calls) - report.write_backs <= 40
    assert len(practice.cloud.xero.documents()) == 1000
    assert practice.in_xero()["NZD"] == sum(D(row["total"]) for row in practice.rows().values())
    hourly = practice.sync(is_asked=True)
    assert sum(hourly.calls.values()) <= 10 + 1000 // 500  # signing in included
    assert hourly.calls["autotask"] <= 5, "headers are read once, by the pull or by the look"


def test_preview_sends_nothing_and_shows_everything(practice: Practice) -> None:
    good = practice.world.invoice("Kauri Legal", [support()])
    bad = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.type_settings({"Sync mode": "Preview"})
    for _ in range(4):
        report = practice.sync()
    assert (report.created, report.would_create, report.exit_code) == (0, 1, 0)
    rows = practice.rows()
    assert {rows[good]["status"], rows[bad]["status"]} == {"Waiting"}
    assert rows[bad]["strikes"] == 0
    assert practice.posts() == 0
    assert not [call for call in practice.cloud.calls if call.method == "PATCH"]
    preview = {row["Autotask id"]: row for row in practice.table("Preview")}
    assert (preview[good]["Action"], preview[good]["Total"]) == ("Send", 333.5)
    assert preview[bad]["Action"] == "Fault"
    assert practice.table("PreviewLines")[0]["Unit price"] == 145


def test_a_dry_run_of_a_live_workbook_strikes_nobody(practice: Practice) -> None:
    bad = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    assert practice.rows()[bad]["strikes"] == 1
    practice.sync(dry_run=True)
    row = practice.rows()[bad]
    assert (row["strikes"], row["status"]) == (1, "Retrying")


def test_three_strikes_make_a_fault_that_is_left_alone(practice: Practice) -> None:
    bad = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    seen = []
    for _ in range(5):
        practice.sync()
        row = practice.rows()[bad]
        seen.append((row["status"], row["strikes"]))
    assert seen == [("Retrying", 1), ("Retrying", 2), ("Fault", 3), ("Fault", 3), ("Fault", 3)]
    assert practice.table("Faults")[0]["Code"] == "AX-109"
    waiting = next(row for row in practice.table("AccountMap") if row["Billing code"] == "Drone Survey")
    assert (waiting["Line type"], waiting["Invoices waiting"], waiting["Money waiting"]) == ("Labor", 1, 333.5)


def test_a_cured_fault_goes_through_after_resync(practice: Practice) -> None:
    bad = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    for _ in range(3):
        practice.sync()
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    practice.sync()
    assert practice.rows()[bad]["status"] == "Fault"
    answer = practice.ask("resync", str(bad))
    assert answer["created"] == 1
    assert "is in Xero" in answer["answers"][0]["message"]
    row = practice.rows()[bad]
    assert (row["status"], row["strikes"], row["fault"]) == ("Synced", 0, None)
    assert practice.table("Faults") == []


def test_one_bad_invoice_stops_no_other(practice: Practice) -> None:
    for index in range(20):
        practice.world.invoice("Kauri Legal", [support(code="Drone Survey" if index == 7 else "Remote Support")])
    report = practice.sync()
    assert (report.created, report.retrying, report.exit_code) == (19, 1, 1)


def test_a_poisonous_invoice_is_struck_and_the_others_arrive(practice: Practice) -> None:
    """Xero answers HTTP 500 whenever this one is in the batch: it ends alone with a strike."""
    for _ in range(9):
        practice.world.invoice("Kauri Legal", [support()])
    poison = practice.world.invoice("Kauri Legal", [support("7")])
    mark = f"invoice={poison}"
    practice.cloud.troubles.add(Trouble("500", system="xero", method="PUT", body_contains=mark, times=None))
    report = practice.sync()
    assert report.created == 9
    assert practice.codes()[poison] == "AX-299"
    assert practice.rows()[poison]["status"] == "Retrying"
    assert len(practice.cloud.xero.documents()) == 9


def test_an_outage_strikes_nobody(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    trouble = practice.cloud.troubles.add(Trouble("503", system="xero", times=None))
    for _ in range(5):
        with pytest.raises(StopError) as stopped:
            practice.sync()
        assert (stopped.value.fault.code, stopped.value.exit_code) == ("AX-403", 69)
    trouble.times = 1
    practice.cloud.troubles.clear()
    practice.sync()
    row = practice.rows()[number]
    assert (row["status"], row["strikes"]) == ("Synced", 0)


def test_the_first_live_run_sends_a_few_and_asks(practice: Practice) -> None:
    practice.type_settings({"Invoices in the first live run": 3})
    for _ in range(8):
        practice.world.invoice("Kauri Legal", [support()])
    assert practice.sync().created == 3
    assert practice.sync().created == 0
    waiting = [row for row in practice.rows().values() if row["status"] == "Waiting"]
    assert {row["fault"]["code"] for row in waiting} == {"AX-505"}
    assert len(waiting) == 5
    assert practice.ask("send-these")["created"] == 5
    assert len(practice.cloud.xero.documents()) == 8


def test_what_is_already_in_xero_is_not_sent_again(practice: Practice) -> None:
    """Changing over: a document by another tool with the same contact, date and total waits for a confirmation."""
    number = practice.world.invoice("Kauri Legal", [support()])
    day = practice.cloud.autotask.tables["Invoices"][number]["invoiceDateTime"]
    line = {"Description": "Sent by another tool", "Quantity": 2, "UnitAmount": 145, "AccountCode": "200"}
    practice.cloud.xero.add_invoice("Kauri Legal", [line], InvoiceNumber=f"INV:{number}", Date=str(day)[:10])
    assert practice.sync().created == 0
    assert practice.rows()[number]["status"] == "Waiting"
    practice.ask("send-these")
    row = practice.rows()[number]
    assert (row["status"], row["xero_number"]) == ("Synced", f"INV:{number}")
    assert practice.posts() == 0
    assert len(practice.cloud.xero.documents()) == 1


def test_another_organisation_is_refused(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    other = next(iter(practice.cloud.xero.organisations.values()))
    practice.cloud.xero.organisations.clear()
    other.tenant_id = "11111111-2222-4333-8444-555555555555"
    practice.cloud.xero.sign_in.tenants.clear()
    practice.cloud.xero.add_organisation(other)
    with pytest.raises(StopError) as stopped:
        practice.sync()
    assert (stopped.value.fault.code, stopped.value.exit_code) == ("AX-406", 2)


def test_wrong_settings_stop_before_anything_is_sent(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.type_settings({"Start date": "yesterday", "Sync every (minutes)": "often"})
    with pytest.raises(PlainError) as stopped:
        practice.sync()
    assert "Start date" in stopped.value.message
    assert "Sync every (minutes)" in stopped.value.message
    assert practice.cloud.calls == []


def test_a_refused_secret_is_not_tried_again_until_it_changes(practice: Practice) -> None:
    """Trying a wrong secret again and again locks the API user."""
    user = practice.cloud.autotask.user
    right, user.secret = user.secret, "wrong"
    desk = practice.desk()
    user.secret = right
    for _ in range(3):
        with pytest.raises(StopError) as stopped:
            sync(desk)
        assert (stopped.value.fault.code, stopped.value.exit_code) == ("AX-301", 2)
    assert sum(call.status == 401 for call in practice.cloud.calls) == 1
    practice.world.invoice("Kauri Legal", [support()])
    assert practice.sync().created == 1


def test_sums_in_the_workbook_equal_sums_in_xero(practice: Practice) -> None:
    practice.type_settings({"Other currencies": "Allow"})
    practice.world.company("Barossa Estates", "AUD")
    for index in range(12):
        practice.world.invoice("Kauri Legal", [support(str(index + 1), "33.3333")])
        practice.world.invoice("Barossa Estates", [support("1", "77.77", is_taxed=False)], region="Overseas")
    practice.world.invoice("Kauri Legal", [support("1", "-50")])
    practice.sync()
    sums: dict[str, Decimal] = {}
    for row in practice.table("Invoices"):
        sums[row["Currency"]] = sums.get(row["Currency"], D(0)) + D(str(row["Xero total"]))
    assert sums == practice.in_xero()


def test_pausing_during_a_run_stops_it_before_its_next_batch(practice: Practice) -> None:
    numbers = [practice.world.invoice("Kauri Legal", [support()]) for _ in range(300)]
    paused: list[int] = []

    def pause(call: Call) -> None:
        if call.method == "PUT" and not paused:
            paused.append(1)
            practice.type_settings({"Paused": "Yes"})

    practice.cloud.troubles.on_request = pause
    report = practice.sync()
    practice.cloud.troubles.on_request = None
    sent = len(practice.cloud.xero.documents())
    assert 0 < sent < 300
    assert f"{300 - sent} invoices not sent" in report.problems[0]
    assert {practice.rows()[number]["status"] for number in numbers} == {"Synced", "Waiting"}
    practice.type_settings({"Paused": "No"})
    practice.sync()
    assert len(practice.cloud.xero.documents()) == 300
