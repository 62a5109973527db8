"""Creating and changing invoices and credit notes of the pretend Xero."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Literal

from agent.pretend.wire import JsonObject, round_half_up
from agent.pretend.xero_arithmetic import totals_of
from agent.pretend.xero_books import Books
from agent.pretend.xero_contacts import NEEDS_IDENTITY, NOT_FOUND, apply, by_name, by_number, contact_problems
from agent.pretend.xero_lines import LineReader
from agent.pretend.xero_outcome import Outcome, echo
from agent.pretend.xero_records import CREDITS, NO_ID, SALES, Contact, Document, Note, Organisation
from agent.pretend.xero_rules import STATUSES, change_problems, document_problems
from agent.pretend.xero_sent import Sent
from agent.pretend.xero_shapes import document_facts

Kind = Literal["Invoices", "CreditNotes"]
TYPES: dict[Kind, frozenset[str]] = {
    "Invoices": frozenset({"ACCREC", "ACCPAY"}),
    "CreditNotes": CREDITS,
}
ID_NAMES: dict[Kind, str] = {"Invoices": "InvoiceID", "CreditNotes": "CreditNoteID"}
NUMBER_NAMES: dict[Kind, str] = {"Invoices": "InvoiceNumber", "CreditNotes": "CreditNoteNumber"}
TAX_MODES = frozenset({"Exclusive", "Inclusive", "NoTax"})
ARCHIVED_CONTACT = (
    "The contact with the specified contact details has been archived. "
    "The contact must be un-archived before creating new invoices or credit notes"
)
UNKNOWN_CONTACT = "Unknown contact details, please provide a valid ContactID or Contact Number"


def find_document(organisation: Organisation, kind: Kind, id_or_number: str) -> Document | None:
    """Find a document by its id, else by its number; a live one goes before a voided or deleted one."""
    wanted = id_or_number.casefold()
    documents = [d for d in organisation.documents.values() if d.is_credit == (kind == "CreditNotes")]
    found = [d for d in documents if d.id == wanted] or [d for d in documents if d.number.casefold() == wanted]
    return min(found, key=lambda d: (not d.is_live, d.type not in SALES), default=None)


class DocumentWriter:
    """Saves sent documents of one kind.

    Args:
        books: The organisation and its rules.
        kind: Which endpoint was called.
        is_create: Whether it was called with PUT, which never changes a document.
        places: Decimals of unit amounts: 2, or 4 with ``unitdp=4``.
    """

    def __init__(self, books: Books, kind: Kind, *, is_create: bool, places: int) -> None:
        self._books = books
        self._kind = kind
        self._is_create = is_create
        self._places = places

    def save(self, element: object) -> Outcome[Document]:
        """Create or change one document.

        Raises:
            PostDataError: The element cannot be read at all.
        """
        sent = Sent(element)
        before, problems = self._match(sent)
        if before is not None:
            problems = change_problems(self._books, before, sent)
        if problems:
            return Outcome(None, self._refused(sent, before), problems)
        return self._write(sent, before)

    def _match(self, sent: Sent) -> tuple[Document | None, list[str]]:
        """Find the document that a POST means: by id, else by number; a taken number means that document."""
        if self._is_create:
            return None, []
        organisation = self._books.organisation
        wanted = sent.text(ID_NAMES[self._kind])
        if wanted and wanted != NO_ID:
            found = organisation.documents.get(wanted.lower())
            missing = NOT_FOUND
            if self._kind == "CreditNotes":
                missing = "An existing Credit Note with the specified CreditNoteID could not be found"
            is_found = found is not None and found.type in TYPES[self._kind]
            return (found, []) if is_found else (None, [missing])
        number = sent.text(NUMBER_NAMES[self._kind])
        found = find_document(organisation, self._kind, number) if number else None
        if found is not None and (found.status in self._books.rules.reusable_numbers or found.type not in SALES):
            found = None
        return found, []

    def _write(self, sent: Sent, before: Document | None) -> Outcome[Document]:
        books = self._books
        contact, problems = self._contact(sent, before)
        kind = sent.choice("Type", TYPES[self._kind]) or (before.type if before else None)
        if kind is None:
            return Outcome(None, self._refused(sent, before), ["Invoice not of valid type for creation"])
        document = self._draft(kind, contact, before)
        self._head(document, sent)
        reader = self._read_lines(document, sent)
        totals = totals_of(document.lines, document.tax_mode)
        document.sub_total, document.total_tax, document.total = totals.sub_total, totals.total_tax, totals.total
        is_dying = document.status in {"VOIDED", "DELETED"} and before is not None
        if not is_dying:
            problems += reader.errors + document_problems(books, document, sent, is_new=before is None)
        if problems:
            return Outcome(None, self._refused(sent, before, document), list(dict.fromkeys(problems)), reader.warnings)
        saved = self._commit(document, before, sent)
        facts = document_facts(books, saved, places=self._places, is_write=True)
        return Outcome(saved, facts, [], reader.warnings)

    def _draft(self, kind: str, contact: Contact | None, before: Document | None) -> Document:
        books = self._books
        if before is not None:
            document = copy.copy(before)
            document.contact = contact or before.contact
            return document
        document = Document(kind, contact or Contact("", books.now()), books.today(), books.now())
        document.currency = books.organisation.base_currency
        document.theme = next(iter(books.organisation.themes), None) if kind in SALES else None
        return document

    def _contact(self, sent: Sent, before: Document | None) -> tuple[Contact | None, list[str]]:
        """Find or make the contact, with what was sent about it written in; nothing is kept yet."""
        details = sent.one("Contact")
        if details is None:
            needed = ["A Contact must be specified for this type of transaction"]
            return (before.contact, []) if before else (None, needed)
        found, problems = self._find_contact(details)
        if problems:
            return None, problems
        if found is not None and found.status != "ACTIVE":
            is_same = before is not None and before.contact is found
            return found, [] if is_same else [ARCHIVED_CONTACT]
        changed = Contact("", self._books.now()) if found is None else copy.deepcopy(found)
        apply(changed, details)
        if found is not None and vars(changed) == vars(found):
            return found, []
        return changed, contact_problems(self._books.organisation, changed, details)

    def _find_contact(self, details: Sent) -> tuple[Contact | None, list[str]]:
        """Find the contact that was sent; neither a contact nor a problem means a new one by its name."""
        organisation = self._books.organisation
        contact_id, number, name = (details.text(key) for key in ("ContactID", "ContactNumber", "Name"))
        if not (contact_id or number or name):
            return None, [NEEDS_IDENTITY]
        if contact_id and contact_id != NO_ID:
            found, can_be_new = organisation.contacts.get(contact_id.lower()), False
        else:
            found, can_be_new = by_number(organisation, number or "") or by_name(organisation, name or ""), bool(name)
        return found, [] if found or can_be_new else [UNKNOWN_CONTACT]

    def _head(self, document: Document, sent: Sent) -> None:
        document.status = sent.choice("Status", STATUSES) or document.status
        document.date = sent.day("Date") or document.date
        document.due = sent.day("DueDate") or document.due
        document.number = sent.text(NUMBER_NAMES[self._kind]) or document.number
        document.tax_mode = sent.choice("LineAmountTypes", TAX_MODES) or document.tax_mode
        document.reference = document.reference if sent.text("Reference") is None else sent.text("Reference") or ""
        document.theme = (sent.text("BrandingThemeID") or document.theme or "").lower() or None
        document.url = sent.text("Url") or document.url
        is_sent = sent.flag("SentToContact")
        if is_sent is not None and document.status in {"AUTHORISED", "PAID"}:
            document.is_sent = is_sent
        if sent.text("CurrencyCode"):
            document.currency = (sent.text("CurrencyCode") or "").upper()
        self._rate(document, sent.number("CurrencyRate"))

    def _rate(self, document: Document, sent_rate: Decimal | None) -> None:
        organisation = self._books.organisation
        if document.currency == organisation.base_currency:
            document.rate = Decimal(1)
        elif sent_rate:
            document.rate = round_half_up(sent_rate, 6)
        elif document.id not in organisation.documents:
            document.rate = organisation.exchange_rates.get(document.currency, Decimal(1))

    def _read_lines(self, document: Document, sent: Sent) -> LineReader:
        reader = LineReader(
            self._books, document.status, document.tax_mode, document.type in SALES, document.is_credit, self._places
        )
        existing = {line.id: line for line in document.lines}
        if sent.raw("LineItems") is None:
            document.lines = [copy.deepcopy(line) for line in document.lines]
            if sent.has("LineAmountTypes"):
                for line in document.lines:
                    reader.again(line)
            return reader
        # Existing lines that are missing from the sent list are gone.
        document.lines = [
            reader.read(line, existing.get((line.text("LineItemID") or "").lower())) for line in sent.many("LineItems")
        ]
        return reader

    def _commit(self, document: Document, before: Document | None, sent: Sent) -> Document:
        organisation, now = self._books.organisation, self._books.now()
        document.contact = self._keep(document.contact)
        document.contact.is_customer |= document.type in SALES
        document.contact.is_supplier |= document.type not in SALES
        if not document.number and document.type in SALES:
            document.number = self._next_number(document)
        document.updated = now
        status = document.status.capitalize()
        if before is None:
            document.history = [Note(f"{document.number} created", now, "Created")]
            organisation.documents[document.id] = document
            saved = document
        else:
            document.history = [*document.history, Note(f"{document.number} {', '.join(sent.names)}", now, status)]
            vars(before).update(vars(document))
            saved = before
        # A document of nothing is paid as soon as it is approved.
        if saved.status == "AUTHORISED" and saved.total == 0:
            saved.status = "PAID"
        return saved

    def _keep(self, contact: Contact) -> Contact:
        contacts = self._books.organisation.contacts
        kept = contacts.setdefault(contact.id, contact)
        if kept is not contact:
            vars(kept).update(vars(contact))
            kept.updated = self._books.now()
        return kept

    def _next_number(self, document: Document) -> str:
        prefix = "CN-" if document.is_credit else "INV-"
        taken = {d.number for d in self._books.organisation.documents.values()}
        number = 1
        while f"{prefix}{number:04d}" in taken:
            number += 1
        return f"{prefix}{number:04d}"

    def _refused(self, sent: Sent, before: Document | None, draft: Document | None = None) -> JsonObject:
        """Echo a refused element: with its own id if it exists, else with the all-zero id."""
        if before is not None:
            facts = document_facts(self._books, before, places=self._places, is_write=True)
            facts[NUMBER_NAMES[self._kind]] = sent.text(NUMBER_NAMES[self._kind])
            facts["Status"] = sent.text("Status") or before.status
            return facts | {"HasErrors": True}
        shown = {ID_NAMES[self._kind]: NO_ID, **echo(sent)}
        for name in ("Date", "DueDate"):
            if sent.has(name):
                shown[name] = sent.day(name)
        if draft is not None:
            shown |= {"SubTotal": draft.sub_total, "TotalTax": draft.total_tax, "Total": draft.total}
        return shown | {"LineItems": sent.raw("LineItems") or [], "HasErrors": True}
