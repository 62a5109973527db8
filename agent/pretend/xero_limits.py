"""Xero's rate limits, per organisation."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from threading import RLock

from werkzeug import Response

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
APP_MINUTE = 10_000


@dataclass
class _Counts:
    """The requests of one organisation."""

    minute: deque[datetime] = field(default_factory=deque)
    day_start: datetime | None = None
    day: int = 0
    in_flight: int = 0


class Limits:
    """Counts requests and refuses those over a limit.

    Attributes:
        minute_limit: Requests in any 60 seconds; None for no limit.
        day_limit: Requests in 24 hours from the first one; None for no limit.
        concurrent_limit: Requests in flight; None for no limit.
    """

    def __init__(self) -> None:
        self.minute_limit: int | None = 60
        self.day_limit: int | None = 5_000
        self.concurrent_limit: int | None = 5
        self._counts: dict[str, _Counts] = {}
        self._lock = RLock()

    @contextmanager
    def in_flight(self, tenant: str) -> Iterator[Response | None]:
        """Count a request as being worked on; gives the refusal when too many are."""
        with self._lock:
            counts = self._of(tenant)
            is_refused = self.concurrent_limit is not None and counts.in_flight >= self.concurrent_limit
            if not is_refused:
                counts.in_flight += 1
        try:
            yield self._refusal(tenant, "concurrent", None) if is_refused else None
        finally:
            if not is_refused:
                with self._lock:
                    counts.in_flight -= 1

    def count(self, tenant: str, now: datetime) -> Response | None:
        """Count one request; gives the refusal when a limit is used up."""
        with self._lock:
            counts = self._of(tenant)
            self._forget(counts, now)
            if self.day_limit is not None and counts.day >= self.day_limit and counts.day_start is not None:
                return self._refusal(tenant, "day", counts.day_start + DAY - now)
            if self.minute_limit is not None and len(counts.minute) >= self.minute_limit:
                wait = counts.minute[0] + MINUTE - now if counts.minute else MINUTE
                return self._refusal(tenant, "minute", wait)
            counts.minute.append(now)
            counts.day += 1
            counts.day_start = counts.day_start or now
            return None

    def headers(self, tenant: str) -> dict[str, str]:
        """Give the headers that every answer carries."""
        with self._lock:
            counts = self._of(tenant)
            minute = 60 if self.minute_limit is None else self.minute_limit
            day = 5_000 if self.day_limit is None else self.day_limit
            return {
                "X-DayLimit-Remaining": str(max(day - counts.day, 0)),
                "X-MinLimit-Remaining": str(max(minute - len(counts.minute), 0)),
                "X-AppMinLimit-Remaining": str(max(APP_MINUTE - len(counts.minute), 0)),
            }

    def reset(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            for counts in self._counts.values():
                counts.minute.clear()
                counts.day, counts.day_start = 0, None

    def _of(self, tenant: str) -> _Counts:
        return self._counts.setdefault(tenant, _Counts())

    @staticmethod
    def _forget(counts: _Counts, now: datetime) -> None:
        while counts.minute and counts.minute[0] <= now - MINUTE:
            counts.minute.popleft()
        if counts.day_start is not None and counts.day_start <= now - DAY:
            counts.day, counts.day_start = 0, None

    def _refusal(self, tenant: str, problem: str, wait: timedelta | None) -> Response:
        response = Response(b"", 429)
        response.headers.pop("Content-Type", None)
        response.headers.update(self.headers(tenant))
        response.headers["X-Rate-Limit-Problem"] = problem
        # Too many at once is over in a moment, so that refusal names no time to wait.
        if wait is not None:
            response.headers["Retry-After"] = str(max(ceil(wait.total_seconds()), 1))
        return response
