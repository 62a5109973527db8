"""One way to make an HTTP request: with time-outs, a count, and errors that say whether an answer came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from agent.errors import PlainError

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and to wait for bytes of the answer."""

Sleep = Callable[[float], None]


class NoAnswerError(Exception):
    """The line broke, or the time ran out, before an answer came; the request may or may not have been carried out."""


@dataclass
class Wire:
    """Makes requests for one system.

    Attributes:
        timeout: Seconds to connect and to wait.
        sleep: How to wait between tries.
        calls: Requests made so far, each try counted.
        clocks: Seconds by a clock that never jumps and by the wall clock: one of them stands still in sleep.
        is_stopped: Whether the program is to end: no further request is begun.
        ahead: By how much the other side's clock was ahead of ours when it last answered.
    """

    timeout: tuple[float, float] = TIMEOUT
    sleep: Sleep = time.sleep
    calls: int = 0
    clocks: tuple[Callable[[], float], ...] = (time.monotonic, time.time)
    is_stopped: Callable[[], bool] = lambda: False
    ahead: timedelta | None = None
    _local: threading.local = field(default_factory=threading.local, repr=False)
    _count: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> requests.Response:
        """Make one request, once.

        Raises:
            NoAnswerError: No whole answer came.
            KeyboardInterrupt: The program is to end; this request was not begun.
        """
        if self.is_stopped():
            raise KeyboardInterrupt
        with self._count:
            self.calls += 1
        try:
            answer = self._session().request(
                method, url, headers=headers, params=params, data=body, timeout=self.timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise NoAnswerError(type(error).__name__) from None  # the message could hold the address with its query
        if (ahead := _ahead(answer.headers.get("Date", ""))) is not None:
            self.ahead = ahead
        return _without(answer, (headers or {}).get("Authorization", "").rpartition(" ")[2])

    def alarm(self, seconds: float) -> Callable[[], bool]:
        """Tells, when asked later, whether so many seconds have passed since now, by either clock."""
        begun = [clock() for clock in self.clocks]
        return lambda: any(not 0 <= clock() - start <= seconds for clock, start in zip(self.clocks, begun, strict=True))

    def _session(self) -> requests.Session:
        """A session of this thread's own: sessions are not made to be shared."""
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.auth = _as_it_is
            session.headers["User-Agent"] = "AutoXero"
            self._local.session = session
        found: requests.Session = self._local.session
        return found


def _without(answer: requests.Response, token: str) -> requests.Response:
    """The answer without the sign-in of its request, should it quote it: answers are told to people."""
    if token and token.encode() in answer.content:
        answer._content = answer.content.replace(token.encode(), b"...")  # noqa: SLF001 - it has no other place
    return answer


def _ahead(stamp: str) -> timedelta | None:
    """How far the clock that stamped an answer is ahead of ours; ``None`` where the stamp cannot be read."""
    try:
        return parsedate_to_datetime(stamp).replace(tzinfo=UTC) - datetime.now(UTC)  # HTTP knows no zone but GMT
    except ValueError:
        return None


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps a .netrc file of the user's from replacing our sign-in; proxies of the environment still count."""
    return request


def checked_url(url: str, name: str) -> str:
    """The address, if it is safe: https, or plain http to this machine only.

    Raises:
        PlainError: It is not.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.netloc:
        return url
    if parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}:
        return url
    raise PlainError(f"{name} is “{url}”, which is no secure address.", "Give one that starts with https://.")
