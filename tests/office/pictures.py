"""Makes the pictures of docs/pictures anew, from the demonstration: ``python -m tests.office.pictures``.

LibreOffice opens the demonstration's workbook and prints areas of its sheets, each on a page of just its size: so no
row is cut. The buttons' pictures show a sheet before and after: the real macro runs, and the real agent answers it.
The tab is a drawing, made from ``macros/ribbon.xml``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten

from lxml import etree
from rich.console import Console

from agent.demo import Demo, _prepare, _syncs
from agent.pretend.cloud import Cloud
from agent.pretend.world import build_world
from agent.service import installed_version
from agent.verbs import test
from tests.office.test_ribbon import PYTHON, LibreOffice
from tests.support import Practice, support
from tests.system.test_service import going, until
from workbook.build import MACROS
from workbook.project import Projection, project

TARGET = Path(__file__).parents[2] / "docs" / "pictures"
PROGRAMS = ("soffice", "pdftoppm", "convert", "chromium", PYTHON)
FONT = "Liberation-Sans"
_INVOICES = 64
_LONGEST = 400
"""Characters of an answer that a picture shows."""

_PRINT = """
Public Sub SavePdf(ByVal sheetName As String, ByVal area As String, ByVal hidden As String, ByVal address As String)
    Dim chosen(0) As New com.sun.star.beans.PropertyValue
    Dim options(1) As New com.sun.star.beans.PropertyValue
    Dim sheet As Object, cells As Object, page As Object
    Set sheet = ThisComponent.Sheets.getByName(sheetName)
    Show sheet, hidden, False
    Set cells = sheet.getCellRangeByName(area)
    Set page = ThisComponent.StyleFamilies.getByName("PageStyles").getByName(sheet.PageStyle)
    page.HeaderIsOn = False
    page.FooterIsOn = False
    page.PageScale = 100
    page.TopMargin = 200
    page.BottomMargin = 200
    page.LeftMargin = 200
    page.RightMargin = 200
    page.Width = cells.Size.Width + 600
    page.Height = cells.Size.Height + 600
    sheet.removeAllManualPageBreaks
    sheet.setPrintTitleRows False
    sheet.setPrintTitleColumns False
    chosen(0).Name = "Selection"
    Set chosen(0).Value = cells
    options(0).Name = "FilterName"
    options(0).Value = "calc_pdf_Export"
    options(1).Name = "FilterData"
    options(1).Value = CreateUnoValue("[]com.sun.star.beans.PropertyValue", chosen)
    ThisComponent.storeToURL address, options
    Show sheet, hidden, True
End Sub
Private Sub Show(ByVal sheet As Object, ByVal hidden As String, ByVal isShown As Boolean)
    Dim part As Variant
    For Each part In Split(hidden)
        If IsNumeric(Left(part, 1)) Then
            sheet.getCellRangeByName(part).Rows.IsVisible = isShown
        Else
            sheet.getCellRangeByName(part).Columns.IsVisible = isShown
        End If
    Next part
End Sub
"""
"""Prints an area on a page of its size, without the rows and columns that are to be hidden."""


@dataclass(frozen=True)
class Picture:
    """A part of a sheet.

    Attributes:
        name: The file's name.
        sheet: The sheet.
        area: What is shown; a button's picture may name its row, ``{row}``.
        hidden: The rows and columns in it that are left out, as if the sheet were scrolled under its headings.
        is_sent: Whether it is of the finished demonstration; else of the office before its first live sync.
    """

    name: str
    sheet: str
    area: str
    hidden: str = ""
    is_sent: bool = True


PICTURES = (
    Picture("dashboard", "Dashboard", "A1:L51"),
    Picture("invoices", "Invoices", "A1:R62", "5:21"),
    Picture("invoices-more", "Invoices", "A1:Z62", "5:21 E:R"),
    Picture("faults", "Faults", "A1:L21"),
    Picture("preview", "Preview", "A1:M58", "5:28", is_sent=False),
    Picture("preview-lines", "Preview", "O3:W24", is_sent=False),
    Picture("reconcile", "Reconcile", "A1:F49"),
    Picture("reconcile-months", "Reconcile", "H3:V55", "5:24"),
    Picture("reconcile-why", "Reconcile", "H3:Z55", "5:24 K:V"),
    Picture("reconcile-accounts", "Reconcile", "AB3:AL20"),
    Picture("reconcile-others", "Reconcile", "AN3:AY5"),
    Picture("mappings", "Mappings", "A1:F15"),
    Picture("mappings-tax", "Mappings", "H3:M11"),
    Picture("mappings-contacts", "Mappings", "O3:V6"),
    Picture("mappings-tracking", "Mappings", "X3:AB5"),
    Picture("settings", "Settings", "A1:E36"),
    Picture("settings-more", "Settings", "A4:E59", "5:36"),
    Picture("log", "Log", "A1:G26"),
    Picture("help", "Help", "A1:G36"),
    Picture("help-faults", "Help", "A38:G54"),
)


@dataclass(frozen=True)
class Action:
    """A button, and the sheet before and after it was pressed.

    Attributes:
        label: The button's label.
        macro: What it calls.
        picture: The part of the sheet.
        number: The invoice in Autotask whose row is selected.
        before: What somebody did before.
        meanwhile: What somebody did since the agent's last run by the clock.
        story: What that was, in words.
        given: With what the macro is called, where that is more than the control.
        asks: Whether it asks the agent.
        opens: What it shows, where that is another part of the workbook.
        changes: Whether anything is to be seen on a sheet afterwards.
        said: What it says in Excel, where LibreOffice cannot do it all.
    """

    label: str
    macro: str
    picture: Picture
    number: str = ""
    before: Callable[[Practice], object] | None = None
    meanwhile: Callable[[Practice], object] | None = None
    story: str = ""
    given: tuple[object, ...] = ()
    asks: bool = True
    opens: Picture | None = None
    changes: bool = True
    said: str = ""


def _row(name: str, hidden: str = "C:C F:F H:N P:U") -> Picture:
    """The picture of one row of Invoices."""
    return Picture(f"button-{name}", "Invoices", "B4:X{row}", f"5:{{above}} {hidden}")


def _restore(practice: Practice) -> None:
    practice.cloud.xero.contact("Archived Antiques").status = "ACTIVE"


def _delete(practice: Practice) -> None:
    practice.cloud.xero.change("AT-1030", status="DELETED")
    practice.sync(is_asked=True)


def _map(practice: Practice) -> None:
    practice.map("AccountMap", "Xero account", ("Legacy Hosting", ""), "200 · Sales")


def _map_survey(practice: Practice) -> None:
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200 · Sales")


def _overtype(practice: Practice) -> None:
    project(practice.workbook, Projection(edits={"Invoices": {("44",): {"Status": "Paid?", "Customer": "Lakside"}}}))


def _add(practice: Practice) -> None:
    practice.world.invoice("Lakeside Lodge", [support("4")])


def _lack_contact(practice: Practice) -> None:
    practice.set(Create_missing_contacts="No")
    practice.world.company("Totara Timber", in_xero=False)
    practice.world.invoice("Totara Timber", [support("3")], number="AT-2001")
    practice.sync()


def _setting(name: str, row: int) -> Picture:
    """The picture of one row of Settings."""
    return Picture(f"button-{name}", "Settings", f"B4:D{row}", f"5:{row - 1}")


_PAUSED = "Paused and saved: a sync under way stops before its next batch; nothing more is sent until you press Go on."

ACTIONS = (
    Action("Preview", "OnPreview", Picture("button-preview", "Preview", "A3:M12", "L:L", is_sent=False)),
    Action("Resync", "OnResync", _row("resync"), "AT-1054", _restore, story="The contact was restored in Xero."),
    Action("Never send", "OnNeverSend", _row("never-send"), "AT-1049"),
    Action("Send these", "OnSendThese", _row("send-these"), "AT-1047"),
    Action("Send again", "OnSendAgain", _row("send-again"), "AT-1030", _delete,
           story="Someone deleted the draft in Xero."),
    Action("Use suggested contact", "OnUseSuggested", _row("use-suggested", "C:C F:F I:N P:W"), "AT-1042",
           story="AX-105: Xero has no contact of exactly this name."),
    Action("Test", "OnTest", Picture("button-test", "Dashboard", "B44:L49"), "", _map,
           story="Another account was chosen for Legacy Hosting."),
    Action("Pause", "OnPause", _setting("pause", 12), given=(True,), asks=False, said=_PAUSED),
    Action("Sync now", "OnSyncNow", Picture("button-sync-now", "Dashboard", "B12:L26"), meanwhile=_add,
           story="Lakeside Lodge was invoiced in Autotask."),
    Action("Refresh", "OnRefresh", _row("refresh"), "AT-1043", _overtype,
           story="Somebody typed over a status and a name."),
    Action("Resync all like this", "OnResyncFault", _row("resync-all"), "AT-1045", _map_survey,
           story="An account was chosen for Drone Survey."),
    Action("Create in Xero", "OnCreateInXero", _row("create-in-xero"), "AT-2001", _lack_contact,
           story="AX-105: Xero has no contact like it."),
    Action("Why?", "OnWhy", _row("why"), "AT-1044", asks=False, changes=False),
    Action("How to fix this", "OnHowToFix", _row("how-to-fix"), "AT-1044", asks=False,
           opens=Picture("", "Help", "B38:G46", "39:45")),
    Action("Go to next", "OnNextFault", Picture("button-go-to-next", "Faults", "B4:L5"), asks=False,
           opens=Picture("", "Faults", "B4:L6", "5:5")),
    Action("Four decimals", "OnFourDecimals", _setting("four-decimals", 30), given=(False,), asks=False),
    Action("Currency", "OnCurrency", _setting("currency", 31), given=("", 2), asks=False),
    Action("Autotask numbers", "OnAutotaskNumbers", _setting("autotask-numbers", 21), given=(False,), asks=False),
    Action("About", "OnAbout", Picture("button-about", "Dashboard", "B1:L3"), asks=False, changes=False),
)  # fmt: skip


def main() -> int:
    """Make all pictures."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        print(f"Not installed: {', '.join(missing)}. docs/pictures/README.md says what is needed.")  # noqa: T201
        return 2
    with TemporaryDirectory() as name:
        folder = Path(name)
        draw_tab(folder)
        program = LibreOffice(folder)
        try:
            for is_sent in (False, True):
                with demonstration(folder / ("sent" if is_sent else "fresh"), is_sent=is_sent) as practice:
                    Camera(program, folder, practice).take_all(is_sent=is_sent)
        finally:
            program.end()
    return 0


@contextmanager
def demonstration(folder: Path, *, is_sent: bool) -> Iterator[Practice]:
    """The demonstration's office, before its first live sync or after its last."""
    with Cloud() as cloud:
        world = build_world(cloud, _INVOICES, datetime.now(UTC).date())
        demo = Demo(folder, cloud, world, Console(quiet=True))
        demo.home.mkdir(parents=True)
        _prepare(demo)
        practice = Practice(cloud, world, demo.home, demo.workbook)
        practice.desk().ledger.remember(workbook_id="demo")
        names = {
            "AutoXeroInbox": str(demo.home / "inbox"),
            "AutoXeroWorkbook": "demo",
            "AutoXeroVersion": installed_version(),
        }
        project(demo.workbook, Projection(names=names))
        if is_sent:
            _syncs(demo)
            test(demo.desk())
        else:
            practice.set(Sync_mode="Preview")
        yield practice


@dataclass
class Camera:
    """LibreOffice, taking pictures of one workbook."""

    program: LibreOffice
    folder: Path
    practice: Practice

    def take_all(self, *, is_sent: bool) -> None:
        """Take the pictures of this office; the sheets as they are before the buttons, but for what Preview fills."""
        actions = [action for action in ACTIONS if action.picture.is_sent is is_sent]
        for action in () if is_sent else actions:
            self.show(action)
        with self.opened():
            for picture in PICTURES:
                if picture.is_sent is is_sent:
                    finish(self.take(picture), TARGET / f"{picture.name}.png")
        for action in actions if is_sent else ():
            self.show(action)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have the workbook open."""
        self.program.open(self.practice.workbook)
        self.program.ask("module", "Pictures", _PRINT)
        yield
        self.program.ask("close")

    def take(self, picture: Picture) -> Path:
        """Print a part of the open workbook."""
        pdf, page = self.folder / "page.pdf", self.folder / f"{picture.name}-{time.monotonic_ns()}"
        self.program.ask("run", "Pictures.SavePdf", picture.sheet, picture.area, picture.hidden, pdf.as_uri())
        call("pdftoppm", "-png", "-singlefile", "-r", "110", pdf, page)
        return page.with_suffix(".png")

    def show(self, action: Action) -> None:
        """Press a button, and picture what it changed."""
        if action.before:
            action.before(self.practice)
        picture = action.picture
        if action.number:
            rows = [line["Number"] for line in self.practice.table("Invoices")]
            row = rows.index(action.number) + 5
            area, hidden = picture.area.format(row=row), picture.hidden.format(above=row - 1)
            picture = replace(picture, area=area, hidden=hidden)
        with self.opened():
            before = self.take(picture)
            self.program.select(picture.sheet, picture.area.split(":")[1])
            told = self._pressed(action)
            after = self.take(action.opens or picture)
        if action.asks:
            with self.opened():
                after = self.take(picture)
        words, together = self.folder / "words.png", self.folder / "together.png"
        call("convert", "-size", "1500x", "-fill", "#5B6570", "-font", FONT, "-pointsize", "19", f"caption:▼  {told}",
             "-trim", "-bordercolor", "white", "-border", "0x16", words)  # fmt: skip
        shown = ("(", after, "-trim", ")") if action.changes else ()
        call("convert", *("(", before, "-trim", ")"), words, *shown, "-append", together)
        finish(together, TARGET / f"{picture.name}.png")

    def _pressed(self, action: Action) -> str:
        """Press the button; gives what happened, in words."""
        inbox, path = self.practice.home / "inbox", self.practice.workbook
        with going(self.practice) if action.asks else nullcontext() as service:
            if service is not None and action.meanwhile:
                until((inbox.parent / "agent.alive").exists)
                service.worker.settle()
                action.meanwhile(self.practice)
            if service is not None:
                path.with_name(f".~lock.{path.name}#").unlink()  # LibreOffice's: so the agent writes the file
            heard = self.program.press(action.macro, *action.given).replace(str(inbox.parent), "…")
            said, box = heard.splitlines(), " · ".join(filter(None, heard.partition("BOX ")[2].splitlines()))
            told = action.said or box or (said[-1].removeprefix("BAR ") if said else "")
            if service is not None:
                until(lambda: any(inbox.glob("*.answer")))
                service.worker.settle()
                [told] = [path.read_text(encoding="utf-8") for path in inbox.glob("*.answer")]
                shutil.rmtree(inbox)
        asked = [f"“{line.removeprefix('QUESTION ')}” Yes." for line in said if line.startswith("QUESTION ")]
        told = shorten(told, _LONGEST, placeholder=" …").replace("%", "%%")
        answer = f"“{told}”" if told else ""
        return " ".join(filter(None, (action.story, f"{action.label} is pressed.", *asked, answer)))


# --- the tab ---------------------------------------------------------------------------------------------------------

_STYLE = """
body { font: 12px "Liberation Sans", Arial, sans-serif; color: #1f2933; margin: 0; width: max-content; padding: 4px }
main { display: flex; flex-wrap: wrap; row-gap: 8px; width: 960px; border: 1px solid #d5dae0; background: #f4f6f9;
  padding: 6px 2px 3px }
nav { font-weight: bold; color: #1f3a5f; padding: 2px 14px 4px }
nav b { border-bottom: 3px solid #1f3a5f; padding: 0 4px 2px }
nav i { font-weight: normal; color: #5b6570; margin-left: 24px }
section { border-right: 1px solid #c3cad3; padding: 0 6px; display: flex; flex-direction: column }
section div { display: grid; grid-auto-flow: column; grid-template-rows: repeat(3, 23px); gap: 1px 4px }
section h2 { font-size: 11px; font-weight: normal; color: #5b6570; text-align: center; margin: 4px 0 0 }
span { display: flex; align-items: center; gap: 5px; white-space: nowrap; padding: 0 3px }
span::before { content: ""; width: 13px; height: 13px; border: 1px dashed #8a94a0; border-radius: 3px; flex: none }
.large { grid-row: span 3; flex-direction: column; justify-content: center; text-align: center; white-space: normal;
  width: min-content; min-width: 46px }
.large::before { width: 27px; height: 27px }
.toggleButton { background: #e6eaf0; border-radius: 3px }
.dropDown u { border: 1px solid #aab3be; background: #fff; text-decoration: none; padding: 1px 5px }
hr { grid-row: span 3; border: 0; border-left: 1px solid #d5dae0; margin: 0 2px }
"""


def tab_html() -> str:
    """The tab as a drawing: every control where Excel puts it, with a dashed box for its icon."""
    root = etree.fromstring((MACROS / "ribbon.xml").read_bytes())
    [tab] = root.iter("{*}tab")
    groups = "".join(
        f'<section id="{group.get("id")}"><div>{"".join(map(_control, group))}</div>'
        f"<h2>{escape(group.get('label', ''))}</h2></section>"
        for group in tab
    )
    note = "a drawing; Excel puts all of it in one row, with its own icons in place of the dashed boxes"
    title = f'<nav id="{tab.get("id")}"><b>{escape(tab.get("label", ""))}</b><i>{note}</i></nav>'
    return f'<meta charset="utf-8"><style>{_STYLE}</style>{title}<main>{groups}</main>'


def _control(item: etree._Element) -> str:
    name, kind = escape(item.get("id", "")), etree.QName(item).localname
    if kind == "separator":
        return f'<hr id="{name}">'
    label = escape(item.get("label") or usual_label(item.get("getLabel", "")))
    shown = f" <u>{escape(item.get('sizeString', ''))} ▾</u>" if kind == "dropDown" else ""
    return f'<span id="{name}" class="{kind} {item.get("size", "")}">{label}{shown}</span>'


def usual_label(callback: str) -> str:
    """What a callback gives before it has looked at the settings."""
    source = (MACROS / "vba" / "AutoXeroRibbon.bas").read_text(encoding="cp1252")
    found = re.search(rf'Sub {callback}\(.*?returned = "([^"]*)"', source, re.DOTALL)
    assert found, callback
    return found[1]


def draw_tab(folder: Path) -> None:
    """Draw the tab with the browser."""
    page, shot = folder / "tab.html", folder / "tab.png"
    page.write_text(tab_html(), encoding="utf-8")
    call("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         f"--user-data-dir={folder / 'browser'}", "--hide-scrollbars", "--force-device-scale-factor=1.25",
         "--window-size=1100,300", f"--screenshot={shot}", page.as_uri())  # fmt: skip
    finish(shot, TARGET / "tab.png")


def finish(source: Path, target: Path) -> None:
    """Trim a picture to what stands on it, with a narrow margin, and few colours."""
    call("convert", source, "-trim", "+repage", "-bordercolor", "white", "-border", "10", "-strip", "+dither",
         "-colors", "200", f"PNG8:{target}")  # fmt: skip


def call(*arguments: str | Path) -> None:
    """Run a program."""
    subprocess.run([str(argument) for argument in arguments], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    sys.exit(main())
