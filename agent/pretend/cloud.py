"""The pretend Autotask and the pretend Xero on one local port."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from threading import RLock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Self

from werkzeug import Request, Response
from werkzeug.http import http_date
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from agent.pretend.autotask_api import AutotaskApi
from agent.pretend.autotask_store import PretendAutotask
from agent.pretend.troubles import Call, Trouble, Troubles, answer_for
from agent.pretend.wire import Clock, real_clock
from agent.pretend.xero_api import XeroApi
from agent.pretend.xero_login import XeroLogin
from agent.pretend.xero_store import PretendXero

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class LineCutError(ConnectionError):
    """The connection was cut on purpose."""


class QuietHandler(WSGIRequestHandler):
    """A request handler that logs nothing and dates its answers by the cloud's clock."""

    clock = staticmethod(real_clock)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Write the Date header by the cloud's clock, unless asked about another instant."""
        return http_date(type(self).clock() if timestamp is None else timestamp)

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Drop a log line."""


class Cloud:
    """A local server that plays Autotask, Xero and Xero's sign-in host.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`. After a stop it can start again on the
    same port with everything it knew.

    Args:
        now: Gives the present instant (aware UTC) for everything that depends on time.
        port: The port on 127.0.0.1; 0 takes a free one.

    Attributes:
        autotask: The records of Autotask.
        xero: The books of Xero.
        troubles: Failures in store, for all systems.
        calls: Every request in order of arrival.
    """

    def __init__(self, *, now: Clock = real_clock, port: int = 0) -> None:
        self.now = now
        self.autotask = PretendAutotask(now=now)
        self.xero = PretendXero(now=now)
        self.troubles = Troubles()
        self.calls: list[Call] = []
        self.port = port
        self._lock = RLock()
        self._autotask_api = AutotaskApi(self.autotask, self.troubles.released)
        self._xero_api = XeroApi(self.xero)
        self._login = XeroLogin(self.xero)
        self._server: BaseWSGIServer | None = None
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start to answer requests."""
        if self._server is not None:
            return
        self.troubles.released.clear()
        handler = type("CloudHandler", (QuietHandler,), {"clock": staticmethod(self.now)})
        server = make_server("127.0.0.1", self.port, self._serve, threaded=True, request_handler=handler)
        self.port = server.server_port
        self._server = server
        self._thread = Thread(target=server.serve_forever, args=(0.02,), name="pretend-cloud", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and end every stall; the records stay."""
        self.troubles.released.set()
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        server.shutdown()
        server.server_close()
        thread.join(5)
        self._server = self._thread = None

    @property
    def url(self) -> str:
        """The address of this server, without a slash at the end.

        Raises:
            RuntimeError: The cloud has no port yet, because it was never started.
        """
        if not self.port:
            raise RuntimeError("Start the cloud first: it has no port yet.")
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point the product at this cloud, with pretend credentials."""
        user, app = self.autotask.user, self.xero.app
        return {
            "AUTOXERO_AUTOTASK_URL": f"{self.url}/ATServicesRest/",
            "AUTOXERO_AUTOTASK_USERNAME": user.username,
            "AUTOXERO_AUTOTASK_SECRET": user.secret,
            "AUTOXERO_AUTOTASK_INTEGRATION_CODE": user.integration_code,
            "AUTOXERO_XERO_API_URL": self.url,
            "AUTOXERO_XERO_LOGIN_URL": self.url,
            "AUTOXERO_XERO_CLIENT_ID": app.client_id,
            "AUTOXERO_XERO_CLIENT_SECRET": app.secret,
        }

    def count(self, system: str | None = None) -> int:
        """Count the requests so far, to one system (``autotask``, ``xero``, ``login``) or to all."""
        with self._lock:
            return sum(call.system == system or system is None for call in self.calls)

    def reset(self) -> None:
        """Forget the calls so far."""
        with self._lock:
            self.calls.clear()

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        call = self._note(request)
        try:
            response = self._answer(request, call)
        except LineCutError:
            connection: socket.socket = environ["werkzeug.socket"]
            connection.shutdown(socket.SHUT_RDWR)
            raise
        call.status = response.status_code
        response.autocorrect_location_header = False
        return response(environ, start_response)

    def _note(self, request: Request) -> Call:
        body = request.get_data()
        with self._lock:
            call = Call(
                number=len(self.calls) + 1,
                system=system_of(request.path),
                method=request.method,
                path=request.path,
                query=request.query_string.decode("latin-1"),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
                time=self.now(),
            )
            self.calls.append(call)
        return call

    def _answer(self, request: Request, call: Call) -> Response:
        if call.system == "login":
            return self._through_troubles(request, call)
        api = self._autotask_api if call.system == "autotask" else self._xero_api
        with api.in_flight(request) as refusal:
            return refusal if refusal is not None else self._through_troubles(request, call)

    def _through_troubles(self, request: Request, call: Call) -> Response:
        self._hook(call, is_commit=False)
        trouble = self.troubles.pick(call)
        if trouble is not None and not trouble.is_after_commit:
            refusal = self._meet(trouble, request, call)
            if refusal is not None:
                return refusal
        response = self._handle(request, call)
        call.is_commit = True
        self._hook(call, is_commit=True)
        if trouble is not None and trouble.is_after_commit:
            return self._meet(trouble, request, call) or response
        return response

    def _handle(self, request: Request, call: Call) -> Response:
        if call.system == "autotask":
            return self._autotask_api.handle(request)
        if call.system == "login":
            return self._login.handle(request)
        return self._xero_api.handle(request)

    def _hook(self, call: Call, *, is_commit: bool) -> None:
        hook = self.troubles.on_commit if is_commit else self.troubles.on_request
        if hook is None:
            return
        try:
            hook(call)
        except Exception as error:
            raise LineCutError(str(error)) from error

    def _meet(self, trouble: Trouble, request: Request, call: Call) -> Response | None:
        """Let a request run into its trouble; gives the answer if the trouble has one."""
        if trouble.kind in {"cut_before", "cut_after"}:
            raise LineCutError(trouble.kind)
        if trouble.kind in {"stall", "slow"}:
            self.troubles.hold(trouble)
            return None
        if trouble.kind == "expire_token":
            self.xero.sign_in.expire(request.headers.get("Authorization", "").removeprefix("Bearer "))
            return None
        return answer_for(trouble, call)


def system_of(path: str) -> str:
    """Tell which system an address belongs to: ``autotask``, ``xero`` or ``login``."""
    lowered = path.lower()
    if lowered.startswith("/atservicesrest"):
        return "autotask"
    if lowered.startswith(("/connect/", "/identity/")):
        return "login"
    return "xero"
