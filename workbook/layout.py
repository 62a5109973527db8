"""What the workbook holds: its sheets, tables, columns, lists and names, declared once.

The builder draws it, the projection fills it, and the reader reads it back. Where a table really stands in a
given file is found through the file's own parts, since the accountant may move things.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "link", "money", "price", "number", "whole", "date", "moment", "status", "do"]
"""How a column's cells look and are typed."""

SHEETS = ("Dashboard", "Invoices", "Faults", "Preview", "Reconcile", "Mappings", "Settings", "Log", "Help")
"""The sheets people see, in order."""
LISTS_SHEET = "_lists"
HIDDEN_SHEETS = (LISTS_SHEET, "xlwings.conf")

STATUSES = (
    ("Waiting", "Not sent yet: the column Fault says what it waits for. Nothing to do unless it says so."),
    ("Retrying", "A try failed; the next sync tries again by itself. Tries shows how many of how many."),
    ("Fault", "It failed as often as “Tries before a fault” allows. Mend what the fault says, then Resync."),
    ("Synced", "It is in Xero, and the totals agree to the cent."),
    ("Synced with warnings", "It is in Xero; the warning says what to look at there."),
    ("Skipped", "Left out by a rule, such as the start date or a total of 0.00."),
    ("Never send", "You chose never to send it."),
    ("Voided", "The document in Xero was voided or deleted."),
    (
        "Changed since sent",
        "Autotask's is no longer as it was sent. Send now takes it to Xero, Never send leaves Xero's.",
    ),
)
"""Every status with what it means, in the order of the Dashboard."""

VERBS = (
    ("Resync", "Clears the failed tries, reads the invoice anew from Autotask and tries again."),
    ("Never send", "Leaves the invoice out for good. Resync takes that back."),
    ("Send again", "Makes a new document in Xero after the old one was voided or deleted there."),
    ("Send now", "Sends an invoice that waits for your word."),
)
"""What the column Do offers, and what each does."""

DO = tuple(verb for verb, _ in VERBS)
LIST_NAMES = (
    "Accounts", "TaxRates", "Currencies", "Contacts", "BrandingThemes", "BillingCodes", "TaxRegions",
    "TrackingCategories", "TrackingOptions", "TaxSources",
)  # fmt: skip
"""The lists on the hidden sheet that fill drop-downs."""
LIST_ROOM = 20_000
"""How many entries a drop-down's range can take."""


_WRAPS_FROM = 28
_ONE_LINE = (
    "Invoices", "Preview", "PreviewLines", "Reconcile", "ReconcileTotals", "ReconcileAccounts", "NotFromAutotask",
)  # fmt: skip
"""Long tables, and those that stand side by side: a long text of one must not push the rows of the other apart."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: The heading.
        width: The width in characters.
        kind: How its cells look and are typed.
        help: What it holds, shown when the heading is selected.
        owned: Whether the agent writes it; the others are the accountant's.
        choices: The words of its drop-down.
        listed: The hidden list behind its drop-down.
    """

    name: str
    width: float
    kind: Kind = "text"
    help: str = ""
    owned: bool = True
    choices: tuple[str, ...] = ()
    listed: str = ""


@dataclass(frozen=True)
class Table:
    """One Excel table.

    Attributes:
        name: Its name in Excel.
        sheet: The sheet it stands on in a fresh workbook.
        columns: Its columns in the order of a fresh workbook.
        key: The columns by which rows are matched. In a block: those by which the accountant's cells move along.
        mode: ``keyed`` rows keep their place; a ``block`` is rewritten whole.
        title: The heading over the table where a sheet has several.
    """

    name: str
    sheet: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    mode: Literal["keyed", "block"] = "block"
    title: str = ""

    def wraps(self, column: Column) -> bool:
        """Whether a column's long text goes on in further lines; long tables keep one line a row."""
        return self.name not in _ONE_LINE and column.kind == "text" and column.width >= _WRAPS_FROM

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


_DO = Column("Do", 11, "do", "Choose what the agent should do, then save the workbook.", owned=False, choices=DO)
_ID = Column("Autotask id", 11, "whole", "The invoice's id in Autotask: by it the agent finds the row.")


def _yours(name: str, width: float, text: str, listed: str = "") -> Column:
    return Column(name, width, "text", text, owned=False, listed=listed)


_INVOICES = Table(
    "Invoices",
    "Invoices",
    (
        _DO,
        Column("Status", 19, "status", "Where the invoice stands; the sheet Help explains each word."),
        Column("Type", 11, help="Invoice or credit note."),
        Column("Number", 16, help="The number in Autotask."),
        Column("Xero number", 14, "link", "The number in Xero; a click opens the document."),
        Column("In Xero as", 13, help="The document's state in Xero: Draft, Approved, Paid …"),
        Column("Customer", 28, "link", "The company in Autotask; a click opens it there."),
        Column("Xero contact", 28, help="The contact in Xero."),
        Column("Date", 11, "date", "The invoice date."),
        Column("Due", 11, "date", "The due date."),
        Column("Reference", 22, help="What Xero shows as Reference."),
        Column("Currency", 10),
        Column("Net", 12, "money", "Without tax, as in Autotask."),
        Column("Tax", 11, "money", "As in Autotask."),
        Column("Total", 13, "money", "With tax, as in Autotask."),
        Column("Xero total", 13, "money", "With tax, as Xero answered."),
        Column("Difference", 11, "money", "Xero's total less Autotask's: should be 0.00."),
        Column("Tax difference", 13, "money", "Xero's tax less Autotask's."),
        Column("Outstanding", 13, "money", "What is still to be paid, from Xero."),
        Column("Paid on", 11, "date", "The date of full payment in Xero."),
        Column("Tries", 7, help="Failed tries in a row, of how many before a fault."),
        Column("Fault", 54, help="What is wrong, with the code that Help explains."),
        Column("What to do", 70, help="The step to take now."),
        Column("Sent on", 21, "moment", "When it arrived in Xero."),
        Column("Last tried", 21, "moment", "When it was last tried."),
        _ID,
    ),
    ("Autotask id",),
    "keyed",
)
_FAULTS = Table(
    "Faults",
    "Faults",
    (
        _DO,
        Column("Since", 21, "moment", "When it first failed."),
        Column("Code", 9, help="The sheet Help explains each code."),
        Column("Fault", 38),
        Column("Invoice", 16),
        Column("Customer", 28),
        Column("Currency", 10),
        Column("Amount", 13, "money"),
        Column("Detail", 52, help="What exactly was found."),
        Column("What to do", 52, help="The step to take now."),
        Column("Tries", 7),
        _ID,
    ),
    ("Autotask id",),
)
_PREVIEW = Table(
    "Preview",
    "Preview",
    (
        Column("Action", 12, "status", "What a live sync would do."),
        Column("Type", 11),
        Column("Number", 16),
        Column("Customer", 28),
        Column("Xero contact", 28),
        Column("Date", 11, "date"),
        Column("Due", 11, "date"),
        Column("Currency", 10),
        Column("Net", 12, "money"),
        Column("Tax", 11, "money"),
        Column("Total", 13, "money"),
        Column("Why", 72, help="The reasons, and what stands in the way."),
        _ID,
    ),
    title="Documents",
)
_PREVIEW_LINES = Table(
    "PreviewLines",
    "Preview",
    (
        Column("Number", 16),
        Column("Line", 6, "whole"),
        Column("Description", 72),
        Column("Quantity", 10, "number"),
        Column("Unit price", 12, "price"),
        Column("Net", 12, "money"),
        Column("Account", 10),
        Column("Tax rate", 18),
        _ID,
    ),
    title="Their lines",
)
_STATEMENT = Table(
    "ReconcileTotals",
    "Reconcile",
    (
        Column("Currency", 14),
        Column("Line", 80, "link", "From all invoices in Autotask, by the reason of each difference, to all in Xero."),
        Column("Invoices", 10, "whole"),
        Column("Net", 15, "money"),
        Column("Tax", 14, "money"),
        Column("Total", 15, "money"),
    ),
    title="The statement: from Autotask to Xero, by currency",
)
_RECONCILE = Table(
    "Reconcile",
    "Reconcile",
    (
        Column("Month", 10, help="The month of the invoice's date."),
        Column("Customer", 28),
        Column("Currency", 10),
        Column("Invoices in Autotask", 11, "whole", "All that were read, whatever became of them."),
        Column("Net in Autotask", 13, "money"),
        Column("Tax in Autotask", 13, "money"),
        Column("Total in Autotask", 13, "money"),
        Column("Documents in Xero", 11, "whole", "Those that stand: not voided, not deleted."),
        Column("Net in Xero", 13, "money"),
        Column("Tax in Xero", 13, "money"),
        Column("Total in Xero", 13, "money"),
        Column("Approved in Xero", 13, "money", "The part of the total that is approved or paid."),
        Column("Drafts in Xero", 13, "money", "The part that still is a draft or awaits approval."),
        Column("Paid", 13, "money", "Paid or credited of what is approved."),
        Column("Outstanding", 13, "money", "Still to be paid of what is approved."),
        Column("Difference", 13, "money", "Total in Xero less total in Autotask: should be 0.00."),
        Column("Tax difference", 14, "money", "Tax in Xero less tax in Autotask."),
        Column("Go to", 18, "link", "Where the difference is: the document in Xero, or the sheet that tells more."),
        Column("Why", 100, help="Every reason for a difference, with the invoices."),
    ),
    title="Autotask beside Xero, by month, customer and currency",
)
_RECONCILE_ACCOUNTS = Table(
    "ReconcileAccounts",
    "Reconcile",
    (
        Column("Month", 10),
        Column("Currency", 10),
        Column("Account", 11),
        Column("Tax rate", 18, help="Xero's tax type."),
        Column("Documents", 11, "whole"),
        Column("Net sent", 14, "money", "As we sent it."),
        Column("Net in Xero", 14, "money", "As it stands there now."),
        Column("Net difference", 15, "money", "Net in Xero less net sent: what was recoded or edited there."),
        Column("Tax sent", 13, "money"),
        Column("Tax in Xero", 13, "money"),
        Column("Tax difference", 15, "money"),
    ),
    title="By account and tax rate: as sent, and in Xero now",
)
_NOT_FROM_AUTOTASK = Table(
    "NotFromAutotask",
    "Reconcile",
    (
        Column("Date", 11, "date"),
        Column("Number", 16, "link", "A click opens the document in Xero."),
        Column("Type", 11),
        Column("Contact", 28),
        Column("Currency", 10),
        Column("Net", 13, "money"),
        Column("Tax", 12, "money"),
        Column("Total", 13, "money"),
        Column("Outstanding", 13, "money"),
        Column("In Xero as", 17),
        Column("Reference", 18),
        Column("Note", 56, help="Where it looks like an invoice of Autotask: it may stand in Xero twice."),
    ),
    title="Sales in Xero since Start date that did not come from Autotask",
)
_ACCOUNT_MAP = Table(
    "AccountMap",
    "Mappings",
    (
        Column(
            "Billing code", 28, help="From Autotask; “(no billing code)” for lines without one.", listed="BillingCodes"
        ),
        Column("Line type", 20, help="The kind of line; blank or “(any)” covers all."),
        _yours("Xero account", 32, "Choose the account that sales with this code go to.", "Accounts"),
        Column("Invoices waiting", 10, "whole"),
        Column("Money waiting", 13, "money"),
        Column("Problem", 34),
    ),
    ("Billing code", "Line type"),
    "keyed",
    "AccountMap: billing codes and Xero accounts",
)
_TAX_MAP = Table(
    "TaxMap",
    "Mappings",
    (
        Column("Tax region", 22, help="From Autotask.", listed="TaxRegions"),
        Column("Tax category", 20, help="From Autotask; “(line without tax)” for lines that bear none."),
        _yours("Xero tax rate", 36, "Choose the Xero tax rate for this region and category.", "TaxRates"),
        Column("Invoices waiting", 10, "whole"),
        Column("Money waiting", 13, "money"),
        Column("Problem", 34),
    ),
    ("Tax region", "Tax category"),
    "keyed",
    "TaxMap: tax regions and Xero tax rates",
)
_CONTACT_MAP = Table(
    "ContactMap",
    "Mappings",
    (
        Column("Autotask company", 28),
        Column("Company id", 11, "whole"),
        _yours("Xero contact", 32, "Choose the Xero contact, or leave blank to match by name.", "Contacts"),
        _yours("Xero contact id", 20, "Only needed where two contacts have one name."),
        Column("Nearest names", 32, help="What Xero has that looks like it."),
        Column("Invoices waiting", 10, "whole"),
        Column("Money waiting", 13, "money"),
        Column("Problem", 34),
    ),
    ("Company id",),
    "keyed",
    "ContactMap: companies and Xero contacts",
)
_TRACKING_MAP = Table(
    "TrackingMap",
    "Mappings",
    (
        Column("Billing code", 28, listed="BillingCodes"),
        Column("Line type", 20),
        _yours("Tracking category", 22, "Xero's tracking category for these lines.", "TrackingCategories"),
        _yours("Tracking option", 22, "The option within the category.", "TrackingOptions"),
        Column("Problem", 34),
    ),
    ("Billing code", "Line type"),
    "keyed",
    "TrackingMap: billing codes and tracking (only if you use it)",
)
_SETTINGS = Table(
    "Settings",
    "Settings",
    (
        Column("Setting", 34),
        Column("Value", 34, owned=False, help="Yours: type or choose, then save."),
        Column("What it does", 70),
        Column("Problem", 56, help="What the agent cannot use, and what to type instead."),
    ),
    ("Setting",),
    "keyed",
)
_LOG = Table(
    "Log",
    "Log",
    (
        Column("When", 21, "moment"),
        Column("Run", 22),
        Column("Level", 10, "status"),
        Column("Who", 14),
        Column("Invoice", 16),
        Column("Event", 30),
        Column("Detail", 90),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _INVOICES, _FAULTS, _PREVIEW, _PREVIEW_LINES, _STATEMENT, _RECONCILE, _RECONCILE_ACCOUNTS,
        _NOT_FROM_AUTOTASK, _ACCOUNT_MAP, _TAX_MAP, _CONTACT_MAP, _TRACKING_MAP, _SETTINGS, _LOG,
    )
}  # fmt: skip
"""All tables by name."""

WORKBOOK_NAME = "AutoXeroWorkbook"
INBOX_NAME = "AutoXeroInbox"
VERSION_NAME = "AutoXeroVersion"
PATH_NAME = "AutoXeroPath"
PYTHON_NAMES = {"win32": "AutoXeroPythonWindows", "darwin": "AutoXeroPythonMac"}
"""Where the Python that the buttons start stands, by Python's name of the platform."""
LAYOUT_NAME = "AutoXeroLayout"
LAYOUT_VERSION = "2"
"""Which layout a file has; one without the name has the first."""
GO_TO = {"Invoices": "AutoXeroGoToInvoices", "Faults": "AutoXeroGoToFaults", "Help": "AutoXeroGoToHelp"}
"""The names of the places that links lead to, whatever the sheets are called; Help, without a table, is found by it."""
BASE_NAME = "AutoXeroBaseCurrency"
PROOF_NAME = "AutoXeroReconciled"
LAST_SEEN_NAME = "AutoXeroLastSeen"
AGREE = "Agree to the cent"
"""The statement's line of the invoices that are the same on both sides."""
NAMES: dict[str, str] = {
    "AutoXeroOrganisation": "text: the Xero organisation, or what to do first",
    "AutoXeroMode": "text: Preview or Live (or Paused)",
    "AutoXeroAutotask": "text: the Autotask connection; 'Connected' lights green, blank grey, all else red",
    "AutoXeroXero": "text: the Xero connection, as above",
    "AutoXeroMail": "text: mail, as above",
    LAST_SEEN_NAME: "moment: when the agent last wrote here; the light beside it ages by itself",
    "AutoXeroSyncEvery": "whole: minutes between syncs, by which the light ages",
    "AutoXeroLastRun": "moment: when the last run ended",
    "AutoXeroLastResult": "text: what the last run did, in a line",
    "AutoXeroNextRun": "moment: when the next run starts",
    "AutoXeroAlerted": "text: who is told about faults; what starts with 'Nobody' lights red",
    "AutoXeroWaits": "text: what waits, with count, value, since when, and for what",
    "AutoXeroBroken": "text: what is broken, with count, value, since when, and why",
    BASE_NAME: "text: the currency of the books, which comes first among the currencies",
    "AutoXeroSinceWaiting": "moment: since when the oldest invoice waits",
    "AutoXeroSinceRetrying": "moment: since when the oldest one is tried again",
    "AutoXeroSinceFault": "moment: since when the oldest fault is open",
    "AutoXeroSinceChangedSinceSent": "moment: since when the oldest change is open",
    PROOF_NAME: "text (a formula): how many of all invoices the sheet Reconcile accounts for",
    "AutoXeroNextStep": "text: the step to take now",
    "AutoXeroTested": "text: how the last test ended, and when",
    "AutoXeroOtherCurrencies": "text: what invoices in further currencies are worth",
    "AutoXeroTimeZone": "text: the zone of all times in the workbook",
    WORKBOOK_NAME: "text (hidden): which workbook this is",
    LAYOUT_NAME: "text (hidden): the version of the layout",
    INBOX_NAME: "text (hidden): the folder that takes the buttons' requests",
    VERSION_NAME: "text (hidden): the AutoXero that its macros and ribbon come from; blank before it is installed",
    PATH_NAME: "text (hidden): where the workbook is that the agent keeps; a copy elsewhere is only a copy",
    "AutoXeroPythonWindows": "text (hidden): xlwings' Interpreter_Win, the Python that the buttons start",
    "AutoXeroPythonMac": "text (hidden): xlwings' Interpreter_Mac",
}
"""The named cells that a projection may fill, and what belongs in them."""
HIDDEN_NAMES = (
    WORKBOOK_NAME,
    INBOX_NAME,
    LAYOUT_NAME,
    VERSION_NAME,
    PATH_NAME,
    *PYTHON_NAMES.values(),
    *GO_TO.values(),
)

HIDDEN_CELLS = (WORKBOOK_NAME, INBOX_NAME, LAYOUT_NAME, VERSION_NAME, PATH_NAME)
"""The hidden names whose cells stand on the hidden sheet, right of its first lists."""
_FIRST_LISTS = 9

MONTHS = 12
CURRENCIES = 3
"""How many currencies the Dashboard shows."""


def _squeezed(status: str) -> str:
    return status.title().replace(" ", "")


def count_name(status: str) -> str:
    """The name of the Dashboard cell that counts a status."""
    return "AutoXeroCount" + _squeezed(status)


def value_name(status: str, place: int) -> str:
    """The name of the Dashboard cell with the value of a status in a currency."""
    return f"AutoXeroValue{_squeezed(status)}x{place}"


def since_name(status: str) -> str:
    """The name of the Dashboard cell that tells since when the oldest of a status has it."""
    return "AutoXeroSince" + _squeezed(status)


def month_name(month: int) -> str:
    """The name of the cell with the first day of the Dashboard's month, oldest first, from 1."""
    return f"AutoXeroMonth{month:02d}"


def currency_name(place: int) -> str:
    """The name of the cell with a currency of the Dashboard, from 1."""
    return f"AutoXeroCurrency{place}"


def heading_name(way: str, place: int) -> str:
    """The name of the cell over a column of the Dashboard's money block."""
    return f"AutoXeroHeading{way}{place}"


def money_name(month: int, place: int, way: str = "In") -> str:
    """The name of the cell with the money of a month in a currency, ``In`` or ``Out``."""
    return f"AutoXeroMoney{month:02d}x{place}" + ("" if way == "In" else way)


def sum_name(place: int, way: str) -> str:
    """The name of the cell with the money of all months in a currency, ``In`` or ``Out``."""
    return f"AutoXeroMoneyx{place}{way}"


AGENT_NAME = "AutoXeroAgent"
DRAFTS_NAME = "AutoXeroDrafts"
FAULTS_NAME = "AutoXeroOpenFaults"
ALL_NAME = "AutoXeroInvoices"
CHECKS = 16
"""How many lines of the last test the Dashboard shows."""
CHECK_PARTS = ("Name", "Light", "Text")
TESTED_NAME = "AutoXeroTested"
OTHERS_NAME = "AutoXeroOtherCurrencies"
SINCE = ("Waiting", "Retrying", "Fault", "Changed since sent")
"""The statuses that ask how long they have lasted."""
WAYS = (("In", "Invoice"), ("Out", "Credit note"))
"""Money in and out, and the type of document that brings it."""


def check_name(line: int, part: str) -> str:
    """The name of a cell with a part of a line of the last test, from 1."""
    return f"AutoXeroCheck{line:02d}{part}"


def list_name(name: str) -> str:
    """The defined name behind a drop-down."""
    return f"List_{name}"


def hidden_columns() -> dict[str, int]:
    """The columns of the hidden sheet by heading, from 1: the lists and the hidden cells, with a blank one between.

    A list that is added comes last, so that all others stay where older workbooks have them.
    """
    first, later = LIST_NAMES[:_FIRST_LISTS], LIST_NAMES[_FIRST_LISTS:]
    order = (*first, "", *HIDDEN_CELLS, "", *later)
    return {name: column for column, name in enumerate(order, 1) if name}
