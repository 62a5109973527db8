"""Xero's sign-in page in the user's own browser, and the way back to this computer.

The way back is ``http://localhost:PORT/callback``, registered with the user's Xero app. What listens there is bound to
this computer only, takes one answer, and only that to its own question.
"""

from __future__ import annotations

import errno
import os
import queue
import secrets
import socket
import socketserver
import sys
import threading
import time
import webbrowser
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, cast
from urllib.parse import parse_qs, urlencode, urlsplit

from agent.errors import PlainError
from agent.wire import checked_url
from agent.xero.login import PUBLIC_LOGIN_URL, USER_SCOPES

PUBLIC_PAGE_URL = "https://login.xero.com"
"""The host of the page for people; tokens come from another one."""
PATIENCE = 300.0
"""Seconds that a person has for Xero's page."""
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_AGAIN = "Run “autoxero connect xero” to try again."


@dataclass(frozen=True)
class Page:
    """What the browser shows at the end."""

    title: str
    text: str
    status: int = 200

    def html(self) -> bytes:
        """The page, whole in itself."""
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>{escape(self.title)}</title><style>body{{font-family:sans-serif;max-width:36em;margin:4em auto;"
            "padding:0 1em;line-height:1.5}</style></head>"
            f"<body><h1>{escape(self.title)}</h1><p>{escape(self.text)}</p></body></html>"
        ).encode()


_NOT_OURS = Page(
    "This is not the sign-in AutoXero waits for",
    "It belongs to an earlier try, or to another program. AutoXero still waits: go to the address that it gave last.",
    400,
)
_TWICE = Page("This sign-in was used already", "Look into the window where you started AutoXero.", 400)
_LEFT = Page("The sign-in was not finished", _AGAIN, 400)
_NOTHING = Page("There is nothing here", "AutoXero waits for Xero's answer at another address.", 404)


@dataclass(frozen=True)
class Question:
    """One sign-in that is asked for; its state and its verifier are made anew each time.

    Attributes:
        client_id: The Xero app.
        port: Where the browser comes back to on this computer.
        url: The sign-in host.
        state: By which the answer is known to be ours.
        verifier: What only we know; Xero gets its hash now and itself with the code.
    """

    client_id: str
    port: int
    url: str = PUBLIC_LOGIN_URL
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    @property
    def redirect(self) -> str:
        """The address that the browser comes back to, as it must be registered with the Xero app."""
        return f"http://localhost:{self.port}/callback"

    @property
    def address(self) -> str:
        """Xero's page for it."""
        host = PUBLIC_PAGE_URL if self.url == PUBLIC_LOGIN_URL else self.url
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect,
            "scope": USER_SCOPES,
            "state": self.state,
            "code_challenge": urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        base = checked_url(host, "The Xero sign-in address").rstrip("/")
        return f"{base}/identity/connect/authorize?{urlencode(asked)}"


class Callback:
    """Listens for the browser that comes back.

    Use it as a context manager: listening begins and ends with it.

    Args:
        question: Whose answer it takes.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self._answers: queue.SimpleQueue[Mapping[str, str]] = queue.SimpleQueue()
        self._pages: queue.SimpleQueue[Page] = queue.SimpleQueue()
        self._is_answered = False
        self._shown = threading.Event()
        self._lock = threading.Lock()
        self._servers: list[_Server] = []

    def __enter__(self) -> Self:
        try:
            self._servers.append(_Server("127.0.0.1", self))
            self._listen_on_ipv6()
        except OSError as error:
            self._close()
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise PlainError(
                f"Port {self.question.port} of this computer {reason}; the browser has to come back to it from Xero.",
                "End the program that uses it: perhaps another “autoxero connect xero” still waits. Or take another "
                "port, as docs/connect.md says.",
            ) from None
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), name="xero-callback", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_answered:
            self._pages.put(_LEFT)  # counts only where no other page was given
            self._shown.wait(5)
        for server in self._servers:
            server.shutdown()
        self._close()

    def wait(self, patience: float = PATIENCE, *, is_stopped: Callable[[], bool] = lambda: False) -> str:
        """Wait for the answer.

        Args:
            patience: Seconds at most.
            is_stopped: Whether the program is to end.

        Returns:
            The code that Xero gave.

        Raises:
            PlainError: The person refused, Xero did, or nobody came back in time.
            KeyboardInterrupt: The program is to end.
        """
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            if is_stopped():
                raise KeyboardInterrupt
            try:
                answer = self._answers.get(timeout=0.1)  # in short turns, so that Ctrl+C works on Windows
            except queue.Empty:
                continue
            if code := answer.get("code"):
                return code
            trouble = _refused(answer.get("error", ""))
            self.show(Page("You are not signed in", str(trouble), 400))
            raise trouble
        raise PlainError(
            f"Nobody came back from Xero's page within {patience / 60:.0f} minutes; nothing was changed.",
            "If the page showed an error, check the client ID, and that the Xero app has the redirect address "
            f"{self.question.redirect} to the letter. {_AGAIN}",
        )

    def show(self, page: Page) -> None:
        """Let the browser that waits show a page."""
        self._pages.put(page)

    def take(self, query: str) -> Page:
        """Take what a browser brought, in the thread that serves it; gives the page to show."""
        values = {name: given[0] for name, given in parse_qs(query).items()}
        if not compare_digest(values.get("state", "").encode(), self.question.state.encode()):
            return _NOT_OURS
        with self._lock:
            if self._is_answered:
                return _TWICE
            self._is_answered = True
        self._answers.put(values)
        return self._pages.get()

    def shown(self) -> None:
        """The last page is out."""
        if self._is_answered:
            self._shown.set()

    def _listen_on_ipv6(self) -> None:
        """Some browsers take ``localhost`` for ::1; where this computer has no IPv6, none does."""
        try:
            self._servers.append(_Server("::1", self))
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise

    def _close(self) -> None:
        for server in self._servers:
            server.server_close()
        self._servers.clear()


class _Server(ThreadingHTTPServer):
    """Listens on one address of this computer, and on no port that another program has."""

    allow_reuse_address = sys.platform != "win32"
    """On Windows this would share the port; elsewhere it only shortens the wait after the last time."""
    allow_reuse_port = False

    def __init__(self, host: str, callback: Callback) -> None:
        self.callback = callback
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, callback.question.port), _Handler)

    def server_bind(self) -> None:
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        if exclusive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        socketserver.TCPServer.server_bind(self)  # not the library's, which would look up this computer's name


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    """Browsers open lines in advance; those that say nothing are closed."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        callback = cast("_Server", self.server).callback
        page = callback.take(parts.query) if parts.path == "/callback" else _NOTHING
        body = page.html()
        self.send_response(page.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(body)
        if page not in {_NOT_OURS, _TWICE, _NOTHING}:
            callback.shown()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing: the address holds the code."""


def browse(address: str) -> None:
    """Open an address in the user's browser, where this computer has a screen; never wait for it."""
    has_screen = sys.platform in {"win32", "darwin"} or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if has_screen:
        threading.Thread(target=webbrowser.open, args=(address,), name="browser", daemon=True).start()


def _refused(error: str) -> PlainError:
    """Why Xero sent the browser back without a code."""
    if error == "access_denied":
        return PlainError("You pressed Cancel on Xero's page; nothing was changed.", _AGAIN)
    if error in {"invalid_scope", "unauthorized_client"}:
        return PlainError(
            "Xero does not let this app ask for what invoices need.",
            "Check that it is an app of the kind “Mobile or desktop app”, as docs/forward-to-bookkeeper.md says.",
        )
    return PlainError("Xero sent the browser back without a sign-in; nothing was changed.", _AGAIN)
