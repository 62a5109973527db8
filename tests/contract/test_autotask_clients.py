"""Public Autotask clients read the pretend Autotask."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import pytest

from agent.pretend.cloud import Cloud


@pytest.fixture
def books(cloud: Cloud) -> Cloud:
    company = cloud.autotask.add("Companies", companyName="Kowhai", phone="1")
    for number in range(501):
        cloud.autotask.add("Invoices", companyID=company, invoiceNumber=str(1000 + number), invoiceTotal="52.7775")
    line = {"companyID": company, "billingItemType": 1, "subType": 1, "totalAmount": "52.7775", "itemName": "Work"}
    cloud.autotask.add("BillingItems", invoiceID=1, **line)
    cloud.autotask.add("BillingItems", invoiceID=2, **line)
    return cloud


@pytest.mark.filterwarnings("ignore")  # its models use an old pydantic style
class TestPyAutotask:
    @pytest.fixture
    def client(self, books: Cloud) -> Any:
        user = books.autotask.user
        return importlib.import_module("py_autotask").AutotaskClient.create(
            username=user.username,
            integration_code=user.integration_code,
            secret=user.secret,
            api_url=f"{books.url}/ATServicesRest",
        )

    def test_get(self, client: Any) -> None:
        """One record by id, and nothing for a missing one."""
        assert client.get("Invoices", 1)["invoiceNumber"] == "1000"
        assert not client.get("Invoices", 9999)

    def test_query(self, client: Any) -> None:
        """A filter works, and pages end at 500 with a link to the next."""
        wanted = {"field": "invoiceID", "op": "eq", "value": 2}
        assert [item["id"] for item in client.query("BillingItems", filters=[wanted]).items] == [2]
        everything = {"field": "id", "op": "gt", "value": 0}
        answer = client.query("Invoices", filters=[everything])
        assert len(answer.items) == 500
        assert answer.page_details.next_page_url

    def test_information(self, client: Any) -> None:
        """The metadata reads too."""
        names = [field["name"] for field in client.get_field_info("BillingItems")["fields"]]
        assert "billingItemType" in names
        assert client.get_entity_info("Invoices")["info"]["name"] == "Invoice"


class TestAutotaskClient:
    """The typed client needs a newer Python than the oldest one we support."""

    def test_it_reads_every_page_into_its_models(self, books: Cloud) -> None:
        """Keyset paging over two pages, and strict models of invoices and billing items."""
        package = pytest.importorskip("autotask.client", reason="autotask-client needs Python 3.12")
        config = importlib.import_module("autotask.config")
        billing = importlib.import_module("autotask.models.billing")
        user = books.autotask.user
        settings = config.AutotaskConfig(
            username=user.username, secret=user.secret, integration_code=user.integration_code, api_url=books.url
        )

        async def read() -> tuple[list[dict[str, Any]], dict[str, Any]]:
            async with package.AutotaskClient(settings) as client:
                invoices = await client.query_all("Invoices", [{"op": "gte", "field": "id", "value": 0}])
                return invoices, await client.get("BillingItems/1")

        invoices, item = asyncio.run(read())
        assert [invoice["id"] for invoice in invoices] == list(range(1, 502))
        assert billing.BillingItem.model_validate(item["item"]).id == 1
