"""The column Do: acted on from the saved file, answered in the row, cleared."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from agent.errors import PlainError, StopError
from tests.support import Practice, support
from workbook.project import Projection, project


def choose(practice: Practice, number: int, verb: str) -> None:
    """An accountant chooses, and saves."""
    project(practice.workbook, Projection(edits={"Invoices": {(str(number),): {"Do": verb}}}))


def shown(practice: Practice, number: int) -> dict[str, Any]:
    return next(row for row in practice.table("Invoices") if row["Autotask id"] == number)


def test_what_changes_nothing_is_answered_in_the_row(practice: Practice) -> None:
    """Until the row changes, or something else is chosen."""
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    for verb in ("Resync", "Send again", "Never send"):
        choose(practice, number, verb)
        practice.sync()
        row = shown(practice, number)
        assert row["Do"] is None
        assert row["What to do"] == f"{verb}: It is in Xero as INV-0001; nothing was changed."
    practice.cloud.xero.change(practice.rows()[number]["xero_invoice_id"], status="DELETED")
    practice.sync(is_asked=True)
    assert "nothing was changed" not in str(shown(practice, number)["What to do"])


def test_preview_acts_on_what_sends_nothing(practice: Practice) -> None:
    practice.set(Sync_mode="Preview")
    left_out, wanted = (practice.world.invoice("Kauri Legal", [support()]) for _ in range(2))
    practice.sync()
    choose(practice, left_out, "Never send")
    choose(practice, wanted, "Send now")
    practice.sync()
    assert (shown(practice, left_out)["Status"], shown(practice, left_out)["Do"]) == ("Never send", None)
    assert shown(practice, wanted)["Do"] is None
    assert "“Sync mode” is Preview: nothing is sent." in shown(practice, wanted)["What to do"]
    assert practice.posts() == 0
    practice.set(Sync_mode="Live")
    practice.sync()
    assert shown(practice, wanted)["Status"] == "Synced"
    assert shown(practice, wanted)["What to do"] is None
    assert practice.posts() == 1


def test_a_dry_run_touches_no_choice(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync(dry_run=True)
    choose(practice, number, "Never send")
    practice.sync(dry_run=True)
    assert (shown(practice, number)["Do"], practice.rows()[number]["status"]) == ("Never send", "Waiting")


def test_another_workbook_chooses_nothing(practice: Practice) -> None:
    """Neither where all is well, nor where its settings are wrong."""
    project(practice.workbook, Projection(names={"AutoXeroWorkbook": "ours"}))
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.workbook = shutil.copyfile(practice.workbook, practice.workbook.with_name("Another.xlsm"))
    project(practice.workbook, Projection(names={"AutoXeroWorkbook": "another"}))
    choose(practice, number, "Never send")
    for sync_every in (15, "often"):
        practice.type_settings({"Sync every (minutes)": sync_every})
        with pytest.raises(StopError, match="belongs to the workbook ours"):
            practice.sync()
        assert practice.rows()[number]["status"] == "Retrying"


def test_what_is_unclear_is_told_in_its_row_and_stops_nothing_else(practice: Practice) -> None:
    first, second = (practice.world.invoice("Kauri Legal", [support()]) for _ in range(2))
    practice.sync(dry_run=True)
    choose(practice, first, "ask Ana")
    practice.sync()
    assert {row["status"] for row in practice.rows().values()} == {"Synced"}
    assert shown(practice, first)["Do"] == "ask Ana"
    assert "ask Ana" in shown(practice, first)["What to do"]
    assert shown(practice, second)["What to do"] is None


def test_what_was_sent_since_leaves_the_preview(practice: Practice) -> None:
    """The sheet says that nothing on it has been sent."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync(dry_run=True)
    assert [row["Action"] for row in practice.table("Preview")] == ["Send"]
    practice.sync()
    assert practice.table("Preview") == []


def test_a_wrong_setting_stops_only_what_sends(practice: Practice) -> None:
    """Never send is done, the others are answered, and all cells are cleared."""
    left_out, wanted = (practice.world.invoice("Kauri Legal", [support(code="Drone Survey")]) for _ in range(2))
    practice.sync()
    practice.type_settings({"Mail port": "smtp"})
    choose(practice, left_out, "Never send")
    choose(practice, wanted, "Resync")
    with pytest.raises(PlainError, match="Mail port"):
        practice.sync()
    rows = {number: shown(practice, number) for number in (left_out, wanted)}
    assert [row["Do"] for row in rows.values()] == [None, None]
    assert rows[left_out]["Status"] == "Never send"
    assert "Resync: Nothing is sent until the settings are mended" in rows[wanted]["What to do"]
