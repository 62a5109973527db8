"""Showing the ledger in the workbook."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from agent import views
from agent.desk import Desk
from agent.domain.invoice import AutotaskId
from workbook.errors import WorkbookError
from workbook.project import Projection, project
from workbook.read import read

_BACKUPS = "workbook-backups"
_HEARTBEAT = 2
"""After so many syncs with nothing new the file is touched all the same: its light turns red after three."""


def project_all(desk: Desk, run: str = "", wishes: Mapping[AutotaskId, str] | None = None) -> list[str]:
    """Bring the status sheets up to date; the file is touched only where something changed.

    ``wishes`` are the choices in the column Do that have been acted on and are cleared.
    The moments of the last run change with every run: they are written together with another change only.

    Returns:
        What could not be shown, or was put right, in words.
    """
    rows = desk.ledger.rows()
    shown = _projection(desk, rows)
    content = hashlib.sha256(repr(shown).encode()).hexdigest()
    stamps = _kept_stamps(desk, content)
    try:
        full = replace(shown, names={**shown.names, **stamps}, edits=_cleared(desk, wishes or {}))
        outcome = project(desk.workbook, full, backups=desk.config.home / _BACKUPS)
    except (WorkbookError, OSError) as error:
        desk.ledger.log("AX-501 The workbook is open elsewhere or read-only", str(error), run=run, level="Warning")
        return [f"AX-501 {error} The sheets catch up by themselves."]
    desk.ledger.remember(shown=content, stamps=_as_json(stamps))
    if wishes:
        desk.ledger.remember(wishes="{}")
    for note in outcome.notes:
        desk.ledger.log("AX-502 Put right in the workbook", note, run=run, level="Warning")
    return list(outcome.notes)


def _asked(desk: Desk) -> list[tuple[str, str, str]]:
    """The mapping rows that were ever asked for."""
    known = {tuple(item) for item in json.loads(desk.ledger.fact("asked_rows") or "[]")}
    now = known | {(table, first, second) for table, first, second, _invoice in desk.ledger.missing()}
    if now != known:
        desk.ledger.remember(asked_rows=json.dumps(sorted(now)))
    return sorted(now)


def _cleared(desk: Desk, wishes: Mapping[AutotaskId, str]) -> dict[str, dict[tuple[str, ...], dict[str, views.Cell]]]:
    """Blank the cells that were acted on, where they still hold the same choice: it may have been changed meanwhile."""
    now = {wish.autotask_id: wish.verb for wish in read(desk.workbook).wishes} if wishes else {}
    cells: dict[tuple[str, ...], dict[str, views.Cell]] = {
        (str(key),): {"Do": None} for key, verb in wishes.items() if now.get(key) == verb
    }
    return {"Invoices": cells, "Faults": cells} if cells else {}


def _kept_stamps(desk: Desk, content: str) -> dict[str, views.Cell]:
    """Fresh moments where the content changed, else those that the file already shows."""
    fresh = views.stamps(desk.ledger, desk.settings)
    kept = json.loads(desk.ledger.fact("stamps") or "{}")
    if desk.ledger.fact("shown") != content or not kept:
        return fresh
    seen = datetime.fromisoformat(kept["AutoXeroLastSeen"]["at"])
    if datetime.now() - seen > timedelta(minutes=_HEARTBEAT * desk.settings.sync_every):  # noqa: DTZ005 - as on the sheet
        return fresh
    return {
        name: datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value for name, value in kept.items()
    }


def _as_json(stamps: Mapping[str, views.Cell]) -> str:
    """The stamps as JSON; moments as ``{"at": …}``."""
    return json.dumps(
        {name: {"at": value.isoformat()} if isinstance(value, datetime) else value for name, value in stamps.items()}
    )


def _projection(desk: Desk, rows: Sequence[Mapping[str, Any]]) -> Projection:
    ledger, settings = desk.ledger, desk.settings
    heads, lines = views.preview(ledger)
    problems = {problem.where: problem.message for problem in desk.reading.problems}
    return Projection(
        tables={
            "Invoices": views.invoices(rows, settings.tries),
            "Faults": views.faults(rows, settings.tries),
            "Log": views.log(ledger.log_rows(settings.log_rows)),
            "Preview": heads,
            "PreviewLines": lines,
            "Reconcile": views.reconcile(rows),
            "Settings": views.setting_problems(problems),
            **views.maps(ledger, rows, _asked(desk)),
        },
        names=views.dashboard(ledger, settings, rows, desk.reading.problems),
        lists=json.loads(ledger.fact("lists") or "{}"),
    )
