"""What the Autotask user may do: a missing right shows nothing instead of an error, so it is looked for."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from agent.autotask.client import values_of
from agent.autotask.models import BillingItemRow, IdRow, InvoiceRow, instant, stamp
from agent.desk import Desk
from agent.domain.money import NOTHING, ZERO, Totals
from agent.errors import StopError

_NEEDED = {
    "Companies": "companies",
    "BillingCodes": "billing codes",
    "Invoices": "invoices",
    "BillingItems": "invoice lines",
    "Contacts": "contacts",
    "TaxCategories": "tax categories",
    "Currencies": "currencies",
}
_NEVER_EMPTY = frozenset({"Companies", "BillingCodes"})
_ALL = {"op": "gte", "field": "id", "value": 0}
_RECENT = (timedelta(days=60), timedelta(days=400))
"""The newest invoices are looked for in so many days; where there is none, in more."""
_SETTLED = timedelta(hours=1)
_LOOKED_AT = 20
_ROUNDING = Decimal("0.05")
_NO_INVOICE = (
    "Where Autotask has invoices, let the API user's security level see them and all lines of business; else test "
    "again once there is one."
)
_Trouble = tuple[str, str]
"""What is wrong, and what to do."""


@dataclass(frozen=True)
class Check:
    """One line of the connection test.

    Attributes:
        name: What was looked at.
        is_good: Whether AutoXero can work with it as it is.
        message: What was found.
        next_step: What to do; blank where there is nothing to do.
        is_warning: It works, but somebody should know.
    """

    name: str
    is_good: bool
    message: str
    next_step: str = ""
    is_warning: bool = False

    @property
    def light(self) -> Literal["good", "warning", "bad"]:
        """Green, amber or red."""
        return "bad" if not self.is_good else "warning" if self.is_warning else "good"


def rights(desk: Desk) -> list[Check]:
    """Whether the Autotask user may read what is needed, sees all lines of recent invoices, and may mark them as sent.

    Raises:
        StopError: Autotask cannot be reached.
    """
    seen, troubles = [], []
    for entity, noun in _NEEDED.items():
        has_rows, trouble = _reading(desk, entity)
        seen += [noun] if has_rows else []
        troubles += [trouble] if trouble else []
    newest = [] if troubles else _newest(desk)
    if not troubles and (trouble := _hidden_lines(desk, newest) or _writing(desk)):
        troubles = [trouble]
    if troubles:
        return [Check("Autotask rights", is_good=False, message=said, next_step=step) for said, step in troubles]
    reads = f"Reads {', '.join(seen)}."
    if newest:
        return [Check("Autotask rights", is_good=True, message=reads)]
    said = f"{reads} It saw no finished invoice of the last {_RECENT[-1].days} days to look for hidden lines in."
    return [Check("Autotask rights", is_good=True, message=said, next_step=_NO_INVOICE, is_warning=True)]


def _reading(desk: Desk, entity: str) -> tuple[bool, _Trouble | None]:
    """Whether the user sees anything in a table, and what keeps it from that, with what to do."""
    step = f"Let the API user's security level see {_NEEDED[entity]}."
    try:
        rows = desk.autotask.first(entity, IdRow, _ALL, most=1)
    except StopError as error:
        if error.fault.code != "AX-302":
            raise
        return False, (error.fault.detail, step)
    if rows or entity not in _NEVER_EMPTY:
        return bool(rows), None
    return False, (f"Autotask shows the API user no {_NEEDED[entity]}.", step)


def _newest(desk: Desk) -> list[InvoiceRow]:
    """The newest finished invoices, the oldest of them first; none where the user sees none."""
    for period in _RECENT:
        since = {"op": "gte", "field": "createDateTime", "value": stamp(desk.autotask.now() - period)}
        rows = desk.autotask.query("Invoices", InvoiceRow, since)  # the oldest first, page by page to the newest
        if found := deque((row for row in rows if _is_settled(row, desk)), maxlen=_LOOKED_AT):
            return list(found)
    return []


def _hidden_lines(desk: Desk, newest: Sequence[InvoiceRow]) -> _Trouble | None:
    """The newest invoice of which the user sees too few lines, and what to do."""
    sums = _line_sums(desk, [row.id for row in newest])
    for row in reversed(newest):
        total, seen = row.invoice_total or ZERO, sums[row.id]
        gap, tax_gap = total - seen.net, (row.total_tax_value or ZERO) - seen.tax
        is_hidden = gap * total > 0 or gap * tax_gap > 0  # a discount hides its tax, too; other sums are AX-106's
        if abs(gap) > _ROUNDING and is_hidden:
            said = (
                f"Of invoice {row.invoice_number} Autotask's total before tax is {total:,.2f}, but the lines that the "
                f"API user may see come to {seen.net:,.2f}."
            )
            return said, "Give the API user access to all lines of business."
    return None


def _is_settled(row: InvoiceRow, desk: Desk) -> bool:
    created = instant(row.create_date_time)
    is_old = created is not None and desk.autotask.now() - created > _SETTLED
    return is_old and bool(row.invoice_number) and not row.is_voided


def _line_sums(desk: Desk, invoices: Sequence[int]) -> defaultdict[int, Totals]:
    sums: defaultdict[int, Totals] = defaultdict(lambda: NOTHING)
    if not invoices:
        return sums
    for item in desk.autotask.query("BillingItems", BillingItemRow, values_of("invoiceID", invoices)):
        if item.invoice_id is not None:
            before = sums[item.invoice_id]
            sums[item.invoice_id] = Totals(
                before.net + (item.total_amount or ZERO), before.tax + (item.tax_dollars or ZERO)
            )
    return sums


def _writing(desk: Desk) -> _Trouble | None:
    """That the user lacks the right to change invoices where a setting needs it, and what to do."""
    settings = desk.settings
    if not (settings.mark_as_sent or settings.write_number_back) or desk.autotask.may_update("Invoices"):
        return None
    return (
        "The API user may not change invoices.",
        "Let its security level do it, or set “Mark invoices as sent in Autotask” to No.",
    )
