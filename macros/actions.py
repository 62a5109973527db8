"""What the ribbon's buttons do where Excel starts Python: ``RunPython "import macros.actions as a; a.resync()"``.

Each reads the selection itself, shows progress in the status bar, and ends there with what happened, in a sentence
that it returns too; the outcome is on the sheets. Nothing raises: an error is a sentence as well. While an agent lives
it gets the work, and Excel is free within two seconds.
"""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from macros.sheets import OpenBook, OpenTable, SheetError, Value, calling_book, selected_ids, selected_rows
from workbook.layout import WORKBOOK_NAME

if TYPE_CHECKING:
    from agent.buttons import Screen
    from workbook.project import Projection

_MAPS = ("AccountMap", "TaxMap", "ContactMap")


def sync_now() -> str:
    """Do one run."""
    return _do(lambda book: _press(book, "sync"))


def preview() -> str:
    """Show on the sheet Preview what a run would send."""
    return _do(lambda book: _press(book, "preview"))


def refresh() -> str:
    """Bring the sheets up to date."""
    return _do(lambda book: _press(book, "refresh"))


def resync() -> str:
    """Try the selected invoices again from scratch."""
    return _do(lambda book: _press_on_selected(book, "resync"))


def never_send() -> str:
    """Leave the selected invoices out for good."""
    return _do(lambda book: _press_on_selected(book, "never-send"))


def send_again() -> str:
    """Make new documents for the selected invoices, whose old ones were voided or deleted in Xero."""
    return _do(lambda book: _press_on_selected(book, "send-again"))


def send_now() -> str:
    """Send the selected invoices that wait for a word."""
    return _do(lambda book: _press_on_selected(book, "send-now"))


def send_these() -> str:
    """Confirm all that waits for a word."""
    return _do(lambda book: _press(book, "send-these"))


def resync_all_like_this() -> str:
    """Try all invoices again that have the fault of the selected one."""
    return _do(lambda book: _press(book, "resync-fault", fault=_selected_fault(book)))


def use_suggested_contact() -> str:
    """Take the suggested contact for the selected invoices."""
    return _do(lambda book: _press_on_selected(book, "use-suggested"))


def create_in_xero() -> str:
    """Create the contacts that the selected invoices lack."""
    return _do(lambda book: _press_on_selected(book, "create-in-xero"))


def test_connections() -> str:
    """Test both connections, settings and mappings."""
    return _do(lambda book: _press(book, "test"))


def connect_autotask() -> str:
    """Sign in to Autotask."""
    return _do(lambda book: _press(book, "connect-autotask"))


def connect_xero() -> str:
    """Sign in to Xero."""
    return _do(lambda book: _press(book, "connect-xero"))


def support_bundle() -> str:
    """Make a support bundle."""
    return _do(lambda book: _press(book, "bundle"))


def open_in_xero() -> str:
    """Open the selected invoices in Xero."""
    return _do(lambda book: _open_pages(book, "Xero"))


def open_in_autotask() -> str:
    """Open the customers of the selected invoices in Autotask."""
    return _do(lambda book: _open_pages(book, "Autotask"))


def why() -> str:
    """Say why the selected invoice stands where it does."""
    from agent import buttons  # noqa: PLC0415 - a click waits for what is imported

    return _do(lambda book: buttons.why(_screen(book), selected_ids(book)[0]))


def how_to_fix() -> str:
    """Say what to do about the selected invoice."""
    from agent import buttons  # noqa: PLC0415

    return _do(lambda book: buttons.how_to_fix(_screen(book), selected_ids(book)[0]))


def about() -> str:
    """Say which AutoXero this is."""
    from agent import buttons  # noqa: PLC0415

    return _do(lambda book: buttons.about(_screen(book)))


def four_decimals(on: bool) -> str:  # noqa: FBT001 - a toggle of the ribbon
    """Show unit prices with four decimals, or with two."""
    return _do(lambda book: _set(book, "Four decimal places", "Yes" if on else "No"))


def currency(code: str) -> str:
    """Choose the currency for invoices that have none."""
    return _do(lambda book: _set(book, "Currency", code))


def autotask_numbers(on: bool) -> str:  # noqa: FBT001 - a toggle of the ribbon
    """Give documents in Xero the numbers of Autotask, or Xero's own."""
    return _do(lambda book: _set(book, "Use Autotask Numbers", "Number" if on else "No"))


def pause() -> str:
    """Let runs read and send nothing."""
    return _do(lambda book: _set(book, "Paused", "Yes", save=True))


def go_on() -> str:
    """Let runs read and send again."""
    return _do(lambda book: _set(book, "Paused", "No", save=True))


# --- how ------------------------------------------------------------------------------------------------------------


def _do(act: Callable[[OpenBook], str]) -> str:
    """Act, and end with a sentence in the status bar, whatever happens."""
    book: OpenBook | None = None
    try:
        book = calling_book()
        told = act(book)
    except SheetError as error:
        told = str(error)
    except Exception as error:  # noqa: BLE001 - a button never ends in a debugger
        from agent.buttons import in_words  # noqa: PLC0415

        told = in_words(error)
    if book is not None:
        book.tell(told)
    return told


def _press(book: OpenBook, verb: str, *, ids: tuple[str, ...] = (), fault: str = "") -> str:
    from agent.buttons import press  # noqa: PLC0415 - a click waits for what is imported

    def show(projection: Projection, acted: Mapping[str, str]) -> list[str]:
        from macros.refresh import show_in  # noqa: PLC0415

        book.tell("AutoXero: bringing the sheets up to date")
        return show_in(book, projection, acted)

    screen = _screen(book)
    return press(screen, verb, ids, fault, tell=lambda text: book.tell(f"AutoXero: {text} …"), show=show)


def _press_on_selected(book: OpenBook, verb: str) -> str:
    return _press(book, verb, ids=tuple(selected_ids(book)))


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
    known = book.named([WORKBOOK_NAME]).get(WORKBOOK_NAME)
    if book.is_saved:
        return Screen(path, str(known or ""))
    settings = {str(row.get("Setting") or ""): row.get("Value") for row in _rows(book, "Settings")}
    return Screen(path, str(known or ""), settings, {name: _rows(book, name) for name in _MAPS})


def _rows(book: OpenBook, name: str) -> list[dict[str, Value]]:
    table = book.table(name)
    return [] if table is None else [dict(zip(table.columns, row, strict=True)) for row in book.rows(table)]


def _selected_fault(book: OpenBook) -> str:
    """The fault code of the selected rows.

    Raises:
        SheetError: They have none, or several.
    """
    table, rows = selected_rows(book)
    codes = {_code(table, row) for row in rows} - {""}
    if not codes:
        raise SheetError("The selected row has no fault. Select a row of the sheet Faults.")
    if len(codes) > 1:
        raise SheetError(f"The selected rows have several faults ({', '.join(sorted(codes))}). Select one of them.")
    return codes.pop()


def _code(table: OpenTable, row: list[Value]) -> str:
    """The code of a row: a column of its own on Faults, the first word of Fault on Invoices."""
    for name in ("Code", "Fault"):
        if name in table.columns:
            word, *_ = [*str(row[table.columns.index(name)] or "").split(), ""]
            if word.startswith("AX-"):
                return word
    return ""


def _open_pages(book: OpenBook, system: str) -> str:
    from agent import buttons  # noqa: PLC0415

    pages = buttons.addresses(_screen(book), system, selected_ids(book))
    opened = [page for page in pages if webbrowser.open(page)]
    if not opened:
        raise SheetError(f"No browser could be started. The address is {pages[0]}")
    return f"Opened {len(opened)} {'page' if len(opened) == 1 else 'pages'} of {system} in the browser."


def _set(book: OpenBook, setting: str, value: str, *, save: bool = False) -> str:
    """Type a setting's value into the open workbook; it counts once the workbook is saved."""
    from agent.buttons import checked  # noqa: PLC0415

    name, cell = checked(_screen(book), setting, value)
    table = book.table("Settings")
    rows = _rows(book, "Settings")
    place = next((number for number, row in enumerate(rows) if row.get("Setting") == name), None)
    if table is None or place is None or "Value" not in table.columns:
        raise SheetError(f"The sheet Settings has lost “{name}” or its column Value. Press Refresh, then try again.")
    if book.is_read_only:
        raise SheetError("Excel opened this workbook to read only, so a setting cannot be saved. Open it for editing.")
    book.write(table, place, table.columns.index("Value"), [[cell]])
    if save:
        book.save()
        return f"“{name}” is now “{cell}”, and the workbook is saved: it counts from now on."
    return f"“{name}” is now “{'' if cell is None else cell}”. It counts once the workbook is saved."
