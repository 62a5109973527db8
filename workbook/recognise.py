"""Tables and columns that somebody renamed are still the ones they were: found by what else they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workbook.layout import TABLES, Table

if TYPE_CHECKING:
    from workbook.book import Grid

_ENOUGH = 0.75
"""The share of a table's headings by which it is recognised."""


def recognised(grids: Mapping[str, Grid]) -> dict[str, Grid]:
    """The tables, ours by the names of the layout whatever they are called in the file, with our columns' headings."""
    found = dict(grids)
    strange = {name: grid for name, grid in grids.items() if name not in TABLES}
    for table in TABLES.values():
        if table.name not in found:
            likely = [name for name, grid in strange.items() if _is_like(grid, table)]
            if len(likely) == 1:
                found[table.name] = strange.pop(likely[0])
    return {name: _with_headings(grid, TABLES[name]) if name in TABLES else grid for name, grid in found.items()}


def headings_match(headings: Sequence[str], table: Table) -> bool:
    """Whether so many of a table's headings are there that it must be that table."""
    present = [column.name for column in table.columns if column.name in headings]
    return set(table.key) <= set(present) and len(present) >= _ENOUGH * len(table.columns)


def _is_like(grid: Grid, table: Table) -> bool:
    return headings_match(list(grid.columns), table)


def _with_headings(grid: Grid, table: Table) -> Grid:
    """The table with renamed columns under the headings that they had.

    A column is taken for a renamed one when it has the number that the workbook was shipped with *and* stands between
    the same neighbours.
    """
    names = [column.name for column in table.columns]
    missing = [name for name in names if name not in grid.columns]
    if not missing:
        return grid
    headings = list(grid.columns)
    renamed = {}
    for name in missing:
        place = names.index(name)
        for at, heading in enumerate(headings):
            around = (headings[at - 1] if at else "", headings[at + 1] if at + 1 < len(headings) else "")
            before = (names[place - 1] if place else "", names[place + 1] if place + 1 < len(names) else "")
            if heading not in names and around == before and grid.ids.get(heading) == place + 1:
                renamed[heading] = name
    if not renamed:
        return grid
    columns = {renamed.get(heading, heading): column for heading, column in grid.columns.items()}
    formulas = {renamed.get(heading, heading): formula for heading, formula in grid.formulas.items()}
    return replace(grid, columns=columns, formulas=formulas)
