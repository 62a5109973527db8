"""One fresh cloud for each test, with a clock that only moves when told, and plain HTTP callers for both systems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from agent.pretend.cloud import Cloud

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
Caller = Callable[..., requests.Response]


class Clock:
    """A clock that stands still between calls of forward."""

    def __init__(self) -> None:
        self.instant = START

    def __call__(self) -> datetime:
        return self.instant

    def forward(self, **units: float) -> None:
        self.instant += timedelta(**units)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forward(clock: Clock) -> Callable[..., None]:
    return clock.forward


@pytest.fixture
def cloud(clock: Clock) -> Iterator[Cloud]:
    with Cloud(now=clock) as running:
        yield running


@pytest.fixture
def autotask(cloud: Cloud) -> Caller:
    user = cloud.autotask.user
    credentials = {"UserName": user.username, "Secret": user.secret, "ApiIntegrationCode": user.integration_code}

    def call(method: str, path: str, **options: Any) -> requests.Response:
        headers = credentials | options.pop("headers", {})
        url = path if path.startswith("http") else f"{cloud.url}/ATServicesRest/V1.0/{path}"
        return requests.request(method, url, headers=headers, timeout=5, **options)

    return call


@pytest.fixture
def xero(cloud: Cloud) -> Caller:
    token = cloud.xero.issue_token()

    def call(method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"} | options.pop("headers", {})
        return requests.request(method, f"{cloud.url}/api.xro/2.0/{path}", headers=headers, timeout=5, **options)

    return call


@pytest.fixture
def line() -> Callable[..., dict[str, Any]]:
    def make(unit_amount: float | str = "100.00", **fields: Any) -> dict[str, Any]:
        return {
            "Description": "Work",
            "Quantity": 1,
            "UnitAmount": float(unit_amount),
            "AccountCode": "200",
            **fields,
        }

    return make


@pytest.fixture
def invoice(cloud: Cloud, line: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Make the body of a good invoice for a contact that exists; None drops a field."""
    contact = cloud.xero.add_contact("Kowhai Ltd")

    def make(**fields: Any) -> dict[str, Any]:
        body = {
            "Type": "ACCREC",
            "Contact": {"ContactID": contact},
            "InvoiceNumber": "A-1",
            "Status": "AUTHORISED",
            "Date": "2026-11-20",
            "DueDate": "2026-12-20",
            "LineItems": [line()],
            **fields,
        }
        return {name: value for name, value in body.items() if value is not None}

    return make


@pytest.fixture
def refusal(xero: Caller) -> Callable[..., list[str]]:
    """Write one element and give the messages of its refusal."""

    def call(element: dict[str, Any], path: str = "Invoices", method: str = "PUT") -> list[str]:
        answer = xero(method, path, params={"summarizeErrors": "false"}, json={path: [element]})
        assert answer.status_code == 200, answer.text
        shown = answer.json()[path][0]
        assert shown["StatusAttributeString"] == ("ERROR" if "ValidationErrors" in shown else "OK")
        return [error["Message"] for error in shown.get("ValidationErrors", [])]

    return call
