"""What is wrong with something a person typed, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Key = tuple[str, ...]
"""The cells that tell a row of a table from the others, as typed."""
Stops = Literal["everything", "its invoices", "nothing"]


@dataclass(frozen=True)
class Problem:
    """One thing to mend.

    Attributes:
        where: The setting or row by the name a person sees, such as ``Start date``.
        message: One or two sentences: what is wrong, and what to type instead.
        table: The table that holds it; blank where no row of one does.
        key: Its row there; empty where none can be found by its key.
        stops: What is not sent until it is mended.
        by_lists: It is about what Xero had when it was last looked at.
    """

    where: str
    message: str
    table: str = ""
    key: Key = ()
    stops: Stops = "everything"
    by_lists: bool = False


def beside(table: str, key: Key, message: str, stops: Stops = "everything", *, by_lists: bool = False) -> Problem:
    """A problem of a row that can be found by its key."""
    named = " · ".join(part for part in key if part)
    where = named if table == "Settings" else f"{table}: {named}"
    return Problem(where, message, table, key, stops, by_lists)
