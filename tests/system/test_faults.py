"""Every fault of one invoice: made over HTTP, seen in ledger, sheet and JSON, cured as its cure says, and sent once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.domain.faults import CATALOGUE
from agent.errors import StopError
from agent.pretend.troubles import Call, Trouble
from agent.pretend.world import LABOR, LineOf
from tests.support import Practice, support


@dataclass
class Case:
    """How to make a fault, and how to cure it."""

    make: Callable[[Practice], int]
    cure: Callable[[Practice, int], Any]


def change(practice: Practice, number: int, **fields: Any) -> None:
    practice.cloud.autotask.change("Invoices", number, **fields)


def stranger(practice: Practice, name: str, people: list[tuple[str, str, int]] | None = None) -> int:
    """An invoice of a company that Xero does not know, in an office that creates missing contacts."""
    practice.type_settings({"Create missing contacts": "Yes"})
    practice.world.company(name, in_xero=False, people=people)
    return practice.world.invoice(name, [support()])


def person_of(practice: Practice, name: str, **fields: Any) -> None:
    """Someone changes the first contact person of a company in Autotask."""
    people = practice.cloud.autotask.tables["Contacts"]
    found = next(key for key, row in people.items() if row["companyID"] == practice.world.companies[name])
    practice.cloud.autotask.change("Contacts", found, **fields)


def without_number(practice: Practice) -> int:
    practice.type_settings({"Use Autotask Numbers": "Number"})
    return practice.world.invoice("Kauri Legal", [support()], number=None)


def same_number(practice: Practice) -> int:
    practice.type_settings({"Use Autotask Numbers": "Number"})
    practice.world.invoice("Kauri Legal", [support("9")], number="SAME")
    return practice.world.invoice("Kauri Legal", [support()], number="SAME")


def cure_same_number(practice: Practice, number: int) -> None:
    twin = next(key for key in practice.cloud.autotask.tables["Invoices"] if key != number)
    practice.command("never-send", str(twin), "--because", "wrong", "--workbook", str(practice.workbook))


def differently_spelt(practice: Practice) -> int:
    practice.world.company("KAURI CABINETS", in_xero=False)
    practice.cloud.xero.add_contact("Kauri Cabinets")
    return practice.world.invoice("KAURI CABINETS", [support()])


def in_dollars(practice: Practice) -> int:
    practice.world.company("Barossa Estates", "AUD")
    return practice.world.invoice("Barossa Estates", [support()])


def in_euro(practice: Practice) -> int:
    practice.world.company("Berlin GmbH", "EUR")
    practice.type_settings({"Other currencies": "Allow"})
    return practice.world.invoice("Berlin GmbH", [support()])


def hidden_line(practice: Practice) -> int:
    practice.cloud.autotask.hide_lines_of_business.add(7)
    return practice.world.invoice("Kauri Legal", [support(), support("5", line_of_business=7)])


def number_in_use(practice: Practice) -> int:
    practice.type_settings({"Use Autotask Numbers": "Number"})
    line = {"Description": "By hand", "Quantity": 1, "UnitAmount": 75, "AccountCode": "200"}
    practice.cloud.xero.add_invoice("Kauri Legal", [line], InvoiceNumber="AT-HAND")
    return practice.world.invoice("Kauri Legal", [support()], number="AT-HAND")


def archived(practice: Practice) -> int:
    practice.world.company("Archived Antiques", in_xero=False)
    practice.cloud.xero.add_contact("Archived Antiques", ContactStatus="ARCHIVED")
    return practice.world.invoice("Archived Antiques", [support()])


def taken_contact_number(practice: Practice) -> int:
    number = stranger(practice, "Twin Peaks")
    practice.cloud.xero.add_contact("Twin Peaks (old)", ContactNumber=str(practice.world.companies["Twin Peaks"]))
    return number


def refused(words: str) -> Callable[[Practice], int]:
    """Xero refuses whatever holds the invoice, in these words."""

    def make(practice: Practice) -> int:
        number = practice.world.invoice("Kauri Legal", [support()])
        body = f'{{"ErrorNumber":10,"Type":"ValidationException","Message":"{words}"}}'.encode()
        practice.cloud.troubles.add(Trouble("400", method="PUT", body_contains=f"={number}", times=None, body=body))
        return number

    return make


def nothing_to_refuse(practice: Practice, _number: int) -> None:
    practice.cloud.troubles.clear()


STRIKES: dict[str, Case] = {
    "AX-101": Case(without_number, lambda p, n: change(p, n, invoiceNumber="AT-9")),
    "AX-103": Case(
        lambda p: stranger(p, "Ghost Motel", [("Former", "former@ghost.example", 0)]),
        lambda p, _n: person_of(p, "Ghost Motel", isActive=1),
    ),
    "AX-104": Case(
        lambda p: stranger(p, "Comma Ltd", [("Chris", "accounts(at)comma.example", 1)]),
        lambda p, _n: person_of(p, "Comma Ltd", emailAddress="accounts@comma.example"),
    ),
    "AX-105": Case(
        differently_spelt,
        lambda p, _n: p.map(
            "ContactMap", "Xero contact", (str(p.world.companies["KAURI CABINETS"]),), "Kauri Cabinets"
        ),
    ),
    "AX-106": Case(
        lambda p: p.world.invoice("Kauri Legal", [support()], header_gap="-12"),
        lambda p, n: change(p, n, invoiceTotal="290"),
    ),
    "AX-107": Case(
        lambda p: stranger(p, "Many Hands", [("Ana", "ana@many.example", 1), ("Ben", "ben@many.example", 1)]),
        lambda p, _n: person_of(p, "Many Hands", primaryContact=True),
    ),
    "AX-109": Case(
        lambda p: p.world.invoice("Kauri Legal", [support(code="Drone Survey")]),
        lambda p, _n: p.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200 · Sales"),
    ),
    "AX-110": Case(
        lambda p: p.world.invoice("Kauri Legal", [support()], region="Chatham Islands"),
        lambda p, _n: p.map("TaxMap", "Xero tax rate", ("Chatham Islands", "Standard"), "OUTPUT2"),
    ),
    "AX-112": Case(hidden_line, lambda p, _n: p.cloud.autotask.hide_lines_of_business.clear()),
    "AX-113": Case(same_number, cure_same_number),
    "AX-114": Case(in_dollars, lambda p, _n: p.type_settings({"Other currencies": "Allow"})),
    "AX-201": Case(number_in_use, lambda p, n: change(p, n, invoiceNumber="AT-OTHER")),
    "AX-202": Case(in_euro, lambda p, _n: p.cloud.xero.organisation.currencies.update(EUR="Euro")),
    "AX-203": Case(
        lambda p: p.world.invoice("Kauri Legal", [LineOf("Legacy Hosting", LABOR, "Hosting", "1", "89")]),
        lambda p, _n: p.map("AccountMap", "Xero account", ("Legacy Hosting", ""), "200"),
    ),
    "AX-204": Case(
        lambda p: p.world.invoice("Kauri Legal", [support()], region="NZ GST (old)"),
        lambda p, _n: p.map("TaxMap", "Xero tax rate", ("NZ GST (old)", ""), "15% GST on Income (OUTPUT2)"),
    ),
    "AX-206": Case(archived, lambda p, _n: setattr(p.cloud.xero.contact("Archived Antiques"), "status", "ACTIVE")),
    "AX-210": Case(refused("You have reached the limit of invoices you can approve"), nothing_to_refuse),
    "AX-211": Case(
        taken_contact_number,
        lambda p, _n: p.map("ContactMap", "Xero contact", (str(p.world.companies["Twin Peaks"]),), "Twin Peaks (old)"),
    ),
    "AX-299": Case(refused("Something nobody has heard of"), nothing_to_refuse),
}


def check_shown(practice: Practice, number: int, code: str, status: str, tries: str) -> None:
    """The same words in JSON, on both sheets, and in the log."""
    row = practice.rows()[number]
    kind = CATALOGUE[code]
    assert (row["status"], row["fault"]["code"]) == (status, code)
    assert row["fault"]["title"].split("{")[0].startswith(kind.title.split("{")[0])
    assert row["fault"]["detail"]
    assert row["fault"]["cure"]
    assert "{" not in row["fault"]["cure"] + row["fault"]["title"]
    assert "…" not in row["fault"]["cure"] + row["fault"]["title"]
    on_invoices = next(line for line in practice.table("Invoices") if line["Autotask id"] == number)
    assert on_invoices["Fault"] == f"{code} {row['fault']['title']}"
    assert on_invoices["What to do"] == row["fault"]["cure"]
    on_faults = next(line for line in practice.table("Faults") if line["Autotask id"] == number)
    shown = (on_faults["Code"], on_faults["Fault"], on_faults["Detail"], on_faults["What to do"], on_faults["Tries"])
    assert shown == (code, row["fault"]["title"], row["fault"]["detail"], row["fault"]["cure"], tries)
    assert any(code in str(line["Event"]) for line in practice.table("Log")) or status == "Waiting"


def live_documents(practice: Practice, number: int) -> int:
    return sum((document.url or "").endswith(f"={number}") for document in practice.cloud.xero.documents())


@pytest.mark.parametrize("code", STRIKES)
def test_a_fault_that_strikes_and_its_cure(practice: Practice, code: str) -> None:
    number = STRIKES[code].make(practice)
    assert practice.sync().exit_code == 1
    check_shown(practice, number, code, "Retrying", "1/3")
    for _ in range(2):
        practice.sync()
    check_shown(practice, number, code, "Fault", "3/3")
    assert live_documents(practice, number) == 0
    STRIKES[code].cure(practice, number)
    told = practice.ask("resync", str(number))["answers"][0]
    row = practice.rows()[number]
    assert (row["status"] in {"Synced", "Synced with warnings"}, row["strikes"], row["fault"]) == (True, 0, None), told
    assert live_documents(practice, number) == 1
    assert not [line for line in practice.table("Faults") if line["Autotask id"] == number]


def test_every_fault_of_the_catalogue_has_its_test() -> None:
    """Those not in the table above are waits, warnings and troubles of the connection, tested by name."""
    others = {
        "AX-102", "AX-108", "AX-111", "AX-205", "AX-207", "AX-208", "AX-209", "AX-212", "AX-213", "AX-214",
        "AX-301", "AX-302", "AX-303", "AX-304", "AX-305", "AX-401", "AX-402", "AX-403", "AX-404", "AX-405", "AX-406",
        "AX-501", "AX-502", "AX-503", "AX-504", "AX-505",
    }  # fmt: skip
    assert set(STRIKES) | others == set(CATALOGUE)


def test_102_no_lines(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [])
    assert practice.sync().exit_code == 0
    row = practice.rows()[number]
    assert (row["status"], row["fault"]["code"], row["strikes"]) == ("Skipped", "AX-102", 0)


def test_108_not_finished(practice: Practice) -> None:
    """Younger than the settle time, its number and lines come later: it waits, then goes through by itself."""
    made = practice.cloud.now()
    number = practice.world.invoice("Kauri Legal", [support()], createDateTime=made)
    practice.cloud.autotask.finish_at[number] = made + timedelta(minutes=5)
    practice.sync()
    check_shown(practice, number, "AX-108", "Waiting", "waits")
    practice.cloud.autotask.finish_at.clear()
    change(practice, number, createDateTime=made - timedelta(hours=1))
    practice.sync()
    assert practice.rows()[number]["status"] == "Synced"


def test_111_marked_as_sent(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()], webServiceDate=datetime(2026, 9, 1, tzinfo=UTC))
    assert practice.sync().exit_code == 0
    check_shown(practice, number, "AX-111", "Waiting", "waits")
    practice.ask("send-these", str(number))
    assert (practice.rows()[number]["status"], live_documents(practice, number)) == ("Synced", 1)


def test_205_closed_period(practice: Practice) -> None:
    day = practice.world.start + timedelta(days=3)
    practice.cloud.xero.set_lock_dates(period=day)
    number = practice.world.invoice("Kauri Legal", [support()], day=day)
    assert practice.sync().exit_code == 0
    check_shown(practice, number, "AX-205", "Waiting", "waits")
    practice.cloud.xero.set_lock_dates()
    practice.sync()
    assert (practice.rows()[number]["status"], live_documents(practice, number)) == ("Synced", 1)


def test_207_another_total_after_posting(practice: Practice) -> None:
    """Someone edits the tax rate between our reading and our posting: the document is named, and never sent twice."""
    number = practice.world.invoice("Kauri Legal", [support()])

    def edit(call: Call) -> None:
        if call.method == "PUT":
            practice.cloud.xero.add_tax_rate("OUTPUT2", "15% GST on Income", "12.5")

    practice.cloud.troubles.on_request = edit
    practice.sync()
    row = practice.rows()[number]
    assert (row["status"], row["fault"]["code"]) == ("Synced with warnings", "AX-207")
    assert row["xero_number"] in row["fault"]["detail"]
    practice.sync()
    assert live_documents(practice, number) == 1


def expect_stop(practice: Practice, code: str, exit_code: int) -> None:
    """The run ends with that fault, it is logged and lit, and nobody is struck."""
    with pytest.raises(StopError) as stopped:
        practice.sync()
    assert (stopped.value.fault.code, stopped.value.exit_code) == (code, exit_code)
    assert any(code in str(line["Event"]) for line in practice.table("Log"))
    assert all(row["strikes"] == 0 for row in practice.rows().values())


@pytest.mark.parametrize(
    ("code", "exit_code", "trouble"),
    [
        ("AX-303", 69, Trouble("cut_before", system="autotask", times=None)),
        ("AX-304", 69, Trouble("503", system="autotask", times=None)),
        (
            "AX-305",
            69,
            Trouble(
                "500", system="autotask", times=None, body=b'{"errors":["The request threshold has been exceeded."]}'
            ),
        ),
        ("AX-402", 69, Trouble("cut_before", system="xero", times=None)),
        ("AX-403", 69, Trouble("503", system="xero", times=None)),
        ("AX-404", 69, Trouble("429-day", system="xero", times=None)),
        ("AX-405", 2, Trouble("401", system="xero", times=None)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_connection_troubles_strike_nobody(practice: Practice, code: str, exit_code: int, trouble: Trouble) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(trouble)
    expect_stop(practice, code, exit_code)
    practice.cloud.troubles.clear()
    practice.sync()
    assert (practice.rows()[number]["status"], live_documents(practice, number)) == ("Synced", 1)


def test_301_locked(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.autotask.user.is_locked = True
    expect_stop(practice, "AX-301", 2)
    practice.cloud.reset()
    expect_stop(practice, "AX-301", 2)
    assert practice.cloud.calls == []
    practice.cloud.autotask.user.is_locked = False
    assert {"name": "Autotask", "is_good": True} in [
        {key: line[key] for key in ("name", "is_good")} for line in practice.ask("test")["checks"]
    ]
    assert practice.sync().created == 1


def test_an_expired_token_is_renewed_by_itself(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("expire_token", system="xero", method="PUT"))
    assert practice.sync().created == 1


def test_an_outage_of_both_for_many_runs(practice: Practice) -> None:
    numbers = [practice.world.invoice("Kauri Legal", [support(str(index + 1))]) for index in range(3)]
    for index in range(24):
        system = "autotask" if index % 2 else "xero"
        trouble = practice.cloud.troubles.add(Trouble("503" if index % 3 else "cut_before", system=system, times=None))
        with pytest.raises(StopError):
            practice.sync()
        practice.cloud.troubles.clear()
        assert trouble.times is None
    assert all(row["strikes"] == 0 for row in practice.rows().values())
    practice.sync()
    assert {practice.rows()[number]["status"] for number in numbers} == {"Synced"}


def test_five_bad_among_five_hundred(practice: Practice) -> None:
    bad = {17, 101, 250, 333, 499}
    for index in range(500):
        practice.world.invoice("Kauri Legal", [support(code="Drone Survey" if index in bad else "Remote Support")])
    report = practice.sync()
    assert (report.created, report.retrying) == (495, 5)


def test_a_fault_is_left_alone(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    for _ in range(3):
        practice.sync()
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    for _ in range(10):
        practice.sync()
    assert (practice.posts(), practice.rows()[number]["status"]) == (0, "Fault")


def test_a_success_in_between_clears_the_count(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()], header_gap="-12")
    practice.sync()
    practice.sync()
    assert practice.rows()[number]["strikes"] == 2
    change(practice, number, invoiceTotal="290")
    practice.sync()
    row = practice.rows()[number]
    assert (row["status"], row["strikes"], row["fault"]) == ("Synced", 0, None)


def test_one_that_xero_never_answers_ends_alone_with_a_strike(practice: Practice) -> None:
    """Time-outs while others pass: smaller batches from run to run, until it stands alone."""
    from tests.system.test_exactly_once import age_ledger

    poison = practice.world.invoice("Kauri Legal", [support("9")])
    others = [practice.world.invoice("Kauri Legal", [support(str(index + 1))]) for index in range(6)]
    mark = f'={poison}"'
    practice.cloud.troubles.add(Trouble("cut_before", method="PUT", body_contains=mark, times=None))
    for _ in range(16):
        try:
            practice.sync()
        except StopError as stopped:
            if stopped.fault.code != "AX-402":
                raise
        age_ledger(practice, minutes=10)
        if practice.rows()[poison]["strikes"]:
            break
    rows = practice.rows()
    assert {rows[number]["status"] for number in others} == {"Synced"}
    assert (rows[poison]["status"], rows[poison]["fault"]["code"]) == ("Retrying", "AX-299")


def test_what_a_change_lets_through_is_said(practice: Practice) -> None:
    for _ in range(2):
        practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    detail = practice.rows()[1]["fault"]["detail"]
    assert "2 invoices over NZD 667.00 wait for “Drone Survey · Labor”" in detail
    told = practice.ask("map", "account", "Drone Survey · Labor", "200")["message"]
    assert "2 invoices over NZD 667.00" in told
    assert "autoxero resync --fault AX-109" in told
    assert practice.ask("resync", "--fault", "AX-109")["created"] == 2


def test_the_column_do_works_without_macros(practice: Practice) -> None:
    from workbook.project import Projection, project

    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    other = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    for _ in range(3):
        practice.sync()
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    project(practice.workbook, Projection(edits={"Invoices": {(str(number),): {"Do": "Resync"}}}))
    project(practice.workbook, Projection(edits={"Faults": {(str(other),): {"Do": "Never send"}}}))
    practice.sync()
    rows = practice.rows()
    assert (rows[number]["status"], rows[other]["status"]) == ("Synced", "Never send")
    assert [row["Do"] for row in practice.table("Invoices")] == [None, None]


def test_no_tax_at_all_is_one_banner(practice: Practice) -> None:
    from agent import overview

    for _ in range(5):
        practice.world.invoice("Kauri Legal", [support(is_taxed=False)])
    practice.sync()
    desk = practice.desk()
    assert "charges no tax on any invoice" in overview.next_step(desk.ledger.rows(), desk.ledger)
