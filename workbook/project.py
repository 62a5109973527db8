"""Rows to the closed file: the status sheets, the lists and the Dashboard as they should be, and nothing else.

The file is read, each sheet goes by once to see what differs, and only sheets that differ are written anew. When
nothing differs the file is not touched at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbook.cells import Cell
from workbook.layout import TABLES

if TYPE_CHECKING:
    from workbook.kept import Values

Row = Mapping[str, Cell]
"""The cells of a row by column."""

__all__ = ["Cell", "Outcome", "Projection", "Row", "project"]


@dataclass(frozen=True)
class Projection:
    """What the workbook should show.

    Attributes:
        tables: Rows by table. Keyed tables: matched by key, only the agent's columns written, new rows appended.
            Blocks: written whole.
        names: Values by defined name; `workbook.layout.NAMES` lists them.
        lists: The entries behind drop-downs by list name.
        edits: By table and key: columns to write although the accountant owns them.
        unchanged: By table: the keys of rows that the file was left with just so. Where it shows anything else,
            somebody typed over it, and that is told.
        is_whole: Whether the rows of Invoices are all there are: any other row on the sheet has lost its key.
    """

    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    names: Mapping[str, Cell] = field(default_factory=dict)
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    edits: Mapping[str, Mapping[tuple[str, ...], Row]] = field(default_factory=dict)
    unchanged: Mapping[str, Collection[tuple[str, ...]]] = field(default_factory=dict)
    is_whole: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a projection.

    Attributes:
        changed: Whether the file was written.
        notes: What was repaired or ignored, in words.
    """

    changed: bool
    notes: tuple[str, ...]


def project(
    path: Path,
    projection: Projection,
    *,
    backups: Path | None = None,
    template: Path | None = None,
    known: Mapping[str, Values] | None = None,
) -> Outcome:
    """Write a projection into the closed workbook.

    Args:
        path: The workbook.
        projection: What it should show.
        backups: The folder that gets a copy of the file as it was before.
        template: The workbook as it is shipped: what the file lacks of it is put back first. Without it, a missing
            table or column is told and passed over.
        known: What was typed when the file was last read, by table and key: for tables and columns that are
            put back first.

    Raises:
        InUseError: Another program has it open; nothing was written.
        ExternallyChangedError: It was saved meanwhile; nothing was written.
        NotAWorkbookError: It is not the AutoXero workbook.
        KeyError: The projection names a table, column or list that does not exist.
    """
    from workbook.session import Session  # noqa: PLC0415 - lxml is slow to load, and a ribbon click may wait

    _check_names(projection)
    session = Session(path)
    if template is not None:
        projection = session.mend(template, projection, backups, known or {})
    session.apply(projection)
    if not session.package.is_changed:
        return Outcome(changed=False, notes=tuple(session.notes))
    notes = session.package.save(path, session.package.digest, backups)
    return Outcome(changed=True, notes=(*session.notes, *notes))


def _check_names(projection: Projection) -> None:
    """Find slips of the caller, who would otherwise see nothing but a blank column."""
    unknown = {*projection.tables, *projection.edits} - set(TABLES)
    for name, rows in projection.tables.items():
        if name in TABLES:
            unknown |= {column for row in rows for column in row} - {column.name for column in TABLES[name].columns}
    for name, wishes in projection.edits.items():
        if name in TABLES:
            columns = {column.name for column in TABLES[name].columns}
            unknown |= {column for row in wishes.values() for column in row} - columns
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
