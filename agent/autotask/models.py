"""Autotask's records as they come over the wire. They do not leave this package.

Numbers are read from JSON to Decimal with no float between; unknown fields are ignored.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct


def _named(name: str, default: Any = None) -> Any:
    return msgspec.field(name=name, default=default)


class UserField(Struct):
    """A user-defined field of a record."""

    name: str
    value: Any = None


class InvoiceRow(Struct):
    """An element of ``Invoices``."""

    id: int
    company_id: int | None = _named("companyID")
    create_date_time: str | None = _named("createDateTime")
    invoice_date_time: str | None = _named("invoiceDateTime")
    due_date: str | None = _named("dueDate")
    invoice_number: str | int | None = _named("invoiceNumber")
    invoice_total: Decimal | None = _named("invoiceTotal")
    total_tax_value: Decimal | None = _named("totalTaxValue")
    is_voided: bool | None = _named("isVoided")
    order_number: str | None = _named("orderNumber")
    tax_region_name: str | None = _named("taxRegionName")
    web_service_date: str | None = _named("webServiceDate")
    paid_date: str | None = _named("paidDate")


class BillingItemRow(Struct):
    """An element of ``BillingItems``."""

    id: int
    invoice_id: int | None = _named("invoiceID")
    billing_code_id: int | None = _named("billingCodeID")
    billing_item_type: int | None = _named("billingItemType")
    item_name: str | None = _named("itemName")
    description: str | None = None
    full_description: str | None = _named("lineItemFullDescription")
    quantity: Decimal | None = None
    rate: Decimal | None = None
    total_amount: Decimal | None = _named("totalAmount")
    tax_dollars: Decimal | None = _named("taxDollars")
    tax_category_id: int | None = _named("taxCategoryID")
    sort_order_id: int | None = _named("sortOrderID")


class CompanyRow(Struct):
    """An element of ``Companies``."""

    id: int
    company_name: str | None = _named("companyName")
    company_number: str | None = _named("companyNumber")
    currency_id: int | None = _named("currencyID")
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = _named("postalCode")
    phone: str | None = None


class ContactRow(Struct):
    """An element of ``Contacts``; ``isActive`` is a number here, and a boolean elsewhere."""

    id: int
    company_id: int | None = _named("companyID")
    first_name: str | None = _named("firstName")
    last_name: str | None = _named("lastName")
    email_address: str | None = _named("emailAddress")
    phone: str | None = None
    is_active: int | bool | None = _named("isActive")
    primary_contact: bool | None = _named("primaryContact")
    user_defined_fields: list[UserField] | None = _named("userDefinedFields")


class BillingCodeRow(Struct):
    """An element of ``BillingCodes``."""

    id: int
    name: str | None = None
    tax_category_id: int | None = _named("taxCategoryID")


class CurrencyRow(Struct):
    """An element of ``Currencies``; ``name`` is the ISO code."""

    id: int
    name: str | None = None
    exchange_rate: Decimal | None = _named("exchangeRate")


class NamedRow(Struct):
    """An element of any table of which only the name counts."""

    id: int
    name: str | None = None


class PickValue(Struct):
    """One choice of a pick list: its number comes as text here, as a number in records."""

    value: str | int
    label: str | None = None


class FieldInfo(Struct):
    """A field of an entity."""

    name: str
    picklist_values: list[PickValue] | None = _named("picklistValues")


class FieldInfos(Struct):
    """The answer of ``entityInformation/fields``."""

    fields: list[FieldInfo] = []


class Access(Struct):
    """What the API user may do with a table."""

    can_update: bool | None = _named("canUpdate")
    access: str | None = _named("userAccessForUpdate")


class EntityInfo(Struct):
    """The answer of ``/entityInformation``."""

    info: Access


class IdRow(Struct):
    """An element of any table of which only its being there counts."""

    id: int


class ZoneRow(Struct):
    """The answer of ``zoneInformation``."""

    url: str
    web_url: str = _named("webUrl", "")
    ci: int | None = None
    zone_name: str = _named("zoneName", "")


def instant(text: str | None) -> datetime | None:
    """An instant: Autotask gives UTC, with or without fractions and ``Z``."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def stamp(moment: datetime) -> str:
    """An instant as Autotask takes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def day(text: str | None) -> date | None:
    """A calendar day: date-only fields come as midnight and are never converted by time zone."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
