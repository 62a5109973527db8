"""Three failed tries in a row, then a fault; a person's Resync starts the count anew."""

from __future__ import annotations

import pytest

from agent.domain.invoice import AutotaskId
from agent.domain.record import Record, Status
from agent.domain.strikes import after_failure


@pytest.mark.parametrize(
    ("strikes", "tries", "status", "after"),
    [
        (0, 3, "Retrying", 1),
        (1, 3, "Retrying", 2),
        (2, 3, "Fault", 3),
        (3, 3, "Fault", 4),
        (0, 1, "Fault", 1),
        (18, 20, "Retrying", 19),
        (19, 20, "Fault", 20),
        (4, 3, "Fault", 5),
    ],
)
def test_each_failure_counts_and_the_last_one_is_a_fault(strikes: int, tries: int, status: Status, after: int) -> None:
    record = Record(AutotaskId(155), "Retrying", strikes)
    assert after_failure(record, tries) == (status, after)


@pytest.mark.parametrize("wish", ["resync", "send"])
def test_a_wish_starts_the_count_anew(wish: str) -> None:
    record = Record(AutotaskId(155), "Fault", 3, "AX-106", "resync" if wish == "resync" else "send")
    assert after_failure(record, 3) == ("Retrying", 1)


def test_three_in_a_row() -> None:
    record, seen = Record(AutotaskId(155)), []
    for _ in range(3):
        status, strikes = after_failure(record, 3)
        seen.append((status, strikes))
        record = Record(record.autotask_id, status, strikes)
    assert seen == [("Retrying", 1), ("Retrying", 2), ("Fault", 3)]
