"""The sheet Dashboard of a fresh workbook: what matters on one page."""

from __future__ import annotations

from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from workbook import layout
from workbook.facts import IN_XERO, SEEN_FINE, SEEN_LATE, SEEN_NEVER
from workbook.looks import INK, PANEL, QUIET, RULE, SERIES, STATUS_COLOURS, Looks, set_up_page

Names = dict[str, tuple[str, int, int]]
"""Where each named cell stands: sheet, row and column, counted from 0."""

_WIDTHS = (2, 19, 15, 15, 15, 3, 19, 17, 17, 3, 26, 12)
_LEFT, _MIDDLE, _RIGHT = 1, 6, 10
_TOP, _STEP_ROW, _MONEY_ROW = 4, 11, 19
_FRESH_STEP = "Type the Start date on the sheet Settings, save, and run “autoxero test” on this computer."
_AGENT = (
    f'=IF(AutoXeroLastSeen="","{SEEN_NEVER}",'
    f'IF(NOW()-AutoXeroLastSeen>3*MAX(5,AutoXeroSyncEvery)/1440,"{SEEN_LATE}","{SEEN_FINE}"))'
)


def draw_dashboard(book: Workbook, sheet: Worksheet, looks: Looks, names: Names) -> None:
    """Draw the sheet and note where its named cells stand."""
    sheet.hide_gridlines(2)
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width, looks.format())
    _head(sheet, looks, names)
    _connections(sheet, looks, names)
    _agent(sheet, looks, names)
    _statuses(sheet, looks, names)
    _steps(sheet, looks, names)
    _money(sheet, looks, names)
    _charts(book, sheet)
    set_up_page(sheet)
    sheet.fit_to_pages(1, 1)


def _put(sheet: Worksheet, names: Names, name: str, place: tuple[int, int]) -> None:
    names[name] = (sheet.get_name(), *place)


def _head(sheet: Worksheet, looks: Looks, names: Names) -> None:
    sheet.set_row(0, 8)
    sheet.set_row(1, 34)
    sheet.write(1, _LEFT, "Not connected yet", looks.format(bold=True, font_size=22, font_color="#1F3A5F",
                                                            valign="vcenter"))  # fmt: skip
    sheet.merge_range(1, _RIGHT, 1, _RIGHT + 1, "Preview",
                      looks.format(bold=True, font_size=20, valign="vcenter", align="center"))  # fmt: skip
    sheet.write(2, _LEFT, "Invoices from Autotask to Xero", looks.quiet())
    sheet.write(2, _MIDDLE, "All times in zone", looks.quiet())
    sheet.write_blank(2, _MIDDLE + 1, None, looks.format(font_color=QUIET, indent=1))
    looks.colours(
        {"Live": STATUS_COLOURS["Synced"], "Preview": STATUS_COLOURS["Synced with warnings"],
         "Paused": STATUS_COLOURS["Retrying"]},
        sheet, (1, _RIGHT, 1, _RIGHT + 1),
    )  # fmt: skip
    _put(sheet, names, "AutoXeroOrganisation", (1, _LEFT))
    _put(sheet, names, "AutoXeroMode", (1, _RIGHT))
    _put(sheet, names, "AutoXeroTimeZone", (2, _MIDDLE + 1))


def _section(sheet: Worksheet, looks: Looks, row: int, span: tuple[int, int], text: str) -> None:
    for column in range(span[0], span[1] + 1):
        sheet.write_blank(row, column, None, looks.section())
    sheet.write(row, span[0], text, looks.section())
    sheet.set_row(row, 20)


def _pair(sheet: Worksheet, looks: Looks, place: tuple[int, int], last: int, label: str, **look: Any) -> None:  # noqa: ANN401
    """A label and the cell beside it, merged up to a last column."""
    row, column = place
    sheet.write(row, column, label, looks.format(font_color=QUIET, bottom=1, bottom_color=RULE, valign="vcenter"))
    shown = looks.format(**{"bottom": 1, "bottom_color": RULE, "align": "left", "valign": "vcenter", **look})
    if last > column + 1:
        sheet.merge_range(row, column + 1, row, last, "", shown)
    else:
        sheet.write_blank(row, column + 1, None, shown)
    sheet.set_row(row, 19)


def _light(sheet: Worksheet, looks: Looks, area: tuple[int, int, int, int], fine: str) -> None:
    cell = f"${chr(65 + area[1])}{area[0] + 1}"
    for formula, status in (
        (f'={cell}="{fine}"', "Synced"),
        (f'=OR({cell}="",LEFT({cell},3)="Not",LEFT({cell},3)="Off")', "Skipped"),
        (f'={cell}<>"{fine}"', "Fault"),
    ):
        if status == "Skipped" and fine == SEEN_FINE:
            formula = f'={cell}="{SEEN_NEVER}"'  # noqa: PLW2901
        fill, ink = STATUS_COLOURS[status]
        look = looks.rule(bg_color=fill, font_color=ink)
        sheet.conditional_format(*area, {"type": "formula", "criteria": formula, "format": look, "stop_if_true": True})


def _connections(sheet: Worksheet, looks: Looks, names: Names) -> None:
    _section(sheet, looks, _TOP, (_LEFT, _LEFT + 3), "Connections")
    for row, label in enumerate(("Autotask", "Xero", "Mail"), _TOP + 1):
        _pair(sheet, looks, (row, _LEFT), _LEFT + 3, label, bold=True, indent=1)
        sheet.write_string(row, _LEFT + 1, "Not connected yet", looks.format(
            bottom=1, bottom_color=RULE, align="left", valign="vcenter", bold=True, indent=1))  # fmt: skip
        _light(sheet, looks, (row, _LEFT + 1, row, _LEFT + 3), "Connected")
        _put(sheet, names, f"AutoXero{label}", (row, _LEFT + 1))
    _pair(sheet, looks, (_TOP + 4, _LEFT), _LEFT + 3, "Told about faults", indent=1)
    _put(sheet, names, "AutoXeroAlerted", (_TOP + 4, _LEFT + 1))


def _agent(sheet: Worksheet, looks: Looks, names: Names) -> None:
    _section(sheet, looks, _TOP, (_MIDDLE, _MIDDLE + 2), "The agent")
    last = _MIDDLE + 2
    when = "yyyy-mm-dd hh:mm"
    _pair(sheet, looks, (_TOP + 1, _MIDDLE), last, "Agent", bold=True, indent=1)
    light = looks.format(bottom=1, bottom_color=RULE, align="left", valign="vcenter", bold=True, indent=1)
    sheet.write_formula(_TOP + 1, _MIDDLE + 1, _AGENT, light, SEEN_NEVER)
    _light(sheet, looks, (_TOP + 1, _MIDDLE + 1, _TOP + 1, last), SEEN_FINE)
    _put(sheet, names, layout.AGENT_NAME, (_TOP + 1, _MIDDLE + 1))
    rows = (
        ("Last seen", "AutoXeroLastSeen", when),
        ("Last sync ended", "AutoXeroLastRun", when),
        ("It did", "AutoXeroLastResult", "@"),
        ("Next sync", "AutoXeroNextRun", when),
        ("Minutes between syncs", "AutoXeroSyncEvery", "0"),
    )
    for row, (label, name, number) in enumerate(rows, _TOP + 2):
        _pair(sheet, looks, (row, _MIDDLE), last, label, num_format=number, indent=1)
        _put(sheet, names, name, (row, _MIDDLE + 1))


def _statuses(sheet: Worksheet, looks: Looks, names: Names) -> None:
    _section(sheet, looks, _TOP, (_RIGHT, _RIGHT + 1), "Invoices")
    row = _TOP
    number = {"num_format": "#,##0", "align": "right", "bold": True}
    for row, (status, _) in enumerate(layout.STATUSES, _TOP + 1):
        _pair(sheet, looks, (row, _RIGHT), _RIGHT + 1, status, **number)
        fill, ink = STATUS_COLOURS[status]
        sheet.write(row, _RIGHT, status, looks.format(bg_color=fill, font_color=ink, indent=1, valign="vcenter",
                                                      bottom=1, bottom_color="#FFFFFF"))  # fmt: skip
        _formula(sheet, looks, (row, _RIGHT + 1), f"=COUNTIFS(Invoices[Status],$K{row + 1})")
        _put(sheet, names, layout.count_name(status), (row, _RIGHT + 1))
    extra = (
        ("All", layout.ALL_NAME, f"=SUM(L{_TOP + 2}:L{row + 1})"),
        (
            "Open faults",
            layout.FAULTS_NAME,
            '=COUNTIFS(Invoices[Status],"Fault")+COUNTIFS(Invoices[Status],"Retrying")',
        ),
        (
            "Drafts not yet approved",
            layout.DRAFTS_NAME,
            '=COUNTIFS(Invoices[In Xero as],"Draft")+COUNTIFS(Invoices[In Xero as],"Awaiting approval")',
        ),
    )
    for place, (label, name, formula) in enumerate(extra, row + 1):
        _pair(sheet, looks, (place, _RIGHT), _RIGHT + 1, label, **number)
        _formula(sheet, looks, (place, _RIGHT + 1), formula)
        _put(sheet, names, name, (place, _RIGHT + 1))


def _formula(sheet: Worksheet, looks: Looks, place: tuple[int, int], formula: str) -> None:
    look = looks.format(num_format="#,##0", align="right", bold=True, bottom=1, bottom_color=RULE, valign="vcenter")
    sheet.write_formula(*place, formula, look, 0)


def _steps(sheet: Worksheet, looks: Looks, names: Names) -> None:
    wide = (_LEFT, _MIDDLE + 2)
    _section(sheet, looks, _STEP_ROW, wide, "Next step")
    step = looks.format(font_size=12, bold=True, text_wrap=True, valign="vcenter", bg_color=PANEL, indent=1)
    sheet.merge_range(_STEP_ROW + 1, wide[0], _STEP_ROW + 2, wide[1], _FRESH_STEP, step)
    _put(sheet, names, "AutoXeroNextStep", (_STEP_ROW + 1, _LEFT))
    _section(sheet, looks, _STEP_ROW + 4, wide, "What waits")
    waits = looks.format(text_wrap=True, valign="vcenter", bg_color=PANEL, indent=1)
    sheet.merge_range(_STEP_ROW + 5, wide[0], _STEP_ROW + 6, wide[1], "", waits)
    _put(sheet, names, "AutoXeroWaits", (_STEP_ROW + 5, _LEFT))


def _money(sheet: Worksheet, looks: Looks, names: Names) -> None:
    row = _MONEY_ROW
    _section(sheet, looks, row, (_LEFT, _LEFT + 3), "In Xero, by month of the invoice")
    sheet.write(row + 1, _LEFT, "Month", looks.format(bold=True, font_color=QUIET))
    for place in range(1, layout.CURRENCIES + 1):
        heading = looks.format(bold=True, align="right", font_color=SERIES[place - 1])
        sheet.write_blank(row + 1, _LEFT + place, None, heading)
        _put(sheet, names, layout.currency_name(place), (row + 1, _LEFT + place))
    for month in range(1, layout.MONTHS + 1):
        at = row + 1 + month
        edge = {"bottom": 1, "bottom_color": RULE}
        sheet.write_blank(at, _LEFT, None, looks.format(num_format="yyyy-mm", align="left", **edge))
        _put(sheet, names, layout.month_name(month), (at, _LEFT))
        for place in range(1, layout.CURRENCIES + 1):
            look = looks.format(num_format="#,##0.00", align="right", **edge)
            sheet.write_formula(at, _LEFT + place, _sum(at + 1, "BCDE"[place], row + 2), look, "")
            _put(sheet, names, layout.money_name(month, place), (at, _LEFT + place))


def _sum(row: int, column: str, heading: int) -> str:
    parts = "+".join(
        f'SUMIFS(Invoices[Xero total],Invoices[Status],"{status}",Invoices[Currency],{column}${heading},'
        f'Invoices[Date],">="&$B{row},Invoices[Date],"<"&EDATE($B{row},1))'
        for status in IN_XERO
    )
    return f'=IF(OR($B{row}="",{column}${heading}=""),"",{parts})'


def _charts(book: Workbook, sheet: Worksheet) -> None:
    font = {"name": "Arial", "size": 9, "color": INK}
    money = book.add_chart({"type": "column"})
    first, last = _MONEY_ROW + 2, _MONEY_ROW + 1 + layout.MONTHS
    for place in range(1, layout.CURRENCIES + 1):
        money.add_series(
            {
                "name": ["Dashboard", _MONEY_ROW + 1, _LEFT + place],
                "categories": ["Dashboard", first, _LEFT, last, _LEFT],
                "values": ["Dashboard", first, _LEFT + place, last, _LEFT + place],
                "fill": {"color": SERIES[place - 1]},
                "gap": 60,
            }
        )
    money.set_title({"name": "In Xero by month (colours as in the headings)", "name_font": {**font, "bold": True}})
    money.set_legend({"none": True})
    money.set_x_axis({"num_font": font, "num_format": "yyyy-mm", "text_axis": True, "line": {"color": RULE}})
    grid = {"visible": True, "line": {"color": RULE, "width": 0.5}}
    money.set_y_axis({"num_font": font, "num_format": "#,##0", "major_gridlines": grid, "line": {"none": True}})
    statuses = book.add_chart({"type": "bar"})
    top, bottom = _TOP + 1, _TOP + len(layout.STATUSES)
    statuses.add_series(
        {
            "name": "Invoices",
            "categories": ["Dashboard", top, _RIGHT, bottom, _RIGHT],
            "values": ["Dashboard", top, _RIGHT + 1, bottom, _RIGHT + 1],
            "points": [{"fill": {"color": STATUS_COLOURS[status][1]}} for status, _ in layout.STATUSES],
            "gap": 40,
        }
    )
    statuses.set_title({"name": "Invoices by status", "name_font": {**font, "bold": True}})
    statuses.set_legend({"none": True})
    statuses.set_y_axis({"reverse": True, "num_font": font, "line": {"color": RULE}})
    statuses.set_x_axis({"num_font": font, "num_format": "#,##0", "major_gridlines": grid, "line": {"none": True}})
    money.set_size({"width": 400, "height": 292})
    statuses.set_size({"width": 290, "height": 292})
    for chart in (money, statuses):
        chart.set_chartarea({"border": {"color": RULE}})
    sheet.insert_chart(_MONEY_ROW, _MIDDLE, money, {"description": "Money in Xero by month and currency"})
    sheet.insert_chart(_MONEY_ROW, _RIGHT, statuses, {"description": "Number of invoices by status"})
