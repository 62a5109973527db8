"""The Autotask client over the pretend cloud: the zone, paging by key, what errors mean, silent updates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from agent.autotask.client import MOST_VALUES, PAGE, Autotask, Credentials, values_of
from agent.autotask.models import BillingCodeRow, BillingItemRow, CompanyRow, InvoiceRow
from agent.errors import MEND_FIRST, UNREACHABLE, PlainError, StopError
from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Call, Trouble
from agent.wire import Wire

NOW = dt.datetime(2026, 11, 20, 1, 0, tzinfo=dt.UTC)
ALL = {"op": "gte", "field": "id", "value": 0}


@dataclass
class Line:
    """The pretend Autotask and the waits that clients asked for."""

    cloud: Cloud
    waits: list[float]

    def client(self, username: str = "", secret: str = "", code: str = "", root: str = "ATServicesRest/") -> Autotask:
        user = self.cloud.autotask.user
        credentials = Credentials(username or user.username, secret or user.secret, code or user.integration_code)
        return Autotask(credentials, Wire((2, 2), self.waits.append), f"{self.cloud.url}/{root}")

    def trouble(self, kind: str, path: str = "/query", **more: Any) -> None:
        self.cloud.troubles.add(Trouble(kind, "autotask", path_contains=path, **more))

    def zone_at(self, root: str) -> None:
        """The next question for the zone is answered with this address."""
        body = msgspec.json.encode(
            {"zoneName": "Z", "url": f"{self.cloud.url}/{root}", "webUrl": "https://w/", "ci": 5}
        )
        self.trouble("200", "zoneInformation", body=body)

    def calls(self, path: str = "/query") -> list[Call]:
        return [call for call in self.cloud.calls if path.lower() in call.path.lower()]


@pytest.fixture
def to_autotask() -> Iterator[Line]:
    with Cloud(now=lambda: NOW) as cloud:
        yield Line(cloud, [])


def codes(client: Autotask) -> list[BillingCodeRow]:
    return list(client.query("BillingCodes", BillingCodeRow, ALL))


def stopped(call: Callable[[], object]) -> StopError:
    with pytest.raises(StopError) as caught:
        call()
    return caught.value


# --- the zone ---


def test_the_zone_is_found_once_and_then_used(to_autotask: Line) -> None:
    client = to_autotask.client()
    codes(client)
    codes(client)
    assert client.zone.ci == 20264
    assert client.zone.url == f"{to_autotask.cloud.url}/ATServicesRest/"
    (asked,) = to_autotask.calls("zoneInformation")
    assert "secret" not in asked.headers
    assert len(to_autotask.calls()) == 2


def test_the_zones_address_is_the_one_used(to_autotask: Line) -> None:
    to_autotask.zone_at("atservicesrest")
    codes(to_autotask.client())
    assert to_autotask.calls()[0].path == "/atservicesrest/V1.0/BillingCodes/query"


def test_a_tenant_that_moved_is_found_again(to_autotask: Line) -> None:
    to_autotask.cloud.autotask.add("BillingCodes", name="Support")
    to_autotask.zone_at("atservicesrest/")
    to_autotask.trouble("401")
    client = to_autotask.client()
    assert [row.name for row in codes(client)] == ["Support"]
    assert [call.path.split("/")[1] for call in to_autotask.calls()] == ["atservicesrest", "ATServicesRest"]
    assert len(to_autotask.calls("zoneInformation")) == 2


def test_a_wrong_secret_in_the_same_zone_is_tried_once_only(to_autotask: Line) -> None:
    """Every further try would bring the user nearer to being locked."""
    error = stopped(lambda: codes(to_autotask.client(secret="wrong-secret-0815")))
    assert (error.fault.code, error.exit_code) == ("AX-301", MEND_FIRST)
    assert "wrong" in error.fault.detail
    assert "wrong-secret-0815" not in str(error)
    assert to_autotask.cloud.autotask.user.failures == 1
    assert to_autotask.waits == []


@pytest.mark.parametrize("kind", ["503", "429", "cut_before"])
def test_a_wrong_secret_is_tried_once_only_though_the_zone_cannot_be_asked_for(to_autotask: Line, kind: str) -> None:
    """What the zone said counts: it is told, remembered, and not repeated until the user is locked."""
    client = to_autotask.client(secret="wrong-secret-0815")
    assert client.zone.ci == 20264
    to_autotask.trouble(kind, "zoneInformation", times=None)
    error = stopped(lambda: codes(client))
    assert (error.fault.code, error.exit_code) == ("AX-301", MEND_FIRST)
    assert to_autotask.cloud.autotask.user.failures == 1
    assert len(to_autotask.calls()) == 1


def test_a_zone_that_is_busy_at_first_is_found_again_all_the_same(to_autotask: Line) -> None:
    to_autotask.zone_at("atservicesrest/")
    client = to_autotask.client()
    assert client.zone.ci == 5
    to_autotask.trouble("401")
    to_autotask.trouble("503", "zoneInformation")
    assert codes(client) == []
    assert client.zone.ci == 20264
    assert len(to_autotask.calls()) == 2


def test_a_moved_tenant_with_a_wrong_secret_stops_too(to_autotask: Line) -> None:
    to_autotask.zone_at("atservicesrest/")
    assert stopped(lambda: codes(to_autotask.client(secret="wrong"))).fault.code == "AX-301"
    assert len(to_autotask.calls()) == 2


def test_an_unknown_user_name(to_autotask: Line) -> None:
    error = stopped(lambda: codes(to_autotask.client(username="nobody@x.example")))
    assert (error.fault.code, error.exit_code) == ("AX-302", MEND_FIRST)
    assert "nobody@x.example" in error.fault.detail
    assert len(to_autotask.cloud.calls) == 1
    assert to_autotask.waits == []


@pytest.mark.parametrize("name", ["api user+x@pretend.example", "tūī&ngā@pretend.example", "a/b?c#d%@pretend.example"])
def test_user_names_with_any_characters_reach_the_zone(to_autotask: Line, name: str) -> None:
    assert stopped(lambda: to_autotask.client(username=name).zone).fault.code == "AX-302"
    found = to_autotask.cloud.calls[0]
    assert found.path.endswith("/zoneInformation")
    assert f"“{name}”" in stopped(lambda: to_autotask.client(username=name).zone).fault.detail
    to_autotask.cloud.autotask.users[name.lower()] = to_autotask.cloud.autotask.user
    assert to_autotask.client(username=name).zone.ci == 20264


@pytest.mark.parametrize(("kind", "code"), [("503", "AX-304"), ("500", "AX-304"), ("cut_before", "AX-303")])
def test_a_zone_that_does_not_answer_ends_the_run_in_words(to_autotask: Line, kind: str, code: str) -> None:
    to_autotask.trouble(kind, "zoneInformation", times=None)
    assert stopped(lambda: codes(to_autotask.client())).fault.code == code
    assert stopped(lambda: to_autotask.client().zone).fault.code == code


@pytest.mark.parametrize("path", ["zoneInformation", "/query"])
@pytest.mark.parametrize("body", [b"<html>Welcome to the guest network</html>", b""])
def test_a_page_that_is_no_answer_ends_the_run_in_words(to_autotask: Line, path: str, body: bytes) -> None:
    to_autotask.trouble("200", path, times=None, body=body)
    error = stopped(lambda: codes(to_autotask.client()))
    assert error.exit_code == UNREACHABLE


def test_a_zone_on_an_unsafe_address_is_refused(to_autotask: Line) -> None:
    to_autotask.trouble("200", "zoneInformation", body=b'{"url":"http://autotask.example/","webUrl":"","ci":1}')
    with pytest.raises(PlainError, match="no secure address"):
        codes(to_autotask.client())
    assert to_autotask.calls() == []


# --- queries ---


@pytest.mark.parametrize(("rows", "pages"), [(0, 1), (1, 1), (499, 1), (500, 2), (1203, 3)])
def test_all_pages_are_read_by_the_last_id(to_autotask: Line, rows: int, pages: int) -> None:
    for number in range(rows):
        to_autotask.cloud.autotask.add("BillingCodes", id=number * 3, name=f"Code {number}")
    found = codes(to_autotask.client())
    assert [row.id for row in found] == [number * 3 for number in range(rows)]
    calls = to_autotask.calls()
    assert [call.method for call in calls] == ["POST"] * pages
    assert all(call.path.endswith("/BillingCodes/query") for call in calls)


def test_the_next_page_begins_after_the_last_row(to_autotask: Line) -> None:
    for _ in range(PAGE + 1):
        to_autotask.cloud.autotask.add("BillingCodes", name="x")
    codes(to_autotask.client())
    bodies = [msgspec.json.decode(call.body) for call in to_autotask.calls()]
    assert [body["MaxRecords"] for body in bodies] == [PAGE, PAGE]
    assert bodies[0]["filter"] == [ALL]
    assert bodies[1]["filter"] == [ALL, {"op": "gt", "field": "id", "value": PAGE}]


def test_rows_added_between_two_pages_are_neither_lost_nor_doubled(to_autotask: Line) -> None:
    for _ in range(PAGE):
        to_autotask.cloud.autotask.add("BillingCodes", name="x")
    found = to_autotask.client().query("BillingCodes", BillingCodeRow, ALL)
    ids = [next(found).id]
    to_autotask.cloud.autotask.remove("BillingCodes", 3)
    added = to_autotask.cloud.autotask.add("BillingCodes", name="late")
    ids += [row.id for row in found]
    assert len(set(ids)) == len(ids)
    assert added in ids


def test_company_0_is_a_company(to_autotask: Line) -> None:
    to_autotask.cloud.autotask.add("Companies", id=0, companyName="Ourselves")
    found = to_autotask.client().query("Companies", CompanyRow, values_of("id", [0]))
    assert [row.company_name for row in found] == ["Ourselves"]


def test_as_many_ids_as_a_query_may_hold(to_autotask: Line) -> None:
    found = to_autotask.client().query("Companies", CompanyRow, values_of("id", range(MOST_VALUES)))
    assert list(found) == []
    assert MOST_VALUES + 1 <= 500


def test_money_is_read_to_the_last_digit_and_unknown_fields_are_passed_over(to_autotask: Line) -> None:
    row_text = '{"id":1,"rate":0.0123457,"quantity":1234.5000,"totalAmount":90071992547409.9312,"newField":{"a":[1]}}'
    to_autotask.trouble("200", body=f'{{"items":[{row_text}]}}'.encode())
    (row,) = to_autotask.client().query("BillingItems", BillingItemRow, ALL)
    assert isinstance(row.rate, Decimal)
    assert (row.rate, row.quantity) == (Decimal("0.0123457"), Decimal("1234.5"))
    assert row.total_amount == Decimal("90071992547409.9312")


def test_labels_of_a_pick_list(to_autotask: Line) -> None:
    client = to_autotask.client()
    assert client.labels("BillingItems", "BILLINGITEMTYPE")[15] == "Contract Retainer"
    assert client.labels("BillingItems", "noSuchField") == {}
    assert client.labels("BillingItems", "quantity") == {}


def test_the_time_is_autotasks_own(to_autotask: Line) -> None:
    client = to_autotask.client()
    codes(client)
    assert abs(client.now() - NOW) < dt.timedelta(seconds=5)
    assert client.now().tzinfo is dt.UTC


# --- what errors mean ---


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        ("500", "IntegrationCode is invalid.", "AX-302", "integration code"),
        ("500", "The logged in Resource could not be found: UserName is invalid.", "AX-302", "UserName is invalid"),
        (
            "401",
            "The user account has been locked. Please see your Autotask Administrator for details.",
            "AX-301",
            "locked",
        ),
        (
            "500",
            "The user account has been locked. Please see your Autotask Administrator for details.",
            "AX-301",
            "locked",
        ),
        ("500", "The logged in Resource does not have the adequate permissions to view.", "AX-302", "BillingCodes"),
        ("403", "Forbidden", "AX-302", "BillingCodes"),
        ("500", "The API request threshold of 10000 requests per 60 minutes has been exceeded.", "AX-305", "10000"),
        ("429", "The API request threshold of 10000 requests per 60 minutes has been exceeded.", "AX-305", "10000"),
        ("404", "No HTTP resource was found.", "AX-304", "404"),
        ("405", "The requested resource does not support http method 'GET'.", "AX-304", "405"),
    ],
)
def test_what_trying_again_cannot_cure_stops_at_once(
    to_autotask: Line, status: str, body: str, code: str, words: str
) -> None:
    to_autotask.trouble(status, times=None, body=msgspec.json.encode({"errors": [body]}))
    error = stopped(lambda: codes(to_autotask.client()))
    assert error.fault.code == code
    assert words in error.fault.detail
    assert len(to_autotask.calls()) == 1
    assert to_autotask.waits == []


def test_a_wrong_integration_code(to_autotask: Line) -> None:
    assert stopped(lambda: codes(to_autotask.client(code="WRONG"))).fault.code == "AX-302"
    assert len(to_autotask.calls()) == 1


def test_a_locked_user_reads_autotasks_own_words(to_autotask: Line) -> None:
    to_autotask.cloud.autotask.user.is_locked = True
    error = stopped(lambda: codes(to_autotask.client()))
    assert error.fault.code == "AX-301"
    assert "The user account has been locked." in error.fault.detail


@pytest.mark.parametrize("status", [500, 429])
def test_the_hourly_limit_waits_for_the_next_sync(to_autotask: Line, status: int) -> None:
    to_autotask.cloud.autotask.threshold.limit = 0
    to_autotask.cloud.autotask.threshold.refusal_status = status
    error = stopped(lambda: codes(to_autotask.client()))
    assert (error.fault.code, error.exit_code) == ("AX-305", UNREACHABLE)
    assert len(to_autotask.calls()) == 1


@pytest.mark.parametrize(
    ("kind", "code"),
    [("502", "AX-304"), ("503", "AX-304"), ("504", "AX-304"), ("429", "AX-305"), ("cut_before", "AX-303")],
)
def test_what_passes_is_tried_again_three_times_with_growing_waits(to_autotask: Line, kind: str, code: str) -> None:
    client = to_autotask.client()
    to_autotask.trouble(kind, times=3)
    assert codes(client) == []
    assert to_autotask.waits == [1.0, 2.0, 4.0]
    to_autotask.trouble(kind, times=None)
    error = stopped(lambda: codes(client))
    assert (error.fault.code, error.exit_code) == (code, UNREACHABLE)
    assert to_autotask.waits == [1.0, 2.0, 4.0] * 2
    assert len(to_autotask.calls()) == 8


def test_too_many_at_once_said_with_another_status(to_autotask: Line) -> None:
    said = "Itgenatr005: The Autotask API thread threshold of 3 threads has been exceeded."
    to_autotask.trouble("500", times=3, body=msgspec.json.encode({"errors": [said]}))
    assert codes(to_autotask.client()) == []
    assert len(to_autotask.calls()) == 4


def test_a_plain_500_is_tried_once_more_only(to_autotask: Line) -> None:
    client = to_autotask.client()
    to_autotask.trouble("500")
    assert codes(client) == []
    to_autotask.trouble("500", times=None)
    error = stopped(lambda: codes(client))
    assert (error.fault.code, error.exit_code) == ("AX-304", UNREACHABLE)
    assert "An unexpected error occurred." in error.fault.detail
    assert len(to_autotask.calls()) == 4


def test_an_unknown_field_is_told_in_autotasks_words(to_autotask: Line) -> None:
    wrong = {"op": "eq", "field": "projectID", "value": 1}
    error = stopped(lambda: list(to_autotask.client().query("BillingCodes", BillingCodeRow, wrong)))
    assert "Unable to find projectID" in error.fault.detail


@pytest.mark.parametrize("body", [b"<html>500</html>", b"", b"[]", b'{"errors":null}', b'{"Message":"Down."}'])
def test_an_error_in_any_shape(to_autotask: Line, body: bytes) -> None:
    to_autotask.trouble("500", times=None, body=body)
    assert stopped(lambda: codes(to_autotask.client())).fault.code == "AX-304"


# --- headers ---


@pytest.mark.parametrize("secret", ["plain", "p@ss: w%rd;\"'\\", "Schlüssel-ÄÖ", "ключ-密码-🔑", "tab\there"])
def test_header_values_hold_any_characters(to_autotask: Line, secret: str) -> None:
    to_autotask.cloud.autotask.user.secret = secret
    codes(to_autotask.client(secret=secret))
    assert to_autotask.calls()[0].headers["secret"].encode("latin-1").decode() == secret
    assert to_autotask.calls()[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", ["401", "403", "404", "500"])
def test_a_secret_that_autotask_quotes_is_left_out(to_autotask: Line, status: str) -> None:
    secret, code = "Pl4nted <&> 🔑", to_autotask.cloud.autotask.user.integration_code
    body = msgspec.json.encode({"errors": [f"refused: {secret} and {code}"]})
    to_autotask.trouble(status, "/query", body=body, times=None)
    error = stopped(lambda: codes(to_autotask.client(secret=secret)))
    assert "Pl4nted" not in str(error)
    assert code not in str(error)


@pytest.mark.parametrize("slip", ["{}\n", " {}", "{}\r\n"])
def test_a_secret_copied_with_a_line_break_is_no_time_out(to_autotask: Line, slip: str) -> None:
    """It works without the slip, or the secret is named as the culprit; the line to Autotask is not."""
    outcome = "signed in"
    try:
        codes(to_autotask.client(secret=slip.format(to_autotask.cloud.autotask.user.secret)))
    except StopError as error:
        outcome = error.fault.code
    assert outcome in {"signed in", "AX-301", "AX-302"}
    assert to_autotask.waits == []


def test_nothing_secret_is_shown() -> None:
    shown = repr(Credentials("api@x.example", "s3cr3t", "c0de"))
    assert "api@x.example" in shown
    assert "s3cr3t" not in shown
    assert "c0de" not in shown


# --- updates ---


def test_an_update_changes_what_is_sent_and_nothing_else(to_autotask: Line) -> None:
    number = to_autotask.cloud.autotask.add("Invoices", invoiceNumber="AT-1", orderNumber="PO 9", comments="kept")
    client = to_autotask.client()
    client.update("Invoices", number, {"webServiceDate": "2026-11-20T01:00:00.000Z"})
    (row,) = client.query("Invoices", InvoiceRow, ALL)
    assert (row.web_service_date, row.invoice_number, row.order_number) == ("2026-11-20T01:00:00.000Z", "AT-1", "PO 9")
    (call,) = [call for call in to_autotask.cloud.calls if call.method == "PATCH"]
    assert call.path.endswith("/V1.0/Invoices")
    assert msgspec.json.decode(call.body) == {"id": number, "webServiceDate": "2026-11-20T01:00:00.000Z"}


@pytest.mark.parametrize("name", ["noSuchField", "invoiceTotal"])
def test_what_autotask_passes_over_in_silence_shows_only_when_read_back(to_autotask: Line, name: str) -> None:
    number = to_autotask.cloud.autotask.add("Invoices", invoiceNumber="AT-1", invoiceTotal="100")
    client = to_autotask.client()
    client.update("Invoices", number, {name: 5})
    (row,) = client.query("Invoices", InvoiceRow, ALL)
    assert row.invoice_total == 100


def test_an_update_of_what_is_not_there_is_told(to_autotask: Line) -> None:
    error = stopped(lambda: to_autotask.client().update("Invoices", 99, {"paidDate": "2026-11-20"}))
    assert "No matching records found" in error.fault.detail


def test_an_update_whose_answer_is_lost_is_sent_again(to_autotask: Line) -> None:
    number = to_autotask.cloud.autotask.add("Invoices", invoiceNumber="AT-1")
    to_autotask.trouble("cut_after", "/Invoices", method="PATCH")
    client = to_autotask.client()
    client.update("Invoices", number, {"invoiceNumber": "INV-7"})
    assert [row.invoice_number for row in client.query("Invoices", InvoiceRow, ALL)] == ["INV-7"]
