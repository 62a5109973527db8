"""A ledger that was lost, damaged or is an old copy: made anew, and nothing is sent twice."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from agent.errors import StopError
from agent.ledger.database import back_up
from agent.pretend.troubles import Trouble
from agent.rebuilding import rebuild_ledger
from tests.support import Practice, support
from tests.system.test_exactly_once import assert_all_there_once, ids_in_xero, some_invoices


def lose_ledger(practice: Practice) -> None:
    for path in practice.home.glob("ledger.db*"):
        path.unlink()


@pytest.mark.parametrize("numbers", ["No", "Number", "Id"])
@pytest.mark.parametrize("shows_marks", [True, False])
def test_a_lost_ledger_is_made_anew(practice: Practice, numbers: str, *, shows_marks: bool) -> None:
    """Invoices and credit notes, with marks in Xero's lists or without: then the workbook and our numbers tell."""
    practice.type_settings({"Use Autotask Numbers": numbers})
    practice.cloud.xero.rules.lists_url = shows_marks
    expected = some_invoices(practice, 3, same=True)
    refund = practice.world.invoice("Kauri Legal", [support("1", "-480")])
    practice.sync()
    before = {key: row["xero_invoice_id"] for key, row in practice.rows().items()}
    lose_ledger(practice)
    rebuilt = rebuild_ledger(practice.desk())
    assert (rebuilt.found, rebuilt.undecided, rebuilt.left) == (4, [], 0)
    assert {key: row["xero_invoice_id"] for key, row in practice.rows().items()} == before
    practice.sync()
    assert practice.posts() == 2
    assert {practice.rows()[key]["status"] for key in (*expected, refund)} == {"Synced"}


def test_without_the_workbook_marks_are_enough(practice: Practice, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.xlsm"
    shutil.copyfile(practice.workbook, fresh)
    expected = some_invoices(practice)
    practice.sync()
    lose_ledger(practice)
    shutil.copyfile(fresh, practice.workbook)
    assert rebuild_ledger(practice.desk()).found == 3
    practice.sync()
    assert_all_there_once(practice, expected)


def test_what_people_decided_is_kept_and_what_nobody_knows_waits(practice: Practice) -> None:
    """Never send, voided in Xero, in the workbook but not in Xero, and new: each ends where it belongs."""
    left_out, voided, gone, new = [*some_invoices(practice, 3), 0]
    practice.ask("sync", "--dry-run")
    practice.ask("never-send", str(left_out), "--because", "paid in cash")
    practice.sync()
    practice.cloud.xero.change(practice.rows()[voided]["xero_invoice_id"], status="DELETED")
    practice.sync(is_asked=True)
    documents = practice.cloud.xero.organisation.documents
    del documents[practice.rows()[gone]["xero_invoice_id"]]
    new = practice.world.invoice("Kauri Legal", [support("7")])
    lose_ledger(practice)
    answer = practice.ask("rebuild-ledger")
    assert (answer["never_send"], answer["voided"], answer["left"]) == (1, 1, 1)
    assert [item["autotask_id"] for item in answer["undecided"]] == [gone]
    assert "Xero has no such document" in answer["undecided"][0]["why"]
    assert practice.posts() == 1
    practice.sync()
    states = {key: row["status"] for key, row in practice.rows().items()}
    assert states == {left_out: "Never send", voided: "Voided", gone: "Waiting", new: "Synced"}
    assert practice.codes()[gone] == "AX-111"


def test_two_documents_with_one_mark_wait(practice: Practice) -> None:
    (number,) = some_invoices(practice, 1)
    practice.sync()
    document = practice.cloud.xero.documents()[0]
    twin = practice.cloud.xero.add_invoice(
        "Kauri Legal", [{"Description": "x", "UnitAmount": 290, "AccountCode": "200"}], url=document.url
    )
    lose_ledger(practice)
    rebuilt = rebuild_ledger(practice.desk())
    assert [item["autotask_id"] for item in rebuilt.undecided] == [number]
    assert twin
    practice.sync()
    assert practice.posts() == 1


def test_a_damaged_ledger_says_what_to_do_and_is_made_anew(practice: Practice) -> None:
    expected = some_invoices(practice)
    practice.ask("sync")
    path = practice.home / "ledger.db"
    assert path.stat().st_size > 50_000
    path.write_bytes(path.read_bytes()[:50_000])
    done = practice.command("sync", "--workbook", str(practice.workbook))
    assert done.returncode == 2
    assert "rebuild-ledger" in done.stderr
    assert practice.posts() == 1
    done = practice.command("rebuild-ledger", "--workbook", str(practice.workbook))
    assert done.returncode == 0, done.stderr
    assert "3 found in Xero" in done.stderr
    assert list((practice.home / "backups").glob("replaced-*.db"))
    practice.sync()
    assert_all_there_once(practice, expected)


def test_what_was_under_way_stays_under_way(practice: Practice) -> None:
    """The old ledger could still be read: what it sent without an answer is settled, not sent again."""
    expected = some_invoices(practice)
    practice.cloud.troubles.add(Trouble("cut_before", system="xero", method="PUT", times=4))
    with pytest.raises(StopError):
        practice.sync()
    rebuild_ledger(practice.desk())
    assert len(practice.desk().ledger.open_intents()) == 1
    practice.sync()
    assert_all_there_once(practice, expected)
    assert len({call.idempotency_key for call in practice.cloud.calls if call.method == "PUT"}) == 1


def test_an_outage_leaves_the_old_ledger_as_it_was(practice: Practice) -> None:
    some_invoices(practice)
    practice.sync()
    before = practice.rows()
    practice.cloud.troubles.add(Trouble("503", system="xero", times=None))
    with pytest.raises(StopError) as stopped:
        rebuild_ledger(practice.desk())
    assert stopped.value.exit_code == 69
    assert practice.rows() == before


def test_an_old_copy_of_the_disk_sends_nothing_twice(practice: Practice) -> None:
    """The laptop is put back to yesterday's copy: what was sent since is found before anything is sent."""
    first = some_invoices(practice)
    practice.sync()
    copy = practice.home / "yesterday.db"
    practice.desk().ledger.engine.dispose()
    from contextlib import closing
    from sqlite3 import connect

    with closing(connect(practice.home / "ledger.db")) as source, closing(connect(copy)) as target:
        source.backup(target)
    second = some_invoices(practice, 3, same=True)
    practice.sync()
    lose_ledger(practice)
    copy.rename(practice.home / "ledger.db")
    practice.sync()
    assert_all_there_once(practice, [*first, *second])
    assert practice.posts() == 2
    assert ids_in_xero(practice) == Counter(str(key) for key in (*first, *second))


def test_a_void_is_seen_after_the_ledger_was_made_anew(practice: Practice) -> None:
    """Voided before: the document is taken over as it was sent, and the next look tells that it still stands."""
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.cloud.autotask.void(number)
    lose_ledger(practice)
    rebuild_ledger(practice.desk())
    practice.sync()
    row = practice.rows()[number]
    assert row["status"] == "Changed since sent"
    assert len(practice.cloud.xero.documents()) == 1


def test_what_was_under_way_and_is_found_is_settled(practice: Practice) -> None:
    """With marks hidden the old request would later see its own document as somebody else's."""
    practice.type_settings({"Use Autotask Numbers": "Number"})
    practice.cloud.xero.rules.lists_url = False
    (number,) = some_invoices(practice, 1)
    practice.cloud.troubles.add(Trouble("cut_after", system="xero", method="PUT", times=4))
    with pytest.raises(StopError):
        practice.sync()
    rebuild_ledger(practice.desk())
    assert not practice.desk().ledger.open_intents()
    practice.sync()
    assert practice.rows()[number]["status"] == "Synced"


def test_what_it_cannot_decide_is_named(practice: Practice) -> None:
    """Marked as sent and not there; there without a mark of ours; and what differs is told where it was found."""
    day = practice.world.today - timedelta(days=5)
    marked = practice.world.invoice("Kauri Legal", [support()], webServiceDate=f"{day}T00:00:00Z")
    line = {"Description": "x", "Quantity": 3, "UnitAmount": 145, "AccountCode": "200", "TaxType": "OUTPUT2"}
    practice.cloud.xero.add_invoice("Kauri Legal", [line], Date=day.isoformat())
    alike = practice.world.invoice("Kauri Legal", [support("3")], day=day)
    rebuilt = rebuild_ledger(practice.desk())
    assert {item["autotask_id"] for item in rebuilt.undecided} == {marked, alike}
    rows = practice.rows()
    assert (rows[marked]["fault"]["code"], rows[alike]["fault"]["code"]) == ("AX-111", "AX-201")
    assert rebuilt.left == 0


def test_what_differs_is_told_where_it_was_found(practice: Practice) -> None:
    (number,) = some_invoices(practice, 1)
    practice.sync()
    day = practice.world.today - timedelta(days=9)
    practice.cloud.autotask.change("Invoices", number, invoiceDateTime=day.isoformat())
    rebuild_ledger(practice.desk())
    assert practice.rows()[number]["status"] == "Synced with warnings"


def test_what_changed_since_it_was_sent_stays_told(practice: Practice) -> None:
    (number,) = some_invoices(practice, 1)
    practice.sync()
    practice.cloud.xero.change(practice.rows()[number]["xero_invoice_id"], status="AUTHORISED")
    practice.reprice(number)
    practice.sync(is_asked=True)
    assert practice.rows()[number]["status"] == "Changed since sent"
    rebuild_ledger(practice.desk())
    for _ in range(2):
        practice.sync(is_asked=True)
    assert practice.rows()[number]["status"] == "Changed since sent"


def test_an_older_ledger_erases_nothing_from_the_workbook(practice: Practice) -> None:
    """What the sheet tells is needed once the ledger is made anew."""
    back_up(practice.desk().ledger.engine, "old")
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.ask("sync", "--dry-run")
    practice.ask("never-send", str(number), "--because", "paid in cash")
    lose_ledger(practice)
    (practice.home / "backups" / "ledger-old.db").replace(practice.home / "ledger.db")
    practice.set(Paused="Yes")
    practice.sync()
    practice.set(Paused="No")
    assert rebuild_ledger(practice.desk()).never_send == 1
    practice.sync()
    assert practice.posts() == 0
