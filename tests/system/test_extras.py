"""Notes in Xero's history and Autotask's PDF: once each, and never at the cost of an invoice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from agent.ledger.database import back_up
from agent.pretend.troubles import Call, Trouble
from agent.sync import sync
from agent.verbs import resync
from tests.support import Practice, support


def notes(practice: Practice) -> list[str]:
    return [note.details for document in practice.cloud.xero.documents() for note in document.history]


@pytest.mark.parametrize("kind", ["", "cut_after", "cut_before", "503"])
def test_exactly_one_note_for_one_event(practice: Practice, kind: str) -> None:
    """Also when all tries of a run are lost after Xero has written it: history is read before trying again."""
    practice.type_settings({"Note in Xero's history": "Yes"})
    number = practice.world.invoice("Kauri Legal", [support()], number="AT-7")
    if kind:
        practice.cloud.troubles.add(Trouble(kind, path_contains="/History", times=4))
    for _ in range(4):
        practice.sync()
    ours = [note for note in notes(practice) if f"the id {number} (AT-7)" in note]
    assert len(ours) == 1


def test_no_note_unasked(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    assert not [note for note in notes(practice) if "AutoXero sent" in note]


def test_the_pdf_is_attached(practice: Practice) -> None:
    practice.type_settings({"Attach Autotask PDF": "Yes"})
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.world.invoice("Kauri Legal", [support("1", "-20")])
    practice.sync()
    names = [item.name for document in practice.cloud.xero.documents() for item in document.attachments.values()]
    assert f"Autotask-{number}.pdf" in names
    assert len(names) == 2


def test_a_failed_attachment_is_a_warning_and_no_second_invoice(practice: Practice) -> None:
    practice.type_settings({"Attach Autotask PDF": "Yes"})
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("500", path_contains="/InvoicePdf", times=None))
    for _ in range(5):
        assert practice.sync().exit_code == 0
    row = practice.rows()[number]
    assert row["status"] == "Synced with warnings"
    assert "PDF could not be attached in Xero: attach it by hand, or press Resync" in row["warnings"][0]
    assert len(practice.cloud.xero.documents()) == 1
    assert sum("PDF could not be added" in str(row["Event"]) for row in practice.table("Log")) == 3
    practice.cloud.troubles.clear()
    practice.ask("resync", str(number))
    assert practice.rows()[number]["status"] == "Synced"
    assert practice.rows()[number]["warnings"] == []


def test_a_note_for_what_was_taken_over_whatever_the_setting(practice: Practice) -> None:
    """Adoption and voiding always leave a note: Autotask's number and id, the run, and what was done; one each."""
    number = practice.world.invoice("Kauri Legal", [support()], number="AT-7")
    practice.sync()
    for path in practice.home.glob("ledger.db*"):
        path.unlink()
    practice.sync()
    practice.cloud.autotask.void(number)
    for _ in range(3):
        practice.sync(is_asked=True)
    history = practice.cloud.xero.documents(is_dead_included=True)[0].history
    told = [note.details for note in history if "AutoXero" in note.details]
    assert [f"the id {number} (AT-7), run 20" in note for note in told] == [True, True]
    assert "took it over" in told[0]
    assert "was deleted" in told[1]


def test_killed_between_the_note_and_its_record(practice: Practice) -> None:
    """The note was written, the agent died before it could write that down: it looks before it writes again."""
    practice.type_settings({"Note in Xero's history": "Yes"})
    practice.world.invoice("Kauri Legal", [support()])
    puts = 0

    class KilledError(BaseException):
        pass

    def die(call: Call) -> None:
        nonlocal puts
        puts += call.method == "PUT" and call.path.endswith("/History")

    practice.cloud.troubles.on_commit = die
    desk = practice.desk()
    written = desk.ledger.written

    def dies(states: Mapping[int, str]) -> None:
        if puts:
            raise KilledError
        written(states)

    desk.ledger.written = dies  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        sync(desk)
    assert puts == 1
    now = practice.cloud.xero.now
    practice.cloud.xero.now = lambda: now() + timedelta(minutes=10)
    practice.sync()
    practice.sync()
    assert len([note for note in notes(practice) if "AutoXero sent" in note]) == 1
    assert puts == 1


NO_RIGHTS = b'{"errors":["The logged in Resource does not have the adequate permissions to do this."]}'


def sent_notes(practice: Practice) -> list[int]:
    """How many notes of sending each document has."""
    found = practice.cloud.xero.documents()
    return [sum("AutoXero sent" in note.details for note in item.history) for item in found]


def test_without_the_right_to_write_back_notes_are_written_all_the_same(practice: Practice) -> None:
    practice.type_settings({"Note in Xero's history": "Yes"})
    for _ in range(4):
        practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("500", system="autotask", method="PATCH", times=None, body=NO_RIGHTS))
    problems = practice.sync().problems
    assert any("may not read or change Invoices" in problem for problem in problems)
    assert sent_notes(practice) == [1, 1, 1, 1]
    for _ in range(3):
        practice.sync()
    practice.cloud.troubles.clear()
    practice.sync()
    marks = [row["webServiceDate"] for row in practice.cloud.autotask.tables["Invoices"].values()]
    assert None not in marks


@pytest.mark.parametrize("what", ["write-back", "pdf", "history"])
def test_what_one_document_is_refused_holds_up_no_other(practice: Practice, what: str) -> None:
    practice.type_settings({"Note in Xero's history": "Yes", "Attach Autotask PDF": "Yes"})
    bad = practice.world.invoice("Kauri Legal", [support()])
    practice.world.invoice("Kauri Legal", [support("3")])
    troubles = practice.cloud.troubles
    if what == "write-back":
        troubles.add(
            Trouble("500", system="autotask", method="PATCH", body_contains=f'"id":{bad},', times=None, body=NO_RIGHTS)
        )
    elif what == "pdf":
        troubles.add(Trouble("500", system="autotask", path_contains=f"/{bad}/InvoicePdf", times=None, body=NO_RIGHTS))
    else:
        troubles.add(Trouble("500", system="xero", method="PUT", path_contains="/History", times=4))  # the first one's
    for _ in range(5):
        practice.sync()
    marks = {key: row["webServiceDate"] is not None for key, row in practice.cloud.autotask.tables["Invoices"].items()}
    pdfs = [len(item.attachments) for item in practice.cloud.xero.documents()]
    assert list(marks.values()) == [what != "write-back", True]
    assert pdfs == [int(what != "pdf"), 1]
    assert sent_notes(practice) == [1, 1]


def test_what_was_given_up_is_tried_again_on_resync(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("500", system="autotask", method="PATCH", times=None))
    for _ in range(4):
        practice.sync()
    practice.cloud.troubles.clear()
    practice.sync()
    table = practice.cloud.autotask.tables["Invoices"]
    assert table[number]["webServiceDate"] is None
    resync(practice.desk(), [str(number)])
    assert table[number]["webServiceDate"] is not None


def test_a_ledger_that_was_put_back_doubles_no_note(practice: Practice) -> None:
    """Some notes were written after the copy was made, long enough ago for Xero to have forgotten their keys."""
    practice.type_settings({"Note in Xero's history": "Yes"})
    for count in range(22):
        practice.world.invoice("Kauri Legal", [support(str(count % 9 + 1))])
    practice.sync()
    assert sum(sent_notes(practice)) == 20
    back_up(practice.desk().ledger.engine, "kept")
    practice.sync()
    assert sum(sent_notes(practice)) == 22
    for path in practice.home.glob("ledger.db*"):
        path.unlink()
    (practice.home / "backups" / "ledger-kept.db").replace(practice.home / "ledger.db")
    now = practice.cloud.xero.now
    practice.cloud.xero.now = lambda: now() + timedelta(minutes=10)
    practice.sync()
    assert set(sent_notes(practice)) == {1}


def test_a_short_outage_gives_no_write_back_up(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("503", system="autotask", method="PATCH", times=None))
    for _ in range(4):
        assert practice.sync().problems
    practice.cloud.troubles.clear()
    practice.sync()
    assert practice.cloud.autotask.tables["Invoices"][number]["webServiceDate"] is not None
