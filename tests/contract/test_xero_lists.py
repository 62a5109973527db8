"""Lists and settings of the pretend Xero."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import requests

from agent.pretend.cloud import Cloud

Caller = Callable[..., requests.Response]
Maker = Callable[..., dict[str, Any]]


class TestLists:
    @pytest.fixture(autouse=True)
    def invoices(self, cloud: Cloud, line: Maker, forward: Callable[..., None]) -> list[str]:
        made = []
        for number in range(1, 5):
            forward(minutes=1)
            made.append(
                cloud.xero.add_invoice(
                    f"Customer {number % 2}",
                    [line(100 * number)],
                    InvoiceNumber=f"B-{number}",
                    Reference="Order" if number == 3 else "",
                    Date=f"2026-11-0{number}",
                    Status="DRAFT" if number == 4 else "AUTHORISED",
                    is_by_app=number == 1,
                )
            )
        return made

    def numbers(self, answer: requests.Response) -> list[int]:
        assert answer.status_code == 200, answer.text
        return [int(element["InvoiceNumber"][-1]) for element in answer.json()["Invoices"]]

    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            ('Status=="AUTHORISED"', [1, 2, 3]),
            ('status=="draft"', [4]),
            ('Type=="ACCREC" AND Status!="DRAFT" && Total>=230', [2, 3]),
            ("Date>=DateTime(2026,11,2) AND Date<DateTime(2026,11,04)", [2, 3]),
            ('Date==DateTime.Parse("2026-11-02")', [2]),
            ('Reference.Contains("RDE")', [3]),
            ("Reference!=null", [3]),
            ('Contact.Name=="customer 1"', [1, 3]),
            ('InvoiceNumber.StartsWith("b-") AND (Total<200 OR Total>400)', [1, 4]),
            ('InvoiceNumber.ToLower().EndsWith("2")', [2]),
            ('InvoiceNumber="B-1" || InvoiceNumber="B-2"', [1, 2]),
            ("AmountPaid==0 AND SentToContact==false AND FullyPaidOnDate==null", [1, 2, 3, 4]),
        ],
    )
    def test_where(self, xero: Caller, where: str, expected: list[int]) -> None:
        """The expressions that clients use."""
        assert self.numbers(xero("GET", "Invoices", params={"where": where})) == expected

    def test_where_by_contact_id(self, cloud: Cloud, xero: Caller) -> None:
        """Guid() compares ids."""
        contact = cloud.xero.contact("Customer 0").id
        where = f'Contact.ContactID==Guid("{contact.upper()}")'
        assert self.numbers(xero("GET", "Invoices", params={"where": where})) == [2, 4]

    @pytest.mark.parametrize(
        ("where", "message"),
        [
            ('Bat=="x"', "No property or field 'Bat' exists in type 'Invoice'"),
            ('Contact.Bat=="x"', "No property or field 'Bat' exists in type 'Contact'"),
            ('Reference=="a"b"', "Syntax error"),
            ('Reference=="a', "Unterminated string literal"),
            ("Total==", "Syntax error"),
            ("(Total==1", "Syntax error"),
            ("Date==DateTime(2026,13,1)", "Syntax error"),
            ("Date==DateTime()", "Syntax error"),
            ('Reference.Nonsense("x")', "Syntax error"),
            ("%%", "Syntax error"),
        ],
    )
    def test_bad_where(self, xero: Caller, where: str, message: str) -> None:
        """400 with ErrorNumber 16."""
        answer = xero("GET", "Invoices", params={"where": where})
        assert answer.status_code == 400
        assert answer.json() == {"ErrorNumber": 16, "Type": "QueryParseException", "Message": message}

    def test_filters(self, cloud: Cloud, xero: Caller, invoices: list[str]) -> None:
        """Lists of ids, numbers, contacts and statuses, search, and what the app made."""
        contact = cloud.xero.contact("Customer 1").id
        for params, expected in (
            ({"IDs": f"{invoices[0]},{invoices[2].upper()}"}, [1, 3]),
            ({"InvoiceNumbers": "B-2,b-4,zzz"}, [2, 4]),
            ({"ContactIDs": contact}, [1, 3]),
            ({"Statuses": "DRAFT,VOIDED"}, [4]),
            ({"searchTerm": "ORDER"}, [3]),
            ({"searchTerm": "b-"}, [1, 2, 3, 4]),
            ({"createdByMyApp": "True"}, [1]),
            ({"order": "Total DESC"}, [4, 3, 2, 1]),
            ({"order": "Status, InvoiceNumber DESC"}, [3, 2, 1, 4]),
        ):
            assert self.numbers(xero("GET", "Invoices", params=params)) == expected, params

    def test_pages(self, xero: Caller) -> None:
        """Only a page has full lines and the pagination object; past the end is empty."""
        unpaged = xero("GET", "Invoices").json()
        assert "pagination" not in unpaged
        assert unpaged["Invoices"][0]["LineItems"] == []
        assert set(unpaged["Invoices"][0]["Contact"]) == {"ContactID", "Name"}
        second = xero("GET", "Invoices", params={"page": 2, "pageSize": 3})
        assert second.json()["pagination"] == {"page": 2, "pageSize": 3, "pageCount": 2, "itemCount": 4}
        assert self.numbers(second) == [4]
        assert second.json()["Invoices"][0]["LineItems"][0]["LineAmount"] == 400
        assert self.numbers(xero("GET", "Invoices", params={"page": 3, "pageSize": 3})) == []
        assert xero("GET", "Invoices", params={"page": 1, "pageSize": 5000}).json()["pagination"]["pageSize"] == 1000
        short = xero("GET", "Invoices", params={"page": 1, "summaryOnly": "true"}).json()
        assert short["Invoices"][0]["LineItems"] == []

    def test_modified_since(self, xero: Caller) -> None:
        """Both spellings of the instant, to the second, inclusive."""
        for text in ("2026-11-20T01:03:00", "Fri, 20 Nov 2026 01:03:00 GMT"):
            assert self.numbers(xero("GET", "Invoices", headers={"If-Modified-Since": text})) == [3, 4]

    def test_dates_are_written_twice(self, xero: Caller) -> None:
        """As text and as milliseconds; empty fields are left out."""
        shown = xero("GET", "Invoices/B-1").json()["Invoices"][0]
        assert (shown["DateString"], shown["Date"]) == ("2026-11-01T00:00:00", "/Date(1793491200000+0000)/")
        assert shown["DueDateString"] == "2026-12-10T00:00:00"
        assert shown["UpdatedDateUTCString"] == "2026-11-20T01:01:00Z"
        assert "Reference" not in shown
        assert "FullyPaidOnDate" not in shown

    def test_the_url_can_be_left_out_of_lists(self, cloud: Cloud, xero: Caller, line: Maker) -> None:
        """A switch, because nobody knows."""
        cloud.xero.add_invoice("Customer 1", [line()], InvoiceNumber="B-5", Url="https://example.com/5")
        ask = {"InvoiceNumbers": "B-5", "page": "1"}
        assert xero("GET", "Invoices", params=ask).json()["Invoices"][0]["Url"] == "https://example.com/5"
        cloud.xero.rules.lists_url = False
        assert "Url" not in xero("GET", "Invoices", params=ask).json()["Invoices"][0]
        assert "Url" in xero("GET", "Invoices/B-5").json()["Invoices"][0]


class TestSettings:
    def test_the_organisation(self, cloud: Cloud, xero: Caller) -> None:
        """Lock dates appear only when set."""
        shown = xero("GET", "Organisation").json()["Organisations"][0]
        assert (shown["BaseCurrency"], shown["CountryCode"], shown["PaysTax"]) == ("NZD", "NZ", True)
        assert "PeriodLockDate" not in shown
        cloud.xero.set_lock_dates(date(2009, 9, 30))
        shown = xero("GET", "organisation").json()["Organisations"][0]
        assert shown["PeriodLockDate"] == "/Date(1254268800000+0000)/"

    def test_actions(self, cloud: Cloud, xero: Caller) -> None:
        """What the plan allows."""
        cloud.xero.organisation.actions["CreateApprovedInvoice"] = False
        actions = {entry["Name"]: entry["Status"] for entry in xero("GET", "Organisation/Actions").json()["Actions"]}
        assert actions["CreateApprovedInvoice"] == "NOT-ALLOWED"
        assert actions["CreateDraftInvoice"] == "ALLOWED"

    def test_accounts(self, xero: Caller) -> None:
        """All of them, filtered, and one by its code."""
        accounts = {entry["Code"]: entry for entry in xero("GET", "Accounts").json()["Accounts"]}
        assert accounts["860"]["SystemAccount"] == "ROUNDING"
        assert accounts["280"]["Status"] == "ARCHIVED"
        where = {"where": 'Status=="ACTIVE" AND Class=="REVENUE"'}
        assert [entry["Code"] for entry in xero("GET", "Accounts", params=where).json()["Accounts"]] == [
            "200",
            "260",
            "270",
        ]
        assert len(xero("GET", "Accounts/200").json()["Accounts"]) == 1

    def test_tax_rates(self, xero: Caller) -> None:
        """Deleted ones are in the list."""
        rates = {entry["TaxType"]: entry for entry in xero("GET", "TaxRates").json()["TaxRates"]}
        assert (rates["OUTPUT2"]["EffectiveRate"], rates["OUTPUT2"]["CanApplyToRevenue"]) == (15.0, True)
        assert rates["INPUT2"]["CanApplyToRevenue"] is False
        assert (rates["OUTPUT"]["EffectiveRate"], rates["OUTPUT"]["Status"]) == (12.5, "DELETED")

    def test_currencies(self, cloud: Cloud, xero: Caller) -> None:
        """PUT subscribes to one more, if the plan allows it."""
        assert xero("PUT", "Currencies", json={"Code": "EUR", "Description": "Euro"}).status_code == 200
        codes = [entry["Code"] for entry in xero("GET", "Currencies").json()["Currencies"]]
        assert codes == ["NZD", "AUD", "EUR"]
        cloud.xero.organisation.actions["UseMulticurrency"] = False
        assert xero("PUT", "Currencies", json={"Code": "USD"}).status_code == 400

    def test_tracking(self, cloud: Cloud, xero: Caller) -> None:
        """Categories with options; archived ones only on request."""
        category = cloud.xero.add_tracking("Region", "North")
        xero("PUT", f"TrackingCategories/{category.id}/Options", json={"Name": "South"})
        shown = xero("GET", "TrackingCategories").json()["TrackingCategories"][0]
        assert [option["Name"] for option in shown["Options"]] == ["North", "South"]
        category.status = "ARCHIVED"
        assert xero("GET", "TrackingCategories").json()["TrackingCategories"] == []
        archived = xero("GET", "TrackingCategories", params={"includeArchived": "true"})
        assert len(archived.json()["TrackingCategories"]) == 1

    def test_themes_and_items(self, cloud: Cloud, xero: Caller) -> None:
        """The first theme is the default one."""
        themes = xero("GET", "BrandingThemes").json()["BrandingThemes"]
        assert (themes[0]["Name"], themes[0]["SortOrder"]) == ("Standard", 0)
        cloud.xero.add_item("W1", "Work", unit_price="90.00")
        item = xero("GET", "Items/W1").json()["Items"][0]
        assert item["SalesDetails"]["UnitPrice"] == 90.0
