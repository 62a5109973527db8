"""Where the workbook that comes with the program lies."""

from __future__ import annotations

from pathlib import Path

import workbook
from agent.errors import PlainError


def template() -> Path:
    """The shipped AutoXero.xlsm: inside the package where it was installed, at the top of a checkout."""
    package = Path(workbook.__file__).parent
    installed = package / "AutoXero.xlsm"
    return installed if installed.exists() else package.parent / "AutoXero.xlsm"


def refuse_template(path: Path) -> None:
    """Leave the shipped workbook as it is: every new copy is made from it.

    Args:
        path: The workbook that is to be used.

    Raises:
        PlainError: It is the shipped one itself.
    """
    if path.is_file() and template().is_file() and path.samefile(template()):
        raise PlainError(
            f"{path} is the workbook that comes with AutoXero, from which copies are made; it is not for use.",
            "Give your own with --workbook; “autoxero setup” or “autoxero install” makes one.",
        )
