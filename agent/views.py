"""The ledger as plain rows: the same for the closed file, the open workbook and ``--json``."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from agent.domain.invoice import AutotaskId
from agent.domain.money import ZERO, rounded
from agent.domain.problems import Problem
from agent.domain.settings import SETTINGS, Settings
from agent.domain.text import counted
from agent.ledger.ledger import Ledger

Cell = str | int | Decimal | date | datetime | bool | None
Row = dict[str, Cell]

_IN_XERO_AS = {
    "DRAFT": "Draft",
    "SUBMITTED": "Awaiting approval",
    "AUTHORISED": "Approved",
    "PAID": "Paid",
    "VOIDED": "Voided",
    "DELETED": "Deleted",
}


def local(moment: datetime | None) -> datetime | None:
    """The instant as local time without its zone, to the second: the way sheets hold times."""
    return moment.astimezone().replace(tzinfo=None, microsecond=0) if moment else None


def total_of(row: Mapping[str, Any]) -> Decimal:
    """What the customer pays by Autotask, in cents."""
    return rounded(row["net"] + row["tax"])


def is_open_fault(row: Mapping[str, Any]) -> bool:
    """Whether the invoice stands on the sheet Faults."""
    return row["status"] in {"Retrying", "Fault"}


def invoices(rows: Sequence[Mapping[str, Any]], tries: int) -> list[Row]:
    """The sheet Invoices."""
    return [_invoice(row, tries) for row in rows]


def _invoice(row: Mapping[str, Any], tries: int) -> Row:
    total = total_of(row)
    sent = row["xero_id"] is not None
    what = f"{row['fault_code']} {row['fault_title']}" if row["fault_code"] else row["why"]
    if row["warnings"] and not row["fault_code"]:
        what = row["warnings"]
    return {
        "Status": row["status"],
        "Type": row["xero_kind"] or ("Credit note" if total < 0 else "Invoice"),
        "Number": row["number"] or str(row["autotask_id"]),
        "Xero number": row["xero_number"],
        "In Xero as": _IN_XERO_AS.get(row["xero_status"], row["xero_status"].capitalize()),
        "Customer": row["customer"],
        "Xero contact": row["xero_contact"],
        "Date": row["date"],
        "Due": row["due"],
        "Reference": row["reference"] or row["order_number"],
        "Currency": row["currency"],
        "Net": rounded(row["net"]),
        "Tax": total - rounded(row["net"]),
        "Total": total,
        "Xero total": row["xero_total"] if sent else None,
        "Difference": row["xero_total"] - total if sent else None,
        "Tax difference": row["xero_tax"] - rounded(row["tax"]) if sent else None,
        "Outstanding": row["outstanding"] if sent else None,
        "Paid on": row["paid_on"],
        "Tries": f"{row['strikes']}/{tries}" if row["strikes"] else "",
        "Fault": what,
        "What to do": row["fault_cure"],
        "Sent on": local(row["sent_on"]),
        "Last tried": local(row["last_tried"]),
        "Autotask id": row["autotask_id"],
    }


def faults(rows: Sequence[Mapping[str, Any]], tries: int) -> list[Row]:
    """The sheet Faults: what failed, then what waits; the oldest first."""
    shown = [row for row in rows if is_open_fault(row) or row["status"] == "Changed since sent"]
    shown += [row for row in rows if row["status"] == "Waiting" and row["fault_code"]]
    shown.sort(key=lambda row: (row["status"] == "Waiting", row["since"], row["autotask_id"]))
    return [
        {
            "Since": local(row["since"]),
            "Code": row["fault_code"],
            "Fault": row["fault_title"] or row["status"],
            "Invoice": row["number"] or str(row["autotask_id"]),
            "Customer": row["customer"],
            "Currency": row["currency"],
            "Amount": total_of(row),
            "Detail": row["fault_detail"] or row["why"],
            "What to do": row["fault_cure"] or "Compare the two, and change the document in Xero by hand if need be.",
            "Tries": f"{row['strikes']}/{tries}" if row["strikes"] else "waits" if row["status"] == "Waiting" else "",
            "Autotask id": row["autotask_id"],
        }
        for row in shown
    ]


def log(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The sheet Log, newest first."""
    return [
        {
            "When": local(row["at"]),
            "Run": row["run"],
            "Level": row["level"],
            "Who": row["who"],
            "Invoice": row["invoice"],
            "Event": row["event"],
            "Detail": row["detail"],
        }
        for row in rows
    ]


def preview(ledger: Ledger) -> tuple[list[Row], list[Row]]:
    """The tables Preview and PreviewLines, as of the last preview or dry run."""
    heads: list[Row] = []
    lines: list[Row] = []
    for item in json.loads(ledger.fact("preview") or "[]", parse_float=Decimal):
        document = item["document"] or {}
        expected = document.get("expected", {})
        net, tax = _money(expected.get("net")), _money(expected.get("tax"))
        heads.append(
            {
                "Action": item["action"],
                "Type": document.get("kind", ""),
                "Number": item["number"],
                "Customer": item["customer"],
                "Xero contact": document.get("contact_name", ""),
                "Date": _day(document.get("date")),
                "Due": _day(document.get("due")),
                "Currency": document.get("currency", ""),
                "Net": net,
                "Tax": tax,
                "Total": None if net is None or tax is None else net + tax,
                "Why": item["why"],
                "Autotask id": item["autotask_id"],
            }
        )
        for number, line in enumerate(document.get("lines", ()), 1):
            quantity, unit = Decimal(line["quantity"]), Decimal(line["unit"])
            lines.append(
                {
                    "Number": item["number"],
                    "Line": number,
                    "Description": line["description"],
                    "Quantity": quantity,
                    "Unit price": unit,
                    "Net": rounded(quantity * unit),
                    "Account": line["account"],
                    "Tax rate": line["tax_type"],
                    "Autotask id": item["autotask_id"],
                }
            )
    return heads, lines


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def reconcile(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The sheet Reconcile: Autotask beside Xero by month, customer and currency; every difference explained."""
    groups: defaultdict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[f"{row['date']:%Y-%m}" if row["date"] else "", row["customer"], row["currency"]].append(row)
    found: list[Row] = []
    for (month, customer, currency), group in sorted(groups.items()):
        sent = [row for row in group if row["xero_id"] and row["xero_status"] not in {"VOIDED", "DELETED"}]
        ours = sum((total_of(row) for row in group), ZERO)
        theirs = sum((row["xero_total"] for row in sent), ZERO)
        reasons = Counter(
            f"{row['status']}" + (f" ({row['fault_code'] or row['why']})" if row["fault_code"] or row["why"] else "")
            for row in group
            if row not in sent or row["xero_total"] != total_of(row)
        )
        found.append(
            {
                "Month": month,
                "Customer": customer,
                "Currency": currency,
                "Invoices in Autotask": len(group),
                "Total in Autotask": ours,
                "Documents in Xero": len(sent),
                "Total in Xero": theirs,
                "Difference": ours - theirs,
                "Why": "; ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())),
            }
        )
    return found


def maps(
    ledger: Ledger, rows: Sequence[Mapping[str, Any]], asked: Iterable[tuple[str, str, str]] = ()
) -> dict[str, list[Row]]:
    """The agent's part of the mapping tables: rows for codes that have none, and what waits for each.

    ``asked`` are the rows that were asked for before, as (table, keys): where nothing waits any more, they say so.
    """
    row: Row
    by_id = {row["autotask_id"]: row for row in rows}
    waiting: defaultdict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for table, first, second, autotask_id in ledger.missing():
        if autotask_id in by_id and by_id[autotask_id]["xero_id"] is None:
            waiting[table, first, second].append(by_id[autotask_id])
    keys = {"AccountMap": ("Billing code", "Line type"), "TaxMap": ("Tax region", "Tax category")}
    found: dict[str, list[Row]] = {"AccountMap": [], "TaxMap": [], "ContactMap": []}
    for table, first, second in asked:
        if (table, first, second) not in waiting:  # nothing waits for it any more
            row = {"Invoices waiting": None, "Problem": ""}
            if table == "ContactMap":
                row |= {"Company id": int(first)}
            else:
                row |= {keys[table][0]: first, keys[table][1]: second, "Money waiting": None}
            found[table].append(row)
    for (table, first, second), group in waiting.items():
        row = {"Invoices waiting": len(group), "Problem": "Choose one, save, and press Resync."}
        if table == "ContactMap":
            row |= {"Autotask company": group[0]["customer"], "Company id": int(first), "Nearest names": second}
        else:
            money = sum((total_of(item) for item in group), ZERO)
            row |= {keys[table][0]: first, keys[table][1]: second, "Money waiting": money}
        found[table].append(row)
    return found


def connections(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """How the last try of each connection ended."""
    return {name: json.loads(ledger.fact(f"light_{name}") or '{"ok": null}') for name in ("autotask", "xero", "mail")}


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


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def next_step(  # noqa: PLR0911 - the most urgent first, a return a row
    rows: Sequence[Mapping[str, Any]], ledger: Ledger, problems: Sequence[Problem] = ()
) -> str:
    """The one thing to do next, for the Dashboard."""
    if problems:
        return f"Nothing is sent until this is mended. {problems[0].where}: {problems[0].message}"
    for name, light in connections(ledger).items():
        if light["ok"] is False:
            return f"{name.capitalize()}: {light['code']} {light['detail']}"
    if ledger.fact("untaxed"):
        return (
            "Autotask charges no tax on any invoice, but the Xero organisation is registered for tax: set “Tax comes "
            "from” to “Xero, ignore Autotask's tax”, or set up the tax region in Autotask."
        )
    counts = Counter(row["status"] for row in rows)
    if counts["Fault"]:
        return f"{counts['Fault']} invoices are in fault: the sheet Faults says what to do for each."
    if counts["Retrying"]:
        return f"{counts['Retrying']} invoices failed and are tried again by themselves; the sheet Faults says why."
    if counts["Changed since sent"]:
        return (
            f"{counts['Changed since sent']} were changed after they were sent: the sheet Faults shows both versions."
        )
    if any(row["fault_code"] for row in rows if row["status"] == "Waiting"):
        return "Some invoices wait for you: see the sheet Faults."
    return "Nothing to do."


def moments(ledger: Ledger, settings: Settings) -> tuple[datetime | None, datetime | None]:
    """The end of the last run, and when the next is due."""
    last = ledger.last_run()
    if last is None:
        return None, None
    finished = datetime.fromisoformat(last["finished"]) if isinstance(last["finished"], str) else last["finished"]
    return finished, finished + timedelta(minutes=settings.sync_every)


def setting_problems(problems: Mapping[str, str]) -> list[Row]:
    """The column Problem of the sheet Settings: filled where something is wrong, blank elsewhere."""
    return [{"Setting": setting.name, "Problem": problems.get(setting.name, "")} for setting in SETTINGS]


def dashboard(
    ledger: Ledger, settings: Settings, rows: Sequence[Mapping[str, Any]], problems: Sequence[Problem]
) -> dict[str, Cell]:
    """The named cells of the Dashboard, but for its formulas' and the moments of the last run."""
    lights = connections(ledger)
    held = [row for row in rows if row["status"] == "Waiting"]
    return {
        "AutoXeroOrganisation": ledger.fact("organisation") or "Not connected yet: run “autoxero test”",
        "AutoXeroMode": "Paused" if settings.paused else settings.sync_mode,
        "AutoXeroAutotask": _light_text(lights["autotask"]),
        "AutoXeroXero": _light_text(lights["xero"]),
        "AutoXeroMail": _light_text(lights["mail"]) if settings.alert_people else "Nobody is told",
        "AutoXeroSyncEvery": settings.sync_every,
        "AutoXeroAlerted": settings.alert_people or "Nobody: type addresses under “Alert these people”",
        "AutoXeroWaits": f"{counted(len(held), 'invoice')}, {sums(held)}" if held else "Nothing",
        "AutoXeroNextStep": next_step(rows, ledger, problems),
    }


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


def sums(rows: Iterable[Mapping[str, Any]]) -> str:
    """The value of invoices, by currency."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        totals[row["currency"] or "?"] += total_of(row)
    return ", ".join(f"{currency} {value:,.2f}" for currency, value in sorted(totals.items()))
