"""A fresh workbook for every test, and the ways in which other programs leave one."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workbook.build import TARGET

Edit = Callable[[str, Callable[[bytes], bytes]], None]


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A copy of the workbook as it is shipped."""
    return Path(shutil.copy(TARGET, tmp_path / "AutoXero.xlsm"))


@pytest.fixture
def edit(fresh: Path) -> Edit:
    """Changes one part of the fresh workbook, as a person or program might have."""

    def change(part: str, how: Callable[[bytes], bytes]) -> None:
        with zipfile.ZipFile(fresh) as old:
            parts = {name: old.read(name) for name in old.namelist()}
        before = parts[part]
        parts[part] = how(before)
        assert parts[part] != before, "the edit did nothing"
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as new:
            for name, data in parts.items():
                new.writestr(name, data)

    return change
