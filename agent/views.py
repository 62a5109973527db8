"""The ledger as plain rows: the same for the closed file, the open workbook and ``--json``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from agent.domain.faults import CATALOGUE
from agent.domain.invoice import CompanyId
from agent.domain.links import NOWHERE, Addresses
from agent.domain.mappings import Mappings
from agent.domain.money import ZERO, rounded
from agent.domain.problems import Key, Problem
from agent.domain.record import standing
from agent.domain.settings import SETTINGS
from agent.ledger.ledger import Ledger
from workbook import cells
from workbook.layout import TABLES

_MAY_WAIT = frozenset({"Waiting", "Retrying", "Fault"})
"""The statuses of invoices that may wait for a mapping row; all others are settled."""

Cell = cells.Cell
Row = dict[str, Cell]

IN_XERO_AS = {
    "DRAFT": "Draft",
    "SUBMITTED": "Awaiting approval",
    "AUTHORISED": "Approved",
    "PAID": "Paid",
    "VOIDED": "Voided",
    "DELETED": "Deleted",
}
"""Xero's states in the words of its own pages."""


def local(moment: datetime | None) -> datetime | None:
    """The instant as local time without its zone, to the second: the way sheets hold times."""
    return datetime.fromtimestamp(int(moment.timestamp())) if moment else None  # noqa: DTZ006 - as wanted, and quick


def total_of(row: Mapping[str, Any]) -> Decimal:
    """What the customer pays by Autotask, in cents."""
    return rounded(row["net"] + row["tax"])


def is_open_fault(row: Mapping[str, Any]) -> bool:
    """Whether the invoice stands on the sheet Faults."""
    return row["status"] in {"Retrying", "Fault"}


def is_on_faults(row: Mapping[str, Any]) -> bool:
    """Whether the invoice has a row on the sheet Faults: it failed, was changed, or waits with a code."""
    return is_open_fault(row) or row["status"] == "Changed since sent" or _waits_with_code(row)


def _waits_with_code(row: Mapping[str, Any]) -> bool:
    return row["status"] == "Waiting" and bool(row["fault_code"])


def kind_of(code: str) -> str:
    """A fault's code with its title, the same for all invoices that have it; blank where there is no fault."""
    return f"{code} {CATALOGUE[code].short_title}" if code in CATALOGUE else code


def addresses(ledger: Ledger) -> Addresses:
    """Where the pages of this organisation and this Autotask are."""
    return Addresses(ledger.fact("short_code"), ledger.fact("autotask_web_url"))


def linked(text: str, url: str) -> Cell:
    """Text that opens an address; the text alone where either is blank."""
    return cells.Link(text, url) if text and url else text


def answers(ledger: Ledger, rows: Sequence[Mapping[str, Any]], problems: Iterable[Problem]) -> dict[int, str]:
    """What is to be said in the row about a choice in the column Do that changed nothing, by invoice."""
    told = json.loads(ledger.fact("do_answers") or "{}")
    found = {
        row["autotask_id"]: told[key][0]
        for row in rows
        if (key := str(row["autotask_id"])) in told and told[key][1] == standing(row["status"], row["fault_code"])
    }
    unclear = (item for item in problems if item.table in {"Invoices", "Faults"} and item.key)
    return found | {int(item.key[0]): item.message for item in unclear}


def invoices(
    rows: Sequence[Mapping[str, Any]], tries: int, where: Addresses = NOWHERE, said: Mapping[int, str] | None = None
) -> list[Row]:
    """The sheet Invoices; ``said`` is what answers a choice in the column Do."""
    return [_invoice(row, tries, where, (said or {}).get(row["autotask_id"], "")) for row in rows]


def _invoice(row: Mapping[str, Any], tries: int, where: Addresses, said: str) -> Row:
    total = total_of(row)
    sent = row["xero_id"] is not None
    what = f"{row['fault_code']} {row['fault_title']}" if row["fault_code"] else row["why"]
    if row["warnings"] and not row["fault_code"]:
        what = row["warnings"]
    return {
        "Status": row["status"],
        "Type": row["xero_kind"] or ("Credit note" if total < 0 else "Invoice"),
        "Number": row["number"] or str(row["autotask_id"]),
        "Xero number": linked(row["xero_number"], where.document(row["xero_kind"], row["xero_id"])),
        "In Xero as": IN_XERO_AS.get(row["xero_status"], row["xero_status"].capitalize()),
        "Customer": linked(row["customer"], where.customer(row["company_id"])),
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
        "What to do": " ".join(filter(None, (said, row["fault_cure"]))),
        "Sent on": local(row["sent_on"]),
        "Last tried": local(row["last_tried"]),
        "Autotask id": row["autotask_id"],
    }


def faults(rows: Sequence[Mapping[str, Any]], tries: int) -> list[Row]:
    """The sheet Faults: what failed, then what waits; the oldest first."""
    shown = [row for row in rows if is_on_faults(row)]
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
            "What to do": row["fault_cure"]
            or "Choose in the column Do: Send now takes Autotask's version over to Xero, Never send leaves Xero's.",
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
    """The tables Preview and PreviewLines, as of the last preview or dry run, less what was sent since."""
    heads: list[Row] = []
    lines: list[Row] = []
    previews = ledger.previews()
    sent = {key for key, record in ledger.records().items() if record.xero_id} if previews else set()
    for item in previews:
        if item.action in {"Send", "Take over"} and item.autotask_id in sent:
            continue
        document = item.document
        sign = -1 if document and document.kind == "Credit note" else 1  # as on all other sheets
        heads.append(
            {
                "Action": item.action,
                "Type": document.kind if document else "",
                "Number": item.number,
                "Customer": item.customer,
                "Xero contact": document.contact_name if document else "",
                "Date": document.date if document else None,
                "Due": document.due if document else None,
                "Currency": document.currency if document else "",
                "Net": sign * document.expected.net if document else None,
                "Tax": sign * document.expected.tax if document else None,
                "Total": sign * document.expected.total if document else None,
                "Why": item.why,
                "Autotask id": item.autotask_id,
            }
        )
        lines += [
            {
                "Number": item.number,
                "Line": number,
                "Description": line.description,
                "Quantity": line.quantity,
                "Unit price": line.unit,
                "Net": rounded(line.quantity * line.unit),
                "Account": line.account,
                "Tax rate": line.tax_type,
                "Autotask id": item.autotask_id,
            }
            for number, line in enumerate(document.lines if document else (), 1)
        ]
    return heads, lines


def maps(
    ledger: Ledger,
    rows: Sequence[Mapping[str, Any]],
    mappings: Mappings,
    asked: Iterable[tuple[str, str, str]] = (),
    problems: Iterable[Problem] = (),
    told: Iterable[tuple[str, Key]] = (),
) -> dict[str, list[Row]]:
    """The agent's part of the mapping tables: rows for codes that have none, what waits for each, and what is wrong.

    Args:
        ledger: What is missing.
        rows: The invoices.
        mappings: What is chosen by now.
        asked: The rows that were asked for before, as (table, keys): where nothing waits any more, they say so.
        problems: What is wrong with rows.
        told: The rows that show something under Problem.
    """
    by_id = {row["autotask_id"]: row for row in rows if row["xero_id"] is None and row["status"] in _MAY_WAIT}
    waiting: defaultdict[tuple[str, Key], list[Mapping[str, Any]]] = defaultdict(list)
    nearest: dict[Key, str] = {}
    for table, first, second, autotask_id in ledger.missing():
        if autotask_id in by_id:
            key = _map_key(table, first, second)
            waiting[table, key].append(by_id[autotask_id])
            nearest[key] = second
    for table, first, second in asked:
        waiting[table, _map_key(table, first, second)]  # nothing may wait for it any more
    found: dict[str, list[Row]] = {"AccountMap": [], "TaxMap": [], "ContactMap": [], "TrackingMap": []}
    for (table, key), group in waiting.items():
        row = _row_of(table, key) | {
            "Invoices waiting": len(group) or None,
            "Money waiting": _worth(group),
            "Problem": _to_do(table, key, mappings) if group else "",
        }
        if table == "ContactMap" and group:
            row |= {"Autotask company": group[0]["customer"], "Nearest names": nearest[key]}
        columns = {column.name for column in TABLES[table].columns}
        found[table].append({name: value for name, value in row.items() if name in columns})
    problems, told = list(problems), list(told)
    return {table: _with_problems(table, those, problems, told) for table, those in found.items()}


def _worth(rows: Sequence[Mapping[str, Any]]) -> Cell:
    """What invoices come to: a number where they are of one currency, else each with its name."""
    if len({row["currency"] for row in rows}) > 1:
        return sums(rows)
    return sum(map(total_of, rows), ZERO) if rows else None


def _to_do(table: str, key: Key, mappings: Mappings) -> str:
    """What a row needs for which invoices wait."""
    if table == "ContactMap":
        chosen: object = mappings.contact(CompanyId(int(key[0])))
    else:
        chosen = mappings.account(*key) if table == "AccountMap" else mappings.tax_rate(*key)
    return "Chosen: press Resync." if chosen else "Choose one, save, and press Resync."


def _map_key(table: str, first: str, second: str) -> Key:
    """The key of a row that is missing; a company's second part are the names that are like it."""
    return (first,) if table == "ContactMap" else (first, second)


def _row_of(table: str, key: Key) -> Row:
    """The row of a key, with nothing but its key."""
    columns = map(TABLES[table].column, TABLES[table].key)
    return {
        column.name: int(part) if column.kind == "whole" and part.isdecimal() else part
        for column, part in zip(columns, key, strict=True)
    }


def _with_problems(
    table: str, rows: Iterable[Row], problems: Iterable[Problem], told: Iterable[tuple[str, Key]]
) -> list[Row]:
    """With what is wrong beside each row, and nothing where it is mended; other rows of the sheet are left alone."""
    names = TABLES[table].key
    found = {tuple(cells.fold(row.get(name)) for name in names): row for row in rows}
    for key in (key for name, key in told if name == table):
        found.setdefault(tuple(map(cells.fold, key)), _row_of(table, key) | {"Problem": ""})
    for problem in problems:
        if problem.table == table and problem.key:
            row = found.setdefault(tuple(map(cells.fold, problem.key)), _row_of(table, problem.key))
            row["Problem"] = problem.message
    return list(found.values())


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def setting_problems(problems: Iterable[Problem], told: Iterable[tuple[str, Key]] = ()) -> list[Row]:
    """The column Problem of the sheet Settings: filled where something is wrong, blank elsewhere."""
    rows: list[Row] = [{"Setting": setting.name, "Problem": ""} for setting in SETTINGS]
    return _with_problems("Settings", rows, problems, told)


def sums(rows: Iterable[Mapping[str, Any]]) -> str:
    """The value of invoices, by currency."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        totals[row["currency"] or "?"] += total_of(row)
    return ", ".join(f"{currency} {value:,.2f}" for currency, value in sorted(totals.items()))
