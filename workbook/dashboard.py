"""The sheet Dashboard of a fresh workbook: what matters on one page."""

from __future__ import annotations

from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from workbook import layout
from workbook.facts import ALL_LINE, DRAFT, DRAFTS_LINE, IN_XERO, OPEN_LINE, SEEN_FINE, SEEN_LATE, SEEN_NEVER
from workbook.looks import HEADING, INK, PANEL, QUIET, RULE, SERIES, STATUS_COLOURS, Looks, set_up_page

Names = dict[str, tuple[str, int, int]]
"""Where each named cell stands: sheet, row and column, counted from 0."""

_WIDTHS = (2, 19, 16, 16, 3, 25, 14, 14, 14, 14, 14, 14)
_LEFT, _LEFT_END, _RIGHT, _RIGHT_END = 1, 3, 5, 11
_STEP_ROW, _TOP, _AGENT_ROW, _MONEY_ROW, _CHECKS_ROW = 4, 10, 16, 26, 43
_STATUS_ROW = _TOP + 2
_CURRENCY_ROW = f"${_TOP + 2}"
_VALUES = "HIJ"
"""The columns with what the invoices are worth, a currency each."""
_MONEY = "GHIJKL"
"""The columns with money in and out, two a currency."""
_FRESH_STEP = "Type the Start date on the sheet Settings, save, and run “autoxero test” on this computer."
_AMOUNT = '#,##0.00;-#,##0.00;"-"'
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
    _steps(sheet, looks, names)
    _connections(sheet, looks, names)
    _agent(sheet, looks, names)
    _statuses(sheet, looks, names)
    _money(sheet, looks, names)
    _charts(book, sheet)
    _checks(sheet, looks, names)
    set_up_page(sheet)
    sheet.fit_to_pages(1, 1)
    sheet.center_horizontally()


def _put(sheet: Worksheet, names: Names, name: str, place: tuple[int, int]) -> None:
    names[name] = (sheet.get_name(), *place)


def _head(sheet: Worksheet, looks: Looks, names: Names) -> None:
    sheet.set_row(0, 8)
    sheet.set_row(1, 36)
    sheet.write(1, _LEFT, "Not connected yet", looks.format(bold=True, font_size=24, font_color=HEADING,
                                                            valign="vcenter"))  # fmt: skip
    mode = (1, _RIGHT_END - 1, 1, _RIGHT_END)
    sheet.merge_range(*mode, "Preview", looks.format(bold=True, font_size=22, valign="vcenter", align="center"))
    sheet.write(2, _LEFT, "Invoices from Autotask to Xero", looks.quiet())
    sheet.write(2, _RIGHT, "Currency of the books", looks.quiet())
    sheet.write_blank(2, _RIGHT + 1, None, looks.format(font_color=QUIET, bold=True))
    sheet.write_blank(2, _RIGHT + 2, None, looks.quiet())
    looks.colours(
        {"Live": STATUS_COLOURS["Synced"], "Preview": STATUS_COLOURS["Synced with warnings"],
         "Paused": STATUS_COLOURS["Retrying"]},
        sheet, mode,
    )  # fmt: skip
    _put(sheet, names, "AutoXeroOrganisation", (1, _LEFT))
    _put(sheet, names, "AutoXeroMode", mode[:2])
    _put(sheet, names, layout.BASE_NAME, (2, _RIGHT + 1))
    _put(sheet, names, "AutoXeroTimeZone", (2, _RIGHT + 2))


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


def _steps(sheet: Worksheet, looks: Looks, names: Names) -> None:
    row = _STEP_ROW
    _section(sheet, looks, row, (_LEFT, _RIGHT_END), "Next step")
    step = looks.format(font_size=13, bold=True, text_wrap=True, valign="vcenter", bg_color=PANEL, indent=1)
    sheet.merge_range(row + 1, _LEFT, row + 1, _RIGHT_END, _FRESH_STEP, step)
    sheet.set_row(row + 1, 42)
    _put(sheet, names, "AutoXeroNextStep", (row + 1, _LEFT))
    told = (("What waits", "AutoXeroWaits"), ("What is broken", "AutoXeroBroken"))
    for at, (label, name) in enumerate(told, row + 2):
        _pair(sheet, looks, (at, _LEFT), _RIGHT_END, label, text_wrap=True, indent=1)
        sheet.set_row(at, 30)
        _put(sheet, names, name, (at, _LEFT + 1))


def _connections(sheet: Worksheet, looks: Looks, names: Names) -> None:
    _section(sheet, looks, _TOP, (_LEFT, _LEFT_END), "Connections")
    for row, label in enumerate(("Autotask", "Xero", "Mail"), _TOP + 1):
        _pair(sheet, looks, (row, _LEFT), _LEFT_END, label, bold=True, indent=1)
        sheet.write_string(row, _LEFT + 1, "Not connected yet", looks.format(
            bottom=1, bottom_color=RULE, align="left", valign="vcenter", bold=True, indent=1))  # fmt: skip
        _light(sheet, looks, (row, _LEFT + 1, row, _LEFT_END), "Connected")
        _put(sheet, names, f"AutoXero{label}", (row, _LEFT + 1))
    row = _TOP + 4
    _pair(sheet, looks, (row, _LEFT), _LEFT_END, "Told about faults", indent=1, text_wrap=True)
    looks.alarm(sheet, (row, _LEFT + 1, row, _LEFT_END), f'=LEFT($C{row + 1},6)="Nobody"')
    _put(sheet, names, "AutoXeroAlerted", (row, _LEFT + 1))


def _agent(sheet: Worksheet, looks: Looks, names: Names) -> None:
    top = _AGENT_ROW
    _section(sheet, looks, top, (_LEFT, _LEFT_END), "The agent")
    when = "yyyy-mm-dd hh:mm"
    _pair(sheet, looks, (top + 1, _LEFT), _LEFT_END, "Agent", bold=True, indent=1)
    light = looks.format(bottom=1, bottom_color=RULE, align="left", valign="vcenter", bold=True, indent=1)
    sheet.write_formula(top + 1, _LEFT + 1, _AGENT, light, SEEN_NEVER)
    _light(sheet, looks, (top + 1, _LEFT + 1, top + 1, _LEFT_END), SEEN_FINE)
    _put(sheet, names, layout.AGENT_NAME, (top + 1, _LEFT + 1))
    rows = (
        ("Last seen", "AutoXeroLastSeen", when),
        ("Last sync ended", "AutoXeroLastRun", when),
        ("It did", "AutoXeroLastResult", "@"),
        ("Next sync", "AutoXeroNextRun", when),
        ("Every (minutes)", "AutoXeroSyncEvery", "0"),
    )
    for row, (label, name, number) in enumerate(rows, top + 2):
        _pair(sheet, looks, (row, _LEFT), _LEFT_END, label, num_format=number, indent=1, shrink=True)
        _put(sheet, names, name, (row, _LEFT + 1))


def _statuses(sheet: Worksheet, looks: Looks, names: Names) -> None:
    _section(sheet, looks, _TOP, (_RIGHT, _RIGHT_END), "All invoices, and what they are worth")
    right = looks.format(bold=True, font_color=QUIET, align="right", valign="vcenter")
    sheet.write(_TOP + 1, _RIGHT + 1, "Invoices", right)
    for place in range(1, layout.CURRENCIES + 1):
        look = looks.format(bold=True, align="right", valign="vcenter", font_color=SERIES[place - 1])
        sheet.write_blank(_TOP + 1, _RIGHT + 1 + place, None, look)
        _put(sheet, names, layout.currency_name(place), (_TOP + 1, _RIGHT + 1 + place))
    oldest = looks.format(bold=True, font_color=QUIET, align="left", valign="vcenter", indent=2)
    sheet.merge_range(_TOP + 1, _RIGHT_END - 1, _TOP + 1, _RIGHT_END, "The oldest since", oldest)
    statuses = [status for status, _ in layout.STATUSES]
    first, last = _STATUS_ROW + 1, _STATUS_ROW + len(statuses)
    for row, status in enumerate(statuses, _STATUS_ROW):
        worth = f"SUMIFS(Invoices[Total],Invoices[Status],$F{row + 1},Invoices[Currency],§{_CURRENCY_ROW})"
        count = (layout.count_name(status), f"=COUNTIFS(Invoices[Status],$F{row + 1})")
        _status(sheet, looks, names, row, (status, *count, worth))
        if status in layout.SINCE:
            _put(sheet, names, layout.since_name(status), (row, _RIGHT_END - 1))
    at = {status: first + place for place, status in enumerate(statuses)}
    waits = at["Waiting"]
    area = (waits - 1, _RIGHT_END - 1, waits - 1, _RIGHT_END)
    looks.alarm(sheet, area, f"=AND(ISNUMBER($K{waits}),NOW()-$K{waits}>1)")
    in_drafts = f"Invoices[In Xero as],{_texts(DRAFT)}"
    lines = (
        (ALL_LINE, layout.ALL_NAME, f"=SUM(G{first}:G{last})", f"SUM(§{first}:§{last})"),
        (
            OPEN_LINE,
            layout.FAULTS_NAME,
            f"=G{at['Fault']}+G{at['Retrying']}",
            f"§{at['Fault']}+§{at['Retrying']}",
        ),
        (
            DRAFTS_LINE,
            layout.DRAFTS_NAME,
            f"=SUMPRODUCT(COUNTIFS({in_drafts}))",
            f"SUMPRODUCT(SUMIFS(Invoices[Xero total],{in_drafts},Invoices[Currency],§{_CURRENCY_ROW}))",
        ),
    )
    for row, line in enumerate(lines, last):
        _status(sheet, looks, names, row, line)
    row = last + len(lines)
    sheet.merge_range(row, _RIGHT, row, _RIGHT_END, "", looks.format(font_color=QUIET, valign="vcenter", indent=1))
    _put(sheet, names, layout.OTHERS_NAME, (row, _RIGHT))


def _texts(words: tuple[str, ...]) -> str:
    """The words as a constant of a formula."""
    return "{" + ",".join(f'"{word}"' for word in words) + "}"


def _status(sheet: Worksheet, looks: Looks, names: Names, row: int, line: tuple[str, str, str, str]) -> None:
    """A line of counts and values: its label, the count's name and formula, and the values' formula, § its column."""
    label, name, count, worth = line
    edge: dict[str, Any] = {"bottom": 1, "bottom_color": RULE, "valign": "vcenter"}
    sheet.set_row(row, 19)
    look = {"bold": True} if label == ALL_LINE else {"font_color": QUIET}
    if label in STATUS_COLOURS:
        fill, ink = STATUS_COLOURS[label]
        look = {"bg_color": fill, "font_color": ink, "bottom_color": "#FFFFFF"}
    sheet.write(row, _RIGHT, label, looks.format(**{**edge, "indent": 1, **look}))
    number = looks.format(num_format="#,##0", align="right", bold=True, **edge)
    sheet.write_formula(row, _RIGHT + 1, count, number, 0)
    _put(sheet, names, name, (row, _RIGHT + 1))
    amount = looks.format(num_format=_AMOUNT, align="right", bold=label == ALL_LINE, **edge)
    for place, column in enumerate(_VALUES, 1):
        formula = f'=IF(§{_CURRENCY_ROW}="","",{worth})'.replace("§", column)
        sheet.write_formula(row, _RIGHT + 1 + place, formula, amount, "")
        _put(sheet, names, layout.value_name(label, place), (row, _RIGHT + 1 + place))
    since = looks.format(num_format="yyyy-mm-dd hh:mm", align="left", indent=2, **edge)
    sheet.merge_range(row, _RIGHT_END - 1, row, _RIGHT_END, "", since)


def _money(sheet: Worksheet, looks: Looks, names: Names) -> None:
    row = _MONEY_ROW
    title = "Money in (invoices) and out (credit notes) in Xero, by month of the invoice in Autotask"
    _section(sheet, looks, row, (_RIGHT, _RIGHT_END), title)
    sheet.write(row + 1, _RIGHT, "Month", looks.format(bold=True, font_color=QUIET, valign="vcenter"))
    sums = row + 2 + layout.MONTHS
    for at in range(row + 1, sums + 1):
        sheet.set_row(at, 17)
    edge: dict[str, Any] = {"bottom": 1, "bottom_color": RULE, "valign": "vcenter"}
    for month in range(1, layout.MONTHS + 1):
        at = row + 1 + month
        sheet.write_blank(at, _RIGHT, None, looks.format(num_format="yyyy-mm", align="left", **edge))
        _put(sheet, names, layout.month_name(month), (at, _RIGHT))
    sheet.write(sums, _RIGHT, "Together", looks.format(bold=True, **edge))
    columns = [(place, way, kind) for place in range(1, layout.CURRENCIES + 1) for way, kind in layout.WAYS]
    for offset, (letter, (place, way, kind)) in enumerate(zip(_MONEY, columns, strict=True), _RIGHT + 1):
        currency = _VALUES[place - 1] + _CURRENCY_ROW
        heading = looks.format(bold=True, align="right", valign="vcenter", font_color=SERIES[place - 1])
        sheet.write_formula(row + 1, offset, f'=IF({currency}="","",{currency}&" {way.lower()}")', heading, "")
        _put(sheet, names, layout.heading_name(way, place), (row + 1, offset))
        amount = looks.format(num_format=_AMOUNT, align="right", **edge)
        for month in range(1, layout.MONTHS + 1):
            at = row + 1 + month
            sheet.write_formula(at, offset, _sum(at + 1, currency, kind), amount, "")
            _put(sheet, names, layout.money_name(month, place, way), (at, offset))
        total = f'=IF({currency}="","",SUM({letter}{row + 3}:{letter}{sums}))'
        sheet.write_formula(sums, offset, total, looks.format(num_format=_AMOUNT, align="right", bold=True, **edge), "")
        _put(sheet, names, layout.sum_name(place, way), (sums, offset))


def _sum(row: int, currency: str, kind: str) -> str:
    return (
        f'=IF(OR($F{row}="",{currency}=""),"",SUMPRODUCT(SUMIFS(Invoices[Xero total],Invoices[Type],"{kind}",'
        f"Invoices[Status],{_texts(IN_XERO)},Invoices[Currency],{currency},"
        f'Invoices[Date],">="&$F{row},Invoices[Date],"<"&EDATE($F{row},1))))'
    )


def _checks(sheet: Worksheet, looks: Looks, names: Names) -> None:
    """The lines of the last test, what is wrong first."""
    row = _CHECKS_ROW
    _section(sheet, looks, row, (_LEFT, _RIGHT_END), "The last test")
    sheet.write_blank(row, _RIGHT, None, looks.section())
    sheet.write_string(row, _RIGHT, "Run “autoxero test”, or press Test.", looks.section())
    _put(sheet, names, layout.TESTED_NAME, (row, _RIGHT))
    plain: dict[str, Any] = {"valign": "vcenter", "text_wrap": True}
    for line in range(1, layout.CHECKS + 1):
        at = row + line
        sheet.set_row(at, 28)
        sheet.write_blank(at, _LEFT, None, looks.format(font_color=QUIET, **plain))
        sheet.write_blank(at, _LEFT + 1, None, looks.format(bold=True, align="center", valign="vcenter"))
        sheet.merge_range(at, _LEFT + 2, at, _RIGHT_END, "", looks.format(indent=1, **plain))
        for column, part in enumerate(layout.CHECK_PARTS, _LEFT):
            _put(sheet, names, layout.check_name(line, part), (at, column))
    lights = (row + 1, _LEFT + 1, row + layout.CHECKS, _LEFT + 1)
    looks.colours(
        {"OK": STATUS_COLOURS["Synced"], "WARNING": STATUS_COLOURS["Synced with warnings"],
         "PROBLEM": STATUS_COLOURS["Fault"]},
        sheet, lights,
    )  # fmt: skip


def _charts(book: Workbook, sheet: Worksheet) -> None:
    for order, title in enumerate(("Money in: invoices by month", "Money out: credit notes by month")):
        chart = book.add_chart({"type": "column"})
        font = {"name": "Arial", "size": 8, "color": INK}
        first, last = _MONEY_ROW + 2, _MONEY_ROW + 1 + layout.MONTHS
        for place in range(layout.CURRENCIES):
            column = _RIGHT + 1 + 2 * place + order
            chart.add_series(
                {
                    "name": ["Dashboard", _MONEY_ROW + 1, column],
                    "categories": ["Dashboard", first, _RIGHT, last, _RIGHT],
                    "values": ["Dashboard", first, column, last, column],
                    "fill": {"color": SERIES[place]},
                    "gap": 50,
                }
            )
        chart.set_title({"name": title, "name_font": {**font, "size": 9, "bold": True}, "overlay": False})
        chart.set_legend({"none": True})
        axis = {"num_font": font, "num_format": "mmm", "text_axis": True, "line": {"color": RULE}}
        chart.set_x_axis({**axis, "label_position": "low"})
        grid = {"visible": True, "line": {"color": RULE, "width": 0.5}}
        chart.set_y_axis({"num_font": font, "num_format": "#,##0", "major_gridlines": grid, "line": {"none": True}})
        chart.set_size({"width": 376, "height": 176})
        chart.set_chartarea({"border": {"color": RULE}})
        sheet.insert_chart(
            _MONEY_ROW, _LEFT, chart,
            {"description": f"{title}; colours as in the headings beside it", "y_offset": 184 * order},
        )  # fmt: skip
