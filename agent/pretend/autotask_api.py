"""The HTTP face of the pretend Autotask."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from urllib.parse import quote
from xml.sax.saxutils import escape

from werkzeug import Request, Response

from agent.pretend.autotask_fields import Entity, entities, entity_information, field_information
from agent.pretend.autotask_query import Query, QueryError, find_field, read_query
from agent.pretend.autotask_store import DATE_ONLY, PretendAutotask, User, shown_value, stored
from agent.pretend.troubles import THREADS_EXCEEDED
from agent.pretend.wire import JsonObject, NotJsonError, decode, json_answer, read_instant

ROOT = "/atservicesrest"
URL_LIMIT = 2048
"""The longest address that the web server in front of the service takes."""

UNKNOWN_ZONE = "Zone information could not be determined"


def errors(status: int, *messages: str) -> Response:
    """Answer with the service's own error body."""
    return json_answer({"errors": list(messages)}, status)


def framework(status: int, message: str) -> Response:
    """Answer with the error body of the web framework below the service."""
    return json_answer({"Message": message}, status)


class AutotaskApi:
    """Answers requests from the records of one pretend Autotask.

    Args:
        store: The records.
        released: Set when the server stops; ends waiting.
    """

    def __init__(self, store: PretendAutotask, released: Event) -> None:
        self.store = store
        self._released = released
        self._in_flight: dict[tuple[str, str], int] = {}

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        if request.method == "GET" and len(request.environ.get("REQUEST_URI", "")) > URL_LIMIT:
            return Response("<html><body>404 - File or directory not found.</body></html>", 404, mimetype="text/html")
        return self._answer(request)

    @contextmanager
    def in_flight(self, request: Request) -> Iterator[Response | None]:
        """Count a request as being worked on; gives the refusal when too many are."""
        segments = _segments(request)
        key = (request.headers.get("ApiIntegrationCode", ""), segments[0].lower() if segments else "")
        limit = self.store.concurrent_limit
        with self.store.lock:
            count = self._in_flight.get(key, 0)
            is_refused = limit is not None and count >= limit and key[1] != "zoneinformation"
            if not is_refused:
                self._in_flight[key] = count + 1
        try:
            yield errors(429, THREADS_EXCEEDED) if is_refused else None
        finally:
            if not is_refused:
                with self.store.lock:
                    self._in_flight[key] -= 1

    def _answer(self, request: Request) -> Response:
        if request.path.lower().rstrip("/") == ROOT + "/versioninformation":
            return json_answer({"apiVersions": ["V1.0"]})
        segments = _segments(request)
        if segments and segments[0].lower() == "zoneinformation":
            return self._zone(request)
        with self.store.lock:
            refusal = self._elsewhere(request) or self._sign_in(request) or self._over_threshold()
            if refusal is not None:
                return refusal
            delay = self.store.threshold.delay(self.store.now())
        if delay:
            self._released.wait(delay)
        with self.store.lock:
            return self._route(request, segments)

    def _zone(self, request: Request) -> Response:
        name = request.args.get("user", "").strip().lower()
        if name not in self.store.users:
            return errors(500, UNKNOWN_ZONE)
        here = request.host_url
        if self.store.moved_to:
            here = here.replace(_host(request), self.store.moved_to, 1)
        return json_answer(
            {"zoneName": "Pretend", "url": f"{here}ATServicesRest/", "webUrl": here, "ci": 20264},
        )

    def _elsewhere(self, request: Request) -> Response | None:
        """Refuse a request that reaches the zone which the database has left."""
        if self.store.moved_to in {"", _host(request)}:
            return None
        return errors(self.store.moved_status, "Unauthorized")

    def _sign_in(self, request: Request) -> Response | None:
        user = self.store.users.get(_header(request, "UserName").lower())
        if user is None:
            return errors(500, "The logged in Resource could not be found: UserName is invalid.")
        if user.is_locked:
            return errors(401, "The user account has been locked. Please see your Autotask Administrator for details.")
        if _header(request, "Secret") != user.secret.strip():
            self._note_failure(user)
            return errors(401, "Unauthorized")
        if _header(request, "ApiIntegrationCode") != user.integration_code.strip():
            return errors(500, "IntegrationCode is invalid.")
        user.failures = 0
        return None

    def _note_failure(self, user: User) -> None:
        user.failures += 1
        if self.store.lock_after is not None and user.failures >= self.store.lock_after:
            user.is_locked = True

    def _over_threshold(self) -> Response | None:
        threshold, now = self.store.threshold, self.store.now()
        if threshold.limit is not None and threshold.count(now) >= threshold.limit:
            return errors(
                threshold.refusal_status,
                f"The API request threshold of {threshold.limit} requests per {threshold.minutes} minutes "
                "has been exceeded.",
            )
        threshold.note(now)
        return None

    def _route(self, request: Request, segments: list[str]) -> Response:
        lowered = [segment.lower() for segment in segments]
        if lowered == ["thresholdinformation"]:
            return self._threshold()
        if not lowered or lowered[0] not in entities():
            return framework(404, f"No HTTP resource was found that matches the request URI '{request.url}'.")
        entity = entities()[lowered[0]]
        try:
            return self._entity(request, entity, lowered[1:])
        except QueryError as error:
            return errors(500, str(error))

    def _entity(self, request: Request, entity: Entity, rest: list[str]) -> Response:
        method = request.method
        if not rest:
            return self._update(entity, request) if method in {"PATCH", "PUT"} else _not_supported(method)
        if rest[0] == "query":
            return self._query(request, entity, rest[1:])
        if method != "GET":
            return _not_supported(method)
        if rest[0] == "entityinformation":
            return self._information(entity, rest[1:])
        if re.fullmatch(r"-?\d+", rest[0]):
            return self._record(entity, int(rest[0]), rest[1:])
        return framework(404, "No HTTP resource was found that matches the request URI.")

    def _threshold(self) -> Response:
        threshold = self.store.threshold
        return json_answer(
            {
                "externalRequestThreshold": threshold.limit or 10_000,
                "requestThresholdTimeframe": threshold.minutes,
                "currentTimeframeRequestCount": threshold.count(self.store.now()),
            }
        )

    def _information(self, entity: Entity, rest: list[str]) -> Response:
        if not rest:
            return json_answer(entity_information(entity))
        if rest == ["fields"]:
            terms = {number: str(term["name"]) for number, term in self.store.tables["PaymentTerms"].items()}
            return json_answer(field_information(entity, terms))
        if rest == ["userdefinedfields"]:
            return json_answer({"fields": self._user_defined(entity)})
        return framework(404, "No HTTP resource was found that matches the request URI.")

    def _user_defined(self, entity: Entity) -> list[JsonObject]:
        names = {
            item["name"]
            for record in self.store.tables[entity.name].values()
            for item in record.get("userDefinedFields") or []
        }
        return [
            {"name": name, "label": name, "type": "string", "length": 8000, "isPickList": False, "picklistValues": None}
            for name in sorted(names)
        ]

    def _record(self, entity: Entity, number: int, rest: list[str]) -> Response:
        record = self.store.visible(entity.name).get(number)
        if not rest:
            return json_answer({"item": _shown(record, None) if record else None})
        if entity.name == "Invoices" and record is not None:
            if rest == ["invoicepdf"]:
                return json_answer(_pdf(record))
            if rest == ["invoicemarkupxml"]:
                return json_answer({"invoiceMarkup": self._markup(record)})
        return framework(404, "No HTTP resource was found that matches the request URI.")

    def _query(self, request: Request, entity: Entity, rest: list[str]) -> Response:
        if request.method not in {"GET", "POST"}:
            return _not_supported(request.method)
        paging = _json_argument(request, "paging") if rest == ["next"] else {}
        # A page link works only with the method that made it.
        if paging and paging.get("method", request.method) != request.method:
            return _not_supported(request.method)
        body = _body(request) if request.method == "POST" else _json_argument(request, "search")
        query = read_query(entity, body)
        found = [record for record in self.store.visible(entity.name).values() if query.test(record)]
        if rest == ["count"]:
            return json_answer({"queryCount": len(found)})
        return json_answer(_page(request, entity, query, found, paging))

    def _update(self, entity: Entity, request: Request) -> Response:
        if "update" not in entity.abilities or entity.name in {"Contacts", "CompanyLocations"}:
            return _not_supported(request.method)
        body = _body(request)
        if not isinstance(body, dict):
            return errors(500, "The request body is not a JSON object.")
        changes = {str(name).lower(): value for name, value in body.items()}
        number = changes.pop("id", None)
        record = self.store.tables[entity.name].get(number) if isinstance(number, int) else None
        if record is None:
            return errors(500, "No message. No matching records found.")
        try:
            accepted = _accepted(entity, changes)
        except ValueError as error:
            return errors(500, str(error))
        if request.method == "PUT":
            # PUT empties every writable field that is not sent.
            record |= {entry.name: None for entry in entity.fields.values() if not entry.is_read_only}
        record |= accepted
        return json_answer({"itemId": number})

    def _markup(self, invoice: JsonObject) -> str:
        lines = [line for line in self.store.visible("BillingItems").values() if line["invoiceID"] == invoice["id"]]
        items = "".join(
            f"<invoice_item><invoice_item_id>{place}</invoice_item_id><item_id>{line['id']}</item_id>"
            f"<item_name>{escape(line['itemName'] or '')}</item_name><quantity>{line['quantity'] or 0}</quantity>"
            f"<extended_price>{line['extendedPrice'] or 0}</extended_price></invoice_item>"
            for place, line in enumerate(lines, start=1)
        )
        return (
            '<invoice_batch_generic xmlns="http://tempuri.org/invoice_batch_generic.xsd"><account><invoice>'
            f"<invoice_id>{invoice['id']}</invoice_id><invoice_number>{escape(invoice['invoiceNumber'] or '')}"
            f"</invoice_number><invoice_total>{invoice['invoiceTotal']}</invoice_total>"
            f"<total_tax_value>{invoice['totalTaxValue']}</total_tax_value>{items}"
            "</invoice></account></invoice_batch_generic>"
        )


def _segments(request: Request) -> list[str]:
    """Give the parts of the address after the version, such as ``["Invoices", "query"]``."""
    match = re.match(ROOT + r"/v?1\.0(?:/(.*))?$", request.path, re.IGNORECASE)
    return [part for part in (match[1] or "").split("/") if part] if match else []


def _not_supported(method: str) -> Response:
    return framework(405, f"The requested resource does not support http method '{method}'.")


def _body(request: Request) -> object:
    try:
        return decode(request.get_data() or b"null")
    except NotJsonError:
        raise QueryError("The request body is not valid JSON.") from None


def _json_argument(request: Request, name: str) -> JsonObject:
    arguments = {key.lower(): value for key, value in request.args.items()}
    try:
        value = decode(arguments.get(name, "null").encode())
    except NotJsonError:
        raise QueryError(f"The {name} parameter is not valid JSON.") from None
    if not isinstance(value, dict):
        raise QueryError("Query must include at least one filter condition.")
    return value


def _page(request: Request, entity: Entity, query: Query, found: list[JsonObject], paging: JsonObject) -> JsonObject:
    starts = [int(number) for number in paging.get("starts", [])]
    after = starts[-1] if starts else None
    rest = [record for record in found if after is None or record["id"] > after]
    shown = rest[: query.page]
    following = [*starts, shown[-1]["id"]] if len(rest) > len(shown) else None
    return {
        "items": [_shown(record, query.only) for record in shown],
        "pageDetails": {
            "count": len(shown),
            "requestCount": query.page,
            "prevPageUrl": _page_url(request, entity, query, starts[:-1]) if starts else None,
            "nextPageUrl": _page_url(request, entity, query, following) if following else None,
        },
    }


def _page_url(request: Request, entity: Entity, query: Query, starts: list[int]) -> str:
    paging = json.dumps({"pageSize": query.page, "method": request.method, "starts": starts}, separators=(",", ":"))
    search = request.args.get("search", "") if request.method == "GET" else ""
    suffix = f"&search={quote(search)}" if search else ""
    return f"{request.host_url}ATServicesRest/V1.0/{entity.name}/query/next?paging={quote(paging)}{suffix}"


def _shown(record: JsonObject, only: tuple[str, ...] | None) -> JsonObject:
    names = record if only is None else only
    return {name: shown_value(record[name]) for name in names}


def _accepted(entity: Entity, changes: JsonObject) -> JsonObject:
    """Keep the changes that the service takes; unknown and read-only fields are passed over in silence."""
    accepted: JsonObject = {}
    for name, value in changes.items():
        entry = entity.find(name)
        if entry is None or entry.is_read_only:
            continue
        accepted[find_field(entity, name).name] = stored(entry, _cut(entry.name, value))
    return accepted


def _cut(name: str, value: object) -> object:
    """Drop the time of day of a day field as written, whatever its zone."""
    if name in DATE_ONLY and isinstance(value, str):
        return read_instant(value[:10])
    return value


def _pdf(invoice: JsonObject) -> JsonObject:
    name = invoice["invoiceNumber"] or invoice["id"]
    data = b"%PDF-1.4\n% pretend invoice " + str(name).encode() + b"\n%%EOF\n"
    return {
        "id": invoice["id"],
        "contentType": "application/pdf",
        "fileName": f"Invoice {name}.pdf",
        "fileSize": len(data),
        "data": base64.b64encode(data).decode(),
    }


def _header(request: Request, name: str) -> str:
    """A header of the sign-in, sent as UTF-8; blanks at its ends are lost on the way."""
    return request.headers.get(name, "").encode("latin-1").decode("utf-8", "replace").strip()


def _host(request: Request) -> str:
    return request.host.rpartition(":")[0] or request.host
