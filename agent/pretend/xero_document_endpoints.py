"""The endpoints of invoices and credit notes, with their history, attachments and allocations."""

from __future__ import annotations

import re
from decimal import Decimal
from urllib.parse import unquote

from werkzeug import Response

from agent.pretend.wire import JsonObject
from agent.pretend.xero_ask import Ask, not_found, not_implemented, validation_answer
from agent.pretend.xero_documents import ID_NAMES, NUMBER_NAMES, DocumentWriter, Kind, find_document
from agent.pretend.xero_lists import Listing, answer_list
from agent.pretend.xero_outcome import Outcome
from agent.pretend.xero_payments import delete_allocation, save_allocation
from agent.pretend.xero_records import Attachment, Contact, Document, Note
from agent.pretend.xero_sent import Sent
from agent.pretend.xero_shapes import allocation_facts, document_facts, envelope

HISTORY_LIMIT = 2500
ATTACHMENT_LIMIT = 10
ATTACHMENT_BYTES = 10_000_000
BAD_IN_NAMES = re.compile(r'[<>:"/\\|?*+\x00]')


def documents_endpoint(ask: Ask, kind: Kind) -> Response:
    """Answer anything below ``/Invoices`` or ``/CreditNotes``."""
    if not ask.path:
        if ask.method == "GET":
            return _list(ask, kind)
        return _write(ask, kind) if ask.method in {"PUT", "POST"} else not_implemented()
    document = find_document(ask.books.organisation, kind, ask.path[0])
    if document is None:
        return not_found()
    rest = [part.lower() for part in ask.path[1:]]
    if not rest:
        return _single(ask, kind, document)
    return _below(ask, kind, document, rest)


def _below(ask: Ask, kind: Kind, document: Document, rest: list[str]) -> Response:
    if rest[0] == "history":
        return history_endpoint(ask, document.history)
    if rest[0] == "attachments":
        return _attachments(ask, kind, document)
    if rest[0] == "allocations" and kind == "CreditNotes":
        return _allocations(ask, document, rest[1:])
    if rest == ["pdf"] and ask.method == "GET":
        return _pdf(document)
    return _invoice_only(ask, document, rest) if kind == "Invoices" else not_found()


def _invoice_only(ask: Ask, document: Document, rest: list[str]) -> Response:
    if rest == ["onlineinvoice"] and ask.method == "GET":
        return _online(ask, document)
    if rest == ["email"] and ask.method == "POST":
        return _email(document)
    return not_found()


def _single(ask: Ask, kind: Kind, document: Document) -> Response:
    if ask.method == "POST":
        return _write(ask, kind, document)
    if ask.method != "GET":
        return not_implemented()
    if "application/pdf" in ask.request.headers.get("Accept", ""):
        return _pdf(document)
    return envelope(ask.books, kind, [document_facts(ask.books, document, places=ask.places)])


def _write(ask: Ask, kind: Kind, document: Document | None = None) -> Response:
    writer = DocumentWriter(ask.books, kind, is_create=ask.method == "PUT", places=ask.places)
    elements = ask.elements(kind)
    if document is not None and elements and isinstance(elements[0], dict):
        elements = [{**elements[0], ID_NAMES[kind]: document.id}]
    # Every element must be readable before the first is saved: an unreadable body changes nothing.
    for element in elements:
        _check_readable(element)
    return answer_outcomes(ask, kind, [writer.save(element) for element in elements])


def _check_readable(element: object) -> None:
    sent = Sent(element)
    for name in ("Date", "DueDate"):
        sent.day(name)
    for line in sent.many("LineItems"):
        for name in ("Quantity", "UnitAmount", "LineAmount", "TaxAmount"):
            line.number(name)


def answer_outcomes(ask: Ask, name: str, outcomes: list[Outcome[Document]]) -> Response:
    """Answer a write: 400 with the refused elements, or everything with its own status."""
    elements = [outcome.element(is_summary_mode=ask.is_summary_mode) for outcome in outcomes]
    if ask.is_summary_mode and any(outcome.errors for outcome in outcomes):
        return validation_answer([shown for shown, outcome in zip(elements, outcomes, strict=True) if outcome.errors])
    return envelope(ask.books, name, elements)


def _list(ask: Ask, kind: Kind) -> Response:
    books = ask.books
    documents = [d for d in books.organisation.documents.values() if d.is_credit == (kind == "CreditNotes")]
    by_app = {d.id for d in documents if d.is_by_app}
    example = Document(
        "ACCRECCREDIT" if kind == "CreditNotes" else "ACCREC", Contact("", books.now()), books.today(), books.now()
    )

    def shown(facts: JsonObject) -> JsonObject:
        return facts if books.rules.lists_url else facts | {"Url": None}

    listing = Listing(
        name=kind,
        kind=kind.removesuffix("s"),
        id_name=ID_NAMES[kind],
        known=document_facts(books, example),
        search=(NUMBER_NAMES[kind], "Reference"),
        full=lambda place: shown(document_facts(books, documents[place], places=ask.places)),
        summary=lambda place: shown(document_facts(books, documents[place], is_summary=True)),
    )
    return answer_list(ask, listing, len(documents), lambda facts: _is_wanted(ask, kind, facts, by_app))


def _is_wanted(ask: Ask, kind: Kind, facts: JsonObject, by_app: set[str]) -> bool:
    ids, numbers = ask.listed("IDs"), ask.listed(NUMBER_NAMES[kind] + "s")
    contacts, statuses = ask.listed("ContactIDs"), ask.listed("Statuses")
    return (
        (not ids or facts[ID_NAMES[kind]] in ids)
        and (not numbers or str(facts[NUMBER_NAMES[kind]]).lower() in numbers)
        and (not contacts or facts["Contact"]["ContactID"] in contacts)
        and (not statuses or facts["Status"].lower() in statuses)
        and (not ask.is_on("createdByMyApp") or facts[ID_NAMES[kind]] in by_app)
    )


def history_endpoint(ask: Ask, history: list[Note]) -> Response:
    """Answer ``/History`` of anything that has one."""
    if ask.method == "GET":
        return envelope(ask.books, "HistoryRecords", [_note_facts(note) for note in reversed(history)])
    if ask.method != "PUT":
        return not_implemented()
    details = [Sent(element).text("Details") or "" for element in ask.elements("HistoryRecords")]
    if any(not text or len(text) > HISTORY_LIMIT for text in details):
        message = f"The Details must be between 1 and {HISTORY_LIMIT} characters."
        return validation_answer([{"Details": text, "ValidationErrors": [{"Message": message}]} for text in details])
    notes = [Note(text, ask.books.now(), user=ask.books.app_name) for text in details]
    history += notes
    shown = [
        {name: value for name, value in _note_facts(note).items() if name not in {"Changes", "User"}}
        | {"ValidationErrors": []}
        for note in notes
    ]
    return envelope(ask.books, "HistoryRecords", shown)


def _note_facts(note: Note) -> JsonObject:
    return {
        "Changes": note.changes,
        "DateUTCString": f"{note.time:%Y-%m-%dT%H:%M:%S}",
        "DateUTC": note.time,
        "User": note.user,
        "Details": note.details,
    }


def _attachments(ask: Ask, kind: Kind, document: Document) -> Response:
    if len(ask.path) == 2:
        if ask.method != "GET":
            return not_implemented()
        shown = [_attachment_facts(ask, kind, document, entry) for entry in document.attachments.values()]
        return envelope(ask.books, "Attachments", shown)
    name = unquote("/".join(ask.path[2:]))
    if ask.method == "GET":
        entry = document.attachments.get(name) or next((a for a in document.attachments.values() if a.id == name), None)
        return Response(entry.data, content_type=entry.type) if entry else not_found()
    return _attach(ask, kind, document, name)


def _attach(ask: Ask, kind: Kind, document: Document, name: str) -> Response:
    if ask.method not in {"PUT", "POST"}:
        return not_implemented()
    data = ask.request.get_data()
    problem = ""
    if BAD_IN_NAMES.search(name):
        problem = "The file name contains characters that are not allowed"
    elif not data or len(data) > ATTACHMENT_BYTES:
        problem = "The file is empty or larger than 10 MB"
    elif name not in document.attachments and len(document.attachments) >= ATTACHMENT_LIMIT:
        problem = f"A document can have at most {ATTACHMENT_LIMIT} attachments"
    if problem:
        return validation_answer([{"FileName": name, "ValidationErrors": [{"Message": problem}]}])
    kind_of_file = ask.request.headers.get("Content-Type", "application/octet-stream")
    entry = Attachment(name, kind_of_file, data, is_online=ask.is_on("IncludeOnline"))
    if name in document.attachments:
        entry.id = document.attachments[name].id
    document.attachments[name] = entry
    return envelope(ask.books, "Attachments", [_attachment_facts(ask, kind, document, entry)])


def _attachment_facts(ask: Ask, kind: Kind, document: Document, entry: Attachment) -> JsonObject:
    return {
        "AttachmentID": entry.id,
        "FileName": entry.name,
        "Url": f"{ask.request.host_url}api.xro/2.0/{kind}/{document.id}/Attachments/{entry.name}",
        "MimeType": entry.type,
        "ContentLength": len(entry.data),
        "IncludeOnline": entry.is_online,
    }


def _allocations(ask: Ask, credit_note: Document, rest: list[str]) -> Response:
    books = ask.books
    if ask.method == "PUT" and not rest:
        outcomes = [save_allocation(books, credit_note, Sent(element)) for element in ask.elements("Allocations")]
        if any(outcome.errors for outcome in outcomes):
            return validation_answer([outcome.element(is_summary_mode=True) for outcome in outcomes if outcome.errors])
        return envelope(books, "Allocations", [outcome.facts for outcome in outcomes])
    found = [a for a in books.organisation.allocations.values() if a.credit_note is credit_note]
    if ask.method == "GET" and not rest:
        return envelope(books, "Allocations", [allocation_facts(entry) for entry in found])
    wanted = next((entry for entry in found if rest == [entry.id]), None)
    if wanted is None or ask.method != "DELETE":
        return not_found()
    delete_allocation(books, wanted)
    return envelope(books, "Allocations", [{"AllocationID": wanted.id, "IsDeleted": True}])


def _online(ask: Ask, document: Document) -> Response:
    if document.type != "ACCREC" or document.status not in {"AUTHORISED", "PAID"}:
        message = "The online invoice URL can only be retrieved for an approved sales invoice"
        return validation_answer([{"InvoiceID": document.id, "ValidationErrors": [{"Message": message}]}])
    address = f"https://in.xero.com/{document.id.replace('-', '')[:24]}"
    return envelope(ask.books, "OnlineInvoices", [{"OnlineInvoiceUrl": address}])


def _email(document: Document) -> Response:
    if document.status not in {"SUBMITTED", "AUTHORISED", "PAID"}:
        message = "Invoice must be SUBMITTED, AUTHORISED or PAID to be emailed"
        return validation_answer([{"InvoiceID": document.id, "ValidationErrors": [{"Message": message}]}])
    document.is_sent = True
    return Response(status=204)


def _pdf(document: Document) -> Response:
    total: Decimal = document.total
    return Response(f"%PDF-1.4\n% {document.number} {total}\n%%EOF\n".encode(), content_type="application/pdf")
