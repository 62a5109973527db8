"""The sheets of a fresh workbook: tables, Settings, Mappings, lists. Dashboard and Help have modules of their own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from agent.domain.settings import CHOICE_LISTS, EARLIEST, LATEST, SETTINGS, Setting
from workbook import layout
from workbook.cells import letters
from workbook.layout import AGREE, TABLES, Table
from workbook.looks import OTHER_COLOURS, STATUS_COLOURS, Looks, set_up_page

TITLE_ROW, NOTE_ROW, SECTION_ROW, HEADING_ROW = 0, 1, 2, 3
_NOTES = {
    "Invoices": "Every Autotask invoice that was read. Pale yellow is yours: choose what to do, and save.",
    "Faults": "What needs you, the oldest first. Follow “What to do”; then choose Resync in the column Do, and save.",
    "Preview": "What the next sync would send. Nothing on this sheet has been sent.",
    "Reconcile": "Autotask and Xero side by side: the statement, then month by month. Every difference has its reason.",
    "Mappings": "Fill the pale yellow cells and save. “Waiting” shows what each row holds up.",
    "Settings": "Change the pale yellow cells, and save. Almost every Problem stops all sending until it is mended.",
    "Log": "What the agent did, the newest first.",
}
_MOST_MESSAGE = 255
_HELP_LINE = 80


def draw_tables(sheet: Worksheet, looks: Looks, tables: list[Table], left: int = 0) -> None:
    """Draw a sheet with one table or several side by side, each with one blank row.

    Args:
        sheet: The sheet.
        looks: The workbook's formats.
        tables: The tables, left to right.
        left: The first column.
    """
    name = tables[0].sheet
    sheet.write(TITLE_ROW, left, name, looks.title())
    sheet.write(NOTE_ROW, left, _NOTES[name], looks.quiet())
    sheet.set_row(TITLE_ROW, 26)
    sheet.set_row(HEADING_ROW, 30)
    sheet.hide_gridlines(2)
    for table in tables:
        if table.title:
            sheet.write(SECTION_ROW, left, table.title, looks.format(bold=True, font_size=11, valign="bottom"))
            sheet.set_row(SECTION_ROW, 24)
        for offset, column in enumerate(table.columns):
            sheet.set_column(left + offset, left + offset, column.width)
        _draw_rows(sheet, looks, table, left)
        left += len(table.columns) + 1
        if table is not tables[-1]:
            sheet.set_column(left - 1, left - 1, 3)
    set_up_page(sheet, (HEADING_ROW, HEADING_ROW))
    sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})


def _draw_rows(sheet: Worksheet, looks: Looks, table: Table, left: int, rows: int = 1) -> None:
    first, last = HEADING_ROW + 1, HEADING_ROW + rows
    add_table(sheet, looks, table, (HEADING_ROW, left, last))
    for offset, column in enumerate(table.columns):
        place = (first, left + offset, last, left + offset)
        wraps = table.wraps(column)
        would_spill = column is table.columns[-1] and column.kind == "text" and not wraps  # onto a page of its own
        look = looks.cell(column.kind, yours=not column.owned, wrap=wraps, shrink=would_spill)
        for row in range(first, last + 1):
            sheet.write_blank(row, left + offset, None, look)
        if column.choices or column.listed:
            _drop_down(sheet, place, column.choices, column.listed)
        _colour(sheet, looks, place, column.name, column.kind)


def draw_proof(sheet: Worksheet, looks: Looks, names: dict[str, tuple[str, int, int]]) -> None:
    """Draw the line over the sheet Reconcile that says how many of all invoices it accounts for."""
    invoices = "COUNT(Invoices[Autotask id])"
    formula = (
        f'=IF({invoices}=0,"No invoices yet.",ROUND(100*SUM(Reconcile[Invoices in Autotask])/{invoices},1)&" % of "'
        f'&{invoices}&" invoices: "&SUMIFS(ReconcileTotals[Invoices],ReconcileTotals[Line],"{AGREE}")'
        '&" agree to the cent; the statement says why the others differ.")'
    )
    place = (TITLE_ROW, 1)
    look = looks.format(bold=True, font_size=12, valign="vcenter", indent=1)
    sheet.write_formula(*place, formula, look, "No invoices yet.")
    looks.alarm(sheet, (*place, *place), '=AND(LEFT($B$1,6)<>"100 % ",LEFT($B$1,2)<>"No")')
    names[layout.PROOF_NAME] = (sheet.get_name(), *place)


def add_table(sheet: Worksheet, looks: Looks, table: Table, place: tuple[int, int, int]) -> None:
    """Add the Excel table itself; the place is its heading row, first column and last row."""
    top, left, bottom = place
    columns: list[dict[str, Any]] = []
    for offset, column in enumerate(table.columns):
        right = column.kind in {"money", "price", "number", "whole"}
        columns.append({"header": column.name, "header_format": looks.heading(right=right, yours=not column.owned)})
        if column.help:
            message = {"validate": "any", "input_title": column.name[:32], "input_message": column.help[:_MOST_MESSAGE]}
            sheet.data_validation(top, left + offset, top, left + offset, message)
    options = {"name": table.name, "columns": columns, "style": "Table Style Light 1", "banded_rows": False}
    sheet.add_table(top, left, bottom, left + len(table.columns) - 1, options)


def _drop_down(sheet: Worksheet, place: tuple[int, int, int, int], choices: tuple[str, ...], listed: str) -> None:
    if choices:
        sheet.data_validation(
            *place,
            {
                "validate": "list",
                "source": list(choices),
                "error_title": "AutoXero",
                "error_message": "Choose one of the list, or leave the cell blank.",
            },
        )
        return
    sheet.data_validation(*place, listed_validation(listed))


def listed_validation(listed: str) -> dict[str, Any]:
    """A drop-down from a hidden list that lets other text pass after a question."""
    return {
        "validate": "list",
        "source": f"={layout.list_name(listed)}",
        "error_type": "warning",
        "error_title": "Not in the list",
        "error_message": "The agent did not find this when it last looked. Keep it all the same?",
    }


def _colour(sheet: Worksheet, looks: Looks, place: tuple[int, int, int, int], name: str, kind: str) -> None:
    cell = f"{letters(place[1] + 1)}{place[0] + 1}"
    if kind == "status":
        looks.colours({**STATUS_COLOURS, **OTHER_COLOURS} if name != "Status" else STATUS_COLOURS, sheet, place)
    elif "ifference" in name:
        looks.alarm(sheet, place, f"=AND(ISNUMBER({cell}),ROUND({cell},2)<>0)")
    elif name == "Line":
        looks.emphasis(sheet, (place[0], 0, place[2], 5), f'=LEFT(${cell},3)="In "')
    elif name == "Problem":
        looks.alarm(sheet, place, f'={cell}<>""')


def draw_settings(sheet: Worksheet, looks: Looks) -> None:
    """Draw the sheet Settings: one row a setting, its group named in the margin to the left of the table."""
    table = TABLES["Settings"]
    draw_title = looks.title()
    sheet.write(TITLE_ROW, 0, "Settings", draw_title)
    sheet.write(NOTE_ROW, 0, _NOTES["Settings"], looks.quiet())
    sheet.set_row(TITLE_ROW, 26)
    sheet.set_row(HEADING_ROW, 22)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 13)
    last = HEADING_ROW + len(SETTINGS)
    add_table(sheet, looks, table, (HEADING_ROW, 1, last))
    for offset, column in enumerate(table.columns, 1):
        sheet.set_column(offset, offset, column.width)
    group = ""
    for row, setting in enumerate(SETTINGS, HEADING_ROW + 1):
        _draw_setting(sheet, looks, row, setting, is_first=setting.group != group)
        group = setting.group
    looks.alarm(sheet, (HEADING_ROW + 1, 4, last, 4), f'=E{HEADING_ROW + 2}<>""')
    sheet.freeze_panes(HEADING_ROW + 1, 2)
    set_up_page(sheet, (HEADING_ROW, HEADING_ROW))
    sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})


def _draw_setting(sheet: Worksheet, looks: Looks, row: int, setting: Setting, *, is_first: bool) -> None:
    edge = {"top": 1, "top_color": "#1F3A5F"} if is_first else {}
    common = {"bottom": 1, "bottom_color": "#D5DAE0", "valign": "vcenter", **edge}
    margin = looks.format(bold=True, font_color="#1F3A5F", valign="vcenter", **edge)
    sheet.write(row, 0, setting.group if is_first else "", margin)
    sheet.write_string(row, 1, setting.name, looks.format(bold=True, indent=1, **common))
    look = looks.format(bg_color="#FFFBE6", align="left", indent=1, text_wrap=True, num_format=_number_format(setting),
                        **common)  # fmt: skip
    _write_default(sheet, row, setting, look)
    sheet.write_string(row, 3, setting.help, looks.format(font_color="#5B6570", indent=1, text_wrap=True, **common))
    sheet.write_blank(row, 4, None, looks.format(text_wrap=True, indent=1, **common))
    if len(setting.help) > _HELP_LINE:
        sheet.set_row(row, 28)
    sheet.data_validation(row, 2, row, 2, _setting_validation(setting))


def _number_format(setting: Setting) -> str:
    return {"whole number": "0", "amount": "0.00##", "date": "yyyy-mm-dd"}.get(setting.kind, "@")


def _write_default(sheet: Worksheet, row: int, setting: Setting, look: Format) -> None:
    value = setting.default
    if isinstance(value, bool):
        sheet.write_string(row, 2, "Yes" if value else "No", look)
    elif isinstance(value, int | Decimal):
        sheet.write_number(row, 2, value, look)
    elif isinstance(value, str) and value:
        sheet.write_string(row, 2, value, look)
    else:
        sheet.write_blank(row, 2, None, look)


def _setting_validation(setting: Setting) -> dict[str, Any]:
    if setting.listed and not setting.choices:
        return listed_validation(setting.listed)
    allowed = f"Type {setting.allowed}."[:_MOST_MESSAGE]
    rule: dict[str, Any] = {"error_title": "AutoXero", "error_message": allowed}
    if setting.choices:
        source = f"={layout.list_name(setting.listed)}" if setting.listed else list(setting.choices)
        return {**rule, "validate": "list", "source": source}
    if setting.kind == "date":
        span = {"criteria": "between", "minimum": EARLIEST, "maximum": LATEST}
        return {**rule, "validate": "date", **span}
    if setting.low is not None:
        kind = "integer" if setting.kind == "whole number" else "decimal"
        return {**rule, "validate": kind, "criteria": "between", "minimum": setting.low, "maximum": setting.high}
    if setting.kind == "amount":
        span = {"criteria": "between", "minimum": -1e9, "maximum": 1e9}
        return {**rule, "validate": "decimal", **span}
    return {**rule, "validate": "length", "criteria": "<=", "value": 255}


def draw_lists(sheet: Worksheet, names: dict[str, tuple[str, int, int]]) -> None:
    """Draw the hidden sheet with the lists behind drop-downs and the hidden named cells."""
    for name, column in layout.hidden_columns().items():
        sheet.write_column(0, column - 1, (name, *CHOICE_LISTS.get(name, ())))
    for name in layout.HIDDEN_CELLS:
        names[name] = (layout.LISTS_SHEET, 1, layout.hidden_columns()[name] - 1)
    sheet.write_string(*names[layout.LAYOUT_NAME][1:], layout.LAYOUT_VERSION)


def draw_conf(sheet: Worksheet, names: dict[str, tuple[str, int, int]]) -> None:
    """Draw the hidden sheet that xlwings reads its options from."""
    rows = (
        ("Interpreter_Win", ""), ("Interpreter_Mac", ""), ("PYTHONPATH", ""), ("Conda Path", ""), ("Conda Env", ""),
        ("UDF Modules", ""), ("Debug UDFs", "False"), ("Use UDF Server", "False"), ("Show Console", "False"),
        ("ADD_WORKBOOK_TO_PYTHONPATH", "False"),
    )  # fmt: skip
    for row, (key, value) in enumerate(rows):
        sheet.write_string(row, 0, key)
        if value:
            sheet.write_string(row, 1, value)
    names["AutoXeroPythonWindows"] = ("xlwings.conf", 0, 1)
    names["AutoXeroPythonMac"] = ("xlwings.conf", 1, 1)
