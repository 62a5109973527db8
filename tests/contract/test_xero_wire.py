"""The gateway of the pretend Xero on the wire: errors, limits, idempotency, lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from threading import Event, Thread
from typing import Any

import pytest
import requests

from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Call, Trouble

Caller = Callable[..., requests.Response]
Maker = Callable[..., dict[str, Any]]


class TestGate:
    def test_no_or_wrong_token(self, cloud: Cloud) -> None:
        """401 with a problem body."""
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eA=="}):
            answer = requests.get(f"{cloud.url}/api.xro/2.0/Organisation", headers=headers, timeout=5)
            assert answer.status_code == 401
            assert (answer.json()["Title"], answer.json()["Detail"]) == ("Unauthorized", "AuthenticationUnsuccessful")

    def test_an_old_token(self, xero: Caller, forward: Callable[..., None]) -> None:
        """It says when the token expired."""
        forward(minutes=29)
        assert xero("GET", "Organisation").status_code == 200
        forward(minutes=1)
        answer = xero("GET", "Organisation")
        assert answer.status_code == 401
        assert answer.json()["Detail"] == "TokenExpired: token expired at 11/20/2026 01:30:00"

    def test_a_trouble_can_expire_the_token(self, cloud: Cloud, xero: Caller) -> None:
        """The token is dead from then on."""
        cloud.troubles.add(Trouble("expire_token", system="xero"))
        assert [xero("GET", "Organisation").status_code for _ in range(2)] == [401, 401]

    def test_the_wrong_tenant(self, cloud: Cloud, xero: Caller) -> None:
        """403, and for a person's token also when none is named or it is not connected."""
        assert xero("GET", "Organisation", headers={"xero-tenant-id": "x"}).status_code == 403
        own = {"Authorization": f"Bearer {cloud.xero.issue_token(is_custom=False)}"}
        named = own | {"xero-tenant-id": cloud.xero.tenant_id}
        assert xero("GET", "Organisation", headers=own).status_code == 403
        assert xero("GET", "Organisation", headers=named).status_code == 403
        cloud.xero.connect()
        assert xero("GET", "Organisation", headers=named).status_code == 200
        body = xero("GET", "Organisation", headers=own).json()
        assert (body["Title"], body["Detail"]) == ("Forbidden", "AuthenticationUnsuccessful")

    @pytest.mark.parametrize(
        ("scope", "method", "path", "is_allowed"),
        [
            ("accounting.contacts", "GET", "Invoices", False),
            ("accounting.invoices.read", "GET", "Invoices", True),
            ("accounting.invoices.read", "PUT", "Invoices", False),
            ("accounting.invoices", "GET", "CreditNotes", True),
            ("accounting.invoices", "GET", "Payments", False),
            ("accounting.settings.read", "GET", "TaxRates", True),
            ("accounting.invoices", "PUT", "Invoices/x/Attachments/a.txt", False),
        ],
    )
    def test_scopes(self, cloud: Cloud, xero: Caller, scope: str, method: str, path: str, *, is_allowed: bool) -> None:
        """A token without the scope is 401 AuthorizationUnsuccessful."""
        answer = xero(method, path, headers={"Authorization": f"Bearer {cloud.xero.issue_token(scope)}"})
        assert (answer.status_code != 401) is is_allowed
        if not is_allowed:
            assert answer.json()["Detail"] == "AuthorizationUnsuccessful"
            assert answer.headers["WWW-Authenticate"] == "insufficient_scope"

    def test_what_is_not_there(self, xero: Caller) -> None:
        """404 has no body and says it is HTML; a method that is not implemented is 501."""
        for path in ("Invoices/4c7e3c5b-6c7b-4a4f-9d3c-000000000000", "Nonsense", "Contacts/x", "Payments/x"):
            answer = xero("GET", path)
            assert (answer.status_code, answer.content) == (404, b"")
            assert answer.headers["Content-Type"].startswith("text/html")
        answer = xero("DELETE", "Invoices")
        assert (answer.status_code, answer.json()["ErrorNumber"]) == (501, 20)

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"",
            b'{"Invoices":[1]}',
            b'{"Type":"NONSENSE"}',
            b'{"Type":"ACCREC","Date":"20100510x"}',
            b'{"Type":"ACCREC","LineItems":[{"Quantity":"many"}]}',
            b'{"Type":"ACCREC","LineAmountTypes":"NO_TAX","Contact":{"Name":"X"},"LineItems":[{"Description":"x"}]}',
        ],
    )
    def test_unreadable_bodies(self, cloud: Cloud, xero: Caller, body: bytes) -> None:
        """400 with ErrorNumber 14, and nothing saved."""
        answer = xero("PUT", "Invoices", data=body, params={"summarizeErrors": "false"})
        assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 14), answer.text
        assert answer.json()["Type"] == "PostDataInvalidException"
        assert cloud.xero.documents() == []

    def test_the_envelope(self, xero: Caller) -> None:
        """Id, Status, ProviderName and the time as milliseconds."""
        answer = xero("GET", "Organisation")
        body = answer.json()
        assert list(body) == ["Id", "Status", "ProviderName", "DateTimeUTC", "Organisations"]
        assert (body["Status"], body["DateTimeUTC"]) == ("OK", "/Date(1795136400000)/")
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["Xero-Correlation-Id"])


class TestLimits:
    def test_the_minute(self, cloud: Cloud, xero: Caller, forward: Callable[..., None]) -> None:
        """429 with no body, and the seconds to wait."""
        cloud.xero.minute_limit = 2
        first = xero("GET", "Currencies")
        assert first.headers["X-MinLimit-Remaining"] == "1"
        assert first.headers["X-DayLimit-Remaining"] == "4999"
        assert first.headers["X-AppMinLimit-Remaining"] == "9999"
        forward(seconds=34)
        xero("GET", "Currencies")
        refused = xero("GET", "Currencies")
        assert (refused.status_code, refused.content) == (429, b"")
        assert "Content-Type" not in refused.headers
        assert refused.headers["Retry-After"] == "26"
        assert refused.headers["X-Rate-Limit-Problem"] == "minute"
        assert refused.headers["X-MinLimit-Remaining"] == "0"
        forward(seconds=26)
        assert xero("GET", "Currencies").status_code == 200

    def test_the_day(self, cloud: Cloud, xero: Caller, forward: Callable[..., None]) -> None:
        """The wait can be most of a day."""
        cloud.xero.day_limit = 1
        xero("GET", "Currencies")
        forward(minutes=20)
        refused = xero("GET", "Currencies")
        assert refused.headers["X-Rate-Limit-Problem"] == "day"
        assert refused.headers["Retry-After"] == str(24 * 3600 - 1200)
        assert refused.headers["X-DayLimit-Remaining"] == "0"

    def test_five_at_once(self, cloud: Cloud, xero: Caller) -> None:
        """The sixth is refused without a time to wait."""
        arrived, go, waiting = Event(), Event(), list[Call]()

        def wait(call: Call) -> None:
            waiting.append(call)
            if len(waiting) == 5:
                arrived.set()
            go.wait(5)

        cloud.troubles.on_request = wait
        threads = [Thread(target=xero, args=("GET", "Currencies")) for _ in range(5)]
        for thread in threads:
            thread.start()
        assert arrived.wait(5)
        refused = xero("GET", "Currencies")
        go.set()
        for thread in threads:
            thread.join(5)
        assert refused.status_code == 429
        assert refused.headers["X-Rate-Limit-Problem"] == "concurrent"
        assert "Retry-After" not in refused.headers


class TestIdempotency:
    def test_the_same_request_gets_the_same_answer(self, cloud: Cloud, xero: Caller, invoice: Maker) -> None:
        """Nothing is done twice, and the answer is the first one to the byte."""
        headers = {"Idempotency-Key": "key-1"}
        answers = [xero("PUT", "Invoices", json=invoice(InvoiceNumber=None), headers=headers) for _ in range(2)]
        assert answers[0].status_code == 200
        assert answers[0].content == answers[1].content
        assert len(cloud.xero.documents()) == 1

    def test_errors_are_kept_too(self, xero: Caller, invoice: Maker, cloud: Cloud) -> None:
        """A refusal stays a refusal even after its cause is gone."""
        headers = {"Idempotency-Key": "key-1"}
        body = invoice(CurrencyCode="EUR")
        assert xero("PUT", "Invoices", json=body, headers=headers).status_code == 400
        cloud.xero.organisation.currencies["EUR"] = "Euro"
        assert xero("PUT", "Invoices", json=body, headers=headers).status_code == 400
        assert xero("PUT", "Invoices", json=body, headers={"Idempotency-Key": "key-2"}).status_code == 200

    def test_another_request_under_the_key(self, xero: Caller, invoice: Maker) -> None:
        """Other body, method or address: 400 with the documented words."""
        headers = {"Idempotency-Key": "key-1"}
        xero("PUT", "Invoices", json=invoice(), headers=headers)
        for method, path, body in (
            ("PUT", "Invoices", invoice(Reference="other")),
            ("POST", "Invoices", invoice()),
            ("PUT", "Invoices?unitdp=4", invoice()),
        ):
            answer = xero(method, path, json=body, headers=headers)
            assert answer.status_code == 400
            assert answer.json()["Message"] == "Idempotency Key: key-1 is used with a different request."

    def test_keys_live_six_minutes(
        self, cloud: Cloud, xero: Caller, invoice: Maker, forward: Callable[..., None]
    ) -> None:
        """After that the request is done again."""
        headers, body = {"Idempotency-Key": "key-1"}, invoice(InvoiceNumber=None)
        xero("PUT", "Invoices", json=body, headers=headers)
        forward(minutes=5, seconds=59)
        xero("PUT", "Invoices", json=body, headers=headers)
        assert len(cloud.xero.documents()) == 1
        forward(seconds=1)
        xero("PUT", "Invoices", json=body, headers=headers)
        assert len(cloud.xero.documents()) == 2

    def test_a_long_key(self, xero: Caller, invoice: Maker) -> None:
        """More than 128 characters are refused."""
        assert xero("PUT", "Invoices", json=invoice(), headers={"Idempotency-Key": "k" * 129}).status_code == 400
        assert xero("PUT", "Invoices", json=invoice(), headers={"Idempotency-Key": "k" * 128}).status_code == 200


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


def test_the_cloud_counts_calls_and_starts_again(cloud: Cloud, xero: Caller) -> None:
    """Calls are recorded with what matters, and a stopped cloud comes back on its port with its records."""
    cloud.xero.add_contact("Kowhai Ltd")
    xero("PUT", "Contacts?x=1", json={"Name": "Rimu"}, headers={"Idempotency-Key": "k"})
    call = cloud.calls[-1]
    assert (call.system, call.method, call.path, call.query) == ("xero", "PUT", "/api.xro/2.0/Contacts", "x=1")
    assert (call.idempotency_key, call.body, call.status) == ("k", b'{"Name": "Rimu"}', 200)
    assert (cloud.count("xero"), cloud.count("autotask"), cloud.count()) == (1, 0, 1)
    cloud.stop()
    with pytest.raises(requests.ConnectionError):
        xero("GET", "Contacts")
    cloud.start()
    assert len(xero("GET", "Contacts").json()["Contacts"]) == 2
    cloud.reset()
    assert cloud.count() == 0
    assert cloud.now() - call.time == timedelta(0)
