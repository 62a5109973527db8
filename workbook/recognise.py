"""Tables and columns that somebody renamed are still the ones they were: found by what else they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from workbook.layout import TABLES, Table

if TYPE_CHECKING:
    from workbook.book import Grid

HoldsNumbers = Callable[["Grid", str], bool]
_ENOUGH = 0.75
"""The share of a table's headings by which it is recognised."""


def recognised(grids: Mapping[str, Grid], holds_numbers: HoldsNumbers) -> dict[str, Grid]:
    """The tables, ours by the names of the layout whatever they are called in the file, with our columns' headings.

    Args:
        grids: All tables by their names in the file.
        holds_numbers: Tells whether numbers stand in the column of a table under a heading.
    """
    found = dict(grids)
    strange = {name: grid for name, grid in grids.items() if name not in TABLES}
    for table in TABLES.values():
        if table.name not in found:
            likely = [name for name, grid in strange.items() if _is_like(grid, table)]
            if len(likely) == 1:
                found[table.name] = strange.pop(likely[0])
    return {
        name: _with_headings(grid, TABLES[name], holds_numbers) if name in TABLES else grid
        for name, grid in found.items()
    }


def headings_match(headings: Sequence[str], table: Table) -> bool:
    """Whether so many of a table's headings are there that it must be that table."""
    present = [column.name for column in table.columns if column.name in headings]
    return set(table.key) <= set(present) and len(present) >= _ENOUGH * len(table.columns)


def _is_like(grid: Grid, table: Table) -> bool:
    return headings_match(list(grid.columns), table)


def _with_headings(grid: Grid, table: Table, holds_numbers: HoldsNumbers) -> Grid:
    """The table with renamed columns under the headings that they had.

    A column is taken for a renamed one when it has the number that the workbook was shipped with *and* stands between
    the same ones of ours, which may be renamed themselves. A number is given again where the last column was deleted,
    so that a key has to hold numbers, too.
    """
    names = [column.name for column in table.columns]
    likely = {
        heading: names[number - 1]
        for heading, number in grid.ids.items()
        if heading not in names and 0 < number <= len(names) and names[number - 1] not in grid.columns
    }
    renamed = {
        heading: name
        for heading, name in in_order(list(grid.columns), names, likely).items()
        if not _is_whole_key(table, name) or holds_numbers(grid, heading)
    }
    if not renamed:
        return grid
    columns = {renamed.get(heading, heading): column for heading, column in grid.columns.items()}
    formulas = {renamed.get(heading, heading): formula for heading, formula in grid.formulas.items()}
    return replace(grid, columns=columns, formulas=formulas)


def in_order(headings: Sequence[str], names: Sequence[str], likely: Mapping[str, str]) -> dict[str, str]:
    """Those of the headings that may be renamed ones which stand between the same ones of ours as they did."""
    ours = [likely.get(heading, heading) for heading in headings if heading in names or heading in likely]
    neighbours = dict(zip(ours, zip(["", *ours], [*ours[1:], ""], strict=False), strict=True))
    before = dict(zip(names, zip(["", *names], [*names[1:], ""], strict=False), strict=True))
    return {heading: name for heading, name in likely.items() if neighbours[name] == before[name]}


def by_place(headings: Sequence[str], table: Table) -> dict[str, str]:
    """Headings that stand where missing ones of ours should, just as many between the same two of ours.

    That is all that can be told where columns have no numbers, as in an open workbook.
    """
    names = ["", *(column.name for column in table.columns), ""]
    known = [place for place, name in enumerate(names) if not name or name in headings]
    shown = ["", *headings, ""]
    found: dict[str, str] = {}
    for left, right in pairwise(known):
        first = shown.index(names[left]) if left else 0
        last = shown.index(names[right]) if names[right] else len(shown) - 1
        strange, missing = shown[first + 1 : last], names[left + 1 : right]
        if len(strange) == len(missing):
            found |= dict(zip(strange, missing, strict=True))
    return found


def _is_whole_key(table: Table, name: str) -> bool:
    return name in table.key and table.column(name).kind == "whole"
