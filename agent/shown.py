"""What the workbook's sheet Invoices tells of each invoice: for a ledger that knows nothing of them any more."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from agent.domain.invoice import AutotaskId
from agent.domain.money import rounded
from workbook.errors import WorkbookError
from workbook.read import read_table


@dataclass(frozen=True)
class Shown:
    """What the workbook tells of an invoice."""

    status: str = ""
    xero_number: str = ""
    xero_total: Decimal | None = None


def shown_in(workbook: Path) -> dict[AutotaskId, Shown]:
    """The sheet Invoices, as far as it can be read."""
    with contextlib.suppress(WorkbookError):
        return {
            AutotaskId(int(str(row["Autotask id"]).removesuffix(".0"))): Shown(
                str(row.get("Status") or ""), str(row.get("Xero number") or ""), _money(row.get("Xero total"))
            )
            for row in read_table(workbook, "Invoices")
            if str(row.get("Autotask id") or "").removesuffix(".0").isdigit()
        }
    return {}


def _money(value: object) -> Decimal | None:
    return rounded(Decimal(repr(value))) if isinstance(value, int | float) and not isinstance(value, bool) else None
