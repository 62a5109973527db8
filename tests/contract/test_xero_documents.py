"""Invoices and credit notes of the pretend Xero: amounts, refusals in Xero's words, and their life."""

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


def only(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    elements: list[dict[str, Any]] = body.get("Invoices") or body["CreditNotes"]
    return elements[0]


class TestAmounts:
    def test_tax_is_rounded_on_each_line(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """25.06, 25.61 and 25.63 at 15 % come to 11.44, not to the 11.45 of the sum."""
        made = only(xero("PUT", "Invoices", json=invoice(LineItems=[line(25.06), line(25.61), line(25.63)])))
        assert [entry["TaxAmount"] for entry in made["LineItems"]] == [3.76, 3.84, 3.84]
        assert (made["SubTotal"], made["TotalTax"], made["Total"]) == (76.3, 11.44, 87.74)

    def test_tax_inside(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """541.25 with 15 % inside is 470.65 and 70.60."""
        made = only(xero("PUT", "Invoices", json=invoice(LineAmountTypes="Inclusive", LineItems=[line(541.25)])))
        assert (made["SubTotal"], made["TotalTax"], made["Total"]) == (470.65, 70.6, 541.25)

    def test_no_tax(self, xero: Caller, invoice: Maker) -> None:
        """NoTax leaves every tax at zero."""
        made = only(xero("PUT", "Invoices", json=invoice(LineAmountTypes="NoTax")))
        assert (made["TotalTax"], made["Total"], made["LineItems"][0]["TaxType"]) == (0, 100, "NONE")

    def test_the_recorded_create(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """2 times 10.50 gives the answer that the real service gave."""
        text = xero("PUT", "Invoices", json=invoice(LineItems=[line(10.5, Quantity=2)])).text
        assert '"UnitAmount":10.5,"TaxType":"OUTPUT2","TaxAmount":3.15,"LineAmount":21.0' in text
        assert '"Quantity":2.0' in text
        assert '"AmountDue":24.15,"AmountPaid":0.0' in text
        assert "AmountCredited" not in text
        assert '"CurrencyRate":1.0' in text

    def test_unit_amounts_have_two_decimals_or_four(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """The price is rounded first, then multiplied; line amounts always have two decimals."""
        lines = [line(1.0055, Quantity=1000)]
        two = only(xero("PUT", "Invoices", json=invoice(LineItems=lines)))
        four = only(xero("PUT", "Invoices", json=invoice(LineItems=lines, InvoiceNumber="A-2"), params={"unitdp": 4}))
        assert (two["LineItems"][0]["UnitAmount"], two["SubTotal"]) == (1.01, 1010)
        assert (four["LineItems"][0]["UnitAmount"], four["SubTotal"]) == (1.0055, 1005.5)
        read = only(xero("GET", "Invoices/A-2"))
        assert (read["LineItems"][0]["UnitAmount"], read["SubTotal"]) == (1.01, 1005.5)
        assert only(xero("GET", "Invoices/A-2?unitdp=4"))["LineItems"][0]["UnitAmount"] == 1.0055

    def test_halves_go_up(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """2.165 is 2.17, and a half cent of tax goes up too."""
        made = only(xero("PUT", "Invoices", json=invoice(LineItems=[line(2.165), line(0.1)])))
        assert [entry["LineAmount"] for entry in made["LineItems"]] == [2.17, 0.1]
        assert [entry["TaxAmount"] for entry in made["LineItems"]] == [0.33, 0.02]

    def test_a_line_amount_fills_in_what_is_missing(self, xero: Caller, invoice: Maker) -> None:
        """With the line amount either the price or the quantity can be left out, and the amount stays."""
        base = {"Description": "x", "AccountCode": "200", "LineAmount": 10}
        lines = [base | {"Quantity": 3}, base | {"UnitAmount": 4}, base]
        shown = only(xero("PUT", "Invoices", json=invoice(LineItems=lines)))["LineItems"]
        assert [(e["Quantity"], e["UnitAmount"], e["LineAmount"]) for e in shown] == [
            (3, 3.33, 10),
            (2.5, 4, 10),
            (1, 10, 10),
        ]

    def test_a_tax_amount_overrides(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """The sent tax counts, and the totals follow."""
        made = only(xero("PUT", "Invoices", json=invoice(LineItems=[line(100, TaxAmount=15.02)])))
        assert (made["TotalTax"], made["Total"]) == (15.02, 115.02)

    def test_words_only(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """A line may have nothing but a description, even when approved."""
        made = only(xero("PUT", "Invoices", json=invoice(LineItems=[{"Description": "Notes"}, line()])))
        assert (made["LineItems"][0]["LineAmount"], made["Total"]) == (0, 115)

    def test_discounts(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """Percent or money; the price stays."""
        lines = [line(10, Quantity=3, DiscountRate=33.33), line(10, DiscountAmount=1.5)]
        made = only(xero("PUT", "Invoices", json=invoice(LineItems=lines)))
        assert [entry["LineAmount"] for entry in made["LineItems"]] == [20, 8.5]
        assert made["IsDiscounted"] is True

    def test_a_negative_line_is_fine(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """Only the total must not be below zero."""
        made = only(xero("PUT", "Invoices", json=invoice(LineItems=[line(100), line(-25.5)])))
        assert (made["SubTotal"], made["TotalTax"]) == (74.5, 11.17)

    def test_foreign_currency(self, xero: Caller, invoice: Maker) -> None:
        """The rate is the day's unless sent, kept to six decimals; the base currency is always 1."""
        day = only(xero("PUT", "Invoices", json=invoice(CurrencyCode="AUD")))
        own = only(
            xero("PUT", "Invoices", json=invoice(CurrencyCode="AUD", CurrencyRate=0.9123456, InvoiceNumber="A-2"))
        )
        base = only(xero("PUT", "Invoices", json=invoice(CurrencyRate=2, InvoiceNumber="A-3")))
        assert [made["CurrencyRate"] for made in (day, own, base)] == [0.92, 0.912346, 1]


class TestLife:
    def test_numbers_are_given(self, xero: Caller, invoice: Maker) -> None:
        """Without one the organisation's next number is used."""
        numbers = [only(xero("PUT", "Invoices", json=invoice(InvoiceNumber=None)))["InvoiceNumber"] for _ in range(2)]
        assert numbers == ["INV-0001", "INV-0002"]

    def test_defaults(self, xero: Caller, invoice: Maker) -> None:
        """A draft dated today where the organisation is, tax on top, the default theme, the base currency."""
        made = only(xero("PUT", "Invoices", json=invoice(Status=None, Date=None, DueDate=None)))
        assert (made["Status"], made["DateString"]) == ("DRAFT", "2026-11-20T00:00:00")
        assert (made["LineAmountTypes"], made["CurrencyCode"]) == ("Exclusive", "NZD")
        assert made["BrandingThemeID"]
        assert "DueDate" not in made

    def test_post_with_a_taken_number_changes_that_invoice(self, cloud: Cloud, xero: Caller, invoice: Maker) -> None:
        """That is how invoices get overwritten."""
        first = only(xero("PUT", "Invoices", json=invoice(Status="DRAFT")))
        second = only(xero("POST", "Invoices", json=invoice(Status="DRAFT", Reference="mine now")))
        assert first["InvoiceID"] == second["InvoiceID"]
        assert cloud.xero.document("A-1").reference == "mine now"
        assert len(cloud.xero.documents()) == 1

    def test_lines_are_changed_added_and_dropped(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """A line with its id is changed, one without is new, and one that is missing is gone."""
        made = only(xero("PUT", "Invoices", json=invoice(Status="DRAFT", LineItems=[line(10), line(20)])))
        kept = made["LineItems"][1]["LineItemID"]
        body = {"LineItems": [{"LineItemID": kept, "UnitAmount": 30}, line(5)]}
        changed = only(xero("POST", f"Invoices/{made['InvoiceID']}", json=body))
        assert [entry["LineAmount"] for entry in changed["LineItems"]] == [30, 5]
        assert changed["LineItems"][0]["LineItemID"] == kept
        assert (changed["SubTotal"], changed["TotalTax"]) == (35, 5.25)
        untouched = only(xero("POST", f"Invoices/{made['InvoiceID']}", json={"Status": "SUBMITTED"}))
        assert len(untouched["LineItems"]) == 2

    def test_the_tax_mode_can_change(self, xero: Caller, invoice: Maker) -> None:
        """The tax of every line is worked out again."""
        made = only(xero("PUT", "Invoices", json=invoice(Status="DRAFT")))
        changed = only(xero("POST", f"Invoices/{made['InvoiceID']}", json={"LineAmountTypes": "Inclusive"}))
        assert (changed["Total"], changed["TotalTax"]) == (100, 13.04)

    @pytest.mark.parametrize(
        ("before", "after", "is_allowed"),
        [
            ("DRAFT", "SUBMITTED", True),
            ("DRAFT", "AUTHORISED", True),
            ("DRAFT", "DELETED", True),
            ("DRAFT", "VOIDED", False),
            ("SUBMITTED", "DRAFT", True),
            ("SUBMITTED", "DELETED", True),
            ("AUTHORISED", "VOIDED", True),
            ("AUTHORISED", "DELETED", False),
            ("AUTHORISED", "DRAFT", False),
            ("AUTHORISED", "PAID", False),
        ],
    )
    def test_statuses(
        self, cloud: Cloud, invoice: Maker, refusal: Refusal, before: str, after: str, *, is_allowed: bool
    ) -> None:
        """Which status follows which."""
        assert refusal(invoice(Status=before)) == []
        messages = refusal({"InvoiceNumber": "A-1", "Status": after}, method="POST")
        assert messages == ([] if is_allowed else ["Invoice not of valid status for modification"])
        assert cloud.xero.document("A-1").status == (after if is_allowed else before)
        if after in {"DELETED", "VOIDED"} and is_allowed:
            again = refusal({"InvoiceNumber": "A-1", "Reference": "x"}, method="POST")
            assert again == ["Invoice not of valid status for modification"]

    def test_the_recorded_refusal_of_a_delete(self, xero: Caller, invoice: Maker) -> None:
        """The element echoes the status that was asked for and has no number: never believe it."""
        made = only(xero("PUT", "Invoices", json=invoice()))
        body = {"InvoiceID": made["InvoiceID"], "Status": "DELETED"}
        shown = only(xero("POST", "Invoices", json=body, params={"summarizeErrors": "False"}))
        assert (shown["Status"], shown["HasErrors"], shown["StatusAttributeString"]) == ("DELETED", True, "ERROR")
        assert "InvoiceNumber" not in shown

    def test_the_recorded_void(self, xero: Caller, invoice: Maker) -> None:
        """Right after a void the answer still shows what was due."""
        made = only(xero("PUT", "Invoices", json=invoice()))
        shown = only(xero("POST", f"Invoices/{made['InvoiceID']}", json={"Status": "VOIDED"}))
        assert (shown["Status"], shown["AmountDue"]) == ("VOIDED", 115)
        assert only(xero("GET", "Invoices/A-1"))["AmountDue"] == 0

    def test_an_unknown_id(self, refusal: Refusal, invoice: Maker) -> None:
        """It is refused, not created."""
        ids = {"InvoiceID": "11111111-1111-4111-8111-111111111111"}
        assert refusal(invoice() | ids, method="POST") == [
            "The document with the supplied id was not found for this endpoint."
        ]

    def test_sent_only_counts_when_approved(self, xero: Caller, invoice: Maker) -> None:
        """A draft is never sent."""
        draft = only(xero("PUT", "Invoices", json=invoice(Status="DRAFT", SentToContact=True)))
        ready = only(xero("PUT", "Invoices", json=invoice(InvoiceNumber="A-2", SentToContact=True)))
        assert (draft["SentToContact"], ready["SentToContact"]) == (False, True)

    def test_an_invoice_of_nothing_is_paid_at_once(self, xero: Caller, invoice: Maker, line: Maker) -> None:
        """There is nothing to pay."""
        assert only(xero("PUT", "Invoices", json=invoice(LineItems=[line(0)])))["Status"] == "PAID"

    def test_contact_details_on_an_invoice(self, cloud: Cloud, xero: Caller, invoice: Maker) -> None:
        """An unknown name makes a contact; more details change it, and omitted persons are kept unless sent."""
        xero("PUT", "Invoices", json=invoice(Contact={"Name": "New Ltd", "EmailAddress": "a@new.nz"}))
        assert cloud.xero.contact("New Ltd").fields["EmailAddress"] == "a@new.nz"
        assert cloud.xero.contact("New Ltd").is_customer
        body = invoice(InvoiceNumber="A-2", Contact={"Name": "NEW ltd", "EmailAddress": "b@new.nz"})
        assert xero("PUT", "Invoices", json=body).status_code == 200
        assert cloud.xero.contact("NEW ltd").fields["EmailAddress"] == "b@new.nz"
        assert len(cloud.xero.organisation.contacts) == 2
        assert cloud.xero.document("A-2").contact is cloud.xero.contact("NEW ltd")

    def test_a_refused_invoice_leaves_the_contact_alone(self, cloud: Cloud, invoice: Maker, refusal: Refusal) -> None:
        """No contact is made or changed by a document that is refused."""
        assert refusal(invoice(Contact={"Name": "New Ltd"}, CurrencyCode="EUR"))
        assert refusal(invoice(Contact={"Name": "Kowhai Ltd", "EmailAddress": "x@y.nz"}, CurrencyCode="EUR"))
        assert [contact.fields for contact in cloud.xero.organisation.contacts.values()] == [{}]


class TestPayments:
    def test_paying(self, cloud: Cloud, xero: Caller, invoice: Maker, refusal: Refusal) -> None:
        """Part, then all; a paid invoice cannot be changed or voided; undone it is open again."""
        made = only(xero("PUT", "Invoices", json=invoice()))
        body = {"Invoice": {"InvoiceID": made["InvoiceID"]}, "Account": {"Code": "090"}, "Date": "2026-11-21"}
        assert xero("PUT", "Payments", json=body | {"Amount": 15}).status_code == 200
        part = only(xero("GET", "Invoices/A-1"))
        assert (part["Status"], part["AmountPaid"], part["AmountDue"]) == ("AUTHORISED", 15, 100)
        too_much = xero("PUT", "Payments", json=body | {"Amount": 100.01})
        assert too_much.json()["Elements"][0]["ValidationErrors"] == [
            {"Message": "Payment amount exceeds the amount outstanding on this document"}
        ]
        payment = xero("PUT", "Payments", json={"Payments": [body | {"Amount": 100}]}).json()["Payments"][0]
        paid = only(xero("GET", "Invoices/A-1"))
        assert (paid["Status"], paid["AmountDue"]) == ("PAID", 0)
        assert paid["FullyPaidOnDate"] == "/Date(1795219200000+0000)/"
        void = {"InvoiceNumber": "A-1", "Status": "VOIDED"}
        (words,) = refusal(void, method="POST")
        assert words.startswith("The status VOIDED cannot be applied to the invoice because it has payments or credit")
        edit = {"InvoiceNumber": "A-1", "LineItems": [{"Description": "x"}]}
        assert refusal(edit, method="POST") == [
            "This document cannot be edited as it has a payment or credit note allocated to it."
        ]
        assert refusal({"InvoiceNumber": "A-1", "Reference": "still fine"}, method="POST") == []
        xero("POST", f"Payments/{payment['PaymentID']}", json={"Status": "DELETED"})
        assert only(xero("GET", "Invoices/A-1"))["Status"] == "AUTHORISED"
        assert len(xero("GET", "Payments").json()["Payments"]) == 2
        alive = xero("GET", "Payments", params={"where": 'Status=="AUTHORISED"'}).json()["Payments"]
        assert [entry["Amount"] for entry in alive] == [15]
        assert cloud.xero.organisation.due(cloud.xero.document("A-1")) == Decimal(100)

    def test_drafts_cannot_be_paid(self, cloud: Cloud, xero: Caller, invoice: Maker) -> None:
        """Only approved documents can."""
        xero("PUT", "Invoices", json=invoice(Status="DRAFT"))
        with pytest.raises(ValueError, match="Authorised"):
            cloud.xero.pay("A-1")

    def test_the_helper_pays_what_is_due(self, cloud: Cloud, xero: Caller, invoice: Maker) -> None:
        """On the day that is asked for."""
        xero("PUT", "Invoices", json=invoice())
        cloud.xero.pay("A-1", day=date(2026, 11, 21))
        paid = only(xero("GET", "Invoices/A-1"))
        assert (paid["Status"], paid["AmountPaid"]) == ("PAID", 115)


class TestCreditNotes:
    @pytest.fixture
    def note(self, invoice: Maker) -> Maker:
        def make(**fields: Any) -> dict[str, Any]:
            body = invoice(InvoiceNumber=None, DueDate=None, Type="ACCRECCREDIT", CreditNoteNumber="C-1")
            return body | fields

        return make

    def test_create_and_find(self, cloud: Cloud, xero: Caller, note: Maker) -> None:
        """A credit note has positive amounts and its own number and id."""
        made = only(xero("PUT", "CreditNotes", json={"CreditNotes": [note()]}))
        assert (made["CreditNoteNumber"], made["Total"], made["RemainingCredit"]) == ("C-1", 115, 115)
        assert only(xero("GET", "CreditNotes/C-1"))["CreditNoteID"] == made["CreditNoteID"]
        assert xero("GET", "Invoices/C-1").status_code == 404
        assert [document.type for document in cloud.xero.documents()] == ["ACCRECCREDIT"]
        listed = xero("GET", "CreditNotes", params={"where": 'CreditNoteNumber=="c-1"', "page": 1}).json()
        assert len(listed["CreditNotes"]) == 1

    def test_refusals(self, note: Maker, refusal: Refusal, line: Maker) -> None:
        """Their own words where they differ."""
        assert refusal(note(), path="CreditNotes") == []
        assert refusal(note(), path="CreditNotes") == ["Credit Note # must be unique."]
        discounted = note(CreditNoteNumber="C-2", LineItems=[line(DiscountRate=5)])
        assert refusal(discounted, path="CreditNotes") == ["Discounts cannot be applied to credit notes."]
        unknown = note(CreditNoteID="11111111-1111-4111-8111-111111111111")
        assert refusal(unknown, path="CreditNotes", method="POST") == [
            "An existing Credit Note with the specified CreditNoteID could not be found"
        ]

    def test_allocations(self, xero: Caller, invoice: Maker, note: Maker) -> None:
        """A credit note pays an invoice, and the allocation can be taken back."""
        owed = only(xero("PUT", "Invoices", json=invoice()))
        credit = only(xero("PUT", "CreditNotes", json=note()))
        path = f"CreditNotes/{credit['CreditNoteID']}/Allocations"
        body = {"Amount": 115, "Invoice": {"InvoiceID": owed["InvoiceID"]}, "Date": "2026-11-20"}
        refused = xero("PUT", path, json={"Allocations": [body | {"Amount": 115.01}]})
        assert refused.status_code == 400
        assert xero("PUT", path, json={"Allocations": [body]}).status_code == 200
        read = only(xero("GET", "CreditNotes/C-1"))
        assert (read["Status"], read["RemainingCredit"], read["AppliedAmount"]) == ("PAID", 0, 115)
        settled = only(xero("GET", "Invoices/A-1"))
        assert (settled["Status"], settled["AmountCredited"], settled["AmountDue"]) == ("PAID", 115, 0)
        allocation = read["Allocations"][0]["AllocationID"]
        assert xero("DELETE", f"{path}/{allocation}").status_code == 200
        assert only(xero("GET", "Invoices/A-1"))["Status"] == "AUTHORISED"


class TestExtras:
    @pytest.fixture
    def made(self, xero: Caller, invoice: Maker) -> str:
        return str(only(xero("PUT", "Invoices", json=invoice()))["InvoiceID"])

    def test_history(self, xero: Caller, made: str) -> None:
        """A note is added each time it is sent, newest first."""
        body = {"HistoryRecords": [{"Details": "Copied"}]}
        for _ in range(2):
            answer = xero("PUT", f"Invoices/{made}/History", json=body).json()["HistoryRecords"][0]
        assert set(answer) == {"DateUTCString", "DateUTC", "Details", "ValidationErrors"}
        read = xero("GET", f"Invoices/{made}/History").json()["HistoryRecords"]
        assert [entry["Details"] for entry in read][:2] == ["Copied", "Copied"]
        assert read[-1]["Changes"] == "Created"
        long = {"HistoryRecords": [{"Details": "x" * 2501}]}
        assert xero("PUT", f"Invoices/{made}/History", json=long).status_code == 400

    def test_attachments(self, xero: Caller, made: str) -> None:
        """The same name overwrites; bad names and an eleventh file are refused."""
        headers = {"Content-Type": "application/pdf"}
        path = f"Invoices/{made}/Attachments"
        first = xero("PUT", f"{path}/a.pdf?IncludeOnline=true", data=b"one", headers=headers).json()["Attachments"][0]
        second = xero("POST", f"{path}/a.pdf", data=b"three", headers=headers).json()["Attachments"][0]
        assert first["AttachmentID"] == second["AttachmentID"]
        assert (first["MimeType"], first["ContentLength"], second["ContentLength"]) == ("application/pdf", 3, 5)
        assert xero("GET", f"{path}/a.pdf").content == b"three"
        assert only(xero("GET", "Invoices/A-1"))["HasAttachments"] is True
        for bad in ("a%3Cb.pdf", "a%2Fb.pdf", "a%2Bb.pdf"):
            assert xero("PUT", f"{path}/{bad}", data=b"x", headers=headers).status_code == 400
        for number in range(9):
            assert xero("PUT", f"{path}/{number}.pdf", data=b"x", headers=headers).status_code == 200
        assert xero("PUT", f"{path}/more.pdf", data=b"x", headers=headers).status_code == 400
        assert len(xero("GET", path).json()["Attachments"]) == 10

    def test_the_online_invoice(self, xero: Caller, made: str, invoice: Maker) -> None:
        """Only approved sales invoices have one."""
        shown = xero("GET", f"Invoices/{made}/OnlineInvoice").json()["OnlineInvoices"][0]
        assert shown["OnlineInvoiceUrl"].startswith("https://in.xero.com/")
        xero("PUT", "Invoices", json=invoice(InvoiceNumber="A-2", Status="DRAFT"))
        assert xero("GET", "Invoices/A-2/OnlineInvoice").status_code == 400

    def test_pdf_and_email(self, cloud: Cloud, xero: Caller, made: str) -> None:
        """Accept decides; e-mail answers 204 and marks the invoice as sent."""
        for answer in (
            xero("GET", f"Invoices/{made}", headers={"Accept": "application/pdf"}),
            xero("GET", f"Invoices/{made}/pdf"),
        ):
            assert answer.headers["Content-Type"] == "application/pdf"
            assert answer.content.startswith(b"%PDF")
        assert xero("POST", f"Invoices/{made}/Email").status_code == 204
        assert cloud.xero.document(made).is_sent
