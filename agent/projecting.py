"""Showing the ledger in the workbook: in the closed file, or in the Excel that has it open."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agent import overview, reconciliation, views
from agent.desk import BACKUPS, Desk
from agent.domain.invoice import AutotaskId
from agent.domain.mappings import Mappings
from agent.template import template
from workbook.errors import InUseError, WorkbookError
from workbook.identity import Key, key_of, keys_of
from workbook.layout import PROOF_NAME, TABLES
from workbook.locks import opened_by
from workbook.package import check_free
from workbook.project import Projection, Row, project
from workbook.read import Reading, read

_HEARTBEAT = 2
"""After so many syncs with nothing new the file is touched all the same: its light turns red after three."""
_LONGEST = 20.0
"""Seconds after which a process that brings an open workbook up to date is ended."""
_BETWEEN = "\x1f"
"""Between the parts of a key, which hold none: it counts as a blank."""
SHOWN_FACTS = (
    "asked_rows", "autotask_web_url", "base_currency", "checks", "contact_choices", "do_answers", "lists",
    "organisation", "preview", "short_code", "untaxed", "xero_sign_in_ends",
)  # fmt: skip
"""The remembered facts that the sheets show, the lights apart; a test compares this with what the views read."""


def project_all(
    desk: Desk, run: str = "", wishes: Mapping[AutotaskId, str] | None = None, *, anew: bool = False, told: str = ""
) -> list[str]:
    """Bring the status sheets up to date; the file is touched only where something changed.

    The moments of the last run change with every run: they are written together with another change only.
    Where neither the ledger nor the file changed since the last time, nothing is worked out at all.

    Args:
        desk: What it works with.
        run: The run, for the log.
        wishes: The choices in the column Do that have been acted on and are cleared.
        anew: Work everything out, whatever changed.
        told: A sentence for the status bar of the Excel that has it open.

    Returns:
        What could not be shown, or was put right, in words.
    """
    if desk.show is not None:
        return project_open(desk)
    mark = _mark(desk)
    is_same = not anew and not wishes and desk.ledger.fact("projected") == mark + _state(desk)
    if is_same and not _is_silent(desk, json.loads(desk.ledger.fact("stamps") or "{}").get("AutoXeroLastSeen", {})):
        return []
    try:
        check_free(desk.workbook)
        notes = _into_file(desk, wishes or {}, only_moments=is_same, anew=anew)
    except InUseError as error:
        return _while_open(desk, str(error), mark, run, told, anew=anew)
    except (WorkbookError, OSError) as error:
        return _not_shown(desk, str(error), run)
    desk.ledger.remember(projected=mark + _state(desk), not_shown="")
    return _noted(desk, notes, run)


def _noted(desk: Desk, notes: Sequence[str], run: str) -> list[str]:
    """AX-502, each note logged once for as long as it lasts."""
    known = json.loads(desk.ledger.fact("noted") or "[]")
    for note in notes:
        if note not in known:
            desk.ledger.log("AX-502 Put right in the workbook", note, run=run, level="Warning")
    if list(notes) != known:
        desk.ledger.remember(noted=json.dumps(list(notes)))
    return list(notes)


def project_open(desk: Desk) -> list[str]:
    """Bring an open workbook up to date through the desk's ``show``: changed cells only, and nothing is saved.

    Returns:
        What could not be shown, in words.

    Raises:
        Exception: Whatever ``show`` raises.
    """
    assert desk.show is not None
    digest = desk.reading.digest
    is_cleared = desk.ledger.fact("wishes_cleared") == digest
    acted = {} if is_cleared else json.loads(desk.ledger.fact("wishes") or "{}")
    full = _projection(desk, desk.reading, desk.ledger.rows())
    names = {**full.names, **overview.stamps(desk.ledger, desk.settings)}
    notes = list(desk.show(replace(full, names=names, edits=_chosen(desk), is_whole=True), acted))
    if acted:
        desk.ledger.remember(wishes_cleared=digest)
    return notes


def _into_file(desk: Desk, wishes: Mapping[AutotaskId, str], *, only_moments: bool, anew: bool) -> list[str]:
    """Write the closed file."""
    backups = desk.config.home / BACKUPS
    if only_moments:
        stamps = overview.stamps(desk.ledger, desk.settings)
        outcome = project(desk.workbook, Projection(names=stamps), backups=backups)
        desk.ledger.remember(stamps=_as_json(stamps))
        return list(outcome.notes)
    reading = _as_saved(desk)
    shown = _projection(desk, reading, desk.ledger.rows())
    digests = {name: _digests(name, rows) for name, rows in shown.tables.items() if name != "Log"}
    before = json.loads(desk.ledger.fact("shown_rows") or "{}")
    unchanged = {name: _unchanged(before.get(name, {}), keys) for name, keys in digests.items()}
    rest = {name: rows for name, rows in shown.tables.items() if name != "Invoices"}
    content = hashlib.sha256(repr((rest, shown.names, shown.lists, digests)).encode()).hexdigest()
    stamps = _kept_stamps(desk, content)
    edits = _cleared(reading, wishes) | _chosen(desk)
    is_ours = not anew and desk.ledger.fact("projected").endswith(_state(desk))
    full = replace(shown, names={**shown.names, **stamps}, edits=edits)
    if is_ours:  # to compare all its rows with it takes long
        news = [row for row in shown.tables["Invoices"] if key_of(("Autotask id",), row) not in unchanged["Invoices"]]
        full = replace(full, tables={**shown.tables, "Invoices": news})
    else:
        full = replace(full, unchanged=unchanged, is_whole=True)
    known = {**desk.reading.typed, **reading.typed}
    outcome = project(desk.workbook, full, backups=backups, template=template(), known=known)
    desk.ledger.remember(shown=content, stamps=_as_json(stamps), shown_rows=json.dumps(digests))
    if wishes:
        desk.ledger.remember(wishes="{}", wishes_cleared="")
    if "ContactMap" in edits:
        desk.ledger.remember(contact_choices="{}")
    return list(outcome.notes)


def _digests(table: str, rows: Sequence[Row]) -> dict[str, str]:
    """What each row of a table shows, by its key."""
    names = keys_of(TABLES[table])
    return {
        _BETWEEN.join(key_of(names, row)): hashlib.blake2b(repr(row).encode(), digest_size=8).hexdigest()
        for row in rows
    }


def _unchanged(before: Mapping[str, str], now: Mapping[str, str]) -> set[Key]:
    """The keys of the rows that show what they showed the last time."""
    return {tuple(key.split(_BETWEEN)) for key, digest in now.items() if before.get(key) == digest}


def _mark(desk: Desk) -> str:
    """What the sheets show depends on this, the file itself apart; cheap to work out."""
    ledger = desk.ledger
    lights = [(light["ok"], light.get("code"), light.get("detail")) for light in overview.connections(ledger).values()]
    parts = (
        ledger.revision(),
        [ledger.fact(name) for name in SHOWN_FACTS],
        lights,
        desk.settings,
        desk.reading.problems,
        desk.reading.mappings,
        importlib.metadata.version("autoxero"),
        datetime.now().astimezone().strftime("%Y-%m-%d %Z"),  # warnings count days, and the sheets hold local times
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _state(desk: Desk) -> str:
    """Tells whether the workbook was written since, or the program brings another layout now."""
    return _stamp(desk.workbook) + _stamp(template())


def _stamp(path: Path) -> str:
    """Tells whether a file was written since."""
    try:
        status = path.stat()
    except OSError:
        return " missing"
    return f" {status.st_mtime_ns} {status.st_size}"


def _is_silent(desk: Desk, seen: Mapping[str, str]) -> bool:
    """Whether the workbook was told nothing for so long that its light would soon turn red."""
    if not seen.get("at"):
        return True
    passed = datetime.now() - datetime.fromisoformat(seen["at"])  # noqa: DTZ005 - as on the sheet
    return passed > timedelta(minutes=_HEARTBEAT * desk.settings.sync_every)


# --- while another program has it open -------------------------------------------------------------------------------


def _while_open(desk: Desk, why: str, mark: str, run: str, told: str, *, anew: bool) -> list[str]:
    """Let the Excel that has it open show what is new; where none here has it, the sheets catch up later."""
    if not may_have_excel():
        return _not_shown(desk, why, run)
    shown = json.loads(desk.ledger.fact("told_open") or "{}")
    session = mark + _stamp(desk.workbook) + _stamp(desk.workbook.with_name(f"~${desk.workbook.name}"))
    if not (anew or told) and shown.get("session") == session and not _is_silent(desk, shown):
        return []
    trouble, note = refresh_open(desk, told)
    if trouble:
        return _not_shown(desk, f"{why} {trouble}", run)
    now = datetime.now().isoformat(timespec="seconds")  # noqa: DTZ005 - as on the sheet
    desk.ledger.remember(told_open=json.dumps({"session": session, "at": now}), not_shown="")
    return _noted(desk, [note] if note else [], run)


def may_have_excel() -> bool:
    """Whether an Excel could have the workbook open on this computer."""
    xlwings: Any = sys.modules.get("xlwings")
    return sys.platform in {"win32", "darwin"} or (xlwings is not None and xlwings.engines.active is not None)


def refresh_open(desk: Desk, told: str = "") -> tuple[str, str]:
    """Start the short-lived process that brings the open workbook up to date: Excel may hang, the agent may not.

    Args:
        desk: What it works with.
        told: A sentence for the status bar.

    Returns:
        Why it could not be done, blank when it was; and then what could not be shown, or was put right.
    """
    ours = {name: value for name, value in desk.config.environment.items() if name == "AUTOXERO_DATABASE_URL"}
    others = {name: value for name, value in os.environ.items() if not name.startswith("AUTOXERO_")}
    try:
        done = subprocess.run(  # noqa: S603 - our own module, and a path
            [sys.executable, "-m", "macros.refresh", "--workbook", str(desk.workbook.absolute())],
            input=told,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=_LONGEST,
            cwd=Path(__file__).parents[1],
            env={**others, **ours, "AUTOXERO_HOME": str(desk.config.home), "PYTHONUTF8": "1"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        return f"Excel did not answer within {_LONGEST:.0f} seconds.", ""
    except OSError as error:
        return f"The open workbook could not be reached ({error.strerror or type(error).__name__}).", ""
    said = (done.stdout.strip().splitlines() or [""])[-1]
    return ("", said) if done.returncode == 0 else (said or "The open workbook could not be reached.", "")


def _not_shown(desk: Desk, why: str, run: str) -> list[str]:
    """AX-501, logged once for as long as it lasts."""
    by = opened_by(desk.workbook)
    told = f"{why} It was opened by {by}." if by and by not in why else why
    if desk.ledger.fact("not_shown") != told:
        desk.ledger.log("AX-501 The workbook is open elsewhere or read-only", told, run=run, level="Warning")
        desk.ledger.remember(not_shown=told)
    return [f"AX-501 {told} The sheets catch up by themselves."]


# --- what is shown ----------------------------------------------------------------------------------------------------


def _asked(desk: Desk) -> list[tuple[str, str, str]]:
    """The mapping rows that were ever asked for."""
    known = {tuple(item) for item in json.loads(desk.ledger.fact("asked_rows") or "[]")}
    now = known | {(table, first, second) for table, first, second, _invoice in desk.ledger.missing()}
    if now != known:
        desk.ledger.remember(asked_rows=json.dumps(sorted(now)))
    return sorted(now)


def _as_saved(desk: Desk) -> Reading:
    """The reading; another one where the file was saved since: rows and choices may have come and gone."""
    is_same = hashlib.sha256(desk.workbook.read_bytes()).hexdigest() == desk.reading.digest
    return desk.reading if is_same else desk.compared(read(desk.workbook))


def _cleared(
    reading: Reading, wishes: Mapping[AutotaskId, str]
) -> dict[str, dict[tuple[str, ...], dict[str, views.Cell]]]:
    """Blank the cells that were acted on, where they still hold the same choice: it may have been changed meanwhile."""
    now = {wish.autotask_id: wish.verb for wish in reading.wishes}
    cells: dict[tuple[str, ...], dict[str, views.Cell]] = {
        (str(key),): {"Do": None} for key, verb in wishes.items() if now.get(key) == verb
    }
    return {"Invoices": cells, "Faults": cells} if cells else {}


def _chosen(desk: Desk) -> dict[str, dict[tuple[str, ...], dict[str, views.Cell]]]:
    """The contacts that a button chose, for companies which still have none on the sheet."""
    chosen = json.loads(desk.ledger.fact("contact_choices") or "{}")
    on_sheet = read(desk.workbook).mappings if chosen else Mappings()
    rows: dict[tuple[str, ...], dict[str, views.Cell]] = {
        (key,): {"Xero contact": name} for key, name in chosen.items() if on_sheet.contact(int(key)) is None
    }
    return {"ContactMap": rows} if chosen else {}


def _kept_stamps(desk: Desk, content: str) -> dict[str, views.Cell]:
    """Fresh moments where the content changed, else those that the file already shows."""
    fresh = overview.stamps(desk.ledger, desk.settings)
    kept = json.loads(desk.ledger.fact("stamps") or "{}")
    if desk.ledger.fact("shown") != content or not kept:
        return fresh
    if _is_silent(desk, kept["AutoXeroLastSeen"]):
        return fresh
    return {
        name: datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value for name, value in kept.items()
    }


def _as_json(stamps: Mapping[str, views.Cell]) -> str:
    """The stamps as JSON; moments as ``{"at": …}``."""
    return json.dumps(
        {name: {"at": value.isoformat()} if isinstance(value, datetime) else value for name, value in stamps.items()}
    )


def _projection(desk: Desk, reading: Reading, rows: Sequence[Mapping[str, Any]]) -> Projection:
    ledger, settings, problems, told = desk.ledger, desk.settings, reading.problems, reading.told
    heads, lines = views.preview(ledger)
    where = views.addresses(ledger)
    both = reconciliation.Reconciliation(rows, where, ledger.fact("base_currency"), settings.start_date)
    return Projection(
        tables={
            "Invoices": views.invoices(rows, settings.tries, where, views.answers(ledger, rows, problems)),
            "Faults": views.faults(rows, settings.tries),
            "Log": views.log(ledger.log_rows(settings.log_rows)),
            "Preview": heads,
            "PreviewLines": lines,
            "ReconcileTotals": both.statement(),
            "Reconcile": both.by_customer(),
            "ReconcileAccounts": reconciliation.by_account(ledger.line_sums()),
            "NotFromAutotask": both.others(ledger.others()),
            "Settings": views.setting_problems(problems, told),
            **views.maps(ledger, rows, reading.mappings, _asked(desk), problems, told),
        },
        names={
            **overview.dashboard(ledger, settings, rows, problems),
            PROOF_NAME: both.proof(),
        },
        lists=json.loads(ledger.fact("lists") or "{}"),
    )
