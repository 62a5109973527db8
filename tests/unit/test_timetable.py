"""The timetable reckons in UTC: it neither stalls nor hurries when summer time begins or ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import schedule
import time_machine

from agent.timetable import Timetable

AUCKLAND = ZoneInfo("Pacific/Auckland")
LONDON = ZoneInfo("Europe/London")
CHANGES = [
    pytest.param(datetime(2026, 4, 5, 1, 0, tzinfo=AUCKLAND), id="Auckland: clocks go back"),
    pytest.param(datetime(2026, 9, 27, 0, 30, tzinfo=AUCKLAND), id="Auckland: clocks go forward"),
    pytest.param(datetime(2026, 10, 25, 0, 10, tzinfo=LONDON), id="London: clocks go back"),
    pytest.param(datetime(2026, 3, 29, 0, 10, tzinfo=LONDON), id="London: clocks go forward"),
]


def ran(times: schedule.Scheduler, start: datetime, minutes: int = 240) -> list[datetime]:
    """The instants at which a job of every 15 minutes ran."""
    found: list[datetime] = []
    with time_machine.travel(start, tick=False) as clock:
        times.every(15).minutes.do(lambda: found.append(datetime.now(UTC)))
        for _ in range(minutes):
            clock.shift(60)
            times.run_pending()
    return found


@pytest.mark.parametrize("start", CHANGES)
def test_runs_every_fifteen_minutes_through_both_changes_of_summer_time(start: datetime) -> None:
    first = start.astimezone(UTC)
    assert ran(Timetable(), start) == [first + timedelta(minutes=15 * n) for n in range(1, 17)]


def test_the_library_alone_stands_still_when_clocks_go_back() -> None:
    """Why the timetable exists; should the library mend it, this test says so."""
    assert len(ran(schedule.Scheduler(), datetime(2026, 4, 5, 1, 0, tzinfo=AUCKLAND))) < 16


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


def counted(times: Timetable) -> Callable[[], int]:
    """How often a job of every 15 minutes has run."""
    done: list[None] = []
    times.every(15).minutes.do(lambda: done.append(None))
    return lambda: len(done)


def test_runs_once_after_a_long_sleep(hands: Hands) -> None:
    times = Timetable(hands)
    done = counted(times)
    hands.now += timedelta(days=3)
    times.run_pending()
    times.run_pending()
    assert done() == 1
    hands.now += timedelta(minutes=15)
    times.run_pending()
    assert done() == 2


@pytest.mark.parametrize("back", [timedelta(minutes=1), timedelta(hours=1), timedelta(days=400)])
def test_waits_no_longer_than_one_period_when_the_clock_is_set_back(hands: Hands, back: timedelta) -> None:
    times = Timetable(hands)
    done = counted(times)
    hands.now -= back
    for _ in range(60):
        times.run_pending()
        hands.now += timedelta(minutes=1)
    assert done() == 3


def test_another_interval_counts_from_the_last_run(hands: Hands) -> None:
    times = Timetable(hands)
    done = counted(times)
    (job,) = times.get_jobs()
    hands.now += timedelta(minutes=6)
    times.change(job, 5)
    times.run_pending()
    assert done() == 1
    times.change(job, 60)
    hands.now += timedelta(minutes=59)
    times.run_pending()
    assert done() == 1
    hands.now += timedelta(minutes=1)
    times.run_pending()
    assert done() == 2


def test_a_job_can_be_due_at_once(hands: Hands) -> None:
    times = Timetable(hands)
    done = counted(times)
    times.run_pending()
    assert done() == 0
    times.at_once(times.get_jobs()[0])
    times.run_pending()
    assert done() == 1
