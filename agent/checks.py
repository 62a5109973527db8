"""The test of everything that a sync needs: a line each, with a light and the next step. Nothing is sent or changed."""

from __future__ import annotations

import json
import shutil
import smtplib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.alerts import in_words, mail_password, signed_in, turned_away
from agent.alive import agent_json, agent_text
from agent.config import is_on_network, synced_part
from agent.desk import Desk
from agent.domain.books import Books, Organisation
from agent.domain.problems import Problem
from agent.domain.text import counted
from agent.errors import PlainError, StopError, stop
from agent.keys import ENTRIES
from agent.overview import sign_in_warning
from agent.rights import Check, rights
from agent.template import template
from agent.views import iso
from workbook.errors import WorkbookError
from workbook.layout import LAYOUT_VERSION
from workbook.locks import locked_by
from workbook.read import read, read_layout

_OFF = timedelta(minutes=2)
"""A clock that is further off than this is worth a word: ages and sign-ins go by it."""
_LITTLE, _TOO_LITTLE = 1_000_000_000, 100_000_000
"""Bytes of free space below which a disk is worth a word, and below which the ledger is in danger."""
_SET_CLOCK = (
    "Let the clock be set by itself. Windows: Settings, Time & language, Date & time, Sync now; macOS: System "
    "Settings, General, Date & Time."
)
_BY_XERO = ("Currencies", "Closed period", "Rounding account", "Settings and mappings")
"""What is looked at in Xero's books."""
_CHOOSE = "Choose another one on the sheet {sheet}, and save."
_MEND = "Mend it there, or with “autoxero set” or “autoxero map”, and save the workbook. Until then nothing is sent."


def test(desk: Desk) -> list[Check]:
    """Test everything, and remember the outcome for the Dashboard.

    Returns:
        The lines, in the order in which a person would look.
    """
    desk.forget_refusal()
    desk.tell("Testing the workbook, settings and mappings")
    checks = [*_workbook(desk.workbook)]
    try:
        problems = desk.reading.problems
    except PlainError as error:
        checks += [_bad("Settings and mappings", error.message, error.next_step), *_without_workbook(desk)]
    else:
        checks += [_problem(problem) for problem in problems if not problem.by_lists]
        for name, look in (("Autotask", _autotask), ("Xero", _xero), ("mail", _mail), ("the clock", _clock)):
            desk.tell(f"Testing {name}")
            checks += look(desk)
    desk.tell("Testing this computer")
    checks += [*_disk(desk), *_keys(desk), *_agent(desk)]
    told = {"at": iso(desk.ledger.now()), "checks": [as_json(check) for check in checks]}
    desk.ledger.remember(checks=json.dumps(told))
    return checks


def _without_workbook(desk: Desk) -> Iterator[Check]:
    """What can be tested all the same, where the environment says who signs in; the rest is told to be untested."""
    desk.reading = read(template())
    for name, variable, look in (
        ("Autotask", "AUTOXERO_AUTOTASK_USERNAME", _autotask), ("Xero", "AUTOXERO_XERO_CLIENT_ID", _xero_alone),
        ("Mail", "", _mail),
    ):  # fmt: skip
        if desk.config.environment.get(variable):
            yield from look(desk)
        else:
            text = "It was not tested, for what it needs stands in the workbook."
            yield _warning(name, text, "Let the workbook be found first, as said above, and test again.")
    yield from _clock(desk)


def _xero_alone(desk: Desk) -> list[Check]:
    """Whether Xero lets AutoXero in."""
    try:
        name = desk.reach_xero().name
    except (StopError, PlainError) as error:
        return [_stopped("Xero", error)]
    return [_good("Xero", f"{name}.")]


def as_json(check: Check) -> dict[str, Any]:
    """A line of ``test --json``."""
    return {
        "name": check.name,
        "is_good": check.is_good,
        "message": check.message,
        "light": check.light,
        "next_step": check.next_step,
    }


def as_text(check: Check) -> str:
    """A line for people, and below it what to do."""
    head = {"good": "OK", "warning": "WARNING", "bad": "PROBLEM"}[check.light]
    step = f"\n{'':9}{check.next_step}" if check.next_step else ""
    return f"{head:7}  {check.name}: {check.message}{step}"


def _good(name: str, message: str) -> Check:
    return Check(name, is_good=True, message=message)


def _warning(name: str, message: str, next_step: str) -> Check:
    return Check(name, is_good=True, message=message, next_step=next_step, is_warning=True)


def _bad(name: str, message: str, next_step: str) -> Check:
    return Check(name, is_good=False, message=message, next_step=next_step)


def _stopped(name: str, error: StopError | PlainError) -> Check:
    if isinstance(error, PlainError):
        return _bad(name, error.message, error.next_step)
    return _bad(name, f"{error.fault.code} {error.fault.title}: {error.fault.detail}", error.fault.cure)


# --- the two systems -------------------------------------------------------------------------------------------------


def _autotask(desk: Desk) -> list[Check]:
    try:
        desk.reach_autotask()
        desk.autotask.labels("BillingItems", "billingItemType")
        found = rights(desk)
    except (StopError, PlainError) as error:
        if isinstance(error, StopError):
            desk.light("autotask", error)
            desk.note_refusal(error)
        return [_stopped("Autotask", error)]
    desk.light("autotask")
    zone = desk.autotask.zone
    return [_good("Autotask", f"Signed in at {zone.web_url} (the zone of {zone.url})."), *found]


def _xero(desk: Desk) -> list[Check]:
    try:
        organisation = desk.reach_xero()
        books = desk.read_books(organisation)
    except (StopError, PlainError) as error:
        if isinstance(error, StopError):
            desk.light("xero", error)
        untested = [
            _warning(name, "It was not tested, for Xero gave no answer to go by.", "Test again when Xero is well.")
            for name in _BY_XERO
        ]
        return [_stopped("Xero", error), *_sign_in(desk), *untested]
    desk.light("xero")
    return [
        _good("Xero", f"{organisation.name}, books in {organisation.base_currency}."),
        *_sign_in(desk),
        _currencies(desk, books),
        _period(desk, organisation),
        *_rounding(desk, books),
        *_choices(desk),
    ]


def _sign_in(desk: Desk) -> list[Check]:
    """Until when a person's sign-in to Xero holds; this test has just used it, where Xero answered."""
    ends = desk.ledger.fact("xero_sign_in_ends")
    if warning := sign_in_warning(desk.ledger):
        return [_warning("Xero sign-in", warning.words, "Run “autoxero connect xero”.")]
    return [_good("Xero sign-in", f"It holds until {ends[:10]}, and longer with every use.")] if ends else []


def _currencies(desk: Desk, books: Books) -> Check:
    """Whether Xero has every currency in which a customer was met."""
    has = sorted(books.currencies | {books.organisation.base_currency})
    met = {row["currency"] for row in desk.ledger.rows() if row["xero_id"] is None and row["status"] != "Skipped"}
    lacking = sorted(met - {*has, ""})
    if not lacking:
        return _good("Currencies", f"Xero has {', '.join(has)}.")
    return _warning(
        "Currencies",
        f"There are invoices in {', '.join(lacking)}; Xero has {', '.join(has)} only.",
        "Add the currency in Xero, under Settings, Currencies; not every plan of Xero has more than one.",
    )


def _period(desk: Desk, organisation: Organisation) -> Check:
    locked, start = organisation.locked_until, desk.settings.start_date
    if locked is None:
        return _good("Closed period", "No period is closed in Xero.")
    if start is None or start > locked or desk.settings.closed_period != "Hold":
        return _good("Closed period", f"Closed until {locked}.")
    return _warning(
        "Closed period",
        f"Xero is closed until {locked}: invoices dated from Start date ({start}) to then wait (AX-205).",
        "Nothing, if that is meant; else set “Start date” later, or choose under “Closed period”.",
    )


def _rounding(desk: Desk, books: Books) -> Iterator[Check]:
    chosen = desk.settings.rounding_account
    own = books.account(chosen) if chosen else books.rounding_account
    if chosen:
        if own is not None and own.is_active:  # else it is told with the other accounts
            yield _good("Rounding account", f"{own.code} {own.name}.")
    elif own is not None:
        yield _good("Rounding account", f"{own.code} {own.name}, Xero's own.")
    elif desk.settings.rounding_up_to:
        yield _warning(
            "Rounding account",
            "Xero shows no account for rounding: invoices that need a line of a cent or two fail (AX-203).",
            "Choose an account under “Rounding account” on the sheet Settings.",
        )


# --- settings and mappings -------------------------------------------------------------------------------------------


def _choices(desk: Desk) -> list[Check]:
    """What settings and mappings name, and Xero does not have."""
    found = [_problem(problem) for problem in desk.reading.problems if problem.by_lists]
    mappings, settings = desk.reading.mappings, desk.settings
    if not mappings.accounts and settings.unmapped_code == "Stop":
        found.append(_unmapped("AccountMap", "billing code has an account"))
    if not mappings.taxes and settings.unmapped_region == "Stop":
        found.append(_unmapped("TaxMap", "tax region has a tax rate"))
    if found:
        return found
    count = (
        f"{counted(len(mappings.accounts), 'account')}, {counted(len(mappings.taxes), 'tax rate')} and "
        f"{counted(len(mappings.contacts), 'contact')} are chosen; Xero has them all."
    )
    return [_good("Settings and mappings", count)]


def _problem(problem: Problem) -> Check:
    """A problem of the workbook: what it stops is told by its light and its next step."""
    if problem.stops == "everything":
        return _bad(problem.where, problem.message, _MEND)
    if not problem.by_lists:
        return _warning(problem.where, problem.message, "Choose one of the list there or clear the cell, and save.")
    step = _CHOOSE.format(sheet="Mappings" if problem.table.endswith("Map") else "Settings")
    light = _warning if problem.stops == "nothing" else _bad
    return light(problem.where, problem.message, step)


def _unmapped(table: str, what: str) -> Check:
    return _warning(table, f"No {what} yet, so nothing can be sent.", "Run “autoxero setup”, which suggests them.")


# --- mail ------------------------------------------------------------------------------------------------------------


def _mail(desk: Desk) -> list[Check]:
    """Sign in to the mail server and ask whether it takes the addresses; nothing is sent."""
    settings = desk.settings
    if not settings.alert_people:
        text = "Nobody is told when an invoice fails: “Alert these people” is blank."
        return [_warning("Mail", text, "Run “autoxero connect mail”, or look at the sheet Faults every day.")]
    password = ""
    try:
        password = mail_password(desk)
        with signed_in(settings, password) as server:
            if refused := turned_away(server, settings):
                raise smtplib.SMTPRecipientsRefused(refused)
    except PlainError as error:
        return [_bad("Mail", error.message, error.next_step)]
    except (OSError, smtplib.SMTPException, ValueError) as error:
        trouble = stop("AX-504", in_words(error, settings, password))
        desk.light("mail", trouble)
        return [_stopped("Mail", trouble)]
    desk.light("mail")
    where = f"{settings.mail_server}:{settings.mail_port}"
    return [_good("Mail", f"{where} lets AutoXero in; alerts go to {settings.alert_people}.")]


# --- this computer ---------------------------------------------------------------------------------------------------


def _workbook(path: Path) -> Iterator[Check]:
    """Where it is, whether it can be written, and whether its layout is this program's."""
    name = "Workbook"
    try:
        owner, _ = locked_by(path)
        layout = read_layout(path)
        with path.open("r+b"), tempfile.TemporaryFile(dir=path.parent):
            pass
    except PermissionError:
        text = f"{path} cannot be written to: it is open elsewhere, or read-only."
        yield _warning(name, text, "Close it there, or take the mark “read-only” off it and its folder.")
        return
    except (OSError, WorkbookError) as error:
        yield _bad(name, f"{path}: {_reason(error)}", "Give the path of your AutoXero.xlsm with --workbook.")
        return
    if owner is not None:
        by = f" by {owner}" if owner else ""
        text = f"{path} is open{by}. Settings count once it is saved, and its sheets catch up by themselves."
        yield _warning(name, text, "Nothing, if it is you who has it open.")
    elif layout != LAYOUT_VERSION:
        is_newer = layout.isdigit() and int(layout) > int(LAYOUT_VERSION)
        cure = "Install the newest AutoXero." if is_newer else "Close it, and run “autoxero install”."
        yield _warning(name, f"{path} has the layout of {'a newer' if is_newer else 'an older'} AutoXero.", cure)
    else:
        yield _good(name, f"{path}, layout {layout}, can be written to.")
    if part := synced_part(path):
        text = f"It is in a synced folder (“{part}”)."
        cure = "Keep it on this computer (“Always keep on this device”), and let one computer's AutoXero use it only."
        yield _warning("Workbook's folder", text, cure)
    elif is_on_network(path):
        text = "It is on a network drive."
        yield _warning("Workbook's folder", text, "That works while the drive can be reached; your own disk is better.")


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def _clock(desk: Desk) -> list[Check]:
    """This computer's clock against those that stamped the answers of both systems."""
    wires = [
        (name, vars(desk)[system].wire) for name, system in (("Autotask", "autotask"), ("Xero", "xero"))
        if system in vars(desk)
    ]  # fmt: skip
    gaps = {name: wire.ahead for name, wire in wires if wire.ahead is not None}
    far = {name: gap for name, gap in gaps.items() if abs(gap) > _OFF}
    if not gaps:
        return []
    if not far:
        return [_good("Clock", f"It agrees with that of {' and '.join(gaps)}.")]
    told = " and ".join(
        f"{_minutes(gap)} {'behind' if gap > timedelta(0) else 'ahead of'} that of {name}" for name, gap in far.items()
    )
    return [_warning("Clock", f"This computer's clock is {told}.", _SET_CLOCK)]


def _minutes(gap: timedelta) -> str:
    return counted(round(abs(gap).total_seconds() / 60), "minute")


def _disk(desk: Desk) -> Iterator[Check]:
    home = desk.config.home
    free = shutil.disk_usage(home).free
    text = f"{free / 1e9:,.1f} GB are free where the ledger is ({home})."
    if free >= _LITTLE:
        yield _good("Disk", text)
    else:
        light = _bad if free < _TOO_LITTLE else _warning
        yield light("Disk", text, "Free some space: on a full disk nothing can be written down, so nothing is sent.")


def _keys(desk: Desk) -> list[Check]:
    """Whether the key store answers, where the environment does not give every secret that is needed."""
    given = desk.config.environment
    needed = {variable for variable in ENTRIES.values() if variable and variable != "AUTOXERO_SMTP_PASSWORD"}
    if all(given.get(variable) for variable in needed):
        return [_good("Key store", "Not needed: the environment gives the secrets.")]
    try:
        desk.config.keys.read("autotask-secret")
    except PlainError as error:
        return [_bad("Key store", error.message, error.next_step)]
    return [_good("Key store", "It answers.")]


def _agent(desk: Desk) -> list[Check]:
    told = agent_json(desk.config.home)
    first = agent_text(told).split("\n", 1)[0]
    if not told["running"]:
        text = "It is not running: nothing happens by itself."
        return [_warning("Agent", text, "Run “autoxero install”, which starts it at log-on, or “autoxero run”.")]
    if told["trouble"]:
        return [_warning("Agent", first, told["trouble"])]
    return [_good("Agent", first)]


def worst(checks: Sequence[Check]) -> str:
    """The outcome in a few words."""
    bad = sum(check.light == "bad" for check in checks)
    warnings = sum(check.light == "warning" for check in checks)
    if bad:
        return f"{counted(bad, 'problem')} to mend, {counted(warnings, 'warning')}."
    return f"All is well, {counted(warnings, 'warning')}." if warnings else "All is well."
