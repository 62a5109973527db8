"""“autoxero setup”: from nothing to the first drafts in Xero and to Live, left anywhere and taken up again."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import requests

from agent.answers import KEYS, Question, read_answers
from agent.asking import Asking
from agent.choosing import _missing
from agent.cli import main
from agent.desk import Desk
from agent.domain.faults import CATALOGUE
from agent.domain.suggest import Suggestion
from agent.errors import PlainError, StopError
from agent.guide import Guide
from agent.office import Office
from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Trouble
from agent.pretend.world import build_world, empty_world
from agent.setup import _STEPS, _pick, set_up
from agent.startup import Machine
from agent.verbs import set_value
from agent.xero.models import Connection
from tests.support import Practice, support
from tests.system.test_sign_in import at_home, same_keys
from workbook.project import Projection, Row, project

TOP = Path(__file__).parents[2]
SIGN_IN = (
    "Autotask user name?", "Autotask secret", "Autotask integration code", "Xero client ID?", "Which kind of sign-in?",
)  # fmt: skip
"""What is asked where the environment does not give it."""
YES = {"first_drafts": "2", "drafts_are_right": "yes", "go_live": "yes"}


@dataclass
class Script:
    """Answers by key, else the default; told and asked is kept. Leaves, once each, where it is told to."""

    answers: Mapping[str, str] = field(default_factory=dict)
    leave_at: set[str] = field(default_factory=set)
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    helps: str = ""

    asks_again = False

    def _perhaps_leave(self, where: str) -> None:
        if where in self.leave_at:
            self.leave_at.discard(where)
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        self.told.append(text)
        if found := re.match(r"\n(\d+)/\d+ ", text):
            self._perhaps_leave(found[1])

    def ask(self, question: Question) -> str:
        self._perhaps_leave(question.key)
        self.asked.append(question.key)
        self.helps += f"{question.help}\n"
        assert question.help or question.key == "contact", f"{question.key} does not say what the answer does"
        answer = self.answers.get(question.key, question.default)
        assert answer, f"{question.key} has no default"
        return answer

    def secret(self, key: str, what: str, given: str) -> str:
        raise AssertionError(f"{key}: {what} {given}")

    def table(self, name: str) -> Mapping[str, str]:
        return self.tables.get(name, {})

    @property
    def text(self) -> str:
        return "\n".join(self.told)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Practice]:
    """A provider with three customers and eight invoices of this month, and no workbook yet."""
    with Cloud() as cloud:
        cloud.xero.minute_limit = None
        today = datetime.now(UTC).date()
        world = empty_world(cloud, today)
        practice = Practice(cloud, world, tmp_path / "home", tmp_path / "books" / "AutoXero.xlsm")
        world.company("Kauri Legal")
        world.company("Rata Cafe", in_xero=False)
        cloud.xero.add_contact("Rata Café Ltd")
        first = today.replace(day=1)
        for number in range(6):
            world.invoice("Kauri Legal", [support(str(number + 1))], number=f"AT-{number}", day=first)
        world.invoice("Rata Cafe", [support("9")], number="AT-9", day=first)
        yield practice


def office_of(practice: Practice) -> Office:
    """A computer on which nothing is started."""
    machine = Machine("linux", "zoe", 1000, practice.home, practice.home, Path(sys.executable), {}, "")
    ran: list[object] = []

    def run(arguments: object) -> tuple[int, str]:
        ran.append(arguments)
        return 0, ""

    return Office(practice.desk().config, machine, practice.home / "Documents", "0.1.0", run)


def go(practice: Practice, script: Script, *, again: bool = False) -> Script:
    """One call of the setup, as a fresh process would do it."""
    practice.home.mkdir(exist_ok=True)
    desk = practice.desk()
    guide = Guide(Desk(desk.config, Path("AutoXero.xlsm"), desk.make_wire), lambda: office_of(practice), script)
    set_up(guide, practice.workbook, again=again)
    return script


def mode(practice: Practice) -> str:
    return practice.desk().settings.sync_mode


def drafts(practice: Practice) -> list[str]:
    """The live documents in Xero, each by the end of its mark; all of them must be drafts."""
    documents = practice.cloud.xero.documents()
    assert {document.status for document in documents} <= {"DRAFT"}
    return sorted(document.url or "" for document in documents)


# --- from nothing to live ---


def test_from_nothing_to_the_first_drafts_and_live(fresh: Practice) -> None:
    script = go(fresh, Script(YES))
    assert (mode(fresh), len(drafts(fresh))) == ("Live", 2)
    settings = fresh.desk().settings
    assert settings.start_date == datetime.now().astimezone().date().replace(day=1)
    assert settings.default_account == "200"
    assert settings.organisation == fresh.cloud.xero.organisation.name
    rows = fresh.rows()
    assert [row["status"] for row in rows.values()].count("Synced") == 2
    assert "4, NZD" in script.text or "send_rest" in script.asked
    assert set(script.asked) <= set(KEYS) | {"contact"}
    reading = fresh.desk().reading
    assert [(row.billing_code, row.line_type, row.account) for row in reading.mappings.accounts] == [
        ("Remote Support", "Labor", "200")
    ]
    assert reading.mappings.taxes[0].tax_rate == "OUTPUT2"
    assert "15 % on its lines" in script.text
    assert "something like it: Rata Cafe" in script.text
    assert "The setup is done" in script.told[-1]
    done = go(fresh, Script())
    assert done.asked == []
    assert done.text.count("\n") <= len(_STEPS) + 2


def test_the_rest_goes_when_it_is_said(fresh: Practice) -> None:
    go(fresh, Script({**YES, "send_rest": "yes", "contacts": "all"}))
    assert len(drafts(fresh)) == 7
    assert all(row["status"] == "Synced" for row in fresh.rows().values())


def test_nothing_is_sent_before_it_is_said(fresh: Practice) -> None:
    with pytest.raises(PlainError) as left:
        go(fresh, Script({"first_drafts": "0", "go_live": "no"}))
    assert left.value.exit_code == 130
    assert (mode(fresh), fresh.posts()) == ("Preview", 0)
    assert not any(call.method in {"PUT", "POST", "PATCH"} and call.system == "xero" for call in fresh.cloud.calls)
    go(fresh, Script({"go_live": "yes"}))
    assert mode(fresh) == "Live"


def test_left_before_every_step_and_taken_up_again(fresh: Practice) -> None:
    asked: list[str] = []
    for number in range(2, len(_STEPS) + 1):
        script = Script(YES, {str(number)})
        with pytest.raises(KeyboardInterrupt):
            go(fresh, script)
        assert not script.leave_at
        done = [line for line in script.told if re.match(r"\d+/\d+ .+: .", line)]
        assert len(done) == max(number - 2, 0), "what is done is shown in a line each"
        asked += script.asked
    last = go(fresh, Script(YES))
    asked += last.asked
    assert len(asked) == len(set(asked)), "nothing is asked twice"
    assert (mode(fresh), len(drafts(fresh))) == ("Live", 2)


def test_left_at_every_question_and_taken_up_again(fresh: Practice) -> None:
    """Also between the first drafts and the question whether they are right: no others are sent."""
    for key in go_through(fresh):
        assert key in KEYS
    assert mode(fresh) == "Live"
    marks = drafts(fresh)
    assert len(marks) == len(set(marks)) == 2


def go_through(practice: Practice) -> Iterator[str]:
    """Run the setup until it is done, leaving once at each question."""
    seen: set[str] = set()
    while True:
        script = Script(YES, set(KEYS) - seen)
        try:
            go(practice, script)
        except KeyboardInterrupt:
            (left,) = (set(KEYS) - seen) - script.leave_at
            seen.add(left)
            yield left
            if left in {"drafts_are_right", "go_live"}:
                assert mode(practice) == "Preview"
        else:
            return


def test_an_outage_in_the_first_drafts_leaves_preview(fresh: Practice) -> None:
    """Whatever happens, the agent does not go on by itself before somebody said so."""
    trouble = Trouble("503", system="xero", method="PUT", times=None)
    fresh.cloud.troubles.add(trouble)
    fresh.home.mkdir(exist_ok=True)
    with pytest.raises((StopError, PlainError), match=r"arrived in Xero|503"):
        go(fresh, Script(YES))
    assert mode(fresh) == "Preview"
    assert drafts(fresh) == []


def test_drafts_that_are_not_right_hold_it(fresh: Practice) -> None:
    with pytest.raises(PlainError, match="what is done is kept"):
        go(fresh, Script({**YES, "drafts_are_right": "no"}))
    assert (mode(fresh), len(drafts(fresh))) == ("Preview", 2)
    go(fresh, Script({**YES, "first_drafts": "1"}))
    assert (mode(fresh), len(drafts(fresh))) == ("Live", 3)


def test_the_first_ones_are_drafts_whatever_the_setting(fresh: Practice) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(fresh, Script(YES, {"10"}))
    set_value(fresh.desk(), "Invoice status in Xero", "Approved")
    go(fresh, Script(YES))
    assert len(drafts(fresh)) == 2
    assert fresh.desk().settings.invoice_status == "Approved"


# --- what is in Xero already ---


def raised_by_hand(practice: Practice, number: int) -> None:
    """Somebody made in Xero what Autotask's invoice says."""
    day = datetime.now(UTC).date().replace(day=1)
    line = {"Description": "By hand", "Quantity": number + 1, "UnitAmount": 145, "AccountCode": "200"}
    practice.cloud.xero.add_invoice("Kauri Legal", [line], InvoiceNumber=f"H-{number}", Date=str(day))


def test_what_agrees_is_taken_over_and_not_sent(fresh: Practice) -> None:
    raised_by_hand(fresh, 0)
    raised_by_hand(fresh, 3)
    script = go(fresh, Script({**YES, "send_rest": "yes"}))
    assert re.search(r" 2  in Xero, equal to the cent: nothing is sent: AT-0, AT-3", script.text)
    totals = sorted(document.total for document in fresh.cloud.xero.documents())
    assert len(totals) == len(set(totals)) == 6
    by_number = {row["number"]: row for row in fresh.rows().values()}
    assert by_number["AT-0"]["xero_number"] == "H-0"


def test_every_invoice_that_was_looked_for_is_told_as_one_kind_or_another(fresh: Practice) -> None:
    """One that somebody sent under its number and then changed, too."""
    line = {"Description": "By hand", "Quantity": 4, "UnitAmount": 145, "AccountCode": "200"}
    fresh.cloud.xero.add_invoice("Kauri Legal", [line], InvoiceNumber="AT-5", Date=str(datetime.now(UTC).date()))
    script = Script(YES, {"9"})
    with pytest.raises(KeyboardInterrupt):
        go(fresh, script)
    assert " 1  in Xero under their number, but over another sum: AX-201 says what to do: AT-5" in script.text
    told = [int(found[1]) for found in re.finditer(r"(?m)^ {4,}(\d+)  (?:not in|in) Xero", script.text)]
    assert sum(told) == 6
    assert len(json.loads(fresh.desk().ledger.fact("setup"))["declined"]) == 1, "it is none of the rest that may go"
    go(fresh, Script({**YES, "send_rest": "yes"}))
    row = next(row for row in fresh.rows().values() if row["number"] == "AT-5")
    assert (row["status"], row["xero_number"]) == ("Waiting", None)
    assert len(fresh.cloud.xero.documents()) == 6


def test_what_is_not_taken_over_is_not_sent_either(fresh: Practice) -> None:
    raised_by_hand(fresh, 0)
    go(fresh, Script({**YES, "take_over": "no", "send_rest": "yes"}))
    assert len(fresh.cloud.xero.documents()) == 6
    row = next(row for row in fresh.rows().values() if row["number"] == "AT-0")
    assert (row["status"], row["xero_number"]) == ("Waiting", None)


def test_what_was_marked_as_sent_is_never_sent_by_the_setup(fresh: Practice) -> None:
    first = min(fresh.cloud.autotask.tables["Invoices"])
    fresh.cloud.autotask.change("Invoices", first, webServiceDate="2026-01-01T00:00:00Z")
    script = go(fresh, Script({**YES, "first_drafts": "1", "send_rest": "yes"}))
    assert "1  marked as sent in Autotask, but not found in Xero: they wait as AX-111: AT-0" in script.text
    assert f"invoice={first}" not in "".join(drafts(fresh))
    assert len(drafts(fresh)) == 5


# --- contacts and choices ---


def test_near_contacts_are_taken_as_the_answer_says(fresh: Practice) -> None:
    go(fresh, Script({**YES, "contacts": "all"}))
    (row,) = fresh.desk().reading.mappings.contacts
    assert row.contact == "Rata Café Ltd"


def test_missing_contacts_are_created_only_where_it_is_said(fresh: Practice) -> None:
    fresh.world.company("Nobody Knows GmbH", in_xero=False)
    fresh.world.invoice("Nobody Knows GmbH", [support()], day=datetime.now(UTC).date().replace(day=1))
    script = go(fresh, Script({**YES, "create_missing_contacts": "yes", "send_rest": "yes"}))
    assert "1  nothing like it: Nobody Knows GmbH" in script.text
    assert any(contact.name == "Nobody Knows GmbH" for contact in fresh.cloud.xero.organisation.contacts.values())


def test_the_contacts_told_to_be_created_are_those_that_are(fresh: Practice) -> None:
    """One that is archived in Xero or lacks a person is told with its reason; of what is merely alike it is made."""
    first = datetime.now(UTC).date().replace(day=1)
    fresh.world.company("Ghost Motel", people=[], in_xero=False)
    fresh.world.company("Old Antiques", in_xero=False)
    fresh.world.company("Nobody Knows GmbH", in_xero=False)
    fresh.cloud.xero.add_contact("Old Antiques", ContactStatus="ARCHIVED")
    for name in ("Ghost Motel", "Old Antiques", "Nobody Knows GmbH"):
        fresh.world.invoice(name, [support()], day=first)
    script = go(fresh, Script({**YES, "create_missing_contacts": "yes", "send_rest": "yes"}))
    assert "2 customers would be created." in script.helps
    assert "Ghost Motel would not be created: AX-103" in script.text
    assert "Old Antiques would not be created: AX-206" in script.text
    told = "1 customer found in Xero, 2 created there with the first invoice, 2 wait: AX-103, AX-206 say what to do"
    assert told in script.text
    names = {contact.name for contact in fresh.cloud.xero.organisation.contacts.values()}
    assert {"Nobody Knows GmbH", "Rata Cafe"} <= names
    assert "Ghost Motel" not in names


def test_every_row_of_a_files_tables_is_carried_out(fresh: Practice) -> None:
    """Before what is there already or alike: the file says where the money goes, however often it is run."""
    fresh.world.company("Zeta Holdings", in_xero=False)
    fresh.world.invoice("Zeta Holdings", [support()], day=datetime.now(UTC).date().replace(day=1))
    for name in ("Kauri Legal (new)", "Old Mill Partnership"):
        fresh.cloud.xero.add_contact(name)
    tables = {
        "account": {"remote support · labor": "260", "Hardware": "200"},
        "tax": {"NZ GST": "OUTPUT2"},
        "contact": {"Kauri Legal": "Kauri Legal (new)", "Zeta Holdings": "Old Mill Partnership"},
    }
    go(fresh, Script(YES, tables=tables))
    go(fresh, Script(tables={**tables, "account": {"Remote Support · Labor": "200"}}))
    chosen = fresh.desk().reading.mappings
    assert {(row.billing_code, row.line_type, row.account) for row in chosen.accounts} == {
        ("Remote Support", "Labor", "200"), ("Hardware", "", "200")
    }  # fmt: skip
    assert [(row.tax_region, row.tax_category, row.tax_rate) for row in chosen.taxes] == [("NZ GST", "", "OUTPUT2")]
    assert {row.contact for row in chosen.contacts} == {"Kauri Legal (new)", "Old Mill Partnership"}
    assert {document.contact.name for document in fresh.cloud.xero.documents()} == {"Kauri Legal (new)"}


@pytest.mark.parametrize(
    ("table", "line", "target", "words"),
    [
        ("account", "Remote Suport · Labor", "260", "no billing code “Remote Suport”. Nearest: Remote Support"),
        ("account", "Remote Support · Labr", "260", "no line type “Labr”. Nearest: Labor"),
        ("account", "Remote Support · Labor", "2600", "Xero has no “2600” among its accounts. "),
        ("tax", "NZ GTS · Standard", "OUTPUT2", "no tax region “NZ GTS”. Nearest: NZ GST"),
        ("tax", "NZ GST · Standrd", "OUTPUT2", "no tax category “Standrd”. Nearest: Standard"),
        ("contact", "Kauri Leagl", "Kauri Legal", "no invoice is of a company called “Kauri Leagl”. Nearest: Kauri"),
        ("contact", "Rata Cafe", "Rata", "Xero has no “Rata” among its contacts. Nearest: Rata Café"),
    ],
)
def test_a_row_that_cannot_be_carried_out_is_named_with_the_nearest(
    fresh: Practice, table: str, line: str, target: str, words: str
) -> None:
    with pytest.raises(PlainError) as caught:
        go(fresh, Script(YES, tables={table: {line: target}}))
    assert caught.value.message.startswith(f"The line “{line}” in the table [{table}]")
    assert words.casefold() in caught.value.message.casefold()
    assert fresh.posts() == 0


def test_what_was_chosen_before_can_be_changed_when_all_is_asked_again(fresh: Practice) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(fresh, Script(YES, {"7"}))

    class Changing(Script):
        asks_again = True

        def ask(self, question: Question) -> str:
            answer = super().ask(question)
            return "1" if question.key == "accounts" and self.asked.count("accounts") == 1 else answer

    script = Changing({**YES, "account": "260"}, {"8"})
    with pytest.raises(KeyboardInterrupt):
        go(fresh, script, again=True)
    assert "1  Remote Support · Labor -> 200 Sales: chosen already" in script.text
    assert [row.account for row in fresh.desk().reading.mappings.accounts] == ["260"]
    with pytest.raises(PlainError, match="“alll” is none of them"):
        go(fresh, Script({**YES, "contacts": "alll"}, {"8"}), again=True)


@pytest.mark.parametrize(("key", "table"), [("accounts", "account"), ("taxes", "tax")])
def test_a_file_that_gives_a_rows_number_is_told_to_name_the_row(fresh: Practice, key: str, table: str) -> None:
    with pytest.raises(PlainError, match="“1” changes a single row") as caught:
        go(fresh, Script({**YES, key: "1"}))
    assert f"in its table [{table}]" in caught.value.next_step


def test_a_missing_row_is_looked_up_once_however_many_invoices_wait_for_it() -> None:
    """A year of invoices and some hundred mappings would take seconds at every step else."""
    asked: list[tuple[str, str]] = []

    def account(first: str, second: str) -> str | None:
        asked.append((first, second))
        return "200" if first == "Hardware" else None

    ledger = SimpleNamespace(
        rows=lambda: [{"autotask_id": number} for number in range(10)],
        missing=lambda: [
            ("AccountMap", code, "Labor", number) for number in range(10) for code in ("Hardware", "Rent")
        ],
    )
    reading = SimpleNamespace(mappings=SimpleNamespace(account=account))
    guide = cast("Guide", SimpleNamespace(desk=SimpleNamespace(ledger=ledger, reading=reading)))
    (row,) = _missing(guide, "AccountMap", lambda _first, _second: Suggestion("", "", ""))
    assert (row.first, len(row.invoices)) == ("Rent", 10)
    assert asked == [("Hardware", "Labor"), ("Rent", "Labor")]


# --- too early ---


def test_a_first_day_to_come_is_waited_for(fresh: Practice) -> None:
    """The last days of a month: nothing is dated on or after the first of the next one, so nothing can be asked."""
    today = datetime.now(UTC).date()
    answers = {**YES, "start_date": str(today + timedelta(days=1))}
    for _ in range(2):
        with pytest.raises(PlainError, match="No finished invoice dated on or after") as caught:
            go(fresh, Script(answers))
        assert "“autoxero setup” again when Autotask has the first" in caught.value.next_step
    assert (mode(fresh), fresh.posts()) == ("Preview", 0)
    created = f"{today - timedelta(days=1)}T00:00:00Z"
    fresh.world.invoice("Kauri Legal", [support("7")], day=today + timedelta(days=1), createDateTime=created)
    go(fresh, Script(answers))
    assert (mode(fresh), len(drafts(fresh))) == ("Live", 1)


def test_what_had_no_invoice_to_go_by_is_asked_again_until_it_is_live(fresh: Practice) -> None:
    """With the sheets filled in by hand it may go live before the first invoice has come."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with pytest.raises(KeyboardInterrupt):
        go(fresh, Script({"start_date": str(tomorrow)}, {"5"}))
    fresh.map("AccountMap", "Xero account", ("Remote Support", ""), "200")
    fresh.map("TaxMap", "Xero tax rate", ("NZ GST", ""), "OUTPUT2")
    with pytest.raises(PlainError, match="what is done is kept"):
        go(fresh, Script({"go_live": "no"}))
    script = go(fresh, Script(YES))
    assert "contacts" not in script.asked
    assert "\n7/12 Contacts\n" in script.text
    assert mode(fresh) == "Live"
    assert go(fresh, Script()).asked == []


def test_live_is_refused_before_the_first_things_are_settled(practice: Practice) -> None:
    practice.type_settings({"Sync mode": "Preview", "Start date": None})
    with pytest.raises(PlainError, match="Start date is blank"):
        set_value(practice.desk(), "Sync mode", "Live")
    practice.type_settings({"Start date": practice.world.start})
    assert "is now “Live”" in set_value(practice.desk(), "Sync mode", "Live")
    practice.type_settings({"Sync mode": "Preview"})
    reading = practice.desk().reading
    rows: dict[tuple[str, ...], Row] = {
        (row.billing_code, row.line_type): {"Xero account": None} for row in reading.mappings.accounts
    }
    project(practice.workbook, Projection(edits={"AccountMap": rows}))
    with pytest.raises(PlainError, match="no billing code has an account"):
        set_value(practice.desk(), "Sync mode", "Live")
    assert mode(practice) == "Preview"


# --- the real command ---


def run(practice: Practice, answers: str, *more: str, typed: str | None = None, **environment: str) -> tuple[int, str]:
    path = practice.home.parent / "answers.toml"
    path.write_text(answers, encoding="utf-8")
    done = practice.command(
        "setup", "--answers", str(path), "--workbook", str(practice.workbook), *more, environment=environment
    )
    assert typed is None
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_file_of_answers_goes_all_the_way(fresh: Practice) -> None:
    """What it does not say of what goes out is asked for; then it goes on where it was."""
    code, told = run(fresh, "contacts = 'all'\n")
    assert (code, fresh.posts()) == (2, 0)
    assert "does not say “first_drafts”" in told
    code, told = run(fresh, "first_drafts = 2\ndrafts_are_right = true\ngo_live = true\n")
    assert code == 0, told
    assert "9/12 Preview: 7 invoices would be sent, 0 not yet" in told
    assert (mode(fresh), len(drafts(fresh))) == ("Live", 2)


def test_a_files_rows_come_before_suggestions(fresh: Practice) -> None:
    answers = 'first_drafts = 1\ndrafts_are_right = true\ngo_live = true\n[account]\n"Remote Support · Labor" = "260"\n'
    code, told = run(fresh, f'{answers}[contact]\n"Rata Cafe" = "Rata Café Ltd"\n')
    assert code == 0, told
    assert fresh.desk().reading.mappings.accounts[0].account == "260"
    assert fresh.desk().reading.mappings.contacts[0].contact == "Rata Café Ltd"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ("start_dat = 2026-10-01", "Did you mean “start_date”?"),
        ("autotask_secret = 'Pl4nted'", "“autotask_secret” may not stand in a file."),
        ("start_date = ", "is no file of answers"),
        ("account = '200'", "“account” cannot be answered so."),
        ("start_date = '1.2.2026'", "can be read in two ways"),
        ("default_account = '999'", "999"),
    ],
)
def test_a_wrong_file_is_told_and_nothing_of_it_is_repeated(fresh: Practice, answers: str, words: str) -> None:
    code, told = run(fresh, answers + "\n")
    assert (code, fresh.posts()) == (2, 0)
    assert words in told
    assert "Pl4nted" not in told
    assert "Traceback" not in told


def test_a_secret_comes_from_a_variable_or_a_line(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    path.write_bytes(b"\xef\xbb\xbfautotask_secret = 'env:MY_SECRET'\n")
    answers = read_answers(path, {"MY_SECRET": "s3cret"}, Asking(iter(["typed"])))
    assert answers.secret("autotask_secret", "secret", "") == "s3cret"
    assert answers.secret("xero_client_secret", "secret", "") == "typed"
    assert answers.secret("autotask_secret", "secret", "known") == "known"
    with pytest.raises(PlainError, match="MY_SECRET"):
        read_answers(path, {}, Asking()).secret("autotask_secret", "secret", "")


def test_a_kind_of_sign_in_that_is_none_is_refused(practice: Practice, tmp_path: Path) -> None:
    office, user = at_home(practice, tmp_path), practice.cloud.autotask.user
    secrets = {"AUTOXERO_AUTOTASK_SECRET": user.secret, "AUTOXERO_AUTOTASK_INTEGRATION_CODE": user.integration_code}
    said = {"autotask_user": user.username, "xero_client_id": "c", "xero_sign_in": "custm"}
    with same_keys(office):
        desk = office.desk(**secrets, AUTOXERO_AUTOTASK_USERNAME=user.username)
        with pytest.raises(PlainError, match="“custm” is no kind of sign-in") as caught:
            set_up(Guide(desk, lambda: office_of(practice), Script(said)), practice.workbook)
    assert caught.value.next_step == "Type browser or custom."
    assert practice.cloud.count("login") == 0


def test_of_two_organisations_with_one_name_the_id_says_which() -> None:
    found = [Connection(tenant_id="1-a", tenant_name="One"), Connection(tenant_id="2-b", tenant_name="ONE")]
    for answer, picked in (("2-B", found[1]), ("1-a", found[0])):
        guide = Guide(None, lambda: None, Script({"organisation": answer}))  # type: ignore[arg-type, return-value]
        assert _pick(guide, found) is picked
    guide = Guide(None, lambda: None, Script({"organisation": "one"}))  # type: ignore[arg-type, return-value]
    with pytest.raises(PlainError, match="2 organisations are called “one”") as caught:
        _pick(guide, found)
    assert "id" in caught.value.next_step


def test_without_a_terminal_it_asks_for_a_file(fresh: Practice) -> None:
    done = fresh.command("setup", "--workbook", str(fresh.workbook))
    assert done.returncode == 2
    assert "--answers" in done.stderr


def test_it_signs_in_and_keeps_the_secrets_in_the_key_store(practice: Practice, tmp_path: Path) -> None:
    """A wrong secret ends there, and the next call goes on there; the secrets are lines of standard input."""
    office = at_home(practice, tmp_path)
    user, app = practice.cloud.autotask.user, practice.cloud.xero.app
    path = tmp_path / "answers.toml"
    path.write_text(
        f"autotask_user = '{user.username}'\nxero_client_id = '{app.client_id}'\nxero_sign_in = 'custom'\n"
        "first_drafts = 0\ngo_live = true\n"
    )
    command = ("setup", "--answers", str(path), "--from-stdin")
    done = office.run(*command, typed=f"wrong\n{user.integration_code}\n")
    assert (done.returncode, office.keys) == (2, {})
    assert "refused the secret" in done.stderr
    done = office.run(*command, typed=f"{user.secret}\n{user.integration_code}\n{app.secret}\n")
    assert done.returncode == 0, done.stderr
    assert "1/12 The workbook: " in done.stderr
    assert set(office.keys) == {"autotask-secret", "autotask-integration-code", "xero-client-secret"}
    assert not any(secret in done.stderr for secret in office.keys.values())
    assert practice.desk().settings.organisation == practice.cloud.xero.organisation.name


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are not known there")
def test_at_a_terminal_it_can_be_left_by_ctrl_c(fresh: Practice) -> None:
    fresh.home.mkdir()
    code, told = at_terminal(fresh, "From which date")
    assert code == 130
    assert "Interrupted; nothing is lost" in told
    assert "“autoxero setup” goes on where you were" in told
    code, told = at_terminal(fresh, "How many of", {"From which date": "31.31.2026", "of those": "leave"})
    assert code == 130
    assert "1/12 The workbook: " in told
    assert "cannot be used for “Start date”" in told
    assert "10/12 The first drafts" in told
    assert fresh.posts() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are not known there")
def test_at_a_terminal_xeros_address_is_shown_and_its_page_waited_for(practice: Practice, tmp_path: Path) -> None:
    """From nothing through both sign-ins, in the browser for Xero's; nobody sits before a silent window."""
    user, app = practice.cloud.autotask.user, practice.cloud.xero.app
    typed = dict(zip(SIGN_IN, (user.username, user.secret, user.integration_code, app.client_id, ""), strict=True))
    office = at_home(practice, tmp_path)
    code, told = at_terminal(practice, "From which date", typed, office.environment)
    assert code == 130
    assert re.search(r"If no page opens, go to this address:\s+http\S+/authorize\S+\s+Waiting 5 minutes", told)
    assert "Signed in to Xero: Pretend Company (NZ), books in NZD." in told
    assert set(office.keys) == {"autotask-secret", "autotask-integration-code", "xero-refresh-token"}
    assert not any(secret in told for secret in office.keys.values())


def at_terminal(
    practice: Practice,
    leave_at: str,
    before: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Answer the real command's questions: by Enter, once as ``before`` says; leave by Ctrl+C at the one named.

    An address on a line of its own is opened, as a person would do it who signs in.
    """
    import pty

    answers, opened = dict(before or {}), set[str]()
    ours, theirs = pty.openpty()
    environment = {**os.environ, "AUTOXERO_HOME": str(practice.home), **(variables or practice.cloud.environment)}
    environment["TERM"] = "dumb"
    command = [sys.executable, "-m", "agent", "setup", "--workbook", str(practice.workbook)]
    told, seen, ends = "", 0, time.monotonic() + 60
    with subprocess.Popen(command, cwd=TOP, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        while True:
            if time.monotonic() > ends:
                process.kill()
                raise AssertionError(told)
            ready, _, _ = select.select([ours], [], [], 0.2)
            try:
                told += os.read(ours, 65536).decode("utf-8", "replace") if ready else ""
            except OSError:  # the command has ended
                break
            for address in {*re.findall(r"(?m)^ *(http\S+/authorize\S+)\r$", told)} - opened:
                opened.add(address)
                requests.get(address, timeout=30)
            line = told[seen:].rpartition("\n")[2]
            if ready or not line.rstrip().endswith(":"):
                continue
            seen = len(told)
            key = next((key for key in answers if key in line), "")
            if leave_at in line and not key:
                process.send_signal(signal.SIGINT)  # as a terminal does
            else:
                os.write(ours, f"{answers.pop(key, '')}\r".encode())
    os.close(ours)
    return process.returncode, told


def test_sums_of_the_preview_are_exact(fresh: Practice) -> None:
    script = go(fresh, Script({**YES, "contacts": "all"}))
    net = sum((Decimal(145) * hours for hours in (1, 2, 3, 4, 5, 6, 9)), Decimal(0))
    assert f"7  NZD {net:,.2f} + tax {net * Decimal('0.15'):,.2f} = {net * Decimal('1.15'):,.2f}" in script.text


# --- the page ---


def test_the_page_still_says_what_happens(tmp_path: Path) -> None:
    """Its file of answers goes all the way in the demo's world, and the questions it shows are those that are asked."""
    page = (TOP / "docs" / "setup.md").read_text(encoding="utf-8")
    answers = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert answers
    with Cloud() as cloud:
        world = build_world(cloud, 64, datetime.now(UTC).date())
        practice = Practice(cloud, world, tmp_path / "home", tmp_path / "trial" / "AutoXero.xlsm")
        practice.home.mkdir()
        start = datetime.now(UTC).date().replace(day=1) - timedelta(days=31)
        code, told = run(practice, re.sub(r"start_date = \S+", f"start_date = {start}", answers[1]))
        assert code == 0, told
        states = [document.status for document in cloud.xero.documents()]
        assert (mode(practice), states.count("DRAFT")) == ("Live", 2)
    shown = "\n".join(re.findall(r"```text\n(.*?)```", page, re.DOTALL))
    heads = re.findall(r"(?m)^\d+/12 .+$", shown)
    assert len(heads) == len(_STEPS)
    questions = re.findall(r"(?m)^  (.+\?)(?: \[.+?\])?:", shown)
    seldom = ("Is ", "Which", *SIGN_IN)
    asked = {re.sub(r"\d+|\(.*?\)|NZD [\d,.]+", "", line) for line in questions if not line.startswith(seldom)}
    assert all(question in shown for question in SIGN_IN)
    plain = re.sub(r"\d+|NZD [\d,.]+", "", told)
    for line in [*heads, *asked]:
        assert re.sub(r"\d+|NZD [\d,.]+", "", line) in plain, line
    assert "The setup is done." in shown
    assert "The setup is done." in told


def test_the_page_names_every_answer_and_only_real_commands() -> None:
    page = (TOP / "docs" / "setup.md").read_text(encoding="utf-8")
    for key in KEYS:
        assert re.search(rf"`?\[?\b{key}\b", page), key
    for name in ("setup.md", "first-sync.md", "troubleshooting.md"):
        text = (TOP / "docs" / name).read_text(encoding="utf-8")
        for found in re.finditer(r"autoxero ([a-z]+(?:-[a-z]+)*)((?: --[a-z-]+)*)", text):
            command = main.commands.get(found[1])
            assert command is not None, found[0]
            options = {option for parameter in command.params for option in parameter.opts}
            assert set(found[2].split()) <= options, found[0]
        for code in set(re.findall(r"AX-\d{3}", text)):
            assert code in CATALOGUE, f"{name}: {code}"
        for link in re.findall(r"\]\(([\w-]+\.md)\)", text):
            assert (TOP / "docs" / link).is_file(), f"{name}: {link}"


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is sent as a signal")
def test_the_demo_holds_a_cloud_with_nothing_sent(tmp_path: Path) -> None:
    """For trying the setup: it says how, and another shell can go on until Ctrl+C."""
    command = [sys.executable, "-m", "agent", "demo", "--unsent", "--dir", str(tmp_path / "trial"), "--json"]
    with subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        answer = json.loads(process.stdout.readline())
        assert answer["environment"]["AUTOXERO_HOME"] == answer["home"]
        assert not Path(answer["workbook"]).exists()
        told = next(line for line in process.stderr if "autoxero setup" in line)
        assert told.strip() == f"autoxero setup --workbook {answer['workbook']}"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
