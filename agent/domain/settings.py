"""Every setting, declared once: its name, group, type, range, default and one line of help.

The names are what people see on the Settings sheet and type after ``autoxero set``. Everything else that
concerns settings (the sheet, its drop-downs, the reading of the file, ``set``) is derived from this page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, Literal

from agent.domain.problems import Problem, beside

Value = str | int | Decimal | date | bool | None
"""What a setting holds once read; ``None`` is a blank cell."""

Kind = Literal["choice", "yes or no", "whole number", "amount", "date", "text", "people"]

EXCEL_EPOCH = date(1899, 12, 30)
"""Day 0 of the serial dates that spreadsheets store (with their leap-year slip of 1900 folded in)."""


EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
"""The days that a setting may hold: any other is a slip."""


@dataclass(frozen=True)
class Setting:
    """The declaration of one setting.

    Attributes:
        name: The name people see.
        group: The heading under which the Settings sheet shows it.
        kind: How the value is typed.
        default: The value of a fresh workbook; ``None`` is blank.
        help: One line for the sheet: what the setting does.
        choices: The words to choose from, for ``choice``. Where one of them holds a comma, they need a hidden list.
        low: The smallest allowed number.
        high: The largest allowed number.
        listed: The hidden list (see the workbook's ``_lists``) that fills the cell's drop-down, or empty.
    """

    name: str
    group: str
    kind: Kind
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    listed: str = ""

    @property
    def allowed(self) -> str:
        """What may be typed, in words."""
        if self.kind in {"choice", "yes or no"}:
            return "one of " + ", ".join(f"“{choice}”" for choice in self.choices)
        if self.kind in {"whole number", "amount"}:
            noun = "a whole number" if self.kind == "whole number" else "a number"
            return noun if self.low is None else f"{noun} from {self.low} to {self.high}"
        if self.kind == "date":
            return f"a date such as 2026-09-30, from {EARLIEST.year} to {LATEST.year}"
        if self.kind == "people":
            return "e-mail addresses with commas between them"
        return "text of at most 255 characters"


def _choice(name: str, group: str, choices: tuple[str, ...], text: str, listed: str = "") -> Any:
    setting = Setting(name, group, "choice", choices[0], text, choices, listed=listed)
    return field(default=choices[0], metadata={"setting": setting})


def _yes_no(name: str, group: str, default: bool, text: str) -> Any:
    setting = Setting(name, group, "yes or no", "Yes" if default else "No", text, ("Yes", "No"))
    return field(default=default, metadata={"setting": setting})


def _number(name: str, group: str, default: int, within: tuple[int, int], text: str) -> Any:
    setting = Setting(name, group, "whole number", default, text, low=within[0], high=within[1])
    return field(default=default, metadata={"setting": setting})


def _amount(name: str, group: str, default: str | None, within: tuple[int, int] | None, text: str) -> Any:
    value = None if default is None else Decimal(default)
    low, high = within or (None, None)
    return field(default=value, metadata={"setting": Setting(name, group, "amount", value, text, low=low, high=high)})


def _day(name: str, group: str, text: str) -> Any:
    return field(default=None, metadata={"setting": Setting(name, group, "date", None, text)})


def _text(name: str, group: str, default: str, text: str, listed: str = "") -> Any:
    return field(default=default, metadata={"setting": Setting(name, group, "text", default, text, listed=listed)})


def _people(name: str, group: str, text: str) -> Any:
    return field(default="", metadata={"setting": Setting(name, group, "people", "", text)})


@dataclass(frozen=True)
class Settings:
    """All settings as read and checked; the attribute order is the order on the sheet."""

    sync_mode: str = _choice(
        "Sync mode",
        "Sync",
        ("Preview", "Live"),
        "Preview shows what would be sent and sends nothing. Live sends.",
    )
    sync_every: int = _number(
        "Sync every (minutes)",
        "Sync",
        15,
        (5, 1440),
        "How often the agent looks for invoices.",
    )
    start_date: date | None = _day(
        "Start date",
        "Sync",
        "Required. Invoices dated earlier are never sent.",
    )
    days_to_look_back: int = _number(
        "Days to look back",
        "Sync",
        14,
        (1, 366),
        "How far before the last complete sync each sync looks again.",
    )
    settle_time: int = _number(
        "Settle time (minutes)",
        "Sync",
        10,
        (0, 1440),
        "Autotask shows invoices before they are finished; younger ones than this wait.",
    )
    most_invoices: int = _number(
        "Most invoices in one run",
        "Sync",
        500,
        (1, 100000),
        "A run that would create more waits for 'Send these', so that a slip never floods Xero.",
    )
    first_live_run: int = _number(
        "Invoices in the first live run",
        "Sync",
        10,
        (1, 100000),
        "The first live run sends at most this many, for you to look at in Xero; the rest waits for 'Send these'.",
    )
    paused: bool = _yes_no("Paused", "Sync", False, "Yes stops all sending until it is set to No.")

    autotask_user: str = _text("Autotask user name", "Autotask", "", "The API user the agent signs in with.")
    mark_as_sent: bool = _yes_no(
        "Mark invoices as sent in Autotask",
        "Autotask",
        True,
        "Writes the sending date to the invoice's Web Service Date in Autotask.",
    )
    write_number_back: bool = _yes_no(
        "Write Xero number back to Autotask",
        "Autotask",
        False,
        "Replaces the Autotask invoice number by the one Xero gave.",
    )

    organisation: str = _text("Xero organisation", "Xero", "", "The organisation to send to; another one is refused.")
    xero_client_id: str = _text("Xero client ID", "Xero", "", "The client ID of your own Xero app.")
    invoice_status: str = _choice(
        "Invoice status in Xero",
        "Xero",
        ("Draft", "Awaiting approval", "Approved", "Approved and marked as sent"),
        "The state in which invoices arrive in Xero.",
    )
    branding_theme: str = _text(
        "Branding theme",
        "Xero",
        "",
        "The Xero branding theme by name; blank takes Xero's own.",
        "BrandingThemes",
    )
    history_note: bool = _yes_no(
        "Note in Xero's history",
        "Xero",
        False,
        "Adds a note to the invoice's history in Xero; costs one call an invoice.",
    )

    use_autotask_numbers: str = _choice(
        "Use Autotask Numbers",
        "Invoices",
        ("No", "Number", "Id"),
        "No: Xero numbers the invoice. Number: Autotask's invoice number. Id: Autotask's internal id.",
    )
    number_prefix: str = _text("Invoice number prefix", "Invoices", "", "Put before the Autotask number or id.")
    reference: str = _choice(
        "Reference",
        "Invoices",
        ("Both", "Purchase order", "Autotask number"),
        "What Xero's Reference shows.",
    )
    due_date_from: str = _choice(
        "Due date from",
        "Invoices",
        ("Autotask", "Xero contact terms"),
        "Where the due date comes from.",
    )
    attach_pdf: bool = _yes_no(
        "Attach Autotask PDF",
        "Invoices",
        False,
        "Attaches Autotask's PDF to the invoice in Xero.",
    )
    skip_smaller_than: Decimal | None = _amount(
        "Skip invoices smaller than",
        "Invoices",
        None,
        (0, 1000000),
        "Invoices whose total is nearer to zero than this are skipped; blank sends all.",
    )
    zero_invoices: str = _choice("Zero invoices", "Invoices", ("Skip", "Send"), "What happens to invoices of 0.00.")
    zero_lines: str = _choice(
        "Zero lines",
        "Invoices",
        ("Show", "Leave out"),
        "Whether lines of 0.00 (such as covered work) are sent.",
    )
    when_voided: str = _choice(
        "When Autotask is voided",
        "Invoices",
        ("Tell me", "Void in Xero"),
        "What happens in Xero when a sent invoice is voided in Autotask.",
    )

    four_decimals: bool = _yes_no(
        "Four decimal places",
        "Amounts",
        True,
        "Unit prices go to Xero with four decimals instead of two.",
    )
    currency: str = _text(
        "Currency",
        "Amounts",
        "",
        "The currency of invoices for which Autotask gives none; blank takes the books' own. Never converts.",
        "Currencies",
    )
    other_currencies: str = _choice(
        "Other currencies",
        "Amounts",
        ("Refuse", "Allow"),
        "Whether invoices in other currencies are sent.",
    )
    exchange_rate_from: str = _choice(
        "Exchange rate from",
        "Amounts",
        ("Xero's daily rate", "Autotask"),
        "Which rate other currencies get.",
    )
    tax_from: str = _choice(
        "Tax comes from",
        "Amounts",
        ("Xero, must agree with Autotask", "Xero, ignore Autotask's tax", "Autotask"),
        "Whose tax counts, and whether the two must agree to the cent.",
        "TaxSources",
    )
    rounding_up_to: Decimal = _amount(
        "Rounding line up to",
        "Amounts",
        "0.05",
        (0, 1),
        "Cents born of rounding, up to this, are evened out by a line of their own; more is a fault.",
    )
    rounding_account: str = _text(
        "Rounding account",
        "Amounts",
        "",
        "The account code of rounding lines; blank takes Xero's own.",
        "Accounts",
    )

    match_by: str = _choice(
        "Match Xero contact by",
        "Contacts",
        ("Name", "Autotask company id", "Autotask account number"),
        "How an Autotask company is found among Xero's contacts.",
    )
    exact_case: bool = _yes_no(
        "Exact upper and lower case",
        "Contacts",
        True,
        "Whether upper and lower case must agree when matching by name.",
    )
    create_contacts: bool = _yes_no(
        "Create missing contacts",
        "Contacts",
        False,
        "Whether a company that Xero does not know is created there.",
    )
    update_contacts: bool = _yes_no(
        "Update existing contacts",
        "Contacts",
        False,
        "Whether the contact person and address in Xero follow Autotask.",
    )
    contact_field: str = _text(
        "Accounts contact field",
        "Contacts",
        "Position",
        "The user-defined field that marks the person who gets invoices.",
    )
    contact_value: str = _text("Accounts contact value", "Contacts", "Accounts", "The value of that field.")
    send_without_email: bool = _yes_no(
        "Send without a bad email address",
        "Contacts",
        False,
        "Leaves out an address that is not valid instead of stopping.",
    )

    default_account: str = _text(
        "Default sales account",
        "Accounts",
        "",
        "The account code for lines without a mapping of their own.",
        "Accounts",
    )
    unmapped_code: str = _choice(
        "Unmapped billing code",
        "Accounts",
        ("Stop", "Use default"),
        "What a line with an unmapped billing code does.",
    )
    unmapped_region: str = _choice(
        "Unmapped tax region",
        "Accounts",
        ("Stop", "Use default"),
        "What a line with an unmapped tax region does.",
    )
    default_tax_rate: str = _text(
        "Default tax rate",
        "Accounts",
        "",
        "The Xero tax rate for unmapped tax regions.",
        "TaxRates",
    )
    closed_period: str = _choice(
        "Closed period",
        "Accounts",
        ("Hold", "Leave as draft", "Re-date"),
        "What happens to an invoice dated in a period that is closed in Xero.",
    )
    hold_before: date | None = _day(
        "Hold invoices dated on or before",
        "Accounts",
        "Your own lock date: such invoices wait. Blank holds none.",
    )

    tries: int = _number(
        "Tries before a fault",
        "Faults",
        3,
        (1, 20),
        "Failed tries before an invoice waits for your Resync.",
    )
    alert_people: str = _people("Alert these people", "Faults", "Who is mailed about faults; commas between addresses.")
    alert_within: int = _number("Alert within (minutes)", "Faults", 60, (5, 1440), "How soon, at the latest.")
    mail_server: str = _text("Mail server", "Faults", "", "The outgoing mail server, such as smtp.example.com.")
    mail_port: int = _number("Mail port", "Faults", 587, (1, 65535), "587 for STARTTLS, 465 for TLS.")
    mail_security: str = _choice("Mail security", "Faults", ("STARTTLS", "TLS", "None"), "How the line is secured.")
    mail_user: str = _text("Mail user", "Faults", "", "The user name at the mail server; blank signs in as nobody.")
    mail_from: str = _text("Mail from", "Faults", "", "The sender's address of alerts.")

    copy_payments: bool = _yes_no(
        "Copy payments back to Autotask",
        "Payments",
        False,
        "Writes the date of full payment in Xero to the Autotask invoice.",
    )

    log_rows: int = _number("Log rows to show", "Log", 5000, (100, 100000), "How many rows the Log sheet shows.")


SETTINGS: tuple[Setting, ...] = tuple(item.metadata["setting"] for item in fields(Settings))
"""The declarations, in the order of the sheet."""

CHOICE_LISTS = {setting.listed: setting.choices for setting in SETTINGS if setting.listed and setting.choices}
"""Hidden lists that never change: Excel splits choices that stand in the rule itself at every comma."""

_ATTRIBUTES: dict[str, str] = {item.metadata["setting"].name.casefold(): item.name for item in fields(Settings)}
_BY_NAME: dict[str, Setting] = {setting.name.casefold(): setting for setting in SETTINGS}


class NotReadableError(ValueError):
    """A typed value that does not fit its setting; the message says what would."""


def find(name: str) -> Setting:
    """The setting of that name, whatever its case and blanks.

    Raises:
        NotReadableError: There is none; the message names the nearest.
    """
    folded = " ".join(name.split()).casefold()
    if folded in _BY_NAME:
        return _BY_NAME[folded]
    near = get_close_matches(folded, list(_BY_NAME), n=1, cutoff=0.5)
    hint = f" Did you mean “{_BY_NAME[near[0]].name}”?" if near else " The Settings sheet lists them all."
    raise NotReadableError(f"There is no setting named “{name}”.{hint}")


def read_value(setting: Setting, raw: object) -> Value:
    """What a typed value means.

    Args:
        setting: The declaration.
        raw: The cell's value: text, number, boolean, date, or ``None`` for blank.

    Raises:
        NotReadableError: It does not fit; the message says what would be right.
    """
    if isinstance(raw, str):
        raw = re.sub(r"\s+", " ", raw.replace("\u00a0", " ")).strip()
    if raw is None or raw == "":
        return _blank(setting)
    try:
        value = _READERS[setting.kind](setting, raw)
    except NotReadableError:
        raise
    except (ValueError, InvalidOperation, OverflowError):
        value = None
    if value is None:
        raise NotReadableError(f"“{raw}” cannot be used for “{setting.name}”. Type {setting.allowed}.")
    return value


def read_settings(cells: Mapping[str, object]) -> tuple[Settings, list[Problem]]:
    """Read all settings at once.

    Args:
        cells: The raw cell values by setting name. A missing name takes its default.

    Returns:
        The settings, and every problem found; where there is a problem the default stands in.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, raw in cells.items():
        try:
            setting = find(name)
        except NotReadableError as error:
            problems.append(_wrong(name, str(error)))
            continue
        try:
            values[_ATTRIBUTES[setting.name.casefold()]] = read_value(setting, raw)
        except NotReadableError as error:
            problems.append(_wrong(setting.name, str(error)))
    settings = Settings(**values)
    return settings, problems + _together(settings, {problem.where for problem in problems})


def _together(settings: Settings, known: Iterable[str]) -> list[Problem]:
    """Problems that show only when several settings are looked at together."""
    problems = []
    if settings.start_date is None and "Start date" not in set(known):
        problems.append(
            _wrong("Start date", "The date of the first invoice to send is missing. Type it, such as 2026-09-01.")
        )
    if settings.unmapped_code == "Use default" and not settings.default_account:
        problems.append(
            _wrong(
                "Default sales account",
                "“Unmapped billing code” is “Use default”, but there is no default. Choose an account here.",
            )
        )
    if settings.unmapped_region == "Use default" and not settings.default_tax_rate:
        problems.append(
            _wrong(
                "Default tax rate",
                "“Unmapped tax region” is “Use default”, but there is no default. Choose a tax rate here.",
            )
        )
    return problems


def _wrong(name: str, message: str) -> Problem:
    return beside("Settings", (name,), message)


def _blank(setting: Setting) -> Value:
    if setting.kind == "date" or (setting.kind == "amount" and setting.default is None):
        return None
    if setting.kind in {"text", "people"}:
        return ""
    raise NotReadableError(f"“{setting.name}” is blank. Type {setting.allowed}.")


def _read_choice(setting: Setting, raw: object) -> Value:
    if raw is True or raw is False:
        raw = "Yes" if raw else "No"
    folded = str(raw).casefold()
    if setting.name == "Use Autotask Numbers" and folded == "yes":
        folded = "number"
    return next((choice for choice in setting.choices if choice.casefold() == folded), None)


def _read_yes_no(_setting: Setting, raw: object) -> Value:
    folded = str(int(raw) if isinstance(raw, float) and raw.is_integer() else raw).casefold()
    if folded in {"yes", "true", "y", "on", "1"}:
        return True
    return False if folded in {"no", "false", "n", "off", "0"} else None


_BLANKS = re.compile(r"[\s'\u2019\u202f]")
_WHOLE = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+|\d{1,3}(\.\d{3})+)")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3})+(\.\d*)?|(?:\.\d{3})+(,\d*)?)")
_PLAIN = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)")


def read_decimal(raw: object) -> Decimal:
    """A number as people type it, with either decimal mark and blanks or marks between the thousands.

    Raises:
        ValueError: It is no number.
        NotReadableError: It could be read in two ways, such as ``1,234``.
    """
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal | str):
        raise ValueError(f"not a number: {raw!r}")  # noqa: TRY004 - what is typed wrong is a wrong value
    value = _typed_decimal(_BLANKS.sub("", raw), raw) if isinstance(raw, str) else Decimal(str(raw))
    if not value.is_finite():
        raise ValueError(f"not a number: {raw!r}")
    return value


def _typed_decimal(text: str, raw: str) -> Decimal:
    marks = re.findall(r"[.,]", text)
    if _GROUPED.fullmatch(text):
        if len(marks) == 1 and not text.lstrip("+-").startswith("0"):
            thousands, fraction = re.sub(r"[.,]", "", text), text.replace(",", ".")
            raise NotReadableError(f"“{raw}” can be read in two ways. Type {thousands} or {fraction}0.")
        if len(marks) > 1:
            last = marks[-1] if marks[-1] != marks[0] else ""
            head, _, tail = text.rpartition(last) if last else (text, "", "")
            return Decimal(re.sub(r"[.,]", "", head) + ("." + tail if last else ""))
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"not a number: {raw!r}")
    return Decimal(text.replace(",", "."))


def _within(setting: Setting, value: Decimal) -> bool:
    return (setting.low is None or value >= setting.low) and (setting.high is None or value <= setting.high)


def _read_whole(setting: Setting, raw: object) -> Value:
    typed = _BLANKS.sub("", raw) if isinstance(raw, str) else ""
    value = Decimal(re.sub(r"[.,]", "", typed)) if _WHOLE.fullmatch(typed) else read_decimal(raw)
    return int(value) if value == value.to_integral_value() and _within(setting, value) else None


def _read_amount(setting: Setting, raw: object) -> Value:
    value = read_decimal(raw)
    return value if _within(setting, value) else None


def _read_date(_setting: Setting, raw: object) -> Value:
    day = _day_of(raw)
    return day if EARLIEST <= day <= LATEST else None


def _day_of(raw: object) -> date:
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return EXCEL_EPOCH + timedelta(days=int(raw))
    return _read_typed_date(str(raw))


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _read_typed_date(text: str) -> date:
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]00:00(?::00)?)?", text):
        return date(*map(int, match.groups()))
    if match := re.fullmatch(r"(\d{1,2})[-. ]*([A-Za-z]{3,9})[-., ]*(\d{4})", text):
        month = _MONTHS.index(match[2][:3].casefold()) + 1
        return date(int(match[3]), month, int(match[1]))
    if match := re.fullmatch(r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})", text):
        return date(int(match[3]), _MONTHS.index(match[1][:3].casefold()) + 1, int(match[2]))
    if match := re.fullmatch(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})", text):
        first, second, year = map(int, match.groups())
        if first <= 12 and second <= 12 and first != second:
            raise NotReadableError(
                f"“{text}” can be read in two ways. Type it with the year first: "
                f"{date(year, second, first)} or {date(year, first, second)}."
            )
        return date(year, second, first) if second <= 12 else date(year, first, second)
    raise ValueError(text)


def _read_text(_setting: Setting, raw: object) -> Value:
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)  # an account code such as 200 that the sheet holds as a number
    return str(raw) if len(str(raw)) <= 255 else None


def _read_people(_setting: Setting, raw: object) -> Value:
    people = [person for person in re.split(r"[,;\s]+", str(raw)) if person]
    if bad := [person for person in people if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", person)]:
        raise NotReadableError(f"“{bad[0]}” is not an e-mail address. Type addresses with commas between them.")
    return ", ".join(people)


_READERS: dict[Kind, Callable[[Setting, object], Value]] = {
    "choice": _read_choice,
    "yes or no": _read_yes_no,
    "whole number": _read_whole,
    "amount": _read_amount,
    "date": _read_date,
    "text": _read_text,
    "people": _read_people,
}
