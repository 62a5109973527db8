"""Which row is which, where keys were lost: only what is certain counts."""

# ruff: noqa: DTZ001 - a cell holds local time without a zone

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from workbook.cells import EPOCH_1904, Cell, Link, Read, serial
from workbook.identity import called, found_again, key_of, keys_of, listed, part
from workbook.layout import TABLES

DAY = date(2026, 9, 1)


def waiting(*numbers: int, **cells: Cell) -> dict[tuple[str, ...], dict[str, Cell]]:
    """Projected rows that have no place yet."""
    return {
        (str(n),): {
            "Number": f"T{n}",
            "Type": "Invoice",
            "Date": DAY,
            "Total": Decimal("5.00"),
            "Customer": "A",
            **cells,
        }
        for n in numbers
    }


def lost(**cells: Read) -> dict[str, Read]:
    """What a row on the sheet shows."""
    return {"Number": "T1", "Type": "Invoice", "Date": int(serial(DAY)), "Total": 5, "Customer": "A", **cells}


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        ([lost()], waiting(1, 2), {0: ("1",)}),
        ([lost(Total=6)], waiting(1, 2), {0: ("1",)}),
        ([lost(Number="t1 ")], waiting(1, 2), {0: ("1",)}),
        ([lost(Number="?")], waiting(1), {}),
        ([lost(), lost()], waiting(1), {}),
        ([lost(), lost(Number="T2")], waiting(1, 2), {0: ("1",), 1: ("2",)}),
        ([lost(Type="Credit note")], waiting(1), {}),
        ([lost(Number=None, Customer=None)], waiting(1), {}),
        ([lost(Number="?", Customer="B", **{"Xero number": "I1"})],
         waiting(1, **{"Xero number": Link("I1", "https://x")}), {0: ("1",)}),
        ([lost(Number=None, Customer=None, **{"Xero number": ""})], waiting(1, **{"Xero number": ""}), {}),
    ],
)  # fmt: skip
def test_rows_are_found_again_where_that_is_certain(
    here: list[dict[str, Read]],
    there: dict[tuple[str, ...], dict[str, Cell]],
    found: dict[int, tuple[str, ...]],
) -> None:
    assert found_again("Invoices", dict(enumerate(here)), there) == found


def test_the_old_calendar_of_macs_is_minded() -> None:
    row = lost(Date=int(serial(DAY, EPOCH_1904)))
    others = {**waiting(1), ("2",): {**waiting(1)[("1",)], "Date": date(2022, 8, 31)}}
    assert found_again("Invoices", {5: row}, others, EPOCH_1904) == {5: ("1",)}
    assert found_again("Invoices", {5: row}, others) == {5: ("2",)}


def test_values_are_alike_however_they_are_held() -> None:
    moment = datetime(2026, 9, 1, 14, 3, 59)
    assert part(moment) == part(float(serial(moment)) + 1e-9) == part(round(float(serial(moment)), 9))
    assert part(Decimal("115.00")) == part(115) == part(115.0) == "115"
    assert part(10**12) == part(Decimal(10**12)) == "1000000000000"
    assert part(Link("INV-1", "https://x")) == part(" inv-1") == "inv-1"
    assert part(None) == part("") == ""


def test_every_table_tells_its_rows_apart() -> None:
    """By columns that it has."""
    for table in TABLES.values():
        assert set(keys_of(table)) <= {column.name for column in table.columns}
        assert keys_of(table)


def test_names_for_people() -> None:
    assert called(TABLES["Invoices"], {"Number": "AT-1", "Autotask id": 7}) == "AT-1"
    assert called(TABLES["AccountMap"], {"Billing code": "Support", "Line type": "Labor"}) == "Support · Labor"
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed(["a", "b", "c", "d"]) == "a, b, c, …"
    assert key_of(("Month", "Customer"), {"Month": "2026-09"}) == ("2026-09", "")
