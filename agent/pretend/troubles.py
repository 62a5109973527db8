"""Failures on demand: what can go wrong between a client and the pretend systems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from threading import Event, RLock

from werkzeug import Response

from agent.pretend.wire import encode

RATE_LIMITS = ("429-minute", "429-day", "429-concurrent", "429-appminute")
STATUSES = ("500", "502", "503", "504", *RATE_LIMITS)
KINDS = (*STATUSES, "401", "cut_before", "cut_after", "stall", "slow", "expire_token")
"""The kinds of trouble; any other HTTP status number is also a kind."""

CHAOS = ("500", "502", "503", "504", "429-minute", "429-concurrent", "cut_before", "cut_after", "slow", "expire_token")
"""The kinds that chaos draws from by itself: those that a patient client gets through."""

UNAVAILABLE = "The Xero API is temporarily unavailable"
SERVER_ERROR = (
    "An error occurred in Xero. Check the API Status page http://status.developer.xero.com for current service status."
)
THREADS_EXCEEDED = "Itgenatr005: The Autotask API thread threshold of 3 threads has been exceeded."


@dataclass
class Call:
    """One request as it arrived.

    Attributes:
        number: 1 for the first request to this cloud.
        system: ``autotask``, ``xero`` or ``login``.
        method: In capitals.
        path: Decoded, without the query.
        query: The raw query string.
        headers: The headers, names in lower case.
        body: The raw bytes of the request.
        time: When it arrived, by the cloud's clock.
        status: The HTTP status of the answer; None while in progress, and for ever if the line was cut.
        is_commit: Whether the work behind the answer was done (False when refused by a trouble).
    """

    number: int
    system: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    time: datetime
    status: int | None = None
    is_commit: bool = False

    @property
    def idempotency_key(self) -> str:
        """The Idempotency-Key header, or an empty string."""
        return self.headers.get("idempotency-key", "")


@dataclass
class Trouble:
    """One kind of failure for the requests that match every condition given here.

    Attributes:
        kind: One of :data:`KINDS`, or any HTTP status number as text.
        system: Only for this system; None for all.
        method: Only for this method; None for all.
        path_contains: Only for paths with this text (any case).
        body_contains: Only for bodies with this text.
        times: How many matching requests to hit; None for all.
        skip: How many matching requests to let pass first.
        seconds: How long ``slow`` and ``stall`` hold the request; a stall of 0 lasts until the cloud stops.
        is_after_commit: Do the work first, then fail (for statuses, stalls and slowness).
        body: The body of the status answer, instead of the usual one.
        headers: More headers for the status answer.
        retry_after: The seconds that a minute or day refusal announces.
    """

    kind: str
    system: str | None = None
    method: str | None = None
    path_contains: str = ""
    body_contains: str = ""
    times: int | None = 1
    skip: int = 0
    seconds: float = 0
    is_after_commit: bool = False
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS and not self.kind.isdecimal():
            raise ValueError(f"{self.kind!r} is not a kind of trouble")
        if self.kind == "cut_after":
            self.is_after_commit = True

    def matches(self, call: Call) -> bool:
        """Tell whether this trouble is meant for a call, not counting ``times`` and ``skip``."""
        return (
            self.system in {None, call.system}
            and self.method in {None, call.method}
            and self.path_contains.lower() in call.path.lower()
            and self.body_contains.encode() in call.body
        )


class Troubles:
    """The troubles in store for coming requests, and two hooks.

    Attributes:
        on_request: Called with each call before any work; an exception cuts the line before the work.
        on_commit: Called after the work and before the answer; an exception cuts the line after the work.
        released: Set when the cloud stops, which ends every stall.
    """

    def __init__(self) -> None:
        self.on_request: Callable[[Call], None] | None = None
        self.on_commit: Callable[[Call], None] | None = None
        self.released = Event()
        self._waiting: list[Trouble] = []
        self._lock = RLock()
        self._random: Random | None = None
        self._share = 0.0
        self._kinds: tuple[str, ...] = CHAOS

    def add(self, trouble: Trouble) -> Trouble:
        """Put a trouble in store; the first added that matches a request hits it."""
        with self._lock:
            self._waiting.append(trouble)
        return trouble

    def chaos(self, random: Random, share: float, kinds: tuple[str, ...] = CHAOS) -> None:
        """From now on hit this share of all requests (0 to 1) with a kind drawn at random; 0 ends it."""
        with self._lock:
            self._random, self._share, self._kinds = random, share, kinds

    def clear(self) -> None:
        """Forget every trouble in store, the chaos and the hooks."""
        with self._lock:
            self._waiting.clear()
            self._share = 0.0
            self.on_request = self.on_commit = None

    def pick(self, call: Call) -> Trouble | None:
        """Take the trouble that a call runs into, if any."""
        with self._lock:
            for trouble in self._waiting:
                if trouble.matches(call):
                    if trouble.skip > 0:
                        trouble.skip -= 1
                        continue
                    self._use_up(trouble)
                    return trouble
            return self._draw()

    def _use_up(self, trouble: Trouble) -> None:
        if trouble.times is not None:
            trouble.times -= 1
            if trouble.times <= 0:
                self._waiting.remove(trouble)

    def _draw(self) -> Trouble | None:
        if self._random is None or self._random.random() >= self._share:
            return None
        kind = self._random.choice(self._kinds)
        is_late = kind in {"500", "502", "503", "504"} and self._random.random() < 0.5
        return Trouble(kind, seconds=0.01, is_after_commit=is_late, retry_after=1)

    def hold(self, trouble: Trouble) -> None:
        """Wait as long as a stall or a slow answer asks, or until the cloud stops."""
        self.released.wait(trouble.seconds or None)


def answer_for(trouble: Trouble, call: Call) -> Response:
    """Build the answer of a status trouble in the words of the system that was called."""
    status = int(trouble.kind.partition("-")[0])
    response = Response(b"", status, content_type="text/plain; charset=utf-8")
    if trouble.kind in RATE_LIMITS and call.system == "xero":
        _limit_headers(response, trouble)
    elif status == 429 and call.system == "autotask":
        response = _json(status, {"errors": [THREADS_EXCEEDED]})
    elif status == 401:
        response = _json(status, _unauthorised(call))
    elif status == 500:
        response = _json(status, _server_error(call))
    elif status == 503 and call.system == "xero":
        response.set_data(UNAVAILABLE.encode())
    elif status in {502, 503, 504}:
        response = Response("<html><body><h1>Error</h1></body></html>", status, content_type="text/html")
    if trouble.body is not None:
        response.set_data(trouble.body)
    response.headers.update(trouble.headers)
    return response


def _json(status: int, value: object) -> Response:
    return Response(encode(value), status, content_type="application/json; charset=utf-8")


def _limit_headers(response: Response, trouble: Trouble) -> None:
    problem = trouble.kind.partition("-")[2]
    response.headers.pop("Content-Type", None)
    response.headers["X-Rate-Limit-Problem"] = problem
    usual = {"minute": 26, "appminute": 26, "day": 66183}.get(problem)
    wait = usual if trouble.retry_after is None else trouble.retry_after
    if wait is not None and problem != "concurrent":
        response.headers["Retry-After"] = str(wait)
    response.headers["X-MinLimit-Remaining"] = "0" if problem == "minute" else "60"
    response.headers["X-DayLimit-Remaining"] = "0" if problem == "day" else "4000"


def _unauthorised(call: Call) -> object:
    if call.system == "autotask":
        return {"errors": ["Unauthorized"]}
    if call.system == "login":
        return {"error": "invalid_client"}
    return problem(401, "Unauthorized", "AuthenticationUnsuccessful")


def _server_error(call: Call) -> object:
    if call.system == "autotask":
        return {"errors": ["An unexpected error occurred."]}
    return {"Title": "An error occurred", "Detail": SERVER_ERROR, "Status": 500, "Instance": _instance(call)}


def problem(status: int, title: str, detail: str) -> object:
    """Build the body with which Xero's gateway refuses a request."""
    instance = "00000000-0000-4000-8000-000000000000"
    return {
        "Type": None,
        "Title": title,
        "Status": status,
        "Detail": detail,
        "Instance": instance,
        "Extensions": {},
    }


def _instance(call: Call) -> str:
    return f"00000000-0000-4000-8000-{call.number:012d}"
