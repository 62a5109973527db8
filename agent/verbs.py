"""What a person may ask for. Every door (command line, ribbon, the column Do) ends here."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from agent.desk import Desk
from agent.domain import settings as declared
from agent.domain.books import Books, one_blank
from agent.domain.faults import CATALOGUE
from agent.domain.invoice import AutotaskId
from agent.domain.labels import code_of
from agent.domain.record import CHOSEN, HELD, is_held
from agent.errors import PlainError, StopError
from agent.ledger.ledger import find_invoice
from agent.projecting import project_all
from agent.sync import Report, one_at_a_time, sync
from agent.views import sums
from workbook.errors import InUseError, WorkbookError
from workbook.project import Projection, project

_NOUNS = {
    "Accounts": "accounts",
    "TaxRates": "tax rates",
    "Contacts": "contacts",
    "Currencies": "currencies",
    "BrandingThemes": "branding themes",
}


@dataclass(frozen=True)
class Told:
    """The answer for one invoice: what was done, in a sentence."""

    autotask_id: AutotaskId
    number: str
    status: str
    message: str


@dataclass(frozen=True)
class Check:
    """One line of the connection test."""

    name: str
    is_good: bool
    message: str


def resync(
    desk: Desk, wanted: Sequence[str] = (), fault_code: str = "", *, everything: bool = False
) -> tuple[Report, list[Told]]:
    """Try invoices again from scratch: strikes are cleared, everything is read anew from Autotask.

    Args:
        desk: What it works with.
        wanted: Numbers or Autotask ids.
        fault_code: All invoices with that open fault.
        everything: All invoices with an open fault, or that wait.
    """
    desk.check()
    if desk.settings.paused:
        raise PlainError(
            "Paused is Yes on the sheet Settings: nothing is read or sent.", "Set it to No, save, and Resync again."
        )
    rows = desk.ledger.rows()
    ids = [find_invoice(desk.ledger, item) for item in wanted]
    for row in rows:
        is_open = row["status"] in {"Waiting", "Retrying", "Fault"}
        if is_open and (everything or (fault_code and row["fault_code"] == fault_code.upper())):
            ids.append(AutotaskId(row["autotask_id"]))
    if not ids:
        asked = f"the open fault {fault_code.upper()}" if fault_code else "an open fault"
        raise PlainError(f"No invoice has {asked}.", "The sheet Faults and “autoxero status” list them.", 0)
    records = desk.ledger.records()
    again = [item for item in dict.fromkeys(ids) if records[item].xero_id is None and not is_held(records[item])]
    with one_at_a_time(desk):
        desk.ledger.wish(again, "resync")
    _log_each(desk, "Resync", again)
    report = sync(desk, is_asked=True)
    return report, [_told(desk, item) for item in dict.fromkeys(ids)]


def send_these(desk: Desk, wanted: Sequence[str] = ()) -> tuple[Report, list[Told]]:
    """Confirm what waits: more than usual, already in Xero, or marked as sent.

    Of invoices named that changed since they were sent, Autotask's version is carried over to Xero.
    """
    desk.check()
    records = desk.ledger.records()
    ids = [find_invoice(desk.ledger, item) for item in wanted] or [
        record.autotask_id for record in records.values() if is_held(record)
    ]
    if not ids:
        raise PlainError("Nothing waits for Send these.", "The sheet Invoices shows what waits, and why.", 0)
    with one_at_a_time(desk):
        desk.ledger.choose([item for item in ids if records[item].status == "Changed since sent"], "send")
        desk.ledger.wish(ids, "send")
    _log_each(desk, "Send these", ids)
    report = sync(desk, is_asked=True)
    return report, [_told(desk, item) for item in ids]


def send_again(desk: Desk, wanted: Sequence[str]) -> tuple[Report, list[Told]]:
    """Send invoices anew whose document was deleted or voided in Xero.

    Raises:
        PlainError: The document of one of them is still live.
    """
    desk.check()
    ids = [find_invoice(desk.ledger, item) for item in wanted]
    records = desk.ledger.records()
    for item in ids:
        if records[item].xero_id is not None and records[item].status != "Voided":
            raise PlainError(
                f"Invoice {item} is in Xero as {records[item].xero_number}; sending it again would make two.",
                "Delete or void it in Xero first, then try again.",
            )
    with one_at_a_time(desk):
        desk.ledger.release(ids)
    _log_each(desk, "Send again", ids)
    report = sync(desk, is_asked=True)
    return report, [_told(desk, item) for item in ids]


def never_send(desk: Desk, wanted: Sequence[str], because: str) -> list[Told]:
    """Leave invoices out for good; what changed since it was sent is left as it is in Xero, from the next look on.

    Raises:
        PlainError: One of them is in Xero already.
    """
    ids = [find_invoice(desk.ledger, item) for item in wanted]
    records = desk.ledger.records()
    changed = [item for item in ids if records[item].status == "Changed since sent"]
    for item in ids:
        if (records[item].xero_id is not None and item not in changed) or records[item].is_in_flight:
            raise PlainError(
                f"Invoice {item} is in Xero already, or on its way there.",
                "Void or delete it in Xero if it should not be there.",
            )
    with one_at_a_time(desk):
        desk.ledger.choose(changed, "keep")
        desk.ledger.never_send(ids, because)
    _log_each(desk, "Never send", ids, because)
    project_all(desk)
    return [_told(desk, item) for item in ids]


def set_value(desk: Desk, name: str, value: str) -> str:
    """Change a setting in the workbook, checked like a typed one.

    Returns:
        A sentence that says what was done.
    """
    try:
        setting = declared.find(name)
        meant = declared.read_value(setting, value)
    except declared.NotReadableError as error:
        raise PlainError(str(error), "Nothing was changed.") from error
    _check_listed(desk, setting.listed, meant)
    cell = {True: "Yes", False: "No"}.get(meant, meant) if isinstance(meant, bool) else meant
    _edit(desk, "Settings", (setting.name,), {"Value": cell})
    desk.ledger.log("Setting changed", f"{setting.name}: {cell}", who="Person")
    codes = {kind.code for kind in CATALOGUE.values() if setting.name in kind.settings}
    return f"“{setting.name}” is now “{'' if cell is None else cell}”.{_let_through(desk, codes)}"


def map_value(desk: Desk, table: str, key: str, value: str) -> str:
    """Choose the target of a mapping row, making the row where it is missing.

    Args:
        desk: What it works with.
        table: ``account``, ``tax`` or ``contact``.
        key: Both keys with `` · `` between them, or the company's Autotask id.
        value: The Xero account code, tax rate, or contact name.
    """
    first, _, second = (part.strip() for part in key.partition("·"))
    if not first:
        raise PlainError("The key is blank.", "Give the billing code, the tax region, or the company's Autotask id.")
    _check_listed(desk, {"account": "Accounts", "tax": "TaxRates"}.get(table, "Contacts"), value)
    codes = {"account": {"AX-109", "AX-203"}, "tax": {"AX-110", "AX-204"}}.get(table, {"AX-105", "AX-206", "AX-211"})
    if table == "account":
        _edit(desk, "AccountMap", (first, second), {"Xero account": value})
    elif table == "tax":
        _edit(desk, "TaxMap", (first, second), {"Xero tax rate": value})
    else:
        _edit(desk, "ContactMap", (_company_id(desk, key.strip()),), {"Xero contact": value})
    desk.ledger.log("Mapping changed", f"{table} {key}: {value}", who="Person")
    return f"{table.capitalize()} “{key}” now goes to “{value}”.{_let_through(desk, codes)}"


def _company_id(desk: Desk, key: str) -> str:
    """The Autotask id of a company, given by id or by name.

    Raises:
        PlainError: No invoice is of such a company, or several companies have the name.
    """
    if key.isdigit():
        return key
    rows = desk.ledger.rows()
    found = sorted(
        {row["company_id"] for row in rows if one_blank(row["customer"]).casefold() == one_blank(key).casefold()}
    )
    if len(found) == 1:
        return str(found[0])
    told = f"Several companies are called “{key}”" if found else f"No invoice is of a company called “{key}”"
    ids = f": {', '.join(map(str, found))}" if found else ""
    raise PlainError(f"{told}{ids}.", "Give the company's Autotask id; ContactMap shows it.")


def _let_through(desk: Desk, codes: Collection[str]) -> str:
    """Which invoices a change may let through, and how to try them together."""
    rows = [row for row in desk.ledger.rows() if row["fault_code"] in codes and row["xero_id"] is None]
    if not rows:
        return ""
    named = ", ".join(row["number"] or str(row["autotask_id"]) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
    again = " and ".join(f"“autoxero resync --fault {code}”" for code in sorted({row["fault_code"] for row in rows}))
    count = "1 invoice" if len(rows) == 1 else f"{len(rows)} invoices"
    return f" This may let through {count} over {sums(rows)}: {named}. Try them together with {again}."


def test(desk: Desk) -> list[Check]:
    """Test both connections, settings and mappings; a line each."""
    desk.forget_refusal()
    problems = [Check(problem.where, is_good=False, message=problem.message) for problem in desk.reading.problems]
    checks = problems or [Check("Settings and mappings", is_good=True, message="All can be used.")]
    return [*checks, _test_autotask(desk), *_test_xero(desk)]


def _test_autotask(desk: Desk) -> Check:
    try:
        desk.reach_autotask()
        desk.autotask.labels("BillingItems", "billingItemType")
    except (StopError, PlainError) as error:
        if isinstance(error, StopError):
            desk.light("autotask", error)
            desk.note_refusal(error)
        return Check("Autotask", is_good=False, message=str(error))
    desk.light("autotask")
    return Check("Autotask", is_good=True, message=f"Signed in at {desk.autotask.zone.web_url}")


def _test_xero(desk: Desk) -> list[Check]:
    try:
        organisation = desk.reach_xero()
        books = desk.xero.books(organisation)
    except (StopError, PlainError) as error:
        if isinstance(error, StopError):
            desk.light("xero", error)
        return [Check("Xero", is_good=False, message=str(error))]
    desk.light("xero")
    locked = f", closed until {organisation.locked_until}" if organisation.locked_until else ""
    good = Check("Xero", is_good=True, message=f"{organisation.name}, books in {organisation.base_currency}{locked}")
    return [good, *_test_choices(desk, books)]


def _test_choices(desk: Desk, books: Books) -> list[Check]:
    """What settings and mappings name, and Xero does not have."""
    settings, mappings = desk.settings, desk.reading.mappings
    accounts = [("Default sales account", settings.default_account), ("Rounding account", settings.rounding_account)]
    accounts += [(f"AccountMap: {row.billing_code} · {row.line_type}", row.account) for row in mappings.accounts]
    rates = [("Default tax rate", settings.default_tax_rate)]
    rates += [(f"TaxMap: {row.tax_region} · {row.tax_category}", row.tax_rate) for row in mappings.taxes]
    found = []
    for where, code in accounts:
        account = books.account(code) if code else None
        if code and (account is None or not account.is_active):
            found.append(Check(where, is_good=False, message=f"Xero has no active account {code}. Choose another one."))
    for where, code in rates:
        rate = books.tax_rate(code) if code else None
        if code and (rate is None or not rate.is_active):
            found.append(
                Check(where, is_good=False, message=f"Xero has no active tax rate {code}. Choose another one.")
            )
    return found


def rebuild(desk: Desk) -> list[str]:
    """Every status sheet anew from the ledger."""
    return project_all(desk)


def _log_each(desk: Desk, event: str, ids: Sequence[AutotaskId], detail: str = "") -> None:
    for item in ids:
        desk.ledger.log(event, detail or "Asked for by a person.", who="Person", about=item)


def _check_listed(desk: Desk, name: str, value: object) -> None:
    """Refuse what Xero does not have, where its lists have been read.

    Raises:
        PlainError: It is not there; the nearest entries are named.
    """
    entries = json.loads(desk.ledger.fact("lists") or "{}").get(name) or []
    known = {form.casefold() for entry in entries for form in (entry, code_of(entry), entry.rpartition(" (")[0])}
    if entries and value and str(value).casefold() not in known and code_of(str(value)).casefold() not in known:
        near = get_close_matches(str(value), entries, 3, 0.4)
        hint = f"Nearest: {', '.join(near)}." if near else "The drop-down beside the cell lists what there is."
        raise PlainError(
            f"Xero has no “{value}” among its {_NOUNS.get(name, 'entries')}.", f"{hint} Nothing was changed."
        )


def _edit(desk: Desk, table: str, key: tuple[str, ...], cells: dict[str, object]) -> None:
    try:
        project(
            desk.workbook,
            Projection(edits={table: {key: cells}}),  # type: ignore[dict-item]
            backups=desk.config.home / "workbook-backups",
        )
    except InUseError as error:
        raise PlainError(f"Nothing was changed: {error}", "Close it and try again.") from error
    except WorkbookError as error:
        raise PlainError(str(error), "Nothing was changed.") from error
    desk.ledger.remember(workbook_path=str(desk.workbook.absolute()))


def _told(desk: Desk, autotask_id: AutotaskId) -> Told:
    row = next(row for row in desk.ledger.rows() if row["autotask_id"] == autotask_id)
    number = row["number"] or str(autotask_id)
    if row["status"] == "Changed since sent":
        chosen = CHOSEN.get(row["wish"], row["fault_detail"] or row["why"])
        message = f"{number} is in Xero as {row['xero_number']}. {chosen}"
    elif row["xero_id"]:
        message = f"{number} is in Xero as {row['xero_number']}."
    elif row["fault_code"] in HELD and row["status"] == "Waiting":
        message = f"{number} waits for your confirmation: “autoxero send-these {number}”. {row['fault_detail']}"
    elif row["fault_code"]:
        message = f"{number}: {row['fault_code']} {row['fault_title']}. {row['fault_detail']} {row['fault_cure']}"
    else:
        message = f"{number}: {row['status']}, {row['why']}."
    return Told(autotask_id, number, row["status"], message)
