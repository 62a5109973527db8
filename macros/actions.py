"""What the ribbon's buttons do where Excel starts Python: ``RunPython "import macros.actions as a; a.do('<id>')"``.

The button's request lies in the inbox, where no agent took it. So both doors carry out the same request: what was
selected and confirmed when the button was pressed. Progress is shown in the status bar, which ends with what happened,
in a sentence; the outcome is on the sheets. Nothing raises: an error is a sentence as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from macros.sheets import OpenBook, SheetError, Value, calling_book
from workbook.layout import INBOX_NAME, WORKBOOK_NAME

if TYPE_CHECKING:
    from agent.buttons import Screen
    from workbook.project import Projection

_MAPS = ("AccountMap", "TaxMap", "ContactMap", "TrackingMap")


def do(name: str) -> str:
    """Carry out the request of that id.

    Returns:
        A sentence or two that say what happened; the status bar shows them, too.
    """
    book: OpenBook | None = None
    try:
        book = calling_book()
        told = _done(book, name)
    except SheetError as error:
        told = str(error)
    except Exception as error:  # noqa: BLE001 - a button never ends in a debugger
        from agent.buttons import in_words  # noqa: PLC0415

        told = in_words(error)
    if book is not None:
        book.tell(told)
    return told


def _done(book: OpenBook, name: str) -> str:
    from agent.buttons import press  # noqa: PLC0415 - a click waits for what is imported

    def show(projection: Projection, acted: Mapping[str, str]) -> list[str]:
        from macros.refresh import show_in  # noqa: PLC0415

        book.tell("AutoXero: bringing the sheets up to date")
        return show_in(book, projection, acted)

    return press(_screen(book), name, tell=lambda text: book.tell(f"AutoXero: {text} …"), show=show)


def _screen(book: OpenBook) -> Screen:
    """What the open workbook shows, as far as it matters.

    Raises:
        SheetError: Its file is not on this computer.
    """
    from agent.buttons import Screen  # noqa: PLC0415

    if "://" in book.full_name:
        raise SheetError(
            f"Excel has this workbook from OneDrive or SharePoint ({book.full_name}), where the agent cannot read it. "
            "Save a copy in a folder on this computer that is not synced, and run “autoxero install” for that one."
        )
    path = Path(book.full_name)
    if not path.is_file():
        raise SheetError("Save the workbook first: it has no file yet.")
    named = {key: str(value or "") for key, value in book.named([WORKBOOK_NAME, INBOX_NAME]).items()}
    screen = Screen(path, named.get(WORKBOOK_NAME, ""), named.get(INBOX_NAME, ""))
    if book.is_saved:
        return screen
    settings = {str(row.get("Setting") or ""): row.get("Value") for row in _rows(book, "Settings")}
    return Screen(path, screen.workbook_id, screen.inbox, settings, {name: _rows(book, name) for name in _MAPS})


def _rows(book: OpenBook, name: str) -> list[dict[str, Value]]:
    table = book.table(name)
    return [] if table is None else [dict(zip(table.columns, row, strict=True)) for row in book.rows(table)]
