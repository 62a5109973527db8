"""LibreOffice without a window, one profile a test, so that tests may run side by side."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Convert = Callable[[Path, str], Path]

ALWAYS_CALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>0</value></prop></item></oor:items>
"""
"""The option to calculate everything on loading; by default LibreOffice believes stored results."""


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Opens a file in LibreOffice, calculates it, and saves it in another format; gives the new file."""
    program = shutil.which("soffice")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("soffice is needed on CI: install LibreOffice Calc")
        pytest.skip("soffice is not installed")

    def run(path: Path, form: str) -> Path:
        settings = tmp_path / "profile" / "user" / "registrymodifications.xcu"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(ALWAYS_CALCULATE)
        profile = (tmp_path / "profile").as_uri()
        out = tmp_path / "out"
        command = [program, f"-env:UserInstallation={profile}", "--headless", "--norestore", "--convert-to", form,
                   "--outdir", str(out), str(path)]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=180)
        return out / f"{path.stem}.{form.split(':', maxsplit=1)[0]}"

    return run
