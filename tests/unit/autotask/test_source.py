"""Whole invoices out of Autotask's tables, in bulk; days stay days and money stays exact."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from agent.autotask.client import Autotask, Credentials
from agent.autotask.models import day, instant
from agent.autotask.source import Source, Window
from agent.domain.invoice import AutotaskId, Invoice
from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Trouble
from agent.pretend.world import LABOR, RETAINER, LineOf, World, empty_world
from agent.wire import Wire

D = Decimal
TODAY = dt.date(2026, 11, 20)
SINCE = Window(dated_from=dt.date(2026, 1, 1))
SUPPORT = LineOf("Remote Support", LABOR, "Remote support", "2", "145.0000")


@dataclass
class Provider:
    """A pretend provider and its invoices as the domain reads them."""

    world: World
    source: Source

    def read(self, window: Window = SINCE, *ids: int) -> dict[int, Invoice]:
        headers = self.source.headers(window, [AutotaskId(item) for item in ids])
        return {item.id: item for item in self.source.invoices(list(headers.values()))}

    def add(self, entity: str, **fields: Any) -> int:
        return self.world.cloud.autotask.add(entity, **fields)

    def calls(self) -> Counter[str]:
        """How often each table was asked since the last reset."""
        return Counter(call.path.split("V1.0/")[1].split("/")[0] for call in self.world.cloud.calls)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Cloud() as cloud:
        user = cloud.autotask.user
        credentials = Credentials(user.username, user.secret, user.integration_code)
        world = empty_world(cloud, TODAY)
        world.company("Kauri Legal")
        yield Provider(world, Source(Autotask(credentials, Wire((5, 5)), f"{cloud.url}/ATServicesRest/")))


def test_a_whole_invoice(provider: Provider) -> None:
    number = provider.world.invoice(
        "Kauri Legal",
        [SUPPORT, LineOf("Prepaid Hours", RETAINER, "Prepaid", "20", "120.0000", is_taxed=False)],
        day=dt.date(2026, 11, 5),
        orderNumber=" PO 9 ",
        webServiceDate="2026-11-06T01:02:03Z",
    )
    found = provider.read()[number]
    assert (found.number, found.order_number, found.tax_region) == ("AT-1001", "PO 9", "NZ GST")
    assert (found.date, found.due) == (dt.date(2026, 11, 5), dt.date(2026, 11, 25))
    assert found.created == dt.datetime(2026, 11, 5, 3, 30, tzinfo=dt.UTC)
    assert found.marked_sent == dt.datetime(2026, 11, 6, 1, 2, 3, tzinfo=dt.UTC)
    assert (found.net, found.tax, found.currency, found.is_voided) == (D(2690), D("43.5"), "NZD", False)
    first, second = found.lines
    assert (first.line_type, first.billing_code, first.tax_category) == ("Labor", "Remote Support", "Standard")
    assert (first.quantity, first.rate, first.net, first.tax) == (D(2), D(145), D(290), D("43.5"))
    assert (second.line_type, second.tax_category, second.tax) == ("Contract Retainer", "Exempt", D(0))


def test_the_company_and_its_people(provider: Provider) -> None:
    company = provider.add(
        "Companies", companyName=" Rimu Ltd ", companyNumber="C9", currencyID=provider.world.codes.currency["AUD"],
        address1="1 Queen Street", address2="Level 2", city="Auckland", state="AKL", postalCode="1010", phone="09 555",
    )  # fmt: skip
    fields = [{"name": "Position", "value": "Accounts"}, {"name": "Blank", "value": None}]
    provider.add(
        "Contacts", companyID=company, firstName="Ana", lastName=" Ngata ", emailAddress=" ana@rimu.example ",
        phone="021", isActive=1, primaryContact=True, userDefinedFields=fields,
    )  # fmt: skip
    provider.add("Contacts", companyID=company, firstName="Ben", lastName="Old", isActive=0)
    provider.world.companies["Rimu"] = company
    number = provider.world.invoice("Rimu", [SUPPORT])
    found = provider.read()[number].customer
    assert (found.name, found.account_number, found.currency) == ("Rimu Ltd", "C9", "AUD")
    assert (found.address, found.city, found.region, found.postal_code, found.phone) == (
        ("1 Queen Street", "Level 2"), "Auckland", "AKL", "1010", "09 555",
    )  # fmt: skip
    ana, ben = found.people
    assert (ana.name, ana.email, ana.phone, ana.is_active, ana.is_primary) == (
        "Ana Ngata",
        "ana@rimu.example",
        "021",
        True,
        True,
    )
    assert ana.fields == {"Position": "Accounts"}
    assert (ben.name, ben.email, ben.is_active, ben.is_primary, ben.fields) == ("Ben Old", "", False, False, {})
    assert provider.read()[number].exchange_rate == Decimal("0.92")


def test_calls_are_counted_by_tables_not_by_invoices(provider: Provider) -> None:
    for name in ("Rimu Ltd", "Tōtara Ltd"):
        provider.world.company(name)
    for index in range(30):
        provider.world.invoice(("Kauri Legal", "Rimu Ltd", "Tōtara Ltd")[index % 3], [SUPPORT, SUPPORT])
    assert len(provider.read()) == 30
    assert provider.calls() == {
        "zoneInformation": 1, "Invoices": 1, "BillingItems": 2, "Companies": 1, "Contacts": 1, "BillingCodes": 1,
        "TaxCategories": 1, "Currencies": 1,
    }  # fmt: skip
    provider.world.cloud.reset()
    provider.read()
    assert provider.calls() == {"Invoices": 1, "BillingItems": 1, "Companies": 1, "Contacts": 1}


def test_many_invoices_take_a_call_for_every_200(provider: Provider) -> None:
    for _ in range(401):
        provider.world.invoice("Kauri Legal", [SUPPORT])
    found = provider.read()
    assert len(found) == 401
    assert all(len(item.lines) == 1 for item in found.values())
    assert provider.calls()["BillingItems"] == 1 + 3
    assert provider.calls()["Invoices"] == 1


def test_nothing_new_asks_for_nothing_more(provider: Provider) -> None:
    assert provider.read() == {}
    assert provider.calls() == {"zoneInformation": 1, "Invoices": 1}


def test_the_first_pull_takes_all_from_a_day_on(provider: Provider) -> None:
    days = (dt.date(2026, 8, 31), dt.date(2026, 9, 1), dt.date(2026, 11, 20))
    before, first, last = (provider.world.invoice("Kauri Legal", [SUPPORT], day=item) for item in days)
    assert set(provider.read(Window(dated_from=dt.date(2026, 9, 1)))) == {first, last}
    assert before not in provider.read(Window(dated_from=dt.date(2026, 9, 1)))


def test_later_pulls_take_higher_ids_and_what_was_made_since(provider: Provider) -> None:
    days = (dt.date(2026, 11, 1), dt.date(2026, 11, 10), dt.date(2026, 11, 2))
    old, late, new = (provider.world.invoice("Kauri Legal", [SUPPORT], day=item) for item in days)
    since = dt.datetime(2026, 11, 10, 16, 0, tzinfo=dt.timezone(dt.timedelta(hours=13)))
    assert set(provider.read(Window(after=AutotaskId(late)))) == {new}
    assert set(provider.read(Window(after=AutotaskId(late), created_from=since))) == {late, new}
    assert old in provider.read(Window(after=AutotaskId(0)))


def test_what_is_not_settled_is_read_with_the_rest(provider: Provider) -> None:
    days = (dt.date(2026, 1, 1), dt.date(2026, 11, 1))
    old, new = (provider.world.invoice("Kauri Legal", [SUPPORT], day=item) for item in days)
    window = Window(dated_from=dt.date(2026, 10, 1))
    assert set(provider.read(window, old)) == {old, new}
    provider.world.cloud.reset()
    assert set(provider.read(window, new, 999)) == {new}
    assert provider.calls()["Invoices"] == 2
    provider.world.cloud.reset()
    provider.read(window, new)
    assert provider.calls()["Invoices"] == 1


def test_blanks_are_read_as_what_they_mean(provider: Provider) -> None:
    number = provider.add("Invoices", companyID=0, invoiceDateTime=None, createDateTime="2026-11-05T23:30:00Z")
    provider.add("BillingItems", invoiceID=number, billingItemType=None, quantity=None, rate=None, totalAmount=None)
    found = provider.read(Window(after=AutotaskId(0)))[number]
    assert (found.number, found.due, found.tax_region, found.order_number, found.marked_sent) == (
        "",
        None,
        "",
        "",
        None,
    )
    assert found.date == dt.date(2026, 11, 5)
    assert (found.customer.id, found.customer.name, found.customer.people, found.currency) == (
        0,
        "(company 0, hidden from the API user)",
        (),
        "(unknown)",
    )
    (line,) = found.lines
    assert (line.line_type, line.billing_code, line.tax_category, line.description) == ("", "", "", "")
    assert (line.quantity, line.rate, line.net, line.tax) == (D(1), D(0), D(0), D(0))


def test_our_own_company_0_is_a_customer_like_others(provider: Provider) -> None:
    provider.add("Companies", id=0, companyName="Ourselves", currencyID=provider.world.codes.currency["NZD"])
    number = provider.add("Invoices", companyID=0, invoiceNumber="AT-0", invoiceDateTime=TODAY)
    assert provider.read()[number].customer.name == "Ourselves"


def test_lines_come_in_the_order_of_the_invoice(provider: Provider) -> None:
    number = provider.add("Invoices", companyID=1, invoiceNumber="AT-9", invoiceDateTime=TODAY)
    for order, text in ((2, "second"), (None, "first"), (3, "third"), (3, "fourth")):
        provider.add("BillingItems", invoiceID=number, sortOrderID=order, itemName=text)
    assert [line.description for line in provider.read()[number].lines] == ["first", "second", "third", "fourth"]


@pytest.mark.parametrize(
    ("name", "text", "full", "wanted"),
    [
        ("Support", "Printer", None, "Support\nPrinter"),
        ("Support", "Support", "", "Support"),
        (None, " Printer ", "  ", "Printer"),
        ("Support", "Printer", " The whole story ", "The whole story"),
        (None, None, None, ""),
    ],
)
def test_what_the_customer_reads(
    provider: Provider, name: str | None, text: str | None, full: str | None, wanted: str
) -> None:
    number = provider.add("Invoices", companyID=1, invoiceNumber="AT-9", invoiceDateTime=TODAY)
    provider.add("BillingItems", invoiceID=number, itemName=name, description=text, lineItemFullDescription=full)
    assert provider.read()[number].lines[0].description == wanted


def test_a_line_without_a_tax_category_takes_its_billing_codes(provider: Provider) -> None:
    number = provider.add("Invoices", companyID=1, invoiceNumber="AT-9", invoiceDateTime=TODAY)
    provider.add("BillingItems", invoiceID=number, billingCodeID=provider.world.codes.billing["Hardware"])
    (line,) = provider.read()[number].lines
    assert (line.billing_code, line.tax_category) == ("Hardware", "Standard")


def test_voided_and_hidden_lines_are_not_there(provider: Provider) -> None:
    voided = provider.world.invoice("Kauri Legal", [SUPPORT])
    provider.world.cloud.autotask.void(voided)
    provider.world.cloud.autotask.hide_lines_of_business.add(77)
    hidden = LineOf("Hardware", LABOR, "Firewall", "1", "1890.0000", line_of_business=77)
    partly = provider.world.invoice("Kauri Legal", [SUPPORT, hidden])
    found = provider.read()
    assert (found[voided].is_voided, found[voided].lines) == (True, ())
    assert (len(found[partly].lines), found[partly].net) == (1, D(2180))


def test_numbers_that_come_as_numbers_are_text(provider: Provider) -> None:
    body = msgspec.json.encode({"items": [{"id": 5, "invoiceNumber": 1085, "companyID": 1, "isVoided": None}]})
    provider.world.cloud.troubles.add(Trouble("200", "autotask", path_contains="Invoices/query", body=body))
    found = provider.read()[5]
    assert (found.number, found.is_voided) == ("1085", False)


def test_money_stays_exact(provider: Provider) -> None:
    number = provider.world.invoice("Kauri Legal", [LineOf("Remote Support", LABOR, "x", "0.3333", "0.1000", "0.0333")])
    provider.world.cloud.autotask.change("Invoices", number, invoiceTotal="386.6450", totalTaxValue="52.7775")
    found = provider.read()[number]
    assert (found.net, found.tax, found.total) == (Decimal("386.6450"), Decimal("52.7775"), Decimal("439.4225"))
    assert isinstance(found.net, Decimal)
    assert found.lines[0].quantity * found.lines[0].rate == Decimal("0.03333")


# --- days and instants ---


@pytest.fixture(params=["Pacific/Auckland", "America/Los_Angeles", "Pacific/Kiritimati", "UTC"])
def _elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The computer stands in another time zone."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system takes its time zone from the control panel")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_elsewhere")
def test_days_stay_days_wherever_the_computer_stands(provider: Provider) -> None:
    number = provider.world.invoice("Kauri Legal", [SUPPORT], day=dt.date(2026, 9, 30))
    found = provider.read(Window(dated_from=dt.date(2026, 9, 30)))[number]
    assert (found.date, found.due) == (dt.date(2026, 9, 30), dt.date(2026, 10, 20))
    assert found.created == dt.datetime(2026, 9, 30, 3, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-30T00:00:00.000Z",
        "2026-09-30T00:00:00Z",
        "2026-09-30T00:00:00",
        "2026-09-30",
        "2026-09-30T00:00:00-05:00",
    ],
)
def test_a_day_in_every_form_that_autotask_writes(text: str) -> None:
    assert day(text) == dt.date(2026, 9, 30)


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-05T09:47:15.227Z",
        "2026-09-05T09:47:15.227",
        "2026-09-05T09:47:15.2270000Z",
        "2026-09-05T21:47:15.227+12:00",
    ],
)
def test_an_instant_in_every_form_is_utc(text: str) -> None:
    found = instant(text)
    assert found == dt.datetime(2026, 9, 5, 9, 47, 15, 227000, tzinfo=dt.UTC)
    assert found is not None
    assert found.utcoffset() == dt.timedelta(0)


def test_no_day_and_no_instant() -> None:
    assert (day(None), day(""), instant(None), instant("")) == (None, None, None, None)
