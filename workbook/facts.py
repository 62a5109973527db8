"""What the Dashboard's formulas add up, added up here too, so that their cached values are right in every reader."""

from __future__ import annotations

from collections import Counter, defaultdict
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
    OTHERS_NAME,
    STATUSES,
    WAYS,
    count_name,
    currency_name,
    heading_name,
    money_name,
    month_name,
    sum_name,
    value_name,
)

COLUMNS = ("Type", "Status", "In Xero as", "Date", "Currency", "Total", "Xero total")
"""The columns of Invoices that the Dashboard looks at; the last two are sums."""
IN_XERO = ("Synced", "Synced with warnings", "Changed since sent")
"""The statuses whose money counts as being in Xero."""
OPEN = ("Fault", "Retrying")
"""The statuses of open faults."""
DRAFT = ("Draft", "Awaiting approval")
ALL_LINE, OPEN_LINE, DRAFTS_LINE = "All", "Open faults", "Drafts not yet approved"
"""The lines below the statuses."""
SEEN_FINE, SEEN_LATE, SEEN_NEVER = "Seen lately", "Not seen lately: is it running?", "Not seen yet"

_ZERO = Decimal(0)


@dataclass
class Facts:
    """Counts and sums over the rows of Invoices.

    Attributes:
        statuses: How many invoices have each status.
        values: What they are worth, by status (or line) and currency.
        drafts: How many wait in Xero for approval.
        used: How many invoices each currency has.
        money: What is in Xero by the type of document, the month's first day, and currency.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    values: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    drafts: int = 0
    used: Counter[str] = field(default_factory=Counter)
    money: defaultdict[tuple[str, date, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, values: tuple[Cell | Read, ...], epoch: datetime, count: int = 1) -> None:
        """Count rows that are alike.

        Args:
            values: Their values of `COLUMNS`; the last two are their sums.
            epoch: Day 0 of the workbook's dates.
            count: How many there are.
        """
        kind, status, state, day, currency, total, xero_total = values
        text = str(status or "")
        self.statuses[text] += count
        self.drafts += count * (state in DRAFT)
        if not isinstance(currency, str) or not currency:
            return
        self.used[currency] += count
        worth, there = _amount(total), _amount(xero_total)
        self.values[text, currency] += worth
        if state in DRAFT:
            self.values[DRAFTS_LINE, currency] += there
        month = _month(day, epoch)
        if text in IN_XERO and month and there and isinstance(kind, str):
            self.money[kind, month, currency] += there

    def names(self, base: str = "", seen: Cell | Read = None) -> dict[str, Cell]:
        """The values of the Dashboard's named cells that depend on the rows.

        Args:
            base: The currency of the books: it comes first.
            seen: When the agent last wrote here: the months end with that one.
        """
        places = self._currencies(base)
        found: dict[str, Cell] = {
            DRAFTS_NAME: self.drafts,
            FAULTS_NAME: sum(self.statuses[status] for status in OPEN),
            ALL_NAME: sum(self.statuses[status] for status, _ in STATUSES),
            AGENT_NAME: SEEN_NEVER,
        }
        found |= {count_name(status): self.statuses[status] for status, _ in STATUSES}
        for place, currency in enumerate(places, 1):
            found[currency_name(place)] = currency
            found |= {value_name(line, place): value for line, value in self._worth(currency).items()}
        found[OTHERS_NAME] = self._others([place for place in places if place])
        return found | self._money(places, seen)

    def _others(self, shown: list[str]) -> str:
        """What invoices are worth in currencies that find no column; blank where all do."""
        worth: defaultdict[str, Decimal] = defaultdict(Decimal)
        for (line, currency), value in self.values.items():
            if currency not in shown and line != DRAFTS_LINE:
                worth[currency] += value
        named = ", ".join(
            f"{currency} {value:,.2f} ({self.used[currency]})" for currency, value in sorted(worth.items())
        )
        return f"And in other currencies: {named}" if named else ""

    def _worth(self, currency: str | None) -> dict[str, Cell]:
        """What the statuses, and the lines below them, are worth in a currency."""
        statuses = [status for status, _ in STATUSES]
        if currency is None:
            return dict.fromkeys([*statuses, ALL_LINE, OPEN_LINE, DRAFTS_LINE], "")
        worth = {status: self.values[status, currency] for status in statuses}
        lines = {
            ALL_LINE: sum(worth.values(), _ZERO),
            OPEN_LINE: sum((worth[status] for status in OPEN), _ZERO),
            DRAFTS_LINE: self.values[DRAFTS_LINE, currency],
        }
        return {**worth, **lines}

    def _money(self, places: list[str | None], seen: Cell | Read) -> dict[str, Cell]:
        found: dict[str, Cell] = {}
        months = self._months(places, seen)
        found |= {month_name(number): month for number, month in enumerate(months, 1)}
        for place, currency in enumerate(places, 1):
            for way, kind in WAYS:
                found[heading_name(way, place)] = f"{currency} {way.lower()}" if currency else ""
                total = _ZERO
                for number, month in enumerate(months, 1):
                    blank = month is None or currency is None
                    money = _ZERO if blank else self.money.get((kind, month, currency), _ZERO)  # type: ignore[arg-type]
                    total += money
                    found[money_name(number, place, way)] = "" if blank else money
                found[sum_name(place, way)] = total if currency else ""
        return found

    def _months(self, places: list[str | None], seen: Cell | Read) -> list[date | None]:
        """The last twelve months up to the newest one with money, or the present one; all blank when there is none."""
        newest = max((month for _, month, currency in self.money if currency in places), default=None)
        if newest is None:
            return [None] * MONTHS
        if isinstance(seen, date):  # one date far ahead must not leave all others out
            newest = min(newest, date(seen.year, seen.month, 1))
        count = newest.year * 12 + newest.month - 1
        return [date((count - back) // 12, (count - back) % 12 + 1, 1) for back in reversed(range(MONTHS))]

    def _currencies(self, base: str) -> list[str | None]:
        """The books' own currency, then those that most invoices have."""
        by_use = [currency for currency, _ in sorted(self.used.items(), key=lambda item: (-item[1], item[0]))]
        places = [base] if base else []
        places += [currency for currency in by_use if currency != base]
        return [*places, *[None] * CURRENCIES][:CURRENCIES]


def _amount(value: Cell | Read) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return _ZERO
    return Decimal(str(value)) if isinstance(value, float) else Decimal(value)


def _month(day: Cell | Read, epoch: datetime) -> date | None:
    if isinstance(day, date):
        return date(day.year, day.month, 1)
    if isinstance(day, bool) or not isinstance(day, int | float) or not 0 < day < 2_900_000:
        return None
    found = epoch + timedelta(days=int(day))
    return date(found.year, found.month, 1)
