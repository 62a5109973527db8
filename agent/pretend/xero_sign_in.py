"""Who may call the pretend Xero: its app, tokens, consents and connections."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from agent.pretend.wire import Clock, JsonObject, encode
from agent.pretend.xero_records import new_id

ACCESS_LIFE = timedelta(minutes=30)
CODE_LIFE = timedelta(minutes=5)
REFRESH_LIFE = timedelta(days=60)
REFRESH_GRACE = timedelta(minutes=30)

READ_WRITE = ("contacts", "settings", "attachments", "invoices", "payments", "banktransactions", "manualjournals")
SCOPES = frozenset(
    {"openid", "profile", "email", "offline_access", "app.connections"}
    | {f"accounting.{name}" for name in READ_WRITE}
    | {f"accounting.{name}.read" for name in READ_WRITE}
)
"""The scopes that an app made today may ask for; the old broad ones are not among them."""


class SignInError(Exception):
    """A refusal of the sign-in host; its text is the OAuth error code."""


@dataclass
class App:
    """The app that is registered with Xero.

    Attributes:
        client_id: Its public id.
        secret: Its secret, for the grants that need one.
        redirects: Registered redirect addresses, matched exactly; None takes any on http://localhost.
        scopes: The scopes it may ask for.
    """

    client_id: str = "PRETENDXEROCLIENTID0000000000000"
    secret: str = "pretend-xero-client-secret"  # noqa: S105 (a pretend one)
    name: str = "AutoXero pretend app"
    redirects: set[str] | None = None
    scopes: frozenset[str] = SCOPES

    def is_redirect(self, address: str) -> bool:
        """Tell whether an address is registered; Xero never registers http://127.0.0.1."""
        if self.redirects is not None:
            return address in self.redirects
        return address.startswith(("http://localhost:", "http://localhost/", "https://"))


@dataclass
class Token:
    """What an access, refresh or authorisation code stands for.

    Attributes:
        scopes: What was granted.
        expires: When it stops to work.
        is_custom: Granted to the app itself (client credentials) and not to a person.
        event: The authEventId of the consent.
        replaced: When a refresh token was first exchanged.
    """

    scopes: frozenset[str]
    expires: datetime
    is_custom: bool = False
    event: str = field(default_factory=new_id)
    replaced: datetime | None = None


@dataclass
class Code(Token):
    """An authorisation code on its way from the browser to the app."""

    redirect: str = ""
    challenge: str = ""


@dataclass
class Connection:
    """One organisation that the person connected to the app."""

    tenant_id: str
    tenant_name: str
    created: datetime
    updated: datetime
    event: str
    id: str = field(default_factory=new_id)


class SignIn:
    """The tokens and connections of the one app and the one person there is.

    Attributes:
        app: The registered app.
        consent: What the person does at the authorise page: ``allow`` or ``refuse`` at once, or ``ask`` (a page
            with two buttons).
        tenants: The organisations that the next consent connects, as (tenant id, name); the first one unless a
            test changes it.
        connections: By connection id.
        rotates: Whether a refresh gives a new refresh token, as Xero does.
    """

    def __init__(self, now: Clock) -> None:
        self.now = now
        self.app = App()
        self.consent: Literal["allow", "refuse", "ask"] = "allow"
        self.tenants: list[tuple[str, str]] = []
        self.connections: dict[str, Connection] = {}
        self.rotates = True
        self.access: dict[str, Token] = {}
        self.refresh: dict[str, Token] = {}
        self.codes: dict[str, Code] = {}

    def connect(self, tenant_id: str, name: str, event: str | None = None) -> Connection:
        """Connect an organisation to the app, as a consent does."""
        now = self.now()
        for connection in self.connections.values():
            if connection.tenant_id == tenant_id:
                connection.updated, connection.event = now, event or connection.event
                return connection
        connection = Connection(tenant_id, name, now, now, event or new_id())
        self.connections[connection.id] = connection
        return connection

    def new_code(self, scopes: frozenset[str], redirect: str, challenge: str) -> str:
        """Make an authorisation code after consent and connect the organisations."""
        code = Code(scopes, self.now() + CODE_LIFE, redirect=redirect, challenge=challenge)
        for tenant_id, name in self.tenants:
            self.connect(tenant_id, name, code.event)
        text = new_id().replace("-", "")
        self.codes[text] = code
        return text

    def exchange(self, text: str, redirect: str, verifier: str, *, has_secret: bool) -> JsonObject:
        """Exchange an authorisation code for tokens.

        Raises:
            SignInError: ``invalid_grant`` or ``invalid_client``.
        """
        code = self.codes.pop(text, None)
        if code is None or code.expires <= self.now() or code.redirect != redirect:
            raise SignInError("invalid_grant")
        if not code.challenge and not has_secret:
            raise SignInError("invalid_client")
        if code.challenge and code.challenge != challenge_of(verifier):
            raise SignInError("invalid_grant")
        return self.grant(code.scopes, event=code.event)

    def refreshed(self, text: str) -> JsonObject:
        """Exchange a refresh token; the old one keeps working for half an hour in case the answer got lost.

        Raises:
            SignInError: ``invalid_grant``: unknown, expired or used up.
        """
        token, now = self.refresh.get(text), self.now()
        if token is None or token.expires <= now:
            raise SignInError("invalid_grant")
        if token.replaced is not None and now > token.replaced + REFRESH_GRACE:
            raise SignInError("invalid_grant")
        if not self.rotates:
            return self.grant(token.scopes, event=token.event) | {"refresh_token": text}
        token.replaced = token.replaced or now
        return self.grant(token.scopes, event=token.event)

    def grant(self, scopes: frozenset[str], *, is_custom: bool = False, event: str | None = None) -> JsonObject:
        """Make a set of tokens: the body of the token endpoint's answer."""
        now = self.now()
        access = Token(scopes, now + ACCESS_LIFE, is_custom, event or new_id())
        text = self._signed(access)
        self.access[text] = access
        answer: JsonObject = {"access_token": text, "expires_in": 1800, "token_type": "Bearer"}
        if "openid" in scopes and not is_custom:
            answer = {"id_token": self._signed(access, is_identity=True)} | answer
        if "offline_access" in scopes and not is_custom:
            answer["refresh_token"] = base64.urlsafe_b64encode(hashlib.sha256(new_id().encode()).digest()).decode()[:43]
            self.refresh[answer["refresh_token"]] = Token(scopes, now + REFRESH_LIFE, event=access.event)
        answer["scope"] = " ".join(sorted(scopes))
        return answer

    def revoke(self, text: str) -> None:
        """Take a refresh token back, and with it every connection of the person."""
        if self.refresh.pop(text, None) is not None:
            self.connections.clear()
            self.access = {name: token for name, token in self.access.items() if token.is_custom}

    def expire(self, text: str) -> None:
        """Let an access token run out now; an unknown one is passed over."""
        if text in self.access:
            self.access[text].expires = self.now()

    def expire_all(self) -> None:
        """Let every access token run out now."""
        for text in self.access:
            self.expire(text)

    def _signed(self, token: Token, *, is_identity: bool = False) -> str:
        now = int(self.now().timestamp())
        claims: JsonObject = {
            "nbf": now,
            "exp": now + (300 if is_identity else 1800),
            "iss": "https://identity.xero.com",
            "aud": self.app.client_id if is_identity else "https://identity.xero.com/resources",
            "client_id": self.app.client_id,
            "authentication_event_id": token.event,
            "jti": new_id().replace("-", ""),
        }
        if is_identity:
            claims |= {"email": "person@pretend.example", "given_name": "Pat", "family_name": "Pretend"}
        else:
            claims["scope"] = sorted(token.scopes)
        text = ".".join(_base64(encode(part)) for part in ({"alg": "RS256", "kid": "PRETEND", "typ": "JWT"}, claims))
        return f"{text}.{_base64(hmac.digest(b'pretend', text.encode(), 'sha256'))}"


def challenge_of(verifier: str) -> str:
    """Give the code challenge (method S256) of a code verifier."""
    return _base64(hashlib.sha256(verifier.encode()).digest())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
