"""The pretend Xero: its organisations, sign-in, limits, and handles for tests and the demo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from threading import RLock

from agent.pretend.wire import Clock, JsonObject, as_decimal, decode, encode, real_clock
from agent.pretend.xero_books import Books, Rules
from agent.pretend.xero_contacts import save_contact
from agent.pretend.xero_defaults import new_zealand_organisation
from agent.pretend.xero_documents import DocumentWriter, Kind, find_document
from agent.pretend.xero_limits import Limits
from agent.pretend.xero_payments import allocate, delete_payment, pay
from agent.pretend.xero_records import (
    SALES,
    Account,
    Contact,
    Document,
    Item,
    Organisation,
    TaxRate,
    TrackingCategory,
    TrackingOption,
)
from agent.pretend.xero_sent import Sent
from agent.pretend.xero_sign_in import App, SignIn

KINDS: tuple[Kind, ...] = ("Invoices", "CreditNotes")
REVENUE = frozenset({"REVENUE"})


class PretendXero:
    """Everything the pretend Xero knows.

    Helpers that name no organisation work on the first one, an NZ company with no contacts and no documents.

    Attributes:
        organisations: By tenant id.
        sign_in: Tokens, consent and connections.
        limits: The rate limits, also reachable as ``minute_limit``, ``day_limit`` and ``concurrent_limit``.
        rules: Switches for doubtful behaviour.
        is_custom_connection_open: Whether client credentials reach the first organisation.
        lock: Held during every change.
    """

    def __init__(self, *, now: Clock = real_clock) -> None:
        self.now = now
        self.lock = RLock()
        self.rules = Rules()
        self.limits = Limits()
        self.sign_in = SignIn(now)
        self.is_custom_connection_open = True
        self.organisations: dict[str, Organisation] = {}
        self.add_organisation(new_zealand_organisation())

    @property
    def app(self) -> App:
        """The registered app."""
        return self.sign_in.app

    @property
    def organisation(self) -> Organisation:
        """The first organisation."""
        return next(iter(self.organisations.values()))

    @property
    def tenant_id(self) -> str:
        """The tenant id of the first organisation."""
        return self.organisation.tenant_id

    @property
    def minute_limit(self) -> int | None:
        """Requests a minute per organisation; None for no limit."""
        return self.limits.minute_limit

    @minute_limit.setter
    def minute_limit(self, value: int | None) -> None:
        self.limits.minute_limit = value

    @property
    def day_limit(self) -> int | None:
        """Requests a day per organisation; None for no limit."""
        return self.limits.day_limit

    @day_limit.setter
    def day_limit(self, value: int | None) -> None:
        self.limits.day_limit = value

    @property
    def concurrent_limit(self) -> int | None:
        """Requests in flight per organisation; None for no limit."""
        return self.limits.concurrent_limit

    @concurrent_limit.setter
    def concurrent_limit(self, value: int | None) -> None:
        self.limits.concurrent_limit = value

    def books(self, organisation: Organisation | None = None) -> Books:
        """Give the books of an organisation (the first by default)."""
        return Books(organisation or self.organisation, self.rules, self.now, self.app.name)

    def add_organisation(self, organisation: Organisation) -> str:
        """Add an organisation and give its tenant id; the first added is the one consents connect."""
        with self.lock:
            self.organisations[organisation.tenant_id] = organisation
            if not self.sign_in.tenants:
                self.sign_in.tenants = [(organisation.tenant_id, organisation.name)]
            return organisation.tenant_id

    def rename(self, name: str) -> None:
        """Give the first organisation another name, which its connections show from now on, too."""
        with self.lock:
            self.organisation.name = name
            tenants = self.sign_in.tenants
            self.sign_in.tenants = [(key, name if key == self.tenant_id else other) for key, other in tenants]
            for connection in self.sign_in.connections.values():
                if connection.tenant_id == self.tenant_id:
                    connection.tenant_name = name

    def connect(self, tenant_id: str | None = None) -> str:
        """Connect an organisation to the app and give the connection's id."""
        tenant = tenant_id or self.tenant_id
        return self.sign_in.connect(tenant, self.organisations[tenant].name).id

    def issue_token(self, scopes: str = "", *, is_custom: bool = True) -> str:
        """Give an access token without the sign-in; no scopes means every scope."""
        with self.lock:
            granted = frozenset(scopes.split()) or self.app.scopes
            return str(self.sign_in.grant(granted, is_custom=is_custom)["access_token"])

    def add_contact(self, name: str, **fields: object) -> str:
        """Add a contact with Xero's field names and give its ContactID."""
        with self.lock:
            status = str(fields.pop("ContactStatus", "ACTIVE"))
            contact = save_contact(self.books(), Sent(decode(encode({"Name": name, **fields}))), is_create=True).saved()
            contact.status = status
            return contact.id

    def contact(self, name_or_id: str) -> Contact:
        """Find a contact by its id or its name."""
        with self.lock:
            return next(c for c in self.organisation.contacts.values() if name_or_id in (c.id, c.name))

    def add_account(self, code: str, name: str, **fields: str) -> Account:
        """Add an account; fields are those of the record (type, group, tax_type, status, system)."""
        values = {"type": "REVENUE", "group": "REVENUE", "tax_type": "OUTPUT2"} | fields
        with self.lock:
            account = self.organisation.accounts[code] = Account(code, name, **values)
            return account

    def add_tax_rate(
        self,
        tax_type: str,
        name: str,
        rate: str | Decimal,
        *,
        uses: frozenset[str] = REVENUE,
        status: str = "ACTIVE",
    ) -> TaxRate:
        """Add a tax rate in percent for some account classes."""
        with self.lock:
            added = self.organisation.tax_rates[tax_type] = TaxRate(name, tax_type, Decimal(rate), uses, status)
            return added

    def add_tracking(self, name: str, *options: str) -> TrackingCategory:
        """Add a tracking category with its options."""
        with self.lock:
            category = TrackingCategory(name, [TrackingOption(option) for option in options])
            self.organisation.tracking[category.id] = category
            return category

    def add_item(self, code: str, name: str, **fields: str) -> Item:
        """Add a price list item; fields are those of the record, the price as text."""
        with self.lock:
            price = Decimal(fields.pop("unit_price", "0"))
            item = self.organisation.items[code] = Item(code, name, unit_price=price, **fields)
            return item

    def add_invoice(
        self, contact: str, lines: Sequence[JsonObject], *, is_by_app: bool = False, **fields: object
    ) -> str:
        """Add a document by hand, as a person does in Xero, and give its id.

        Args:
            contact: ContactID or Name; an unknown name makes a contact.
            lines: LineItems by Xero's names.
            is_by_app: Whether the connected app counts as its maker.
            **fields: Other fields by Xero's names; Type defaults to ACCREC, Status to AUTHORISED, DueDate to in
                20 days. A Type ending in CREDIT makes a credit note.
        """
        with self.lock:
            books = self.books()
            known = contact in books.organisation.contacts
            values: JsonObject = {
                "Type": "ACCREC",
                "Status": "AUTHORISED",
                "Contact": {"ContactID" if known else "Name": contact},
                "LineItems": list(lines),
                "DueDate": str(books.today() + timedelta(days=20)),
                **fields,
            }
            kind: Kind = "CreditNotes" if str(values["Type"]).endswith("CREDIT") else "Invoices"
            outcome = DocumentWriter(books, kind, is_create=True, places=4).save(decode(encode(values)))
            document = outcome.saved()
            document.is_by_app = is_by_app
            return document.id

    def document(self, id_or_number: str) -> Document:
        """Find an invoice or credit note by its id or number.

        Raises:
            KeyError: There is none.
        """
        with self.lock:
            for kind in KINDS:
                document = find_document(self.organisation, kind, id_or_number)
                if document is not None:
                    return document
            raise KeyError(id_or_number)

    def documents(self, *, is_dead_included: bool = False) -> list[Document]:
        """List sales invoices and sales credit notes, oldest first; voided and deleted ones only on request."""
        with self.lock:
            return [
                document
                for document in self.organisation.documents.values()
                if document.type in SALES and (document.is_live or is_dead_included)
            ]

    def pay(self, id_or_number: str, amount: str | Decimal | None = None, day: date | None = None) -> str:
        """Pay a document into the bank account (all that is due by default) and give the PaymentID.

        Raises:
            ValueError: Xero would refuse the payment.
        """
        with self.lock:
            books, document = self.books(), self.document(id_or_number)
            due = books.organisation.due(document) if amount is None else as_decimal(amount)
            bank = next(a.code for a in books.organisation.accounts.values() if a.type == "BANK")
            return pay(books, document, bank, due, day or books.today()).id

    def unpay(self, payment_id: str) -> None:
        """Remove a payment, as a person does; the document is open again."""
        with self.lock:
            delete_payment(self.books(), self.organisation.payments[payment_id])

    def change(self, id_or_number: str, **fields: object) -> None:
        """Change fields of a document's record as a person does (status, date, reference …); sums stay."""
        with self.lock:
            document = self.document(id_or_number)
            for name, value in fields.items():
                setattr(document, name, value)
            document.updated = self.now()

    def credit(self, credit_note: str, invoice: str, amount: str | Decimal, day: date | None = None) -> str:
        """Use a credit note against an invoice and give the allocation's id.

        Raises:
            ValueError: Xero would refuse it.
        """
        with self.lock:
            books = self.books()
            note, target = self.document(credit_note), self.document(invoice)
            return allocate(books, note, target, as_decimal(amount), day or books.today()).id

    def set_lock_dates(self, period: date | None = None, year: date | None = None) -> None:
        """Set the period lock date and the end of year lock date."""
        with self.lock:
            self.organisation.lock_date, self.organisation.year_lock_date = period, year
