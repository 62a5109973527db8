"""Never twice, never lost: whatever breaks between us and Xero, one clean run later every invoice is there once."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from agent.errors import PlainError, StopError
from agent.ledger import tables
from agent.ledger.ledger import FenceError, Ledger
from agent.posting import Poster, not_too_late
from agent.pretend.troubles import CHAOS, Call, Trouble
from agent.sync import one_at_a_time
from agent.xero.client import NotSentError
from tests.support import Practice, support

NUMBERING = pytest.mark.parametrize("numbers", ["No", "Number"])


def ids_in_xero(practice: Practice) -> Counter[str]:
    """How many live documents stand for each Autotask invoice, by their mark; credit notes by their number."""
    found = practice.cloud.xero.documents()
    return Counter((item.url or "").rpartition("=")[2] or item.number.removeprefix("CN-") for item in found)


def assert_all_there_once(practice: Practice, expected: list[int]) -> None:
    """Each invoice has one live document with the right total, and ledger and workbook agree with Xero."""
    assert ids_in_xero(practice) == Counter(str(number) for number in expected)
    rows = practice.rows()
    totals = {document.id: document.total for document in practice.cloud.xero.documents()}
    for number in expected:
        assert rows[number]["status"] == "Synced", rows[number]
        assert rows[number]["strikes"] == 0
        assert totals[rows[number]["xero_invoice_id"]] == abs(Decimal(rows[number]["total"]))
    shown = {row["Autotask id"]: row for row in practice.table("Invoices")}
    assert {number: shown[number]["Status"] for number in expected} == dict.fromkeys(expected, "Synced")


def some_invoices(practice: Practice, count: int = 3, *, same: bool = False) -> list[int]:
    """Invoices to send; with ``same`` they differ in nothing but their ids."""
    return [practice.world.invoice("Kauri Legal", [support("2" if same else str(index + 1))]) for index in range(count)]


def until_quiet(practice: Practice, most: int = 8) -> None:
    """Run as the schedule would, until a run ends well."""
    for _ in range(most):
        try:
            practice.sync()
        except StopError as stopped:
            if stopped.exit_code != 69:
                raise
        else:
            return
    pytest.fail("It never grew quiet.")


@NUMBERING
@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "500", "502", "503", "504"])
@pytest.mark.parametrize("after_commit", [False, True])
def test_a_lost_answer_is_settled_by_the_same_request(
    practice: Practice, numbers: str, kind: str, *, after_commit: bool
) -> None:
    """One failure, before or after Xero has committed: the retry under the same key ends it within the run."""
    practice.type_settings({"Use Autotask Numbers": numbers})
    expected = some_invoices(practice)
    practice.cloud.troubles.add(Trouble(kind, system="xero", method="PUT", is_after_commit=after_commit))
    until_quiet(practice)
    until_quiet(practice)
    assert_all_there_once(practice, expected)
    keys = [call.idempotency_key for call in practice.cloud.calls if call.method == "PUT"]
    assert all(keys)


@NUMBERING
def test_an_answer_that_never_comes_is_settled_by_the_next_run(practice: Practice, numbers: str) -> None:
    """All tries of the run are cut after Xero has committed; the next run repeats the identical bytes and key."""
    practice.type_settings({"Use Autotask Numbers": numbers})
    expected = some_invoices(practice, same=True)
    practice.cloud.troubles.add(Trouble("cut_after", system="xero", method="PUT", times=4))
    with pytest.raises(StopError) as stopped:
        practice.sync()
    assert stopped.value.fault.code == "AX-402"
    waiting = practice.rows()
    assert {waiting[number]["fault"]["code"] for number in expected} == {"AX-212"}
    assert {waiting[number]["strikes"] for number in expected} == {0}
    practice.sync()
    assert_all_there_once(practice, expected)
    puts = [call for call in practice.cloud.calls if call.method == "PUT"]
    assert len({call.idempotency_key for call in puts}) == 1
    assert len({call.body for call in puts}) == 1


@NUMBERING
@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("shows_marks", [True, False])
def test_when_the_key_has_died_every_document_is_looked_up(
    practice: Practice, monkeypatch: pytest.MonkeyPatch, numbers: str, *, arrived: bool, shows_marks: bool
) -> None:
    """Ten minutes later: what arrived is found, also where lists do not show our mark; what did not goes out anew."""
    practice.type_settings({"Use Autotask Numbers": numbers})
    practice.cloud.xero.rules.lists_url = shows_marks
    expected = some_invoices(practice, same=True)
    kind = "cut_after" if arrived else "cut_before"
    practice.cloud.troubles.add(Trouble(kind, system="xero", method="PUT", times=4))
    with pytest.raises(StopError):
        practice.sync()
    age_intents(practice, monkeypatch, minutes=10)
    practice.sync()
    assert_all_there_once(practice, expected)
    keys = {call.idempotency_key for call in practice.cloud.calls if call.method == "PUT"}
    assert len(keys) == (1 if arrived else 2)


def age_intents(practice: Practice, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """Let what is in flight have been sent that long ago, on our clock and on Xero's."""
    age_ledger(practice, minutes)
    now = practice.cloud.xero.now
    monkeypatch.setattr(practice.cloud.xero, "now", lambda: now() + timedelta(minutes=minutes))


def age_ledger(practice: Practice, minutes: int) -> None:
    """Let what is in flight have been sent that long ago, on our clock."""
    engine = practice.desk().ledger.engine
    with engine.begin() as connection:
        for row in connection.execute(select(tables.intent).where(tables.intent.c.state == "open")).all():
            made = row.made - timedelta(minutes=minutes)
            connection.execute(update(tables.intent).where(tables.intent.c.key == row.key).values(made=made))


KILLS = int(os.environ.get("AUTOXERO_TEST_KILLS", "60"))
"""How many kills, of both kinds and numbering modes together; 500 and more in the long form."""


WRITES = (("PUT", "/Invoices"), ("PUT", "/CreditNotes"), ("PATCH", "/Invoices"), ("PUT", "/History"))
"""What a run writes: to Xero, to Autotask, and to Xero once more."""


@NUMBERING
def test_killed_at_every_request(practice: Practice, monkeypatch: pytest.MonkeyPatch, numbers: str) -> None:
    """A real process is killed at each write and each request in turn, before and after the other side commits.

    Invoices and credit notes; killed again and again, then one clean run: at once, while Xero knows the key, or later.
    """
    practice.cloud.xero.day_limit = None
    more = {"Mark invoices as sent in Autotask": "Yes", "Note in Xero's history": "Yes"}
    practice.type_settings({"Use Autotask Numbers": numbers, **more})
    wanted = -(-KILLS * 5 // 12)
    moments = [(write, 1, is_after) for write in WRITES for is_after in (False, True)]
    moments += [(("", ""), 1 + step // 2, step % 2 == 1) for step in range(wanted)]
    expected: list[int] = []
    reached: Counter[tuple[str, str]] = Counter()
    turn = kills = 0
    while kills < wanted:
        write, target, is_after = moments[turn % len(moments)]
        turn += 1
        expected += some_invoices(practice, 2, same=True)
        expected.append(practice.world.invoice("Kauri Legal", [support("1", "-480")]))
        if killed_at(practice, target, after_commit=is_after, write=write):
            kills += 1
            reached[write] += 1
        if kills % 3 == 0 or kills == wanted:
            if kills in {3, 9}:
                age_intents(practice, monkeypatch, minutes=10)
            practice.sync()
            assert_all_there_once(practice, expected)
    assert all(reached[write] >= 2 for write in WRITES)
    assert not practice.desk().ledger.open_intents()


@NUMBERING
def test_killed_at_random_moments(practice: Practice, numbers: str) -> None:
    """Between two requests, too: while it plans, writes its ledger or the workbook."""
    practice.cloud.xero.day_limit = None
    practice.type_settings({"Use Autotask Numbers": numbers})
    dice = Random(11)
    expected: list[int] = []
    kills = 0
    longest = 1.5
    while kills < -(-KILLS // 12):
        expected += some_invoices(practice, 3, same=True)
        before = len(practice.cloud.calls)
        with start_sync(practice) as started:
            until_calls(practice, before + 1, [started])  # however long this machine takes to start it
            begun = time.monotonic()
            moment = dice.uniform(0, longest)
            while started.poll() is None and time.monotonic() - begun < moment:
                time.sleep(0.005)
            if started.poll() is None:
                started.kill()
                kills += 1
            else:
                longest = max(0.3, longest * 0.9)  # this machine is faster
        if kills % 3 == 0:
            practice.sync()
            assert_all_there_once(practice, expected)
    practice.sync()
    assert_all_there_once(practice, expected)
    for left in practice.workbook.parent.glob(".*.tmp"):
        os.utime(left, (0, 0))  # what was begun and left is taken away once it is old
    expected += some_invoices(practice, 1)
    practice.sync()
    assert not list(practice.workbook.parent.glob(".*.tmp"))


@pytest.mark.parametrize("room", [0, 4_096, 40_000, 120_000, 400_000])
def test_a_full_disk(practice: Practice, room: int) -> None:
    """The disk takes so many bytes more and then no others: said in a sentence, and nothing is sent twice or lost."""
    expected = some_invoices(practice)
    practice.ask("status")
    files = [*practice.home.rglob("*"), practice.workbook]
    largest = max(path.stat().st_size for path in files if path.is_file())

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + room, largest + room))

    with start_sync(practice, preexec_fn=fill) as started:
        _out, told = started.communicate(timeout=120)
    assert started.returncode in {0, 2}, told
    assert "Traceback" not in told
    if started.returncode == 2:
        assert "disk" in told
        assert "nothing is lost" in told
    practice.sync()
    practice.sync()
    assert_all_there_once(practice, expected)


def test_a_ledger_that_can_only_be_read(practice: Practice) -> None:
    practice.ask("status")
    some_invoices(practice)
    address = f"sqlite:///file:{practice.home / 'ledger.db'}?mode=ro&uri=true"
    done = practice.command(
        "sync", "--workbook", str(practice.workbook), environment={"AUTOXERO_DATABASE_URL": address}
    )
    assert done.returncode == 2, done.stderr
    assert "read" in done.stderr
    assert "Traceback" not in done.stderr
    assert practice.posts() == 0


def start_sync(practice: Practice, **more: Any) -> subprocess.Popen[str]:
    """A sync in a process of its own."""
    environment = {"AUTOXERO_HOME": str(practice.home), "PATH": os.environ["PATH"], **practice.cloud.environment}
    return subprocess.Popen(
        [sys.executable, "-m", "agent", "sync", "--workbook", str(practice.workbook)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        **more,
    )  # fmt: skip


def until_calls(practice: Practice, count: int, started: Sequence[subprocess.Popen[str]]) -> None:
    """Wait until the cloud was called so often in all, or until all that was started has ended."""
    deadline = time.monotonic() + 60
    while len(practice.cloud.calls) < count and any(process.poll() is None for process in started):
        assert time.monotonic() < deadline, "neither a call nor an end within a minute"
        time.sleep(0.005)


def killed_at(practice: Practice, target: int, *, after_commit: bool, write: tuple[str, str] = ("", "")) -> bool:
    """Start a sync in a process of its own, and kill it at its n-th request, or at the n-th of a kind.

    Returns:
        Whether the process came that far.
    """
    process: list[subprocess.Popen[str]] = []
    seen = 0
    done = threading.Event()
    lock = threading.Lock()

    def at_request(call: Call) -> None:
        nonlocal seen
        if write[0] and (call.method != write[0] or not call.path.endswith(write[1])):
            return
        with lock:
            seen += 1
            if seen == target:
                os.kill(process[0].pid, signal.SIGKILL)
                done.set()

    troubles = practice.cloud.troubles
    if after_commit:
        troubles.on_commit = at_request
    else:
        troubles.on_request = at_request
    with start_sync(practice) as started:
        process.append(started)
        started.communicate(timeout=60)
    troubles.on_commit = troubles.on_request = None
    return done.is_set()


def test_chaos(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of all calls fail in every way there is: all arrive once, nobody is struck, calls are bounded.

    Some answers are lost for a whole run: what they tell of is settled by a later one, now and then when Xero has
    forgotten the key.
    """
    settled: list[int] = []
    settle = Poster.settle

    def counted(self: Poster) -> None:
        settled.append(sum(intent.verb == "create" for intent in self.ledger.open_intents()))
        settle(self)

    monkeypatch.setattr(Poster, "settle", counted)
    for index in range(30):
        practice.world.company(f"Customer {index}")
    expected = [
        practice.world.invoice(f"Customer {index % 30}", [support(str(index % 9 + 1))]) for index in range(1000)
    ]
    practice.timeout = (5.0, 3.0)
    practice.cloud.troubles.chaos(Random(4), 0.2, (*CHAOS, "429-appminute"))
    for turn in range(30):
        if turn % 4 == 0:  # and now and then an answer that comes too late, or a day's limit
            practice.cloud.troubles.add(Trouble("stall", system="xero", seconds=4))
            practice.cloud.troubles.add(Trouble("429-day", system="xero", skip=3, retry_after=3600))
        if turn < 2:  # all tries of all requests under way
            kind = "cut_before" if turn else "cut_after"
            practice.cloud.troubles.add(Trouble(kind, system="xero", method="PUT", path_contains="/Invoices", times=16))
        if turn == 2:
            age_intents(practice, monkeypatch, minutes=10)
        try:
            practice.sync()
        except StopError as stopped:
            if stopped.exit_code != 69 and stopped.fault.code != "AX-401":  # expired twice in a row
                raise
        assert {row["strikes"] for row in practice.rows().values()} <= {0}
        if {row["status"] for row in practice.rows().values()} == {"Synced"}:
            break
    practice.cloud.troubles.clear()
    practice.timeout = (10.0, 60.0)
    practice.sync()
    assert_all_there_once(practice, expected)
    assert len(practice.cloud.calls) < 3000
    assert sum(settled) >= 2


def test_what_lands_after_its_error_is_no_second_document(practice: Practice) -> None:
    """Answered with 503 four times, and carried out all the same a little later: nobody can tell by looking at once."""
    expected = some_invoices(practice, 2)
    late: list[Call] = []

    def keep(call: Call) -> None:
        if call.method == "PUT" and call.path.endswith("/Invoices"):
            late.append(call)

    practice.cloud.troubles.on_request = keep
    practice.cloud.troubles.add(Trouble("503", system="xero", method="PUT", times=4))
    with pytest.raises(StopError, match="What became of it is looked up"):
        practice.sync()
    practice.cloud.troubles.on_request = None
    assert practice.posts() == 4
    assert len({call.idempotency_key for call in late}) == 1
    kept = {"authorization", "xero-tenant-id", "accept", "content-type", "idempotency-key"}
    requests.put(
        f"{practice.cloud.environment['AUTOXERO_XERO_API_URL']}{late[0].path}?{late[0].query}",
        data=late[0].body,
        headers={key: value for key, value in late[0].headers.items() if key in kept},
        timeout=10,
    )
    practice.sync()
    assert_all_there_once(practice, expected)


def test_an_outage_strikes_nobody_though_something_was_taken_over(practice: Practice) -> None:
    found = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    for path in practice.home.glob("ledger.db*"):
        path.unlink()
    number = practice.world.invoice("Kauri Legal", [support("3")])
    practice.cloud.troubles.add(Trouble("500", system="xero", method="PUT", path_contains="/Invoices", times=None))
    for _ in range(3):
        with suppress(StopError):
            practice.sync()
    assert practice.rows()[found]["status"] == "Synced"
    assert (practice.rows()[number]["status"], practice.rows()[number]["strikes"]) == ("Waiting", 0)


def test_a_ledger_cut_short_at_any_place_is_told_and_nothing_is_sent(practice: Practice) -> None:
    """Also where hardly anything is left of it, or only the last bytes are missing: it is not taken for a new one."""
    some_invoices(practice)
    practice.sync()
    practice.desk().ledger.engine.dispose()
    path = practice.home / "ledger.db"
    whole = path.read_bytes()
    some_invoices(practice)
    for size in (0, 1, 99, 100, 4096, len(whole) // 2, len(whole) - 4096, len(whole) - 100):
        for other in practice.home.glob("ledger.db*"):
            other.unlink()
        path.write_bytes(whole[:size])
        with pytest.raises(PlainError, match="damaged") as stopped:
            practice.sync()
        assert "rebuild-ledger" in stopped.value.next_step
        assert stopped.value.exit_code == 2
    assert practice.posts() == 1


@pytest.mark.parametrize("clock", ["the wall's", "the monotonic"])
def test_either_clock_shows_that_the_machine_slept(monkeypatch: pytest.MonkeyPatch, clock: str) -> None:
    """One of them stands still while some machines sleep."""
    made, ticks = datetime.now(UTC), time.monotonic()
    gone = timedelta(seconds=11 if clock == "the wall's" else 1)
    check = not_too_late(made, lambda: made + gone)
    monkeypatch.setattr(time, "monotonic", lambda: ticks + (11 if clock == "the monotonic" else 1))
    with pytest.raises(NotSentError):
        check()


def test_an_empty_ledger_posts_nothing_that_is_there(practice: Practice) -> None:
    """The laptop is lost, the ledger with it: what we sent is recognised by its mark and taken over."""
    expected = some_invoices(practice)
    practice.sync()
    for path in practice.home.glob("ledger.db*"):
        path.unlink()
    practice.sync()
    assert_all_there_once(practice, expected)


def test_credit_notes_are_sent_once(practice: Practice) -> None:
    """Credit notes show no mark in Xero: their own number stands for it."""
    refund = practice.world.invoice("Kauri Legal", [support("1", "-480")])
    practice.cloud.troubles.add(Trouble("cut_after", system="xero", method="PUT", times=4))
    with pytest.raises(StopError):
        practice.sync()
    practice.sync()
    document = practice.cloud.xero.document(f"CN-{refund}")
    assert (document.type, document.total) == ("ACCRECCREDIT", Decimal("552.00"))
    assert len(practice.cloud.xero.documents()) == 1
    assert practice.rows()[refund]["xero_total"] == "-552.00"


def test_one_run_at_a_time(practice: Practice) -> None:
    with one_at_a_time(practice.desk()), pytest.raises(PlainError) as stopped:
        practice.sync()
    assert stopped.value.exit_code == 75


def test_a_run_that_was_overtaken_sends_nothing(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder slept, another one ran; the fence bars the first from sending when it wakes."""
    some_invoices(practice)
    intend = Ledger.intend

    def overtaken(self: Ledger, run: str, fence: int, *rest: object) -> None:
        self.begin_run("the other", "Live")
        intend(self, run, fence, *rest)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(Ledger, "intend", overtaken)
    with pytest.raises(PlainError) as stopped:
        practice.sync()
    assert stopped.value.exit_code == 75
    assert isinstance(stopped.value.__cause__, FenceError | None)
    assert practice.posts() == 0


def test_a_machine_that_slept_before_sending_does_not_send(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than ten seconds between the intent and the request: given up, and planned anew by the next run."""
    expected = some_invoices(practice)
    with monkeypatch.context() as patched:
        patched.setattr("agent.posting._LATE", timedelta(0))
        with pytest.raises(StopError):
            practice.sync()
    assert practice.posts() == 0
    practice.sync()
    assert_all_there_once(practice, expected)


def test_twins_are_two(practice: Practice) -> None:
    """Two invoices alike in contact, date and total are two documents, and stay so."""
    expected = some_invoices(practice, 2, same=True)
    practice.sync()
    practice.sync()
    assert_all_there_once(practice, expected)
