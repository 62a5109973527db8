"""What the pretend Autotask does on the wire, checked with plain requests."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

import pytest
import requests

from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Call

Caller = Callable[..., requests.Response]
EVERYTHING = {"filter": [{"op": "exist", "field": "id"}]}


def found(answer: requests.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json()["items"]]


class TestZones:
    def test_a_known_user_finds_this_server_without_signing_in(self, cloud: Cloud) -> None:
        """The zone is public, and its address ends in a slash."""
        address = f"{cloud.url}/atservicesrest/v1.0/zoneInformation"
        answer = requests.get(address, params={"user": "API@pretend.example"}, timeout=5)
        assert answer.status_code == 200
        assert answer.json()["url"] == f"{cloud.url}/ATServicesRest/"
        assert set(answer.json()) == {"zoneName", "url", "webUrl", "ci"}

    @pytest.mark.parametrize("user", ["", "stranger@example.com"])
    def test_an_unknown_user_is_a_server_error(self, cloud: Cloud, user: str) -> None:
        """The service answers 500, not 404."""
        answer = requests.get(f"{cloud.url}/ATServicesRest/V1.0/zoneInformation", params={"user": user}, timeout=5)
        assert answer.status_code == 500
        assert answer.json() == {"errors": ["Zone information could not be determined"]}

    def test_versions(self, cloud: Cloud) -> None:
        """The list of versions needs no sign-in."""
        answer = requests.get(f"{cloud.url}/ATServicesRest/versioninformation", timeout=5)
        assert answer.json() == {"apiVersions": ["V1.0"]}


class TestSignIn:
    @pytest.mark.parametrize(
        ("headers", "status", "words"),
        [
            ({"UserName": "stranger"}, 500, "UserName"),
            ({"Secret": "wrong"}, 401, "Unauthorized"),
            ({"ApiIntegrationCode": "wrong"}, 500, "IntegrationCode is invalid"),
        ],
    )
    def test_each_wrong_credential_has_its_own_answer(
        self, autotask: Caller, headers: dict[str, str], status: int, words: str
    ) -> None:
        """Only a wrong secret is 401."""
        answer = autotask("GET", "Invoices/1", headers=headers)
        assert answer.status_code == status
        assert words in answer.json()["errors"][0]

    def test_wrong_secrets_lock_the_user(self, cloud: Cloud, autotask: Caller) -> None:
        """After five wrong secrets in a row even the right one is refused."""
        for _ in range(2):
            for _ in range(4):
                autotask("GET", "Invoices/1", headers={"Secret": "wrong"})
            assert autotask("GET", "Invoices/1").status_code == 200
        for _ in range(5):
            autotask("GET", "Invoices/1", headers={"Secret": "wrong"})
        answer = autotask("GET", "Invoices/1")
        assert answer.status_code == 401
        assert "locked" in answer.json()["errors"][0]
        assert cloud.autotask.user.is_locked

    def test_header_names_and_routes_have_no_case(self, cloud: Cloud) -> None:
        """Clients spell the headers, the base and the entity in every way."""
        user = cloud.autotask.user
        headers = {"username": user.username, "SECRET": user.secret, "APIIntegrationcode": user.integration_code}
        answer = requests.post(
            f"{cloud.url}/atSERVICESrest/v1.0/iNVOICES/QUERY",
            json={"Filter": [{"Op": "eq", "Field": "ISVOIDED", "Value": False}]},
            headers=headers,
            timeout=5,
        )
        assert answer.json()["items"] == []


class TestRecords:
    def test_a_record_has_every_field_and_the_services_formats(self, cloud: Cloud, autotask: Caller) -> None:
        """Numbers have four decimals, instants milliseconds and a Z, empty fields are null."""
        number = cloud.autotask.add("Invoices", companyID=0, invoiceTotal="52.7775", invoiceDateTime="2025-09-05")
        answer = autotask("GET", f"Invoices/{number}")
        record = answer.json()["item"]
        assert '"invoiceTotal":52.7775' in answer.text
        assert '"totalTaxValue":0.0000' in answer.text
        assert record["invoiceDateTime"] == "2025-09-05T00:00:00.000Z"
        assert record["createDateTime"] == "2026-11-20T01:00:00.000Z"
        assert record["companyID"] == 0
        assert record["orderNumber"] == ""
        assert record["paidDate"] is None
        assert len(record) == 25

    def test_a_missing_id_is_an_empty_item(self, autotask: Caller) -> None:
        """There is no 404 for records."""
        answer = autotask("GET", "Invoices/99")
        assert (answer.status_code, answer.json()) == (200, {"item": None})

    def test_contacts_are_active_by_number(self, cloud: Cloud, autotask: Caller) -> None:
        """Contacts.isActive is 1 while Companies.isActive is true."""
        company = cloud.autotask.add("Companies", companyName="Kowhai")
        contact = cloud.autotask.add("Contacts", companyID=company, firstName="Ana", lastName="Ngata")
        assert '"isActive":1' in autotask("GET", f"Contacts/{contact}").text
        assert '"isActive":true' in autotask("GET", f"Companies/{company}").text

    def test_the_pdf_comes_as_base64(self, cloud: Cloud, autotask: Caller) -> None:
        """InvoicePdf is JSON around the file."""
        number = cloud.autotask.add("Invoices", invoiceNumber="1085")
        pdf = autotask("GET", f"Invoices/{number}/InvoicePdf").json()
        data = base64.b64decode(pdf["data"])
        assert data.startswith(b"%PDF")
        assert (pdf["contentType"], pdf["fileSize"]) == ("application/pdf", len(data))

    def test_the_markup_holds_the_lines(self, cloud: Cloud, autotask: Caller) -> None:
        """InvoiceMarkupXml is XML inside JSON."""
        number = cloud.autotask.add("Invoices", invoiceNumber="1085")
        cloud.autotask.add("BillingItems", invoiceID=number, itemName="R & D")
        markup = autotask("GET", f"invoices/{number}/invoicemarkupxml").json()["invoiceMarkup"]
        assert "<item_name>R &amp; D</item_name>" in markup


class TestChanges:
    def test_patch_takes_only_what_may_be_written(self, cloud: Cloud, autotask: Caller) -> None:
        """Unknown and read-only fields pass in silence; paidDate loses its time of day."""
        number = cloud.autotask.add("Invoices", invoiceNumber="1", invoiceTotal="10")
        body = {
            "ID": number,
            "INVOICEnumber": "INV-7",
            "paidDate": "2026-11-19T23:30:00-11:00",
            "webServiceDate": "2026-11-20T01:02:03.456Z",
            "invoiceTotal": 99,
            "nonsense": 1,
        }
        answer = autotask("PATCH", "Invoices", json=body)
        assert (answer.status_code, answer.json()) == (200, {"itemId": number})
        record = autotask("GET", f"Invoices/{number}").json()["item"]
        assert record["invoiceNumber"] == "INV-7"
        assert record["paidDate"] == "2026-11-19T00:00:00.000Z"
        assert record["webServiceDate"] == "2026-11-20T01:02:03.456Z"
        assert record["invoiceTotal"] == 10
        assert "nonsense" not in record

    def test_put_empties_what_is_not_sent(self, cloud: Cloud, autotask: Caller) -> None:
        """That is why nobody should use it."""
        number = cloud.autotask.add("Invoices", invoiceNumber="1", paidDate="2026-01-01", invoiceTotal="10")
        assert autotask("PUT", "Invoices", json={"id": number, "invoiceNumber": "2"}).status_code == 200
        record = autotask("GET", f"Invoices/{number}").json()["item"]
        assert (record["invoiceNumber"], record["paidDate"], record["invoiceTotal"]) == ("2", None, 10)

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PATCH", "Invoices/1"),
            ("PUT", "Invoices/1"),
            ("DELETE", "Invoices/1"),
            ("POST", "Invoices"),
            ("PATCH", "BillingCodes"),
        ],
    )
    def test_routes_that_do_not_exist(self, cloud: Cloud, autotask: Caller, method: str, path: str) -> None:
        """PATCH works only at the collection, and only where the entity can be updated."""
        cloud.autotask.add("Invoices")
        answer = autotask(method, path, json={"id": 1, "invoiceNumber": "x"})
        assert answer.status_code == 405
        assert answer.json() == {"Message": f"The requested resource does not support http method '{method}'."}

    @pytest.mark.parametrize("body", [{"id": 9, "invoiceNumber": "x"}, {"invoiceNumber": "x"}, []])
    def test_patch_of_nothing(self, autotask: Caller, body: object) -> None:
        """A missing record is 500 with words."""
        assert autotask("PATCH", "Invoices", json=body).status_code == 500

    def test_unreadable_bodies(self, cloud: Cloud, autotask: Caller) -> None:
        """A body that is not JSON changes nothing."""
        cloud.autotask.add("Invoices")
        assert autotask("PATCH", "Invoices", data=b"{").status_code == 500
        assert autotask("PATCH", "Invoices", json={"id": 1, "paidDate": "soon"}).status_code == 500


class TestLife:
    def test_a_void_returns_the_lines(self, cloud: Cloud, autotask: Caller) -> None:
        """The voided invoice stays; its lines are on no invoice, or on the next one."""
        first, second = cloud.autotask.add("Invoices"), cloud.autotask.add("Invoices")
        line = cloud.autotask.add("BillingItems", invoiceID=first)
        cloud.autotask.void(first)
        assert autotask("GET", f"BillingItems/{line}").json()["item"]["invoiceID"] is None
        record = autotask("GET", f"Invoices/{first}").json()["item"]
        assert record["isVoided"] is True
        assert record["voidedDate"] == "2026-11-20T01:00:00.000Z"
        cloud.autotask.change("BillingItems", line, invoiceID=second)
        cloud.autotask.void(second, moved_to=first)
        assert autotask("GET", f"BillingItems/{line}").json()["item"]["invoiceID"] == first

    def test_an_invoice_in_the_making(self, cloud: Cloud, autotask: Caller, forward: Callable[..., None]) -> None:
        """Until it is finished it has no number and no lines."""
        ready = cloud.now() + timedelta(minutes=2)
        number = cloud.autotask.add("Invoices", invoiceNumber="1", finish_at=ready)
        cloud.autotask.add("BillingItems", invoiceID=number)
        ask = {"filter": [{"op": "eq", "field": "invoiceID", "value": number}]}
        assert autotask("GET", f"Invoices/{number}").json()["item"]["invoiceNumber"] is None
        assert found(autotask("POST", "BillingItems/query", json=ask)) == []
        forward(minutes=2)
        assert autotask("GET", f"Invoices/{number}").json()["item"]["invoiceNumber"] == "1"
        assert found(autotask("POST", "BillingItems/query", json=ask)) == [1]

    def test_hidden_lines_of_business(self, cloud: Cloud, autotask: Caller) -> None:
        """What the user may not see is absent without a word."""
        for line_of_business in (1, 2, None):
            cloud.autotask.add("BillingItems", organizationalLevelAssociationID=line_of_business)
        cloud.autotask.hide_lines_of_business.add(2)
        assert found(autotask("POST", "BillingItems/query", json=EVERYTHING)) == [1, 3]
        assert autotask("GET", "BillingItems/2").json() == {"item": None}


class TestInformation:
    def test_pick_lists_have_text_values(self, cloud: Cloud, autotask: Caller) -> None:
        """The value is text in the list although records hold a number."""
        fields = autotask("GET", "BillingItems/entityInformation/fields").json()["fields"]
        kinds = next(field for field in fields if field["name"] == "billingItemType")["picklistValues"]
        assert {entry["label"]: entry["value"] for entry in kinds}["Labor"] == "1"
        assert len(kinds) == 15
        cloud.autotask.add("PaymentTerms", name="Net 30 days", paymentDueInDays=30)
        terms = autotask("GET", "Invoices/entityInformation/fields").json()["fields"]
        term = next(field for field in terms if field["name"] == "paymentTerm")
        assert [(entry["value"], entry["label"]) for entry in term["picklistValues"]] == [("1", "Net 30 days")]

    def test_what_may_be_done(self, autotask: Caller) -> None:
        """Invoices can be updated and never created or deleted."""
        info = autotask("GET", "Invoices/entityInformation").json()["info"]
        assert (info["name"], info["canUpdate"], info["canCreate"], info["canDelete"]) == (
            "Invoice",
            True,
            False,
            False,
        )
        fields = {
            field["name"]: field for field in autotask("GET", "Invoices/entityInformation/fields").json()["fields"]
        }
        assert [name for name, field in fields.items() if not field["isReadOnly"]] == [
            "invoiceNumber",
            "paidDate",
            "webServiceDate",
        ]
        assert fields["dueDate"]["isQueryable"] is False

    def test_user_defined_field_names(self, cloud: Cloud, autotask: Caller) -> None:
        """They are listed apart."""
        cloud.autotask.add("Companies", userDefinedFields=[{"name": "Region", "value": None}])
        answer = autotask("GET", "Companies/entityInformation/userDefinedFields")
        assert [field["name"] for field in answer.json()["fields"]] == ["Region"]

    @pytest.mark.parametrize("path", ["Nonsense/query", "Invoices/nonsense", "Invoices/entityInformation/x", ""])
    def test_unknown_routes(self, autotask: Caller, path: str) -> None:
        """The web framework answers 404."""
        answer = autotask("GET", path)
        assert answer.status_code == 404
        assert "Message" in answer.json()


class TestLimits:
    def test_the_hourly_threshold(self, cloud: Cloud, autotask: Caller, forward: Callable[..., None]) -> None:
        """Above it calls are refused until the hour has passed; asking for the count counts too."""
        cloud.autotask.threshold.limit = 3
        assert autotask("GET", "Invoices/1").status_code == 200
        usage = autotask("GET", "ThresholdInformation").json()
        assert usage == {
            "externalRequestThreshold": 3,
            "requestThresholdTimeframe": 60,
            "currentTimeframeRequestCount": 2,
        }
        autotask("GET", "Invoices/1")
        refused = autotask("GET", "Invoices/1")
        assert refused.status_code == 500
        assert "threshold" in refused.json()["errors"][0]
        forward(minutes=60)
        assert autotask("GET", "Invoices/1").status_code == 200

    def test_three_at_once_per_entity(self, cloud: Cloud, autotask: Caller) -> None:
        """A fourth request to the same entity is refused, another entity is not."""
        arrived, go = Event(), Event()
        waiting: list[Call] = []

        def wait(call: Call) -> None:
            if "invoices" in call.path.lower():
                waiting.append(call)
                if len(waiting) == 3:
                    arrived.set()
                go.wait(5)

        cloud.troubles.on_request = wait
        threads = [Thread(target=autotask, args=("GET", "Invoices/1")) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert arrived.wait(5)
        refused = autotask("GET", "Invoices/1")
        allowed = autotask("GET", "Companies/1")
        go.set()
        for thread in threads:
            thread.join(5)
        assert refused.status_code == 429
        assert "thread threshold of 3" in refused.json()["errors"][0]
        assert allowed.status_code == 200
        assert autotask("GET", "Invoices/1").status_code == 200

    def test_the_date_header_follows_the_clock(self, autotask: Caller) -> None:
        """Exactly one Date header, in the cloud's time."""
        assert re.fullmatch(r"Fri, 20 Nov 2026 01:00:00 GMT", autotask("GET", "Invoices/1").headers["Date"])
