"""Invoices, books and situations for tests, each with sensible values that a test may replace."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from agent.domain.books import Account, Books, Contact, ContactId, Organisation, TaxRate
from agent.domain.invoice import AutotaskId, CompanyId, Customer, Invoice, Line, Person
from agent.domain.mappings import AccountRow, Mappings, TaxRow
from agent.domain.settings import Settings
from agent.domain.translate import Situation

D = Decimal
NOW = dt.datetime(2026, 10, 20, 3, 0, tzinfo=dt.UTC)
MAPPINGS = Mappings(
    (AccountRow("Support", "", "200"), AccountRow("Support", "Contract Retainer", "260")),
    (TaxRow("GST", "", "OUTPUT2"), TaxRow("GST", "(line without tax)", "ZERORATED")),
)


def books(**changes: Any) -> Books:
    """An organisation in NZD and AUD with one contact."""
    values: dict[str, Any] = {
        "organisation": Organisation("tenant", "Test Books", "NZD"),
        "currencies": frozenset({"NZD", "AUD"}),
        "accounts": (
            Account("200", "Sales"),
            Account("260", "Other"),
            Account("280", "Old", is_active=False),
            Account("090", "Bank", takes_sales=False),
            Account("860", "Rounding", system="ROUNDING"),
        ),
        "tax_rates": (
            TaxRate("OUTPUT2", "15% GST on Income", D(15)),
            TaxRate("ZERORATED", "Zero Rated", D(0)),
            TaxRate("NONE", "No GST", D(0)),
            TaxRate("OUTPUT", "12.5% GST", D("12.5"), is_active=False),
        ),
        "contacts": (contact("Kauri Legal"),),
    }
    return Books(**(values | changes))


def contact(name: str, contact_id: str = "", **changes: Any) -> Contact:
    """A contact in Xero."""
    return Contact(ContactId(contact_id or name.casefold()), name, **changes)


def person(number: int = 1, **changes: Any) -> Person:
    """A contact person."""
    values = {"first_name": "Aroha", "last_name": str(number), "email": f"p{number}@kauri.example"}
    return Person(number, **(values | changes))


def customer(name: str = "Kauri Legal", **changes: Any) -> Customer:
    """A company with one person."""
    values: dict[str, Any] = {"id": CompanyId(7), "currency": "NZD", "people": (person(),)}
    return Customer(name=name, **(values | changes))


def line(net: str = "100", tax: str = "15", **changes: Any) -> Line:
    """A taxed line of support."""
    values: dict[str, Any] = {
        "id": 1,
        "line_type": "Labor",
        "billing_code": "Support",
        "description": "Support",
        "quantity": D(1),
        "rate": D(net),
        "tax_category": "Standard",
    }
    return Line(net=D(net), tax=D(tax), **(values | changes))


def invoice(*lines: Line, **changes: Any) -> Invoice:
    """An invoice whose header is the sum of its lines."""
    lines = lines or (line(),)
    values: dict[str, Any] = {
        "id": AutotaskId(155),
        "number": "1085",
        "customer": customer(),
        "date": dt.date(2026, 10, 5),
        "due": dt.date(2026, 11, 4),
        "created": NOW - dt.timedelta(days=2),
        "net": sum((item.net for item in lines), D(0)),
        "tax": sum((item.tax for item in lines), D(0)),
        "tax_region": "GST",
        "lines": lines,
    }
    return Invoice(**(values | changes))


def situation(**changes: Any) -> Situation:
    """Settings by attribute name; ``books`` and ``mappings`` may be given too."""
    here = {"books": changes.pop("books", books()), "mappings": changes.pop("mappings", MAPPINGS)}
    here |= {name: changes.pop(name) for name in ("known_contact", "web_url") if name in changes}
    settings: dict[str, Any] = {"start_date": dt.date(2026, 9, 1), "sync_mode": "Live"} | changes
    return Situation(settings=Settings(**settings), **here)
