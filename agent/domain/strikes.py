"""Three strikes: what a failed try makes of an invoice."""

from __future__ import annotations

from agent.domain.record import Record, Status


def after_failure(record: Record, tries: int) -> tuple[Status, int]:
    """Status and strikes after one more failed try.

    Args:
        record: As it was before the try; a wish of a person starts the count anew.
        tries: The setting ``Tries before a fault``.
    """
    strikes = (0 if record.wish else record.strikes) + 1
    return ("Fault" if strikes >= tries else "Retrying"), strikes
