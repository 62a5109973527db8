"""The workbook as an installation leaves it, in a real spreadsheet program."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook

from workbook import layout
from workbook.build import TARGET
from workbook.wiring import Wiring, unwire, wire

Convert = Callable[[Path, str], Path]


@pytest.mark.parametrize("is_undone", [False, True])
def test_opens_with_all_its_tables(tmp_path: Path, convert: Convert, is_undone: bool) -> None:  # noqa: FBT001
    """LibreOffice opens it, wired for macOS with all that xlwings ships, and unwired again."""
    path = Path(shutil.copy(TARGET, tmp_path / "AutoXero.xlsm"))
    wire(path, Wiring("w-1", "/Users/jo/inbox", "0.1.0", "darwin", "/Users/jo/.venv/bin/python"))
    if is_undone:
        unwire(path)
    book = load_workbook(convert(path, "xlsx"))
    assert {name for sheet in book.worksheets for name in sheet.tables} == set(layout.TABLES)
    assert book["xlwings.conf"]["B2"].value == (None if is_undone else "/Users/jo/.venv/bin/python")
