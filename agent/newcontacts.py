"""Creating the contacts that Xero lacks, where the settings say so, before the invoices that need them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from agent.domain import contact as contacts
from agent.domain.books import ContactId
from agent.domain.invoice import CompanyId, Customer
from agent.domain.plan import Action
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
    created: dict[CompanyId, ContactId] = {}
    refused: dict[CompanyId, tuple[str, ...]] = {}
    for start in range(0, len(companies), BATCH):
        some = companies[start : start + BATCH]
        try:
            answers = xero.create_contacts([_row(company, poster.settings) for company in some], str(uuid.uuid4()))
        except (RefusedError, UncertainError) as error:
            refused |= {company.id: (str(error),) for company in some}
            continue
        for company, (row, messages) in zip(some, answers, strict=False):
            if messages or not row.contact_id:
                refused[company.id] = messages or ("no reason given",)
            else:
                created[company.id] = ContactId(row.contact_id)
                ledger.log("Created a contact in Xero", company.name, run=run)
    left = []
    for action in actions:
        company_id = action.invoice.customer.id
        if action not in needing:
            left.append(action)
        elif company_id in created and action.translation is not None:
            document = replace(action.document, contact_id=created[company_id])
            left.append(replace(action, translation=replace(action.translation, document=document)))
        else:
            poster.strike(action.invoice, meaning(refused.get(company_id, ("no answer",)), action.document))
    return left


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
