"""The query language and the pages of the pretend Autotask."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from agent.pretend.cloud import Cloud

Caller = Callable[..., requests.Response]
EVERYTHING = {"filter": [{"op": "exist", "field": "id"}]}


def found(answer: requests.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json()["items"]]


class TestQueries:
    @pytest.fixture(autouse=True)
    def companies(self, cloud: Cloud) -> None:
        names = ("Alpha", "Beta", "alphabet", "Gamma")
        for number, name in enumerate(names):
            cloud.autotask.add(
                "Companies", id=number, companyName=name, isActive=number != 3, parentCompanyID=number or None
            )

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ({"op": "eq", "field": "companyName", "value": "ALPHA"}, [0]),
            ({"op": "noteq", "field": "companyName", "value": "Alpha"}, [1, 2, 3]),
            ({"op": "gt", "field": "id", "value": 1}, [2, 3]),
            ({"op": "gte", "field": "id", "value": 1}, [1, 2, 3]),
            ({"op": "lt", "field": "id", "value": "1"}, [0]),
            ({"op": "lte", "field": "id", "value": 1}, [0, 1]),
            ({"op": "beginsWith", "field": "companyName", "value": "alph"}, [0, 2]),
            ({"op": "endsWith", "field": "companyName", "value": "TA"}, [1]),
            ({"op": "contains", "field": "companyName", "value": "amm"}, [3]),
            ({"op": "exist", "field": "parentCompanyID"}, [1, 2, 3]),
            ({"op": "noteq", "field": "parentCompanyID", "value": 1}, [2, 3]),
            ({"op": "lt", "field": "parentCompanyID", "value": 3}, [1, 2]),
            ({"op": "notExist", "field": "parentCompanyID"}, [0]),
            ({"op": "in", "field": "id", "value": [0, 3, 9]}, [0, 3]),
            ({"op": "notIn", "field": "id", "value": [0, 3]}, [1, 2]),
            ({"op": "eq", "field": "isActive", "value": False}, [3]),
            ({"op": "gt", "field": "createDate", "value": "2026-11-20"}, [0, 1, 2, 3]),
            ({"op": "lt", "field": "createDate", "value": "2026-11-20T01:00:00.000Z"}, []),
            ({"op": "ne", "field": "id", "value": 1}, [0, 1, 2, 3]),
        ],
    )
    def test_operators(self, autotask: Caller, condition: dict[str, Any], expected: list[int]) -> None:
        """Every operator works, and one that does not exist is dropped without a word."""
        assert found(autotask("POST", "Companies/query", json={"filter": [condition]})) == expected
        assert (
            found(autotask("GET", "Companies/query", params={"search": json.dumps({"filter": [condition]})}))
            == expected
        )

    def test_groups(self, autotask: Caller) -> None:
        """Conditions side by side must all hold; groups say otherwise."""
        group = {
            "op": "or",
            "items": [{"op": "eq", "field": "id", "value": 1}, {"op": "eq", "field": "id", "value": 2}],
        }
        name = {"op": "beginsWith", "field": "companyName", "value": "a"}
        assert found(autotask("POST", "Companies/query", json={"filter": [group, name]})) == [2]
        both = {"op": "and", "items": [name, {"op": "gt", "field": "id", "value": 0}]}
        assert found(autotask("POST", "Companies/query", json={"filter": [{"op": "or", "items": [both]}]})) == [2]

    def test_user_defined_fields(self, cloud: Cloud, autotask: Caller) -> None:
        """A user-defined field is found by its name, and only one of them per query."""
        fields = [{"name": "Region", "value": "South"}]
        number = cloud.autotask.add("Companies", companyName="Delta", userDefinedFields=fields)
        condition = {"op": "eq", "field": "Region", "udf": True, "value": "south"}
        answer = autotask("POST", "Companies/query", json={"filter": [condition]})
        assert found(answer) == [number]
        assert answer.json()["items"][0]["userDefinedFields"] == fields
        refused = autotask("POST", "Companies/query", json={"filter": [condition, condition]})
        assert refused.status_code == 500

    @pytest.mark.parametrize(
        ("entity", "condition", "message"),
        [
            (
                "TaxRegions",
                {"op": "eq", "field": "projectID", "value": 1},
                "Unable to find projectID in the TaxRegion Entity",
            ),
            ("Companies", {"op": "eq", "field": "nope", "value": 1}, "Unable to find nope in the Account Entity"),
            (
                "Companies",
                {"op": "eq", "field": "id", "value": "x"},
                "Conversion failed when converting varchar 'x' to data type int",
            ),
            ("Invoices", {"op": "gt", "field": "dueDate", "value": "2026-01-01"}, "dueDate is not a queryable field"),
            ("Invoices", {"op": "eq", "field": "isVoided", "value": None}, "true or false"),
        ],
    )
    def test_refusals_are_server_errors(
        self, autotask: Caller, entity: str, condition: dict[str, Any], message: str
    ) -> None:
        """What is wrong with a query comes as 500 with words."""
        answer = autotask("POST", f"{entity}/query", json={"filter": [condition]})
        assert answer.status_code == 500
        assert message in answer.json()["errors"][0]

    @pytest.mark.parametrize("body", [{}, {"filter": []}, [], "x"])
    def test_a_query_needs_a_condition(self, autotask: Caller, body: object) -> None:
        """An empty filter is refused."""
        assert autotask("POST", "Companies/query", json=body).status_code == 500

    def test_more_than_500_alternatives_are_refused(self, autotask: Caller) -> None:
        """The values of an in list count as alternatives."""
        ask = {"filter": [{"op": "in", "field": "id", "value": list(range(500))}]}
        assert found(autotask("POST", "Companies/query", json=ask)) == [0, 1, 2, 3]
        ask["filter"].append({"op": "or", "items": [{"op": "eq", "field": "id", "value": 1}]})
        answer = autotask("POST", "Companies/query", json=ask)
        assert answer.status_code == 500
        assert "500 or fewer 'OR' conditions" in answer.json()["errors"][0]

    def test_fields_and_counts(self, autotask: Caller) -> None:
        """IncludeFields narrows the records, count gives only the number."""
        answer = autotask("POST", "Companies/query", json=EVERYTHING | {"INCLUDEFIELDS": ["ID", "companyname"]})
        assert answer.json()["items"][0] == {"id": 0, "companyName": "Alpha"}
        assert autotask("POST", "Companies/query/count", json=EVERYTHING).json() == {"queryCount": 4}

    def test_an_oversize_address_is_not_found(self, autotask: Caller) -> None:
        """The web server in front of the service gives up at about 2 KB."""
        search = json.dumps({"filter": [{"op": "in", "field": "id", "value": list(range(400))}]})
        answer = autotask("GET", "Companies/query", params={"search": search})
        assert answer.status_code == 404
        assert "text/html" in answer.headers["Content-Type"]


class TestPages:
    def test_pages_run_by_id_and_the_link_keeps_its_method(self, cloud: Cloud, autotask: Caller) -> None:
        """500 records at most; a link born of POST answers only POST."""
        for number in range(501, 0, -1):
            cloud.autotask.add("TaxRegions", id=number, name=f"Region {number}")
        first = autotask("POST", "TaxRegions/query", json=EVERYTHING | {"MaxRecords": 9999})
        assert found(first) == list(range(1, 501))
        details = first.json()["pageDetails"]
        assert (details["count"], details["requestCount"], details["prevPageUrl"]) == (500, 500, None)
        wrong = autotask("GET", details["nextPageUrl"])
        assert wrong.status_code == 405
        assert wrong.json() == {"Message": "The requested resource does not support http method 'GET'."}
        last = autotask("POST", details["nextPageUrl"], json=EVERYTHING)
        assert found(last) == [501]
        assert last.json()["pageDetails"]["nextPageUrl"] is None
        assert last.json()["pageDetails"]["prevPageUrl"]

    def test_get_pages(self, cloud: Cloud, autotask: Caller) -> None:
        """A link born of GET carries the search and answers GET."""
        for number in range(5):
            cloud.autotask.add("TaxRegions", name=f"Region {number}")
        search = json.dumps(EVERYTHING | {"MaxRecords": 2})
        first = autotask("GET", "TaxRegions/query", params={"search": search})
        second = autotask("GET", first.json()["pageDetails"]["nextPageUrl"])
        third = autotask("GET", second.json()["pageDetails"]["nextPageUrl"])
        assert [found(page) for page in (first, second, third)] == [[1, 2], [3, 4], [5]]
