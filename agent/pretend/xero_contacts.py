"""Creating, changing and showing contacts of the pretend Xero."""

from __future__ import annotations

import copy
import re
from decimal import Decimal

from agent.pretend.wire import JsonObject
from agent.pretend.xero_books import Books
from agent.pretend.xero_outcome import Outcome, echo
from agent.pretend.xero_records import NO_ID, ZERO, Contact, Organisation
from agent.pretend.xero_sent import Sent

TEXT_FIELDS = {
    "FirstName": 255,
    "LastName": 255,
    "EmailAddress": 255,
    "ContactNumber": 50,
    "AccountNumber": 50,
    "CompanyNumber": 50,
    "TaxNumber": 50,
    "BankAccountDetails": 255,
    "SkypeUserName": 50,
    "AccountsReceivableTaxType": 50,
    "AccountsPayableTaxType": 50,
    "DefaultCurrency": 3,
    "XeroNetworkKey": 50,
    "Website": 255,
}
"""The plain text fields of a contact and the longest value of each."""

PHONES = {"PhoneNumber": 50, "PhoneAreaCode": 10, "PhoneCountryCode": 20}
PHONE_TYPES = ("DEFAULT", "DDI", "FAX", "MOBILE")
ADDRESSES = {
    "AddressLine1": 500,
    "AddressLine2": 500,
    "AddressLine3": 500,
    "AddressLine4": 500,
    "City": 255,
    "Region": 255,
    "PostalCode": 50,
    "Country": 50,
    "AttentionTo": 255,
}
ADDRESS_TYPES = ("STREET", "POBOX")
PERSONS = ("FirstName", "LastName", "EmailAddress", "IncludeInEmails")
STATUSES = frozenset({"ACTIVE", "ARCHIVED", "GDPRREQUEST"})
EMAIL = re.compile(r"[!-?A-~]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")

NEEDS_IDENTITY = (
    "The Contact must contain at least 1 of the following elements to identify the contact: "
    "Name, ContactID, ContactNumber"
)
ARCHIVED_EDIT = (
    "The specified contact details matched an archived contact. "
    "Archived contacts cannot currently be edited via the API."
)
NOT_FOUND = "The document with the supplied id was not found for this endpoint."


def same(left: str, right: str) -> bool:
    """Tell whether Xero takes two names for the same: letter case does not count."""
    return left.casefold() == right.casefold()


def by_name(organisation: Organisation, name: str) -> Contact | None:
    """Find the active contact of a name."""
    return next((c for c in organisation.contacts.values() if c.status == "ACTIVE" and same(c.name, name)), None)


def by_number(organisation: Organisation, number: str) -> Contact | None:
    """Find the contact of a ContactNumber, archived ones included."""
    return next((c for c in organisation.contacts.values() if number and same(c.number, number)), None)


def save_contact(books: Books, sent: Sent, *, is_create: bool) -> Outcome[Contact]:
    """Create a contact, or with ``is_create`` off change the one that matches and else create it."""
    existing, problems = (None, []) if is_create else _match(books.organisation, sent)
    if existing is None and not problems and not sent.text("Name"):
        problems = [NEEDS_IDENTITY]
    contact = Contact("", books.now()) if existing is None else copy.deepcopy(existing)
    if not problems:
        apply(contact, sent)
        problems = contact_problems(books.organisation, contact, sent)
    if problems:
        return Outcome(None, _refused(sent, existing), problems)
    contact.updated = books.now()
    if existing is None:
        books.organisation.contacts[contact.id] = contact
        return Outcome(contact, contact_facts(contact, organisation=books.organisation))
    vars(existing).update(vars(contact))
    return Outcome(existing, contact_facts(existing, organisation=books.organisation))


def _match(organisation: Organisation, sent: Sent) -> tuple[Contact | None, list[str]]:
    """Find the contact that a POST means: by id, else by number, else by name."""
    contact_id = sent.text("ContactID")
    if contact_id and contact_id != NO_ID:
        found = organisation.contacts.get(contact_id.lower())
        problems = [NOT_FOUND] if found is None else []
    else:
        found = by_number(organisation, sent.text("ContactNumber") or "") or by_name(
            organisation, sent.text("Name") or ""
        )
        problems = []
    if found is not None and found.status != "ACTIVE":
        problems = [ARCHIVED_EDIT]
    return found, problems


def apply(contact: Contact, sent: Sent) -> None:
    """Write what was sent into a contact; what was not sent stays."""
    if sent.text("Name"):
        contact.name = sent.text("Name") or ""
    contact.status = sent.choice("ContactStatus", STATUSES) or contact.status
    for name in TEXT_FIELDS:
        if sent.has(name):
            contact.fields[name] = sent.text(name)
    for phone in sent.many("Phones"):
        kind = (phone.text("PhoneType") or "DEFAULT").upper()
        contact.phones[kind] = {name: phone.text(name) for name in PHONES if phone.has(name)}
    for address in sent.many("Addresses"):
        kind = (address.text("AddressType") or "POBOX").upper()
        contact.addresses[kind] = {name: address.text(name) for name in ADDRESSES if address.has(name)}
    if sent.names_value("ContactPersons"):
        contact.persons = [
            {name: person.raw(name) for name in PERSONS if person.has(name)} for person in sent.many("ContactPersons")
        ]


def contact_problems(organisation: Organisation, contact: Contact, sent: Sent) -> list[str]:
    """List why Xero would refuse a contact as it would become."""
    problems = [*_name_problems(organisation, contact), *_text_problems(contact)]
    if sent.has("EmailAddress") and sent.text("EmailAddress") and not EMAIL.fullmatch(sent.text("EmailAddress") or ""):
        problems.append("Email address must be valid.")
    other = by_number(organisation, contact.number)
    if other is not None and other.id != contact.id:
        problems.append(
            f"The contact number {contact.number} is already assigned to another contact. "
            "The contact number must be unique across all contacts."
        )
    if len(contact.persons) > 5:
        problems.append("A contact can have at most 5 contact persons.")
    return problems


def _name_problems(organisation: Organisation, contact: Contact) -> list[str]:
    other = by_name(organisation, contact.name)
    problems = []
    if contact.status == "ACTIVE" and other is not None and other.id != contact.id:
        problems.append(
            f"The contact name {contact.name} is already assigned to another contact. "
            "The contact name must be unique across all active contacts."
        )
    if len(contact.name) > 255:
        problems.append("The Contact Name cannot be longer than 255 characters.")
    if re.search(r"[<>]", contact.name):
        problems.append("The Contact Name cannot contain the characters < or >.")
    if contact.name != contact.name.strip() or "  " in contact.name:
        problems.append("The Contact Name cannot have leading, trailing or repeated spaces.")
    return problems


def _text_problems(contact: Contact) -> list[str]:
    groups: list[tuple[JsonObject, dict[str, int]]] = [(contact.fields, TEXT_FIELDS)]
    groups += [(phone, PHONES) for phone in contact.phones.values()]
    groups += [(address, ADDRESSES) for address in contact.addresses.values()]
    problems = [
        f"The {name} cannot be longer than {limit} characters."
        for values, limits in groups
        for name, limit in limits.items()
        if len(str(values.get(name) or "")) > limit
    ]
    if any(re.search(r"\d", str(address.get("Country") or "")) for address in contact.addresses.values()):
        problems.append("The Country can only contain letters.")
    return problems


def _refused(sent: Sent, existing: Contact | None) -> JsonObject:
    shown = {"ContactID": existing.id if existing else NO_ID, **echo(sent), "HasValidationErrors": True}
    return {"Addresses": [], "Phones": [], "ContactGroups": [], "ContactPersons": []} | shown


def contact_facts(
    contact: Contact, *, organisation: Organisation | None = None, has_balances: bool = False
) -> JsonObject:
    """Give every field of a contact by Xero's names, None for the empty ones.

    Args:
        contact: The contact.
        organisation: Needed for the balances.
        has_balances: Whether to work out the balances, as single and paged reads do.
    """
    return {
        "ContactID": contact.id,
        **{name: contact.fields.get(name) for name in TEXT_FIELDS},
        "ContactStatus": contact.status,
        "Name": contact.name,
        "Addresses": _addresses(contact),
        "Phones": _phones(contact),
        "UpdatedDateUTC": contact.updated,
        "ContactGroups": [],
        "IsSupplier": contact.is_supplier,
        "IsCustomer": contact.is_customer,
        "ContactPersons": [dict(person) for person in contact.persons],
        "HasAttachments": False,
        "HasValidationErrors": False,
        "Balances": _balances(organisation, contact) if organisation is not None and has_balances else None,
    }


def contact_summary(contact: Contact) -> JsonObject:
    """Give the two fields by which summaries name a contact."""
    return {"ContactID": contact.id, "Name": contact.name}


def _addresses(contact: Contact) -> list[JsonObject]:
    blank = {"City": "", "Region": "", "PostalCode": "", "Country": ""}
    kinds = [*ADDRESS_TYPES, *(kind for kind in contact.addresses if kind not in ADDRESS_TYPES)]
    return [{"AddressType": kind, **blank, **contact.addresses.get(kind, {})} for kind in kinds]


def _phones(contact: Contact) -> list[JsonObject]:
    return [
        {
            "PhoneType": kind,
            "PhoneNumber": "",
            "PhoneAreaCode": "",
            "PhoneCountryCode": "",
            **contact.phones.get(kind, {}),
        }
        for kind in PHONE_TYPES
    ]


def _balances(organisation: Organisation, contact: Contact) -> JsonObject:
    def owed(kind: str, credit: str) -> Decimal:
        documents = [d for d in organisation.documents.values() if d.contact is contact and d.status == "AUTHORISED"]
        invoices = sum((organisation.due(d) for d in documents if d.type == kind), ZERO)
        return invoices - sum((organisation.due(d) for d in documents if d.type == credit), ZERO)

    return {
        "AccountsReceivable": {"Outstanding": owed("ACCREC", "ACCRECCREDIT"), "Overdue": ZERO},
        "AccountsPayable": {"Outstanding": owed("ACCPAY", "ACCPAYCREDIT"), "Overdue": ZERO},
    }
