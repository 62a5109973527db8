"""What a person may ask for. Every door (command line, ribbon, the column Do) ends here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import msgspec

from agent import checks
from agent.autotask.source import Source
from agent.desk import Desk
from agent.domain import settings as declared
from agent.domain.books import Books, one_blank
from agent.domain.contact import match
from agent.domain.faults import CATALOGUE
from agent.domain.invoice import AutotaskId
from agent.domain.labels import account_code, tax_type
from agent.domain.record import CHOSEN, HELD, Record, is_held
from agent.domain.suggest import nearest, nearly
from agent.domain.text import counted
from agent.errors import PlainError
from agent.ledger.ledger import find_invoice
from agent.newcontacts import create
from agent.projecting import project_all
from agent.rights import Check
from agent.sync import Report, one_at_a_time, sync
from agent.views import sums
from workbook.errors import InUseError, WorkbookError
from workbook.project import Projection, project

_CLEARLY = 5
"""Points by which one suggested contact must be liker than the next."""
_BY_ROW = frozenset({"AX-105", "AX-109", "AX-110"})
"""The faults of which the ledger knows the mapping row that is missing."""
_MANY = 3
"""So many reasons are told one by one."""
_NOUNS = {
    "Accounts": "accounts",
    "TaxRates": "tax rates",
    "Contacts": "contacts",
    "Currencies": "currencies",
    "BrandingThemes": "branding themes",
}


Wanted = str | AutotaskId
"""An invoice as a person names it, by number or id; or its id, which is never taken for another one's number."""


@dataclass(frozen=True)
class Told:
    """The answer for one invoice: what was done, in a sentence.

    Attributes:
        autotask_id: The invoice; ``None`` where there is no such one.
        number: Its number, else how it was named.
        status: Where it stands now; blank where there is no such invoice.
        message: What was done, or why it was left as it is.
        is_done: Whether it was done.
    """

    autotask_id: AutotaskId | None
    number: str
    status: str
    message: str
    is_done: bool = True


def resync(
    desk: Desk, wanted: Sequence[Wanted] = (), fault_code: str = "", *, everything: bool = False
) -> tuple[Report, list[Told]]:
    """Try invoices again from scratch: strikes are cleared, everything is read anew from Autotask.

    Args:
        desk: What it works with.
        wanted: Numbers or Autotask ids as typed, or ids.
        fault_code: All invoices with that open fault.
        everything: All invoices with an open fault, or that wait.
    """
    with one_at_a_time(desk):
        _check_unpaused(desk)
        ids, left = _find(desk, wanted)
        for row in desk.ledger.rows():
            is_open = row["status"] in {"Waiting", "Retrying", "Fault"}
            if is_open and (everything or (fault_code and row["fault_code"] == fault_code.upper())):
                ids.append(AutotaskId(row["autotask_id"]))
        if not ids:
            asked = f"the open fault {fault_code.upper()}" if fault_code else "an open fault"
            raise PlainError(f"No invoice has {asked}.", "The sheet Faults and “autoxero status” list them.", 0)
        records = desk.ledger.records()
        again = [item for item in dict.fromkeys(ids) if records[item].xero_id is None and not is_held(records[item])]
        desk.ledger.wish(again, "resync")
        desk.ledger.requeue(ids)
        _log_each(desk, "Resync", again)
        report = sync(desk, is_asked=True)
    return report, tell(desk, ids) + left


def _check_unpaused(desk: Desk) -> None:
    desk.check()
    if desk.settings.paused:
        raise PlainError(
            "Paused is Yes on the sheet Settings: nothing is read or sent.", "Set it to No, save, and try again."
        )


def send_these(desk: Desk, wanted: Sequence[Wanted] = ()) -> tuple[Report, list[Told]]:
    """Confirm what waits: more than usual, or already in Xero; what was marked as sent must be named.

    Unnamed, what is in Xero is taken over where it agrees to the cent, and else still waits. Of invoices named that
    changed since they were sent, Autotask's version is carried over to Xero; those that are never to be sent stay so.
    """
    with one_at_a_time(desk):
        desk.check()
        records = desk.ledger.records()
        held = [record for record in records.values() if is_held(record)]
        ids, left = _find(desk, wanted)
        if not wanted:
            ids = [record.autotask_id for record in held if record.fault_code != "AX-111"]
        if not ids and held:
            raise PlainError(
                f"{counted(len(held), 'invoice')} marked as sent in Autotask, and not found in Xero: none is sent "
                "unnamed.",
                f"Name those that should go, such as “autoxero send-these {held[0].autotask_id}”; leave the others out "
                "with never-send. The sheet Faults lists them.",
                0,
            )
        if not ids:
            raise PlainError("Nothing waits for Send these.", "The sheet Invoices shows what waits, and why.", 0)
        sent = [item for item in ids if records[item].status != "Never send"]
        desk.ledger.choose([item for item in sent if records[item].status == "Changed since sent"], "send")
        to_adopt = [] if wanted else [item for item in sent if records[item].fault_code == "AX-201"]
        desk.ledger.wish(to_adopt, "adopt")
        desk.ledger.wish([item for item in sent if item not in to_adopt], "send")
        _log_each(desk, "Send these", sent)
        report = sync(desk, is_asked=True)
    return report, tell(desk, ids) + left


def send_again(desk: Desk, wanted: Sequence[Wanted]) -> tuple[Report, list[Told]]:
    """Send invoices anew whose document was deleted or voided in Xero; the others are left as they are.

    Raises:
        PlainError: None of them can be: the document is still live, or there never was one.
    """
    with one_at_a_time(desk):
        desk.check()
        ids, left = _parted(desk, wanted, _keeps_from_sending_again)
        desk.ledger.release(ids)
        _log_each(desk, "Send again", ids)
        report = sync(desk, is_asked=True)
    return report, tell(desk, ids) + left


def _keeps_from_sending_again(record: Record, number: str) -> str:
    if record.xero_id is None:
        return f"{number} was not sent yet: {record.status}. Resync tries it again."
    if record.status != "Voided":
        return (
            f"{number} is in Xero as {record.xero_number}; sending it again would make two. Delete or void it in Xero "
            "first, then try again."
        )
    return ""


def never_send(desk: Desk, wanted: Sequence[Wanted], because: str) -> list[Told]:
    """Leave invoices out for good; what changed since it was sent is left as it is in Xero, from the next look on.

    Raises:
        PlainError: None of them can be: each is in Xero already, or on its way there.
    """
    with one_at_a_time(desk):  # a run goes by what it read at its start, and would write over this
        ids, left = _parted(desk, wanted, _keeps_from_leaving_out)
        desk.tell(f"Leaving out {counted(len(ids), 'invoice')}")
        records = desk.ledger.records()
        desk.ledger.choose([item for item in ids if records[item].status == "Changed since sent"], "keep")
        desk.ledger.never_send(ids, because)
        _log_each(desk, "Never send", ids, because)
    project_all(desk)
    return tell(desk, ids) + left


def _keeps_from_leaving_out(record: Record, number: str) -> str:
    if record.is_in_flight:
        return f"{number} is on its way to Xero. Press Sync now, which finds out what became of it, and then try again."
    if record.status == "Voided":
        return f"{number} is voided or deleted in Xero already; only Send again makes a new one."
    if record.xero_id is not None and record.status != "Changed since sent":
        return (
            f"{number} is in Xero already, as {record.xero_number}. Void or delete it there if it should not be there."
        )
    return ""


def use_suggested(desk: Desk, wanted: Sequence[Wanted]) -> tuple[Report, list[Told]]:
    """Take the contact that AX-105 suggests for the companies of these invoices, where one suggestion is clear.

    All invoices of these companies that lack a contact are tried again. The row in ContactMap is written with the next
    projection, and counts at once.

    Raises:
        PlainError: No suggestion is clear, or no such invoice lacks a contact.
    """
    with one_at_a_time(desk):
        _check_unpaused(desk)
        lacking, left = _without_contact(desk, wanted)
        offered = {int(company): names for table, company, names, _ in desk.ledger.missing() if table == "ContactMap"}
        clear: dict[int, str] = {}
        unclear = []
        for company, rows in lacking.items():
            if name := _likest(offered.get(company, "")):
                clear[company] = name
            else:
                near = offered.get(company) or "nothing in Xero is like it"
                unclear.append(f"{rows[0]['customer']}: no suggestion is clear ({near}). Choose one in ContactMap.")
        if not clear:
            raise PlainError(" ".join(unclear), "Nothing was changed.")
        chosen = json.loads(desk.ledger.fact("contact_choices") or "{}") | {
            str(key): name for key, name in clear.items()
        }
        desk.ledger.remember(contact_choices=json.dumps(chosen))
        for company, name in clear.items():
            desk.ledger.log("Mapping changed", f"contact {lacking[company][0]['customer']}: {name}", who="Person")
        vars(desk).pop("reading", None)  # it is another one now
        report, told = resync(desk, [AutotaskId(row["autotask_id"]) for company in clear for row in lacking[company]])
        report.problems += unclear
    return report, told + left


def create_in_xero(desk: Desk, wanted: Sequence[Wanted]) -> tuple[Report, list[Told]]:
    """Create the contacts that these invoices lack, whatever “Create missing contacts” says.

    All invoices of their companies that lack a contact are tried again.

    Raises:
        PlainError: No such invoice lacks a contact, or nothing may be written to Xero now.
        StopError: A system cannot be reached or refuses.
    """
    problems = []
    with one_at_a_time(desk):
        desk.check()
        if desk.settings.sync_mode != "Live" or desk.settings.paused:
            raise PlainError("Nothing was created: “Sync mode” is not Live, or “Paused” is Yes.", "Change and save it.")
        lacking, left = _without_contact(desk, wanted)
        desk.reach_autotask()
        books = desk.xero.books(desk.reach_xero())
        missing = []
        for customer in Source(desk.autotask).customers(list(lacking)).values():
            found = match(customer, books, desk.reading.mappings, desk.settings)
            if found.is_missing:
                missing.append(customer)
            elif found.fault is not None:
                problems.append(f"{customer.name} was not created. {found.fault.detail} {found.fault.cure}")
        created, refused, held = create(desk.xero, missing, desk.settings)
        for customer in missing:
            if customer.id in created:
                desk.ledger.log("Created a contact in Xero", customer.name, who="Person")
            else:
                said = held.get(customer.id) or " ".join(refused.get(customer.id, ()))
                problems.append(f"{customer.name} was not created. Xero said: {said}")
        report, told = resync(desk, [AutotaskId(row["autotask_id"]) for rows in lacking.values() for row in rows])
    report.problems += problems
    return report, told + left


def _without_contact(desk: Desk, wanted: Sequence[Wanted]) -> tuple[dict[int, list[Mapping[str, Any]]], list[Told]]:
    """All invoices that lack a contact (AX-105) of the companies of which one is named, by company.

    Returns:
        These, and the answers for what was named and is no invoice.

    Raises:
        PlainError: None that is named lacks one.
    """
    found, left = _find(desk, wanted)
    ids = set(found)
    lacking = [row for row in desk.ledger.rows() if row["fault_code"] == "AX-105" and row["xero_id"] is None]
    companies = {row["company_id"] for row in lacking if row["autotask_id"] in ids}
    if not companies:
        raise PlainError("None of these invoices lacks a contact (AX-105).", "Nothing was changed.")
    return {one: [row for row in lacking if row["company_id"] == one] for one in companies}, left


def _likest(offered: str) -> str:
    """The one name that is meant, of suggestions such as ``Kauri Ltd (96 %), Kauri Trust (71 %)``; blank if unclear."""
    names = [(int(score), name) for name, score in re.findall(r"(.+?) \((\d+) %\)(?:, |$)", offered)]
    is_clear = len(names) == 1 or (len(names) > 1 and names[0][0] - names[1][0] >= _CLEARLY)
    return names[0][1] if is_clear else ""


def set_value(desk: Desk, name: str, value: str) -> str:
    """Change a setting in the workbook, checked like a typed one.

    Returns:
        A sentence that says what was done.
    """
    setting, cell = checked(desk, name, value)
    if (setting.name, cell) == ("Sync mode", "Live"):
        _check_ready(desk)
    _edit(desk, "Settings", (setting.name,), {"Value": cell})
    desk.ledger.log("Setting changed", f"{setting.name}: {cell}", who="Person")
    codes = {kind.code for kind in CATALOGUE.values() if setting.name in kind.settings}
    return f"“{setting.name}” is now “{'' if cell is None else cell}”.{_let_through(desk, codes)}"


def _check_ready(desk: Desk) -> None:
    """Refuse to go live before the first things are settled; what is in Xero already is looked for before each post.

    Raises:
        PlainError: Something is missing; nothing was changed.
    """
    settings, mappings = desk.settings, desk.reading.mappings
    missing = [
        what
        for what, is_missing in (
            ("Start date is blank", settings.start_date is None),
            ("no billing code has an account", settings.unmapped_code == "Stop" and not mappings.accounts),
            ("no tax region has a tax rate", settings.unmapped_region == "Stop" and not mappings.taxes),
        )
        if is_missing
    ]
    if missing:
        raise PlainError(
            f"It is too early to go live: {', '.join(missing)}. Nothing was changed.",
            "Fill it in on the sheets Settings and Mappings; or run “autoxero setup”, and where that was done before "
            "“autoxero setup --again”: it asks for all of it once there are invoices to go by.",
        )


def checked(desk: Desk, name: str, value: str) -> tuple[declared.Setting, Any]:
    """A setting, and a value for it as the sheet holds it, checked like a typed one.

    Raises:
        PlainError: There is no such setting, or it cannot be so.
    """
    try:
        setting = declared.find(name)
        meant: Any = declared.read_value(setting, value)
    except declared.NotReadableError as error:
        raise PlainError(str(error), "Nothing was changed.") from error
    _check_listed(desk, setting.listed, meant)
    return setting, {True: "Yes", False: "No"}[meant] if isinstance(meant, bool) else meant


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
    company = "" if table in {"account", "tax"} else _company_id(desk, key.strip())
    waiting = {
        invoice
        for name, one, two, invoice in desk.ledger.missing()
        if name.removesuffix("Map").casefold() == table
        and (one == company if company else one == first and second in {"", two})
    }
    codes = {"account": {"AX-109", "AX-203"}, "tax": {"AX-110", "AX-204"}}.get(table, {"AX-105", "AX-206", "AX-211"})
    if table == "account":
        _edit(desk, "AccountMap", (first, second), {"Xero account": value})
    elif table == "tax":
        _edit(desk, "TaxMap", (first, second), {"Xero tax rate": value})
    else:
        _edit(desk, "ContactMap", (company,), {"Xero contact": value})
    desk.ledger.log("Mapping changed", f"{table} {key}: {value}", who="Person")
    told = f"{table.capitalize()} “{key}” now goes to “{value}”."
    listed = {"account": "BillingCodes", "tax": "TaxRegions"}.get(table, "")
    if near := nearly(first, json.loads(desk.ledger.fact("lists") or "{}").get(listed, ())):
        told += f" But Autotask has no “{first}”: did you mean “{near}”?"
    return told + _let_through(desk, codes, waiting)


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
    near = "" if found else nearest(key, sorted({row["customer"] for row in rows}))
    raise PlainError(f"{told}{ids}. {near}".strip(), "Give the company's Autotask id; ContactMap shows it.")


def _let_through(desk: Desk, codes: Collection[str], only: Collection[int] | None = None) -> str:
    """Which invoices a change may let through, of those that it concerns, and how to try them together."""
    rows = [row for row in desk.ledger.rows() if row["fault_code"] in codes and row["xero_id"] is None]
    rows = [row for row in rows if only is None or row["fault_code"] not in _BY_ROW or row["autotask_id"] in only]
    if not rows:
        return ""
    named = ", ".join(row["number"] or str(row["autotask_id"]) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
    again = " and ".join(f"“autoxero resync --fault {code}”" for code in sorted({row["fault_code"] for row in rows}))
    count = "1 invoice" if len(rows) == 1 else f"{len(rows)} invoices"
    return f" This may let through {count} over {sums(rows)}: {named}. Try them together with {again}."


def test(desk: Desk) -> list[Check]:
    """Test connections, settings, mappings, mail and this computer; a line each, which the Dashboard shows too."""
    found = checks.test(desk)
    project_all(desk)
    return found


def rebuild(desk: Desk) -> list[str]:
    """Every status sheet anew from the ledger."""
    return project_all(desk, anew=True)


def _log_each(desk: Desk, event: str, ids: Sequence[AutotaskId], detail: str = "") -> None:
    for item in ids:
        desk.ledger.log(event, detail or "Asked for by a person.", who="Person", about=item)


def _check_listed(desk: Desk, name: str, value: object) -> None:
    """Refuse what Xero does not have, where its lists have been read.

    Raises:
        PlainError: It is not there; the nearest entries are named.
    """
    entries = json.loads(desk.ledger.fact("lists") or "{}").get(name) or []
    code_of = {"Accounts": account_code, "TaxRates": tax_type}.get(name, str)
    known = {form.casefold() for entry in entries for form in (entry, code_of(entry), entry.rpartition(" (")[0])}
    if name in {"Accounts", "TaxRates"} and (kept := desk.ledger.fact("books")):
        books = msgspec.json.decode(kept, type=Books)
        meant = (books.account if name == "Accounts" else books.tax_rate)(str(value))
        if meant is not None and meant.is_active:
            return  # by code, label or a name that only one has
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
        raise PlainError(f"Nothing was changed: {error}", "Then try again.") from error
    except WorkbookError as error:
        raise PlainError(str(error), "Nothing was changed.") from error
    desk.ledger.remember(workbook_path=str(desk.workbook.absolute()))


def _find(desk: Desk, wanted: Sequence[Wanted]) -> tuple[list[AutotaskId], list[Told]]:
    """The invoices meant, each once; and of what else was named, why it is none.

    Raises:
        PlainError: No invoice is among them.
    """
    known = desk.ledger.records()
    found: dict[AutotaskId, None] = {}
    left = []
    for item in wanted:
        try:
            found[_known(desk, item, known)] = None
        except PlainError as error:
            left.append(Told(None, str(item), "", str(error), is_done=False))
    if left and not found:
        raise PlainError(reasons(left), "Nothing was changed.")
    return list(found), left


def _known(desk: Desk, wanted: Wanted, known: Collection[AutotaskId]) -> AutotaskId:
    """The invoice meant.

    Raises:
        PlainError: There is no such invoice, or several have the number.
    """
    if isinstance(wanted, str):
        return find_invoice(desk.ledger, wanted)
    if wanted not in known:
        raise PlainError(f"No invoice has the Autotask id {wanted}.", "If it is one, press Sync now and try again.")
    return wanted


def _parted(
    desk: Desk, wanted: Sequence[Wanted], why: Callable[[Record, str], str]
) -> tuple[list[AutotaskId], list[Told]]:
    """The invoices meant for which a thing can be done, and the answers for the others.

    Args:
        desk: What it works with.
        wanted: Numbers or Autotask ids as typed, or ids.
        why: What keeps it from being done for an invoice of that number, in a sentence; blank where nothing does.

    Raises:
        PlainError: It can be done for none of them.
    """
    ids, left = _find(desk, wanted)
    records = desk.ledger.records()
    rows = _rows(desk)
    answers = {item: _told(rows[item]) for item in ids}
    said = {item: why(records[item], answers[item].number) for item in ids}
    left += [replace(answers[item], message=said[item], is_done=False) for item in ids if said[item]]
    able = [item for item in ids if not said[item]]
    if not able:
        raise PlainError(reasons(left), "Nothing was changed.")
    return able, left


def reasons(left: Sequence[Told]) -> str:
    """Why invoices were left as they are; of many, of the first ones."""
    more = len(left) - _MANY
    rest = f"{counted(more, 'other')} could not be done either; the sheet Invoices shows how they stand."
    return " ".join([*(item.message for item in left[:_MANY]), *([rest] if more > 0 else [])])


def _rows(desk: Desk) -> dict[AutotaskId, Mapping[str, Any]]:
    return {AutotaskId(row["autotask_id"]): row for row in desk.ledger.rows()}


def tell(desk: Desk, ids: Sequence[AutotaskId]) -> list[Told]:
    """The answer for each invoice."""
    rows = _rows(desk)
    return [_told(rows[item]) for item in dict.fromkeys(ids)]


def _told(row: Mapping[str, Any]) -> Told:
    autotask_id = AutotaskId(row["autotask_id"])
    number = row["number"] or str(autotask_id)
    if row["status"] == "Changed since sent":
        chosen = CHOSEN.get(row["wish"], row["fault_detail"] or row["why"])
        message = f"{number} is in Xero as {row['xero_number']}. {chosen}"
    elif row["status"] == "Voided":
        again = "" if row["is_voided"] else " Send again makes a new one."
        message = f"{number} is voided or deleted in Xero, where it was {row['xero_number']}.{again}"
    elif row["xero_id"]:
        message = f"{number} is in Xero as {row['xero_number']}."
    elif row["status"] == "Never send":
        message = f"{number} is never sent ({row['why']}). Resync takes that back."
    elif row["fault_code"] in HELD and row["status"] == "Waiting":
        message = f"{number} waits for your confirmation: “autoxero send-these {number}”. {row['fault_detail']}"
    elif row["fault_code"]:
        message = f"{number}: {row['fault_code']} {row['fault_title']}. {row['fault_detail']} {row['fault_cure']}"
    else:
        message = f"{number}: {row['status']}, {row['why']}."
    return Told(autotask_id, number, row["status"], message)
