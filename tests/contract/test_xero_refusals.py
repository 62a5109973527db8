"""Why the pretend Xero refuses documents, in Xero's words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import requests

from agent.pretend.cloud import Cloud

Caller = Callable[..., requests.Response]
Maker = Callable[..., dict[str, Any]]
Refusal = Callable[..., list[str]]
NO_ID = "00000000-0000-0000-0000-000000000000"


def only(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    elements: list[dict[str, Any]] = body.get("Invoices") or body["CreditNotes"]
    return elements[0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"CurrencyCode": "EUR"}, "Organisation is not subscribed to currency EUR"),
            ({"LineItems": []}, "One or more line items must be specified"),
            ({"Contact": None}, "A Contact must be specified for this type of transaction"),
            ({"Contact": {}}, "The Contact must contain at least 1 of the following elements"),
            ({"Contact": {"ContactID": NO_ID[:-1] + "1"}}, "Unknown contact details, please provide a valid ContactID"),
            ({"Contact": {"ContactNumber": "none"}}, "Unknown contact details, please provide a valid ContactID"),
            ({"Type": None}, "Invoice not of valid type for creation"),
            ({"Status": "VOIDED"}, "Invoice not of valid status for creation"),
            ({"Status": "PAID"}, "Invoice not of valid status for creation"),
            ({"Total": 115.01}, "The document total does not equal the sum of the lines."),
            ({"TotalTax": 14.99}, "The document total does not equal the sum of the lines."),
            ({"Url": "https://go.xero.com/1"}, "The Url cannot contain the word xero."),
            ({"Url": "nowhere"}, "The Url must be a valid absolute url."),
            ({"DueDate": None}, "The Due Date must be specified."),
            ({"InvoiceNumber": "x" * 256}, "cannot be longer than 255"),
            ({"Reference": "x" * 256}, "cannot be longer than 255"),
            ({"BrandingThemeID": NO_ID}, "The branding theme with the specified BrandingThemeID could not be found"),
        ],
    )
    def test_documents(
        self, cloud: Cloud, invoice: Maker, refusal: Refusal, fields: dict[str, Any], message: str
    ) -> None:
        """Each fault has its message, and nothing is saved."""
        messages = refusal(invoice(**fields))
        assert len(messages) == 1
        assert message in messages[0]
        assert cloud.xero.documents(is_dead_included=True) == []

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"AccountCode": "999"}, "Account code '999' is not a valid code for this document."),
            ({"AccountCode": "610"}, "Account code '610' is not a valid code for this document."),
            ({"AccountCode": "090"}, "Account code '090' is not a valid code for this document."),
            ({"AccountCode": "280"}, "Account code '280' has been archived, or has been deleted."),
            ({"AccountCode": None}, "Account must be valid."),
            (
                {"TaxType": "NOPE"},
                "The TaxType code NOPE does not exist or cannot be used for this type of transaction.",
            ),
            ({"TaxType": "OUTPUT"}, "The TaxType code OUTPUT does not exist or cannot be used"),
            ({"TaxType": "INPUT2"}, "The TaxType code INPUT2 does not exist or cannot be used"),
            (
                {"AccountCode": "400", "TaxType": "OUTPUT2"},
                "The TaxType code 'OUTPUT2' cannot be used with account code '400'.",
            ),
            ({"LineAmount": 99.99}, "The line total 99.99 does not match the expected line total 100.00"),
            ({"LineAmount": 100.004}, "The line total 100.004 does not match the expected line total 100.00"),
            ({"TaxAmount": 100.01}, "The tax amount cannot be greater than the line amount!"),
            ({"Description": ""}, "Description is required for each line item."),
            ({"Description": " "}, "Description is required for each line item."),
            ({"Description": "x" * 4001}, "cannot be longer than 4000 characters"),
            ({"DiscountAmount": 100.01}, "The discount rate '100.01' is invalid. Discount must not be greater"),
            ({"DiscountRate": 101}, "The discount rate '101.00' is invalid. Discount must not be greater"),
            ({"ItemCode": "X"}, "Item code 'X' is not valid"),
            (
                {"Tracking": [{"Name": "Region", "Option": "Nowhere"}]},
                "The tracking option 'Nowhere' could not be found.",
            ),
        ],
    )
    def test_lines(
        self, cloud: Cloud, invoice: Maker, line: Maker, refusal: Refusal, fields: dict[str, Any], message: str
    ) -> None:
        """Each fault of a line has its message."""
        messages = refusal(invoice(LineItems=[line(100, **fields)]))
        assert message in messages[0]
        assert cloud.xero.documents() == []

    def test_limits_that_still_pass(self, cloud: Cloud, invoice: Maker, line: Maker, refusal: Refusal) -> None:
        """The longest description, an expense account with its tax, and the rounding account."""
        cloud.xero.add_tracking("Region", "North")
        lines = [
            line(100, Description="x" * 4000),
            line(100, AccountCode="860", TaxType="NONE"),
            line(100, TaxType="ZERORATED", Tracking=[{"Name": "Region", "Option": "North"}]),
            line(100, TaxAmount=100, LineAmount=100.0),
        ]
        assert refusal(invoice(LineItems=lines, Total=515, Url="https://example.com/1", Reference="x" * 255)) == []
        saved = cloud.xero.document("A-1")
        assert saved.lines[2].tracking[0]["Option"] == "North"
        assert saved.total == Decimal("515.00")

    def test_a_discount_of_nothing_on_a_negative_line(self, invoice: Maker, line: Maker, refusal: Refusal) -> None:
        """Even that is refused."""
        messages = refusal(invoice(LineItems=[line(100), line(-5, DiscountAmount=0)]))
        assert messages == ["The discount rate '0.00' is invalid. Discount must not be greater than the line total."]

    def test_a_negative_total(self, invoice: Maker, line: Maker, refusal: Refusal) -> None:
        """Neither invoices nor credit notes may be below zero."""
        assert refusal(invoice(LineItems=[line(-1)])) == ["The document total cannot be negative."]

    def test_lock_dates(self, cloud: Cloud, invoice: Maker, refusal: Refusal) -> None:
        """Documents on or before a lock date are refused, new and old."""
        made = cloud.xero.add_invoice("Kowhai Ltd", [{"Description": "x"}], Status="DRAFT", Date="2026-10-31")
        cloud.xero.set_lock_dates(date(2026, 10, 31), date(2026, 3, 31))
        period = "The document date cannot be before the period lock date, currently set at 31-Oct-2026"
        year = "The document date cannot be before the end of year lock date, currently set at 31-Mar-2026"
        assert refusal(invoice(Date="2026-10-31")) == [period]
        assert refusal(invoice(Date="2026-03-31")) == [period, year]
        assert refusal({"InvoiceID": made, "Status": "DELETED"}, method="POST") == [period]
        assert refusal(invoice(Date="2026-11-01")) == []

    def test_archived_contacts(self, cloud: Cloud, invoice: Maker, refusal: Refusal) -> None:
        """They take no new documents."""
        contact = cloud.xero.add_contact("Old Ltd", ContactStatus="ARCHIVED")
        (message,) = refusal(invoice(Contact={"ContactID": contact}))
        assert message.startswith("The contact with the specified contact details has been archived.")

    def test_the_approval_limit(self, cloud: Cloud, invoice: Maker, refusal: Refusal) -> None:
        """Drafts are still welcome."""
        cloud.xero.rules.approval_limit = 1
        assert refusal(invoice()) == []
        assert refusal(invoice(InvoiceNumber="A-2")) == ["You have reached the limit of invoices you can approve"]
        assert refusal(invoice(InvoiceNumber="A-2", Status="DRAFT")) == []

    def test_taken_numbers(self, cloud: Cloud, invoice: Maker, refusal: Refusal) -> None:
        """PUT refuses a taken number in any case, also one of a voided invoice unless switched."""
        assert refusal(invoice()) == []
        assert refusal(invoice(InvoiceNumber="a-1")) == ["Invoice # must be unique."]
        assert refusal({"InvoiceNumber": "A-1", "Status": "VOIDED"}, method="POST") == []
        assert refusal(invoice()) == ["Invoice # must be unique."]
        cloud.xero.rules.reusable_numbers = {"VOIDED"}
        assert refusal(invoice()) == []
        assert len(cloud.xero.documents(is_dead_included=True)) == 2

    def test_unknown_accounts_on_drafts_can_be_warnings(
        self, cloud: Cloud, xero: Caller, invoice: Maker, line: Maker
    ) -> None:
        """A switch: the code is removed and the draft saved."""
        cloud.xero.rules.has_draft_warnings = True
        body = invoice(Status="DRAFT", LineItems=[line(AccountCode="600")])
        made = only(xero("PUT", "Invoices", json=body, params={"summarizeErrors": "False"}))
        assert made["StatusAttributeString"] == "WARNING"
        assert made["Warnings"][0]["Message"].startswith("Account code '600' has been removed")
        assert "AccountCode" not in made["LineItems"][0]

    def test_summarised_errors(self, cloud: Cloud, xero: Caller, invoice: Maker) -> None:
        """By default one bad element makes a 400 with only the bad ones, while the good ones are saved."""
        batch = {
            "invoices": [invoice(), invoice(InvoiceNumber="A-2", CurrencyCode="EUR"), invoice(InvoiceNumber="A-3")]
        }
        answer = xero("PUT", "Invoices", json=batch)
        assert answer.status_code == 400
        body = answer.json()
        assert (body["ErrorNumber"], body["Type"]) == (10, "ValidationException")
        (bad,) = body["Elements"]
        assert (bad["InvoiceID"], bad["InvoiceNumber"], bad["HasErrors"]) == (NO_ID, "A-2", True)
        assert "StatusAttributeString" not in bad
        assert [document.number for document in cloud.xero.documents()] == ["A-1", "A-3"]

    def test_separate_errors(self, xero: Caller, invoice: Maker) -> None:
        """With summarizeErrors=false it is always 200 and each element tells its own story."""
        batch = {"Invoices": [invoice(), invoice(Contact=None, CurrencyCode="EUR")]}
        answer = xero("PUT", "Invoices", json=batch, params={"SummarizeErrors": "FALSE"})
        good, bad = answer.json()["Invoices"]
        assert (answer.status_code, answer.json()["Status"]) == (200, "OK")
        assert good["StatusAttributeString"] == "OK"
        assert (bad["StatusAttributeString"], bad["InvoiceID"]) == ("ERROR", NO_ID)
        assert len(bad["ValidationErrors"]) == 3
