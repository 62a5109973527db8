"""The gateway of the pretend Xero: sign-in, tenants, limits and idempotency before the endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from werkzeug import Request, Response

from agent.pretend.troubles import problem
from agent.pretend.wire import json_answer
from agent.pretend.xero_ask import Ask, exception_answer, not_found
from agent.pretend.xero_records import Organisation, new_id
from agent.pretend.xero_sent import PostDataError
from agent.pretend.xero_settings import ENDPOINTS
from agent.pretend.xero_sign_in import Connection, Token
from agent.pretend.xero_store import PretendXero

KEY_LIFE = timedelta(minutes=6)
KEY_LENGTH = 128
BASE = "/api.xro/2.0"


@dataclass
class _Kept:
    """The answer to a request that came with an idempotency key."""

    method: str
    address: str
    body: bytes
    time: datetime
    status: int
    data: bytes
    content_type: str


class XeroApi:
    """Answers ``/connections`` and everything below ``/api.xro/2.0``."""

    def __init__(self, store: PretendXero) -> None:
        self._store = store
        self._kept: dict[str, _Kept] = {}

    @contextmanager
    def in_flight(self, request: Request) -> Iterator[Response | None]:
        """Count a request as being worked on; gives the refusal when too many are."""
        with self._store.limits.in_flight(self._tenant(request)) as refusal:
            yield refusal

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        with self._store.lock:
            response = self._answer(request)
        response.headers["Xero-Correlation-Id"] = new_id()
        return response

    def _answer(self, request: Request) -> Response:
        token = self._token(request)
        if isinstance(token, Response):
            return token
        path = request.path.lower().rstrip("/")
        if path == "/connections" or path.startswith("/connections/"):
            return self._connections(request, token)
        if not path.startswith(BASE + "/"):
            return not_found()
        organisation = self._organisation(request, token)
        if organisation is None:
            return json_answer(problem(403, "Forbidden", "AuthenticationUnsuccessful"), 403)
        segments = _segments(request)
        refusal = _lacks_scope(request, token, segments) or self._store.limits.count(
            organisation.tenant_id, self._store.now()
        )
        response = refusal or self._once(request, organisation, segments)
        response.headers.update(self._store.limits.headers(organisation.tenant_id))
        return response

    def _token(self, request: Request) -> Token | Response:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        token = self._store.sign_in.access.get(text) if scheme.lower() == "bearer" else None
        if token is None:
            return json_answer(problem(401, "Unauthorized", "AuthenticationUnsuccessful"), 401)
        if token.expires <= self._store.now():
            detail = f"TokenExpired: token expired at {token.expires:%m/%d/%Y %H:%M:%S}"
            return json_answer(problem(401, "Unauthorized", detail), 401)
        return token

    def _tenant(self, request: Request) -> str:
        return request.headers.get("xero-tenant-id", "").lower() or self._store.tenant_id

    def _organisation(self, request: Request, token: Token) -> Organisation | None:
        """Find the organisation of a request; a custom connection has one and need not name it."""
        named = request.headers.get("xero-tenant-id", "").lower()
        if token.is_custom:
            is_open = self._store.is_custom_connection_open and named in {"", self._store.tenant_id}
            return self._store.organisation if is_open else None
        is_connected = any(connection.tenant_id == named for connection in self._store.sign_in.connections.values())
        return self._store.organisations.get(named) if is_connected else None

    def _connections(self, request: Request, token: Token) -> Response:
        connections = self._store.sign_in.connections
        wanted = request.path.rstrip("/").lower().removeprefix("/connections").strip("/")
        if wanted:
            if request.method != "DELETE":
                return not_found()
            if wanted not in connections:
                return json_answer(problem(403, "Forbidden", "AuthenticationUnsuccessful"), 403)
            del connections[wanted]
            return Response(status=204)
        shown = list(connections.values())
        if token.is_custom:
            organisation, now = self._store.organisation, self._store.now()
            own = Connection(organisation.tenant_id, organisation.name, now, now, token.event, organisation.tenant_id)
            shown = [own] if self._store.is_custom_connection_open else []
        event = request.args.get("authEventId", "").lower()
        return json_answer([_connection_shown(entry) for entry in shown if event in {"", entry.event}])

    def _once(self, request: Request, organisation: Organisation, segments: list[str]) -> Response:
        """Answer, but give the stored answer to a request that came before under the same key."""
        key = request.headers.get("Idempotency-Key", "")
        if not key or request.method not in {"PUT", "POST", "PATCH"}:
            return self._endpoint(request, organisation, segments)
        if len(key) > KEY_LENGTH:
            return exception_answer(
                10, "ValidationException", f"Idempotency Key must be at most {KEY_LENGTH} characters."
            )
        now, address = self._store.now(), request.full_path.lower()
        self._kept = {name: kept for name, kept in self._kept.items() if kept.time > now - KEY_LIFE}
        kept = self._kept.get(key)
        if kept is None:
            response = self._endpoint(request, organisation, segments)
            self._kept[key] = _Kept(
                request.method,
                address,
                request.get_data(),
                now,
                response.status_code,
                response.get_data(),
                response.content_type or "",
            )
            return response
        if (kept.method, kept.address, kept.body) != (request.method, address, request.get_data()):
            message = f"Idempotency Key: {key} is used with a different request."
            return exception_answer(10, "ValidationException", message)
        return Response(kept.data, kept.status, content_type=kept.content_type)

    def _endpoint(self, request: Request, organisation: Organisation, segments: list[str]) -> Response:
        if not segments or segments[0].lower() not in ENDPOINTS:
            return not_found()
        ask = Ask(request, self._store.books(organisation), segments[1:])
        try:
            return ENDPOINTS[segments[0].lower()][1](ask)
        except PostDataError as error:
            return exception_answer(14, "PostDataInvalidException", str(error))


def _segments(request: Request) -> list[str]:
    raw = str(request.environ.get("REQUEST_URI", request.path)).partition("?")[0]
    # The raw address keeps a slash inside a part apart from the slashes between parts.
    return [unquote(part) for part in raw[len(BASE) :].split("/") if part]


def _lacks_scope(request: Request, token: Token, segments: list[str]) -> Response | None:
    needed = ENDPOINTS.get(segments[0].lower(), ("", None))[0] if segments else ""
    if any(part.lower() == "attachments" for part in segments[2:3]):
        needed = "accounting.attachments"
    enough = {needed, f"{needed}.read"} if request.method == "GET" else {needed}
    if not needed or enough & token.scopes:
        return None
    response = json_answer(problem(401, "Unauthorized", "AuthorizationUnsuccessful"), 401)
    response.headers["WWW-Authenticate"] = "insufficient_scope"
    return response


def _connection_shown(entry: Connection) -> dict[str, str]:
    return {
        "id": entry.id,
        "authEventId": entry.event,
        "tenantId": entry.tenant_id,
        "tenantType": "ORGANISATION",
        "tenantName": entry.tenant_name,
        # Seven digits after the second and no zone, as the real service writes them.
        "createdDateUtc": f"{entry.created:%Y-%m-%dT%H:%M:%S.%f}0",
        "updatedDateUtc": f"{entry.updated:%Y-%m-%dT%H:%M:%S.%f}0",
    }
