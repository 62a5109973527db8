"""What the Dashboard's formulas add up, added up here too, so that their cached values are right in every reader."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from workbook.cells import Cell, Read
from workbook.layout import (
    AGENT_NAME,
    ALL_NAME,
    CURRENCIES,
    DRAFTS_NAME,
    FAULTS_NAME,
    MONTHS,
    STATUSES,
    count_name,
    currency_name,
    money_name,
    month_name,
)

COLUMNS = ("Status", "In Xero as", "Date", "Currency", "Xero total")
"""The columns of Invoices that the Dashboard looks at."""
IN_XERO = ("Synced", "Synced with warnings", "Changed since sent")
"""The statuses whose money counts as being in Xero."""
DRAFT = ("Draft", "Awaiting approval")
SEEN_FINE, SEEN_LATE, SEEN_NEVER = "Running", "Not seen lately: is it running?", "Not seen yet"

_ZERO = Decimal(0)


@dataclass
class Facts:
    """Counts and sums over the rows of Invoices.

    Attributes:
        statuses: How many invoices have each status.
        drafts: How many wait in Xero for approval.
        money: What is in Xero by the month's first day and currency.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    drafts: int = 0
    money: dict[tuple[date, str], Decimal] = field(default_factory=dict)

    def add(self, values: tuple[Cell | Read, ...], epoch: datetime, count: int = 1) -> None:
        """Count rows that are alike.

        Args:
            values: Their values of `COLUMNS`; the last is their sum.
            epoch: Day 0 of the workbook's dates.
            count: How many there are.
        """
        status, state, day, currency, total = values
        text = str(status or "")
        self.statuses[text] += count
        self.drafts += count * (state in DRAFT)
        if text not in IN_XERO or not isinstance(currency, str) or isinstance(total, bool):
            return
        month = _month(day, epoch)
        if month and isinstance(total, int | float | Decimal):
            key = (month, currency)
            self.money[key] = self.money.get(key, _ZERO) + (Decimal(str(total)) if isinstance(total, float) else total)

    def names(self) -> dict[str, Cell]:
        """The values of the Dashboard's named cells that depend on the rows."""
        months = self._months()
        places = self._currencies(months)
        found: dict[str, Cell] = {
            DRAFTS_NAME: self.drafts,
            FAULTS_NAME: self.statuses["Fault"] + self.statuses["Retrying"],
            ALL_NAME: sum(self.statuses[status] for status, _ in STATUSES),
            AGENT_NAME: SEEN_NEVER,
        }
        found |= {count_name(status): self.statuses[status] for status, _ in STATUSES}
        found |= {currency_name(place): currency for place, currency in enumerate(places, 1)}
        for number, month in enumerate(months, 1):
            found[month_name(number)] = month
            for place, currency in enumerate(places, 1):
                blank = month is None or currency is None
                money = Decimal(0) if blank else self.money.get((month, currency), Decimal(0))  # type: ignore[arg-type]
                found[money_name(number, place)] = "" if blank else money
        return found

    def _months(self) -> list[date | None]:
        """The last twelve months up to the newest one with money; all blank when there is none."""
        if not self.money:
            return [None] * MONTHS
        newest = max(month for month, _ in self.money)
        count = newest.year * 12 + newest.month - 1
        return [date((count - back) // 12, (count - back) % 12 + 1, 1) for back in reversed(range(MONTHS))]

    def _currencies(self, months: list[date | None]) -> list[str | None]:
        """The currencies in which most months have money, the steadiest first."""
        seen = Counter(currency for month, currency in sorted(self.money) if month in months)
        places = [currency for currency, _ in seen.most_common(CURRENCIES)]
        return [*places, *[None] * (CURRENCIES - len(places))]


def _month(day: Cell | Read, epoch: datetime) -> date | None:
    if isinstance(day, date):
        return date(day.year, day.month, 1)
    if isinstance(day, bool) or not isinstance(day, int | float) or not 0 < day < 2_900_000:
        return None
    found = epoch + timedelta(days=int(day))
    return date(found.year, found.month, 1)
