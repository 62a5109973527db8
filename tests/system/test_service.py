"""The agent in one piece: what it does by the clock, what it survives, and how it ends."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
import requests
from filelock import FileLock
from sqlalchemy import event

from agent import service as service_module
from agent.alive import State, agent_json, agent_text, is_running, write_state
from agent.asked import MOST_REMEMBERED, REMEMBERED, done_before
from agent.config import Config
from agent.desk import Desk, Progress
from agent.diary import NAME, open_diary
from agent.errors import PlainError
from agent.inbox import Inbox, Request
from agent.pretend.troubles import Trouble
from agent.service import TICK, UPDATED, Service
from agent.wire import Wire
from tests.support import Practice, support
from tests.system.test_exactly_once import assert_all_there_once
from tests.system.test_sign_in import Office, at_home, same_keys

TOP = Path(__file__).parents[2]
Script = Callable[[Service], Iterator[float]]


def put(practice: Practice, text: str, *, name: str = "") -> str:
    """A button's request; gives its name."""
    folder = practice.home / "inbox"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name or uuid.uuid4()}.tmp"
    path.write_text(text, encoding="ascii")
    path.rename(path.with_suffix(".request"))
    return path.stem


def answer_to(practice: Practice, name: str) -> str:
    return (practice.home / "inbox" / f"{name}.answer").read_text(encoding="utf-8")


def until(is_so: Callable[[], object], seconds: float = 60.0) -> float:
    """Wait until something is so; gives the seconds that it took."""
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() - begun < seconds
        time.sleep(0.01)
    return time.monotonic() - begun


class Clock:
    """A clock that the script moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def make_service(practice: Practice, clock: Clock, **options: object) -> Service:
    """An agent over the pretend cloud, that waits for nothing between tries."""

    def desk(make_wire: Callable[[], Wire], tell: Progress) -> Desk:
        def wire() -> Wire:
            return replace(make_wire(), timeout=practice.timeout, sleep=practice.waits.append)

        return replace(practice.desk(), make_wire=wire, tell=tell)

    config = Config(practice.home, {"AUTOXERO_HOME": str(practice.home), **practice.cloud.environment})
    return Service(config, practice.workbook, options.pop("make_desk", None) or desk, now=clock, **options)  # type: ignore[arg-type]


def drive(practice: Practice, script: Script, *, ends_with: int = 0, **options: object) -> None:
    """Let an agent run; after each of its looks, when all work is done, the script says how far its clock moves."""
    clock = Clock()

    def sleep(_seconds: float) -> None:
        service.worker.settle()
        try:
            clock.now += timedelta(seconds=next(steps))
        except StopIteration:
            service.stop()

    service = make_service(practice, clock, sleep=sleep, **options)
    steps = script(service)
    assert service.run() == ends_with


def idle(_service: Service) -> Iterator[float]:
    """Some looks, and nothing else."""
    yield from (0, 0, 0)


@contextmanager
def going(practice: Practice, **options: object) -> Iterator[Service]:
    """An agent that goes on beside the test, in a hurry."""
    service = make_service(practice, Clock(), sleep=lambda _seconds: time.sleep(0.01), **options)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield service
    finally:
        service.stop()
        thread.join(30)
    assert not thread.is_alive()


def runs(practice: Practice) -> int:
    """How many runs the ledger has."""
    with practice.desk().ledger.engine.begin() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM run").scalar_one())


def log_of(practice: Practice, who: str) -> list[tuple[str, str]]:
    rows = practice.desk().ledger.log_rows(1000)
    return [(row["event"], row["detail"]) for row in reversed(rows) if row["who"] == who]


# --- by the clock ----------------------------------------------------------------------------------------------------


def test_syncs_at_once_and_then_by_the_clock(practice: Practice) -> None:
    seen: list[tuple[int, int]] = []

    def script(_service: Service) -> Iterator[float]:
        yield 0
        practice.world.invoice("Kauri Legal", [support()])
        for minute in range(46):
            seen.append((minute, runs(practice)))
            yield 60

    drive(practice, script)
    assert [count for minute, count in seen if minute in {0, 14, 16, 29, 31, 44}] == [1, 1, 2, 2, 3, 3]
    assert [row["status"] for row in practice.rows().values()] == ["Synced"]


def test_makes_no_calls_and_no_rows_beyond_its_schedule(practice: Practice) -> None:
    def script(_service: Service) -> Iterator[float]:
        yield 60
        yield 60
        before = practice.cloud.count(), runs(practice), len(practice.desk().ledger.log_rows(1000))
        for _ in range(int(12 * 60 / TICK)):
            yield TICK
        assert (practice.cloud.count(), runs(practice), len(practice.desk().ledger.log_rows(1000))) == before

    drive(practice, script)


def test_tries_again_at_the_next_interval_after_an_outage(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.stop()

    def script(service: Service) -> Iterator[float]:
        yield 0
        assert service.troubles["sync"]
        practice.cloud.start()
        yield 14 * 60
        assert practice.in_xero() == {}
        yield 61
        yield 0
        assert practice.in_xero() != {}
        assert not service.troubles["sync"]

    drive(practice, script)


def test_goes_on_when_xero_told_and_not_before(practice: Practice) -> None:
    """The day's limit: no scheduled run asks again until it is over; then the first one comes within a minute."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("429-day", system="xero", retry_after=2 * 3600))

    def script(service: Service) -> Iterator[float]:
        yield 0
        assert "2 h 0 min" in service.troubles["sync"]
        assert agent_json(practice.home)["next_run"]
        before = practice.cloud.count()
        for _ in range(119):
            yield 60
        assert practice.cloud.count() == before
        yield 61
        yield 0
        yield 0
        assert practice.in_xero() != {}

    drive(practice, script)


def test_a_hold_ends_when_the_clock_was_set_back(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("429-day", system="xero", retry_after=3600))

    def script(_service: Service) -> Iterator[float]:
        yield -3 * 24 * 3600
        yield 61
        yield 0
        yield 0
        assert practice.in_xero() != {}

    drive(practice, script)


def test_a_sync_by_a_button_that_ends_well_ends_a_hold(practice: Practice) -> None:
    """Such as when the day's limit was raised: what status says then is over, and the clock syncs again."""
    practice.cloud.troubles.add(Trouble("429-day", system="xero", times=1, retry_after=40000))

    def script(service: Service) -> Iterator[float]:
        yield 0
        assert "Xero's minute or day limit" in agent_json(practice.home)["trouble"]
        put(practice, "verb=sync")
        yield from (0, 0, 0)
        told = agent_json(practice.home)
        assert told["trouble"] in {"", None}
        assert datetime.fromisoformat(told["next_run"]) - service.now() < timedelta(minutes=16)
        before = runs(practice)
        yield from (16 * 60, 0)
        assert runs(practice) == before + 1

    drive(practice, script)


def test_a_sync_by_a_command_that_ends_well_ends_a_trouble(practice: Practice) -> None:
    """As after a sign-in anew: status does not go on asking for what was done."""
    practice.cloud.troubles.add(Trouble("503", system="xero", times=None))

    def script(service: Service) -> Iterator[float]:
        yield 0
        assert "HTTP Error 503" in service.troubles["sync"]
        yield from (61, 0)
        assert service.troubles["sync"], "no sync has ended well since"
        ledger = practice.desk().ledger
        ledger.begin_run("by a command", "Live")
        ledger.end_run("by a command", {})
        yield from (61, 0)
        assert not service.troubles["sync"]

    drive(practice, script)


# --- a saved workbook ------------------------------------------------------------------------------------------------


def test_a_changed_setting_counts_within_a_minute(practice: Practice) -> None:
    def script(_service: Service) -> Iterator[float]:
        for _ in range(3):
            yield 20
        assert runs(practice) == 1
        practice.type_settings({"Sync every (minutes)": 5})
        for _ in range(3):
            yield 20
        assert runs(practice) == 2
        for _ in range(15):
            yield 20
        assert runs(practice) == 3

    drive(practice, script)


def test_the_column_do_counts_within_a_minute_and_once(practice: Practice) -> None:
    practice.world.company("Rata Cafe", in_xero=False)
    other = practice.world.invoice("Rata Cafe", [support()])
    practice.sync()

    def script(_service: Service) -> Iterator[float]:
        for _ in range(3):
            yield 20
        before = runs(practice)
        choose(practice, other, "Never send")
        for _ in range(3):
            yield 20
        assert practice.rows()[other]["status"] == "Never send"
        for _ in range(9):
            yield 20
        assert runs(practice) == before + 1

    drive(practice, script)
    assert [event for event, _ in log_of(practice, "Workbook")] == ["Do: Never send"]


def test_the_same_choice_made_again_is_a_new_one(practice: Practice) -> None:
    """Saved before the agent has looked at the file that it cleared."""
    wanted = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()

    def script(_service: Service) -> Iterator[float]:
        for _ in range(3):
            yield 20
        choose(practice, wanted, "Resync")
        while len(log_of(practice, "Workbook")) < 1:
            yield 5
        choose(practice, wanted, "Resync")
        for _ in range(3):
            yield 20
        assert len(log_of(practice, "Workbook")) == 2

    drive(practice, script)


def choose(practice: Practice, invoice: int, verb: str) -> None:
    from workbook.project import Projection, project

    project(practice.workbook, Projection(edits={"Invoices": {(str(invoice),): {"Do": verb}}}))


def test_waits_for_a_workbook_that_is_not_there_yet(practice: Practice) -> None:
    """A synced folder that comes up after log-on."""
    practice.world.invoice("Kauri Legal", [support()])
    away = practice.workbook.with_suffix(".away")
    practice.workbook.rename(away)

    def script(service: Service) -> Iterator[float]:
        for _ in range(3):
            yield 20
        assert "cannot be found" in service.troubles["workbook"]
        away.rename(practice.workbook)
        for _ in range(3):
            yield 20
        assert practice.in_xero() != {}
        assert not any(service.troubles.values())

    drive(practice, script)


# --- the inbox -------------------------------------------------------------------------------------------------------


def test_answers_buttons_in_order_and_writes_them_down(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    names: list[str] = []

    def script(_service: Service) -> Iterator[float]:
        yield 0
        practice.world.invoice("Kauri Legal", [support("3")])
        names.extend(put(practice, f"verb={verb}\r\nids=\r\n") for verb in ("sync", "refresh"))
        yield 0
        yield 0

    drive(practice, script)
    assert "1 sent to Xero" in answer_to(practice, names[0])
    assert answer_to(practice, names[1]) == "The sheets show what the ledger says."
    assert sorted(event for event, _ in log_of(practice, "Ribbon")) == ["Button: Refresh", "Button: Sync now"]


def test_refuses_in_words_and_writes_it_down(practice: Practice) -> None:
    names: list[str] = []
    before: list[int] = []

    def script(_service: Service) -> Iterator[float]:
        yield 0
        before.append(practice.cloud.count())
        good = put(practice, "verb=refresh")
        yield 0
        names.extend(
            [
                put(practice, "verb=refresh", name=good),
                put(practice, "verb=sync\ntime=2020-01-01T00:00:00Z"),
                put(practice, "verb=sync\n" + "x" * 100_000),
                put(practice, "verb=sync\nverb=resync\nids=1"),
                put(practice, "verb=sync\nworkbook=elsewhere"),
                put(practice, "verb=sync", name="no-uuid"),
            ]
        )
        yield 0
        yield 0

    drive(practice, script)
    said = [detail for event, detail in log_of(practice, "Ribbon") if event == "Request refused"]
    assert len(said) == 6
    for name in names:
        assert any(f"({name})" in detail for detail in said)
    for name in names[1:]:
        assert any(answer_to(practice, name) in detail for detail in said)
    assert answer_to(practice, names[0]) == "The sheets show what the ledger says."
    assert practice.cloud.count() == before[0]


def test_a_replay_is_refused_after_a_restart(practice: Practice) -> None:
    """In either case of letters, and the first one's answer stays."""
    name = str(uuid.uuid4())
    for again in (name, name, name.upper()):
        put(practice, "verb=refresh", name=again)
        drive(practice, idle)
    assert [event for event, _ in log_of(practice, "Ribbon")] == ["Button: Refresh", *["Request refused"] * 2]
    assert answer_to(practice, name) == "The sheets show what the ledger says."
    assert "not done twice" in answer_to(practice, name.upper())


def test_a_copy_with_a_fresh_time_is_not_done_again_within_a_month(practice: Practice) -> None:
    name = str(uuid.uuid4())

    def script(service: Service) -> Iterator[float]:
        for seconds in (0.0, 20 * 60.0, 29 * 24 * 3600.0):
            yield seconds
            moment = service.now().timestamp()
            put(practice, "verb=refresh", name=name)
            request = practice.home / "inbox" / f"{name}.request"
            os.utime(request, (moment, moment))
            yield 0

    drive(practice, script)
    assert [event for event, _ in log_of(practice, "Ribbon")] == ["Button: Refresh", *["Request refused"] * 2]


def test_remembers_a_month_and_not_without_end(practice: Practice) -> None:
    desk, now = practice.desk(), datetime.now(UTC)
    done_before(desk, ["old"], now - REMEMBERED - timedelta(seconds=1))
    done_before(desk, ["young"], now - REMEMBERED + timedelta(hours=1))
    assert done_before(desk, ["old", "young"], now) == ["young"]
    many = [str(count) for count in range(MOST_REMEMBERED + 5)]
    assert done_before(desk, many, now + timedelta(seconds=1)) == []
    assert len(done_before(desk, many, now + timedelta(seconds=2))) == MOST_REMEMBERED


def test_the_same_button_pressed_in_impatience_is_done_once(practice: Practice) -> None:
    """Five times while a sync is under way: one run more, and each press has its answer."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("stall", system="autotask", path_contains="query"))
    practice.timeout = (2.0, 30.0)
    with going(practice) as service:
        until(lambda: practice.cloud.count("autotask") >= 2)
        names = [put(practice, "verb=sync") for _ in range(5)]
        until(lambda: not list((practice.home / "inbox").glob("*.request")), 2)
        assert service.worker.doing.startswith("syncing")
        practice.cloud.troubles.released.set()
        until(lambda: all((practice.home / "inbox" / f"{name}.answer").exists() for name in names))
    assert runs(practice) == 2
    assert len({answer_to(practice, name) for name in names}) == 1


def press_in_turn(practice: Practice, *lines: str) -> list[str]:
    """Press buttons one after the other while another process syncs; gives their names once all are answered."""
    lock = FileLock(practice.home / "agent.lock")
    with lock, going(practice) as service:
        put(practice, "verb=preview")
        until(lambda: "waiting for another sync" in service.worker.doing)
        names = []
        for line in lines:
            names.append(put(practice, line))
            until((practice.home / "inbox" / f"{names[-1]}.taken").exists)
        lock.release()
        until(lambda: all(is_answered(practice, name) for name in names))
    return names


@pytest.mark.parametrize("other", ["resync", "send-these", "sync"])
def test_the_button_pressed_last_wins(practice: Practice, other: str) -> None:
    """Never send, another one, Never send, while a sync is under way: it is not sent on the way to the third."""
    invoice = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    named = f"\nids={invoice}"
    press_in_turn(
        practice,
        f"verb=never-send{named}",
        f"verb={other}" + (named if other != "sync" else ""),
        f"verb=never-send{named}",
    )
    assert practice.rows()[invoice]["status"] == "Never send"
    assert practice.posts() == 0


def test_resync_pressed_last_takes_never_send_back(practice: Practice) -> None:
    invoice = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    named = f"\nids={invoice}"
    press_in_turn(practice, *(f"verb={verb}{named}" for verb in ("resync", "never-send", "resync")))
    assert practice.rows()[invoice]["status"] == "Synced"
    assert practice.posts() == 1


def test_never_send_is_answered_when_it_is_carried_out_ahead_of_its_turn(practice: Practice) -> None:
    """A sync before its turn settles the choice: whoever was told then to void the document would void a good one."""
    changed = practice.world.invoice("Kauri Legal", [support()])
    practice.set(Invoice_status_in_Xero="Approved")
    practice.sync()
    practice.reprice(changed)
    practice.sync(is_asked=True)
    names = press_in_turn(practice, "verb=sync", f"verb=never-send\nids={changed}", "verb=refresh")
    assert answer_to(practice, names[1]) == "AT-1001 is in Xero as INV-0001. It is left as it is in Xero."
    assert practice.rows()[changed]["status"].startswith("Synced")
    assert [event for event, _ in log_of(practice, "Person")] == ["Never send"]
    assert [event for event, _ in log_of(practice, "Ribbon")].count("Button: Never send") == 1


def test_a_button_pressed_between_is_told_of_a_never_send_that_was_carried_out_before(practice: Practice) -> None:
    """Sync now, Resync, Never send: the sync carries the last one out, and the resync does not take it back."""
    invoice = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    names = press_in_turn(practice, "verb=sync", f"verb=resync\nids={invoice}", f"verb=never-send\nids={invoice}")
    assert "Never send was pressed for this since" in answer_to(practice, names[1])
    assert practice.rows()[invoice]["status"] == "Never send"
    assert practice.posts() == 0


def test_a_button_waits_while_another_process_syncs(practice: Practice) -> None:
    name = put(practice, "verb=sync")
    lock = FileLock(practice.home / "agent.lock")
    with lock, going(practice) as service:
        until(lambda: "waiting for another sync" in service.worker.doing)
        lock.release()
        until((practice.home / "inbox" / f"{name}.answer").exists)
    assert "looked at" in answer_to(practice, name)


@pytest.fixture
def browser(practice: Practice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """A person at the agent's computer whose browser shows what the agent opens."""
    practice.set(Xero_client_ID=practice.cloud.xero.app.client_id)
    office = at_home(practice, tmp_path)
    found = Browser(office)
    monkeypatch.setenv("BROWSER", "some-browser")
    monkeypatch.setattr("webbrowser.open", found.opened.append)
    with same_keys(office):
        yield found


@dataclass
class Browser:
    office: Office
    opened: list[str] = field(default_factory=list)

    def desk(self, make_wire: Callable[[], Wire], tell: Progress) -> Desk:
        desk = self.office.desk(**{k: v for k, v in self.office.practice.cloud.environment.items() if "_AUTO" in k})
        return replace(desk, make_wire=make_wire, tell=tell)


def is_answered(practice: Practice, name: str) -> bool:
    return (practice.home / "inbox" / f"{name}.answer").exists()


def test_connecting_xero_waits_for_the_browser_and_holds_nothing_up(practice: Practice, browser: Browser) -> None:
    """Pressed again it begins anew; what it waits for is told without the address, which holds the state."""
    with going(practice, make_desk=browser.desk) as service:
        first = put(practice, "verb=connect-xero")
        until(lambda: browser.opened)
        other = put(practice, "verb=refresh")
        until(lambda: is_answered(practice, other))
        told = "answering “Connect Xero”: waiting for your browser"
        until(lambda: agent_json(practice.home)["doing"] == told)
        assert not is_answered(practice, first)
        second = put(practice, "verb=connect-xero")
        until(lambda: len(browser.opened) == 2)
        assert "pressed again" in answer_to(practice, first)
        before = runs(practice)
        requests.get(browser.opened[1], timeout=10)
        until(lambda: is_answered(practice, second))
        assert answer_to(practice, second) == "Signed in to Xero: Pretend Company (NZ), books in NZD."
        until(lambda: service.browser.is_idle)
        assert log_of(practice, "Ribbon")[-1] == ("Button: Connect Xero", answer_to(practice, second))
        assert runs(practice) == before
    diary = (practice.home / NAME).read_text(encoding="utf-8")
    assert "Connect Xero: Signed in to Xero" in diary
    assert "state=" not in diary


def test_a_signal_ends_it_at_once_while_a_browser_is_waited_for(practice: Practice, browser: Browser) -> None:
    with going(practice, make_desk=browser.desk) as service:
        name = put(practice, "verb=connect-xero")
        until(lambda: browser.opened)
        until(lambda: service.worker.is_idle)
        service.stop_soon(0)
        assert until(lambda: not service.is_stuck) < 2
    assert "Press the button again" in answer_to(practice, name)
    assert "xero-refresh-token" not in browser.office.keys


def test_what_was_taken_and_not_done_is_answered_at_the_next_start(practice: Practice) -> None:
    (practice.home / "inbox").mkdir()
    name = str(uuid.uuid4())
    (practice.home / "inbox" / f"{name}.taken").write_text("verb=never-send\nids=1,2")
    drive(practice, idle)
    told = answer_to(practice, name)
    assert "Press the button again" in told
    assert log_of(practice, "Ribbon") == [("Button: Never send", f"{told} It was asked for 2 invoices.")]
    assert [row["Level"] for row in practice.table("Log") if row["Event"] == "Button: Never send"] == ["Warning"]


def test_what_was_broken_off_is_written_down_when_the_agent_stops(practice: Practice) -> None:
    with FileLock(practice.home / "agent.lock"), going(practice) as service:
        first = put(practice, "verb=sync")
        until(lambda: "waiting for another sync" in service.worker.doing)
        second = put(practice, "verb=never-send\nids=1")
        until((practice.home / "inbox" / f"{second}.taken").exists)
    assert answer_to(practice, first) == answer_to(practice, second)
    assert {event for event, _ in log_of(practice, "Ribbon")} == {"Button: Sync now", "Button: Never send"}


def test_what_excel_is_doing_is_not_told_to_be_broken_off(practice: Practice) -> None:
    """Excel's own Python carries a button out, and an agent starts meanwhile."""
    name = put(practice, "verb=sync")
    request = practice.home / "inbox" / f"{name}.request"
    request.rename(request.with_suffix(".asked"))
    assert isinstance(Inbox(request.parent).take_asked(name, datetime.now(UTC), ""), Request)
    drive(practice, idle)
    assert not is_answered(practice, name)
    assert log_of(practice, "Ribbon") == []


def test_what_excel_did_is_not_done_again_by_the_agent(practice: Practice) -> None:
    name = str(uuid.uuid4())

    def script(_service: Service) -> Iterator[float]:
        yield 0
        done_before(practice.desk(), [name], datetime.now(UTC))  # as the button does where no agent answers
        put(practice, "verb=refresh", name=name)
        yield 0
        yield 0

    drive(practice, script)
    assert "not done twice" in answer_to(practice, name)
    assert [event for event, _ in log_of(practice, "Ribbon")] == ["Request refused"]
    assert "Request refused" in [row["Event"] for row in practice.table("Log")]


# --- what it survives ------------------------------------------------------------------------------------------------


def test_a_bug_is_reported_once_and_the_agent_goes_on(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    monkeypatch.setenv("AUTOXERO_HOME", str(practice.home))
    is_broken = [True]

    def desk(make_wire: Callable[[], Wire], tell: Progress) -> Desk:
        def wire() -> Wire:
            if is_broken[0]:
                raise ZeroDivisionError("a bug")
            return replace(make_wire(), timeout=practice.timeout, sleep=practice.waits.append)

        return replace(practice.desk(), make_wire=wire, tell=tell)

    def script(service: Service) -> Iterator[float]:
        name = put(practice, "verb=sync")
        yield 0
        yield 15 * 60 + 1
        yield 0
        assert "ZeroDivisionError" in answer_to(practice, name)
        assert len(list(practice.home.glob("bug-*.txt"))) == 1
        assert "ZeroDivisionError" in service.troubles["bug"]
        is_broken[0] = False
        yield 15 * 60 + 1
        yield 0
        yield 0
        assert practice.in_xero() != {}
        assert not any(service.troubles.values())

    drive(practice, script, make_desk=desk)


def test_a_full_disk_is_survived_and_told(practice: Practice) -> None:
    """The log, the file of what it is doing, and the ledger cannot be written; then they can."""
    expected = [practice.world.invoice("Kauri Legal", [support(str(n + 1))]) for n in range(40)]
    is_full = [True]
    (practice.home / NAME).symlink_to("/dev/full")
    (practice.home / "agent.alive.tmp").symlink_to("/dev/full")

    def desk(make_wire: Callable[[], Wire], tell: Progress) -> Desk:
        made = replace(practice.desk(), make_wire=make_wire, tell=tell)

        def limit(connection: object, _record: object) -> None:
            connection.execute("PRAGMA max_page_count = 1")  # type: ignore[attr-defined] # the driver's connection

        if is_full[0]:
            event.listen(made.ledger.engine, "connect", limit)
            made.ledger.engine.dispose()
        return made

    practice.desk().ledger.remember(filler="x" * 1000)

    def script(service: Service) -> Iterator[float]:
        yield 60
        yield 15 * 60
        yield 0
        assert "is full" in service.troubles["bug"]
        assert not (practice.home / "agent.alive").exists()
        is_full[0] = False
        for name in (NAME, "agent.alive.tmp"):
            (practice.home / name).unlink()
        yield 61
        assert "is full" in agent_json(practice.home)["trouble"]
        yield 15 * 60
        yield 0
        yield 0
        assert agent_json(practice.home)["trouble"] == ""

    drive(practice, script, make_desk=desk)
    assert_all_there_once(practice, expected)


@pytest.mark.parametrize("what", ["home", "ledger"])
def test_stops_when_its_home_or_ledger_is_gone(practice: Practice, what: str) -> None:
    """Nothing is sent from an empty ledger, and the home does not come back by itself."""

    def script(_service: Service) -> Iterator[float]:
        yield 0
        practice.world.invoice("Kauri Legal", [support()])
        before.append(practice.cloud.count())
        if what == "home":
            shutil.rmtree(practice.home)
        else:
            (practice.home / "ledger.db").unlink()
        for _ in range(40):
            yield 60

    before: list[int] = []
    drive(practice, script, ends_with=2)
    assert practice.cloud.count() == before[0]
    assert not (practice.home / "ledger.db").exists()
    assert practice.home.exists() == (what == "ledger")


def test_asks_to_be_started_again_when_it_was_updated(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """First it ends what it is at; while the program is being replaced it has no version and nothing happens."""
    version = ["0.1.0"]

    def installed(_name: str) -> str:
        if not version[0]:
            raise importlib.metadata.PackageNotFoundError
        return version[0]

    monkeypatch.setattr(importlib.metadata, "version", installed)
    ticks: list[str] = []

    def script(_service: Service) -> Iterator[float]:
        for number in ("", "0.1.0", "", "0.2.0", "0.2.0"):
            version[0] = number
            for _ in range(3):
                ticks.append(number)
                yield 61

    drive(practice, script, ends_with=UPDATED)
    assert ticks[-1] == "0.2.0"
    assert len(ticks) < 15


def test_its_log_is_bounded_and_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOXERO_AUTOTASK_SECRET", "hunter2-hunter2")
    diary = open_diary(tmp_path, largest=2000)
    for number in range(200):
        diary.info("Line %s: ō, and the secret hunter2-hunter2 in bearer abc.def", number)
    for handler in diary.handlers:
        handler.close()
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == [NAME, f"{NAME}.1", f"{NAME}.2", f"{NAME}.3"]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    assert sum(path.stat().st_size for path in files) <= 4 * 2000
    assert "Line 199: ō" in text
    assert "hunter2" not in text
    assert "abc.def" not in text


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
@pytest.mark.parametrize("kind", ["moved", "moved and made anew", "deleted"])
def test_a_log_that_somebody_else_rotates_begins_anew(tmp_path: Path, kind: str) -> None:
    path, old = tmp_path / NAME, tmp_path / "agent.log-20260101"
    diary = open_diary(tmp_path)
    diary.info("Before")
    if kind == "deleted":
        path.unlink()
    else:
        path.rename(old)
    if kind == "moved and made anew":
        path.touch()
    for text in ("After", "And after"):
        diary.info(text)
    for handler in diary.handlers:
        handler.close()
    assert [line.rpartition(" INFO ")[2] for line in path.read_text(encoding="utf-8").splitlines()] == [
        "After", "And after",
    ]  # fmt: skip
    if kind != "deleted":
        assert old.read_text(encoding="utf-8").endswith(" INFO Before\n")


def test_a_log_that_somebody_holds_costs_a_line_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a file that is open elsewhere cannot be renamed."""
    diary = open_diary(tmp_path, largest=100)

    def refuse(_self: object) -> None:
        raise PermissionError(13, "being used by another process")

    monkeypatch.setattr(RotatingFileHandler, "doRollover", refuse)
    for number in range(10):
        diary.info("Line %s, which is a long line", number)
    monkeypatch.undo()
    diary.info("The last line")
    for handler in diary.handlers:
        handler.close()
    assert "The last line" in (tmp_path / NAME).read_text(encoding="utf-8")


def test_throws_away_answers_that_nobody_waits_for(practice: Practice) -> None:
    old = practice.home / "inbox" / f"{uuid.uuid4()}.answer"
    old.parent.mkdir()
    old.write_text("Done.")
    os.utime(old, (time.time() - 7200,) * 2)

    def script(_service: Service) -> Iterator[float]:
        yield 601
        yield 0
        yield 0

    drive(practice, script)
    assert not old.exists()


def test_throws_away_old_reports(practice: Practice) -> None:
    old, new = practice.home / "bug-1.txt", practice.home / "bug-2.txt"
    for path, days in ((old, 31), (new, 20)):
        path.touch()
        os.utime(path, (time.time() - days * 86400,) * 2)

    drive(practice, idle)
    assert not old.exists()
    assert new.exists()


def test_a_sign_in_of_which_no_sync_makes_use_is_renewed_daily(practice: Practice, browser: Browser) -> None:
    """While Paused; at the start, too, for the computer may be switched off every night."""
    browser.office.sign_in()
    practice.set(Paused="Yes")
    ledger = practice.desk().ledger

    def renewals() -> int:
        return sum(call.path == "/connect/token" for call in practice.cloud.calls)

    def unused(**time: float) -> None:
        ledger.remember(xero_renewed=(datetime.now(UTC) - timedelta(**time)).isoformat())

    def script(_service: Service) -> Iterator[float]:
        yield 0
        seen.append(renewals() - before)
        unused(hours=23)
        yield from (3601, 0)
        seen.append(renewals() - before)
        unused(hours=25)
        yield from (3601, 0)
        seen.append(renewals() - before)

    seen: list[int] = []
    for passed, expected in (({"hours": 25}, [1, 1, 2]), ({"hours": 5}, [0, 0, 1])):
        seen.clear()
        unused(**passed)
        before = renewals()
        drive(practice, script, make_desk=browser.desk)
        assert seen == expected


# --- one at a time, and what status says -----------------------------------------------------------------------------


def test_only_one_runs_in_a_home(practice: Practice) -> None:
    def script(_service: Service) -> Iterator[float]:
        yield 0
        with pytest.raises(PlainError) as caught:
            make_service(practice, Clock()).run()
        assert caught.value.exit_code == 75
        assert caught.value.message == "The agent is running already."

    drive(practice, script)
    assert not is_running(practice.home)


def test_status_says_what_it_is_doing(practice: Practice) -> None:
    home = practice.home
    assert agent_json(home) == {"running": False, "since": None, "doing": "", "next_run": None, "trouble": ""}
    assert agent_text(agent_json(home)) == "The agent is not running: start it with “autoxero run”."

    def script(service: Service) -> Iterator[float]:
        yield 0
        told = agent_json(home, service.now())
        assert told["running"] is True
        assert told["doing"] == ""
        assert datetime.fromisoformat(told["next_run"]) - service.now() > timedelta(minutes=14)
        assert "waiting, next sync at" in agent_text(told)
        assert "given no sign" in agent_json(home, service.now() + timedelta(minutes=6))["trouble"]
        state = State(service.now(), "syncing: Sending 12 invoices", None, "", service.now())
        write_state(home, state)
        assert "now: syncing: Sending 12 invoices." in agent_text(agent_json(home, service.now()))

    drive(practice, script)
    assert agent_json(home)["running"] is False
    (home / "agent.alive").write_text("{broken")
    assert agent_json(home)["running"] is False


# --- as a process ----------------------------------------------------------------------------------------------------


@contextmanager
def agent(practice: Practice) -> Iterator[subprocess.Popen[str]]:
    """The real command."""
    environment = {"AUTOXERO_HOME": str(practice.home), "PATH": os.environ["PATH"], **practice.cloud.environment}
    child = subprocess.Popen(
        [sys.executable, "-m", "agent", "run", "--workbook", str(practice.workbook)],
        env=environment, cwd=TOP, text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.communicate(timeout=30)


def ended(child: subprocess.Popen[str], number: int) -> tuple[int, float, str]:
    """Stop it by a signal: its exit code, the seconds that it took, and what it said."""
    begun = time.monotonic()
    child.send_signal(number)
    out, said = child.communicate(timeout=30)
    assert out == ""
    return child.returncode, time.monotonic() - begun, said


def test_the_command_hears_a_button_within_two_seconds_even_in_a_sync(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("stall", system="autotask", path_contains="query"))
    with agent(practice) as child:
        until(lambda: practice.cloud.count("autotask") >= 2)
        name = put(practice, "verb=refresh")
        taken = practice.home / "inbox" / f"{name}.taken"
        assert until(taken.exists) < 2
        told = practice.ask("status")["agent"]
        assert told["running"] is True
        assert told["doing"].startswith("syncing")
        again = practice.command("run", "--workbook", str(practice.workbook))
        assert again.returncode == 75
        assert "The agent is running already." in again.stderr
        practice.cloud.troubles.released.set()
        until((practice.home / "inbox" / f"{name}.answer").exists)
        until(practice.in_xero)
        code, seconds, said = ended(child, signal.SIGTERM)
    assert code == 0
    assert seconds < 8
    assert f"began to keep {practice.workbook} in step" in said
    assert "The agent has stopped." in said
    assert practice.ask("status")["agent"]["running"] is False
    assert practice.command("status", "--workbook", str(practice.workbook)).stderr.startswith(
        "The agent is not running"
    )


def test_ctrl_c_ends_the_command_as_interrupted(practice: Practice) -> None:
    with agent(practice) as child:
        until((practice.home / "inbox").exists)
        code, seconds, _ = ended(child, signal.SIGINT)
    assert code == 130
    assert seconds < 8


def test_stopped_in_the_middle_of_sending_it_loses_nothing(practice: Practice) -> None:
    """The request under way ends and its answer is kept; no further one is begun."""
    expected = [practice.world.invoice("Kauri Legal", [support(str(n + 1))]) for n in range(3)]
    hold = threading.Event()

    def wait(call: object) -> None:
        if getattr(call, "method", "") == "PUT" and "Invoices" in getattr(call, "path", ""):
            sending.set()
            hold.wait(10)

    sending = threading.Event()
    practice.cloud.troubles.on_request = wait
    with agent(practice) as child:
        until(sending.is_set)
        child.send_signal(signal.SIGTERM)
        until(lambda: "The agent is stopping" in (practice.home / NAME).read_text(encoding="utf-8"))
        calls = practice.cloud.count()
        assert child.poll() is None
        hold.set()
        child.communicate(timeout=30)
        assert child.returncode == 0
        assert practice.cloud.count() == calls
    assert {row["status"] for row in practice.rows().values()} == {"Synced"}
    practice.cloud.troubles.on_request = None
    practice.sync()
    assert_all_there_once(practice, expected)


def test_killed_at_any_moment_it_goes_on_where_it_was(practice: Practice) -> None:
    expected = []
    for turn in range(3):
        expected += [practice.world.invoice("Kauri Legal", [support(str(3 * turn + n + 1))]) for n in range(3)]
        with agent(practice) as child:
            puts = practice.posts()
            until(lambda puts=puts: practice.posts() > puts)  # type: ignore[misc]
            child.kill()
    practice.sync()
    practice.sync()
    assert_all_there_once(practice, expected)


def test_does_not_wait_for_an_answer_that_never_comes(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "_GRACE", 0.1)
    practice.timeout = (2.0, 60.0)
    practice.cloud.troubles.add(Trouble("stall", system="autotask", path_contains="query"))
    with going(practice) as service:
        until(lambda: practice.cloud.count("autotask") >= 2)
        name = put(practice, "verb=refresh")
        until((practice.home / "inbox" / f"{name}.taken").exists, 2)
    assert service.is_stuck
    assert "Press the button again" in answer_to(practice, name)
    practice.cloud.troubles.released.set()
    until(lambda: not service.is_stuck)
