"""The workbook and the agent: open files, cells typed over, contacts that move on."""

from __future__ import annotations

import os
import socket

from agent import overview
from tests.support import Practice, support
from tests.torture import drop_column
from workbook.project import Projection, project


def test_501_an_open_workbook_delays_the_sheet_only(practice: Practice) -> None:
    """While a living program holds the file the work goes on; the sheet catches up when it is closed."""
    number = practice.world.invoice("Kauri Legal", [support()])
    lock = practice.workbook.with_name(f".~lock.{practice.workbook.name}#")
    lock.write_text(f",ann,{socket.gethostname()},22.11.2026 10:00,file:///tmp/x;{os.getpid()}\n", encoding="utf-8")
    owner = practice.workbook.with_name(f"~${practice.workbook.name}")
    owner.write_bytes(b"\x03ann" + b" " * 161)
    before = practice.workbook.read_bytes()
    report = practice.sync()
    assert report.created == 1
    assert "AX-501" in report.problems[0]
    assert practice.workbook.read_bytes() == before
    assert practice.rows()[number]["status"] == "Synced"
    lock.unlink()
    owner.unlink()
    assert practice.sync().problems == []
    assert practice.table("Invoices")[0]["Status"] == "Synced"


def test_502_typed_over_cells_are_put_right(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    called = practice.table("Invoices")[0]["Number"]
    project(practice.workbook, Projection(edits={"Invoices": {(str(number),): {"Status": "Paid, I think"}}}))
    told = f"Invoices: 1 cell that was typed over was put right (Status of {called})."
    assert practice.sync().problems == [told]
    assert practice.table("Invoices")[0]["Status"] == "Synced"
    practice.world.invoice("Kauri Legal", [support("3")])
    assert practice.sync().problems == []
    assert [row["Detail"] for row in practice.table("Log") if "AX-502" in row["Event"]] == [told]


def test_502_what_changes_by_itself_is_not_taken_for_typing(practice: Practice) -> None:
    """Settings typed and choices made are a person's save, too: rows that follow the ledger were typed over by none."""
    practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    assert practice.sync().problems == []
    assert practice.table("Invoices")[0]["Status"] == "Synced"


def test_502_a_lost_key_column_doubles_nothing(practice: Practice) -> None:
    """The column Autotask id is deleted: each invoice still has one row, and the Log says what was done."""
    numbers = [practice.world.invoice("Kauri Legal", [support(quantity)]) for quantity in ("2", "3")]
    practice.sync()
    drop_column(practice.workbook, "Invoices", "Autotask id")
    report = practice.sync()
    assert "2 rows had lost their Autotask id" in " ".join(report.problems)
    assert [row["Autotask id"] for row in practice.table("Invoices")] == numbers
    practice.sync()
    assert any("2 rows had lost" in row["Detail"] for row in practice.table("Log") if "AX-502" in row["Event"])


def test_a_renamed_contact_is_followed(practice: Practice) -> None:
    """Found once, a contact is remembered by its id: renaming it in Xero changes nothing."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.cloud.xero.contact("Kauri Legal").name = "Kauri Legal (2024) Limited"
    number = practice.world.invoice("Kauri Legal", [support("3")])
    assert practice.sync().created == 1
    story = practice.command("status", str(number), "--workbook", str(practice.workbook)).stderr
    assert "the same contact as before: Kauri Legal (2024) Limited" in story


def test_missing_contacts_are_created_once(practice: Practice) -> None:
    practice.type_settings({"Create missing contacts": "Yes"})
    practice.world.company("Rimu Ltd", in_xero=False)
    for index in range(3):
        practice.world.invoice("Rimu Ltd", [support(str(index + 1))])
    assert practice.sync().created == 3
    assert [item.name for item in practice.cloud.xero.organisation.contacts.values()].count("Rimu Ltd") == 1
    contact = practice.cloud.xero.contact("Rimu Ltd")
    assert contact.number == str(practice.world.companies["Rimu Ltd"])
    assert contact.fields["EmailAddress"] == "accounts@rimultd.example"


def test_the_person_follows_autotask_where_asked(practice: Practice) -> None:
    """Changed only where the two differ, and only the person: the rest of the contact is the accountant's."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    contact = practice.cloud.xero.contact("Kauri Legal")
    contact.fields["AccountNumber"] = "KEEP"
    assert "EmailAddress" not in contact.fields
    practice.type_settings({"Update existing contacts": "Yes"})
    for _ in range(2):
        practice.world.invoice("Kauri Legal", [support("3")])
        practice.sync()
    contact = practice.cloud.xero.contact("Kauri Legal")
    assert contact.fields["EmailAddress"] == "accounts@kaurilegal.example"
    assert contact.fields["AccountNumber"] == "KEEP"
    assert sum(call.method == "POST" and call.path.endswith("/Contacts") for call in practice.cloud.calls) == 1


def test_the_dashboard_says_what_to_do_next(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    desk = practice.desk()
    practice.sync()
    assert "tried again" in overview.next_step(desk.ledger.rows(), desk.ledger)
    practice.sync()
    practice.sync()
    assert "in fault" in overview.next_step(desk.ledger.rows(), desk.ledger)


def test_reconcile_adds_up_and_explains(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    rows = practice.table("Reconcile")
    assert sum(row["Invoices in Autotask"] for row in rows) == 2
    assert sum(row["Total in Autotask"] for row in rows) == 667
    assert sum(row["Total in Xero"] for row in rows) == 333.5
    assert "Retrying: AX-109" in rows[0]["Why"]
