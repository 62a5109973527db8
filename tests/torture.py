"""A workbook as an accountant who likes Excel leaves it: own columns, charts, pivots, slicers, notes, queries …

The parts are put into the zip by hand, as Excel writes them, since no library writes them all.
"""

from __future__ import annotations

import base64
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbook.book import Book, Grid
from workbook.cells import column_number, letters, value_of
from workbook.package import Package
from workbook.splice import SheetReader, cells_of

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MICROSOFT = "http://schemas.microsoft.com/office"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_X14 = f"{_MICROSOFT}/spreadsheetml/2009/9/main"
_X15 = f"{_MICROSOFT}/spreadsheetml/2010/11/main"
_KIND = "application/vnd.openxmlformats-officedocument"
_EXCEL = "application/vnd.ms-excel"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
OWN_SHEET, PIVOT_SHEET = "Own figures", "Pivot"


@dataclass
class File:
    """The parts of a workbook while it is worked on."""

    path: Path
    parts: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with zipfile.ZipFile(self.path) as file:
            self.parts = {name: file.read(name) for name in file.namelist()}

    def edit(self, part: str, how: Callable[[str], str]) -> None:
        """Change a part; a change that changes nothing is a slip of the test."""
        before = self.parts[part].decode()
        after = how(before)
        assert after != before, part
        self.parts[part] = after.encode()

    def insert(self, part: str, before: str, text: str) -> None:
        """Put text before the last occurrence of another."""
        self.edit(part, lambda data: text.join((data[: data.rindex(before)], data[data.rindex(before) :])))

    def add(self, part: str, text: str | bytes, kind: str = "") -> None:
        """Add a part, with its content type."""
        assert part not in self.parts, part
        self.parts[part] = text if isinstance(text, bytes) else (_HEAD + text).encode()
        if kind:
            self.insert("[Content_Types].xml", "</Types>", f'<Override PartName="/{part}" ContentType="{kind}"/>')

    def relate(self, source: str, key: str, kind: str, target: str) -> None:
        """Add a relationship."""
        folder, _, name = source.rpartition("/")
        part = f"{folder}/_rels/{name}.rels".lstrip("/")
        if part not in self.parts:
            self.parts[part] = (
                f'{_HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
                "</Relationships>"
            ).encode()
        item = f'<Relationship Id="{key}" Type="{kind}" Target="{target}"/>'
        self.insert(part, "</Relationships>", item)

    def save(self) -> None:
        """Write the file."""
        with zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in self.parts.items():
                file.writestr(name, data)


def _shifted(at: int, by: int = 1) -> Callable[[re.Match[str]], str]:
    """Moves a reference that lies at a column or right of it."""

    def move(match: re.Match[str]) -> str:
        column = column_number(match[2])
        return f"{match[1]}{letters(column + by if column >= at else column)}{match[3]}"

    return move


def _move_columns(data: str, at: int) -> str:
    """The sheet with a blank column put in, as Excel does it."""
    data = re.sub(r'(<c r=")([A-Z]+)(\d+")', _shifted(at), data)
    move_all = re.compile(r"(\b)([A-Z]{1,3})(\d+\b)")
    data = re.sub(r'sqref="[^"]*"', lambda match: move_all.sub(_shifted(at), match[0]), data)
    data = re.sub(r"<formula>[^<]*</formula>", lambda match: move_all.sub(_shifted(at), match[0]), data)

    def widths(match: re.Match[str]) -> str:
        first, last = int(match[1]), int(match[2])
        return f'<col min="{first + (first >= at)}" max="{last + (last >= at)}"'

    return re.sub(r'<col min="(\d+)" max="(\d+)"', widths, data)


def own_column(
    path: Path, table: str, before: str, heading: str, cell: Callable[[int], str], calculated: str = ""
) -> None:
    """Put a column of the accountant's into a table, before one of ours.

    Args:
        path: The workbook.
        table: The table.
        before: The column of ours that it is put before.
        heading: Its heading.
        cell: What stands in its data rows, by row: the cell's attributes and content from behind its place.
        calculated: The formula of a calculated column.
    """
    grid = Book(Package.read(path)).grids[table]
    at = grid.columns[before]
    file = File(path)
    sheet = file.parts[grid.sheet].decode()
    sheet = _move_columns(sheet, at)
    for row in range(grid.area.top, grid.area.bottom + 1):
        text = f' t="inlineStr"><is><t>{heading}</t></is></c>' if row < grid.first else cell(row)
        sheet = _put(sheet, at, row, f'<c r="{letters(at)}{row}"{text}')
    file.parts[grid.sheet] = sheet.encode()
    _widen_tables(file, grid, Book(Package.read(path)).grids, heading, calculated, before)
    file.save()


def drop_column(path: Path, table: str, heading: str) -> None:
    """Delete a column of a table as Excel does: what stands right of it moves left."""
    grid = Book(Package.read(path)).grids[table]
    gone = grid.columns[heading]
    file = File(path)

    def cells(data: str) -> str:
        data = re.sub(rf'<c r="{letters(gone)}\d+"[^>]*?(?:/>|>.*?</c>)', "", data)
        for column in range(gone + 1, grid.area.right + 1):
            data = re.sub(rf'(<c r="){letters(column)}(\d+")', rf"\g<1>{letters(column - 1)}\g<2>", data)
        return data

    def table_part(data: str) -> str:
        data = re.sub(rf'<tableColumn id="\d+" name="{heading}"/>', "", data)
        data = re.sub(r'tableColumns count="\d+"', f'tableColumns count="{len(grid.columns) - 1}"', data)
        return data.replace(f":{letters(grid.area.right)}", f":{letters(grid.area.right - 1)}")

    file.edit(grid.sheet, cells)
    file.edit(grid.part, table_part)
    file.save()


def add_column(path: Path, table: str, heading: str, number: int) -> str:
    """Add a column at a table's right end, as Excel does when people type beside it; gives its letters."""
    grid = Book(Package.read(path)).grids[table]
    right = letters(grid.area.right + 1)
    file = File(path)

    def table_part(data: str) -> str:
        data = data.replace(f":{letters(grid.area.right)}", f":{right}")
        data = data.replace(
            f'tableColumns count="{len(grid.columns)}"', f'tableColumns count="{len(grid.columns) + 1}"'
        )
        column = f'<tableColumn id="{number}" name="{heading}"/></tableColumns>'
        return data.replace("</tableColumns>", column)

    def cells(data: str) -> str:
        for row in range(grid.area.top, grid.last + 1):
            text = heading if row == grid.area.top else f"{heading} {row}"
            cell = f'<c r="{right}{row}" t="inlineStr"><is><t>{text}</t></is></c></row>'
            data = re.sub(rf'(<row r="{row}"(?:(?!</row>).)*)</row>', lambda m, cell=cell: m[1] + cell, data)  # type: ignore[misc]
        return data

    file.edit(grid.part, table_part)
    file.edit(grid.sheet, cells)
    file.save()
    return right


def _put(sheet: str, at: int, row: int, cell: str) -> str:
    match = re.search(rf'<row r="{row}"[^>]*?(?:/>|>(.*?)</row>)', sheet, re.DOTALL)
    assert match, row
    cells = re.findall(r"<c [^>]*?(?:/>|>.*?</c>)", match[1] or "", re.DOTALL)
    placed = {column_number(re.findall(r'r="([A-Z]+)', item)[0]): item for item in cells}
    placed[at] = cell
    head = re.match(r"<row [^>]*?(?=/?>)", match[0])
    assert head
    opening = re.sub(r' spans="[^"]*"', "", head[0])
    new = opening + ">" + "".join(item for _, item in sorted(placed.items())) + "</row>"
    return sheet[: match.start()] + new + sheet[match.end() :]


def _widen_tables(
    file: File, grid: Grid, grids: Mapping[str, Grid], heading: str, calculated: str, before: str
) -> None:
    at = grid.columns[before]
    for other in grids.values():
        if other.sheet != grid.sheet or other.area.right < at:
            continue
        moved = re.compile(r'(ref=")([A-Z]+)(\d+:)([A-Z]+)(\d+")')
        left = other.area.left + (other.area.left >= at and other.name != grid.name)
        right = other.area.right + 1
        wider = rf"\g<1>{letters(left)}\g<3>{letters(right)}\g<5>"
        part = file.parts[other.part].decode()
        file.parts[other.part] = moved.sub(wider, part).encode()
    count = len(grid.columns) + 1
    body = f"<calculatedColumnFormula>{calculated}</calculatedColumnFormula>" if calculated else ""
    column = f'<tableColumn id="{900 + count}" name="{heading}">{body}</tableColumn>'

    def add(data: str) -> str:
        data = re.sub(r'<tableColumns count="\d+"', f'<tableColumns count="{count}"', data)
        return re.sub(rf'(<tableColumn id="\d+" name="{re.escape(before)}")', lambda match: column + match[1], data)

    file.edit(grid.part, add)


def sort_rows(path: Path, table: str, order: Callable[[list[int]], list[int]]) -> None:
    """Sort a table as Excel does: cells change rows, their formulas with them; rows that are hidden stay.

    Args:
        path: The workbook.
        table: The table.
        order: Gives for the rows that are shown, from the top, which of them stands there afterwards.
    """
    grid = Book(Package.read(path)).grids[table]
    file = File(path)
    data = file.parts[grid.sheet].decode()
    rows = {int(match[1]): match for match in re.finditer(r'<row r="(\d+)"[^>]*>(.*?)</row>', data, re.DOTALL)}
    shown = [row for row in range(grid.first, grid.last + 1) if "hidden" not in rows[row][0].split(">")[0]]
    pieces, at = [], 0
    for row, origin in zip(shown, order(shown), strict=True):
        body = re.sub(rf"(?<=[A-Z]){origin}(?=\"|\*)", str(row), rows[origin][2])
        pieces += [data[at : rows[row].start(2)], body]
        at = rows[row].end(2)
    file.parts[grid.sheet] = ("".join(pieces) + data[at:]).encode()
    file.save()


def filter_rows(path: Path, table: str, heading: str, value: str) -> None:
    """Filter a table by one value of a column, as Excel does: the rows that hold another are hidden."""
    book = Book(Package.read(path))
    grid = book.grids[table]
    place = grid.columns[heading]
    wanted = f'<filters><filter val="{value.replace("&", "&amp;")}"/></filters>'
    column = f'<filterColumn colId="{place - grid.area.left}">{wanted}</filterColumn>'
    old = re.compile(r'<autoFilter (ref="[^"]*")(?:/>|>.*?</autoFilter>)')
    file = File(path)
    file.edit(grid.part, lambda data: old.sub(rf"<autoFilter \1>{column}</autoFilter>", data))
    data = file.parts[grid.sheet].decode()
    for number, row in SheetReader(book.package.pieces(grid.sheet)).rows():
        if grid.first <= number <= grid.last:
            raw = cells_of(row).get(place, b"<c/>")
            look = "" if value_of(raw, book.shared) == value else ' hidden="1"'
            data = re.sub(rf'(<row r="{number}"[^>]*?)(?: hidden="1")?([^>]*>)', rf"\1{look}\2", data)
    file.parts[grid.sheet] = data.encode()
    file.save()


def own_style(path: Path) -> int:
    """Add a look to the workbook's; gives its number."""
    file = File(path)
    data = file.parts["xl/styles.xml"].decode()
    block = re.search(r'<cellXfs count="(\d+)">', data)
    assert block
    count = int(block[1])
    xf = '<xf numFmtId="10" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs>'
    data = data.replace("</cellXfs>", xf).replace(block[0], f'<cellXfs count="{count + 1}">')
    file.parts["xl/styles.xml"] = data.encode()
    file.save()
    return count


def add_everything(path: Path) -> None:
    """Add the foreign parts to a workbook: what Excel, its add-ins and other people put into files."""
    grids = Book(Package.read(path)).grids
    file = File(path)
    _own_sheet(file)
    _drawing(file)
    _pivot(file)
    _slicer(file, grids["Invoices"])
    _notes(file, grids["Invoices"])
    _query(file)
    _others(file)
    _own_looks(file, grids["Invoices"])
    file.save()


def _own_sheet(file: File) -> None:
    cells = (
        '<row r="1"><c r="A1"><f>SUM(Invoices[Total])</f><v>0</v></c><c r="B1"><f>Invoices!$G$5&amp;"!"</f></c></row>'
        '<row r="2"><c r="A2"><v>3</v></c><c r="B2"><v>1</v></c><c r="C2"><v>2</v></c></row>'
    )
    spark = (
        f'<ext xmlns:x14="{_X14}" uri="{{05C60535-1F16-4fd2-B633-F4F36F0B64E0}}"><x14:sparklineGroups '
        'xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"><x14:sparklineGroup displayEmptyCellsAs="gap">'
        "<x14:colorSeries rgb=\"FF376092\"/><x14:sparklines><x14:sparkline><xm:f>'Own figures'!A2:C2</xm:f>"
        "<xm:sqref>D2</xm:sqref></x14:sparkline></x14:sparklines></x14:sparklineGroup></x14:sparklineGroups></ext>"
    )
    slicers = (
        f'<ext xmlns:x15="{_X15}" uri="{{3A4CF648-6AED-40f4-86FF-DC5316D8AED3}}"><x14:slicerList xmlns:x14="{_X14}">'
        '<x14:slicer r:id="rId2"/></x14:slicerList></ext>'
    )
    sheet = (
        f'<worksheet xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheetData>{cells}</sheetData><autoFilter ref="A2:C2"/>'
        '<conditionalFormatting sqref="A1:C2"><cfRule type="cellIs" priority="1" operator="greaterThan">'
        '<formula>2</formula></cfRule></conditionalFormatting><drawing r:id="rId1"/>'
        f"<extLst>{spark}{slicers}</extLst></worksheet>"
    )
    file.add("xl/worksheets/sheet91.xml", sheet, f"{_KIND}.spreadsheetml.worksheet+xml")
    _list_sheet(file, OWN_SHEET, 91, "worksheets/sheet91.xml")


def _list_sheet(file: File, name: str, number: int, target: str) -> None:
    file.insert("xl/workbook.xml", "</sheets>", f'<sheet name="{name}" sheetId="{number}" r:id="rIdS{number}"/>')
    file.relate("xl/workbook.xml", f"rIdS{number}", f"{_OFFICE}/worksheet", target)


def _drawing(file: File) -> None:
    sheet, drawing, chart = "xl/worksheets/sheet91.xml", "xl/drawings/drawing91.xml", "xl/charts/chart91.xml"
    draw = "http://schemas.openxmlformats.org/drawingml/2006"

    def anchor(row: int, body: str) -> str:
        return (
            f"<xdr:twoCellAnchor><xdr:from><xdr:col>4</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>{row}</xdr:row>"
            f"<xdr:rowOff>0</xdr:rowOff></xdr:from><xdr:to><xdr:col>9</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>"
            f"{row + 8}</xdr:row><xdr:rowOff>0</xdr:rowOff></xdr:to>{body}<xdr:clientData/></xdr:twoCellAnchor>"
        )

    place = '<a:xfrm><a:off x="0" y="0"/><a:ext cx="900000" cy="900000"/></a:xfrm><a:prstGeom prst="rect"/>'
    zero = '<xdr:xfrm><a:off x="0" y="0"/><a:ext cx="0" cy="0"/></xdr:xfrm>'
    picture = (
        '<xdr:pic><xdr:nvPicPr><xdr:cNvPr id="2" name="Logo"/><xdr:cNvPicPr/></xdr:nvPicPr><xdr:blipFill>'
        '<a:blip r:embed="rId2"/><a:stretch><a:fillRect/></a:stretch></xdr:blipFill>'
        f"<xdr:spPr>{place}</xdr:spPr></xdr:pic>"
    )
    text = (
        '<xdr:sp><xdr:nvSpPr><xdr:cNvPr id="3" name="Words"/><xdr:cNvSpPr txBox="1"/></xdr:nvSpPr>'
        f"<xdr:spPr>{place}</xdr:spPr><xdr:txBody><a:bodyPr/><a:p><a:r><a:t>Ask Ann before month end</a:t></a:r></a:p>"
        "</xdr:txBody></xdr:sp>"
    )
    graph = (
        '<xdr:graphicFrame macro=""><xdr:nvGraphicFramePr><xdr:cNvPr id="4" name="Totals"/><xdr:cNvGraphicFramePr/>'
        f'</xdr:nvGraphicFramePr>{zero}<a:graphic><a:graphicData uri="{draw}/chart"><c:chart xmlns:c="{draw}/chart" '
        'r:id="rId1"/></a:graphicData></a:graphic></xdr:graphicFrame>'
    )
    slicer = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f'<mc:Choice xmlns:sle15="{_MICROSOFT}/drawing/2012/slicer" Requires="sle15"><xdr:graphicFrame macro="">'
        '<xdr:nvGraphicFramePr><xdr:cNvPr id="5" name="Status"/><xdr:cNvGraphicFramePr/></xdr:nvGraphicFramePr>'
        f'{zero}<a:graphic><a:graphicData uri="{_MICROSOFT}/drawing/2010/slicer"><sle:slicer '
        f'xmlns:sle="{_MICROSOFT}/drawing/2010/slicer" name="Status"/></a:graphicData></a:graphic>'
        "</xdr:graphicFrame></mc:Choice><mc:Fallback/></mc:AlternateContent>"
    )
    shapes = anchor(3, picture) + anchor(13, text) + anchor(23, graph) + anchor(33, slicer)
    root = f'<xdr:wsDr xmlns:xdr="{draw}/spreadsheetDrawing" xmlns:a="{draw}/main" xmlns:r="{_OFFICE}">{shapes}'
    file.add(drawing, root + "</xdr:wsDr>", f"{_KIND}.drawing+xml")
    file.relate(sheet, "rId1", f"{_OFFICE}/drawing", "../drawings/drawing91.xml")
    values = "<c:val><c:numRef><c:f>Invoices!$P$5:$P$20</c:f></c:numRef></c:val>"
    chart_xml = (
        f'<c:chartSpace xmlns:c="{draw}/chart" xmlns:a="{draw}/main"><c:chart><c:plotArea><c:barChart>'
        f'<c:barDir val="col"/><c:ser><c:idx val="0"/><c:order val="0"/>{values}</c:ser><c:axId val="1"/>'
        '<c:axId val="2"/></c:barChart><c:catAx><c:axId val="1"/><c:scaling/><c:axPos val="b"/><c:crossAx val="2"/>'
        '</c:catAx><c:valAx><c:axId val="2"/><c:scaling/><c:axPos val="l"/><c:crossAx val="1"/></c:valAx>'
        "</c:plotArea></c:chart></c:chartSpace>"
    )
    file.add(chart, chart_xml, f"{_KIND}.drawingml.chart+xml")
    file.relate(drawing, "rId1", f"{_OFFICE}/chart", "../charts/chart91.xml")
    file.add("xl/media/image91.png", _PIXEL)
    file.edit("[Content_Types].xml", lambda data: data.replace(
        "<Override", '<Default Extension="png" ContentType="image/png"/><Override', 1))  # fmt: skip
    file.relate(drawing, "rId2", f"{_OFFICE}/image", "../media/image91.png")


def _pivot(file: File) -> None:
    cache, table = "xl/pivotCache/pivotCacheDefinition1.xml", "xl/pivotTables/pivotTable1.xml"
    fields = (
        '<cacheField name="Status" numFmtId="0"><sharedItems count="1"><s v="Synced"/></sharedItems></cacheField>'
        '<cacheField name="Total" numFmtId="0"><sharedItems containsSemiMixedTypes="0" containsString="0" '
        'containsNumber="1" minValue="1" maxValue="1"/></cacheField>'
    )
    file.add(
        cache,
        f'<pivotCacheDefinition xmlns="{_MAIN}" xmlns:r="{_OFFICE}" r:id="rId1" refreshOnLoad="0" recordCount="1">'
        '<cacheSource type="worksheet"><worksheetSource name="Invoices"/></cacheSource>'
        f'<cacheFields count="2">{fields}</cacheFields></pivotCacheDefinition>',
        f"{_KIND}.spreadsheetml.pivotCacheDefinition+xml",
    )
    file.add(
        "xl/pivotCache/pivotCacheRecords1.xml",
        f'<pivotCacheRecords xmlns="{_MAIN}" count="1"><r><x v="0"/><n v="1"/></r></pivotCacheRecords>',
        f"{_KIND}.spreadsheetml.pivotCacheRecords+xml",
    )
    file.relate(cache, "rId1", f"{_OFFICE}/pivotCacheRecords", "pivotCacheRecords1.xml")
    file.add(
        table,
        f'<pivotTableDefinition xmlns="{_MAIN}" name="ByStatus" cacheId="7" dataCaption="Values">'
        '<location ref="A3:B5" firstHeaderRow="1" firstDataRow="1" firstDataCol="1"/><pivotFields count="2">'
        '<pivotField axis="axisRow"><items count="2"><item x="0"/><item t="default"/></items></pivotField>'
        '<pivotField dataField="1"/></pivotFields><rowFields count="1"><field x="0"/></rowFields>'
        '<rowItems count="2"><i><x/></i><i t="grand"><x/></i></rowItems><colItems count="1"><i/></colItems>'
        '<dataFields count="1"><dataField name="Sum of Total" fld="1"/></dataFields></pivotTableDefinition>',
        f"{_KIND}.spreadsheetml.pivotTable+xml",
    )
    file.relate(table, "rId1", f"{_OFFICE}/pivotCacheDefinition", "../pivotCache/pivotCacheDefinition1.xml")
    sheet = "xl/worksheets/sheet92.xml"
    file.add(
        sheet,
        f'<worksheet xmlns="{_MAIN}"><sheetData><row r="3"><c r="A3" t="inlineStr"><is><t>Row</t></is></c></row>'
        "</sheetData></worksheet>",
        f"{_KIND}.spreadsheetml.worksheet+xml",
    )
    file.relate(sheet, "rId1", f"{_OFFICE}/pivotTable", "../pivotTables/pivotTable1.xml")
    _list_sheet(file, PIVOT_SHEET, 92, "worksheets/sheet92.xml")
    file.relate(
        "xl/workbook.xml", "rIdPivot", f"{_OFFICE}/pivotCacheDefinition", "pivotCache/pivotCacheDefinition1.xml"
    )
    file.insert(
        "xl/workbook.xml", "</workbook>", '<pivotCaches><pivotCache cacheId="7" r:id="rIdPivot"/></pivotCaches>'
    )


def _slicer(file: File, invoices: Grid) -> None:
    table = re.search(r'<table [^>]*?\bid="(\d+)"', file.parts[invoices.part].decode())
    assert table
    file.add(
        "xl/slicerCaches/slicerCache1.xml",
        f'<slicerCacheDefinition xmlns="{_X14}" name="Slicer_Status" sourceName="Status"><extLst><x:ext '
        f'xmlns:x="{_MAIN}" xmlns:x15="{_X15}" uri="{{2F2917AC-EB37-4324-AD4E-5DD8C200BD13}}">'
        f'<x15:tableSlicerCache tableId="{table[1]}" column="2"/></x:ext></extLst></slicerCacheDefinition>',
        f"{_EXCEL}.slicerCache+xml",
    )
    file.relate("xl/workbook.xml", "rIdCache", f"{_MICROSOFT}/2007/relationships/slicerCache",
                "slicerCaches/slicerCache1.xml")  # fmt: skip
    file.insert(
        "xl/workbook.xml",
        "</workbook>",
        f'<extLst><ext xmlns:x15="{_X15}" uri="{{46BE6895-7355-4a93-B00E-2C351335B9C9}}"><x15:slicerCaches '
        f'xmlns:x14="{_X14}"><x14:slicerCache r:id="rIdCache"/></x15:slicerCaches></ext></extLst>',
    )
    file.add(
        "xl/slicers/slicer1.xml",
        f'<slicers xmlns="{_X14}"><slicer name="Status" cache="Slicer_Status" caption="Status" rowHeight="241300"/>'
        "</slicers>",
        f"{_EXCEL}.slicer+xml",
    )
    file.relate(
        "xl/worksheets/sheet91.xml", "rId2", f"{_MICROSOFT}/2007/relationships/slicer", "../slicers/slicer1.xml"
    )


NOTED = {"B7": "Ask Ann about this one", "H9": "Paid in cash"}
"""The notes on Invoices by place."""


def _notes(file: File, invoices: Grid) -> None:
    notes = "".join(
        f'<comment ref="{ref}" authorId="0"><text><t>{text}</t></text></comment>' for ref, text in NOTED.items()
    )
    threaded = '<comment ref="D8" authorId="1"><text><t>[Threaded comment] Is this right?</t></text></comment>'
    file.add(
        "xl/comments91.xml",
        f'<comments xmlns="{_MAIN}"><authors><author>Ann</author>'
        "<author>tc={5E1D6E3C-0C0E-4B5E-9B0A-6A2C9A7B0001}</author></authors>"
        f"<commentList>{notes}{threaded}</commentList></comments>",
        f"{_KIND}.spreadsheetml.comments+xml",
    )
    shapes = "".join(
        f'<v:shape id="_x0000_s{1025 + number}" type="#_x0000_t202" style="visibility:hidden"><x:ClientData '
        f'ObjectType="Note"><x:Row>{int(re.sub(r"[A-Z]", "", ref)) - 1}</x:Row>'
        f"<x:Column>{column_number(re.sub(r'[0-9]', '', ref)) - 1}</x:Column></x:ClientData></v:shape>"
        for number, ref in enumerate([*NOTED, "D8"])
    )
    file.add(
        "xl/drawings/vmlDrawing91.vml",
        b'<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
        b'xmlns:x="urn:schemas-microsoft-com:office:excel">%b</xml>' % shapes.encode(),
    )
    vml = f'<Default Extension="vml" ContentType="{_KIND}.vmlDrawing"/><Override'
    file.edit("[Content_Types].xml", lambda data: data.replace("<Override", vml, 1))
    sheet = invoices.sheet
    file.relate(sheet, "rIdVml", f"{_OFFICE}/vmlDrawing", "../drawings/vmlDrawing91.vml")
    file.relate(sheet, "rIdNotes", f"{_OFFICE}/comments", "../comments91.xml")
    file.insert(sheet, "<tableParts", '<legacyDrawing r:id="rIdVml"/>')
    file.add(
        "xl/threadedComments/threadedComment1.xml",
        f'<ThreadedComments xmlns="{_MICROSOFT}/spreadsheetml/2018/threadedcomments"><threadedComment ref="D8" '
        'dT="2026-11-02T09:00:00.00" personId="{8E0B0F8E-1111-4222-8333-000000000001}" '
        'id="{5E1D6E3C-0C0E-4B5E-9B0A-6A2C9A7B0001}"><text>Is this right?</text></threadedComment></ThreadedComments>',
        f"{_EXCEL}.threadedcomments+xml",
    )
    newer = f"{_MICROSOFT}/2017/10/relationships"
    file.relate(sheet, "rIdThread", f"{newer}/threadedComment", "../threadedComments/threadedComment1.xml")
    file.add(
        "xl/persons/person.xml",
        f'<personList xmlns="{_MICROSOFT}/spreadsheetml/2018/threadedcomments"><person displayName="Ann" '
        'id="{8E0B0F8E-1111-4222-8333-000000000001}" userId="ann" providerId="None"/></personList>',
        f"{_EXCEL}.person+xml",
    )
    file.relate("xl/workbook.xml", "rIdPerson", f"{newer}/person", "persons/person.xml")


def _query(file: File) -> None:
    """Power Query and the data model."""
    mashup = '<DataMashup xmlns="http://schemas.microsoft.com/DataMashup">AAAAAEEDAABQSwMEFAACAAgA</DataMashup>'
    file.add("customXml/item1.xml", mashup)
    file.add(
        "customXml/itemProps1.xml",
        '<ds:datastoreItem ds:itemID="{0F0E0D0C-1111-4222-8333-000000000002}" '
        'xmlns:ds="http://schemas.openxmlformats.org/officeDocument/2006/customXml"><ds:schemaRefs/>'
        "</ds:datastoreItem>",
        f"{_KIND}.customXmlProperties+xml",
    )
    file.relate("customXml/item1.xml", "rId1", f"{_OFFICE}/customXmlProps", "itemProps1.xml")
    file.relate("xl/workbook.xml", "rIdQuery", f"{_OFFICE}/customXml", "../customXml/item1.xml")
    file.add("xl/model/item.data", bytes(range(256)) * 40, f"{_KIND}.model+data")
    kind = f"{_MICROSOFT}/2011/relationships/powerPivotData"
    file.relate("xl/workbook.xml", "rIdModel", kind, "model/item.data")


def _others(file: File) -> None:
    """A second ribbon, and the signature of the macros."""
    ribbon = f'<customUI xmlns="{_MICROSOFT}/2009/07/customui"><ribbon/></customUI>'
    file.add("customUI/customUI14.xml", ribbon)
    file.relate("", "rIdRibbon14", f"{_MICROSOFT}/2007/relationships/ui/extensibility", "customUI/customUI14.xml")
    file.add("xl/vbaProjectSignature.bin", b"\x30\x82signed" * 60, "application/vnd.ms-office.vbaProjectSignature")
    kind = f"{_MICROSOFT}/2006/relationships/vbaProjectSignature"
    file.relate("xl/vbaProject.bin", "rId1", kind, "vbaProjectSignature.bin")


def _own_looks(file: File, invoices: Grid) -> None:
    """Formats, a filter, a width and names of the accountant's."""
    rule = (
        f'<conditionalFormatting sqref="{letters(invoices.columns["Total"])}5:'
        f'{letters(invoices.columns["Total"])}{invoices.last}"><cfRule type="cellIs" priority="77" '
        'operator="greaterThan"><formula>5000</formula></cfRule></conditionalFormatting>'
    )
    file.edit(
        invoices.sheet,
        lambda data: (
            re.sub(r"<conditionalFormatting", rule + "<conditionalFormatting", data, count=1)
            .replace('max="1" width="11.7109375"', 'max="1" width="31.5"', 1)
            .replace('<row r="6"', '<row r="6" hidden="1"', 1)
        ),
    )
    wanted = '<filterColumn colId="1"><filters><filter val="Synced"/></filters></filterColumn>'
    file.edit(
        invoices.part,
        lambda data: re.sub(r'(<autoFilter ref="[^"]*")/>', rf"\1>{wanted}</autoFilter>", data),
    )
    own = "<definedName name=\"ZZ_Ann\">'Own figures'!$A$1:$C$2</definedName>"
    file.insert("xl/workbook.xml", "</definedNames>", own)
