"""The Xero accounting API: bulk reads, creating documents in batches, limits, and what its errors mean."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec
import requests

from agent.domain.books import Books, Organisation
from agent.domain.document import DocumentKind, Posted
from agent.errors import StopError, stop
from agent.wire import NoAnswerError, Wire, checked_url
from agent.xero.login import Login
from agent.xero.models import Connection, ContactRow, DocumentRow, Envelope, ErrorRow, History

PUBLIC_API_URL = "https://api.xero.com"
PAGE = 1000
"""Rows a page, the most Xero gives."""
BATCH = 50
"""Documents in one call, the most Xero recommends."""
LARGEST_BODY = 3_000_000
"""Bytes of one call, below Xero's practical limit of 3.5 MB."""
IN_FLIGHT = 4
"""Requests at the same time; Xero allows five, one of which is left to the office."""
KEY_LIVES = 300.0
"""Seconds in which a request is repeated under its key; Xero keeps keys for six minutes."""
_NUMBERS = 100
"""Numbers asked for in one address."""
_TRIES = 4
_LONGEST_WAIT = 120.0

Shape = TypeVar("Shape")

_PATHS: Mapping[DocumentKind, str] = {"Invoice": "Invoices", "Credit note": "CreditNotes"}


class NotSentError(Exception):
    """Too much time passed since the intent was written down; nothing was sent."""


class UncertainError(Exception):
    """It is not known whether Xero carried the request out.

    Attributes:
        is_over: Xero did answer, with an error of its own.
        is_done: The request was carried out to its end, whatever came of it: it cannot land any more.
        detail: What happened.
    """

    def __init__(self, detail: str, *, is_over: bool, is_done: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.is_over = is_over
        self.is_done = is_done

    def saying(self, detail: str) -> UncertainError:
        """As uncertain as this one, for another reason."""
        return UncertainError(detail, is_over=self.is_over, is_done=self.is_done)


class RefusedError(Exception):
    """Xero refused the whole request and saved nothing of it; ``messages`` are its words."""

    def __init__(self, messages: tuple[str, ...], correlation_id: str = "") -> None:
        super().__init__("; ".join(messages))
        self.messages = messages
        self.correlation_id = correlation_id


@dataclass(frozen=True)
class Answer:
    """Xero's answer for one document of a batch.

    Attributes:
        posted: The document as Xero now has it, where it was taken.
        messages: Why it was refused.
        warnings: What Xero remarks on a document that it took.
        correlation_id: What Xero's support asks for.
    """

    posted: Posted | None
    messages: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    correlation_id: str = ""


@dataclass
class Xero:
    """One organisation's API.

    Attributes:
        login: Gives access tokens.
        tenant_id: The organisation; blank until :meth:`choose` has been called.
        wire: How requests are made.
        url: The API host.
    """

    login: Login
    tenant_id: str = ""
    wire: Wire = field(default_factory=Wire)
    url: str = PUBLIC_API_URL
    _places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(IN_FLIGHT), repr=False)

    def connections(self) -> list[Connection]:
        """The organisations that the sign-in reaches."""
        content = self._read(f"{self._base}/connections", {}).content
        found = _decoded(content, list[Connection])
        return [connection for connection in found if connection.tenant_type in {"ORGANISATION", ""}]

    def organisation(self) -> Organisation:
        """The organisation itself: name, base currency, lock dates."""
        rows = self._list("Organisation").organisations
        if not rows:
            raise stop("AX-405", "Xero shows no organisation to this sign-in.")
        return rows[0].read(self.tenant_id)

    def books(self, organisation: Organisation) -> Books:
        """Everything that planning looks at: accounts, tax rates, currencies, contacts, themes, tracking."""
        return Books(
            organisation=organisation,
            currencies=frozenset(row.code for row in self._list("Currencies").currencies),
            accounts=tuple(row.read() for row in self._list("Accounts").accounts),
            tax_rates=tuple(row.read() for row in self._list("TaxRates").tax_rates),
            contacts=tuple(
                row.read() for page in self._pages("Contacts", includeArchived="true") for row in page.contacts
            ),
            branding_themes=tuple(
                (row.branding_theme_id, row.name) for row in self._optional("BrandingThemes").branding_themes
            ),
            tracking=tuple(
                (category.name, option.name, category.tracking_category_id, option.tracking_option_id)
                for category in self._optional("TrackingCategories").tracking_categories
                if category.status == "ACTIVE"
                for option in category.options
                if option.status == "ACTIVE"
            ),
        )

    def dated_from(self, kind: DocumentKind, day: date) -> list[Posted]:
        """All sales documents of a kind dated on or after a day, with their lines."""
        sales = "ACCREC" if kind == "Invoice" else "ACCRECCREDIT"
        where = f'Type=="{sales}" AND Date>=DateTime({day.year},{day.month:02},{day.day:02})'
        pages = self._pages(_PATHS[kind], where=where, order="Date ASC" if kind == "Invoice" else "")
        return [row.read(kind) for page in pages for row in _rows(page, kind) if row.type in {sales, ""}]

    def by_this_app(self) -> list[Posted]:
        """All sales invoices that this app made, whatever their dates; credit notes cannot be asked for so."""
        pages = self._pages("Invoices", where='Type=="ACCREC"', createdByMyApp="true")
        return [row.read("Invoice") for page in pages for row in page.invoices if row.type in {"ACCREC", ""}]

    def changed_since(self, kind: DocumentKind, moment: datetime) -> list[Posted]:
        """All sales documents of a kind that changed since a moment, deleted and voided ones too."""
        sales = "ACCREC" if kind == "Invoice" else "ACCRECCREDIT"
        pages = self._pages(_PATHS[kind], moment, where=f'Type=="{sales}"')
        return [row.read(kind) for page in pages for row in _rows(page, kind) if row.type in {sales, ""}]

    def set_status(self, posted: Posted, status: str) -> Answer:
        """Delete or void a document of ours.

        Raises:
            RefusedError, UncertainError: It may not have been done.
        """
        is_invoice = posted.kind == "Invoice"
        row = {"InvoiceID" if is_invoice else "CreditNoteID": posted.id, "Status": status}
        body = msgspec.json.encode({_PATHS[posted.kind]: [row]})
        headers = {"Idempotency-Key": f"{posted.id}-{status}", "Content-Type": "application/json"}
        url = f"{self._api}/{_PATHS[posted.kind]}"
        answer = self._write("POST", url, {"summarizeErrors": "false"}, headers, body)
        rows = _rows(_decoded(answer.content, Envelope), posted.kind)
        if not rows:
            raise UncertainError("Xero gave an empty answer.", is_over=True)
        return _answer(rows[0], posted.kind, answer.headers.get("Xero-Correlation-Id", ""))

    def one(self, kind: DocumentKind, document_id: str) -> Posted:
        """One document as it is now."""
        url = f"{self._api}/{_PATHS[kind]}/{document_id}"
        rows = _rows(_decoded(self._read(url, {"unitdp": "4"}).content, Envelope), kind)
        if not rows:
            raise stop("AX-403", "Xero gave an empty answer.")
        return rows[0].read(kind)

    def allocated(self, credit_id: str, invoice_id: str) -> Decimal:
        """How much of a credit note is used for an invoice."""
        content = self._read(f"{self._api}/CreditNotes/{credit_id}", {}).content
        rows = _decoded(content, Envelope).credit_notes
        uses = rows[0].allocations if rows else []
        return sum((item.amount for item in uses if item.invoice.invoice_id == invoice_id), Decimal(0))

    def allocate(self, credit_id: str, invoice_id: str, amount: Decimal, day: date, key: str) -> None:
        """Use a credit note for an invoice.

        Raises:
            RefusedError, UncertainError: It may not have been used.
        """
        row = {"Amount": f"{amount:.2f}", "Invoice": {"InvoiceID": invoice_id}, "Date": day.isoformat()}
        body = msgspec.json.encode({"Allocations": [row]})
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        self._write("PUT", f"{self._api}/CreditNotes/{credit_id}/Allocations", {}, headers, body)

    def history(self, kind: DocumentKind, document_id: str) -> list[str]:
        """The notes in a document's history."""
        content = self._read(f"{self._api}/{_PATHS[kind]}/{document_id}/History", {}).content
        return [record.details for record in _decoded(content, History).history_records]

    def add_note(self, kind: DocumentKind, document_id: str, note: str) -> None:
        """Add a note to a document's history, which Xero keeps for good; tried once, for its queue tries again.

        Raises:
            RefusedError, UncertainError: It may not have been added.
        """
        body = msgspec.json.encode({"HistoryRecords": [{"Details": note[:2500]}]})
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{document_id} {note}"))
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        self._write("PUT", f"{self._api}/{_PATHS[kind]}/{document_id}/History", {}, headers, body, tries=1)

    def attach(self, kind: DocumentKind, document_id: str, name: str, content: bytes) -> None:
        """Attach a PDF to a document; the same name replaces it. Tried once, for its queue tries again.

        Raises:
            RefusedError, UncertainError: It may not have been attached.
        """
        headers = {"Idempotency-Key": f"{document_id}-{name}", "Content-Type": "application/pdf"}
        url = f"{self._api}/{_PATHS[kind]}/{document_id}/Attachments/{name}"
        self._write("PUT", url, {}, headers, content, tries=1)

    def numbered(self, numbers: Sequence[str]) -> list[Posted]:
        """The sales invoices that have one of the numbers; numbers with a comma cannot be asked for."""
        found = []
        askable = [number for number in numbers if "," not in number]
        for start in range(0, len(askable), _NUMBERS):
            some = ",".join(askable[start : start + _NUMBERS])
            pages = self._pages("Invoices", InvoiceNumbers=some)
            found += [row.read("Invoice") for page in pages for row in page.invoices if row.type in {"ACCREC", ""}]
        return found

    def send(  # noqa: PLR0913, PLR0917 - the parts of one request
        self,
        verb: Literal["create", "update"],
        kind: DocumentKind,
        body: bytes,
        key: str,
        places: int,
        clock: Callable[[], None] | None = None,
        within: float = KEY_LIVES,
    ) -> list[Answer]:
        """Create or update the documents of a batch, under one key however often it is tried.

        Args:
            verb: PUT never changes a document that is there; an update names each by its id.
            kind: Invoices or credit notes.
            body: The exact bytes, as the ledger keeps them.
            key: The ``Idempotency-Key``.
            places: Decimals of unit prices.
            clock: Called just before the first try; raises :class:`NotSentError` where it is too late to send.
            within: Seconds that are left of the key's life: no try begins later.

        Returns:
            One answer for each document, in the order sent.

        Raises:
            NotSentError: Nothing was sent.
            UncertainError: It may or may not have been carried out.
            RefusedError: The whole was refused, and nothing saved.
            StopError: The run cannot go on; this request was not carried out.
        """
        params = {"summarizeErrors": "false"} | ({"unitdp": "4"} if places == 4 else {})
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        method = "PUT" if verb == "create" else "POST"
        answer = self._write(method, f"{self._api}/{_PATHS[kind]}", params, headers, body, clock, within)
        correlation_id = answer.headers.get("Xero-Correlation-Id", "")
        try:
            rows = _rows(_decoded(answer.content, Envelope), kind)
        except StopError as error:
            raise UncertainError(error.fault.detail, is_over=True, is_done=True) from None
        return [_answer(row, kind, correlation_id) for row in rows]

    def create_contacts(
        self, contacts: Sequence[Mapping[str, object]], key: str
    ) -> list[tuple[ContactRow, tuple[str, ...]]]:
        """Create contacts; each comes back with Xero's complaints, if any."""
        return self._send_contacts("PUT", contacts, key)

    def update_contacts(
        self, contacts: Sequence[Mapping[str, object]], key: str
    ) -> list[tuple[ContactRow, tuple[str, ...]]]:
        """Change contacts, each named by its ContactID; each comes back with Xero's complaints, if any."""
        return self._send_contacts("POST", contacts, key)

    def _send_contacts(
        self, method: str, contacts: Sequence[Mapping[str, object]], key: str
    ) -> list[tuple[ContactRow, tuple[str, ...]]]:
        body = msgspec.json.encode({"Contacts": contacts})
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        answer = self._write(method, f"{self._api}/Contacts", {"summarizeErrors": "false"}, headers, body)
        rows = _decoded(answer.content, Envelope).contacts
        return [(row, tuple(error.text for error in row.validation_errors)) for row in rows]

    @property
    def _base(self) -> str:
        return checked_url(self.url, "The Xero address").rstrip("/")

    @property
    def _api(self) -> str:
        return f"{self._base}/api.xro/2.0"

    def _list(self, path: str, since: datetime | None = None, **params: str) -> Envelope:
        headers = {} if since is None else {"If-Modified-Since": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")}
        return _decoded(self._read(f"{self._api}/{path}", params, headers).content, Envelope)

    def _optional(self, path: str) -> Envelope:
        """A list that not every plan has."""
        try:
            return self._list(path)
        except StopError as error:
            if "HTTP 404" in error.fault.detail:
                return Envelope()
            raise

    def _pages(self, path: str, since: datetime | None = None, **params: str) -> Iterator[Envelope]:
        number = 1
        while True:
            asked = {key: value for key, value in params.items() if value}
            page = self._list(path, since, **asked, page=str(number), pageSize=str(PAGE), unitdp="4")
            yield page
            got = max(len(page.contacts), len(page.invoices), len(page.credit_notes))
            last = page.pagination.page_count if page.pagination else None
            if number >= last if last is not None else got < PAGE:
                return
            number += 1

    def _read(self, url: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None) -> requests.Response:
        """A read with its retries."""
        trouble = stop("AX-402", "Xero did not answer.")
        for tried in range(_TRIES):
            if tried:
                self.wire.sleep(min(2.0**tried, 30.0))
            try:
                answer = self._once("GET", url, params, headers or {}, None)
            except NoAnswerError as error:
                trouble = stop("AX-402", f"Xero did not answer ({error}).")
                continue
            if answer.status_code == 200:
                return answer
            if answer.status_code < 500:
                raise _no(answer)
            trouble = stop("AX-403", f"Xero answered HTTP {answer.status_code}: {_said(answer)}")
        raise trouble

    def _write(  # noqa: C901, PLR0913, PLR0917 - the parts of one request; one decision table
        self,
        method: str,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        clock: Callable[[], None] | None = None,
        within: float = KEY_LIVES,
        tries: int = _TRIES,
    ) -> requests.Response:
        """A write with its retries, all under the same key and within the key's life."""
        is_late = self.wire.alarm(within)
        uncertain = UncertainError("", is_over=True, is_done=True)
        for tried in range(tries):
            if tried:
                self.wire.sleep(min(2.0**tried, 30.0))
            elif clock is not None:
                clock()
            try:
                answer = self._once(method, url, params, headers, body, is_late)
            except NoAnswerError as error:
                uncertain = UncertainError(f"Xero did not answer ({error}).", is_over=False)
                continue
            except StopError as error:
                if not tried:
                    raise
                raise uncertain.saying(error.fault.detail) from None  # a try may have landed
            if answer.status_code == 200:
                return answer
            if answer.status_code < 500:
                if answer.status_code == 400 and not (tried and "different request" in answer.text):
                    raise RefusedError(_all_said(answer), answer.headers.get("Xero-Correlation-Id", ""))
                if tried:
                    raise uncertain.saying(_said(answer))
                raise _no(answer)
            uncertain = UncertainError(
                f"Xero answered HTTP {answer.status_code}: {_said(answer)}",
                is_over=uncertain.is_over and answer.status_code in {500, 501, 503},
                is_done=uncertain.is_done and answer.status_code in {500, 501},  # a 503 need not be Xero's own
            )
        raise uncertain

    def _once(
        self,
        method: str,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
        is_late: Callable[[], bool] = lambda: False,
    ) -> requests.Response:
        """One request, repeated only where Xero says that it did not look at it: expired token, limits."""
        renewed = False
        for _ in range(6):
            token = self.login.token()
            signed = {**headers, "Authorization": f"Bearer {token}", "Accept": "application/json"}
            if self.tenant_id:
                signed["xero-tenant-id"] = self.tenant_id
            if is_late():
                raise NoAnswerError("the time for trying is over")
            with self._places:
                answer = self.wire.send(method, url, headers=signed, params=params, body=body)
            if answer.status_code == 401 and "TokenExpired" in answer.text and not renewed:
                renewed = True
                self.login.forget(token)
            elif answer.status_code == 429:
                self.wire.sleep(_wait(answer))
            else:
                return answer
        raise stop("AX-404", "Xero keeps answering that there are too many calls.")


def _wait(answer: requests.Response) -> float:
    """Seconds to wait after a 429.

    Raises:
        StopError: It is the day's limit, or the wait is too long to sit out.
    """
    problem = answer.headers.get("X-Rate-Limit-Problem", "").casefold()
    given = answer.headers.get("Retry-After", "")
    seconds = float(given) if re.fullmatch(r"\d+(\.\d+)?", given) else 2.0
    if "day" in problem or seconds > _LONGEST_WAIT:
        hours, minutes = divmod(int(seconds) // 60, 60)
        limit = "day" if "day" in problem else "call"
        told = stop("AX-404", f"Xero's {limit} limit is reached; it goes on in {hours} h {minutes} min.")
        told.after = seconds
        raise told
    return max(seconds, 1.0)


def _no(answer: requests.Response) -> StopError:
    """What a refusal that concerns the connection means."""
    said = _said(answer)
    if answer.status_code == 401:
        return stop("AX-401" if "TokenExpired" in said else "AX-405", f"Xero refused the sign-in: {said}")
    if answer.status_code == 403:
        return stop("AX-405", f"This sign-in does not reach the organisation any more: {said}")
    return stop("AX-403", f"Xero answered HTTP {answer.status_code}: {said}")


def _said(answer: requests.Response) -> str:
    return "; ".join(_all_said(answer))


def _all_said(answer: requests.Response) -> tuple[str, ...]:
    """Xero's own words in an answer of whatever shape."""
    try:
        row = msgspec.json.decode(answer.content, type=ErrorRow, strict=False)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return (answer.text[:300].strip() or "no reason given",)
    words = [message for element in row.elements for message in element.messages]
    words = words or [text for text in (row.detail, row.message, row.title) if text][:1]
    return tuple(dict.fromkeys(words)) or ("no reason given",)


def _decoded(content: bytes, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(content, type=shape, strict=False)
    except msgspec.ValidationError:
        pass  # a null where Xero leaves fields out
    except msgspec.DecodeError as error:
        raise stop("AX-403", f"Xero's answer could not be read ({error}).") from None
    try:
        return msgspec.convert(_without_nulls(json.loads(content, parse_float=Decimal)), shape, strict=False)
    except (ValueError, msgspec.ValidationError) as error:
        raise stop("AX-403", f"Xero's answer could not be read ({error}).") from None


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value if item is not None] if isinstance(value, list) else value


def _rows(envelope: Envelope, kind: DocumentKind) -> list[DocumentRow]:
    return envelope.invoices if kind == "Invoice" else envelope.credit_notes


def _answer(row: DocumentRow, kind: DocumentKind, correlation_id: str) -> Answer:
    warnings = tuple(message.text for message in row.warnings if message.text)
    if row.is_refused:
        return Answer(None, row.messages or ("no reason given",), warnings, correlation_id)
    return Answer(row.read(kind), (), warnings, correlation_id)
