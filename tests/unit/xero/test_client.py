"""The Xero client over the pretend cloud: one key over all tries, honest uncertainty, limits, sign-in, exact money."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from agent.domain.books import ContactId
from agent.domain.document import Document, DocumentKind
from agent.domain.invoice import AutotaskId
from agent.domain.translate import translate
from agent.errors import MEND_FIRST, UNREACHABLE, PlainError, StopError
from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Call, Trouble
from agent.wire import Wire
from agent.xero.client import IN_FLIGHT, Answer, NotSentError, RefusedError, UncertainError, Xero
from agent.xero.login import CustomConnection
from agent.xero.models import encode
from tests.unit.domain.builders import D, invoice, line, situation

KEY = "3f1c9a52-key"


@dataclass
class Line:
    """The client, the pretend Xero at its other end, and the waits that it asked for."""

    cloud: Cloud
    xero: Xero
    waits: list[float]
    contact: ContactId

    def document(self, number: str = "A-1", net: str = "100", **changes: Any) -> Document:
        tax = D(net) * D("0.15")
        made = invoice(line(net, str(tax), rate=D(net)), number=number)
        found = translate(made, situation(use_autotask_numbers="Number")).document
        assert found is not None
        return replace(found, contact_id=self.contact, **changes)

    def create(self, *documents: Document, kind: DocumentKind = "Invoice", **options: Any) -> list[Answer]:
        return self.xero.send("create", kind, encode(kind, list(documents or [self.document()])), KEY, 4, **options)

    def trouble(self, kind: str, **more: Any) -> None:
        self.cloud.troubles.add(Trouble(kind, **{"system": "xero", **more}))

    def calls(self, method: str = "PUT") -> list[Call]:
        return [call for call in self.cloud.calls if call.system == "xero" and call.method == method]

    @property
    def sign_ins(self) -> int:
        return self.cloud.count("login")

    @property
    def numbers(self) -> list[str]:
        return [document.number for document in self.cloud.xero.documents()]


@pytest.fixture
def to_xero() -> Iterator[Line]:
    with Cloud() as cloud:
        cloud.xero.minute_limit = None
        waits: list[float] = []
        app = cloud.xero.app
        login = CustomConnection(app.client_id, app.secret, Wire((2, 2), waits.append), cloud.url)
        xero = Xero(login, cloud.xero.tenant_id, Wire((2, 2), waits.append), cloud.url)
        yield Line(cloud, xero, waits, ContactId(cloud.xero.add_contact("Kauri Legal")))


def stopped(call: Callable[[], object]) -> StopError:
    with pytest.raises(StopError) as caught:
        call()
    return caught.value


def uncertain(call: Callable[[], object]) -> UncertainError:
    with pytest.raises(UncertainError) as caught:
        call()
    return caught.value


# --- creating ---


def test_a_created_invoice_comes_back_as_xero_has_it(to_xero: Line) -> None:
    (answer,) = to_xero.create()
    assert answer.posted is not None
    assert (answer.posted.number, answer.posted.status, answer.posted.currency) == ("A-1", "DRAFT", "NZD")
    assert (answer.posted.net, answer.posted.tax, answer.posted.total) == (D(100), D(15), D(115))
    assert (answer.posted.date, answer.posted.due) == (dt.date(2026, 10, 5), dt.date(2026, 11, 4))
    assert (answer.posted.contact_id, answer.posted.contact_name) == (to_xero.contact, "Kauri Legal")
    assert answer.posted.mark == "https://ww1.autotask.net/?invoice=155"
    assert answer.correlation_id
    assert (answer.messages, answer.warnings) == ((), ())


def test_the_request_is_a_create_that_reports_each_element(to_xero: Line) -> None:
    to_xero.create()
    (call,) = to_xero.calls()
    assert call.path == "/api.xro/2.0/Invoices"
    assert "summarizeErrors=false" in call.query
    assert "unitdp=4" in call.query
    assert call.headers["xero-tenant-id"] == to_xero.cloud.xero.tenant_id
    assert call.headers["accept"] == "application/json"
    assert call.idempotency_key == KEY


def test_a_credit_note_goes_to_its_own_place(to_xero: Line) -> None:
    refund = to_xero.document(number="CN-155", kind="Credit note")
    (answer,) = to_xero.create(replace(refund, number="CN-155"), kind="Credit note")
    assert answer.posted is not None
    assert (answer.posted.kind, answer.posted.number, answer.posted.outstanding) == ("Credit note", "CN-155", D(115))


def test_answers_come_in_order_and_each_bad_one_says_why(to_xero: Line) -> None:
    good = to_xero.document("A-1")
    no_account = replace(to_xero.document("A-2"), lines=(replace(good.lines[0], account="999"),))
    euro = replace(to_xero.document("A-3"), currency="EUR")
    answers = to_xero.create(good, no_account, euro, to_xero.document("A-4"))
    assert [answer.posted.number if answer.posted else None for answer in answers] == ["A-1", None, None, "A-4"]
    assert "999" in answers[1].messages[0]
    assert answers[2].messages == ("Organisation is not subscribed to currency EUR",)
    assert to_xero.numbers == ["A-1", "A-4"]
    assert len(to_xero.calls()) == 1


def test_every_complaint_about_one_document_is_kept(to_xero: Line) -> None:
    bad = replace(to_xero.document(), currency="EUR", lines=(replace(to_xero.document().lines[0], account="999"),))
    assert len(to_xero.create(bad)[0].messages) == 2


def test_a_warning_does_not_refuse(to_xero: Line) -> None:
    to_xero.cloud.xero.rules.has_draft_warnings = True
    unknown = replace(to_xero.document(), lines=(replace(to_xero.document().lines[0], account="999"),))
    (answer,) = to_xero.create(unknown)
    assert answer.posted is not None
    assert "999" in answer.warnings[0]


@pytest.mark.parametrize(
    "element",
    [
        {"StatusAttributeString": "ERROR", "Status": "AUTHORISED", "ValidationErrors": [{"Message": "No."}]},
        {"StatusAttributeString": "ERROR", "ValidationErrors": [{"Description": "No."}]},
        {"HasErrors": True, "LineItems": [{"ValidationErrors": [{"Message": "No."}]}]},
        {"ValidationErrors": [{"Message": "No."}, {"Message": "No."}]},
    ],
    ids=["message", "description", "on a line", "told twice"],
)
def test_a_refusal_in_any_shape(to_xero: Line, element: dict[str, Any]) -> None:
    to_xero.trouble("200", body=msgspec.json.encode({"Invoices": [element]}))
    assert [(answer.posted, answer.messages) for answer in to_xero.create()] == [(None, ("No.",))]


def test_what_is_refused_whole_says_why_and_is_not_tried_again(to_xero: Line) -> None:
    to_xero.trouble("400", body=b'{"ErrorNumber":14,"Type":"PostDataInvalidException","Message":"Bad date."}')
    with pytest.raises(RefusedError) as caught:
        to_xero.create()
    assert caught.value.messages == ("Bad date.",)
    assert len(to_xero.calls()) == 1


def test_the_elements_of_a_whole_refusal_are_quoted_all(to_xero: Line) -> None:
    body = {"Message": "A validation exception occurred", "Elements": [{"ValidationErrors": [{"Message": "One."}]},
            {"LineItems": [{"ValidationErrors": [{"Message": "Two."}]}]}]}  # fmt: skip
    to_xero.trouble("400", body=msgspec.json.encode(body))
    with pytest.raises(RefusedError) as caught:
        to_xero.create()
    assert caught.value.messages == ("One.", "Two.")


def test_too_late_to_send_means_that_nothing_is_sent(to_xero: Line) -> None:
    def too_late() -> None:
        raise NotSentError

    with pytest.raises(NotSentError):
        to_xero.create(clock=too_late)
    assert to_xero.calls() == []


def test_no_try_begins_after_the_keys_life(to_xero: Line) -> None:
    assert not uncertain(lambda: to_xero.create(within=-1.0)).is_over
    assert to_xero.calls() == []


# --- tries, and what is known after them ---


@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "cut_before", "cut_after"])
@pytest.mark.parametrize("times", [1, 3])
def test_the_same_bytes_under_the_same_key_until_an_answer_comes(to_xero: Line, kind: str, times: int) -> None:
    to_xero.trouble(kind, method="PUT", times=times)
    (answer,) = to_xero.create()
    assert answer.posted is not None
    calls = to_xero.calls()
    assert len(calls) == times + 1
    assert {call.idempotency_key for call in calls} == {KEY}
    assert len({(call.body, call.query) for call in calls}) == 1
    assert to_xero.waits == [2.0, 4.0, 8.0][:times]
    assert to_xero.numbers == ["A-1"]


@pytest.mark.parametrize("kind", ["500", "502", "503", "504"])
def test_an_error_after_the_work_makes_no_second_document(to_xero: Line, kind: str) -> None:
    to_xero.trouble(kind, method="PUT", is_after_commit=True)
    assert to_xero.create()[0].posted is not None
    assert to_xero.numbers == ["A-1"]


@pytest.mark.parametrize(
    ("kinds", "is_over"),
    [
        (["503"] * 4, True),
        (["500"] * 4, True),
        (["503", "500", "503", "500"], True),
        (["502"] * 4, False),
        (["504"] * 4, False),
        (["cut_before"] * 4, False),
        (["cut_after"] * 4, False),
        (["cut_after", "503", "503", "503"], False),
        (["503", "cut_before", "503", "503"], False),
        (["504", "503", "503", "503"], False),
        (["503", "503", "503", "504"], False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_what_is_known_when_all_tries_fail(to_xero: Line, kinds: list[str], *, is_over: bool) -> None:
    """Over is only what Xero answered each time by itself; one try that may still land leaves all uncertain."""
    for kind in kinds:
        to_xero.trouble(kind, method="PUT")
    error = uncertain(to_xero.create)
    assert error.is_over == is_over
    assert len(to_xero.calls()) == 4


def test_xeros_own_words_are_told_when_it_fails(to_xero: Line) -> None:
    to_xero.trouble("503", method="PUT", times=None, body=b"The Organisation is offline")
    assert "The Organisation is offline" in uncertain(to_xero.create).detail


def test_a_time_out_is_uncertain_and_the_next_try_gets_the_answer(to_xero: Line) -> None:
    to_xero.xero.wire = Wire((2, 0.3), to_xero.waits.append)
    to_xero.trouble("stall", method="PUT", is_after_commit=True)
    assert to_xero.create()[0].posted is not None
    assert to_xero.numbers == ["A-1"]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("401", {}),
        ("403", {}),
        ("404", {}),
        ("429-day", {}),
        ("400", {"body": b'{"Message":"Idempotency Key: K is used with a different request."}'}),
    ],
)
def test_a_refusal_after_a_lost_answer_leaves_it_uncertain(to_xero: Line, kind: str, more: dict[str, Any]) -> None:
    """The first try may have landed; that a later one was turned away says nothing about it."""
    to_xero.trouble("cut_after", method="PUT")
    to_xero.trouble(kind, method="PUT", **more)
    assert not uncertain(to_xero.create).is_over
    assert to_xero.numbers == ["A-1"]


@pytest.mark.parametrize(
    "body", [b"<html>Please sign in to the guest network</html>", b"", b'{"Invoices":[{"Total":"x"}]}']
)
def test_an_answer_that_cannot_be_read_is_uncertain(to_xero: Line, body: bytes) -> None:
    to_xero.trouble("200", method="PUT", body=body)
    assert isinstance(uncertain(to_xero.create), UncertainError)


# --- limits ---


@pytest.mark.parametrize(("kind", "wait"), [("429-minute", 26.0), ("429-appminute", 26.0), ("429-concurrent", 2.0)])
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_short_limit_is_waited_out(to_xero: Line, kind: str, wait: float, method: str) -> None:
    to_xero.trouble(kind, times=2)
    if method == "PUT":
        assert to_xero.create()[0].posted is not None
        assert {call.idempotency_key for call in to_xero.calls()} == {KEY}
    else:
        assert to_xero.xero.organisation().name == "Pretend Company (NZ)"
    assert to_xero.waits == [wait, wait]
    assert len(to_xero.calls(method)) == 3


def test_the_wait_is_as_long_as_xero_says(to_xero: Line) -> None:
    for seconds in (7, 0, 120):
        to_xero.trouble("429-minute", retry_after=seconds)
    to_xero.create()
    assert to_xero.waits == [7.0, 1.0, 120.0]


def test_the_days_limit_ends_the_run_at_once_and_says_when_it_goes_on(to_xero: Line) -> None:
    to_xero.trouble("429-day")
    error = stopped(to_xero.create)
    assert (error.fault.code, error.exit_code) == ("AX-404", UNREACHABLE)
    assert "18 h 23 min" in error.fault.detail
    assert to_xero.waits == []
    assert len(to_xero.calls()) == 1


def test_a_wait_too_long_to_sit_out_ends_the_run(to_xero: Line) -> None:
    to_xero.trouble("429-minute", retry_after=121)
    assert stopped(to_xero.xero.organisation).fault.code == "AX-404"
    assert to_xero.waits == []


def test_a_limit_that_never_ends_is_given_up(to_xero: Line) -> None:
    to_xero.trouble("429-concurrent", times=None)
    assert stopped(to_xero.create).fault.code == "AX-404"
    assert len(to_xero.calls()) == 6
    assert to_xero.numbers == []


def test_never_more_at_once_than_xero_allows(to_xero: Line) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def begin(_: Call) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)

    def end(_: Call) -> None:
        nonlocal now
        with lock:
            now -= 1

    to_xero.xero.login.token()
    to_xero.cloud.troubles.on_request, to_xero.cloud.troubles.on_commit = begin, end
    to_xero.trouble("slow", times=None, seconds=0.02)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: to_xero.xero.organisation(), range(24)))
    assert 1 < most <= IN_FLIGHT
    assert to_xero.waits == []


# --- signing in ---


def test_one_token_serves_many_calls_and_threads(to_xero: Line) -> None:
    with ThreadPoolExecutor(4) as pool:
        tokens = set(pool.map(lambda _: to_xero.xero.login.token(), range(8)))
    assert len(tokens) == 1
    to_xero.xero.organisation()
    to_xero.create()
    assert to_xero.sign_ins == 1


def test_an_expired_token_is_renewed_once_and_the_request_repeated(to_xero: Line) -> None:
    to_xero.xero.organisation()
    to_xero.cloud.xero.sign_in.expire_all()
    assert to_xero.create()[0].posted is not None
    assert to_xero.sign_ins == 2
    assert [call.status for call in to_xero.calls()] == [401, 200]
    assert {call.idempotency_key for call in to_xero.calls()} == {KEY}
    assert to_xero.waits == []


def test_a_token_that_expires_on_the_way_is_renewed(to_xero: Line) -> None:
    to_xero.trouble("expire_token", method="PUT")
    assert to_xero.create()[0].posted is not None
    assert to_xero.numbers == ["A-1"]


def test_a_token_is_renewed_before_its_end() -> None:
    with Cloud() as cloud:
        login = CustomConnection(cloud.xero.app.client_id, cloud.xero.app.secret, Wire((2, 2)), cloud.url)
        body = b'{"access_token":"short","expires_in":59}'
        cloud.troubles.add(Trouble("200", system="login", body=body))
        assert login.token() == "short"
        assert login.token() != "short"


def test_tokens_that_keep_expiring_are_not_asked_for_for_ever(to_xero: Line) -> None:
    body = b'{"Title":"Unauthorized","Status":401,"Detail":"TokenExpired: token expired at 01/01/2001 00:00:00"}'
    to_xero.trouble("401", times=None, body=body)
    error = stopped(to_xero.create)
    assert (error.fault.code, error.exit_code) == ("AX-401", MEND_FIRST)
    assert to_xero.sign_ins == 2
    assert len(to_xero.calls()) == 2


@pytest.mark.parametrize(
    ("status", "detail"),
    [
        ("401", "AuthenticationUnsuccessful"),
        ("401", "AuthorizationUnsuccessful"),
        ("403", "AuthenticationUnsuccessful"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_sign_in_that_does_not_reach_is_not_tried_again(to_xero: Line, status: str, detail: str, method: str) -> None:
    to_xero.trouble(status, times=None, body=msgspec.json.encode({"Status": int(status), "Detail": detail}))
    error = stopped(to_xero.create if method == "PUT" else to_xero.xero.organisation)
    assert (error.fault.code, error.exit_code) == ("AX-405", MEND_FIRST)
    assert detail in error.fault.detail
    assert len(to_xero.calls(method)) == 1


def test_an_app_that_was_disconnected(to_xero: Line) -> None:
    to_xero.cloud.xero.is_custom_connection_open = False
    assert stopped(to_xero.xero.organisation).fault.code == "AX-405"
    assert to_xero.xero.connections() == []


@pytest.mark.parametrize(("client", "secret"), [("unknown", None), (None, "wrong-secret-0815")])
def test_an_unknown_app_or_a_wrong_secret(to_xero: Line, client: str | None, secret: str | None) -> None:
    app = to_xero.cloud.xero.app
    login = CustomConnection(client or app.client_id, secret or app.secret, Wire((2, 2)), to_xero.cloud.url)
    error = stopped(login.token)
    assert error.fault.code == "AX-405"
    assert "client ID" in error.fault.detail
    assert "wrong-secret-0815" not in f"{error} {login!r}"
    assert to_xero.sign_ins == 1


def test_an_app_without_the_scopes_that_invoices_need(to_xero: Line) -> None:
    to_xero.cloud.xero.app.scopes = frozenset({"accounting.invoices"})
    assert "scopes" in stopped(to_xero.xero.organisation).fault.detail


@pytest.mark.parametrize("kind", ["503", "429", "cut_before", "cut_after"])
def test_a_sign_in_host_that_is_away(to_xero: Line, kind: str) -> None:
    to_xero.trouble(kind, system="login", times=2)
    to_xero.xero.organisation()
    to_xero.xero.login.forget(to_xero.xero.login.token())
    to_xero.trouble(kind, system="login", times=None)
    error = stopped(to_xero.xero.organisation)
    assert (error.fault.code, error.exit_code) == ("AX-402", UNREACHABLE)


def test_a_sign_in_host_that_answers_nonsense(to_xero: Line) -> None:
    """A guest network's page in place of a token ends the run in words, not in a bug report."""
    to_xero.trouble("200", system="login", body=b"<html>Welcome to the guest network</html>")
    assert stopped(to_xero.xero.organisation).fault.code in {"AX-402", "AX-405"}


# --- reading ---


@pytest.mark.parametrize(
    ("kind", "code"), [("503", "AX-403"), ("500", "AX-403"), ("504", "AX-403"), ("cut_before", "AX-402")]
)
def test_reads_are_tried_four_times(to_xero: Line, kind: str, code: str) -> None:
    to_xero.trouble(kind, times=3)
    assert to_xero.xero.organisation().base_currency == "NZD"
    to_xero.trouble(kind, times=None)
    error = stopped(to_xero.xero.organisation)
    assert (error.fault.code, error.exit_code) == (code, UNREACHABLE)
    assert to_xero.waits == [2.0, 4.0, 8.0] * 2


@pytest.mark.parametrize("body", [b"<html>guest network</html>", b"", b'{"Organisations":3}'])
def test_a_page_that_is_no_answer_ends_the_run_in_words(to_xero: Line, body: bytes) -> None:
    to_xero.trouble("200", body=body)
    assert stopped(to_xero.xero.organisation).fault.code == "AX-403"


def test_connections_that_are_no_answer_end_the_run_in_words(to_xero: Line) -> None:
    to_xero.trouble("200", path_contains="/connections", body=b"<html>guest network</html>")
    assert stopped(to_xero.xero.connections).fault.code == "AX-403"


def test_more_contacts_than_a_page_holds_archived_ones_included(to_xero: Line) -> None:
    for number in range(1049):
        to_xero.cloud.xero.add_contact(f"Customer {number}", ContactStatus="ARCHIVED" if number % 7 == 0 else "ACTIVE")
    books = to_xero.xero.books(to_xero.xero.organisation())
    assert len({contact.id for contact in books.contacts}) == 1050
    assert sum(not contact.is_active for contact in books.contacts) == 150
    pages = [call.query for call in to_xero.calls("GET") if call.path.endswith("/Contacts")]
    assert len(pages) == 2
    assert all("pageSize=1000" in query and "includeArchived=true" in query for query in pages)


def test_the_books_hold_what_planning_needs(to_xero: Line) -> None:
    to_xero.cloud.xero.add_tracking("Team", "North", "South")
    to_xero.cloud.xero.set_lock_dates(period=dt.date(2026, 6, 30), year=dt.date(2026, 3, 31))
    organisation = to_xero.xero.organisation()
    books = to_xero.xero.books(organisation)
    assert (organisation.base_currency, organisation.locked_until) == ("NZD", dt.date(2026, 6, 30))
    assert organisation.tenant_id == to_xero.cloud.xero.tenant_id
    assert books.currencies == {"NZD", "AUD"}
    sales, old, bank = (books.account(code) for code in ("200", "280", "090"))
    assert sales is not None
    assert old is not None
    assert bank is not None
    assert [(item.is_active, item.takes_sales) for item in (sales, old, bank)] == [
        (True, True),
        (False, True),
        (True, False),
    ]
    assert books.rounding_account is not None
    rate, deleted = books.tax_rate("OUTPUT2"), books.tax_rate("OUTPUT")
    assert rate is not None
    assert deleted is not None
    assert (rate.rate, rate.is_active, deleted.is_active) == (D(15), True, False)
    assert "Very orange invoice!" in {name for _, name in books.branding_themes}
    assert {(category, option) for category, option, _, _ in books.tracking} == {("Team", "North"), ("Team", "South")}


def test_unknown_fields_and_words_break_nothing(to_xero: Line) -> None:
    bodies: dict[str, Any] = {
        "Accounts": {
            "Accounts": [{"Code": "900", "Name": "New", "Type": "CRYPTO", "Status": "DREAMING", "Mood": {"a": 1}}]
        },
        "TaxRates": {
            "TaxRates": [{"TaxType": "T", "Name": "N", "EffectiveRate": 7.5, "Status": "?", "X": [1]}],
            "Y": 2,
        },
        "Invoices": {
            "Invoices": [{"InvoiceID": "i", "Type": "ACCREC", "Status": "HIBERNATING", "Total": 1.10, "Z": {}}]
        },
    }
    for path, body in bodies.items():
        to_xero.trouble("200", path_contains=f"/{path}", method="GET", body=msgspec.json.encode(body))
    books = to_xero.xero.books(to_xero.xero.organisation())
    assert [(account.code, account.is_active) for account in books.accounts] == [("900", False)]
    assert [(rate.rate, rate.is_active) for rate in books.tax_rates] == [(D("7.5"), False)]
    (found,) = to_xero.xero.dated_from("Invoice", dt.date(2026, 1, 1))
    assert (found.status, found.total, found.is_live) == ("HIBERNATING", D("1.1"), True)


@pytest.mark.parametrize("amount", ["0.1", "0.30", "1234567.89", "90071992547409.93", "-0.01", "115.0000", "12"])
def test_money_arrives_to_the_last_digit(to_xero: Line, amount: str) -> None:
    body = (
        f'{{"Invoices":[{{"InvoiceID":"i","Type":"ACCREC","Total":{amount},"LineItems":[{{"LineAmount":{amount}}}]}}]}}'
    )
    to_xero.trouble("200", method="GET", body=body.encode())
    (found,) = to_xero.xero.dated_from("Invoice", dt.date(2026, 1, 1))
    assert isinstance(found.total, Decimal)
    assert (found.total, tuple(line.net for line in found.lines)) == (D(amount), (D(amount),))


def test_money_leaves_to_the_last_digit(to_xero: Line) -> None:
    first = to_xero.document()
    fine = replace(first, lines=(replace(first.lines[0], quantity=D("1234.5"), unit=D("0.0123")),))
    body = encode("Invoice", [fine])
    assert b'"UnitAmount":0.0123' in body
    assert b'"Quantity":1234.5' in body
    assert b"LineAmount" not in body.replace(b"LineAmountTypes", b"")
    (answer,) = to_xero.xero.send("create", "Invoice", body, KEY, 4)
    assert answer.posted is not None
    assert answer.posted.net == D("15.18")


def test_documents_from_a_day_on_with_their_lines(to_xero: Line) -> None:
    for number, day in (("A-1", dt.date(2026, 10, 4)), ("A-2", dt.date(2026, 10, 5)), ("A-3", dt.date(2026, 10, 6))):
        to_xero.xero.send(
            "create", "Invoice", encode("Invoice", [to_xero.document(number, date=day)]), f"k-{number}", 4
        )
    bill = {"Description": "x", "Quantity": 1, "UnitAmount": 5, "AccountCode": "400"}
    to_xero.cloud.xero.add_invoice("Bills Ltd", [bill], Type="ACCPAY", Date="2026-10-05")
    found = to_xero.xero.dated_from("Invoice", dt.date(2026, 10, 5))
    assert [(item.number, tuple(line.net for line in item.lines)) for item in found] == [
        ("A-2", (D(100),)),
        ("A-3", (D(100),)),
    ]
    assert to_xero.xero.dated_from("Credit note", dt.date(2026, 10, 5)) == []


def test_documents_by_number_in_few_calls(to_xero: Line) -> None:
    to_xero.create(to_xero.document("A-1"), to_xero.document("A-250"))
    found = to_xero.xero.numbered([f"A-{number}" for number in range(1, 251)] + ["with, comma"])
    assert {item.number for item in found} == {"A-1", "A-250"}
    assert len(to_xero.calls("GET")) == 3
    assert to_xero.xero.numbered([]) == []
    assert len(to_xero.calls("GET")) == 3


def test_contacts_are_created_with_every_complaint(to_xero: Line) -> None:
    wanted = [{"Name": "Rimu Ltd", "ContactNumber": "8"}, {"Name": "Kauri Legal"}]
    (made, none), (_, complaints) = to_xero.xero.create_contacts(wanted, "contacts-key")
    assert (made.read().name, none) == ("Rimu Ltd", ())
    assert "already assigned" in complaints[0]
    assert to_xero.calls()[0].idempotency_key == "contacts-key"


def test_a_sign_in_that_shows_no_organisation(to_xero: Line) -> None:
    to_xero.trouble("200", body=b'{"Organisations":[]}')
    assert stopped(to_xero.xero.organisation).fault.code == "AX-405"


def test_plain_http_to_another_machine_is_refused(to_xero: Line) -> None:
    to_xero.xero.url = "http://api.example"
    with pytest.raises(PlainError, match="no secure address"):
        to_xero.xero.organisation()


def test_a_lost_line_tells_no_address(to_xero: Line) -> None:
    to_xero.trouble("cut_before", times=None)
    error = stopped(lambda: to_xero.xero.numbered(["SECRET-NUMBER"]))
    assert "SECRET-NUMBER" not in str(error)
    assert to_xero.cloud.url not in str(error)


def test_autotask_ids_in_marks_survive_the_way_there_and_back(to_xero: Line) -> None:
    to_xero.create(replace(to_xero.document(), autotask_id=AutotaskId(155)))
    (found,) = to_xero.xero.dated_from("Invoice", dt.date(2026, 10, 5))
    assert found.mark.endswith("155")
