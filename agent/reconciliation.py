"""Autotask beside Xero: the tables of the sheet Reconcile. Every invoice is in them, every difference has its reason.

A reason is found from what the ledger knows of the invoice; the first that fits counts:

==========================================  ==========================================================================
the invoice                                 its reason
==========================================  ==========================================================================
has no document in Xero                     its status, with the fault or the words beside it
has one that was voided or deleted there    ``Voided in Xero``
was changed in Autotask after it was sent   ``Changed since sent``
agrees in net, tax and total                none
was left as it was in Xero                  its status, with the words beside it
was edited in Xero                          ``Edited in Xero``
agrees in the total only                    ``Rounding line``: cents moved between net and tax
agrees in the net only                      ``Tax as Xero works it out``
anything else                               the fault or warning beside it, else ``Not explained``
==========================================  ==========================================================================
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from agent.domain.links import NOWHERE, Addresses
from agent.domain.money import ZERO, rounded
from agent.ledger.steps import LineSum
from agent.views import IN_XERO_AS, Row, is_on_faults, kind_of, linked, total_of
from workbook.cells import Cell, Link
from workbook.layout import AGREE, GO_TO

Invoice = Mapping[str, Any]
"""A row of the ledger."""

_GONE = frozenset({"VOIDED", "DELETED"})
_DRAFTS = frozenset({"DRAFT", "SUBMITTED"})
_ROUNDING = Decimal("0.05")
"""A rounding line moves cents at most."""
_NAMED = 3
"""How many invoices a reason names."""
_PART = "    "
"""Before a line that is part of the one above."""


@dataclass
class Sums:
    """A number of documents and what they come to."""

    count: int = 0
    net: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO

    def add(self, net: Decimal, tax: Decimal, total: Decimal, count: int = 1) -> None:
        """Count documents with their net, tax and total."""
        self.count += count
        self.net += net
        self.tax += tax
        self.total += total

    def join(self, other: Sums) -> None:
        """Count all of another."""
        self.add(other.net, other.tax, other.total, other.count)


@dataclass
class Group:
    """Invoices that are shown together, on both sides."""

    autotask: Sums = field(default_factory=Sums)
    xero: Sums = field(default_factory=Sums)
    approved: Sums = field(default_factory=Sums)
    drafts: Sums = field(default_factory=Sums)
    outstanding: Decimal = ZERO
    reasons: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    differing: defaultdict[str, list[Invoice]] = field(default_factory=lambda: defaultdict(list))

    @property
    def paid(self) -> Decimal:
        """What is paid or credited of what is approved."""
        return self.approved.total - self.outstanding

    def add(self, row: Invoice) -> None:
        """Count an invoice."""
        ours, theirs = _in_autotask(row), _in_xero(row)
        self.autotask.add(*ours)
        if theirs is not None:
            self.xero.add(*theirs)
            if row["xero_status"] in _DRAFTS:
                self.drafts.add(*theirs)
            else:
                self.approved.add(*theirs)
                self.outstanding += row["outstanding"] or ZERO
        why = reason(row)
        there = theirs or (ZERO, ZERO, ZERO)
        net, tax, total = (b - a for a, b in zip(ours, there, strict=True))
        self.reasons[why or AGREE].add(net, tax, total)
        if why:
            self.differing[why].append(row)

    def join(self, other: Group) -> None:
        """Count all of another, whose invoices stay with it."""
        for mine, its in (
            (self.autotask, other.autotask), (self.xero, other.xero), (self.approved, other.approved),
            (self.drafts, other.drafts),
        ):  # fmt: skip
            mine.join(its)
        self.outstanding += other.outstanding
        for why, sums in other.reasons.items():
            self.reasons[why].join(sums)


def _in_autotask(row: Invoice) -> tuple[Decimal, Decimal, Decimal]:
    """Net, tax and total in cents; the tax is what lies between, so that they add up."""
    net, total = rounded(row["net"]), total_of(row)
    return net, total - net, total


def _in_xero(row: Invoice) -> tuple[Decimal, Decimal, Decimal] | None:
    """Net, tax and total of the document that stands in Xero."""
    if row["xero_id"] is None or row["xero_status"] in _GONE:
        return None
    return row["xero_net"] or ZERO, row["xero_tax"] or ZERO, row["xero_total"] or ZERO


def reason(row: Invoice) -> str:  # noqa: PLR0911 - the table above, a return a row
    """Why an invoice is not the same on both sides, blank where it is."""
    theirs = _in_xero(row)
    if theirs is None:
        return _absent(row)
    if row["status"] == "Changed since sent":
        return "Changed since sent"
    net, tax, total = (b - a for a, b in zip(_in_autotask(row), theirs, strict=True))
    if not (net or tax or total):
        return ""
    if row["origin"] == "kept" and row["why"]:
        return f"{row['status']}: {row['why'].partition(';')[0]}"
    if row["fault_code"] == "AX-213":
        return "Edited in Xero"
    if not total and abs(tax) <= _ROUNDING:
        return "Rounding line"
    if row["fault_code"]:
        return f"{row['status']}: {kind_of(row['fault_code'])}"
    if not net:
        return "Tax as Xero works it out"
    return f"{row['status']}: {row['warnings'].splitlines()[0]}" if row["warnings"] else "Not explained"


def _absent(row: Invoice) -> str:
    if row["xero_id"] is not None:
        return "Voided in Xero"
    is_left_out = row["status"] in {"Skipped", "Never send", "Voided"}
    told = (row["why"] if is_left_out else "") or kind_of(row["fault_code"]) or row["why"]
    return f"{row['status']}: {told}" if told else str(row["status"])


@dataclass(frozen=True)
class Reconciliation:
    """All invoices on both sides.

    Attributes:
        rows: The ledger's invoices.
        where: Where Xero's pages are.
        base: The currency of the books, which comes first.
        since: The setting Start date.
    """

    rows: Sequence[Invoice]
    where: Addresses = NOWHERE
    base: str = ""
    since: date | None = None

    @cached_property
    def _groups(self) -> dict[tuple[str, str, str], Group]:
        """The invoices by month, customer and currency."""
        groups: defaultdict[tuple[str, str, str], Group] = defaultdict(Group)
        for row in self.rows:
            day = row["date"]
            groups[f"{day.year}-{day.month:02d}" if day else "", row["customer"], row["currency"]].add(row)
        return groups

    @cached_property
    def _currencies(self) -> dict[str, Group]:
        groups: defaultdict[str, Group] = defaultdict(Group)
        for (_month, _customer, currency), group in self._groups.items():
            groups[currency].join(group)
        return groups

    def statement(self) -> list[Row]:
        """The table ReconcileTotals: from all in Autotask, by the reason of each difference, to all in Xero."""
        groups, base = self._currencies, self.base
        order = sorted(groups, key=lambda currency: (currency != base, -groups[currency].autotask.count, currency))
        earliest = min((row["date"] for row in self.rows if row["date"] is not None), default=self.since)
        start = f"In Autotask since {min(self.since, earliest or self.since)}" if self.since else "In Autotask"
        return [line for currency in order for line in _statement(currency, groups[currency], start)]

    def by_customer(self) -> list[Row]:
        """The table Reconcile: Autotask beside Xero by month, customer and currency."""
        return [_compared(key, group, self.where) for key, group in sorted(self._groups.items())]

    def proof(self) -> str:
        """What the line over the sheet says: the result of its formula."""
        if not self.rows:
            return "No invoices yet."
        agree = sum(group.reasons[AGREE].count for group in self._currencies.values() if AGREE in group.reasons)
        share = round(100 * sum(group.autotask.count for group in self._groups.values()) / len(self.rows), 1)
        return (
            f"{share:g} % of {len(self.rows)} invoices: {agree} agree to the cent; "
            "the statement says why the others differ."
        )

    def others(self, documents: Iterable[Mapping[str, Any]]) -> list[Row]:
        """The table NotFromAutotask, the newest first.

        Args:
            documents: The sales documents in Xero that did not come from Autotask.
        """
        since = self.since
        shown = [item for item in documents if since is None or item["date"] is None or item["date"] >= since]
        shown.sort(key=lambda item: (item["date"] or date.min, item["number"]), reverse=True)
        known = _Known(self.rows if shown else ())
        return [_other(item, self.where, known.note(item)) for item in shown]


def _other(item: Mapping[str, Any], where: Addresses, note: str) -> Row:
    return {
        "Date": item["date"],
        "Number": linked(item["number"], where.document(item["kind"], item["xero_id"])),
        "Type": item["kind"],
        "Contact": item["contact"],
        "Currency": item["currency"],
        "Net": item["net"],
        "Tax": item["tax"],
        "Total": item["total"],
        "Outstanding": item["outstanding"],
        "In Xero as": IN_XERO_AS.get(item["status"], item["status"].capitalize()),
        "Reference": item["reference"],
        "Note": note,
    }


def _statement(currency: str, group: Group, start: str) -> list[Row]:
    reasons = sorted(group.reasons.items(), key=lambda item: (item[0] != AGREE, item[0]))
    lines = [
        _line(currency, start, group.autotask),
        *(_line(currency, why, sums, group.differing.get(why, ())) for why, sums in reasons),
        _line(currency, "In Xero", group.xero),
        _line(currency, f"{_PART}of which drafts, not yet approved", group.drafts),
        _line(currency, f"{_PART}of which approved", group.approved),
    ]
    paid: Row = {"Currency": currency, "Line": f"{_PART}{_PART}paid or credited"}
    open_: Row = {"Currency": currency, "Line": f"{_PART}{_PART}outstanding"}
    return [*lines, paid | {"Total": group.paid}, open_ | {"Total": group.outstanding}]


def _line(currency: str, name: str, sums: Sums, rows: Sequence[Invoice] = ()) -> Row:
    return {
        "Currency": currency,
        "Line": Link(name, _sheet(rows)[1]) if rows else name,
        "Invoices": sums.count,
        "Net": sums.net,
        "Tax": sums.tax,
        "Total": sums.total,
    }


def _compared(key: tuple[str, str, str], group: Group, addresses: Addresses) -> Row:
    month, customer, currency = key
    ours, theirs = group.autotask, group.xero
    return {
        "Month": month,
        "Customer": customer,
        "Currency": currency,
        "Invoices in Autotask": ours.count,
        "Net in Autotask": ours.net,
        "Tax in Autotask": ours.tax,
        "Total in Autotask": ours.total,
        "Documents in Xero": theirs.count,
        "Net in Xero": theirs.net,
        "Tax in Xero": theirs.tax,
        "Total in Xero": theirs.total,
        "Approved in Xero": group.approved.total,
        "Drafts in Xero": group.drafts.total,
        "Paid": group.paid,
        "Outstanding": group.outstanding,
        "Difference": theirs.total - ours.total,
        "Tax difference": theirs.tax - ours.tax,
        "Go to": _place(group, addresses),
        "Why": "; ".join(_named(why, found) for why, found in sorted(group.differing.items())),
    }


def _named(why: str, rows: Sequence[Invoice]) -> str:
    names = [_name(row) for row in rows[:_NAMED]] + (["…"] if len(rows) > _NAMED else [])
    return f"{len(rows)} {why} ({', '.join(names)})"


def _name(row: Invoice) -> str:
    return row["number"] or str(row["autotask_id"])


def _place(group: Group, addresses: Addresses) -> Cell:
    """Where to look: the document where one differs, else the sheet that tells more."""
    rows = [row for found in group.differing.values() for row in found]
    if not rows:
        return ""
    if len(rows) == 1 and _in_xero(rows[0]) and (url := addresses.document(rows[0]["xero_kind"], rows[0]["xero_id"])):
        return Link(f"{rows[0]['xero_number']} in Xero", url)
    return Link(*_sheet(rows))


def _sheet(rows: Sequence[Invoice]) -> tuple[str, str]:
    """The sheet that tells more of invoices, in words, and the place there; a name stays right when it is renamed."""
    sheet = "Faults" if any(map(is_on_faults, rows)) else "Invoices"
    return f"Sheet {sheet}", f"#{GO_TO[sheet]}"


def by_account(sums: Iterable[LineSum]) -> list[Row]:
    """The table ReconcileAccounts."""
    ordered = sorted(sums, key=lambda item: (item.month, item.currency, item.account, item.tax_type))
    return [
        {
            "Month": item.month,
            "Currency": item.currency,
            "Account": item.account,
            "Tax rate": item.tax_type,
            "Documents": item.count,
            "Net sent": item.sent_net,
            "Net in Xero": item.xero_net,
            "Net difference": item.xero_net - item.sent_net,
            "Tax sent": item.sent_tax,
            "Tax in Xero": item.xero_tax,
            "Tax difference": item.xero_tax - item.sent_tax,
        }
        for item in ordered
    ]


class _Known:
    """Autotask's invoices, by what a document in Xero may have in common with one."""

    def __init__(self, rows: Iterable[Invoice]) -> None:
        self._numbers: dict[str, Invoice] = {}
        self._alike: dict[tuple[str, date | None, str, Decimal], Invoice] = {}
        for row in rows:
            if row["number"]:
                self._numbers[row["number"].casefold()] = row
            self._alike[row["customer"].casefold(), row["date"], row["currency"], total_of(row)] = row

    def note(self, item: Mapping[str, Any]) -> str:
        """What the document has in common with an invoice of Autotask, blank where nothing."""
        if row := self._numbers.get(item["number"].casefold()):
            return self._twice(row, "It has the number of")
        words = re.split(r"[\s,;]+", item["reference"].casefold())
        for word in words:
            if row := self._numbers.get(word):
                return self._twice(row, "Its reference names")
        key = item["contact"].casefold(), item["date"], item["currency"], item["total"]
        if row := self._alike.get(key):
            return self._twice(row, "It has customer, date and total of")
        return ""

    def _twice(self, row: Invoice, start: str) -> str:
        told = f"{start} Autotask's {_name(row)}"
        return f"{told}, which is in Xero as {row['xero_number']}." if _in_xero(row) else f"{told} ({row['status']})."
