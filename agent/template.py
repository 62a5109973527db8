"""Where the workbook that comes with the program lies."""

from __future__ import annotations

from pathlib import Path

import workbook


def template() -> Path:
    """The shipped AutoXero.xlsm: inside the package where it was installed, at the top of a checkout."""
    package = Path(workbook.__file__).parent
    installed = package / "AutoXero.xlsm"
    return installed if installed.exists() else package.parent / "AutoXero.xlsm"
