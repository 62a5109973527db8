"""A projection into an open workbook, through the real xlwings API."""

# ruff: noqa: DTZ001 - sheets hold local times
from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.template import template
from macros.sheets import BusyError, attach
from macros.show import Showing, Shown, blocks
from tests.memory_excel import Excel, Workbook
from workbook.cells import Cell, Link
from workbook.project import Projection


@pytest.fixture
def book(excel: Excel) -> Workbook:
    return excel.open(template())


def show(book: Workbook, acted: dict[str, str] | None = None, **parts: Any) -> Shown:
    return Showing(attach(Path(book.path)), acted or {}).show(Projection(**parts))


def invoice(number: int, **cells: Cell) -> dict[str, Cell]:
    shown: dict[str, Cell] = {name.replace("_", " "): value for name, value in cells.items()}
    return {"Status": "Waiting", "Customer": "Kauri Legal", **shown, "Autotask id": number}


def invoices(book: Workbook) -> dict[int, dict[str, Any]]:
    return {int(row["Autotask id"]): row for row in book.rows("Invoices") if row["Autotask id"]}


def test_new_rows_are_appended_and_known_ones_keep_their_place(book: Workbook) -> None:
    show(book, tables={"Invoices": [invoice(1), invoice(2), invoice(3)]})
    first = book.list_object("Invoices").top + 1
    show(book, tables={"Invoices": [invoice(4), invoice(3), invoice(2, Status="Synced"), invoice(1)]})
    assert [row["Autotask id"] for row in book.rows("Invoices")] == [1, 2, 3, 4]
    assert invoices(book)[2]["Status"] == "Synced"
    assert book.list_object("Invoices").bottom == first + 3


def test_values_arrive_with_their_types(book: Workbook) -> None:
    row = invoice(
        1, Net=Decimal("145.0025"), Date=date(2026, 11, 3), Sent_on=datetime(2026, 11, 3, 9, 30, 1), Tries="1/3"
    )
    show(book, tables={"Invoices": [row]})
    shown = invoices(book)[1]
    assert shown["Net"] == 145.0025
    assert shown["Date"] == datetime(2026, 11, 3)
    assert shown["Sent on"] == datetime(2026, 11, 3, 9, 30, 1)
    assert shown["Tries"] == "1/3"


@pytest.mark.parametrize("text", ["=1+1", "+64 21", "-5", "@Sum", "1001", "3/4", "TRUE", "'quoted", "a\nb 1", "№ 7 ☃"])
@pytest.mark.parametrize("format_", ["@", "General"])
def test_text_stays_text(excel: Excel, book: Workbook, text: str, format_: str) -> None:
    sheet = book.sheet("Invoices")
    sheet.formats = {place: format_ if kept == "@" else kept for place, kept in sheet.formats.items()}
    show(book, tables={"Invoices": [invoice(1, Customer=text)]})
    assert invoices(book)[1]["Customer"] == text
    excel.writes.clear()
    assert show(book, tables={"Invoices": [invoice(1, Customer=text)]}).cells == 0
    assert excel.writes == []


@pytest.mark.parametrize("format_", ["@", "General"])
def test_a_link_is_a_formula_and_follows_its_address(book: Workbook, format_: str) -> None:
    table = book.list_object("Invoices")
    table.sheet.formats |= {(table.top + 1, column): format_ for column in range(table.left, table.right + 1)}
    for url in ("https://go.xero.com/1", "https://go.xero.com/2"):
        show(book, tables={"Invoices": [invoice(1, Xero_number=Link("INV-1", url))]})
        sheet = book.sheet("Invoices")
        assert list(sheet.formulas.values()) == [f'=HYPERLINK("{url}","INV-1")']
        assert invoices(book)[1]["Xero number"] == "INV-1"
    assert show(book, tables={"Invoices": [invoice(1, Xero_number=Link("INV-1", url))]}).cells == 0
    show(book, tables={"Invoices": [invoice(1, Xero_number=Link("INV-1" * 60, url))]})
    assert sheet.formulas == {}
    assert invoices(book)[1]["Xero number"] == "INV-1" * 60


def test_the_accountants_columns_are_never_written(excel: Excel, book: Workbook) -> None:
    column = book.add_column("Invoices", "Checked by", before="Customer")
    show(book, tables={"Invoices": [invoice(1), invoice(2)]})
    top = book.list_object("Invoices").top
    book.sheet("Invoices").values |= {(top + 1, column): "Ann", (top + 2, column): "Bob"}
    excel.writes.clear()
    show(book, tables={"Invoices": [invoice(n, Status="Synced", Customer="Rimu", Net=Decimal(5)) for n in (2, 1)]})
    assert [row["Checked by"] for row in book.rows("Invoices")] == ["Ann", "Bob"]
    assert [row["Customer"] for row in book.rows("Invoices")] == ["Rimu", "Rimu"]
    assert excel.writes


def test_only_what_changed_is_written_and_in_blocks(excel: Excel, book: Workbook) -> None:
    show(book, tables={"Invoices": [invoice(number) for number in range(1, 301)]})
    excel.writes.clear()
    done = [invoice(number, Status="Synced" if 100 < number <= 200 else "Waiting") for number in range(1, 301)]
    assert show(book, tables={"Invoices": done}).cells == 100
    assert [cells for _, _, cells in excel.writes] == [100]


def test_a_block_shrinks_and_what_the_accountant_put_beside_a_row_moves_along(book: Workbook) -> None:
    def faults(*numbers: int) -> dict[str, Any]:
        return {"Faults": [{"Code": "AX-105", "Invoice": str(number), "Autotask id": number} for number in numbers]}

    column = book.add_column("Faults", "Asked")
    show(book, tables=faults(1, 2, 3))
    top = book.list_object("Faults").top
    book.sheet("Faults").values |= {(top + 3, column): "phoned", (top + 3, 1): "Resync"}
    show(book, tables=faults(3))
    assert len(book.rows("Faults")) == 1
    assert book.rows("Faults")[0] | {"Do": "Resync", "Asked": "phoned", "Invoice": "3"} == book.rows("Faults")[0]
    assert not [place for place in book.sheet("Faults").values if place[0] > top + 1]


def test_choices_that_were_acted_on_are_cleared_unless_they_changed_meanwhile(book: Workbook) -> None:
    show(book, tables={"Invoices": [invoice(1), invoice(2), invoice(3)]})
    place = book.list_object("Invoices")
    for row, verb in ((1, "Resync"), (2, "Never send"), (3, "Send now")):
        place.sheet.values[place.top + row, place.left] = verb
    show(book, {"1": "Resync", "2": "Resync"}, tables={"Invoices": [invoice(1), invoice(2), invoice(3)]})
    assert [row["Do"] for row in book.rows("Invoices")] == [None, "Never send", "Send now"]


def test_filtered_rows_are_brought_up_to_date_too(excel: Excel, book: Workbook) -> None:
    """Even where Excel leaves hidden rows out of a block."""
    excel.skips_hidden = True
    show(book, tables={"Invoices": [invoice(number) for number in range(1, 6)]})
    top = book.list_object("Invoices").top
    book.sheet("Invoices").hidden = {top + 2, top + 4}
    told = show(book, tables={"Invoices": [invoice(number, Status="Synced") for number in range(1, 6)]})
    assert {row["Status"] for row in book.rows("Invoices")} == {"Synced"}
    assert told.notes == []


def test_cells_that_do_not_take_their_value_are_told(excel: Excel, book: Workbook) -> None:
    table = book.list_object("Invoices")
    excel.stubborn = {(table.top + 1, table.left + 1)}
    told = show(book, tables={"Invoices": [invoice(1)]})
    assert told.notes == ["1 cells of the table Invoices do not take what they should show."]
    assert invoices(book)[1]["Customer"] == "Kauri Legal"


def test_a_totals_row_goes_along(book: Workbook) -> None:
    show(book, tables={"Invoices": [invoice(1)]})
    table = book.list_object("Invoices")
    table.bottom, table.has_totals = table.bottom + 1, True
    table.sheet.values[table.bottom, table.left] = "Total"
    show(book, tables={"Invoices": [invoice(1), invoice(2), invoice(3)]})
    assert sorted(invoices(book)) == [1, 2, 3]
    assert table.sheet.values[table.top + 4, table.left] == "Total"
    assert table.has_totals


def test_what_stands_under_a_table_is_not_written_over(book: Workbook) -> None:
    show(book, tables={"Invoices": [invoice(1)]})
    table = book.list_object("Invoices")
    table.sheet.values[table.bottom + 2, table.left + 2] = "my note"
    told = show(book, tables={"Invoices": [invoice(1), invoice(2), invoice(3), invoice(4)]})
    assert table.sheet.values[table.top + 3, table.left + 2] == "my note"
    assert sorted(invoices(book)) == [1, 2]
    assert "2 rows found no room" in told.notes[0]


def test_a_very_long_text_goes_in_alone(book: Workbook) -> None:
    show(book, tables={"Invoices": [invoice(1, Fault="x " * 10_000), invoice(2)]})
    assert invoices(book)[1]["Fault"] == "x " * 10_000


def test_named_cells_and_lists(excel: Excel, book: Workbook) -> None:
    lists = {"Accounts": ["200 (Sales)", "210 (Hardware)"], "Contacts": ["=Odd & Co", "Rimu"]}
    show(book, names={"AutoXeroMode": "Live", "AutoXeroSyncEvery": 15, "AutoXeroCountFault": 3}, lists=lists)
    assert book.named("AutoXeroMode") == "Live"
    sheet = book.sheet("_lists")
    assert sheet.values[2, 1] == "200 (Sales)"
    place = book.place("AutoXeroCountFault")
    assert place[0].formulas[place[1:]].startswith("=")  # cells that calculate are left to Excel
    excel.writes.clear()
    assert show(book, names={"AutoXeroMode": "Live"}, lists=lists).cells == 0
    show(book, lists={"Accounts": ["200 (Sales)"]})
    assert (3, 1) not in sheet.values


def test_a_cell_being_edited_makes_it_wait(excel: Excel, book: Workbook) -> None:
    excel.editing = 1
    with pytest.raises(BusyError, match="being edited"):
        show(book, tables={"Invoices": [invoice(1)]})
    show(book, tables={"Invoices": [invoice(1)]})
    assert sorted(invoices(book)) == [1]


def test_when_the_time_is_up_the_rest_comes_later(book: Workbook) -> None:
    with pytest.raises(BusyError, match="follows later"):
        Showing(attach(Path(book.path)), until=0).show(Projection(tables={"Invoices": [invoice(1)]}))


def test_missing_tables_and_columns_are_told_and_nothing_else_stops(book: Workbook) -> None:
    book.sheet("Log").listed.clear()
    table = book.list_object("Faults")
    table.sheet.values[table.top, table.right] = "Id"
    told = show(book, tables={"Log": [{"Event": "x"}], "Faults": [], "Invoices": [invoice(1)]})
    assert [note.split(" ")[2] for note in told.notes] == ["Log", "Faults"]
    assert sorted(invoices(book)) == [1]


def rename_heading(book: Workbook, table: str, old: str, new: str) -> None:
    """Type over a heading."""
    found = book.list_object(table)
    heads = {found.sheet.values.get((found.top, column)): column for column in range(found.left, found.right + 1)}
    found.sheet.values[found.top, heads[old]] = new


def test_renamed_headings_and_tables_are_known_as_in_the_closed_file(book: Workbook) -> None:
    """One heading, two neighbours, the key, a whole table under another name: rows arrive, and nothing is told."""
    show(book, tables={"Invoices": [invoice(1), invoice(2)], "Log": [{"Run": "R1", "Event": "x"}]})
    for old, new in (("Status", "Stand"), ("Net", "Netto"), ("Tax", "Steuer"), ("Autotask id", "Id")):
        rename_heading(book, "Invoices", old, new)
    rename_heading(book, "Log", "Run", "Lauf")
    book.list_object("Log").name = "Protokoll"
    rows = [invoice(1, Status="Synced", Net=Decimal(5)), invoice(2), invoice(3, Status="Fault", Tax=Decimal(2))]
    told = show(book, tables={"Invoices": rows, "Log": [{"Run": "R2", "Event": "x"}, {"Run": "R1", "Event": "x"}]})
    assert told.notes == []
    found = [(row["Id"], row["Stand"], row["Netto"], row["Steuer"]) for row in book.rows("Invoices")]
    assert found == [(1, "Synced", 5, None), (2, "Waiting", None, None), (3, "Fault", None, 2)]
    assert [row["Lauf"] for row in book.rows("Protokoll")] == ["R2", "R1"]


def test_a_column_of_the_accountants_in_the_place_of_ours_is_not_written_and_that_is_told(book: Workbook) -> None:
    """Where something else stands in the cells than what we show it is theirs; the note names what is missing."""
    show(book, tables={"Invoices": [invoice(1), invoice(2)]})
    rename_heading(book, "Invoices", "Status", "My view")
    table = book.list_object("Invoices")
    table.sheet.values |= {(table.top + 1, 2): "ask Ann", (table.top + 2, 2): "paid"}
    told = show(book, tables={"Invoices": [invoice(1, Status="Synced"), invoice(2, Status="Synced"), invoice(3)]})
    assert "The table Invoices lacks the column Status; it is not shown. Give it its heading back" in told.notes[0]
    assert [row["My view"] for row in book.rows("Invoices")] == ["ask Ann", "paid", None]
    assert [row["Customer"] for row in book.rows("Invoices")] == ["Kauri Legal"] * 3


def test_a_heading_beside_an_own_column_cannot_be_told_and_is_named(book: Workbook) -> None:
    """Only the closed file knows its columns by number; until then nothing is guessed."""
    show(book, tables={"Invoices": [invoice(1)]})
    book.add_column("Invoices", "Checked by", before="Status")
    rename_heading(book, "Invoices", "Status", "Stand")
    told = show(book, tables={"Invoices": [invoice(1, Status="Synced")]})
    assert ["lacks the column Status" in note for note in told.notes] == [True]
    assert book.rows("Invoices")[0]["Stand"] == "Waiting"


def test_a_cleared_key_does_not_double_its_row(book: Workbook) -> None:
    """The row is known by what else it shows, as in the closed file; rows that are alike are not guessed at."""
    rows = [invoice(n, Number=f"T{n}", Type="Invoice", Date=date(2026, 9, n), Total=Decimal(n)) for n in (1, 2, 3)]
    show(book, tables={"Invoices": rows})
    table = book.list_object("Invoices")
    table.sheet.values[table.top + 1, table.right] = None
    table.sheet.values[table.top + 2, table.right] = "garbage"
    show(book, tables={"Invoices": rows}, is_whole=True)
    assert [row["Autotask id"] for row in book.rows("Invoices")] == [1, 2, 3]
    table.sheet.values[table.top + 1, table.right] = None
    show(book, tables={"Invoices": rows[:1]})
    assert [row["Autotask id"] for row in book.rows("Invoices")] == [1, 2, 3]


def test_own_cells_beside_every_block_follow_their_row(book: Workbook) -> None:
    """In Reconcile and the Log, too: by month, customer and currency, and by what the line says."""
    months = [{"Month": f"2026-0{n}", "Customer": "Kauri", "Currency": "NZD", "Net in Xero": n} for n in (1, 2)]
    lines = [{"When": datetime(2026, 9, n, 8), "Run": "R", "Event": "Run ended"} for n in (2, 1)]
    column = book.add_column("Log", "Seen")
    show(book, tables={"Reconcile": months, "Log": lines})
    top = book.list_object("Log").top
    book.sheet("Log").values |= {(top + 1, column): "second", (top + 2, column): "first"}
    show(book, tables={"Log": [{"When": datetime(2026, 9, 3, 8), "Run": "R", "Event": "Run ended"}, *lines]})
    assert [row["Seen"] for row in book.rows("Log")] == [None, "second", "first"]


def test_a_value_that_holds_a_date_as_a_number_is_known(book: Workbook) -> None:
    """Where the accountant took the date's format away."""
    show(book, tables={"Invoices": [invoice(1, Date=date(2026, 11, 3))]})
    table = book.list_object("Invoices")
    column = next(c for c in range(table.left, table.right + 1) if table.sheet.values[table.top, c] == "Date")
    table.sheet.values[table.top + 1, column] = 46329.0
    assert show(book, tables={"Invoices": [invoice(1, Date=date(2026, 11, 3))]}).cells == 0
    assert show(book, tables={"Invoices": [invoice(1, Date=date(2026, 11, 4))]}).cells == 1


def test_the_rectangles_cover_each_cell_once() -> None:
    cells: dict[tuple[int, int], Cell] = {(1, 1): 1, (1, 2): 2, (2, 1): 3, (2, 2): 4, (3, 2): 5, (5, 2): 6}
    found = list(blocks(cells))
    assert (1, 1, [[1, 2], [3, 4]]) in found
    assert sorted((row, column) for row, column, _ in found) == [(1, 1), (3, 2), (5, 2)]
