"""Signing in to Xero. A custom connection asks for a new access token every 30 minutes; it stays in memory."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from agent.errors import stop
from agent.wire import NoAnswerError, Wire, checked_url
from agent.xero.models import Token

PUBLIC_LOGIN_URL = "https://identity.xero.com"
SCOPES = "accounting.invoices accounting.contacts accounting.settings.read accounting.attachments"
_EARLY = 60.0
"""Seconds before its end at which a token is renewed."""
_TRIES = 3


class Login(Protocol):
    """Whatever gives access tokens."""

    def token(self) -> str:
        """A token that holds for another minute at least."""

    def forget(self, token: str) -> None:
        """Xero refused the token: the next one asked for is new."""


@dataclass
class CustomConnection:
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
    _token: str = field(default="", repr=False)
    _ends: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def token(self) -> str:
        """A token that holds for another minute at least.

        Raises:
            StopError: Xero refuses the sign-in or does not answer.
        """
        with self._lock:
            if not self._token or time.monotonic() >= self._ends - _EARLY:
                asked = time.monotonic()
                fresh = self._ask()
                self._token, self._ends = fresh.access_token, asked + fresh.expires_in
            return self._token

    def forget(self, token: str) -> None:
        """Xero refused the token: the next one asked for is new."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _ask(self) -> Token:
        url = f"{checked_url(self.url, 'The Xero sign-in address').rstrip('/')}/connect/token"
        basic = b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"grant_type": "client_credentials", "scope": SCOPES}).encode()
        trouble = ""
        for tried in range(_TRIES):
            if tried:
                self.wire.sleep(2.0**tried)
            try:
                answer = self.wire.send("POST", url, headers=headers, body=body)
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
        "unauthorized_client": "The Xero app is no custom connection, or is not connected to an organisation.",
        "invalid_scope": "The Xero app may not do what invoices need: give it the scopes for invoices, contacts, "
        "settings and attachments.",
        "invalid_grant": "The sign-in has expired or was taken back.",
    }
    try:
        error = msgspec.json.decode(content, type=dict[str, object]).get("error")
    except (msgspec.DecodeError, msgspec.ValidationError):
        error = None
    return reasons.get(str(error), f"Xero refused the sign-in with HTTP {status}.")
