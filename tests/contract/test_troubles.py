"""Failures on demand: what a client sees, and what was done behind its back."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from threading import Event, Thread
from typing import Any

import pytest
import requests

from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Call, Trouble

Caller = Callable[..., requests.Response]
Maker = Callable[..., dict[str, Any]]


def test_cut_before_does_nothing(cloud: Cloud, xero: Caller, invoice: Maker) -> None:
    """The line is cut, no work is done, and the call has no status."""
    cloud.troubles.add(Trouble("cut_before", method="PUT", path_contains="invoices"))
    with pytest.raises(requests.ConnectionError):
        xero("PUT", "Invoices", json=invoice())
    assert cloud.xero.documents() == []
    assert (cloud.calls[-1].status, cloud.calls[-1].is_commit) == (None, False)
    assert xero("PUT", "Invoices", json=invoice()).status_code == 200


def test_cut_after_has_done_the_work(cloud: Cloud, xero: Caller, invoice: Maker) -> None:
    """The line is cut after the work, and the key gives the answer that was lost."""
    cloud.troubles.add(Trouble("cut_after", method="PUT", body_contains="A-1"))
    headers = {"Idempotency-Key": "k"}
    with pytest.raises(requests.ConnectionError):
        xero("PUT", "Invoices", json=invoice(), headers=headers)
    assert [document.number for document in cloud.xero.documents()] == ["A-1"]
    assert (cloud.calls[-1].status, cloud.calls[-1].is_commit) == (None, True)
    again = xero("PUT", "Invoices", json=invoice(), headers=headers)
    assert again.json()["Invoices"][0]["InvoiceID"] == cloud.xero.documents()[0].id
    assert len(cloud.xero.documents()) == 1


def test_cut_after_on_autotask(cloud: Cloud, autotask: Caller) -> None:
    """The same for the other system."""
    number = cloud.autotask.add("Invoices")
    cloud.troubles.add(Trouble("cut_after", system="autotask", method="PATCH"))
    with pytest.raises(requests.ConnectionError):
        autotask("PATCH", "Invoices", json={"id": number, "invoiceNumber": "9"})
    assert autotask("GET", f"Invoices/{number}").json()["item"]["invoiceNumber"] == "9"


@pytest.mark.parametrize("status", ["500", "502", "503", "504", "418"])
def test_statuses_before_and_after(cloud: Cloud, xero: Caller, invoice: Maker, status: str) -> None:
    """A server error may or may not mean that the work was done."""
    cloud.troubles.add(Trouble(status, method="PUT"))
    assert xero("PUT", "Invoices", json=invoice()).status_code == int(status)
    assert cloud.xero.documents() == []
    cloud.troubles.add(Trouble(status, method="PUT", is_after_commit=True))
    assert xero("PUT", "Invoices", json=invoice()).status_code == int(status)
    assert len(cloud.xero.documents()) == 1


def test_the_words_of_each_system(cloud: Cloud, xero: Caller, autotask: Caller) -> None:
    """Errors come in the shape that the called system gives them."""
    for kind in ("503", "500", "401"):
        cloud.troubles.add(Trouble(kind, times=2))
        seen = xero("GET", "Currencies"), autotask("GET", "Invoices/1")
        assert {answer.status_code for answer in seen} == {int(kind)}
        if kind == "503":
            assert seen[0].text == "The Xero API is temporarily unavailable"
        else:
            assert seen[0].json()["Title"]
            assert list(seen[1].json()) == ["errors"]
    cloud.troubles.add(Trouble("401", system="login"))
    assert requests.post(f"{cloud.url}/connect/token", timeout=5).json() == {"error": "invalid_client"}


@pytest.mark.parametrize(
    ("kind", "wait", "minute", "day"),
    [
        ("429-minute", "26", "0", "4000"),
        ("429-day", "66183", "60", "0"),
        ("429-concurrent", None, "60", "4000"),
        ("429-appminute", "26", "60", "4000"),
    ],
)
def test_limits(cloud: Cloud, xero: Caller, kind: str, wait: str | None, minute: str, day: str) -> None:
    """Xero's refusals have no body and tell what the problem is."""
    cloud.troubles.add(Trouble(kind))
    answer = xero("GET", "Currencies")
    assert (answer.status_code, answer.content) == (429, b"")
    assert answer.headers["X-Rate-Limit-Problem"] == kind.partition("-")[2]
    assert answer.headers.get("Retry-After") == wait
    assert (answer.headers["X-MinLimit-Remaining"], answer.headers["X-DayLimit-Remaining"]) == (minute, day)
    assert "Content-Type" not in answer.headers


def test_own_bodies_headers_and_waits(cloud: Cloud, xero: Caller, autotask: Caller) -> None:
    """A trouble may say anything."""
    cloud.troubles.add(Trouble("429-minute", system="xero", retry_after=3))
    cloud.troubles.add(Trouble("429-minute", system="autotask"))
    cloud.troubles.add(Trouble("503", body=b"offline", headers={"Retry-After": "9"}))
    assert xero("GET", "Currencies").headers["Retry-After"] == "3"
    limited = autotask("GET", "Invoices/1")
    assert (limited.status_code, list(limited.json())) == (429, ["errors"])
    answer = xero("GET", "Currencies")
    assert (answer.text, answer.headers["Retry-After"]) == ("offline", "9")


def test_times_and_skip(cloud: Cloud, xero: Caller) -> None:
    """Some requests pass first, then some are hit, then all pass again."""
    cloud.troubles.add(Trouble("503", system="xero", skip=1, times=2))
    assert [xero("GET", "Currencies").status_code for _ in range(4)] == [200, 503, 503, 200]
    cloud.troubles.add(Trouble("503", times=None))
    assert [xero("GET", "Currencies").status_code for _ in range(3)] == [503] * 3
    cloud.troubles.clear()
    assert xero("GET", "Currencies").status_code == 200


def test_a_stall_ends_when_the_cloud_stops(cloud: Cloud, xero: Caller, invoice: Maker) -> None:
    """A client that waits for ever is let go; the work may be done already."""
    committed = Event()
    cloud.troubles.on_commit = lambda _: committed.set()
    cloud.troubles.add(Trouble("stall", method="PUT", is_after_commit=True))
    answers: list[object] = []

    def send() -> None:
        try:
            answers.append(xero("PUT", "Invoices", json=invoice()))
        except requests.RequestException as error:
            answers.append(error)

    thread = Thread(target=send)
    thread.start()
    assert committed.wait(5)
    assert len(cloud.xero.documents()) == 1
    assert answers == []
    cloud.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_slow_answers_come_in_the_end(cloud: Cloud, xero: Caller) -> None:
    """Later, but the same."""
    cloud.troubles.add(Trouble("slow", seconds=0.1))
    start = time.monotonic()
    assert xero("GET", "Currencies").status_code == 200
    assert time.monotonic() - start >= 0.1


def test_hooks_see_every_call_and_can_kill_it(cloud: Cloud, xero: Caller, invoice: Maker) -> None:
    """Before the work and after it."""
    seen: list[tuple[str, str, bool]] = []
    cloud.troubles.on_request = lambda call: seen.append(("request", call.method, call.is_commit))
    cloud.troubles.on_commit = lambda call: seen.append(("commit", call.method, call.is_commit))
    xero("GET", "Currencies")
    assert seen == [("request", "GET", False), ("commit", "GET", True)]

    def die(_: Call) -> None:
        raise RuntimeError("killed")

    cloud.troubles.clear()
    cloud.troubles.on_request = die
    with pytest.raises(requests.ConnectionError):
        xero("PUT", "Invoices", json=invoice())
    assert cloud.xero.documents() == []
    cloud.troubles.clear()
    cloud.troubles.on_commit = die
    with pytest.raises(requests.ConnectionError):
        xero("PUT", "Invoices", json=invoice())
    assert len(cloud.xero.documents()) == 1


def test_chaos_is_repeatable(cloud: Cloud, autotask: Caller) -> None:
    """A share of the requests fails in mixed ways, the same for the same seed."""

    def run() -> list[int | None]:
        cloud.troubles.chaos(Random(7), 0.5)
        outcomes: list[int | None] = []
        for _ in range(40):
            try:
                outcomes.append(autotask("GET", "Invoices/1").status_code)
            except requests.ConnectionError:
                outcomes.append(None)
        return outcomes

    first = run()
    assert first == run()
    assert 10 <= first.count(200) <= 30
    assert len(set(first)) >= 4
    cloud.troubles.clear()
    assert autotask("GET", "Invoices/1").status_code == 200


def test_an_unknown_kind_is_refused() -> None:
    """A typing mistake does not go unnoticed."""
    with pytest.raises(ValueError, match="teapot"):
        Trouble("teapot")
