"""Contacts that Xero lacks are created, and the persons of others kept up to date, where the settings say so."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from agent.domain import contact as contacts
from agent.domain.books import Books, ContactId
from agent.domain.faults import fault
from agent.domain.invoice import CompanyId, Customer
from agent.domain.plan import Action, with_document
from agent.domain.settings import Settings
from agent.ledger.ledger import Ledger
from agent.posting import Poster
from agent.xero.client import BATCH, RefusedError, UncertainError, Xero
from agent.xero.meaning import meaning


def create_contacts(xero: Xero, ledger: Ledger, poster: Poster, actions: Sequence[Action], run: str) -> list[Action]:
    """Create the missing contacts and put their ids into the documents.

    A contact is found again by its name, so a lost answer never makes two.

    Returns:
        The actions that can go on; those whose contact was refused are struck.
    """
    needing = [action for action in actions if action.translation and action.translation.needs_contact]
    if not needing:
        return list(actions)
    companies = list({action.invoice.customer.id: action.invoice.customer for action in needing}.values())
    created, refused, held = create(xero, companies, poster.settings)
    for company in companies:
        if company.id in created:
            ledger.log("Created a contact in Xero", company.name, run=run)
    left = []
    for action in actions:
        company_id = action.invoice.customer.id
        if action not in needing:
            left.append(action)
        elif company_id in created:
            left.append(with_document(action, replace(action.document, contact_id=created[company_id])))
        elif company_id in held:
            poster.hold(action.invoice, fault("AX-403", f"The contact could not be created: {held[company_id]}"))
        else:
            poster.strike(action.invoice, meaning(refused.get(company_id, ("no answer",)), action.document))
    return left


def create(
    xero: Xero, companies: Sequence[Customer], settings: Settings
) -> tuple[dict[CompanyId, ContactId], dict[CompanyId, tuple[str, ...]], dict[CompanyId, str]]:
    """Create contacts; a batch that is refused whole is halved until the bad one stands alone.

    Returns:
        The new ids, Xero's words for those that it refused, and what happened where no good answer came.
    """
    created: dict[CompanyId, ContactId] = {}
    refused: dict[CompanyId, tuple[str, ...]] = {}
    held: dict[CompanyId, str] = {}
    queue = [companies[start : start + BATCH] for start in range(0, len(companies), BATCH)]
    while queue:
        some = queue.pop(0)
        try:
            answers = xero.create_contacts([_row(company, settings) for company in some], str(uuid.uuid4()))
        except UncertainError as error:
            held |= {company.id: error.detail for company in some}
            continue
        except RefusedError as error:
            half = len(some) // 2
            queue = [some[:half], some[half:], *queue] if half else queue
            refused |= {} if half else {some[0].id: error.messages}
            continue
        for company, (row, messages) in zip(some, answers, strict=False):
            if messages or not row.contact_id:
                refused[company.id] = messages or ("no reason given",)
            else:
                created[company.id] = ContactId(row.contact_id)
    return created, refused, held


def update_contacts(
    xero: Xero, ledger: Ledger, actions: Sequence[Action], books: Books, settings: Settings, run: str
) -> None:
    """Let the person that Xero's contacts name follow Autotask, where the settings say so and the two differ.

    What Xero refuses is logged and stops no invoice.
    """
    wanted: dict[ContactId, dict[str, object]] = {}
    for action in actions:
        known = books.contacts_by_id.get(action.document.contact_id)
        someone, _why, wrong = contacts.person(action.invoice.customer, settings)
        if known is None or someone is None:
            continue
        email = someone.email if wrong is None else known.person[2]
        now = (someone.first_name[:255], someone.last_name[:255], email)
        if now != known.person:
            first, last, address = now
            wanted[known.id] = {"ContactID": known.id, "FirstName": first, "LastName": last, "EmailAddress": address}
    rows = list(wanted.values())
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        try:
            answers = xero.update_contacts(some, str(uuid.uuid4()))
        except (RefusedError, UncertainError) as error:
            ledger.log("Contacts could not be updated in Xero", str(error), run=run, level="Warning")
            continue
        for row, messages in answers:
            name = (
                books.contacts_by_id[ContactId(row.contact_id)].name
                if row.contact_id in books.contacts_by_id
                else row.name
            )
            event = "A contact could not be updated in Xero" if messages else "Updated a contact in Xero"
            ledger.log(event, f"{name}: {' '.join(messages)}" if messages else name, run=run)


def _row(company: Customer, settings: Settings) -> dict[str, object]:
    """The contact as Xero takes it: name, our number for the company, the person, phone and address."""
    row: dict[str, object] = {"Name": " ".join(company.name.split())[:255], "ContactNumber": str(company.id)}
    someone, _why, wrong = contacts.person(company, settings)
    if company.account_number:
        row["AccountNumber"] = company.account_number[:50]
    if someone is not None:
        row |= {"FirstName": someone.first_name[:255], "LastName": someone.last_name[:255]}
        if someone.email and wrong is None:
            row["EmailAddress"] = someone.email
    if company.phone:
        row["Phones"] = [{"PhoneType": "DEFAULT", "PhoneNumber": company.phone[:50]}]
    if company.address or company.city:
        lines = {f"AddressLine{index}": line[:500] for index, line in enumerate(company.address, 1)}
        row["Addresses"] = [
            {
                "AddressType": "POBOX",
                **lines,
                "City": company.city[:255],
                "Region": company.region[:255],
                "PostalCode": company.postal_code[:50],
            }
        ]
    return row
