"""What the ribbon's buttons need of the agent where Excel itself starts Python: no agent took the request.

Everything ends in a sentence. Nothing here knows Excel: the open workbook is a function that shows a projection.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from agent.asked import AGAIN, answer, done_before, note, words
from agent.asked import show as show_noted
from agent.bugs import write_report
from agent.config import differ
from agent.desk import Desk, Progress, Show, open_desk
from agent.domain import settings as declared
from agent.errors import PlainError, StopError
from agent.inbox import Inbox, Refusal, Request
from agent.projecting import project_open
from agent.sync import A_WHILE
from agent.wire import TIMEOUT, Wire
from workbook.cells import fold

LONGEST = 300.0
"""Seconds that a button may keep Excel waiting where no agent runs: no further request is begun after that."""
_NEEDS_SAVED = frozenset({
    "sync", "preview", "resync", "resync-fault", "send-now", "send-these", "send-again", "use-suggested",
    "create-in-xero", "test",
})  # fmt: skip
"""The verbs that go by the settings and mappings of the saved file."""
_TARGETS = {
    "AccountMap": ("Billing code", "Line type", "Xero account"),
    "TaxMap": ("Tax region", "Tax category", "Xero tax rate"),
    "ContactMap": ("Company id", "", "Xero contact", "Xero contact id"),
    "TrackingMap": ("Billing code", "Line type", "Tracking category", "Tracking option"),
}
"""The columns by which a mapping's row is known, and those that an accountant fills."""


@dataclass(frozen=True)
class Screen:
    """What the open workbook shows, where that may differ from the saved file.

    Attributes:
        path: The file.
        workbook_id: Which workbook it is; blank in a fresh one.
        inbox: Where its buttons write to; blank before it is installed.
        settings: What stands under Value, by setting; ``None`` where nothing was typed since the last save.
        mappings: The rows of the mapping tables; likewise.
    """

    path: Path
    workbook_id: str = ""
    inbox: str = ""
    settings: Mapping[str, object] | None = None
    mappings: Mapping[str, Sequence[Mapping[str, object]]] | None = None


def press(screen: Screen, name: str, *, tell: Progress, show: Show) -> str:
    """Carry out what a button asks for, and no agent took.

    Args:
        screen: The open workbook.
        name: Of the request in the inbox.
        tell: Where progress is told.
        show: Shows the outcome in the open workbook.

    Returns:
        A sentence or two that say what happened.
    """
    try:
        desk = _desk(screen, tell, show)
        inbox = Inbox(desk.config.inbox)
        request = inbox.take_asked(name, datetime.now(UTC), _id_of(desk))
        if isinstance(request, Request) and done_before(desk, [name], datetime.now(UTC)):
            request = Refusal(name, AGAIN)
        if isinstance(request, Refusal):
            desk.ledger.log("Request refused", request.why, level="Warning", who="Ribbon")
            show_noted(desk, request.why)
            return request.why
        told = _answered(desk, screen, request)
        note(desk, request, told)
        with suppress(OSError):  # the status bar and the log have it
            inbox.answer(name, told)
    except Exception as error:  # noqa: BLE001 - a button never ends in a debugger
        return in_words(error)
    return told


def _answered(desk: Desk, screen: Screen, request: Request) -> str:
    try:
        if request.verb in _NEEDS_SAVED:
            _check_saved(desk, screen)
        return answer(desk, request)
    except KeyboardInterrupt:
        return (
            f"{words(request.verb)} was stopped after {LONGEST / 60:.0f} minutes so that Excel is free again; nothing "
            "is lost. Press it again to go on, or let the agent do it: “autoxero run”."
        )
    except Exception as error:  # noqa: BLE001 - it is told, and written down like any answer
        return in_words(error)


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
        PlainError: It is another user's, another one, or a copy.
    """
    desk = open_desk(screen.path, tell)
    if screen.inbox and differ(screen.inbox, desk.config.inbox):
        raise PlainError(
            f"This workbook belongs to another user of this computer (its buttons write to {screen.inbox}); nothing "
            "was done.",
            "Use a workbook of your own: “autoxero install” makes one.",
        )
    ends = time.monotonic() + LONGEST
    desk.make_wire = lambda: Wire(TIMEOUT, is_stopped=lambda: time.monotonic() > ends)
    desk.show, desk.patience = show, A_WHILE
    kept = Path(desk.ledger.fact("workbook_path") or screen.path)
    known = desk.ledger.fact("workbook_id")
    is_other = bool(known and screen.workbook_id and known != screen.workbook_id)
    if is_other or (kept.exists() and not kept.samefile(screen.path)):
        what = "another workbook than the agent's" if is_other else "a copy of the agent's workbook"
        raise PlainError(f"This is {what}; nothing was done.", f"Use {kept}, or run “autoxero install” for this one.")
    return desk


def _id_of(desk: Desk) -> str:
    return desk.ledger.fact("workbook_id") or desk.reading.workbook_id


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
    known: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {
        "AccountMap": {(row.billing_code, row.line_type): (row.account,) for row in saved.accounts},
        "TaxMap": {(row.tax_region, row.tax_category): (row.tax_rate,) for row in saved.taxes},
        "ContactMap": {(str(row.company_id), ""): (row.contact, row.contact_id) for row in saved.contacts},
        "TrackingMap": {(row.billing_code, row.line_type): (row.category, row.option) for row in saved.tracking},
    }
    changed = []
    for table, (first, second, *targets) in _TARGETS.items():
        filled = {_folded(key): _folded(chosen) for key, chosen in known[table].items()}
        for row in rows.get(table, ()):
            key, chosen = (_folded(row.get(name) for name in names) for names in ((first, second), targets))
            if chosen != filled.get(key, ("",) * len(targets)):
                changed.append(f"{table} {row.get(first)}")
    return changed


def _folded(cells: Iterable[object]) -> tuple[str, ...]:
    """The form in which the cells of a row are compared."""
    return tuple(fold(cell) for cell in cells)  # type: ignore[arg-type]
