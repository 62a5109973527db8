"""Repair (AX-502): what was deleted, renamed, copied or wrecked is put right, and what accountants typed is kept."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.chart import BarChart
from openpyxl.comments import Comment
from openxml_audit import OpenXmlValidator

from agent.domain.settings import CHOICE_LISTS
from agent.errors import PlainError
from agent.template import template
from tests.office.conftest import convert  # noqa: F401 - the fixture
from tests.support import Practice, support
from tests.torture import File, add_column, drop_column, own_column
from workbook import layout
from workbook.book import Book
from workbook.cells import letters
from workbook.errors import InUseError, NotAWorkbookError, PasswordError
from workbook.kept import from_json, to_json
from workbook.package import Package
from workbook.project import Outcome, Projection, Row, project
from workbook.read import read, read_layout
from workbook.restore import restore, revive

Convert = Callable[[Path, str], Path]
START = date(2026, 9, 1)
_OF_OPENPYXL = 60
INVOICES: list[Row] = [
    {"Status": "Synced", "Type": "Invoice", "Number": f"T{n}", "Date": START, "Currency": "NZD", "Total": Decimal(n),
     "Autotask id": n}
    for n in (1, 2, 3)
]  # fmt: skip
FULL = Projection(
    {
        "Invoices": INVOICES,
        "Faults": [{"Code": "AX-106", "Autotask id": 2}],
        "Log": [{"Run": "R1", "Event": "Run ended"}],
        "AccountMap": [{"Billing code": "Support", "Line type": "Labor", "Invoices waiting": 1}],
    },
    {"AutoXeroMode": "Live", "AutoXeroWorkbook": "5e0c"},
    {"Accounts": ["200 · Sales"]},
    unchanged={"Invoices": {("1",), ("2",), ("3",)}, "Faults": {("2",)}},
    is_whole=True,
)


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A workbook in use: settings, mappings and wishes typed, rows shown, and a backup of all that."""
    path = Path(shutil.copy(template(), tmp_path / "AutoXero.xlsm"))
    edits: dict[str, dict[tuple[str, ...], Row]] = {
        "Settings": {("Start date",): {"Value": START}, ("Mail port",): {"Value": 2525},
                     ("Rounding line up to",): {"Value": Decimal("0.07")}},
        "AccountMap": {("Support", "Labor"): {"Xero account": "200 · Sales"}},
        "Invoices": {("2",): {"Do": "Resync"}},
    }  # fmt: skip
    project(path, FULL)
    project(path, Projection(edits=edits))
    project(path, Projection(names={"AutoXeroMode": "Preview"}), backups=tmp_path / "backups")
    return path


def mend(path: Path, projection: Projection = FULL) -> Outcome:
    """What the agent does at the end of a run."""
    return project(path, projection, backups=path.parent / "backups", template=template())


def grid_names(path: Path) -> set[str]:
    return set(Book(Package.read(path)).grids)


def rows_of(path: Path, table: str) -> list[dict[str, Any]]:
    grid = Book(Package.read(path)).grids[table]
    sheet = load_workbook(path, data_only=True)[grid.sheet_name]
    rows = sheet.iter_rows(grid.first, grid.last, grid.area.left, grid.area.right, values_only=True)
    return [dict(zip(grid.columns, row, strict=True)) for row in rows]


def check_whole(path: Path, *, faults: int = 0) -> None:
    """All tables, columns and names are there, the file is valid, and the next projection changes nothing.

    Files that openpyxl saved have faults of its own.
    """
    book, home = Book(Package.read(path)), Book(Package.read(template()))
    assert set(layout.TABLES) <= set(book.grids)
    for name, table in layout.TABLES.items():
        assert {column.name for column in table.columns} <= set(book.grids[name].columns)
    assert set(home.names) <= set(book.names)
    assert not [name for name, text in book.names.items() if "#REF!" in text]
    for name in layout.NAMES:
        assert name in book.named_cells
    assert len(OpenXmlValidator().validate(path).errors) <= faults
    assert mend(path) == Outcome(changed=False, notes=())


def undeclare(file: File, part: str) -> None:
    file.edit("[Content_Types].xml", lambda data: re.sub(rf'<Override PartName="/{part}"[^>]*/>', "", data))


def delete_sheet(path: Path, name: str) -> None:
    """Delete a sheet as Excel does: its tables go, and names that pointed to it point nowhere."""
    book = Book(Package.read(path))
    part = book.sheets[name]
    place = list(book.sheets).index(name)
    file = File(path)
    relations = {target: kind for _, kind, target in book.relations(part)}
    gone = [part, *(target for target, kind in relations.items() if kind in {"table", "drawing"})]
    for item in gone:
        del file.parts[item]
        file.parts.pop(re.sub(r"([^/]+)$", r"_rels/\1.rels", item), None)
        undeclare(file, item)
    (key,) = (key for key, kind, target in book.relations(book.part) if target == part and kind == "worksheet")
    file.edit("xl/_rels/workbook.xml.rels", lambda data: re.sub(rf'<Relationship Id="{key}"[^>]*/>', "", data))

    def forget(data: str) -> str:
        data = re.sub(rf'<sheet name="{name}"[^>]*/>', "", data)
        data = re.sub(rf'<definedName name="_xlnm[^>]*localSheetId="{place}"[^>]*>[^<]*</definedName>', "", data)
        data = re.sub(r'localSheetId="(\d+)"', lambda m: f'localSheetId="{int(m[1]) - (int(m[1]) > place)}"', data)
        return re.sub(rf"(>)'?{name}'?!\$[A-Z]+\$\d+(?=<)", r"\1#REF!", data)

    file.edit("xl/workbook.xml", forget)
    file.save()


def type_into(path: Path, sheet: str, **cells: str | int | None) -> None:
    """Type into cells, by place, as people do."""
    book = load_workbook(path, keep_vba=True)
    for place, value in cells.items():
        book[sheet][place] = value
    book.save(path)


def counted(path: Path, name: str = layout.ALL_NAME) -> object:
    """The cached value of a named cell, as readers see it that do not calculate."""
    book = Book(Package.read(path))
    sheet, column, row = book.named_cells[name]
    title = next(title for title, part in book.sheets.items() if part == sheet)
    return load_workbook(path, data_only=True)[title][f"{letters(column)}{row}"].value


def rename(path: Path, part: str, old: str, new: str) -> None:
    file = File(path)
    file.edit(part, lambda data: data.replace(old, new))
    file.save()


def test_a_whole_workbook_is_left_alone(used: Path) -> None:
    """Nothing to mend is nothing told, and the same bytes."""
    mend(used)
    before = used.read_bytes()
    assert mend(used) == Outcome(changed=False, notes=())
    assert used.read_bytes() == before


def test_a_renamed_sheet_is_found(used: Path) -> None:
    """A sheet under another name is found by its tables; nothing is told."""
    rename(used, "xl/workbook.xml", '<sheet name="Faults"', '<sheet name="Was klemmt"')
    for old in (">Faults!", ">'Faults'!"):
        rename(used, "xl/workbook.xml", old, ">'Was klemmt'!")
    assert mend(used).notes == ()
    check_whole(used)
    assert "Faults" not in Book(Package.read(used)).sheets


def test_a_renamed_table_is_found(used: Path) -> None:
    """A table under another name is found by its headings, for reading and for writing."""
    for name in ("Settings", "Log"):
        part = Book(Package.read(used)).grids[name].part
        rename(used, part, f'name="{name}" displayName="{name}"', f'name="Our{name}" displayName="Our{name}"')
    assert read(used).settings.mail_port == 2525
    assert mend(used, Projection({"Log": [{"Run": "R7"}]})).notes == ()
    assert [row["Run"] for row in rows_of(used, "Log")] == ["R7"]


def test_a_renamed_column_is_found(used: Path) -> None:
    """A heading that somebody changed still heads the same column, for reading and for writing."""
    grids = Book(Package.read(used)).grids
    rename(used, grids["Settings"].part, 'name="Value"', 'name="Wert"')
    rename(used, grids["Invoices"].part, 'name="Status"', 'name="Stand"')
    reading = read(used)
    assert reading.problems == ()
    assert reading.settings.mail_port == 2525
    rows: list[Row] = [{"Status": "Voided", "Autotask id": 1}]
    assert mend(used, Projection({"Invoices": rows})).notes == ()
    assert rows_of(used, "Invoices")[0]["Status"] == "Voided"


@pytest.mark.parametrize("own", [False, True])
def test_two_neighbouring_columns_that_were_renamed_are_found(used: Path, *, own: bool) -> None:
    """Fault and What to do under other headings, with a column of the accountant's beside them or not."""
    if own:
        own_column(used, "Invoices", "Fault", "Memo", lambda row: f' t="inlineStr"><is><t>memo {row}</t></is></c>')
    part = Book(Package.read(used)).grids["Invoices"].part
    for old, new in (("Fault", "Fehler"), ("What to do", "Was tun")):
        rename(used, part, f'name="{old}"', f'name="{new}"')
    rows: list[Row] = [{**row, "Fault": "AX-109", "What to do": "Map it."} for row in INVOICES]
    assert mend(used, replace(FULL, tables={"Invoices": rows}, unchanged={})).notes == ()
    shown = rows_of(used, "Invoices")
    assert [(row["Fault"], row["What to do"]) for row in shown] == [("AX-109", "Map it.")] * 3
    assert b'name="Fehler"' in Package.read(used).part(part)
    assert [row.get("Memo") for row in shown] == (["memo 5", "memo 6", "memo 7"] if own else [None] * 3)


def test_columns_that_changed_places_are_not_taken_for_each_other(used: Path) -> None:
    """A strange heading with one of our numbers that stands elsewhere is none of ours: ours comes back beside it."""
    part = Book(Package.read(used)).grids["Invoices"].part
    rename(used, part, 'id="2" name="Status"', 'id="2" name="Mine"')
    rename(used, part, 'id="8" name="Xero contact"', 'id="8" name="Status"')
    assert "lacked the column Xero contact" in mend(used).notes[0]
    assert list(Book(Package.read(used)).grids["Invoices"].columns)[1] == "Mine"


@pytest.mark.parametrize("name", ["Invoices", "Faults", "Preview", "Reconcile", "Log"])
def test_a_deleted_status_sheet_comes_back(used: Path, name: str) -> None:
    """A status sheet that was deleted is there again with its rows, and the note says so; the old file is kept."""
    old = used.read_bytes()
    delete_sheet(used, name)
    broken = used.read_bytes()
    outcome = mend(used)
    assert [note for note in outcome.notes if f"The sheet {name} was missing; it was put back" in note]
    assert old != used.read_bytes()
    assert broken in [backup.read_bytes() for backup in (used.parent / "backups").iterdir()]
    if name == "Invoices":
        assert [row["Autotask id"] for row in rows_of(used, name)] == [1, 2, 3]
    check_whole(used)
    assert read(used).settings.start_date == START


def test_a_deleted_dashboard_comes_back(used: Path) -> None:
    """The Dashboard comes back with its charts and what it shows."""
    delete_sheet(used, "Dashboard")
    assert mend(used).notes == ("The sheet Dashboard was missing; it was put back.",)
    check_whole(used)
    book = Book(Package.read(used))
    sheet, column, row = book.named_cells["AutoXeroMode"]
    assert load_workbook(used, data_only=True)["Dashboard"][f"{letters(column)}{row}"].value == "Live"
    (drawing,) = book.related(sheet, "drawing")
    assert book.related(drawing, "chart")


def test_deleted_settings_come_from_the_backup(used: Path) -> None:
    """Settings that were deleted with their sheet are taken from the newest backup that has them, and that is told."""
    (used.parent / "backups" / "AutoXero-29990101T000000000000Z.xlsm").write_bytes(b"a backup that is no good")
    delete_sheet(used, "Settings")
    outcome = mend(used)
    assert any("What you had typed in Settings was taken from the backup" in note for note in outcome.notes)
    settings = read(used).settings
    assert (settings.start_date, settings.mail_port, settings.rounding_up_to) == (START, 2525, Decimal("0.07"))
    check_whole(used)


def test_deleted_settings_without_a_backup_stop_all(used: Path) -> None:
    """Without a backup the settings have their defaults, so the Start date is missing and nothing is sent."""
    shutil.rmtree(used.parent / "backups")
    delete_sheet(used, "Settings")
    outcome = mend(used)
    assert "The settings have their defaults: nothing is sent until the Start date is set." in outcome.notes
    assert [problem.where for problem in read(used).problems] == ["Start date"]


def test_deleted_mappings_come_from_the_backup(used: Path) -> None:
    """Mapping targets are never lost with their sheet."""
    delete_sheet(used, "Mappings")
    mend(used)
    assert read(used).mappings.account("Support", "Labor") == "200 · Sales"
    check_whole(used)


@pytest.mark.parametrize("name", ["AccountMap", "Log", "Settings"])
def test_a_table_turned_into_cells_is_a_table_again(used: Path, name: str) -> None:
    """After “Convert to range” the cells are all there: they become the table again, values and all."""
    book = Book(Package.read(used))
    grid = book.grids[name]
    before = rows_of(used, name)
    (key,) = (key for key, _, target in book.relations(grid.sheet) if target == grid.part)
    file = File(used)
    del file.parts[grid.part]
    file.edit("[Content_Types].xml", lambda data: re.sub(rf'<Override PartName="/{grid.part}"[^>]*/>', "", data))
    file.edit(grid.sheet, lambda data: data.replace(f'<tablePart r:id="{key}"/>', ""))
    file.edit(re.sub(r"([^/]+)$", r"_rels/\1.rels", grid.sheet), lambda data: re.sub(
        rf'<Relationship Id="{key}"[^>]*/>', "", data))  # fmt: skip
    file.save()
    outcome = mend(used)
    assert [note for note in outcome.notes if f"The table {name} (sheet" in note and "a table again" in note]
    assert rows_of(used, name) == before
    assert read(used).settings.start_date == START
    check_whole(used)


def check_invoices(path: Path, ids: list[int | None]) -> None:
    """The rows stand where they should, each invoice once, and the Dashboard counts each once."""
    rows = rows_of(path, "Invoices")
    assert [row["Autotask id"] for row in rows] == ids
    assert [(row["Number"], row["Status"]) for row in rows] == [(n and f"T{n}", n and "Synced") for n in ids]
    assert counted(path) == 3
    assert counted(path, layout.value_name("All", 1)) == 6


def test_a_lost_key_column_doubles_nothing(used: Path) -> None:
    """Rows without keys are known by number, type, date and total; what the accountant typed stays beside them."""
    drop_column(used, "Invoices", "Autotask id")
    notes = mend(used).notes
    assert "The table Invoices lacked the column Autotask id; it was put back at its end." in notes
    assert (
        "Invoices: 3 rows had lost their Autotask id; it was written back by what else stands there (T1, T2, T3)."
        in notes
    )
    check_invoices(used, [1, 2, 3])
    assert [row["Do"] for row in rows_of(used, "Invoices")] == [None, "Resync", None]
    check_whole(used)


def test_a_renamed_key_beside_an_own_column_doubles_nothing(used: Path) -> None:
    """The heading of the key is changed, and a column added right of it: it still is the key."""
    rename(used, Book(Package.read(used)).grids["Invoices"].part, 'name="Autotask id"', 'name="Id"')
    add_column(used, "Invoices", "Memo", 27)
    assert mend(used).notes == ()
    check_invoices(used, [1, 2, 3])
    assert [row["Memo"] for row in rows_of(used, "Invoices")] == ["Memo 5", "Memo 6", "Memo 7"]
    check_whole(used)


def test_an_own_column_in_the_place_of_the_key_stays(used: Path) -> None:
    """The key was deleted, and a column of words got its number and its place: it is not taken for the key."""
    drop_column(used, "Invoices", "Autotask id")
    add_column(used, "Invoices", "Memo", 26)
    assert "it was written back by what else stands there" in " ".join(mend(used).notes)
    check_invoices(used, [1, 2, 3])
    assert [row["Memo"] for row in rows_of(used, "Invoices")] == ["Memo 5", "Memo 6", "Memo 7"]
    check_whole(used)


def test_keys_that_were_overwritten_or_cleared_come_back(used: Path) -> None:
    """A row is known by what else it shows; the note says which rows they were."""
    type_into(used, "Invoices", Z5="garbage", Z6=None, AB6="mine")
    assert mend(used).notes == (
        "Invoices: 2 rows had lost their Autotask id; it was written back by what else stands there (T1, T2).",
    )
    check_invoices(used, [1, 2, 3])
    assert load_workbook(used)["Invoices"]["AB6"].value == "mine"
    check_whole(used, faults=_OF_OPENPYXL)


def test_a_key_that_another_row_has_too_comes_back(used: Path) -> None:
    """Another invoice's id was typed over a row's own: the row shows whose it is."""
    type_into(used, "Invoices", Z6=1)
    assert "Invoices: 1 row had lost its Autotask id" in mend(used).notes[0]
    check_invoices(used, [1, 2, 3])


@pytest.mark.parametrize("key", ["garbage", 77, None])
def test_a_row_that_is_no_invoices_counts_no_more(used: Path, key: str | int | None) -> None:
    """Where nothing tells which invoice a row was, its invoice comes back at the end and the row counts no more."""
    type_into(used, "Invoices", Z6=key, C6="?", D6="?", A6="Resync")
    book = load_workbook(used, keep_vba=True)
    assert book["Invoices"]["O6"].value == 2
    add_column(used, "Invoices", "Memo", 27)
    (note,) = mend(used).notes
    assert f"row 6: {key or 'none'}" in note
    assert "emptied" in note
    check_invoices(used, [1, None, 3, 2])
    assert [row["Memo"] for row in rows_of(used, "Invoices")] == ["Memo 5", "Memo 6", "Memo 7", None]
    assert rows_of(used, "Invoices")[1]["Do"] is None
    check_whole(used, faults=_OF_OPENPYXL)


def test_rows_that_are_alike_are_not_guessed_at(used: Path) -> None:
    """Two rows that could be the same invoice's: neither is taken for it."""
    book = load_workbook(used, keep_vba=True)
    sheet = book["Invoices"]
    for column in range(1, 26):
        sheet.cell(7, column).value = sheet.cell(6, column).value
    sheet["Z6"] = sheet["Z7"] = None
    book.save(used)
    assert "row 6: none, row 7: none" in " ".join(mend(used).notes)
    check_invoices(used, [1, None, None, 2, 3])


def test_only_a_whole_list_tells_that_a_row_is_no_invoices(used: Path) -> None:
    """A projection of some rows says nothing about the others, and an empty ledger nothing about any."""
    for projection in (Projection({"Invoices": INVOICES[:1]}), Projection({"Invoices": []}, is_whole=True)):
        assert project(used, projection, template=template()).notes == ()
        check_invoices(used, [1, 2, 3])


def test_a_file_that_was_doubled_is_put_right(used: Path) -> None:
    """Each invoice had two rows, one of them without a key, as older versions left them: one counts."""
    book = load_workbook(used, keep_vba=True)
    sheet = book["Invoices"]
    for row in (5, 6, 7):
        for column in range(2, 26):
            sheet.cell(row + 3, column).value = sheet.cell(row, column).value
    sheet.tables["Invoices"].ref = "A4:Z10"
    book.save(used)
    mend(used)
    check_invoices(used, [1, 2, 3, None, None, None])


@pytest.mark.parametrize("invoice", ["T2", "?"])
def test_a_lost_key_of_the_faults_keeps_what_stands_beside_them(used: Path, invoice: str) -> None:
    """Each fault is known by its invoice; what belongs to none is said to be gone."""
    faults: list[Row] = [{"Code": "AX-106", "Invoice": f"T{n}", "Autotask id": n} for n in (2, 3)]
    edits: dict[tuple[str, ...], Row] = {("2",): {"Do": "Send now"}}
    project(used, Projection({"Faults": faults}, edits={"Faults": edits}))
    type_into(used, "Faults", E5=invoice)
    drop_column(used, "Faults", "Autotask id")
    notes = mend(used, Projection({"Faults": faults[::-1]})).notes
    found = [(row["Autotask id"], row["Do"]) for row in rows_of(used, "Faults")]
    assert found == [(3, None), (2, "Send now" if invoice == "T2" else None)]
    assert any("1 of your cells in the table Faults could not be kept" in note for note in notes) == (invoice != "T2")


def test_a_lost_company_id_is_known_by_the_company(used: Path) -> None:
    """In ContactMap the company's name tells which row it is, so that its contact stays."""
    rows: list[Row] = [
        {"Autotask company": name, "Company id": n, "Problem": "x"} for n, name in ((7, "Rimu"), (8, "Kauri"))
    ]
    edits: dict[tuple[str, ...], Row] = {("8",): {"Xero contact": "Kauri Legal"}}
    project(used, Projection({"ContactMap": rows}, edits={"ContactMap": edits}))
    drop_column(used, "ContactMap", "Company id")
    notes = mend(used, Projection({"ContactMap": rows})).notes
    assert "Mappings: 2 rows had lost their Company id; it was written back by what else stands there (7, 8)." in notes
    assert [(row["Company id"], row["Xero contact"]) for row in rows_of(used, "ContactMap")] == [
        (7, None), (8, "Kauri Legal"),
    ]  # fmt: skip


def test_a_lost_name_of_a_setting_is_known_by_what_it_does(used: Path) -> None:
    """The column Setting was deleted: each row is known by its sentence, and keeps what was typed."""
    drop_column(used, "Settings", "Setting")
    before = len(rows_of(used, "Settings"))
    notes = " ".join(mend(used).notes)
    assert "55 rows had lost" in notes
    assert len(rows_of(used, "Settings")) == before
    settings = read(used).settings
    assert (settings.start_date, settings.mail_port, settings.rounding_up_to) == (START, 2525, Decimal("0.07"))
    check_whole(used)


@pytest.mark.parametrize(
    ("table", "heading"), [("Invoices", "Status"), ("Invoices", "Tries"), ("Invoices", "Autotask id"),
                           ("Faults", "Autotask id"), ("Settings", "Setting"), ("AccountMap", "Line type"),
                           ("Faults", "Code"), ("AccountMap", "Problem"),
                           ("Settings", "Problem"), ("Log", "Event")],
)  # fmt: skip
def test_a_deleted_column_comes_back(used: Path, table: str, heading: str) -> None:
    """A column of ours that was deleted is put back at the table's end, filled, with its look."""
    drop_column(used, table, heading)
    outcome = mend(used)
    assert f"The table {table} lacked the column {heading}; it was put back at its end." in outcome.notes
    assert not any("typed over" in note for note in outcome.notes)
    book = Book(Package.read(used))
    assert list(book.grids[table].columns)[-1] == heading
    if heading == "Status":
        assert [row["Status"] for row in rows_of(used, table)] == ["Synced"] * 3
        sheet = load_workbook(used)["Invoices"]
        place = letters(book.grids[table].area.right)
        assert any(str(area.sqref) == f"{place}5:{place}7" for area in sheet.conditional_formatting)
    check_whole(used)


def test_a_column_without_room_is_told(used: Path) -> None:
    """Where the accountant has something right of the table nothing is overwritten; it is told what to do."""
    drop_column(used, "Invoices", "Tries")
    book = load_workbook(used, keep_vba=True)
    book["Invoices"]["Z6"] = "mine"
    book.save(used)
    outcome = mend(used)
    assert any("lacks the column Tries, and there is no room" in note for note in outcome.notes)
    assert load_workbook(used)["Invoices"]["Z6"].value == "mine"


def test_a_deleted_do_column_comes_back(used: Path) -> None:
    """The column Do comes back with its drop-down, blank."""
    drop_column(used, "Invoices", "Do")
    mend(used)
    assert {row["Do"] for row in rows_of(used, "Invoices")} == {None}
    place = letters(Book(Package.read(used)).grids["Invoices"].columns["Do"])
    rules = load_workbook(used)["Invoices"].data_validations.dataValidation
    assert f"{place}5:{place}7" in {str(rule.sqref) for rule in rules}
    check_whole(used)


def test_a_deleted_name_comes_back(used: Path) -> None:
    """A name that was deleted stands for its cell again."""
    file = File(used)
    file.edit("xl/workbook.xml", lambda data: re.sub(r'<definedName name="AutoXeroMode">[^<]*</definedName>', "", data))
    file.save()
    assert "The name AutoXeroMode was missing; it was put back." in mend(used).notes
    check_whole(used)


@pytest.mark.parametrize("others", ["as shipped", "further right", "further right, unnamed"])
@pytest.mark.parametrize("name", layout.HIDDEN_CELLS)
def test_a_hidden_name_comes_back_to_its_own_cell(used: Path, name: str, others: str) -> None:
    """The cell under its heading, wherever that is; never another name's, for one would overwrite the other."""
    file, sheet = File(used), Book(Package.read(used)).sheets[layout.LISTS_SHEET]
    file.edit("xl/workbook.xml", lambda data: re.sub(
        rf'<definedName name="{name}"[^>]*>[^<]*</definedName>', "", data))  # fmt: skip
    if others != "as shipped":
        right = {old: chr(ord(old) + 1) for old in "KLMNO"}
        file.edit(sheet, lambda data: re.sub(r'r="([K-O])(\d+)"', lambda m: f'r="{right[m[1]]}{m[2]}"', data))
        file.edit("xl/workbook.xml", lambda data: re.sub(r"\$([K-O])\$2<", lambda m: f"${right[m[1]]}$2<", data))
    if others == "further right, unnamed":
        place = letters(layout.hidden_columns()[name] + 1)
        file.edit(sheet, lambda data: re.sub(rf'<c r="{place}1"[^>]*>.*?</c>', "", data))
    file.save()
    notes = mend(used, replace(FULL, names={"AutoXeroMode": "Live"})).notes
    assert notes == () or name == layout.LAYOUT_NAME, "nobody is told of a name that Excel does not show"
    cells = Book(Package.read(used)).named_cells
    found = [cells[hidden] for hidden in layout.HIDDEN_CELLS]
    assert len(set(found)) == len(found)
    assert read_layout(used) == layout.LAYOUT_VERSION
    if others != "further right, unnamed":
        assert cells[name] == (sheet, layout.hidden_columns()[name] + (others == "further right"), 2)
        assert read(used).workbook_id == "5e0c"
        check_whole(used)


def test_a_hidden_name_that_older_files_lack_is_not_told(used: Path) -> None:
    """Excel shows no such name, so nobody deleted it."""
    file = File(used)
    file.edit("xl/workbook.xml", lambda data: re.sub(
        rf'<definedName name="{layout.GO_TO["Help"]}"[^>]*>[^<]*</definedName>', "", data))  # fmt: skip
    file.save()
    assert mend(used).notes == ()
    check_whole(used)


def test_an_older_workbook_whose_lists_are_gone_is_brought_up_to_date(used: Path) -> None:
    """With the hidden sheet it lost the cell that says which layout it has: it counts as older."""
    project(used, Projection(names={layout.LAYOUT_NAME: "1", "AutoXeroMode": "Live"}))
    delete_sheet(used, layout.LISTS_SHEET)
    notes = mend(used).notes
    assert "brought up to the layout of this AutoXero: Dashboard, Help, Preview, Reconcile drawn anew" in notes[0]
    assert read_layout(used) == layout.LAYOUT_VERSION
    check_whole(used)


def test_deleted_cells_of_the_dashboard(used: Path) -> None:
    """When rows of the Dashboard were deleted it is drawn anew."""
    file = File(used)
    file.edit("xl/workbook.xml", lambda data: re.sub(r'(name="AutoXeroMode">)[^<]*', r"\1Dashboard!#REF!", data))
    file.save()
    assert "Cells of the Dashboard had been deleted; it was drawn anew." in mend(used).notes
    check_whole(used)


@pytest.mark.parametrize("how", ["deleted", "renamed"])
@pytest.mark.parametrize("name", ["Dashboard", "Help", "Reconcile", layout.LISTS_SHEET])
def test_names_of_a_sheet_that_is_not_there_are_lost(used: Path, name: str, how: str) -> None:
    """Other programs leave names behind that point to the old sheet: it is put back all the same, in one sentence."""
    book = load_workbook(used, keep_vba=True)
    if how == "deleted":
        del book[name]
    else:
        book[name].title = "Mine"
    book.save(used)
    notes = mend(used).notes
    assert len(notes) <= 3
    sheets = Book(Package.read(used)).sheets
    assert name in sheets or (name == "Reconcile" and "Mine" in sheets)
    names = Book(Package.read(used)).named_cells
    assert set(layout.NAMES) <= set(names)
    assert [note for note in notes if "of this AutoXero" in note] == [*notes[:1]] * (name == layout.LISTS_SHEET)
    assert mend(used) == Outcome(changed=False, notes=())
    assert [entry.value for entry in load_workbook(used)[layout.LISTS_SHEET]["A"]][:2] == ["Accounts", "200 · Sales"]


def test_a_copied_dashboard_is_a_snapshot(used: Path) -> None:
    """The copy has names of its own, called the same: the original is brought up to date, the copy stands still."""
    file = File(used)
    here = len(Book(Package.read(used)).sheet_items) - 1
    local = re.compile(r'<definedName name="(AutoXero\w+)">.?Dashboard.?!([^<]*)</definedName>')
    file.edit("xl/workbook.xml", lambda data: local.sub(
        rf'\g<0><definedName name="\1" localSheetId="{here}">Help!\2</definedName>', data))  # fmt: skip
    file.save()
    project(used, Projection(names={"AutoXeroMode": "Paused"}))
    book, names = load_workbook(used), Book(Package.read(used)).named_cells
    _, column, row = names["AutoXeroMode"]
    assert book["Dashboard"].cell(row, column).value == "Paused"
    assert book["Help"].cell(row, column).value != "Paused"


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("own", ["cell", "blank cell of ours", "comment", "chart"])
def test_what_was_added_to_a_sheet_that_is_drawn_anew_is_kept(used: Path, own: str, *, older: bool) -> None:
    """The workbook as it was is kept where no later backup takes its place, and the note says where."""
    book = load_workbook(used, keep_vba=True)
    sheet: Any = book["Dashboard"]
    if own == "cell":
        sheet["BA5"] = "our budget"
    elif own == "blank cell of ours":
        sheet["C9"] = "ask Jane first"
    elif own == "comment":
        sheet["B2"].comment = Comment("ask Jane", "me")
    elif own == "chart":
        sheet.add_chart(BarChart(), "BC5")
    book.save(used)
    file = File(used)
    if older:
        file.edit("xl/workbook.xml", lambda data: re.sub(
            r'<definedName name="AutoXeroLayout"[^>]*>[^<]*</definedName>', "", data))  # fmt: skip
    else:
        file.edit("xl/workbook.xml", lambda data: re.sub(r'(name="AutoXeroMode">)[^<]*', r"\1Dashboard!#REF!", data))
    file.save()
    before = used.read_bytes()
    told = [note for note in mend(used).notes if "If you had added anything to the sheet Dashboard" in note]
    copies = list((used.parent / "backups").glob("AutoXero (before *).xlsm"))
    assert len(told) == len(copies) == 1
    assert copies[0].read_bytes() == before
    assert f"kept as {copies[0]}. " in told[0]


def test_deleted_setting_rows_come_back(used: Path) -> None:
    """A setting whose row was deleted, or that is new, gets its row with its default and its drop-down."""
    row = next(item[1].row for item in load_workbook(used)["Settings"].iter_rows(min_row=5)
               if item[1].value == "Sync mode")  # fmt: skip
    book = load_workbook(used, keep_vba=True)
    for column in "BCD":
        book["Settings"][f"{column}{row}"] = None
    book.save(used)
    outcome = mend(used)
    assert any("The setting Sync mode had no row; it was added with its default." in note for note in outcome.notes)
    found = next(row for row in rows_of(used, "Settings") if row["Setting"] == "Sync mode")
    assert found["Value"] == "Preview"
    assert found["What it does"]
    assert mend(used).notes == ()


def test_choices_that_excel_splits_get_their_list(used: Path) -> None:
    """As an older version wrote them: into the rule itself, commas and all, and no hidden list."""
    file, book = File(used), Book(Package.read(used))
    (name,) = CHOICE_LISTS
    choices = CHOICE_LISTS[name]
    file.edit(book.sheets["Settings"], lambda data: data.replace(f"List_{name}<", f'"{",".join(choices)}"<'))
    file.edit(
        "xl/workbook.xml", lambda data: re.sub(rf'<definedName name="List_{name}"[^>]*>[^<]*</definedName>', "", data)
    )
    file.edit(book.sheets[layout.LISTS_SHEET], lambda data: re.sub(r'<c r="Q\d+"[^>]*>.*?</c>', "", data))
    file.save()
    (note,) = mend(used).notes
    assert "Settings offered what cannot be chosen" in note, "of a list that was not there yet nobody is told"
    sheets = load_workbook(used)
    rules = sheets["Settings"].data_validations.dataValidation
    assert [rule.formula1 for rule in rules].count(f"List_{name}") == 1
    assert tuple(cell.value for cell in sheets[layout.LISTS_SHEET]["Q"][:4]) == (name, *choices)
    check_whole(used)


def test_copied_rows(used: Path) -> None:
    """A row copied by hand: the first one counts, the copy keeps what the accountant typed and loses what is ours."""
    book = load_workbook(used, keep_vba=True)
    sheet = book["Invoices"]
    for column, cell in enumerate(sheet[5], 1):
        sheet.cell(6, column).value = cell.value
    sheet["AB6"] = "beside the table"
    book.save(used)
    outcome = mend(used)
    assert any("row 6" in note and "copy" in note for note in outcome.notes)
    rows = rows_of(used, "Invoices")
    assert [row["Autotask id"] for row in rows] == [1, None, 3, 2]
    assert rows[1]["Status"] is None
    assert load_workbook(used)["Invoices"]["AB6"].value == "beside the table"
    check_whole(used, faults=_OF_OPENPYXL)


def test_rows_deleted_and_pasted_over(used: Path) -> None:
    """Rows that are gone come back at the end, keys that were cleared where they stand, cells that were pasted over."""
    book = load_workbook(used, keep_vba=True)
    sheet = book["Invoices"]
    for cell in sheet[5]:
        cell.value = None
    sheet["B7"], sheet["O7"], sheet["D7"], sheet["Z6"] = "Paid, I think", "=1+1", 5, None
    book.save(used)
    notes = mend(used).notes
    assert any("1 row had lost its Autotask id" in note and "(T2)" in note for note in notes)
    assert "Invoices: 3 cells that were typed over were put right (Status of T3, Number of T3, Total of T3)." in notes
    rows = [row for row in rows_of(used, "Invoices") if row["Autotask id"]]
    assert [row["Autotask id"] for row in rows] == [2, 3, 1]
    assert [(row["Status"], row["Total"], row["Number"]) for row in rows][1] == ("Synced", 3, "T3")
    check_whole(used, faults=_OF_OPENPYXL)


def as_version_1(path: Path) -> None:
    """Make of today's workbook one of the first layout: fewer columns, tables, settings and names."""
    book = Book(Package.read(path))
    for heading in ("Paid on", "Outstanding"):
        drop_column(path, "Invoices", heading)
    file = File(path)
    kept = re.compile(
        r'<definedName name="AutoXero(?!Mode|LastSeen|Workbook|Inbox|NextStep)\w+"[^>]*>[^<]*</definedName>'
    )
    file.edit("xl/workbook.xml", lambda data: kept.sub("", data))
    grid = book.grids["TrackingMap"]
    (key,) = (key for key, _, target in book.relations(grid.sheet) if target == grid.part)
    del file.parts[grid.part]
    file.edit("[Content_Types].xml", lambda data: re.sub(rf'<Override PartName="/{grid.part}"[^>]*/>', "", data))
    file.edit(grid.sheet, lambda data: data.replace(f'<tablePart r:id="{key}"/>', ""))
    file.edit(grid.sheet, lambda data: re.sub(
        r'<c r="(W|X|Y|Z|AA|AB)\d+"[^>]*?(?:/>|>.*?</c>)', "", data))  # fmt: skip
    file.edit(re.sub(r"([^/]+)$", r"_rels/\1.rels", grid.sheet), lambda data: re.sub(
        rf'<Relationship Id="{key}"[^>]*/>', "", data))  # fmt: skip
    file.save()


def test_an_older_layout_is_brought_up_to_date(used: Path, convert: Convert) -> None:  # noqa: F811
    """A file of the first layout gets what is new, in place, and keeps what was typed."""
    as_version_1(used)
    outcome = mend(used)
    assert any("brought up to the layout of this AutoXero: Dashboard, " in note for note in outcome.notes)
    reading = read(used)
    assert (reading.settings.start_date, reading.settings.mail_port) == (START, 2525)
    assert reading.mappings.account("Support", "Labor") == "200 · Sales"
    assert [wish.verb for wish in reading.wishes] == ["Resync"]
    assert reading.workbook_id == "5e0c"
    assert [row["Autotask id"] for row in rows_of(used, "Invoices")] == [1, 2, 3]
    check_whole(used)
    assert set(layout.TABLES) <= grid_names(convert(used, "xlsx"))


def test_a_deleted_sheet_opens_in_a_spreadsheet_program(used: Path, convert: Convert) -> None:  # noqa: F811
    """A workbook with sheets put back opens, and its Dashboard calculates to what we stored."""
    for name in ("Dashboard", "Invoices", "Mappings"):
        delete_sheet(used, name)
    mend(used)
    check_whole(used)
    assert set(layout.TABLES) <= grid_names(convert(used, "xlsx"))


WRECKS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _data: b"",
    "text": lambda _data: b"this is no workbook",
    "cut short": lambda data: data[: len(data) // 2],
    "flipped": lambda data: data[:30_000] + bytes([data[30_000] ^ 0xFF]) + data[30_001:],
}


@pytest.mark.parametrize("wreck", [*WRECKS, "missing part"])
def test_a_wrecked_file_is_kept_aside_and_made_anew(used: Path, wreck: str) -> None:
    """What cannot be read is kept under another name; the newest good backup takes its place."""
    if wreck == "missing part":
        file = File(used)
        del file.parts["xl/workbook.xml"]
        file.save()
    else:
        used.write_bytes(WRECKS[wreck](used.read_bytes()))
    wrecked = used.read_bytes()
    (used.parent / "backups" / "AutoXero-29990101T000000000000Z.xlsm").write_bytes(b"a backup that is no good either")
    note = restore(used, template(), used.parent / "backups")
    assert "kept as AutoXero (damaged " in note
    assert "made anew from the backup of" in note
    (aside,) = used.parent.glob("AutoXero (damaged *).xlsm")
    assert aside.read_bytes() == wrecked
    assert read(used).settings.mail_port == 2525
    check_whole(used)


def test_what_cannot_be_read_is_revived(used: Path) -> None:
    """The settings are read before anything is shown: one call makes them readable again, whatever happened."""
    delete_sheet(used, "Settings")
    with pytest.raises(NotAWorkbookError, match="Settings is missing"):
        read(used)
    assert len(revive(used, template(), used.parent / "backups")) == 2
    assert read(used).settings.mail_port == 2525
    used.write_bytes(b"")
    (note,) = revive(used, template(), used.parent / "backups")
    assert "kept as" in note
    assert read(used).settings.mail_port == 2525
    assert revive(used, template(), used.parent / "backups") == ()


def test_a_second_wreck_of_a_day_is_kept_too(used: Path) -> None:
    for text in (b"first", b"second"):
        used.write_bytes(text)
        restore(used, template(), used.parent / "backups")
    assert {path.read_bytes() for path in used.parent.glob("AutoXero (damaged *).xlsm")} == {b"first", b"second"}


def test_a_missing_file_is_made_anew(used: Path) -> None:
    """A file that is gone comes from the newest backup; without one it is a fresh one, and nothing is sent."""
    used.unlink()
    assert "was gone. It was made anew from the backup of" in restore(used, template(), used.parent / "backups")
    assert read(used).settings.start_date == START
    used.unlink()
    shutil.rmtree(used.parent / "backups")
    (note,) = revive(used, template(), used.parent / "backups")
    assert "A new one was made. Look through Settings and Mappings; nothing is sent while the Start date is" in note
    assert [problem.where for problem in read(used).problems] == ["Start date"]
    assert sorted(path.name for path in used.parent.iterdir()) == ["AutoXero.xlsm"]


def test_a_whole_file_is_not_restored(used: Path) -> None:
    """A workbook that is whole is left alone, be it ours or another's."""
    before = used.read_bytes()
    assert restore(used, template(), used.parent / "backups") == ""
    assert used.read_bytes() == before
    import xlsxwriter

    other = used.with_name("Budget.xlsx")
    with xlsxwriter.Workbook(other) as book:
        book.add_worksheet()
    assert restore(other, template(), used.parent / "backups") == ""


def test_a_folder_that_is_not_there_is_no_missing_file(used: Path) -> None:
    """A drive that is not connected is told; no file is made in its place."""
    with pytest.raises(NotAWorkbookError, match="cannot be reached"):
        restore(used.parent / "gone" / "AutoXero.xlsm", template(), used.parent / "backups")


def test_an_open_wreck_waits(used: Path) -> None:
    """A file that another program is just writing is not set aside."""
    used.write_bytes(b"half")
    used.with_name(".~lock.AutoXero.xlsm#").write_text(",jane,other-host,now,x;")
    with pytest.raises(InUseError):
        restore(used, template(), used.parent / "backups")
    assert used.read_bytes() == b"half"


def test_a_real_run_after_a_repair(practice: Practice) -> None:
    """After sheets were deleted and put back the agent reads the workbook and goes on as before."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    delete_sheet(practice.workbook, "Invoices")
    project(practice.workbook, Projection(), template=template(), backups=practice.home / "workbook-backups")
    practice.world.invoice("Kauri Legal", [support("3")])
    assert practice.sync().created == 1
    assert len(practice.table("Invoices")) == 2


def test_zip_is_sound(used: Path) -> None:
    """After every kind of repair the zip itself is whole for other readers."""
    delete_sheet(used, "Reconcile")
    drop_column(used, "Invoices", "Due")
    mend(used)
    with zipfile.ZipFile(used) as file:
        assert file.testzip() is None
        assert len(file.namelist()) == len(set(file.namelist()))


def test_a_deleted_settings_sheet_comes_back_with_its_values(practice: Practice) -> None:
    """Through a whole sync: the run goes on with the values of the newest backup, and says what it did."""
    first = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    delete_sheet(practice.workbook, "Settings")
    second = practice.world.invoice("Kauri Legal", [support("3")])
    practice.sync()
    assert {practice.rows()[key]["status"] for key in (first, second)} == {"Synced"}
    assert any("Settings" in str(row["Detail"]) for row in practice.table("Log") if "AX-502" in str(row["Event"]))


LOST: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: path.unlink(),
    "wrecked": lambda path: path.write_bytes(b""),
    "Settings deleted": lambda path: delete_sheet(path, "Settings"),
}


@pytest.mark.parametrize("backup", ["with backups", "without"])
@pytest.mark.parametrize("how", LOST)
def test_what_is_made_anew_has_what_was_typed_last(practice: Practice, how: str, backup: str) -> None:
    """No run between typing and the loss wrote the file, so no backup has it; no money goes out by an older setting."""
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    for _ in range(2):
        practice.world.invoice("Kauri Legal", [support()])
        practice.sync()
    practice.type_settings({"Hold invoices dated on or before": "2099-01-01", "Rounding line up to": Decimal("0.07")})
    practice.map("AccountMap", "Xero account", ("Remote Support", ""), "260")
    project(practice.workbook, Projection(edits={"AccountMap": {("Drone Survey", "Labor"): {"Xero account": None}}}))
    saved = read(practice.workbook)
    practice.sync()
    LOST[how](practice.workbook)
    if backup == "without":
        shutil.rmtree(practice.home / "workbook-backups")
    held = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    assert practice.rows()[held]["status"] == "Waiting"
    now = read(practice.workbook)
    assert now.settings == saved.settings
    assert set(now.mappings.accounts) == set(saved.mappings.accounts)
    told = " ".join(str(row["Detail"]) for row in practice.table("Log") if "AX-502" in row["Event"])
    assert "as the agent last read" in told


def test_a_target_column_that_was_deleted_comes_back_with_what_was_chosen(practice: Practice) -> None:
    """Blank it would say that nothing is mapped, and the money would go to the default account."""
    practice.type_settings({"Unmapped billing code": "Use default", "Default sales account": "260"})
    for _ in range(2):
        practice.world.invoice("Kauri Legal", [support()])
        practice.sync()
    saved = read(practice.workbook)
    drop_column(practice.workbook, "AccountMap", "Xero account")
    practice.world.invoice("Kauri Legal", [support()])
    with pytest.raises(PlainError, match="the agent puts it back at the table's right end"):
        practice.sync()
    assert set(read(practice.workbook).mappings.accounts) == set(saved.mappings.accounts)
    assert practice.sync().created == 1
    assert {line.account_code for document in practice.cloud.xero.documents() for line in document.lines} == {"200"}
    told = " ".join(str(row["Detail"]) for row in practice.table("Log") if "AX-502" in row["Event"])
    assert "What you had typed in AccountMap under Xero account was put back as the agent last read it." in told


def test_a_row_that_was_deleted_with_the_column_stays_away(used: Path) -> None:
    """Only rows that still stand there get their targets back."""
    project(used, Projection(edits={"AccountMap": {("Rack", "Unit"): {"Xero account": "260 · Other"}}}))
    known = read(used).typed
    part = Book(Package.read(used)).grids["AccountMap"].sheet
    file = File(used)
    file.edit(part, lambda data: data.replace("Support<", "<").replace("Labor<", "<"))
    file.save()
    drop_column(used, "AccountMap", "Xero account")
    project(used, Projection(), template=template(), known=known)
    assert [(row.billing_code, row.account) for row in read(used).mappings.accounts] == [("Rack", "260 · Other")]


@pytest.mark.parametrize("how", ["gone", "Settings deleted"])
def test_dates_of_1904_come_back_as_the_same_days(practice: Practice, how: str) -> None:
    """The template counts its days from 1900: four years earlier old invoices would be sent."""
    file = File(practice.workbook)
    file.edit("xl/workbook.xml", lambda data: data.replace("<workbookPr", '<workbookPr date1904="1"'))
    file.save()
    practice.type_settings({"Start date": practice.world.start})
    for _ in range(2):
        practice.world.invoice("Kauri Legal", [support()])
        practice.sync()
    shutil.rmtree(practice.home / "workbook-backups")
    LOST[how](practice.workbook)
    practice.sync()
    assert read(practice.workbook).settings.start_date == practice.world.start


def test_a_number_too_high_for_a_date_is_remembered_as_it_is(practice: Practice) -> None:
    """Whoever reads it says what is wrong with it."""
    practice.type_settings({"Start date": 10**12})
    typed = practice.desk().reading.typed
    assert typed["Settings"]["Start date",] == {"Value": 10**12}
    assert from_json(to_json(typed)) == typed


def test_a_workbook_with_a_password_is_left_alone(practice: Practice) -> None:
    """Excel puts an encrypted workbook into another container: it is whole, and no other takes its place."""
    for _ in range(2):
        practice.world.invoice("Kauri Legal", [support()])
        practice.sync()
    encrypted = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(4096) + "EncryptedPackage".encode("utf-16-le")
    practice.workbook.write_bytes(encrypted)
    practice.world.invoice("Kauri Legal", [support()])
    with pytest.raises(PlainError, match="opens with a password only"):
        practice.sync()
    assert practice.workbook.read_bytes() == encrypted
    assert len(practice.cloud.xero.documents()) == 2
    with pytest.raises(PasswordError):
        restore(practice.workbook, template(), practice.home / "workbook-backups")
