"""Contacts of the pretend Xero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from agent.pretend.cloud import Cloud

Caller = Callable[..., requests.Response]
NO_ID = "00000000-0000-0000-0000-000000000000"


def names(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [contact["Name"] for contact in answer.json()["Contacts"]]


def messages(answer: requests.Response) -> list[str]:
    assert answer.status_code == 400, answer.text
    return [error["Message"] for element in answer.json()["Elements"] for error in element["ValidationErrors"]]


def test_the_recorded_shape(xero: Caller) -> None:
    """Four phones and two addresses, empty texts in them, no empty fields else."""
    made = xero("PUT", "Contacts", json={"contacts": [{"Name": "Kowhai Ltd", "ContactNumber": "0"}]}).json()
    (contact,) = made["Contacts"]
    assert [phone["PhoneType"] for phone in contact["Phones"]] == ["DEFAULT", "DDI", "FAX", "MOBILE"]
    assert contact["Phones"][0] == {
        "PhoneType": "DEFAULT",
        "PhoneNumber": "",
        "PhoneAreaCode": "",
        "PhoneCountryCode": "",
    }
    assert [address["AddressType"] for address in contact["Addresses"]] == ["STREET", "POBOX"]
    assert (contact["ContactNumber"], contact["ContactStatus"], contact["IsCustomer"]) == ("0", "ACTIVE", False)
    assert "EmailAddress" not in contact
    assert "Balances" not in contact


def test_everything_that_can_be_sent_comes_back(xero: Caller) -> None:
    """Persons, phones and addresses, and a change leaves alone what it does not name."""
    body = {
        "Name": "Kowhai Ltd",
        "FirstName": "Ana",
        "EmailAddress": "ana@kowhai.nz",
        "Phones": [{"PhoneType": "MOBILE", "PhoneNumber": "555", "PhoneCountryCode": "64"}],
        "Addresses": [{"AddressType": "POBOX", "AddressLine1": "Box 1", "City": "Nelson"}],
        "ContactPersons": [{"FirstName": "Bo", "EmailAddress": "bo@kowhai.nz"}],
    }
    made = xero("PUT", "Contacts", json=body).json()["Contacts"][0]
    changed = xero("POST", f"Contacts/{made['ContactID']}", json={"LastName": "Ngata"}).json()["Contacts"][0]
    assert (changed["FirstName"], changed["LastName"]) == ("Ana", "Ngata")
    assert changed["Phones"][3]["PhoneNumber"] == "555"
    assert changed["Addresses"][1]["AddressLine1"] == "Box 1"
    assert changed["ContactPersons"][0]["FirstName"] == "Bo"
    gone = xero("POST", "Contacts", json={"Name": "kowhai LTD", "ContactPersons": []}).json()["Contacts"][0]
    assert gone["ContactID"] == made["ContactID"]
    assert gone["ContactPersons"] == []


def test_the_recorded_duplicate(cloud: Cloud, xero: Caller) -> None:
    """A taken name, in any case, is refused word for word."""
    cloud.xero.add_contact("Kowhai Ltd")
    answer = xero("PUT", "Contacts", json={"Name": "KOWHAI ltd"})
    assert messages(answer) == [
        (
            "The contact name KOWHAI ltd is already assigned to another contact. "
            "The contact name must be unique across all active contacts."
        )
    ]
    (element,) = answer.json()["Elements"]
    assert (element["ContactID"], element["HasValidationErrors"]) == (NO_ID, True)


def test_an_archived_name_is_free(cloud: Cloud, xero: Caller) -> None:
    """Names are unique only among active contacts; numbers among all."""
    cloud.xero.add_contact("Kowhai Ltd", ContactStatus="ARCHIVED", ContactNumber="7")
    assert xero("PUT", "Contacts", json={"Name": "Kowhai Ltd"}).status_code == 200
    assert messages(xero("PUT", "Contacts", json={"Name": "Rimu", "ContactNumber": "7"})) == [
        (
            "The contact number 7 is already assigned to another contact. "
            "The contact number must be unique across all contacts."
        )
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Name": ""}, "The Contact must contain at least 1 of the following elements"),
        ({"Name": "x" * 256}, "longer than 255"),
        ({"Name": "a<b"}, "< or >"),
        ({"Name": "a  b"}, "spaces"),
        ({"Name": " a"}, "spaces"),
        ({"EmailAddress": "nobody"}, "Email address must be valid."),
        ({"EmailAddress": "jürgen@example.com"}, "Email address must be valid."),
        ({"ContactNumber": "x" * 51}, "ContactNumber cannot be longer than 50"),
        ({"AccountNumber": "x" * 51}, "AccountNumber cannot be longer than 50"),
        ({"Phones": [{"PhoneType": "DDI", "PhoneAreaCode": "x" * 11}]}, "PhoneAreaCode cannot be longer than 10"),
        ({"Addresses": [{"AddressType": "STREET", "Country": "NZ 1"}]}, "The Country can only contain letters."),
        ({"ContactPersons": [{"FirstName": str(n)} for n in range(6)]}, "at most 5 contact persons"),
    ],
)
def test_refusals(cloud: Cloud, xero: Caller, fields: dict[str, Any], message: str) -> None:
    """Each fault has its message, and nothing is saved."""
    found = messages(xero("PUT", "Contacts", json={"Name": "Rimu"} | fields))
    assert len(found) == 1
    assert message in found[0]
    assert cloud.xero.organisation.contacts == {}


def test_archiving(cloud: Cloud, xero: Caller) -> None:
    """Archived contacts are hidden and can no longer be changed."""
    contact = cloud.xero.add_contact("Kowhai Ltd", ContactNumber="7")
    assert xero("POST", "Contacts", json={"ContactID": contact, "ContactStatus": "ARCHIVED"}).status_code == 200
    assert names(xero("GET", "Contacts")) == []
    assert names(xero("GET", "Contacts", params={"includeArchived": "True"})) == ["Kowhai Ltd"]
    assert xero("GET", "Contacts/7").json()["Contacts"][0]["ContactStatus"] == "ARCHIVED"
    for body in ({"ContactID": contact, "ContactStatus": "ACTIVE"}, {"ContactNumber": "7", "FirstName": "Ana"}):
        assert messages(xero("POST", "Contacts", json=body)) == [
            (
                "The specified contact details matched an archived contact. "
                "Archived contacts cannot currently be edited via the API."
            )
        ]


def test_post_matches_by_number_before_name(cloud: Cloud, xero: Caller) -> None:
    """So a new name renames the contact of that number."""
    contact = cloud.xero.add_contact("Old name", ContactNumber="7")
    changed = xero("POST", "Contacts", json={"Name": "New name", "ContactNumber": "7"}).json()["Contacts"][0]
    assert (changed["ContactID"], changed["Name"]) == (contact, "New name")
    missing = {"ContactID": "11111111-1111-4111-8111-111111111111", "Name": "x"}
    assert messages(xero("POST", "Contacts", json=missing)) == [
        "The document with the supplied id was not found for this endpoint."
    ]


def test_finding(cloud: Cloud, xero: Caller) -> None:
    """By id, number, name in any case, search, list of ids, and in pages."""
    first = cloud.xero.add_contact("Kowhai Ltd", ContactNumber="K7", EmailAddress="ana@kowhai.nz")
    cloud.xero.add_contact("Rimu Ltd")
    for path in (f"Contacts/{first}", f"Contacts/{first.upper()}", "Contacts/k7"):
        assert names(xero("GET", path)) == ["Kowhai Ltd"]
    for params, expected in (
        ({"where": 'Name=="kowhai ltd"'}, ["Kowhai Ltd"]),
        ({"where": 'ContactNumber=="K7" OR EmailAddress=="x"'}, ["Kowhai Ltd"]),
        ({"where": 'Name!=null AND Name.Contains("LTD")', "order": "Name DESC"}, ["Rimu Ltd", "Kowhai Ltd"]),
        ({"searchTerm": "ANA@"}, ["Kowhai Ltd"]),
        ({"IDs": first}, ["Kowhai Ltd"]),
        ({"page": 2, "pageSize": 1, "order": "Name"}, ["Rimu Ltd"]),
        ({"page": 3, "pageSize": 1}, []),
    ):
        assert names(xero("GET", "Contacts", params=params)) == expected, params
    unknown = xero("GET", "Contacts", params={"where": 'Bat=="x"'})
    assert unknown.json()["Message"] == "No property or field 'Bat' exists in type 'Contact'"
    short = xero("GET", "Contacts", params={"summaryOnly": "true", "IDs": first}).json()["Contacts"][0]
    assert "Phones" not in short


def test_balances(cloud: Cloud, xero: Caller) -> None:
    """Single reads say what is owed."""
    contact = cloud.xero.add_contact("Kowhai Ltd")
    line = {"Description": "x", "UnitAmount": 100, "AccountCode": "200"}
    cloud.xero.add_invoice(contact, [line])
    cloud.xero.add_invoice(contact, [line | {"UnitAmount": 10}], Type="ACCRECCREDIT")
    shown = xero("GET", f"Contacts/{contact}").json()["Contacts"][0]
    assert shown["Balances"]["AccountsReceivable"]["Outstanding"] == 103.5
    assert shown["IsCustomer"] is True


def test_history(cloud: Cloud, xero: Caller) -> None:
    """Contacts have notes too."""
    contact = cloud.xero.add_contact("Kowhai Ltd")
    xero("PUT", f"Contacts/{contact}/History", json={"HistoryRecords": [{"Details": "Linked"}]})
    shown = xero("GET", f"Contacts/{contact}/History").json()["HistoryRecords"]
    assert [entry["Details"] for entry in shown] == ["Linked"]


def test_separate_errors(xero: Caller) -> None:
    """With summarizeErrors=false the good one of a batch is saved and the bad one explained."""
    batch = {"Contacts": [{"Name": "Rimu"}, {"Name": "rimu"}]}
    answer = xero("PUT", "Contacts", json=batch, params={"summarizeErrors": "false"})
    good, bad = answer.json()["Contacts"]
    assert (good["StatusAttributeString"], bad["StatusAttributeString"]) == ("OK", "ERROR")
    assert bad["ContactID"] == NO_ID
