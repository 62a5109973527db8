"""Formulas: our links are ours, the accountant's stay theirs, and the list of formula cells fits or goes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.formula import Tokenizer
from openxml_audit import OpenXmlValidator

from tests.torture import own_column
from workbook.cells import Link, clean, formula_of, has_formula, make, shows, value_of
from workbook.package import Package
from workbook.project import Projection, Row, project
from workbook.splice import formula_places

INVOICES = "xl/worksheets/sheet2.xml"
LOG = "xl/worksheets/sheet8.xml"
URL = "https://go.xero.com/app/!x1/invoicing/edit/7?a=1&b=2"
_CHAIN = "xl/calcChain.xml"
_CHAIN_KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/calcChain"
_CHAIN_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.calcChain+xml"


def chain(path: Path, entries: str) -> None:
    """Give the file the list of formula cells that Excel writes at its saves."""
    package = Package.read(path)
    text = f'<calcChain xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{entries}</calcChain>'
    package.add(_CHAIN, text.encode())
    for part, end, item in (
        ("xl/_rels/workbook.xml.rels", "</Relationships>",
         f'<Relationship Id="rIdC" Type="{_CHAIN_KIND}" Target="calcChain.xml"/>'),
        ("[Content_Types].xml", "</Types>", f'<Override PartName="/{_CHAIN}" ContentType="{_CHAIN_TYPE}"/>'),
    ):  # fmt: skip
        package.replace(part, package.part(part).replace(end.encode(), (item + end).encode()))
    package.save(path, package.digest)


def calculates_on_load(path: Path) -> bool:
    return b'fullCalcOnLoad="1"' in Package.read(path).part("xl/workbook.xml")


def row(number: int, text: str, url: str = URL) -> Row:
    return {"Xero number": Link(text, url), "Autotask id": number}


def shown(path: Path, place: str) -> object:
    return load_workbook(path, data_only=True)["Invoices"][place].value


def test_links_arrive(fresh: Path) -> None:
    """A link shows its text to every reader, opens its address, and asks no program to calculate."""
    text = 'INV-1 "<&>" _x0041_'
    project(fresh, Projection({"Invoices": [row(1, text)]}))
    assert value_of(re.findall(rb'<c r="E5".*?</c>', Package.read(fresh).part(INVOICES))[0], str) == text
    assert shown(fresh, "E5") == text.replace("_x", "_x005F_x")  # openpyxl leaves the escape as it is
    formula = str(load_workbook(fresh)["Invoices"]["E5"].value)
    assert formula.replace("_x005F_x", "_x") == f'=HYPERLINK("{URL}","INV-1 ""<&>"" _x0041_")'
    assert not calculates_on_load(fresh)
    assert [str(error) for error in OpenXmlValidator().validate(fresh).errors] == []


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_link_comes_back(text: str, url: str) -> None:
    """Whatever its texts, the cell shows the text and is known again; what fits no formula is plain text."""
    raw = make(b"E5", b"3", Link(text, url))
    assert (value_of(raw, str) or "") == clean(text)
    assert shows(raw, Link(text, url), str)
    if has_formula(raw):
        kinds = [(item.type, item.value) for item in Tokenizer("=" + formula_of(raw)).items]
        assert [kind for kind, _ in kinds] == ["FUNC", "OPERAND", "SEP", "OPERAND", "FUNC"]
        quoted = [value[1:-1].replace('""', '"') for kind, value in kinds if kind == "OPERAND"]
        assert quoted == [clean(url), clean(text)]
        assert max(map(len, quoted)) <= 255
        assert not shows(raw, Link(text, url + "x"), str)
        assert not shows(raw, Link(text + "x", url), str)


def test_long_links_are_plain_text(fresh: Path) -> None:
    """Excel refuses a formula with a longer text than 255: such a link is shown without its address."""
    project(fresh, Projection({"Invoices": [row(1, "x" * 256), row(2, "short", URL + "y" * 255)]}))
    assert (shown(fresh, "E5"), shown(fresh, "E6")) == ("x" * 256, "short")
    assert b"HYPERLINK" not in Package.read(fresh).part(INVOICES)


def test_the_same_link_is_no_change(fresh: Path) -> None:
    """A link that stands there already is not written again, not even where another program wrote it."""
    projection = Projection({"Invoices": [row(1, "A"), row(2, "B")]})
    project(fresh, projection)
    assert not project(fresh, projection).changed
    package = Package.read(fresh)
    package.replace(INVOICES, package.part(INVOICES).replace(b'"A"', b"&quot;A&quot;").replace(b"<f>", b'<f aca="0">'))
    package.save(fresh, package.digest)
    assert not project(fresh, projection).changed


@pytest.mark.parametrize("other", [row(1, "A", URL + "3"), row(1, "B"), {"Xero number": "A", "Autotask id": 1}])
def test_another_link_is_a_change(fresh: Path, other: Row) -> None:
    """Another text, another address, or no address any more: the cell is written, and nothing is told of it."""
    project(fresh, Projection({"Invoices": [row(1, "A")]}))
    outcome = project(fresh, Projection({"Invoices": [other]}))
    assert outcome.changed
    assert outcome.notes == ()
    assert shown(fresh, "E5") == str(other["Xero number"])
    assert not project(fresh, Projection({"Invoices": [other]})).changed


def test_links_in_the_list_of_formulas_are_ours(fresh: Path) -> None:
    """After a save by Excel its list of formula cells names our links: they are no reason to calculate all anew."""
    project(fresh, Projection({"Invoices": [row(1, "A"), row(2, "B")]}))
    chain(fresh, '<c r="G16" i="1"/><c r="E5" i="2"/><c r="E6"/>')
    project(fresh, Projection({"Invoices": [row(1, "C"), row(2, "B")]}))
    assert Package.read(fresh).has(_CHAIN)
    assert not calculates_on_load(fresh)


@pytest.mark.parametrize("place", ['<c r="L9" i="3"/>', '<c r="A5" i="2"/>', '<c r="E9" i="2"/>', '<c r="E5" i="9"/>'])
def test_the_accountants_formulas_are_calculated(fresh: Path, place: str) -> None:
    """A formula in a column of theirs, under a table or on another sheet is calculated at the next opening."""
    project(fresh, Projection({"Invoices": [row(1, "A"), row(2, "B")]}))
    chain(fresh, '<c r="G16" i="1"/><c r="E5" i="2"/>' + place)
    project(fresh, Projection({"Invoices": [row(1, "C"), row(2, "B")]}))
    assert calculates_on_load(fresh)


@pytest.mark.parametrize(
    ("part", "place"),
    [("xl/worksheets/sheet9.xml", "J3"), (INVOICES, "L2"), (INVOICES, "AC5"), (INVOICES, "A5"), (LOG, "K4")],
)
def test_without_a_list_the_sheets_tell_of_the_accountants_formulas(fresh: Path, part: str, place: str) -> None:
    """LibreOffice saves no list of formula cells: theirs are found wherever they stand."""
    project(fresh, Projection({"Invoices": [row(1, "A"), row(2, "B")]}))
    assert not Package.read(fresh).has(_CHAIN)
    package = Package.read(fresh)
    cell = b'<c r="%b"><f aca="false">COUNTIF(Invoices[Status],"Synced")</f><v>0</v></c></row>' % place.encode()
    number = re.sub(r"[A-Z]", "", place).encode()
    data = re.sub(rb'(<row r="%b"[^>]*)/>' % number, rb"\1></row>", package.part(part))
    package.replace(part, re.sub(rb'(<row r="%b".*?)</row>' % number, rb"\1" + cell, data, count=1, flags=re.DOTALL))
    assert package.part(part) != Package.read(fresh).part(part)
    package.save(fresh, package.digest)
    project(fresh, Projection({"Invoices": [row(1, "C"), row(2, "B")]}))
    assert calculates_on_load(fresh)


def test_formulas_are_found_where_pieces_end_amid_them() -> None:
    """A sheet comes in pieces, which may part a cell anywhere."""
    data = b'<row r="7"><c r="AB7" s="1"><f>A1</f><v>1</v></c><c r="C7"/><c r="D7"><f t="shared"/></c></row><cols/>'
    for cut in range(len(data)):
        assert set(formula_places([data[:cut], data[cut:]])) == {(28, 7), (4, 7)}


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_of_formulas_goes_when_it_no_longer_fits(fresh: Path, number: int) -> None:
    """A link that became text, or a new one: the list is dropped, with its relationship and content type."""
    project(fresh, Projection({"Invoices": [row(1, "A")]}))
    chain(fresh, '<c r="E5" i="2"/>')
    project(fresh, Projection({"Invoices": [{"Xero number": "A" if number == 1 else Link("N", URL),
                                             "Autotask id": number}]}))  # fmt: skip
    after = Package.read(fresh)
    assert not after.has(_CHAIN)
    assert b"calcChain" not in after.part("xl/_rels/workbook.xml.rels") + after.part("[Content_Types].xml")
    assert not calculates_on_load(fresh)


def test_theirs_are_calculated_even_when_the_list_goes(fresh: Path) -> None:
    """The list that tells of the accountant's formulas is looked at before it is dropped."""
    project(fresh, Projection({"Invoices": [row(1, "A")]}))
    chain(fresh, '<c r="E5" i="2"/><c r="J30" i="9"/>')
    project(fresh, Projection({"Invoices": [{"Xero number": "A", "Autotask id": 1}]}))
    assert not Package.read(fresh).has(_CHAIN)
    assert calculates_on_load(fresh)


def test_a_formula_in_the_agents_column_goes(fresh: Path) -> None:
    """A formula typed over a cell of the agent's gives way, that is told, and the list of formulas goes with it."""
    package = Package.read(fresh)
    typed = re.sub(rb'<c r="B5" s="(\d+)"/>', rb'<c r="B5" s="\1"><f>1+1</f><v>2</v></c>', package.part(LOG))
    package.replace(LOG, typed)
    package.save(fresh, package.digest)
    chain(fresh, '<c r="B5" i="8"/>')
    project(fresh, Projection({"Invoices": [row(1, "A")]}))
    assert not calculates_on_load(fresh)
    outcome = project(fresh, Projection({"Log": [{"Run": "R1"}]}))
    assert "B5 on the sheet Log" in outcome.notes[0]
    assert not Package.read(fresh).has(_CHAIN)


def test_every_formula_of_ours_is_known(fresh: Path) -> None:
    """Each formula of a fresh workbook stands in a named cell, so that it is never taken for the accountant's."""
    from workbook.book import Book
    from workbook.splice import SheetReader, cells_of

    book = Book(Package.read(fresh))
    ours = {place for name, place in book.named_cells.items() if name.startswith("AutoXero")}
    formulas = {
        (part, column, number)
        for part in book.sheets.values()
        for number, cells in SheetReader(book.package.pieces(part)).rows()
        for column, raw in cells_of(cells).items()
        if has_formula(raw)
    }
    assert formulas
    assert formulas <= ours


FAULTS = "xl/worksheets/sheet3.xml"


def faults(*ids: int) -> Projection:
    return Projection({"Faults": [{"Code": "AX-106", "Amount": number, "Autotask id": number} for number in ids]})


def own_formulas(path: Path, letter: str) -> list[str]:
    found = re.findall(rf'<c r="({letter}\d+)"[^>]*><f>([^<]*)</f>', Package.read(path).part(FAULTS).decode())
    return [f"{place}: {formula}" for place, formula in found]


def test_formulas_beside_a_fault_move_with_it(fresh: Path) -> None:
    """A formula of the accountant's follows its fault to another row and goes on pointing to its own row."""
    project(fresh, faults(1, 2, 3))
    own_column(fresh, "Faults", "Detail", "Doubled", lambda row: f"><f>H{row}*2+$A$1</f><v>{row}</v></c>")
    project(fresh, faults(3, 9, 1))
    assert own_formulas(fresh, "I") == ["I5: H5*2+$A$1", "I7: H7*2+$A$1"]
    assert re.findall(r'<c r="I7"[^>]*><f>[^<]*</f><v>(\d)</v>', Package.read(fresh).part(FAULTS).decode()) == ["5"]
    assert calculates_on_load(fresh)


def test_shared_formulas_move_too(fresh: Path) -> None:
    """Where only the first cell of a filled-down column holds the formula's text, each keeps its own sense."""
    project(fresh, faults(1, 2, 3))
    own_column(
        fresh, "Faults", "Detail", "Doubled",
        lambda row: '><f t="shared" ref="I5:I7" si="0">H5*2</f><v>1</v></c>' if row == 5
        else '><f t="shared" si="0"/><v>1</v></c>',
    )  # fmt: skip
    project(fresh, faults(3, 2))
    assert own_formulas(fresh, "I") == ["I5: H5*2", "I6: H6*2"]
    assert b't="shared"' not in Package.read(fresh).part(FAULTS)
