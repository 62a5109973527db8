"""The ledger: whole or not at all, exact, fenced, at the right version, and clear about damage."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text

import agent.ledger
from agent.domain.books import ContactId, XeroId
from agent.domain.document import Document, Posted, PostedLine
from agent.domain.faults import fault
from agent.domain.invoice import AutotaskId, CompanyId
from agent.domain.record import Record
from agent.domain.translate import translate
from agent.errors import MEND_FIRST, PlainError, StopError
from agent.ledger import tables as t
from agent.ledger.database import VERSION, back_up, daily_backup, open_database
from agent.ledger.ledger import FenceError, Ledger, find_invoice
from agent.ledger.steps import Intent, Outcome
from tests.unit.domain.builders import D, customer, invoice, line, situation

ONE, TWO = AutotaskId(155), AutotaskId(156)
START = dt.datetime(2026, 11, 20, 1, 0, tzinfo=dt.UTC)


@dataclass
class Clock:
    """A clock that stands still until it is told."""

    instant: dt.datetime = START

    def __call__(self) -> dt.datetime:
        return self.instant

    def forward(self, **units: float) -> None:
        self.instant += dt.timedelta(**units)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    found = open_database(f"sqlite:///{path}")
    yield found
    found.dispose()


@pytest.fixture
def ledger(engine: Engine, clock: Clock) -> Ledger:
    return Ledger(engine, clock)


def document(autotask_id: AutotaskId = ONE, **changes: Any) -> Document:
    found = translate(invoice(line("12.3456", "1.8518"), id=autotask_id), situation()).document
    assert found is not None
    return replace(found, **changes)


def intent(*documents: Document, key: str = "key-1") -> Intent:
    return Intent(key, "Invoice", 4, b'{"Invoices":[\x00\xff]}', documents or (document(),), START)


def posted(**changes: Any) -> Posted:
    values: dict[str, Any] = {
        "id": XeroId("x1"), "kind": "Invoice", "number": "INV-1", "status": "DRAFT", "contact_id": ContactId("kauri"),
        "contact_name": "Kauri Legal", "date": dt.date(2026, 10, 5), "due": dt.date(2026, 11, 4), "currency": "NZD",
        "net": D("100.10"), "tax": D("15.02"), "total": D("115.12"), "outstanding": D("115.12"),
    }  # fmt: skip
    return Posted(**(values | changes))


def refused(url: str) -> PlainError:
    with pytest.raises(PlainError) as caught:
        open_database(url).dispose()
    assert caught.value.exit_code == MEND_FIRST
    assert "\n" not in str(caught.value)
    return caught.value


# --- opening ---


def test_an_empty_file_gets_the_tables_that_the_code_uses(engine: Engine) -> None:
    found = inspect(engine)
    assert set(found.get_table_names()) == {*t.metadata.tables, "alembic_version"}
    for name, table in t.metadata.tables.items():
        made = {column["name"]: column["nullable"] for column in found.get_columns(name)}
        assert {column.name: bool(column.nullable) for column in table.columns} == {
            key: is_nullable and key not in found.get_pk_constraint(name)["constrained_columns"]
            for key, is_nullable in made.items()
        }, name
        assert found.get_pk_constraint(name)["constrained_columns"] == [column.name for column in table.primary_key]
        assert {index["name"] for index in found.get_indexes(name)} == {index.name for index in table.indexes}


def test_the_version_is_recorded_and_opening_again_changes_nothing(path: Path, engine: Engine) -> None:
    Ledger(engine).remember(name="kept")
    again = open_database(f"sqlite:///{path}")
    assert Ledger(again).fact("name") == "kept"
    with again.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [VERSION]
    again.dispose()


def test_a_commit_is_on_the_disk_before_it_is_believed(engine: Engine) -> None:
    with engine.connect() as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_newer_ledger_is_refused_and_left_alone(path: Path, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    error = refused(f"sqlite:///{path}")
    assert "newer" in error.message
    assert "0999" in error.message
    assert "Install the newest AutoXero" in error.next_step
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0999"


@pytest.mark.parametrize(
    "content", [b"not a database at all, " * 100, b"\x00" * 4096, b"PK\x03\x04"], ids=["text", "zeros", "short"]
)
def test_a_damaged_file_gives_one_clear_sentence(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    error = refused(f"sqlite:///{path}")
    assert str(path) in error.message
    assert "damaged" in error.message
    assert "backups" in error.next_step
    assert path.read_bytes() == content


def test_a_ledger_with_a_damaged_page_gives_the_same_sentence(path: Path, engine: Engine) -> None:
    engine.dispose()
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xee" * 900 + content[1000:])
    assert "damaged" in refused(f"sqlite:///{path}").message


def test_a_ledger_that_cannot_be_opened_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    error = refused(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}")
    assert "cannot be opened" in error.message
    assert str(tmp_path / "file") in error.message


@pytest.mark.parametrize(
    ("said", "words", "step"),
    [
        ("disk I/O error", "The disk is full, or broken", "Free some space"),
        ("database or disk is full", "The disk is full", "Free some space"),
        ("attempt to write a readonly database", "can only be read", "Let this user write there again"),
        ("database is locked", "Another program holds the ledger", "Try again in a minute"),
    ],
)
def test_a_disk_that_takes_nothing_is_told_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, words: str, step: str
) -> None:
    def fail(_url: str) -> None:
        raise sqlalchemy.exc.OperationalError("PRAGMA", {}, sqlite3.OperationalError(said))

    monkeypatch.setattr("agent.ledger.database._up_to_date", fail)
    error = refused(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert words in error.message
    assert error.next_step.startswith(step)


@pytest.mark.parametrize(
    "url",
    [
        "no address at all",
        "sqlite",
        "nonsense://x",
        "postgresql://me:s3cr3t@127.0.0.1:1/ledger",
        "oracle://me:s3cr3t@h/x",
    ],
)
def test_an_address_that_leads_nowhere_is_told_in_words_without_its_password(url: str) -> None:
    assert "s3cr3t" not in str(refused(url))


# --- what it belongs to ---


def test_facts_are_remembered_and_replaced(ledger: Ledger) -> None:
    assert ledger.fact("tenant") == ""
    ledger.remember(tenant="t1", other="o")
    ledger.remember(tenant="t2")
    assert (ledger.fact("tenant"), ledger.fact("other")) == ("t2", "o")


def test_it_belongs_to_one_and_refuses_another(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.belongs_to("tenant", "Kowhai", "Xero organisation")
    with pytest.raises(StopError) as caught:
        ledger.belongs_to("tenant", "Rimu", "Xero organisation")
    assert caught.value.fault.code == "AX-406"
    assert "Xero organisation Kowhai; this is Rimu" in caught.value.fault.detail
    assert ledger.fact("tenant") == "Kowhai"


# --- invoices ---


@pytest.mark.parametrize(
    "amount", ["0.1", "0.30", "386.6450", "1234567.8901", "90071992547409.9312", "-0.0001", "0.00", "1E+3", "1E-7"]
)
def test_money_is_kept_to_the_last_digit(ledger: Ledger, path: Path, amount: str) -> None:
    made = invoice(net=D(amount), tax=D("0.0001"))
    ledger.conclude([Outcome(ONE, "Synced", invoice=made, posted=posted(total=D(amount)))])
    (row,) = ledger.rows()
    assert isinstance(row["net"], Decimal)
    assert (row["net"], row["tax"], row["xero_total"]) == (D(amount), D("0.0001"), D(amount))
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT typeof(net), net FROM invoice").fetchone() == ("text", format(D(amount), "f"))


def test_sums_of_credit_notes_are_negative(ledger: Ledger) -> None:
    ledger.conclude([Outcome(ONE, "Synced", posted=posted(kind="Credit note"))])
    (row,) = ledger.rows()
    assert (row["xero_net"], row["xero_tax"], row["xero_total"], row["outstanding"]) == (
        D("-100.10"), D("-15.02"), D("-115.12"), D("-115.12"),
    )  # fmt: skip


def test_days_and_instants_come_back_as_such(ledger: Ledger, clock: Clock) -> None:
    clock.instant = dt.datetime(2026, 11, 20, 14, 0, 0, 1, tzinfo=dt.timezone(dt.timedelta(hours=13)))
    ledger.conclude(
        [Outcome(ONE, "Synced", invoice=invoice(), posted=posted(paid_on=dt.date(2026, 11, 1)), was_tried=True)]
    )
    (row,) = ledger.rows()
    assert (row["date"], row["due"], row["paid_on"]) == (
        dt.date(2026, 10, 5),
        dt.date(2026, 11, 4),
        dt.date(2026, 11, 1),
    )
    for name in ("since", "last_tried", "sent_on"):
        assert row[name] == clock.instant
        assert row[name].utcoffset() == dt.timedelta(0)


def test_an_outcome_is_written_whole(ledger: Ledger) -> None:
    why = fault("AX-105", "detail", name="Kauri")
    made = invoice(customer=customer("Kauri", id=CompanyId(9)), order_number="PO 9", is_voided=True)
    ledger.conclude([Outcome(ONE, "Retrying", "because", 2, why, ("one", "two"), was_tried=True, invoice=made)])
    (row,) = ledger.rows()
    wanted = {
        "autotask_id": 155, "number": "1085", "company_id": 9, "customer": "Kauri", "currency": "NZD",
        "order_number": "PO 9", "is_voided": 1, "status": "Retrying", "why": "because", "strikes": 2,
        "fault_code": "AX-105", "fault_detail": "detail", "fault_title": why.title, "fault_cure": why.cure,
        "warnings": "one\ntwo", "wish": "", "xero_id": None, "sent_on": None,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


def test_success_clears_strikes_and_the_old_fault(ledger: Ledger) -> None:
    ledger.conclude([Outcome(ONE, "Fault", "", 3, fault("AX-106", "x"), invoice=invoice())])
    ledger.conclude([Outcome(ONE, "Synced", posted=posted(), was_tried=True)])
    (row,) = ledger.rows()
    assert (row["status"], row["strikes"]) == ("Synced", 0)
    assert [row[f"fault_{part}"] for part in ("code", "title", "detail", "cure")] == [""] * 4
    assert row["number"] == "1085"


def test_since_is_kept_while_nothing_changes(ledger: Ledger, clock: Clock) -> None:
    why = fault("AX-105", "x", name="Kauri")
    for strikes in (1, 2):
        ledger.conclude([Outcome(ONE, "Retrying", strikes=strikes, fault=why, was_tried=True)])
        clock.forward(hours=1)
    (row,) = ledger.rows()
    assert (row["since"], row["last_tried"]) == (START, START + dt.timedelta(hours=1))


@pytest.mark.parametrize(
    "changed",
    [
        Outcome(ONE, "Synced", "why", fault=fault("AX-205", "x")),
        Outcome(ONE, "Waiting", "another", fault=fault("AX-205", "x")),
        Outcome(ONE, "Waiting", "why", fault=fault("AX-108", "x")),
        Outcome(ONE, "Waiting", "why"),
    ],
    ids=["status", "why", "fault", "no fault"],
)
def test_since_moves_when_something_changes(ledger: Ledger, clock: Clock, changed: Outcome) -> None:
    ledger.conclude([Outcome(ONE, "Waiting", "why", fault=fault("AX-205", "x"))])
    clock.forward(minutes=5)
    ledger.conclude([changed])
    assert ledger.rows()[0]["since"] == START + dt.timedelta(minutes=5)


def test_the_last_try_is_kept_where_nothing_was_tried(ledger: Ledger, clock: Clock) -> None:
    ledger.conclude([Outcome(ONE, "Retrying", was_tried=True)])
    clock.forward(hours=1)
    ledger.conclude([Outcome(ONE, "Waiting")])
    assert ledger.rows()[0]["last_tried"] == START


def test_records_are_what_planning_needs(ledger: Ledger) -> None:
    why = fault("AX-106", "x")
    ledger.conclude([Outcome(ONE, "Fault", "", 3, why), Outcome(TWO, "Synced", posted=posted())])
    assert ledger.records() == {
        ONE: Record(ONE, "Fault", 3, "AX-106"),
        TWO: Record(TWO, "Synced", xero_id=XeroId("x1"), xero_number="INV-1", contact_id=ContactId("kauri")),
    }


def test_a_wish_clears_strikes_and_lasts_until_the_next_try(ledger: Ledger) -> None:
    ledger.conclude([Outcome(ONE, "Fault", "", 3, fault("AX-111", "x")), Outcome(TWO, "Fault", "", 3)])
    ledger.wish([ONE], "send")
    found = ledger.records()
    assert (found[ONE].status, found[ONE].strikes, found[ONE].wish, found[ONE].fault_code) == (
        "Waiting",
        0,
        "send",
        "AX-111",
    )
    assert (found[TWO].status, found[TWO].strikes, found[TWO].wish) == ("Fault", 3, "")
    ledger.conclude([Outcome(ONE, "Retrying", strikes=1)])
    assert ledger.records()[ONE].wish == ""


def test_never_send_clears_the_fault_and_says_why(ledger: Ledger) -> None:
    ledger.conclude([Outcome(ONE, "Fault", "", 3, fault("AX-106", "x"))])
    ledger.never_send([ONE], "paid in cash")
    (row,) = ledger.rows()
    assert (row["status"], row["why"], row["strikes"], row["fault_code"], row["fault_cure"]) == (
        "Never send",
        "paid in cash",
        0,
        "",
        "",
    )


def test_what_was_skipped_can_be_looked_at_again(ledger: Ledger) -> None:
    ledger.conclude([Outcome(ONE, "Skipped"), Outcome(TWO, "Never send")])
    ledger.reopen_skipped()
    assert [row["status"] for row in ledger.rows()] == ["Waiting", "Never send"]


def test_the_newest_contact_of_each_company(ledger: Ledger) -> None:
    first, second = invoice(id=ONE), invoice(id=TWO)
    other = invoice(id=AutotaskId(157), customer=customer(id=CompanyId(8)))
    ledger.conclude([Outcome(TWO, "Synced", invoice=second, posted=posted(contact_id=ContactId("new")))])
    ledger.conclude(
        [Outcome(ONE, "Synced", invoice=first, posted=posted(id=XeroId("x2"), contact_id=ContactId("old")))]
    )
    ledger.conclude([Outcome(AutotaskId(157), "Waiting", invoice=other)])
    assert ledger.known_contacts() == {7: "new"}


def test_an_invoice_is_found_by_number_then_by_id(ledger: Ledger) -> None:
    for autotask_id, number in ((155, "1085"), (156, "155"), (157, "SAME"), (158, "SAME")):
        made = invoice(id=AutotaskId(autotask_id), number=number)
        ledger.conclude([Outcome(made.id, "Waiting", invoice=made)])
    assert [find_invoice(ledger, wanted) for wanted in ("1085", " 1085 ", "155", "157")] == [155, 155, 156, 157]
    with pytest.raises(PlainError, match="157, 158"):
        find_invoice(ledger, "SAME")
    with pytest.raises(PlainError, match="No invoice has the number or Autotask id 999"):
        find_invoice(ledger, "999")


# --- intents ---


def test_an_intent_is_kept_byte_for_byte(ledger: Ledger) -> None:
    rich = document(
        exchange_rate=D("0.9200"), due=None, number=None, branding_theme_id="theme",
        lines=(replace(document().lines[0], tax=D("1.85"), tracking=(("c", "o"),), description="日本 🚀 <&>"),),
    )  # fmt: skip
    made = intent(rich, document(TWO))
    fence = ledger.begin_run("run-1", "Live")
    ledger.intend("run-1", fence, made, [Outcome(ONE, "Waiting", "sent"), Outcome(TWO, "Waiting", "sent")])
    assert ledger.open_intents() == [made]
    assert [record.is_in_flight for record in ledger.records().values()] == [True, True]
    assert {row["why"] for row in ledger.rows()} == {"sent"}


def test_an_intent_is_open_until_each_invoice_is_settled(ledger: Ledger) -> None:
    fence = ledger.begin_run("run-1", "Live")
    ledger.intend(
        "run-1", fence, intent(document(ONE), document(TWO)), [Outcome(ONE, "Waiting"), Outcome(TWO, "Waiting")]
    )
    ledger.settle("key-1", {ONE: "posted"}, [Outcome(ONE, "Synced", posted=posted())])
    assert len(ledger.open_intents()) == 1
    assert {key: record.is_in_flight for key, record in ledger.records().items()} == {ONE: False, TWO: True}
    ledger.settle("key-1", {TWO: "absent"})
    assert ledger.open_intents() == []
    assert not ledger.records()[TWO].is_in_flight
    assert ledger.records()[ONE].status == "Synced"


def test_open_intents_come_oldest_first(ledger: Ledger) -> None:
    fence = ledger.begin_run("run-1", "Live")
    for number, key in ((3, "late"), (1, "early"), (2, "middle")):
        made = replace(intent(document(AutotaskId(number)), key=key), made=START + dt.timedelta(seconds=number))
        ledger.intend("run-1", fence, made, [])
    assert [item.key for item in ledger.open_intents()] == ["early", "middle", "late"]


def test_another_run_bars_this_one_from_sending(ledger: Ledger, engine: Engine) -> None:
    mine = ledger.begin_run("run-1", "Live")
    theirs = Ledger(engine).begin_run("run-2", "Live")
    assert theirs > mine
    with pytest.raises(FenceError):
        ledger.intend("run-1", mine, intent(), [Outcome(ONE, "Waiting")])
    assert (ledger.open_intents(), ledger.rows()) == ([], [])
    ledger.intend("run-2", theirs, intent(), [Outcome(ONE, "Waiting")])
    assert len(ledger.open_intents()) == 1


def test_a_key_is_used_once(ledger: Ledger) -> None:
    fence = ledger.begin_run("run-1", "Live")
    ledger.intend("run-1", fence, intent(), [])
    with pytest.raises(Exception, match="UNIQUE"):
        ledger.intend("run-1", fence, intent(document(TWO)), [])


def test_a_step_that_breaks_leaves_nothing_behind(ledger: Ledger) -> None:
    """The process dies between two writes of one step: as if the step had never begun."""

    def broken() -> Iterator[Outcome]:
        yield Outcome(TWO, "Synced")
        raise KeyboardInterrupt

    fence = ledger.begin_run("run-1", "Live")
    with pytest.raises(KeyboardInterrupt):
        ledger.intend("run-1", fence, intent(), broken())
    assert (ledger.open_intents(), ledger.rows()) == ([], [])
    ledger.intend("run-1", fence, intent(), [Outcome(ONE, "Waiting")])
    with pytest.raises(KeyboardInterrupt):
        ledger.settle("key-1", {ONE: "posted"}, broken())
    assert len(ledger.open_intents()) == 1
    assert [row["autotask_id"] for row in ledger.rows()] == [ONE]
    with pytest.raises(KeyboardInterrupt):
        ledger.conclude(broken())
    assert [row["autotask_id"] for row in ledger.rows()] == [ONE]


# --- write-backs, missing rows, the log, runs ---


def test_write_backs_queue_until_they_are_done(ledger: Ledger) -> None:
    for number in range(3):
        ledger.queue(AutotaskId(number), "webServiceDate", f"day {number}")
    first, second = ledger.queued(2, ("webServiceDate", "invoiceNumber"))
    assert (first.autotask_id, first.field, first.value, first.tries) == (0, "webServiceDate", "day 0", 0)
    ledger.written({first.id: "done", second.id: "queued"})
    ledger.tried({second.id: 1})
    assert [(item.autotask_id, item.tries) for item in ledger.queued(9, ("webServiceDate", "invoiceNumber"))] == [
        (2, 0),
        (1, 1),
    ]
    ledger.written({second.id: "failed"})
    assert [item.autotask_id for item in ledger.queued(9, ("webServiceDate", "invoiceNumber"))] == [2]


def test_missing_rows_are_those_of_the_last_look(ledger: Ledger) -> None:
    ledger.note_missing(
        {
            ONE: [("TaxMap", "Mars", "Standard"), ("AccountMap", "Drones", "Labor")],
            TWO: [("TaxMap", "Mars", "Standard")],
        }
    )
    assert ledger.missing() == [
        ("AccountMap", "Drones", "Labor", ONE),
        ("TaxMap", "Mars", "Standard", ONE),
        ("TaxMap", "Mars", "Standard", TWO),
    ]
    ledger.note_missing({ONE: [("TaxMap", "Mars", "Standard")], TWO: []})
    assert ledger.missing() == [("TaxMap", "Mars", "Standard", ONE)]


def test_the_log_gives_the_newest_first(ledger: Ledger) -> None:
    for number in range(3):
        ledger.log(f"event {number}", run="run-1")
    ledger.log("Created in Xero", "INV-1", invoice=invoice(number=""), level="Error", who="Ana")
    newest, *others = ledger.log_rows(3)
    assert [row["event"] for row in others] == ["event 2", "event 1"]
    assert (newest["autotask_id"], newest["invoice"], newest["level"], newest["who"], newest["at"]) == (
        155,
        "155",
        "Error",
        "Ana",
        START,
    )
    assert [row["event"] for row in ledger.log_rows(9, ONE)] == ["Created in Xero"]


def test_the_last_run_and_the_last_good_one(ledger: Ledger, clock: Clock) -> None:
    assert ledger.last_run() is None
    for run, why in (("good", None), ("bad", fault("AX-402", "away"))):
        ledger.begin_run(run, "Live")
        clock.forward(minutes=15)
        ledger.end_run(run, {"created": 2}, why)
    ledger.begin_run("under way", "Live")
    last, good = ledger.last_run(), ledger.last_run(finished_well=True)
    assert last is not None
    assert good is not None
    assert (last["id"], last["fault_code"], last["fault_detail"]) == ("bad", "AX-402", "away")
    assert (good["id"], good["counts"], good["finished"]) == (
        "good",
        '{"created": 2}',
        START + dt.timedelta(minutes=15),
    )


# --- backups ---


def test_a_backup_is_whole_and_can_be_put_back(engine: Engine, ledger: Ledger) -> None:
    ledger.conclude([Outcome(ONE, "Synced", invoice=invoice(net=D("386.6450")), posted=posted())])
    copy = back_up(engine, "by-hand")
    assert copy is not None
    opened = open_database(f"sqlite:///{copy}")
    assert Ledger(opened).rows() == ledger.rows()
    opened.dispose()


def test_one_backup_a_day_and_a_week_of_them(engine: Engine, path: Path, clock: Clock) -> None:
    for _ in range(10):
        daily_backup(engine, clock)
        daily_backup(engine, clock)
        clock.forward(days=1)
    names = sorted(file.name for file in (path.parent / "backups").iterdir())
    assert len(names) == 7
    assert names[-1] == "ledger-2026-11-29.db"


def test_an_older_ledger_is_brought_up_to_date_after_a_backup(path: Path) -> None:
    """Lines were bare amounts in version 0001: they are read again from Xero, and all else is kept."""
    config = Config()
    config.set_main_option("script_location", str(Path(agent.ledger.__file__).parent / "migrations"))
    old = sqlalchemy.create_engine(f"sqlite:///{path}")
    with old.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(invoice)") if row[3]]
        kept = json.dumps(json.loads(msgspec.json.encode(posted())) | {"lines": ["100.00"]})
        values = dict.fromkeys(columns, "") | {"autotask_id": 155, "net": "1", "tax": "0", "since": START.isoformat()}
        values |= {"xero_id": "x1", "status": "Synced", "xero_number": "INV-1"}
        values |= {"xero_baseline": kept, "xero_latest": kept}
        here = sqlalchemy.table("invoice", *(sqlalchemy.column(name) for name in values))
        connection.execute(here.insert().values(values))
    old.dispose()
    engine = open_database(f"sqlite:///{path}")
    try:
        row = Ledger(engine).sent()[0]
        assert msgspec.json.decode(row["xero_baseline"], type=Posted) == posted(lines=())
        assert row["xero_number"] == "INV-1"
        assert [item.name for item in (path.parent / "backups").iterdir()] == [f"ledger-before-{VERSION}.db"]
    finally:
        engine.dispose()


def test_line_sums_by_month_account_and_tax_rate(ledger: Ledger) -> None:
    there = PostedLine("l1", "200", "OUTPUT2", D("22.86"), D("3.43"))
    moved = replace(there, account="205")
    made = invoice(line("12.3456", "1.8518"), id=ONE)
    sent = document()
    ledger.conclude([Outcome(ONE, "Synced", posted=posted(lines=(there,)), document=sent, invoice=made)])
    ledger.conclude([Outcome(ONE, "Synced", seen=posted(lines=(moved,)))])
    account, rate = sent.lines[0].account, sent.lines[0].tax_type
    expected = sent.lines[0].expected
    sums = {(item.account, item.tax_type): item for item in ledger.line_sums()}
    assert (sums[account, rate].sent_net, sums[account, rate].sent_tax) == (expected.net, expected.tax)
    assert (sums["205", "OUTPUT2"].xero_net, sums["205", "OUTPUT2"].count) == (D("22.86"), 1)
    assert sums["205", "OUTPUT2"].month == f"{made.date:%Y-%m}"


def test_documents_that_are_not_ours_are_kept_apart(ledger: Ledger) -> None:
    ours, theirs = posted(), posted(id=XeroId("x2"), kind="Credit note")
    ledger.note_others([ours, theirs], own=["x1"])
    assert [(row["xero_id"], row["total"]) for row in ledger.others()] == [("x2", -theirs.total)]
    ledger.note_others([replace(theirs, status="VOIDED")], own=["x1"])
    assert ledger.others() == []


def test_the_revision_rises_with_what_sheets_show(ledger: Ledger) -> None:
    before = ledger.revision()
    ledger.remember(watched="now")
    assert ledger.revision() == before
    ledger.log("Something happened")
    ledger.conclude([Outcome(ONE, "Waiting")])
    assert ledger.revision() == before + 2
