"""Reading invoices from Autotask in bulk: never one call for one invoice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property

from agent.autotask.client import MOST_VALUES, Autotask, values_of
from agent.autotask.models import (
    BillingCodeRow,
    BillingItemRow,
    CompanyRow,
    ContactRow,
    CurrencyRow,
    InvoiceRow,
    NamedRow,
    day,
    instant,
    stamp,
)
from agent.domain.invoice import AutotaskId, CompanyId, Customer, Invoice, Line, Person
from agent.errors import StopError

_ALL = {"op": "gte", "field": "id", "value": 0}
_ZERO = Decimal(0)
_UNKNOWN = "(unknown)"
"""A currency that Autotask does not tell: no books have it, so that nothing is sent in the wrong one."""


@dataclass(frozen=True)
class Window:
    """Which invoices a pull asks for.

    Attributes:
        dated_from: Everything dated on or after this day: the first pull.
        after: Everything with a higher id, and
        created_from: everything created since: later pulls.
    """

    dated_from: date | None = None
    after: AutotaskId | None = None
    created_from: datetime | None = None


class Source:
    """Autotask's invoices as the domain knows them.

    Tables that seldom change (codes, currencies, tax categories, labels) are read once, at their first use.
    """

    def __init__(self, autotask: Autotask) -> None:
        self._autotask = autotask

    def headers(self, window: Window, ids: Sequence[AutotaskId] = ()) -> dict[AutotaskId, InvoiceRow]:
        """The invoices in the window and those of the ids, without lines."""
        found = {AutotaskId(row.id): row for row in self._autotask.query("Invoices", InvoiceRow, _condition(window))}
        for some in _chunks([wanted for wanted in ids if wanted not in found]):
            rows = self._autotask.query("Invoices", InvoiceRow, values_of("id", some))
            found.update((AutotaskId(row.id), row) for row in rows)
        return found

    def invoices(self, headers: Sequence[InvoiceRow]) -> list[Invoice]:
        """The whole invoices of the headers: lines, company, people."""
        lines = self._lines([row.id for row in headers])
        customers = self.customers(sorted({row.company_id for row in headers if row.company_id is not None}))
        return [self._invoice(row, lines.get(row.id, []), customers) for row in headers]

    def _invoice(self, row: InvoiceRow, lines: list[BillingItemRow], customers: Mapping[int, Customer]) -> Invoice:
        company = row.company_id if row.company_id is not None else -1
        customer = customers.get(company) or _hidden(company)
        invoiced = day(row.invoice_date_time)
        created = instant(row.create_date_time) or datetime.min.replace(tzinfo=UTC)
        return Invoice(
            id=AutotaskId(row.id),
            number=str(row.invoice_number if row.invoice_number is not None else "").strip(),
            customer=customer,
            date=invoiced or created.date(),
            due=day(row.due_date),
            created=created,
            net=row.invoice_total or _ZERO,
            tax=row.total_tax_value or _ZERO,
            order_number=(row.order_number or "").strip(),
            tax_region=(row.tax_region_name or "").strip(),
            exchange_rate=self._rates.get(customer.currency),
            is_voided=bool(row.is_voided),
            marked_sent=instant(row.web_service_date),
            lines=tuple(
                self._line(item) for item in sorted(lines, key=lambda item: (item.sort_order_id or 0, item.id))
            ),
        )

    def _line(self, item: BillingItemRow) -> Line:
        code = self._codes.get(item.billing_code_id) if item.billing_code_id is not None else None
        category = item.tax_category_id or (code.tax_category_id if code else None)
        return Line(
            id=item.id,
            line_type=self._types.get(item.billing_item_type, "") if item.billing_item_type is not None else "",
            billing_code=((code.name if code else None) or "").strip(),
            description=_description(item),
            quantity=item.quantity if item.quantity is not None else Decimal(1),
            rate=item.rate or _ZERO,
            net=item.total_amount or _ZERO,
            tax=item.tax_dollars or _ZERO,
            tax_category=self._tax_categories.get(category, "") if category is not None else "",
        )

    def _lines(self, invoice_ids: Sequence[int]) -> dict[int, list[BillingItemRow]]:
        found: defaultdict[int, list[BillingItemRow]] = defaultdict(list)
        for some in _chunks(invoice_ids):
            for item in self._autotask.query("BillingItems", BillingItemRow, values_of("invoiceID", some)):
                if item.invoice_id is not None:
                    found[item.invoice_id].append(item)
        return found

    def customers(self, company_ids: Sequence[int]) -> dict[int, Customer]:
        """These companies with their people, by id."""
        people: defaultdict[int, list[Person]] = defaultdict(list)
        rows: list[CompanyRow] = []
        for some in _chunks(company_ids):
            rows += self._autotask.query("Companies", CompanyRow, values_of("id", some))
            for contact in self._autotask.query("Contacts", ContactRow, values_of("companyID", some)):
                if contact.company_id is not None:
                    people[contact.company_id].append(_person(contact))
        return {row.id: self._customer(row, people[row.id]) for row in rows}

    def _customer(self, row: CompanyRow, people: Sequence[Person]) -> Customer:
        return Customer(
            id=CompanyId(row.id),
            name=(row.company_name or "").strip(),
            account_number=(row.company_number or "").strip(),
            currency="" if row.currency_id is None else self._currency_codes.get(row.currency_id, _UNKNOWN),
            people=tuple(people),
            address=tuple(line for line in (row.address1, row.address2) if line),
            city=row.city or "",
            region=row.state or "",
            postal_code=row.postal_code or "",
            phone=row.phone or "",
        )

    @cached_property
    def _codes(self) -> dict[int, BillingCodeRow]:
        return {row.id: row for row in self._autotask.query("BillingCodes", BillingCodeRow, _ALL)}

    @cached_property
    def _tax_categories(self) -> dict[int, str]:
        return {row.id: (row.name or "").strip() for row in self._autotask.query("TaxCategories", NamedRow, _ALL)}

    @cached_property
    def _currencies(self) -> list[CurrencyRow]:
        return list(self._autotask.query("Currencies", CurrencyRow, _ALL))

    @cached_property
    def _currency_codes(self) -> dict[int, str]:
        return {row.id: (row.name or "").strip().upper() for row in self._currencies}

    @cached_property
    def _rates(self) -> dict[str, Decimal]:
        return {row.name.upper(): row.exchange_rate for row in self._currencies if row.name and row.exchange_rate}

    @cached_property
    def _types(self) -> dict[int, str]:
        return self._autotask.labels("BillingItems", "billingItemType")

    @property
    def billing_codes(self) -> list[str]:
        """The names of all billing codes."""
        return sorted({(row.name or "").strip() for row in self._codes.values()} - {""})

    @property
    def tax_regions(self) -> list[str]:
        """The names of all tax regions; none where the API user may not read them: only a drop-down needs them."""
        try:
            rows = list(self._autotask.query("TaxRegions", NamedRow, _ALL))
        except StopError:
            return []
        return sorted({(row.name or "").strip() for row in rows} - {""})


def _hidden(company: int) -> Customer:
    """A company that the API user may not see: neither its name nor its currency is guessed."""
    return Customer(CompanyId(company), f"(company {company}, hidden from the API user)", currency=_UNKNOWN)


def _description(item: BillingItemRow) -> str:
    """What the customer reads: the full description, else name and description, each once."""
    if item.full_description and item.full_description.strip():
        return item.full_description.strip()
    parts = [part.strip() for part in (item.item_name, item.description) if part and part.strip()]
    return "\n".join(dict.fromkeys(parts))


def _person(row: ContactRow) -> Person:
    return Person(
        id=row.id,
        first_name=(row.first_name or "").strip(),
        last_name=(row.last_name or "").strip(),
        email=(row.email_address or "").strip(),
        phone=row.phone or "",
        is_active=bool(row.is_active),
        is_primary=bool(row.primary_contact),
        fields={item.name: str(item.value) for item in row.user_defined_fields or [] if item.value is not None},
    )


def _condition(window: Window) -> dict[str, object]:
    if window.dated_from is not None:
        return {"op": "gte", "field": "invoiceDateTime", "value": window.dated_from.isoformat()}
    items: list[dict[str, object]] = [{"op": "gt", "field": "id", "value": window.after or 0}]
    if window.created_from is not None:
        items.append({"op": "gte", "field": "createDateTime", "value": stamp(window.created_from)})
    return {"op": "or", "items": items}


def _chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), MOST_VALUES):
        yield list(ids[start : start + MOST_VALUES])
