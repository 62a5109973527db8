"""Reaching an open workbook through xlwings."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import xlwings

from agent.template import template
from macros.sheets import BusyError, NotOpenError, SheetError, attach, calling_book, entered
from tests.memory_excel import ComError, Excel, Workbook, caller


@pytest.fixture
def book(excel: Excel) -> Workbook:
    found = excel.open(template())
    caller(excel, found)
    return found


def test_without_an_excel_there_is_nothing_to_attach_to() -> None:
    if xlwings.engines.active is None:
        with pytest.raises(NotOpenError, match="no Excel on this computer"):
            attach(template())


def test_the_workbook_is_found_by_its_whole_path(excel: Excel, tmp_path: Path) -> None:
    other = tmp_path / "AutoXero.xlsm"
    other.write_bytes(template().read_bytes())
    excel.open(other)
    with pytest.raises(NotOpenError, match=r"has AutoXero\.xlsm open"):
        attach(template())
    excel.open(template())
    assert Path(attach(template()).full_name) == template()


def test_an_address_is_no_path(excel: Excel) -> None:
    excel.open(template(), "https://d.docs.live.net/abc/AutoXero.xlsm")
    with pytest.raises(NotOpenError):
        attach(template())


@pytest.mark.usefixtures("book")
def test_excels_errors_are_ours(excel: Excel) -> None:
    found = attach(template())
    excel.editing = 1
    with pytest.raises(BusyError):
        found.table("Invoices")

    def refuse() -> None:
        raise ComError(-2147352567, "The sheet is protected.")

    excel.answer = refuse  # type: ignore[method-assign]
    with pytest.raises(SheetError, match="Excel refused: The sheet is protected"):
        found.table("Invoices")
    found.tell("never fails")


def test_the_status_bar_gets_what_fits(excel: Excel, book: Workbook) -> None:
    attach(Path(book.path)).tell("x" * 1000)
    assert len(excel.status[-1]) == 240


def test_the_save_state_is_seen(book: Workbook) -> None:
    found = calling_book()
    assert found.is_saved
    book.is_saved = False
    assert not found.is_saved


def test_on_the_mac_the_sentence_stays(monkeypatch: pytest.MonkeyPatch, book: Workbook) -> None:
    """There xlwings wipes the status bar as Python ends, unless it is told otherwise."""
    left: list[object] = []
    monkeypatch.setattr("atexit.unregister", left.append)
    monkeypatch.setitem(sys.modules, "xlwings._xlmac", SimpleNamespace(cleanup=len))
    attach(Path(book.path)).tell("Done.")
    assert left == [len]


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Synced", "Synced"),
        ("Never send", "Never send"),
        ("Choose an account in the sheet Mappings.", "Choose an account in the sheet Mappings."),
        ("Wahr", "'Wahr"),  # the German word for TRUE, and who knows the others
        ("May 2026", "'May 2026"),
        ("=1", "'=1"),
        ("'t Hooft", "''t Hooft"),
        ("\u0000\u0001", ""),
        ("", ""),
    ],
)
def test_text_goes_in_as_text(text: str, typed: str) -> None:
    assert entered(text) == typed


def test_xlwings_does_not_try_for_ever(monkeypatch: pytest.MonkeyPatch, book: Workbook) -> None:
    """On Windows it repeats a rejected call without end unless it is told otherwise."""
    windows = SimpleNamespace(N_COM_ATTEMPTS=0)
    monkeypatch.setitem(sys.modules, "xlwings._xlwindows", windows)
    attach(Path(book.path))
    assert 0 < windows.N_COM_ATTEMPTS < 1000
