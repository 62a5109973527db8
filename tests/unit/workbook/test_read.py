"""Reading: what people typed is understood, and everything wrong is told at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook

from agent.domain.labels import account_code, account_label, tax_rate_label, tax_type
from agent.domain.settings import Settings
from workbook.book import Book
from workbook.errors import NotAWorkbookError
from workbook.package import Package
from workbook.project import Projection, Row, project
from workbook.read import Wish, read

Edit = Callable[[str, Callable[[bytes], bytes]], None]


def typed(path: Path, *cells: tuple[str, str, str | float | date | None]) -> None:
    """Type into cells and save, as another program would: with shared strings and its own styles."""
    book = load_workbook(path, keep_vba=True)
    for sheet, place, value in cells:
        book[sheet][place] = value
    book.save(path)


def setting_row(path: Path, name: str) -> int:
    sheet = load_workbook(path)["Settings"]
    return next(row[1].row for row in sheet.iter_rows(min_row=5) if row[1].value == name)


def test_fresh(fresh: Path) -> None:
    """A fresh workbook has all defaults and one problem: the start date."""
    reading = read(fresh)
    assert reading.settings == Settings()
    assert [problem.where for problem in reading.problems] == ["Start date"]
    assert reading.wishes == ()
    assert reading.workbook_id == ""
    assert len(reading.digest) == 64


def test_typed_settings(fresh: Path) -> None:
    """Dates, numbers, words in any case and numbers typed as text are all read."""
    rows = {name: setting_row(fresh, name) for name in
            ("Start date", "Sync every (minutes)", "Sync mode", "Rounding line up to", "Rounding account")}  # fmt: skip
    typed(
        fresh,
        ("Settings", f"C{rows['Start date']}", date(2026, 9, 1)),
        ("Settings", f"C{rows['Sync every (minutes)']}", "30"),
        ("Settings", f"C{rows['Sync mode']}", " live "),
        ("Settings", f"C{rows['Rounding line up to']}", 0.1),
        ("Settings", f"C{rows['Rounding account']}", 860),
    )
    reading = read(fresh)
    assert reading.problems == ()
    settings = reading.settings
    assert (settings.start_date, settings.sync_every, settings.sync_mode) == (date(2026, 9, 1), 30, "Live")
    assert (settings.rounding_up_to, settings.rounding_account) == (Decimal("0.1"), "860")


def test_all_problems_at_once(fresh: Path) -> None:
    """Error values, nonsense, duplicates and nameless rows are all told in one go, each with its place."""
    start = setting_row(fresh, "Start date")
    typed(
        fresh,
        ("Settings", f"C{start}", "#REF!"),
        ("Settings", f"C{setting_row(fresh, 'Mail port')}", True),
        ("Settings", f"C{setting_row(fresh, 'Paused')}", "maybe"),
        ("Settings", f"B{setting_row(fresh, 'Log rows to show')}", "Mail user"),
        ("Settings", f"B{setting_row(fresh, 'Zero lines')}", None),
    )
    told = {problem.where: problem.message for problem in read(fresh).problems}
    assert set(told) == {"Start date", "Mail port", "Paused", "Mail user", "Settings"}
    assert "#REF!" in told["Start date"]
    assert "date such as" in told["Start date"]
    assert "twice" in told["Mail user"]


def test_a_missing_setting_takes_its_default(fresh: Path) -> None:
    """A setting without a row is no problem."""
    row = setting_row(fresh, "Mail server")
    typed(fresh, ("Settings", f"B{row}", None), ("Settings", f"C{row}", None))
    assert read(fresh).settings.mail_server == ""


def test_formulas_with_results_are_fine(fresh: Path, edit: Edit) -> None:
    """A formula is as good as its stored result."""
    row = setting_row(fresh, "Sync every (minutes)")
    part = "xl/worksheets/sheet7.xml"

    def formula(data: bytes) -> bytes:
        start = data.index(b'<c r="C%d"' % row)
        end = data.index(b"</c>", start) + 4
        return data[:start] + b'<c r="C%d"><f>6*5</f><v>30</v></c>' % row + data[end:]

    edit(part, formula)
    assert read(fresh).settings.sync_every == 30


def hold(path: Path, edit: Edit, sheet: str, cell: str, formula: str) -> None:
    """Let a cell hold this formula, with the result or without, as the file has it."""
    found = re.compile(rf'<c r="{cell}"[^>]*?(?:/>|>.*?</c>)'.encode())
    edit(Book(Package.read(path)).sheets[sheet], lambda data: found.sub(formula.encode(), data, count=1))


@pytest.mark.parametrize("result", ["", "<v></v>", "<v/>"])
def test_a_formula_without_a_result_is_no_blank_cell(fresh: Path, edit: Edit, result: str) -> None:
    """Programs that do not calculate leave it out: what it comes to is not known, and money must not go by it."""
    typed(fresh, ("Mappings", "A5", "Support"), ("Mappings", "B5", "Labor"), ("Mappings", "C5", "200"))
    day = f"C{setting_row(fresh, 'Hold invoices dated on or before')}"
    for sheet, cell in (("Settings", day), ("Mappings", "C5")):
        hold(fresh, edit, sheet, cell, f'<c r="{cell}"><f>1+1</f>{result}</c>')
    reading = read(fresh)
    told = {problem.where: problem.message for problem in reading.problems}
    for where in ("Hold invoices dated on or before", "AccountMap: Support · Labor"):
        assert "holds a formula without a result. Open the workbook in Excel and save it, or type" in told[where]
    assert reading.mappings.accounts == ()


def test_a_formula_whose_result_is_blank_is_a_blank_cell(fresh: Path, edit: Edit) -> None:
    cell = f"C{setting_row(fresh, 'Mail server')}"
    hold(fresh, edit, "Settings", cell, f'<c r="{cell}" t="str"><f>""</f><v></v></c>')
    assert "Mail server" not in {problem.where for problem in read(fresh).problems}


def test_mappings_take_labels_and_codes(fresh: Path) -> None:
    """What is read is what was typed, label or code: Xero's names tell which; rows without a target are left out."""
    typed(
        fresh,
        ("Mappings", "A5", "Managed services"), ("Mappings", "B5", "Labor"), ("Mappings", "C5", "200 · Sales"),
        ("Mappings", "H5", "NZ"), ("Mappings", "I5", "Standard"), ("Mappings", "J5", "15% GST on Income (OUTPUT2)"),
        ("Mappings", "O5", "Kauri"), ("Mappings", "P5", 1001), ("Mappings", "Q5", "Kauri Ltd"),
        ("Mappings", "W5", "Hardware"), ("Mappings", "X5", None),
    )  # fmt: skip
    mappings = read(fresh).mappings
    assert mappings.account("managed services", "Labor") == "200 · Sales"
    assert mappings.tax_rate("NZ", "Standard") == "15% GST on Income (OUTPUT2)"
    contact = mappings.contact(1001)
    assert contact is not None
    assert (contact.company, contact.contact, contact.contact_id) == ("Kauri", "Kauri Ltd", "")
    assert mappings.tracking == ()


def test_mapping_problems(fresh: Path) -> None:
    """Wrong mapping rows are named by table and key, and the good ones still count."""
    project(
        fresh,
        Projection(
            edits={
                "AccountMap": {
                    ("A", "x"): {"Xero account": "200"},
                    ("B", ""): {"Xero account": "201"},
                    ("C", ""): {"Xero account": "202"},
                },
                "ContactMap": {("abc",): {"Xero contact": "Somebody"}},
                "TrackingMap": {("A", ""): {"Tracking category": "Region"}},
            }
        ),
    )
    typed(fresh, ("Mappings", "A6", "a"), ("Mappings", "B6", "X"), ("Mappings", "C7", "#N/A"))
    reading = read(fresh)
    told = {problem.where: problem for problem in reading.problems}
    assert "twice" in told["AccountMap: A · x"].message
    assert "#N/A" in told["AccountMap: C"].message
    assert "not a number" in told["ContactMap: abc"].message
    assert "both" in told["TrackingMap: A"].message
    assert (told["AccountMap: A · x"].table, told["AccountMap: A · x"].key) == ("AccountMap", ("A", "x"))
    assert told["ContactMap: abc"].key == ("abc",)
    assert {problem.stops for problem in reading.problems} == {"everything"}
    assert reading.mappings.accounts == ()  # of the twins neither counts: nobody can say which was meant


def test_a_row_without_a_key_of_its_own_is_told_by_its_place(fresh: Path) -> None:
    accounts: dict[tuple[str, ...], Row] = {(code, ""): {"Xero account": "200"} for code in "ABC"}
    contacts: dict[tuple[str, ...], Row] = {(company,): {"Xero contact": "Kauri"} for company in "12"}
    project(fresh, Projection(edits={"AccountMap": accounts, "ContactMap": contacts}))
    typed(
        fresh,
        ("Mappings", "A6", None), ("Mappings", "B6", "Labor"),
        ("Mappings", "A7", "#REF!"), ("Mappings", "P6", None),
    )  # fmt: skip
    told = {problem.where: (problem.message, problem.key) for problem in read(fresh).problems}
    assert "no “Billing code”" in told["AccountMap: row 6"][0]
    assert told["AccountMap: row 6"][1] == ("", "Labor")
    assert "“Billing code” shows #REF!" in told["AccountMap: row 7"][0]
    assert told["AccountMap: row 7"][1] == ()
    assert "no “Company id”" in told["ContactMap: row 6"][0]


@pytest.mark.parametrize("company", ["\u00b2", "12a", "9" * 5000, "-7", "1.5"])
def test_what_is_no_company_id_is_told(fresh: Path, company: str) -> None:
    typed(fresh, ("Mappings", "P5", company), ("Mappings", "Q5", "Kauri Ltd"), ("Invoices", "A5", "Resync"),
          ("Invoices", "Z5", company))  # fmt: skip
    reading = read(fresh)
    assert any("not a number" in problem.message for problem in reading.problems)
    assert (reading.mappings.contacts, reading.wishes) == ((), ())


def test_rows_that_show_a_problem_are_known(fresh: Path) -> None:
    """So that it can be taken away when it is mended, and no row that was deleted is made anew."""
    rows = [{"Billing code": "A", "Line type": "x", "Problem": "old"}]
    project(fresh, Projection({"Settings": [{"Setting": "Mail port", "Problem": "old"}], "AccountMap": rows}))
    assert set(read(fresh).told) == {("Settings", ("Mail port",)), ("AccountMap", ("A", "x"))}


def test_wishes(fresh: Path) -> None:
    """Do is read from Invoices and Faults, in any case; what cannot be is told, and stops nothing."""
    rows = [{"Number": f"N{number}", "Autotask id": number} for number in (7, 8, 9)]
    project(fresh, Projection({"Invoices": rows, "Faults": rows_of_faults(7, 8)}))
    typed(fresh, ("Invoices", "A5", "Resync"), ("Invoices", "A6", "never SEND"), ("Invoices", "A7", "Delete"),
          ("Faults", "A5", "Resync"), ("Faults", "A6", "Send now"))  # fmt: skip
    reading = read(fresh)
    assert reading.wishes == (Wish(7, "Resync"),)  # of two choices for one invoice neither counts
    told = {problem.where: problem for problem in reading.problems if problem.where != "Start date"}
    assert "Delete" in told["Invoices, column Do: Autotask id 9"].message
    assert told["Invoices, column Do: Autotask id 9"].key == ("9",)
    assert "both" in told["Faults: 8"].message
    assert {problem.stops for problem in told.values()} == {"nothing"}


def rows_of_faults(*ids: int) -> list[dict[str, int | str]]:
    return [{"Code": "AX-106", "Autotask id": number} for number in ids]


def test_a_missing_table_is_no_workbook(fresh: Path, edit: Edit) -> None:
    """Without its Settings table the file cannot steer anything."""
    edit("xl/tables/table13.xml", lambda data: re.sub(rb'ame="', b'ame="My', data))
    with pytest.raises(NotAWorkbookError, match="table Settings is missing"):
        read(fresh)


def test_a_renamed_column_is_a_problem(fresh: Path, edit: Edit) -> None:
    """A column that is gone, with another in its place, is told by the name it should have."""
    edit("xl/tables/table13.xml", lambda data: re.sub(rb'id="\d+" name="Value"', b'id="99" name="Mine"', data))
    told = [problem for problem in read(fresh).problems if problem.where == "Settings"]
    assert "Value" in told[0].message


def test_workbook_id(fresh: Path) -> None:
    """The hidden name says which workbook it is."""
    project(fresh, Projection(names={"AutoXeroWorkbook": "5e0c"}))
    assert read(fresh).workbook_id == "5e0c"


@pytest.mark.parametrize(
    ("label", "code"),
    [(account_label("200", "Sales · NZ"), "200"), ("200", "200"), ("Hardware (SALES)", "Hardware (SALES)"), ("", "")],
)
def test_codes(label: str, code: str) -> None:
    """An account's label gives its code; everything else, a name with brackets too, is left as it is."""
    assert account_code(label) == code


@pytest.mark.parametrize(
    ("label", "code"),
    [(tax_rate_label("TAX001", "GST (15%)"), "TAX001"), ("Zero Rated", "Zero Rated"), ("GST (15%)", "GST (15%)"),
     ("(no tax)", "(no tax)"), ("5 · Levy", "5 · Levy")],
)  # fmt: skip
def test_tax_types(label: str, code: str) -> None:
    """A tax rate's label gives its TaxType; everything else is left as it is."""
    assert tax_type(label) == code
