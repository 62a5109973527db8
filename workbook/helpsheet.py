"""The sheet Help of a fresh workbook: what the words, colours and faults mean, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from xlsxwriter.worksheet import Worksheet

from agent.domain.faults import CATALOGUE, Fault, Kind
from workbook.layout import STATUSES, VERBS
from workbook.looks import RULE, STATUS_COLOURS, YOURS, Looks, set_up_page

_STOPPED = (
    (
        "Dashboard, “The agent”: if it is red, switch the agent's computer on, sign in there, wait for two syncs. If "
        "it stays red, run “autoxero sync” there and read what it says."
    ),
    "Dashboard, “Connections”: if Autotask or Xero is red, it says why. Mend that, and run “autoxero test” there.",
    (
        "Dashboard, the mode: Preview and Paused send nothing. On the sheet Settings set “Sync mode” to Live or "
        "“Paused” to No, and save."
    ),
    (
        "Settings: a red Problem stops all sending; an unknown branding theme only warns. Mappings: it holds up the "
        "invoices concerned; a row that cannot be read, or stands twice, stops all. Mend it and save."
    ),
    "Is this workbook open on another computer? Close it there. Work goes on meanwhile; only the sheets lag behind.",
    (
        "Dashboard, “Next step”, sums this up. “Press Resync” means: choose Resync in the yellow column Do beside the "
        "invoice, and save; or run “autoxero resync” with its number. The next sync tries it again from scratch."
    ),
)
_COLOURS = (
    ("Pale yellow", "Yours to fill. All else on the status sheets is the agent's.", (YOURS, "#1F2933")),
    ("Green", "Done, nothing to do.", STATUS_COLOURS["Synced"]),
    ("Amber", "Done, but look at the warning.", STATUS_COLOURS["Synced with warnings"]),
    ("Red", "Needs you.", STATUS_COLOURS["Fault"]),
    ("Orange", "Is tried again by itself.", STATUS_COLOURS["Retrying"]),
    ("Blue", "Waits; the row says for what.", STATUS_COLOURS["Waiting"]),
    ("Violet", "Changed after it was sent; you decide.", STATUS_COLOURS["Changed since sent"]),
    ("Grey", "Left out.", STATUS_COLOURS["Skipped"]),
)
_CURE_BY_CASE = "The fault itself says which setting or amount to mend; then press Resync."
_EFFECTS = {
    "strike": "Tried again, then a fault",
    "wait": "Waits, no strike",
    "skip": "Left out",
    "warn": "Warning only",
    "stop": "Stops the run",
}


def draw_help(sheet: Worksheet, looks: Looks) -> None:
    """Draw the sheet: codes stand in column B, where the ribbon's “How to fix this” looks for them."""
    sheet.hide_gridlines(2)
    for column, width in enumerate((2, 22, 44, 52, 60, 22, 24)):
        sheet.set_column(column, column, width)
    sheet.set_row(0, 26)
    sheet.write(0, 1, "Help", looks.title())
    steps = [(str(step), text, None) for step, text in enumerate(_STOPPED, 1)]
    row = _rows(sheet, looks, 2, "My sync has stopped, what do I do?", steps)
    statuses = [(word, text, STATUS_COLOURS[word]) for word, text in STATUSES]
    row = _rows(sheet, looks, row, "What each status means", statuses)
    row = _rows(sheet, looks, row, "What the column Do does (choose and save; the agent acts within a minute)",
                [(word, text, None) for word, text in VERBS])  # fmt: skip
    row = _rows(sheet, looks, row, "How the colours read", list(_COLOURS))
    _faults(sheet, looks, row)
    set_up_page(sheet, (row + 1, row + 1))
    sheet.freeze_panes(1, 0)


def _section(sheet: Worksheet, looks: Looks, row: int, text: str) -> None:
    for column in range(1, 7):
        sheet.write_blank(row, column, None, looks.section())
    sheet.write(row, 1, text, looks.section())
    sheet.set_row(row, 20)


def _rows(
    sheet: Worksheet, looks: Looks, row: int, title: str, rows: Sequence[tuple[str, str, tuple[str, str] | None]]
) -> int:
    _section(sheet, looks, row, title)
    for at, (word, text, colours) in enumerate(rows, row + 1):
        look = looks.format(bold=True, align="left", indent=1)
        if colours:
            look = looks.format(bold=True, align="left", indent=1, bg_color=colours[0], font_color=colours[1])
        sheet.write_string(at, 1, word, look)
        sheet.write_string(at, 2, text, looks.format(align="left", indent=1))
        sheet.set_row(at, 17)
    return row + len(rows) + 2


def _faults(sheet: Worksheet, looks: Looks, row: int) -> None:
    _section(sheet, looks, row, "Every fault, why it happens, and what to do")
    for column, heading in enumerate(("Code", "Fault", "Why", "What to do", "Button or cell", "What it stops"), 1):
        sheet.write(row + 1, column, heading, looks.heading())
    sheet.set_row(row + 1, 20)
    for at, kind in enumerate(CATALOGUE.values(), row + 2):
        _fault(sheet, looks, at, kind)


def _fault(sheet: Worksheet, looks: Looks, row: int, kind: Kind) -> None:
    shown = Fault(kind, "")
    cure = shown.cure if shown.cure != "…" else _CURE_BY_CASE
    look = looks.format(text_wrap=True, bottom=1, bottom_color=RULE, align="left", indent=1)
    code = looks.format(bold=True, bottom=1, bottom_color=RULE, align="left", indent=1)
    texts = (shown.title, kind.cause, cure, kind.button, _EFFECTS[kind.effect])
    sheet.write_string(row, 1, kind.code, code)
    for column, text in enumerate(texts, 2):
        sheet.write_string(row, column, text, look)
    lines = max(len(shown.title) / 40, len(kind.cause) / 48, len(cure) / 56, len(kind.button) / 19)
    sheet.set_row(row, 14 * (int(lines) + 1) + 2)
