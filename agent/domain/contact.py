"""Which Xero contact an Autotask company is, which person gets its invoices, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from agent.domain.books import Books, Contact, ContactId, folded, one_blank
from agent.domain.faults import Fault, fault
from agent.domain.invoice import Customer, Person
from agent.domain.mappings import Mappings
from agent.domain.settings import Settings

_MAIL_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
)


@dataclass(frozen=True)
class Match:
    """The outcome of looking for a company's contact.

    Attributes:
        contact: The contact in Xero, where there is one.
        why: How it was found, in words.
        fault: Why there is none.
        is_missing: Xero has no such contact, nor one that differs only in spelling: it may be created.
        suggested: The nearest names in Xero, likest first.
    """

    contact: Contact | None
    why: str
    fault: Fault | None = None
    is_missing: bool = False
    suggested: tuple[str, ...] = ()


def match(
    customer: Customer, books: Books, mappings: Mappings, settings: Settings, known: ContactId | None = None
) -> Match:
    """The Xero contact of a company.

    The ContactMap row wins; then the contact found before, by its id; then the match that the setting names.

    Args:
        customer: The company.
        books: The organisation's contacts, archived ones included.
        mappings: What the accountant mapped.
        settings: How to match.
        known: The contact that earlier invoices of the company went to.
    """
    row = mappings.contact(customer.id)
    if row is not None:
        found = _by_id(books, row.contact_id) if row.contact_id else _by_chosen_name(books, row.contact)
        named = row.contact or row.contact_id
        checked = _checked(found, f"chosen in ContactMap: {named}", customer, books, named)
        return replace(checked, is_missing=False)  # a slip in the map creates nobody
    if known is not None and (contact := _by_id(books, known)) is not None and contact.is_active:
        return Match(contact, f"the same contact as before: {contact.name}")
    if settings.match_by == "Name":
        found, why = _by_name(books, customer.name, exact=settings.exact_case), "same name"
    elif settings.match_by == "Autotask company id":
        found, why = _only(books.contacts_by_number.get(str(customer.id), [])), "contact number is the company id"
    else:
        number = customer.account_number.strip()
        found, why = _only(books.contacts_by_account_number.get(number, [])), f"same account number {number}"
    return _checked(found, why, customer, books, customer.name)


def person(customer: Customer, settings: Settings) -> tuple[Person | None, str, Fault | None]:
    """The person whom invoices of the company name, why, and what is wrong.

    The person whose user-defined field says so; else the only active one; else the primary one.
    """
    active = [someone for someone in customer.people if someone.is_active]
    if not active:
        names = ", ".join(someone.name for someone in customer.people) or "none at all"
        return (
            None,
            "",
            fault(
                "AX-103",
                f"{customer.name} has no active contact in Autotask; inactive ones: {names}.",
                company=customer.name,
            ),
        )
    wanted = settings.contact_value.casefold()
    marked = [
        someone
        for someone in active
        if wanted and someone.fields.get(settings.contact_field, "").strip().casefold() == wanted
    ]
    for group, why in (
        (marked, f"{settings.contact_field} is {settings.contact_value}"),
        (active if len(active) == 1 else [], "the only active contact"),
        ([someone for someone in active if someone.is_primary], "the primary contact"),
    ):
        if group:
            chosen = min(group, key=lambda someone: someone.id)
            return chosen, why, _address_fault(chosen, customer)
    names = ", ".join(someone.name for someone in active)
    return (
        None,
        "",
        fault(
            "AX-107",
            f"{customer.name} has {len(active)} active contacts: {names}.",
            company=customer.name,
            field=settings.contact_field,
            value=settings.contact_value,
        ),
    )


def is_mail_address(text: str) -> bool:
    """Whether Xero accepts the address (it takes ASCII only)."""
    return len(text) <= 255 and _MAIL_ADDRESS.fullmatch(text) is not None


def _address_fault(chosen: Person, customer: Customer) -> Fault | None:
    if not chosen.email or is_mail_address(chosen.email):
        return None
    return fault(
        "AX-104", f"“{chosen.email}” of {chosen.name}, {customer.name}, is no valid address.", contact=chosen.name
    )


def _by_id(books: Books, contact_id: str) -> Contact | None:
    contact = books.contacts_by_id.get(contact_id)
    seen = set()
    while contact is not None and contact.merged_into and contact.id not in seen:
        seen.add(contact.id)
        contact = books.contacts_by_id.get(contact.merged_into)
    return contact


def _by_name(books: Books, name: str, *, exact: bool) -> Contact | None:
    wanted = one_blank(name)
    alike = books.contacts_by_name.get(folded(name), [])
    same = [contact for contact in alike if one_blank(contact.name) == wanted]
    if not same and not exact:
        same = [contact for contact in alike if one_blank(contact.name).casefold() == wanted.casefold()]
    return _only(same)


def _by_chosen_name(books: Books, name: str) -> Contact | None:
    """The contact of a name that a person typed: to the letter, else the only one that differs in case alone."""
    wanted = one_blank(name).casefold()
    alike = [contact for contact in books.contacts_by_name.get(folded(name), [])
             if one_blank(contact.name).casefold() == wanted]  # fmt: skip
    return _by_name(books, name, exact=True) or (alike[0] if len(alike) == 1 else None)


def _only(contacts: list[Contact]) -> Contact | None:
    """The one that is meant: an active one before an archived one."""
    return min(contacts, key=lambda contact: (not contact.is_active, contact.id), default=None)


def _checked(found: Contact | None, why: str, customer: Customer, books: Books, named: str) -> Match:
    if found is not None and found.is_active:
        return Match(found, why)
    if found is not None:
        return Match(None, why, fault("AX-206", f"{found.name} is archived in Xero.", name=found.name))
    near = suggestions(named, books) or suggestions(customer.name, books)
    hint = f" Nearest in Xero: {', '.join(near)}." if near else " Nothing in Xero is like it."
    return Match(
        None,
        why,
        fault("AX-105", f"Xero has no active contact “{named}”.{hint}", name=named),
        is_missing=folded(customer.name) not in books.contacts_by_name,
        suggested=near,
    )


def suggestions(name: str, books: Books) -> tuple[str, ...]:
    """The nearest active names in Xero with their likeness, such as ``Kauri Ltd (96 %)``, likest first, at most 3."""
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - only a fault needs it

    names = [contact.name for contact in books.contacts if contact.is_active]
    near = process.extract(
        name,
        names,
        scorer=fuzz.WRatio,
        processor=lambda text: one_blank(str(text)).casefold(),
        limit=3,
        score_cutoff=70,
    )
    return tuple(f"{found} ({round(score)} %)" for found, score, _ in near)
