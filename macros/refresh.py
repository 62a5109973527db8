"""The short-lived process that brings an open workbook up to date: the agent itself never talks to Excel."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from macros.sheets import BusyError, NotOpenError, OpenBook, SheetError, attach
from macros.show import Showing
from workbook.project import Projection

DONE, NOT_OPEN, BUSY, FAILED = 0, 69, 75, 3
"""How it ends; the last line of its output says why in words."""
_LONGEST = 15.0
"""Seconds; after more the agent ends this process."""
_PAUSE = 0.2
Answer = TypeVar("Answer")


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m macros.refresh --workbook PATH``; a sentence for the status bar comes by standard input.

    Returns:
        0 done; 69 no Excel here has it open; 75 Excel is busy; 3 anything else.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    path = Path(given[given.index("--workbook") + 1])
    try:
        notes = refresh(path, time.monotonic() + _LONGEST, sys.stdin.read())
    except NotOpenError as error:
        return _told(NOT_OPEN, str(error))
    except BusyError as error:
        return _told(BUSY, str(error))
    except Exception as error:  # noqa: BLE001 - the agent tells it in words
        from agent.buttons import in_words  # noqa: PLC0415 - slow to load, and not always needed

        return _told(FAILED, str(error) if isinstance(error, SheetError) else in_words(error))
    return _told(DONE, " ".join(notes))


def refresh(path: Path, until: float, told: str = "") -> list[str]:
    """Show the ledger in the open workbook.

    Args:
        path: The file that is open.
        until: When to give up, by the monotonic clock.
        told: A sentence for its status bar, once all is shown.

    Raises:
        NotOpenError: No Excel here has it open.
        BusyError: Excel is busy all the time.
    """
    book = patiently(lambda: attach(path), until)

    def show(projection: Projection, acted: Mapping[str, str]) -> list[str]:
        return patiently(lambda: show_in(book, projection, acted, until), until)

    from agent.buttons import show_ledger  # noqa: PLC0415 - only once there is an Excel to show it in

    notes = show_ledger(path, show)
    if told:
        book.tell(told)
    return notes


def show_in(book: OpenBook, projection: Projection, acted: Mapping[str, str], until: float = float("inf")) -> list[str]:
    """Show a projection in an open workbook; gives what could not be shown."""
    return Showing(book, acted, until).show(projection).notes


def patiently(act: Callable[[], Answer], until: float) -> Answer:
    """Try again while Excel is busy."""
    while True:
        try:
            return act()
        except BusyError:
            if time.monotonic() + _PAUSE > until:
                raise
            time.sleep(_PAUSE)


def _told(code: int, text: str) -> int:
    print(text.replace("\n", " "))  # noqa: T201 - how the agent learns of it
    return code


if __name__ == "__main__":
    sys.exit(main())
