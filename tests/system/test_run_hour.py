"""An hour of the agent's life, on a moved clock: outages, sleeps, and two hundred buttons pressed.

The hour is the one in which New Zealand's clocks go back.
"""

from __future__ import annotations

import gc
import os
import random
import threading
import tracemalloc
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import time_machine

from agent.config import Config
from agent.desk import Desk, Progress
from agent.pretend.troubles import Trouble
from agent.service import TICK, Service
from agent.wire import Wire
from tests.support import Practice, open_practice, support
from tests.system.test_exactly_once import assert_all_there_once

START = datetime(2026, 4, 5, 2, 35, fold=0, tzinfo=ZoneInfo("Pacific/Auckland"))
SECONDS = 3600
INTERVAL = 300
BUTTONS = 200
ASLEEP = {700: 420, 1300: 900}
"""When the machine sleeps, and for how many seconds."""
DARK = range(2300, 2700)
"""The seconds without a network."""
GOOD = [*["refresh"] * 5, *["resync-fault\nfault=AX-105"] * 3, "sync", "test"]
BAD = [
    "verb=sync\ntime=2020-01-01T00:00:00Z",
    "verb=sync\nworkbook=elsewhere",
    "verb=resync\nids=0",
    "verb=delete-everything",
    "verb=sync\n" + "\n" * 70_000,
]
MOST_OF_A_RUN, MOST_OF_A_TEST = 30, 25
"""Calls: with new invoices in it, and each of them tried again where an outage said so."""
STRANGERS = ("agent/pretend/", "/tests/", "tracemalloc", "werkzeug", "time_machine")
"""Whose memory is not the agent's."""
MOST_GROWTH = 200_000
"""Bytes that may be kept of what was needed between the two looks: caches that fill."""


class Hour:
    """What happens in that hour, second by second, and what is measured."""

    def __init__(self, practice: Practice, clock: time_machine.Traveller) -> None:
        self.practice, self.clock = practice, clock
        self.dice = random.Random(11)
        self.started = datetime.now(UTC)
        self.now = 0.0
        self.expected: list[int] = []
        self.names: list[str] = []
        self.replayed: set[str] = set()
        self.good = 0
        self.slept: list[datetime] = []
        self.answers: dict[str, str] = {}
        self.tests: set[str] = set()
        self.counted, self.runs = 0, 0
        self.calls: list[tuple[int, int, int]] = []
        self.measured: list[tuple[int, Counter[str]]] = []
        self.growth = 0
        self.presses = sorted(self.dice.uniform(1, SECONDS - 60) for _ in range(BUTTONS))
        self.invoices = sorted(self.dice.uniform(1, SECONDS - 400) for _ in range(20))
        self.marks = [2800.0, 3500.0]
        self.service = Service(
            Config(practice.home, {"AUTOXERO_HOME": str(practice.home), **practice.cloud.environment}),
            practice.workbook, self._desk, sleep=self._sleep,
        )  # fmt: skip

    def _desk(self, make_wire: Callable[[], Wire], tell: Progress) -> Desk:
        def wire() -> Wire:
            return replace(make_wire(), timeout=(2.0, 2.0), sleep=self.practice.waits.append)

        return replace(self.practice.desk(), make_wire=wire, tell=tell)

    def _sleep(self, _seconds: float) -> None:
        self.service.worker.settle()
        tested = 0
        for path in (self.practice.home / "inbox").glob("*.answer"):
            tested += path.stem in self.tests and path.stem not in self.answers
            self.answers[path.stem] = path.read_text(encoding="utf-8")
            path.unlink()
        self._count(tested)
        before, step = self.now, TICK
        for second, length in ASLEEP.items():
            if before < second <= before + TICK:
                step = length
                self.slept.append(datetime.now(UTC))
        self.clock.shift(step)
        self.now += step
        self._happen(before)
        if self.now >= SECONDS:
            self.service.stop()

    def _count(self, tested: int) -> None:
        """Calls since the last look, beside the runs and tests that account for them."""
        if (calls := len(self.practice.cloud.calls)) > self.counted:
            begun = len(started(self.practice))
            self.calls.append((calls - self.counted, begun - self.runs, tested))
            self.runs = begun
        self.counted = calls

    def _happen(self, before: float) -> None:
        cloud = self.practice.cloud
        while self.invoices and self.invoices[0] <= self.now:
            self.invoices.pop(0)
            quantity = str(len(self.expected) + 1)
            self.expected.append(self.practice.world.invoice("Kauri Legal", [support(quantity)]))
            if len(self.expected) % 4 == 0:
                kind = self.dice.choice(["cut_before", "cut_after", "500", "503", "429-minute"])
                cloud.troubles.add(Trouble(kind, system=self.dice.choice(["autotask", "xero"])))
        while self.presses and self.presses[0] <= self.now:
            self.presses.pop(0)
            self._press()
        if before < DARK.start <= self.now:
            cloud.stop()
        if before < DARK.stop <= self.now:
            cloud.start()
        while self.marks and self.marks[0] <= self.now:
            self.marks.pop(0)
            self._measure()

    def _press(self) -> None:
        name = str(uuid.uuid4())
        if self.dice.random() < 0.3:
            text = self.dice.choice(BAD)
        elif self.names and self.names[-1] in self.answers.keys() - self.replayed and self.dice.random() < 0.2:
            name, text = self.names[-1], "verb=sync"
            self.replayed.add(name)
        else:
            self.good += 1
            text = f"verb={self.dice.choice(GOOD)}"
            self.names.append(name)
            self.tests |= {name} if text == "verb=test" else set()
        path = self.practice.home / "inbox" / f"{name}.tmp"
        path.write_text(text)
        os.utime(path, (datetime.now(UTC).timestamp(),) * 2)
        path.rename(path.with_suffix(".request"))

    def _measure(self) -> None:
        self.practice.cloud.reset()
        self.counted = 0
        gc.collect()
        handles = Path("/proc/self/fd")
        count = len(list(handles.iterdir())) if handles.exists() else 0
        kinds = Counter(thread.name for thread in threading.enumerate())
        self.measured.append((count, kinds))
        if not tracemalloc.is_tracing():
            tracemalloc.start()
            return
        strangers = [tracemalloc.Filter(inclusive=False, filename_pattern=f"*{part}*") for part in STRANGERS]
        traces = tracemalloc.take_snapshot().filter_traces(strangers).traces
        tracemalloc.stop()
        self.growth = sum(trace.size for trace in traces)


def started(practice: Practice) -> list[datetime]:
    """When each run began."""
    with practice.desk().ledger.engine.begin() as connection:
        return [
            datetime.fromisoformat(at) for (at,) in connection.exec_driver_sql("SELECT started FROM run ORDER BY 1")
        ]


def test_an_hour_of_the_agents_life(tmp_path: Path) -> None:
    """No missed run, no duplicate, no call beyond the schedule; no leak of memory, handles or threads."""
    with time_machine.travel(START, tick=False) as clock, open_practice(tmp_path) as practice:
        practice.type_settings({"Sync every (minutes)": INTERVAL // 60})
        (practice.home / "inbox").mkdir()
        hour = Hour(practice, clock)
        assert hour.service.run() == 0
        practice.cloud.troubles.clear()
        practice.sync()
        check(practice, hour)


def check(practice: Practice, hour: Hour) -> None:
    assert len(hour.expected) == 20
    assert_all_there_once(practice, hour.expected)

    events = Counter(row["event"] for row in practice.desk().ledger.log_rows(100_000) if row["who"] == "Ribbon")
    refused = events.pop("Request refused")
    assert refused == BUTTONS - hour.good
    assert refused > 50
    assert set(hour.names) <= set(hour.answers)
    assert all(hour.answers.values())

    moments = started(practice)[:-1]  # the last is the test's own
    asked = events["Button: Sync now"]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    for gap, earlier in zip(gaps, moments, strict=False):
        is_asleep = any(earlier <= moment <= earlier + gap for moment in hour.slept)
        assert gap <= timedelta(seconds=INTERVAL + 1) or is_asleep, (earlier, gap)
    due = (SECONDS - sum(ASLEEP.values())) // INTERVAL + 1 + len(ASLEEP)
    assert abs(len(moments) - asked - due) <= 1

    for calls, runs, tested in hour.calls:
        assert runs + tested > 0, "calls for nothing"
        assert calls <= MOST_OF_A_RUN * runs + MOST_OF_A_TEST * tested
    assert sum(runs for _, runs, _ in hour.calls) <= len(moments)

    (handles, threads), (handles_later, threads_later) = hour.measured
    assert handles_later <= handles + 2
    assert threads_later["autoxero-worker"] == threads["autoxero-worker"] == 1
    assert threads_later.total() <= threads.total() + 1
    assert 0 < hour.growth < MOST_GROWTH
