"""The ``schedule`` library on a UTC clock.

By itself it compares local times without a zone: when clocks go back it stands still for an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import schedule

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class UtcJob(schedule.Job):
    """A job that reckons in UTC, every so many seconds, minutes, hours or days.

    After a sleep of the machine it runs once, not once for each time that it missed.
    """

    scheduler: Timetable

    @property
    def period(self) -> timedelta:
        """The time from one run to the next."""
        return timedelta(**{str(self.unit): self.interval})

    @property
    def should_run(self) -> bool:
        """Whether it is due."""
        now = self.scheduler.now()
        if self.next_run is None or self.next_run - now > self.period:
            self.next_run = now + self.period  # the clock was set back: never further ahead than one period
        return now >= self.next_run

    def _schedule_next_run(self) -> None:
        self.next_run = self.scheduler.now() + self.period


class Timetable(schedule.Scheduler):
    """A scheduler whose jobs reckon in UTC.

    Args:
        now: The clock; gives aware instants.
    """

    def __init__(self, now: Clock = utc_now) -> None:
        super().__init__()
        self.now = now

    def every(self, interval: int = 1) -> UtcJob:
        """A new job; like :meth:`schedule.Scheduler.every`."""
        return UtcJob(interval, self)

    def at_once(self, job: schedule.Job) -> None:
        """Let a job be due now."""
        job.next_run = self.now()

    def change(self, job: schedule.Job, interval: int) -> None:
        """Give a job another interval, counted from its last run."""
        if job.interval != interval and job.next_run is not None:
            before: Any = timedelta(**{str(job.unit): job.interval - interval})
            job.interval = interval
            job.next_run -= before
