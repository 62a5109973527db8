"""The Autotask REST client: zone, queries by key, updates that are read back, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from agent.autotask.models import EntityInfo, FieldInfos, ZoneRow
from agent.domain.hidden import without
from agent.errors import PlainError, StopError, stop
from agent.wire import NoAnswerError, Wire, checked_url

PUBLIC_URL = "https://webservices.autotask.net/ATServicesRest/"
PAGE = 500
"""Rows a page, the most Autotask gives."""
MOST_VALUES = 200
"""Ids in one query: each counts as a condition, of which 500 are allowed."""

_PERHAPS_MOVED = frozenset({301, 302, 307, 308, 401, 404})
"""With these a zone may refuse a tenant that lives in another one now."""

_LONGEST = 300
"""Characters that are told of a page that is no answer of Autotask's."""

Done = TypeVar("Done")
Row = TypeVar("Row", bound=msgspec.Struct)
Condition = Mapping[str, object]


@dataclass(frozen=True)
class Credentials:
    """The API user's sign-in."""

    username: str
    secret: str = field(repr=False)
    integration_code: str = field(repr=False)

    def left_out(self, text: str) -> str:
        """The text without the secret and the code, should Autotask quote them."""
        return without(text, (self.secret.strip(), self.integration_code.strip()))


@dataclass(frozen=True)
class Zone:
    """Where a tenant lives.

    Attributes:
        url: The address that ends before ``V1.0/``.
        web_url: Autotask's pages for people.
        ci: The tenant's own number.
    """

    url: str
    web_url: str
    ci: int | None


class _TryAgainError(Exception):
    """A passing trouble: busy, overloaded, or no answer."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Autotask:
    """One tenant's API.

    Args:
        credentials: The API user.
        wire: How requests are made.
        start_url: The host that is asked for the zone first.
    """

    def __init__(self, credentials: Credentials, wire: Wire | None = None, start_url: str = PUBLIC_URL) -> None:
        self.wire = wire or Wire()
        self._credentials = credentials
        self._start_url = checked_url(start_url, "The Autotask address")
        self._zone: Zone | None = None

    @property
    def zone(self) -> Zone:
        """The tenant's zone, found at the first use.

        Raises:
            StopError: The user name is unknown, or Autotask does not answer.
        """
        if self._zone is None:
            self._zone = self._tried(self._find_zone)
        return self._zone

    def now(self) -> datetime:
        """Autotask's own time, by its last answer."""
        return datetime.now(UTC) + (self.wire.ahead or timedelta(0))

    def query(self, entity: str, row: type[Row], *conditions: Condition) -> Iterator[Row]:
        """All rows that fulfil all conditions, by id, read page by page.

        The next page is asked for by the last id, which is exact where the order is by id.

        Args:
            entity: The table's REST name.
            row: The model of its rows.
            conditions: Filters; at least one.

        Raises:
            StopError: Autotask does not answer or refuses.
        """
        last: int | None = None
        while True:
            after = [] if last is None else [{"op": "gt", "field": "id", "value": last}]
            items: list[Any] = self.first(entity, row, *conditions, *after)
            yield from items
            if len(items) < PAGE:
                return
            last = items[-1].id

    def first(self, entity: str, row: type[Row], *conditions: Condition, most: int = PAGE) -> list[Row]:
        """The first rows that fulfil all conditions, by id: one call.

        Raises:
            StopError: Autotask does not answer or refuses.
        """
        decoder: Any = msgspec.json.Decoder(msgspec.defstruct("Page", [("items", list[row])]), strict=False)  # type: ignore[valid-type]
        body = msgspec.json.encode({"filter": conditions, "MaxRecords": most})
        try:
            found: list[Row] = decoder.decode(self._call("POST", f"{entity}/query", body)).items
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise _unreadable(entity, error) from None
        return found

    def labels(self, entity: str, name: str) -> dict[int, str]:
        """The labels of a pick list by its numbers."""
        content = self._call("GET", f"{entity}/entityInformation/fields")
        try:
            infos = msgspec.json.decode(content, type=FieldInfos, strict=False)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise _unreadable(entity, error) from None
        found = [info for info in infos.fields if info.name.casefold() == name.casefold()]
        values = found[0].picklist_values or [] if found else []
        numbered = [value for value in values if str(value.value).lstrip("-").isdigit()]
        return {int(value.value): value.label or str(value.value) for value in numbered}

    def may_update(self, entity: str) -> bool:
        """Whether the API user may change rows of a table."""
        content = self._call("GET", f"{entity}/entityInformation")
        try:
            info = msgspec.json.decode(content, type=EntityInfo, strict=False).info
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise _unreadable(entity, error) from None
        return info.can_update is not False and info.access != "None"

    def read(self, path: str) -> bytes:
        """The raw answer to a read, such as ``Invoices/155/InvoicePdf``."""
        return self._call("GET", path)

    def update(self, entity: str, row_id: int, values: Mapping[str, object]) -> None:
        """Change the fields given and no others.

        Autotask answers 200 also where it ignores a field: read back what counts.
        """
        self._call("PATCH", entity, msgspec.json.encode({"id": row_id, **values}))

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        zone = self.zone
        answer = self._tried(lambda: self._once(zone, method, path, body))
        if answer.status_code in _PERHAPS_MOVED and (moved := self._other_zone(zone)):
            answer = self._tried(lambda: self._once(moved, method, path, body))
        if answer.status_code != 200:
            raise _meaning(answer, path, self._credentials)
        return answer.content

    def _other_zone(self, zone: Zone) -> Zone | None:
        """Where the tenant lives now; ``None`` where that is the same, or cannot be known: then the refusal counts.

        It is asked for apart from the request, which must not be repeated: wrong secrets lock the user.
        """
        try:
            self._zone = self._tried(self._find_zone)
        except (StopError, PlainError):
            return None
        return self._zone if self._zone.url != zone.url else None

    def _tried(self, act: Callable[[], Done]) -> Done:
        """What the act gives, after as many tries as its troubles deserve.

        Raises:
            StopError: It did not succeed.
        """
        tries = Retrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=_give_up,
            wait=wait_exponential(multiplier=1, max=15),
            sleep=self.wire.sleep,
            reraise=True,
        )
        try:
            return tries(act)
        except _TryAgainError as trouble:
            raise stop(trouble.code, trouble.detail) from None

    def _once(self, zone: Zone, method: str, path: str, body: bytes | None) -> requests.Response:
        """The answer, where it is one, or the zone may have refused a tenant that moved.

        Raises:
            StopError, _TryAgainError: It is a refusal or a passing trouble.
        """
        headers = {
            "ApiIntegrationCode": _header(self._credentials.integration_code),
            "UserName": _header(self._credentials.username),
            "Secret": _header(self._credentials.secret),
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        answer = self._send(method, f"{zone.url}V1.0/{path}", headers, body)
        if answer.status_code == 200 or answer.status_code in _PERHAPS_MOVED:
            return answer
        raise _meaning(answer, path, self._credentials)

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> requests.Response:
        try:
            return self.wire.send(method, url, headers=headers, body=body)
        except NoAnswerError as error:
            raise _TryAgainError("AX-303", f"Autotask did not answer ({error}).") from None

    def _find_zone(self) -> Zone:
        url = f"{self._start_url}V1.0/zoneInformation?user={quote(self._credentials.username, safe='')}"
        answer = self._send("GET", url, {"Accept": "application/json"})
        if answer.status_code != 200:
            if "could not be determined" in answer.text:
                raise stop("AX-302", f"Autotask does not know the user name “{self._credentials.username}”.")
            raise _meaning(answer, "zoneInformation", self._credentials)
        try:
            row = msgspec.json.decode(answer.content, type=ZoneRow, strict=False)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise _unreadable("zoneInformation", error) from None
        url = checked_url(row.url if row.url.endswith("/") else row.url + "/", "Autotask's zone")
        return Zone(url, row.web_url, row.ci)


def values_of(field_name: str, values: Sequence[int]) -> Condition:
    """The condition that a field is one of the values."""
    return {"op": "in", "field": field_name, "value": list(values)}


def _unreadable(what: str, error: Exception) -> StopError:
    return stop("AX-304", f"What answered for {what} is not Autotask, or not in its right mind ({error}).")


def _header(value: str) -> str:
    """A header's value as bytes would carry it: any characters whatever, in UTF-8; a copied line break is no part."""
    return value.strip().encode("utf-8").decode("latin-1")


def _give_up(state: RetryCallState) -> bool:
    """A plain 500 is tried once more only, for it mostly means that the request is wrong; the rest three times."""
    error = state.outcome.exception() if state.outcome else None
    most = 2 if isinstance(error, _TryAgainError) and "HTTP 500" in error.detail else 4
    return stop_after_attempt(most)(state)


def _meaning(  # noqa: PLR0911 - a table, a return a row
    answer: requests.Response, path: str, credentials: Credentials
) -> Exception:
    """What an answer that is no 200 means."""
    text = "; ".join(_messages(answer, credentials)) or "no reason given"
    status = answer.status_code
    if re.search(r"threshold|itgenatr", text, re.IGNORECASE) and not re.search(r"thread", text, re.IGNORECASE):
        return stop("AX-305", text)
    if status == 401 or "account has been locked" in text:
        locked = "locked" in text
        return stop("AX-301", text if locked else "Autotask refused the secret: it is wrong, or the user is locked.")
    if status == 403 or re.search(r"adequate permissions|required permissions", text, re.IGNORECASE):
        return stop("AX-302", f"The API user may not read or change {path.split('/', maxsplit=1)[0]}: {text}")
    if "IntegrationCode is invalid" in text:
        return stop("AX-302", "Autotask refused the integration code.")
    if status not in _PERHAPS_MOVED and (status == 429 or re.search(r"thread threshold", text, re.IGNORECASE)):
        return _TryAgainError("AX-305", f"Autotask says that there are too many calls at once: {text}")
    if status in {502, 503, 504}:
        return _TryAgainError("AX-304", f"Autotask answered HTTP {status}.")
    if status == 500:
        if re.search(r"\b(sign[- ]?in|log ?in|logon|credentials?|user ?name)\b", text, re.IGNORECASE):
            return stop("AX-302", text)
        return _TryAgainError("AX-304", f"Autotask answered HTTP 500 to {path}: {text}")
    return stop("AX-304", f"Autotask answered HTTP {status} to {path}: {text}")


def _messages(answer: requests.Response, credentials: Credentials) -> list[str]:
    """The reasons that an answer gives, without what is secret; of one that is no JSON only the beginning."""
    try:
        body = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        text = credentials.left_out(answer.text)[:_LONGEST]
        return [text] if text else []
    if not isinstance(body, dict):
        return []
    errors = body.get("errors") or [body.get("Message") or ""]
    return [credentials.left_out(str(error)) for error in errors if error]
