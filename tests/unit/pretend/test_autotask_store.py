"""The records of the pretend Autotask, without any HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from agent.pretend.autotask_fields import PICK_LISTS, entities
from agent.pretend.autotask_query import QueryError, read_query
from agent.pretend.autotask_store import PretendAutotask, Threshold

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


@pytest.fixture
def store() -> PretendAutotask:
    return PretendAutotask(now=lambda: NOW)


def test_add_fills_every_field(store: PretendAutotask) -> None:
    """Unnamed fields are null or their default, ids count up, and names have no case."""
    first, second = store.add("invoices", INVOICETOTAL=10), store.add("Invoices", id=7)
    record = store.tables["Invoices"][first]
    assert set(record) == {field.name for field in entities()["invoices"].fields.values()}
    assert record["invoiceTotal"] == Decimal("10.0000")
    assert (first, second, store.add("Invoices")) == (1, 7, 8)


def test_values_are_kept_in_one_type(store: PretendAutotask) -> None:
    """Days lose their time, money has four decimals, instants are UTC."""
    number = store.add(
        "Invoices",
        dueDate=datetime(2026, 1, 2, 23, 30, tzinfo=UTC),
        fromDate=date(2026, 1, 3),
        webServiceDate="2026-01-04T12:00:00+12:00",
        invoiceTotal="1.23456",
    )
    record = store.tables["Invoices"][number]
    assert record["dueDate"] == datetime(2026, 1, 2, tzinfo=UTC)
    assert record["fromDate"] == datetime(2026, 1, 3, tzinfo=UTC)
    assert record["webServiceDate"] == datetime(2026, 1, 4, tzinfo=UTC)
    assert str(record["invoiceTotal"]) == "1.2346"


@pytest.mark.parametrize(
    ("entity", "fields"),
    [
        ("Nothing", {}),
        ("Invoices", {"nothing": 1}),
        ("Invoices", {"invoiceTotal": 1.5}),
        ("Invoices", {"invoiceTotal": "x"}),
        ("Invoices", {"isVoided": "yes"}),
        ("Invoices", {"dueDate": "soon"}),
        ("Invoices", {"invoiceNumber": "x" * 101}),
    ],
)
def test_wrong_records_are_refused(store: PretendAutotask, entity: str, fields: dict[str, object]) -> None:
    """A test with a typing mistake fails at once; floats are not money."""
    with pytest.raises(ValueError, match=r"."):
        store.add(entity, **fields)


def test_remove(store: PretendAutotask) -> None:
    """What is removed is gone."""
    number = store.add("TaxRegions", name="NZ")
    store.remove("TaxRegions", number)
    assert store.visible("TaxRegions") == {}


def test_latency_grows_with_the_load() -> None:
    """Half a second from half the limit, a second from three quarters; off by default."""
    threshold = Threshold(limit=4, has_latency=True)
    delays = []
    for _ in range(4):
        threshold.note(NOW)
        delays.append(threshold.delay(NOW))
    assert delays == [0.0, 0.5, 1.0, 1.0]
    assert threshold.delay(NOW + timedelta(minutes=60)) == 0.0
    assert Threshold(limit=1).delay(NOW) == 0


def test_pick_lists_belong_to_pick_list_fields() -> None:
    """Each list of values names a field that is a pick list."""
    for entity, name in PICK_LISTS:
        entry = entities()[entity.lower()].find(name)
        assert entry is not None
        assert entry.is_pick_list, (entity, name)


@pytest.mark.parametrize(
    "body",
    [
        {"filter": ["x"]},
        {"filter": [{"op": "in", "field": "id", "value": 1}]},
        {"filter": [{"op": "eq", "field": "id"}]},
        {"filter": [{"op": "gt", "field": "createDate", "value": "soon"}]},
        {"filter": [{"op": "exist", "field": "id"}], "MaxRecords": 0.5},
        {"filter": [{"op": "exist", "field": "id"}], "IncludeFields": "id"},
        {"filter": [{"op": "exist", "field": "id"}], "IncludeFields": ["nothing"]},
        {"filter": [{"op": "or", "items": [{"op": "eq", "field": "id", "value": 1}] * 501}]},
    ],
)
def test_bad_queries(body: object) -> None:
    """Each is a QueryError, never a crash."""
    with pytest.raises(QueryError):
        read_query(entities()["companies"], body)
