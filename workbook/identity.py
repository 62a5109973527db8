"""Which row is which: by its key, and where that was lost by what else tells it from all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from workbook.cells import EPOCH, Cell, Read, fold, serial
from workbook.layout import Table

Key = tuple[str, ...]
"""The values of a row's key as they are compared."""
Values = Mapping[str, "Cell | Read"]
Place = TypeVar("Place", bound=Hashable)

_BLOCK_KEYS = {
    "Preview": ("Autotask id",),
    "PreviewLines": ("Autotask id", "Line"),
    "ReconcileTotals": ("Currency", "Line"),
    "Reconcile": ("Month", "Customer", "Currency"),
    "ReconcileAccounts": ("Month", "Currency", "Account", "Tax rate"),
    "NotFromAutotask": ("Date", "Number", "Type", "Contact", "Total"),
    "Log": ("When", "Run", "Invoice", "Event", "Detail"),
}
"""By what rows of blocks without a key of their own are told apart, so that the accountant's cells stay beside them."""
_ELSE = {
    "Invoices": (("Number", "Type", "Date", "Total"), ("Xero number",), ("Number", "Type")),
    "Faults": (("Invoice", "Code"), ("Invoice",)),
    "Preview": (("Number",),),
    "ContactMap": (("Autotask company",),),
    "Settings": (("What it does",),),
}  # fmt: skip
"""What else tells the rows of a table apart, the surest first; where the first column is blank it tells nothing."""
_NAMED = ("Number", "Invoice")
"""The columns by which people call an invoice."""


def keys_of(table: Table) -> tuple[str, ...]:
    """The columns by which the rows of a table are told apart."""
    return table.key or _BLOCK_KEYS[table.name]


def part(value: Cell | Read, epoch: datetime = EPOCH) -> str:
    """A cell's value as it is compared, whether it was read or is about to be written."""
    if isinstance(value, date):
        value = float(serial(value, epoch))
    if isinstance(value, float | Decimal):
        value = round(float(value), 4)
    return fold(value)


def key_of(names: Sequence[str], row: Values, epoch: datetime = EPOCH) -> Key:
    """A row's key, from its values by heading."""
    return tuple(part(row.get(name), epoch) for name in names)


def called(table: Table, row: Values) -> str:
    """What people call a row: the invoice's number, else its key."""
    number = next((text for name in _NAMED if (text := row.get(name))), None)
    return str(number) if number else " · ".join(str(text) for name in keys_of(table) if (text := row.get(name)))


def told_lost(sheet: str, names: Sequence[str], rows: Sequence[str]) -> str:
    """The note about rows that got their key back."""
    count = "1 row had lost its" if len(rows) == 1 else f"{len(rows)} rows had lost their"
    return f"{sheet}: {count} {' and '.join(names)}; it was written back by what else stands there ({listed(rows)})."


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first few of many names."""
    return ", ".join([*names[:most], *(["…"] if len(names) > most else [])])


def telling(table: str) -> set[str]:
    """The columns that may tell a table's rows apart where the key was lost."""
    return {name for names in _ELSE.get(table, ()) for name in names}


def found_again(
    table: str, lost: Mapping[int, Values], waiting: Mapping[Key, Values], epoch: datetime = EPOCH
) -> dict[int, Key]:
    """The keys of rows that lost theirs, where exactly one row that has no place yet is like exactly one of them.

    Args:
        table: The table's name.
        lost: What the rows without a key show, by where they stand.
        waiting: The rows that have no place yet, by key.
        epoch: Day 0 of the workbook's dates.
    """
    found: dict[int, Key] = {}
    for names in _ELSE.get(table, ()):
        known = set(found.values())
        here = _alone((place, key_of(names, row, epoch)) for place, row in lost.items() if place not in found)
        there = _alone((key, key_of(names, row, epoch)) for key, row in waiting.items() if key not in known)
        found |= {place: there[mark] for mark, place in here.items() if mark in there}
    return found


def _alone(marked: Iterable[tuple[Place, Key]]) -> dict[Key, Place]:
    """Places by their mark, as far as the mark says something and no two have the same."""
    places = [(place, mark) for place, mark in marked if mark[0]]
    counts = Counter(mark for _, mark in places)
    return {mark: place for place, mark in places if counts[mark] == 1}
