"""What Xero says about a refused invoice, credit note or contact, and the fault that it leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.document import Document
from agent.domain.translate import translate
from agent.xero.meaning import meaning
from tests.unit.domain.builders import invoice, situation

SAID = [
    ("Invoice not of valid status for modification", "AX-201"),
    ("Credit Note not of valid status for modification", "AX-201"),
    ("Invoice not of valid status for creation", "AX-201"),
    ("Invoice # must be unique.", "AX-201"),
    ("Credit Note # must be unique.", "AX-201"),
    ("This document cannot be edited as it has a payment or credit note allocated to it.", "AX-201"),
    ("One or more line items must be specified", "AX-299"),
    ("A Contact must be specified for this type of transaction", "AX-105"),
    ("Organisation is not subscribed to currency EUR", "AX-202"),
    ("The current organisation is not subscribed to currency 'EUR'.", "AX-202"),
    ("The document date cannot be before the period lock date, currently set at 30-Nov-2018", "AX-205"),
    ("The document date cannot be before the end of year lock date, currently set at 30-Nov-2018", "AX-205"),
    ("Account code '999' is not a valid code for this document.", "AX-203"),
    (
        "Account code '200' has been archived, or has been deleted. Each line item must reference a valid account.",
        "AX-203",
    ),
    ("Account must be valid.", "AX-203"),
    ("Account code '600' has been removed as it does not match a recognised account.", "AX-203"),
    ("Tax rate must be valid.", "AX-204"),
    ("The TaxType code 'OUTPUT' cannot be used with account code '200'.", "AX-204"),
    ("The TaxType code OUTPUT9 does not exist or cannot be used for this type of transaction.", "AX-204"),
    ("Email address must be valid.", "AX-104"),
    (
        (
            "The contact name Kauri Legal is already assigned to another contact. The contact name must be unique "
            "across all active contacts."
        ),
        "AX-211",
    ),
    (
        (
            "The contact number 7 is already assigned to another contact. The contact number must be unique across all "
            "contacts."
        ),
        "AX-211",
    ),
    (
        (
            "The specified contact details matched an archived contact. Archived contacts cannot currently be edited "
            "via the API."
        ),
        "AX-206",
    ),
    (
        (
            "The contact with the specified contact details has been archived. The contact must be un-archived before "
            "creating new invoices or credit notes"
        ),
        "AX-206",
    ),
    ("Unknown contact details, please provide a valid ContactID or Contact Number", "AX-105"),
    ("Contact requires a valid ContactId or ContactName", "AX-105"),
    (
        (
            "The Contact must contain at least 1 of the following elements to identify the contact: Name, ContactID, "
            "ContactNumber"
        ),
        "AX-105",
    ),
    ("The line total 20.01 does not match the expected line total 20.00", "AX-106"),
    ("The document total does not equal the sum of the lines.", "AX-106"),
    ("The invoice total does not equal the sum of the lines.", "AX-106"),
    ("You have reached the limit of invoices you can approve", "AX-210"),
    ("Item code 'X' is not valid", "AX-299"),
    ("The document with the supplied id was not found for this endpoint.", "AX-299"),
    ("Document could not be assigned to a ledger period group.", "AX-299"),
]


@pytest.fixture
def document() -> Document:
    found = translate(invoice(), situation()).document
    assert found is not None
    return replace(found, currency="EUR")


@pytest.mark.parametrize(("message", "code"), SAID)
def test_each_message_leads_to_its_fault(message: str, code: str, document: Document) -> None:
    for said in (message, message.upper(), f"{message} (see the help)"):
        found = meaning([said], document)
        assert found.code == code
        assert f"“{said}”" in found.detail


@pytest.mark.parametrize(("message", "code"), SAID)
def test_title_and_cure_are_filled(message: str, code: str, document: Document) -> None:
    found = meaning([message], document)
    assert found.code == code
    assert not {"…", "{", "}"} & set(found.title + found.cure)


def test_the_facts_of_the_document_are_told(document: Document) -> None:
    assert meaning(["Organisation is not subscribed to currency EUR"], document).title.endswith("currency EUR")
    assert "Kauri Legal" in meaning(["Contact requires a valid ContactId or ContactName"], document).title
    assert "Kauri Legal" in meaning(["Email address must be valid."], document).cure


def test_what_nobody_knows_keeps_all_its_words_and_xeros_own_id(document: Document) -> None:
    found = meaning(["The moon is full.", "Mercury is retrograde."], document, "c0ffee-1")
    assert found.code == "AX-299"
    assert "“The moon is full.” “Mercury is retrograde.”" in found.detail
    assert "c0ffee-1" in found.detail


def test_no_words_at_all(document: Document) -> None:
    assert meaning([], document).code == "AX-299"


def test_the_one_known_message_among_others_decides_and_all_are_told(document: Document) -> None:
    found = meaning(["The moon is full.", "Account must be valid.", "Tax rate must be valid."], document, "c0ffee-2")
    assert found.code == "AX-203"
    for words in ("The moon is full.", "Account must be valid.", "Tax rate must be valid.", "c0ffee-2"):
        assert words in found.detail


def test_the_words_of_a_name_mislead_nobody(document: Document) -> None:
    said = "The contact name Lock Date Currency Ltd is already assigned to another contact."
    assert meaning([said], document).code == "AX-211"
