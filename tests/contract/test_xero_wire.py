"""The gateway of the pretend Xero on the wire: errors, limits, idempotency, lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
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

    def test_one_unreadable_element_stops_the_batch(self, cloud: Cloud, xero: Caller, invoice: Maker) -> None:
        """The good elements before it are not saved either."""
        batch = {"Invoices": [invoice(), invoice(InvoiceNumber="A-2", DueDate="soon")]}
        answer = xero("PUT", "Invoices", json=batch, params={"summarizeErrors": "false"})
        assert (answer.status_code, answer.json()["ErrorNumber"]) == (400, 14)
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
