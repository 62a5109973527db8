"""How it all stands: the connections, the next step, the numbers of the Dashboard, and the answer of ``status``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from agent.domain.invoice import AutotaskId
from agent.domain.problems import Problem, Stops
from agent.domain.settings import Settings
from agent.domain.text import counted
from agent.ledger.ledger import Ledger
from agent.views import Cell, is_open_fault, iso, kind_of, local, sums, total_of
from workbook.layout import CHECK_PARTS, CHECKS, SINCE, TESTED_NAME, check_name, since_name

_NOTHING = "Nothing to do."
_UNTOLD = "All is well, but nobody is told when something fails: type addresses under “Alert these people”."
_NAMED = 3
"""How many reasons a line names."""


def connections(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """How the last try of each connection ended."""
    return {name: json.loads(ledger.fact(f"light_{name}") or '{"ok": null}') for name in ("autotask", "xero", "mail")}


_WARN_DAYS = (0, 2, 7, 14)
"""Days before the end of a person's sign-in to Xero at which people are warned; at its end once more."""


class Ending(NamedTuple):
    """A warning that the sign-in to Xero ends soon, or has ended.

    Attributes:
        days: So long before the end it is due; 0 where it has ended.
        words: What happens, and when.
        cure: What to do.
    """

    days: int
    words: str
    cure: str


def sign_in_warning(ledger: Ledger) -> Ending | None:
    """The warning that is due because the sign-in to Xero ends soon, or has ended."""
    fact = ledger.fact("xero_sign_in_ends")
    if not fact:
        return None
    ends, now = datetime.fromisoformat(fact), ledger.now()
    due = [days for days in _WARN_DAYS if ends - now <= timedelta(days=days)]
    if not due:
        return None
    when = f"on {ends:%Y-%m-%d} because it was not used."
    if not due[0]:
        return Ending(0, f"The sign-in to Xero ended {when}", "Run “autoxero connect xero”.")
    return Ending(due[0], f"The sign-in to Xero ends {when}", "Run “autoxero test”: any use renews it.")


def status_json(ledger: Ledger, only: AutotaskId | None = None) -> dict[str, Any]:
    """The answer of ``status --json``: times in UTC, money as text."""
    rows = ledger.rows()
    shown = [row for row in rows if only is None or row["autotask_id"] == only]
    return {
        "connections": connections(ledger),
        "invoices": [_invoice_json(row) for row in shown],
        "open_faults": sum(is_open_fault(row) for row in rows),
    }


def _invoice_json(row: Mapping[str, Any]) -> dict[str, Any]:
    fault = {
        "code": row["fault_code"],
        "title": row["fault_title"],
        "detail": row["fault_detail"],
        "cure": row["fault_cure"],
    }
    return {
        "autotask_id": row["autotask_id"],
        "number": row["number"],
        "customer": row["customer"],
        "currency": row["currency"],
        "total": str(total_of(row)),
        "status": row["status"],
        "why": row["why"],
        "since": iso(row["since"]),
        "strikes": row["strikes"],
        "fault": fault if row["fault_code"] else None,
        "warnings": [line for line in row["warnings"].split("\n") if line],
        "xero_invoice_id": row["xero_id"],
        "xero_number": row["xero_number"] or None,
        "xero_total": None if row["xero_total"] is None else str(row["xero_total"]),
        "last_tried": iso(row["last_tried"]),
    }


def next_step(  # noqa: PLR0911 - the most urgent first, a return a row
    rows: Sequence[Mapping[str, Any]], ledger: Ledger, problems: Sequence[Problem] = ()
) -> str:
    """The one thing to do next, for the Dashboard."""
    if stops := _named_problems(problems, "everything"):
        count = f"these {len(stops)} problems are" if len(stops) > 1 else "this is"
        return f"Nothing is sent until {count} mended; the column Problem says how. {' '.join(stops)}"
    for name, light in connections(ledger).items():
        if light["ok"] is False:
            return f"{name.capitalize()}: {light['code']} {light['detail']}"
    if ending := sign_in_warning(ledger):
        return f"{ending.words} {ending.cure}"
    if ledger.fact("untaxed"):
        return (
            "Autotask charges no tax on any invoice, but the Xero organisation is registered for tax: set “Tax comes "
            "from” to “Xero, ignore Autotask's tax”, or set up the tax region in Autotask."
        )
    counts = Counter(row["status"] for row in rows)
    if counts["Fault"]:
        verb = "is" if counts["Fault"] == 1 else "are"
        return f"{counted(counts['Fault'], 'invoice')} {verb} in fault: the sheet Faults says what to do for each."
    if counts["Retrying"]:
        again = "is tried again by itself" if counts["Retrying"] == 1 else "are tried again by themselves"
        return f"{counted(counts['Retrying'], 'invoice')} failed and {again}; the sheet Faults says why."
    if counts["Changed since sent"]:
        was = "was changed after it was" if counts["Changed since sent"] == 1 else "were changed after they were"
        many = counted(counts["Changed since sent"], "invoice")
        return f"{many} {was} sent: the sheet Faults shows both versions."
    if any(row["fault_code"] for row in rows if row["status"] == "Waiting"):
        return "Some invoices wait for you: see the sheet Faults."
    return next(iter(_named_problems(problems, "nothing")), _NOTHING)


def _named_problems(problems: Sequence[Problem], stops: Stops) -> list[str]:
    return [f"{item.where}: {item.message}" for item in problems if item.stops == stops]


def moments(ledger: Ledger, settings: Settings) -> tuple[datetime | None, datetime | None]:
    """The end of the last run, and when the next is due."""
    last = ledger.last_run()
    if last is None:
        return None, None
    finished = datetime.fromisoformat(last["finished"]) if isinstance(last["finished"], str) else last["finished"]
    return finished, finished + timedelta(minutes=settings.sync_every)


def dashboard(
    ledger: Ledger, settings: Settings, rows: Sequence[Mapping[str, Any]], problems: Sequence[Problem]
) -> dict[str, Cell]:
    """The named cells of the Dashboard, but for its formulas' and the moments of the last run."""
    lights = connections(ledger)
    held = [row for row in rows if row["status"] == "Waiting"]
    broken = [row for row in rows if is_open_fault(row)]
    step = next_step(rows, ledger, problems)
    return {
        "AutoXeroOrganisation": ledger.fact("organisation") or "Not connected yet: run “autoxero test”",
        "AutoXeroMode": "Paused" if settings.paused else settings.sync_mode,
        "AutoXeroAutotask": _light_text(lights["autotask"]),
        "AutoXeroXero": _light_text(lights["xero"]),
        "AutoXeroMail": _light_text(lights["mail"]) if settings.alert_people else "Nobody is told",
        "AutoXeroSyncEvery": settings.sync_every,
        "AutoXeroBaseCurrency": ledger.fact("base_currency"),
        "AutoXeroAlerted": settings.alert_people or "Nobody. Fill “Alert these people”.",
        "AutoXeroWaits": _heap(held),
        "AutoXeroBroken": _heap(broken),
        "AutoXeroNextStep": _UNTOLD if step == _NOTHING and not settings.alert_people else step,
        **{since_name(status): _since(row for row in rows if row["status"] == status) for status in SINCE},
        **checks(ledger),
    }


_LIGHTS = {"bad": "PROBLEM", "warning": "WARNING", "good": "OK"}
"""The lights of a test, the worst first."""


def checks(ledger: Ledger) -> dict[str, Cell]:
    """The lines of the last test on the Dashboard: what is wrong first, and a word on what finds no room."""
    told = json.loads(ledger.fact("checks") or "{}")
    order = list(_LIGHTS)
    found = sorted(told.get("checks", ()), key=lambda check: order.index(check["light"]))
    lines = [(item["name"], _LIGHTS[item["light"]], f"{item['message']} {item['next_step']}".strip()) for item in found]
    if len(lines) > CHECKS:
        more = len(lines) - CHECKS + 1
        lines[CHECKS - 1 :] = [("", "", f"And {counted(more, 'line')} more: run “autoxero test” to see them all.")]
    lines += [("", "", "")] * (CHECKS - len(lines))
    when = local(datetime.fromisoformat(told["at"])) if told else None
    counts = Counter(item["light"] for item in found)
    ended = f"{counted(counts['bad'], 'problem')}, {counted(counts['warning'], 'warning')}"
    return {
        TESTED_NAME: f"{when:%Y-%m-%d %H:%M}: {ended}" if when else "Not yet: run “autoxero test”, or press Test",
        **{
            check_name(number, part): text
            for number, line in enumerate(lines, 1)
            for part, text in zip(CHECK_PARTS, line, strict=True)
        },
    }


def _since(rows: Iterable[Mapping[str, Any]]) -> datetime | None:
    """Since when the oldest of the invoices stands where it is."""
    return local(min((row["since"] for row in rows), default=None))


def _heap(rows: Sequence[Mapping[str, Any]]) -> str:
    """Invoices in a line: how many, what they are worth, since when the oldest, and for which reasons."""
    if not rows:
        return "Nothing"
    reasons = Counter(kind_of(row["fault_code"]) or row["why"] or row["status"] for row in rows)
    named = [f"{reason} ({count})" for reason, count in reasons.most_common(_NAMED)]
    more = [f"and {len(reasons) - _NAMED} more reasons"] if len(reasons) > _NAMED else []
    head = f"{counted(len(rows), 'invoice')}, {sums(rows)}, the oldest since {_since(rows):%Y-%m-%d %H:%M}."
    return f"{head} {'; '.join([*named, *more])}"


def stamps(ledger: Ledger, settings: Settings) -> dict[str, Cell]:
    """The named cells that change with every run; they are written together with another change only."""
    last, coming = moments(ledger, settings)
    result = ledger.last_run()
    counts = json.loads(result["counts"]) if result else {}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing new"
    return {
        "AutoXeroLastSeen": local(datetime.now(UTC)),
        "AutoXeroLastRun": local(last),
        "AutoXeroNextRun": local(coming),
        "AutoXeroLastResult": result["fault_detail"] or told if result else "",
        "AutoXeroTimeZone": datetime.now().astimezone().strftime("Times are in %Z (UTC%z)"),
    }


def _light_text(light: Mapping[str, Any]) -> str:
    if light["ok"] is None:
        return ""
    return "Connected" if light["ok"] else f"{light['code']} {light['detail']}"
