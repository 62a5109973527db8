"""Signing in to Xero: as an app of one organisation (custom connection), or as a person who let the app in (PKCE)."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

import msgspec
from filelock import FileLock, Timeout

from agent.errors import PlainError, StopError, stop
from agent.wire import NoAnswerError, Wire, checked_url
from agent.xero.models import Token

PUBLIC_LOGIN_URL = "https://identity.xero.com"
SCOPES = "accounting.invoices accounting.contacts accounting.settings.read accounting.attachments"
USER_SCOPES = f"openid profile email offline_access {SCOPES}"
"""What a person is asked to allow; without ``offline_access`` the sign-in would end after half an hour."""
SIGN_IN_LIVES = timedelta(days=60)
"""How long a person's sign-in holds when it is not used; each use begins it anew."""
_CUSTOM = (
    "Run “autoxero connect xero --custom”, which asks for the app's client ID and secret; where the environment gives "
    "them, put them right there."
)
_EARLY = 60.0
"""Seconds before its end at which a token is renewed."""
_TRIES = 3
_SOON = 300.0
"""Seconds until the next try where no answer came: Xero may have given a new token, and the old one dies soon."""
_LONGEST_TURN = 120.0
"""Seconds to wait for another process that renews the sign-in."""


class Login(Protocol):
    """Whatever gives access tokens."""

    def token(self) -> str:
        """A token that holds for another minute at least."""

    def forget(self, token: str) -> None:
        """Xero refused the token: the next one asked for is new."""


class Place(Protocol):
    """Where a person's sign-in is kept: one entry of the key store."""

    def read(self) -> str:
        """The refresh token, or blank."""

    def write(self, token: str) -> None:
        """Keep another one; raises PlainError where it was not kept."""

    def clear(self) -> None:
        """Forget it."""


@dataclass
class _Access(ABC):
    """The access token of a sign-in: in memory only, and renewed in time."""

    _token: str = field(default="", init=False, repr=False)
    _ends: float = field(default=0.0, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def token(self) -> str:
        """A token that holds for another minute at least.

        Raises:
            StopError: Xero refuses the sign-in or does not answer.
        """
        with self._lock:
            if not self._token or time.monotonic() >= self._ends - _EARLY:
                asked = time.monotonic()
                self._hold(self._ask(), asked)
            return self._token

    def forget(self, token: str) -> None:
        """Xero refused the token: the next one asked for is new."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _hold(self, fresh: Token, asked: float) -> None:
        self._token, self._ends = fresh.access_token, asked + fresh.expires_in

    @abstractmethod
    def _ask(self) -> Token:
        """A new token from Xero."""


@dataclass
class CustomConnection(_Access):
    """The sign-in of an app that belongs to one organisation: client id and secret.

    Attributes:
        client_id: The app.
        client_secret: Its secret.
        wire: How requests are made; sign-in calls are counted apart from the API's.
        url: The sign-in host.
    """

    client_id: str
    client_secret: str = field(repr=False)
    wire: Wire = field(default_factory=Wire)
    url: str = PUBLIC_LOGIN_URL

    def _ask(self) -> Token:
        basic = b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        form = {"grant_type": "client_credentials", "scope": SCOPES}
        try:
            return _tokens(self.wire, self.url, form, {"Authorization": f"Basic {basic}"})
        except StopError as error:
            if error.fault.code == "AX-405":
                error.fault = replace(error.fault, kind=replace(error.fault.kind, cure=_CUSTOM))
            raise


@dataclass
class UserSignIn(_Access):
    """The sign-in of a person who let the app in.

    Xero gives a new refresh token with every access token and takes the old one for half an hour more. So renewing is
    done by one process at a time, the token is read from the key store within its turn and written back to see that a
    new one can be kept, and the new one is kept before anything is done with it. Where the answer was lost, the old one
    is still in its place and is tried again.

    Attributes:
        client_id: The app.
        place: Where the refresh token is kept.
        turn: The lock file of this sign-in.
        renewed: Called after every renewal.
        wire: How requests are made; sign-in calls are counted apart from the API's.
        url: The sign-in host.
    """

    client_id: str
    place: Place = field(repr=False)
    turn: Path
    renewed: Callable[[], None] = field(default=lambda: None, repr=False)
    wire: Wire = field(default_factory=Wire)
    url: str = PUBLIC_LOGIN_URL

    def take(self, code: str, verifier: str, redirect: str) -> Token:
        """Exchange the code that came with the browser; nothing is kept yet.

        Raises:
            StopError: Xero refuses it or does not answer.
        """
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        asked = time.monotonic()
        fresh = _tokens(self.wire, self.url, form, tries=1)  # a code works once
        if not fresh.refresh_token:
            raise stop("AX-405", "Xero gave a sign-in that would end after half an hour.")
        self._hold(fresh, asked)
        return fresh

    def keep(self, fresh: Token) -> None:
        """Keep a sign-in for the next time.

        Raises:
            PlainError: The key store did not keep it.
            StopError: Another process does not end.
        """
        with self._turn():
            self.place.write(fresh.refresh_token or "")
        self.renewed()

    def end(self) -> None:
        """Take the sign-in back at Xero, all connections of the person to this app with it, and forget it.

        Raises:
            StopError: Xero refuses or does not answer; it is kept.
        """
        with self._turn():
            url = f"{checked_url(self.url, 'The Xero sign-in address').rstrip('/')}/connect/revocation"
            body = urlencode({"token": self.place.read(), "client_id": self.client_id}).encode()
            try:
                answer = self.wire.send("POST", url, headers=_FORM, body=body)
            except NoAnswerError as error:
                raise stop("AX-402", f"Xero's sign-in did not answer ({error}).") from None
            if answer.status_code != 200:
                raise stop("AX-405", _refusal(answer.content, answer.status_code))
            self.place.clear()

    def _ask(self) -> Token:
        with self._turn():
            try:
                kept = self.place.read()
            except PlainError as error:
                raise stop("AX-405", str(error)) from None
            if not kept:
                raise stop("AX-405", "Nobody is signed in to Xero on this computer.")
            self._check_place(kept)
            fresh = self._renewed(kept)
            if fresh.refresh_token and fresh.refresh_token != kept:
                self._replace(fresh.refresh_token)
        self.renewed()
        return fresh

    def _renewed(self, kept: str) -> Token:
        form = {"grant_type": "refresh_token", "client_id": self.client_id, "refresh_token": kept}
        try:
            return _tokens(self.wire, self.url, form)
        except StopError as error:
            if error.fault.code == "AX-402":
                error.after = _SOON
            raise

    def _check_place(self, kept: str) -> None:
        """Where nothing can be kept Xero is not asked: it would give a new sign-in, and let the one kept die."""
        try:
            self.place.write(kept)
        except PlainError as error:
            raise stop(
                "AX-405", f"The sign-in was not renewed, for a new one could not be kept. {error} The one there holds."
            ) from None

    def _replace(self, token: str) -> None:
        try:
            self.place.write(token)
        except PlainError as error:
            raise stop(
                "AX-405",
                f"Xero renewed the sign-in, but it could not be kept. {error} The one before it works for half an hour "
                "more; after that only a new sign-in helps.",
            ) from None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One process at a time."""
        lock = FileLock(self.turn)
        try:
            lock.acquire(timeout=_LONGEST_TURN)
        except Timeout:
            raise stop(
                "AX-402", "Another AutoXero on this computer is renewing the sign-in and does not end."
            ) from None
        try:
            yield
        finally:
            lock.release()


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _tokens(
    wire: Wire, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None, tries: int = _TRIES
) -> Token:
    """What the token endpoint gives for a form.

    Raises:
        StopError: Xero refuses the sign-in or does not answer.
    """
    address = f"{checked_url(url, 'The Xero sign-in address').rstrip('/')}/connect/token"
    trouble = ""
    for tried in range(tries):
        if tried:
            wire.sleep(2.0**tried)
        try:
            answer = wire.send("POST", address, headers=_FORM | dict(headers or {}), body=urlencode(form).encode())
        except NoAnswerError as error:
            trouble = f"Xero's sign-in did not answer ({error})."
            continue
        if answer.status_code == 200:
            try:
                return msgspec.json.decode(answer.content, type=Token, strict=False)
            except (msgspec.DecodeError, msgspec.ValidationError):
                raise stop("AX-402", "What answered is not Xero's sign-in.") from None
        if answer.status_code < 500 and answer.status_code != 429:
            raise stop("AX-405", _refusal(answer.content, answer.status_code))
        trouble = f"Xero's sign-in answered HTTP {answer.status_code}."
    raise stop("AX-402", trouble)


def _refusal(content: bytes, status: int) -> str:
    """Why the sign-in was refused, in words that repeat nothing of what was sent."""
    reasons = {
        "invalid_client": "Xero does not know the client ID, or its secret is wrong.",
        "unauthorized_client": "The Xero app is not of the right kind, or is not connected to an organisation.",
        "invalid_scope": "The Xero app may not do what invoices need: give it the scopes for invoices, contacts, "
        "settings and attachments.",
        "invalid_grant": "The sign-in has expired or was taken back.",
    }
    try:
        error = msgspec.json.decode(content, type=dict[str, object]).get("error")
    except (msgspec.DecodeError, msgspec.ValidationError):
        error = None
    return reasons.get(str(error), f"Xero refused the sign-in with HTTP {status}.")
