"""What the ribbon's buttons need of the agent where Excel itself starts Python: no agent runs, or it took no request.

Everything ends in a sentence. Nothing here knows Excel: the open workbook is a function that shows a projection.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent import verbs, views
from agent.alive import agent_json, agent_text, is_running
from agent.asked import answer, words
from agent.bugs import write_report
from agent.desk import Desk, Progress, Show, open_desk
from agent.domain import settings as declared
from agent.domain.invoice import AutotaskId
from agent.domain.labels import code_of
from agent.errors import PlainError, StopError
from agent.inbox import MOST_IDS, Request
from agent.projecting import project_open
from agent.wire import TIMEOUT, Wire
from workbook.cells import fold

LONGEST = 300.0
"""Seconds that a button may keep Excel waiting where no agent runs: no further request is begun after that."""
_TAKEN_WITHIN = 2.0
"""Seconds within which an agent that lives takes a request."""
_MOST_PAGES = 10
_NEEDS_SAVED = frozenset({
    "sync", "preview", "resync", "resync-fault", "send-now", "send-these", "send-again", "use-suggested",
    "create-in-xero", "test",
})  # fmt: skip
"""The verbs that go by the settings and mappings of the saved file."""
_TARGETS = {
    "AccountMap": ("Billing code", "Line type", "Xero account"),
    "TaxMap": ("Tax region", "Tax category", "Xero tax rate"),
    "ContactMap": ("Company id", "", "Xero contact"),
}


@dataclass(frozen=True)
class Screen:
    """What the open workbook shows, where that may differ from the saved file.

    Attributes:
        path: The file.
        workbook_id: Which workbook it is; blank in a fresh one.
        settings: What stands under Value, by setting; ``None`` where nothing was typed since the last save.
        mappings: The rows of the mapping tables; likewise.
    """

    path: Path
    workbook_id: str = ""
    settings: Mapping[str, object] | None = None
    mappings: Mapping[str, Sequence[Mapping[str, object]]] | None = None


def press(screen: Screen, verb: str, ids: Iterable[str] = (), fault: str = "", *, tell: Progress, show: Show) -> str:
    """Carry out what a button asks for; an agent that lives gets it instead, and Excel is free at once.

    Args:
        screen: The open workbook.
        verb: As in a request of the inbox.
        ids: The selected invoices.
        fault: The code, for ``resync-fault``.
        tell: Where progress is told.
        show: Shows the outcome in the open workbook.

    Returns:
        A sentence or two that say what happened.
    """
    try:
        desk = _desk(screen, tell, show)
        request = Request("", verb, _few(ids), fault, _id_of(desk))
        if is_running(desk.config.home) and _hand_over(desk, request):
            return f"{words(verb)}: the agent is at it; the sheets show the outcome shortly."
        if verb in _NEEDS_SAVED:
            _check_saved(desk, screen)
        told = answer(desk, request)
        desk.ledger.log(f"Button: {words(verb)}", told, who="Ribbon")
    except KeyboardInterrupt:
        return (
            f"{words(verb)} was stopped after {LONGEST / 60:.0f} minutes so that Excel is free again; nothing is lost. "
            "Press it again to go on, or let the agent do it: “autoxero run”."
        )
    except Exception as error:  # noqa: BLE001 - a button never ends in a debugger
        return in_words(error)
    return told


def show_ledger(path: Path, show: Show) -> list[str]:
    """Show the ledger in the workbook that is open; gives what could not be shown, in words."""
    desk = open_desk(path, lambda _text: None)
    desk.show = show
    return project_open(desk)


def in_words(error: BaseException) -> str:
    """An error as a sentence; a bug is written down for support."""
    if isinstance(error, StopError):
        return f"{error.fault.title}: {error.fault.detail} {error.fault.cure}".strip()
    if isinstance(error, PlainError):
        return str(error)
    assert isinstance(error, Exception)
    path = write_report(error)
    return (
        f"Something went wrong inside AutoXero ({type(error).__name__}). Please send the report {path} to support; it "
        "holds no secrets."
    )


def _desk(screen: Screen, tell: Progress, show: Show) -> Desk:
    """The desk, for the workbook that the ledger belongs to.

    Raises:
        PlainError: It is another one, or a copy.
    """
    desk = open_desk(screen.path, tell)
    ends = time.monotonic() + LONGEST
    desk.make_wire = lambda: Wire(TIMEOUT, is_stopped=lambda: time.monotonic() > ends)
    desk.show = show
    kept = Path(desk.ledger.fact("workbook_path") or screen.path)
    known = desk.ledger.fact("workbook_id")
    is_other = bool(known and screen.workbook_id and known != screen.workbook_id)
    if is_other or (kept.exists() and not kept.samefile(screen.path)):
        what = "another workbook than the agent's" if is_other else "a copy of the agent's workbook"
        raise PlainError(f"This is {what}; nothing was done.", f"Use {kept}, or run “autoxero install” for this one.")
    return desk


def _few(ids: Iterable[str]) -> tuple[AutotaskId, ...]:
    found = tuple(AutotaskId(int(item)) for item in ids)
    if len(found) > MOST_IDS:
        raise PlainError(f"More than {MOST_IDS} invoices are selected.", "Select fewer.")
    return found


def _id_of(desk: Desk) -> str:
    return desk.ledger.fact("workbook_id") or desk.reading.workbook_id


def _hand_over(desk: Desk, request: Request) -> bool:
    """Put the request into the inbox; tells whether the agent took it. One that is not taken is withdrawn."""
    folder = desk.config.inbox
    path = folder / f"{uuid.uuid4()}.request"
    pairs = {
        "verb": request.verb,
        "ids": ",".join(map(str, request.ids)),
        "fault": request.fault,
        "workbook": request.workbook,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text("".join(f"{key}={value}\n" for key, value in pairs.items() if value), encoding="ascii")
        unfinished.replace(path)
        ends = time.monotonic() + _TAKEN_WITHIN
        while path.exists() and time.monotonic() < ends:
            time.sleep(0.05)
        path.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _check_saved(desk: Desk, screen: Screen) -> None:
    """Unsaved typing never steers money: what was typed since the last save must be saved first.

    Raises:
        PlainError: A setting or mapping is not as the saved file has it.
    """
    changed = [*_changed_settings(desk, screen.settings or {}), *_changed_maps(desk, screen.mappings or {})]
    if changed:
        named = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")
        raise PlainError("Save the workbook first:", f"{named} was changed since it was last saved. Then press again.")


def _changed_settings(desk: Desk, typed: Mapping[str, object]) -> list[str]:
    if not typed:
        return []
    now, problems = declared.read_settings(typed)
    names = {item.name: item.metadata["setting"].name for item in fields(now)}
    changed = [f"“{name}”" for field, name in names.items() if getattr(now, field) != getattr(desk.settings, field)]
    known = {problem.where for problem in desk.reading.problems}
    return changed + [f"“{problem.where}”" for problem in problems if problem.where not in known]


def _changed_maps(desk: Desk, rows: Mapping[str, Sequence[Mapping[str, object]]]) -> list[str]:
    saved = desk.reading.mappings
    known = {
        "AccountMap": {(fold(row.billing_code), fold(row.line_type)): code_of(row.account) for row in saved.accounts},
        "TaxMap": {(fold(row.tax_region), fold(row.tax_category)): code_of(row.tax_rate) for row in saved.taxes},
        "ContactMap": {(fold(row.company_id), ""): row.contact for row in saved.contacts},
    }
    changed = []
    for table, (first, second, target) in _TARGETS.items():
        for row in rows.get(table, ()):
            text = " ".join(str(row.get(target) or "").split())
            chosen = text if table == "ContactMap" else code_of(text)
            key = (fold(row.get(first)), fold(row.get(second)))  # type: ignore[arg-type]
            if fold(chosen) != fold(known[table].get(key, "")):
                changed.append(f"{table} {row.get(first)}")
    return changed


# --- what needs no run ------------------------------------------------------------------------------------------------


def checked(screen: Screen, name: str, value: str) -> tuple[str, str | int | None]:
    """A setting's own name and the value as the sheet holds it, checked like a typed one.

    Raises:
        PlainError: It cannot be so.
    """
    setting, cell = verbs.checked(open_desk(screen.path, lambda _text: None), name, value)
    return setting.name, cell


def addresses(screen: Screen, system: str, ids: Sequence[str]) -> list[str]:
    """The pages of invoices in Xero, or of their customers in Autotask.

    Args:
        screen: The open workbook.
        system: ``Xero`` or ``Autotask``.
        ids: The selected invoices.

    Raises:
        PlainError: There is none.
    """
    desk = open_desk(screen.path, lambda _text: None)
    where = views.addresses(desk.ledger)
    chosen = [row for row in desk.ledger.rows() if str(row["autotask_id"]) in set(ids)]
    found = [
        where.document(row["xero_kind"], row["xero_id"]) if system == "Xero" else where.customer(row["company_id"])
        for row in chosen
    ]
    pages = list(dict.fromkeys(page for page in found if page))
    if not pages:
        raise PlainError(
            f"None of the selected invoices has a page in {system} yet.", "Press Sync now, then look at their status."
        )
    return pages[:_MOST_PAGES]


def why(screen: Screen, autotask_id: str) -> str:
    """Where an invoice stands, and why, in a sentence or two."""
    row = _row(screen, autotask_id)
    named = row["number"] or autotask_id
    reason = f"{row['fault_code']} {row['fault_title']}. {row['fault_detail']}" if row["fault_code"] else row["why"]
    parts = [f"{named}, {row['customer']}: {row['status']}.", reason, row["warnings"].replace("\n", " ")]
    return " ".join(part.strip() for part in parts if part.strip())


def how_to_fix(screen: Screen, autotask_id: str) -> str:
    """The step to take for an invoice."""
    row = _row(screen, autotask_id)
    named = row["number"] or autotask_id
    if not row["fault_code"]:
        return f"{named} has no fault: {row['status']}."
    return f"{named}, {row['fault_code']}: {row['fault_cure']}"


def _row(screen: Screen, autotask_id: str) -> Mapping[str, Any]:
    rows = open_desk(screen.path, lambda _text: None).ledger.rows()
    found = next((row for row in rows if str(row["autotask_id"]) == autotask_id), None)
    if found is None:
        raise PlainError(f"The agent does not know invoice {autotask_id}.", "Press Sync now.")
    return found


def about(screen: Screen) -> str:
    """Version, home and agent, in a sentence or two."""
    desk = open_desk(screen.path, lambda _text: None)
    agent = agent_text(agent_json(desk.config.home)).replace("\n", " ")
    version = importlib.metadata.version("autoxero")
    return f"AutoXero {version} (Python {platform.python_version()}), kept in {desk.config.home}. {agent}"
