"""What ends a run: a fault of the connection or the settings, never of one invoice."""

from __future__ import annotations

from agent.domain.faults import Fault, fault

DONE, SOME_FAULTS, MEND_FIRST, BUG, UNREACHABLE, BUSY, INTERRUPTED = 0, 1, 2, 3, 69, 75, 130
"""The exit codes of every command."""

_UNREACHABLE_CODES = frozenset({"AX-303", "AX-304", "AX-305", "AX-402", "AX-403", "AX-404"})


class StopError(Exception):
    """This run cannot go on; nothing is lost.

    Attributes:
        fault: Why, and what to do.
    """

    def __init__(self, why: Fault) -> None:
        super().__init__(f"{why.title}: {why.detail} {why.cure}")
        self.fault = why

    @property
    def exit_code(self) -> int:
        """69 where trying again later helps by itself, else 2."""
        return UNREACHABLE if self.fault.code in _UNREACHABLE_CODES else MEND_FIRST


class PlainError(Exception):
    """Something a person must mend, said in one sentence with its next step.

    Attributes:
        message: What is wrong.
        next_step: What to do.
        exit_code: How the command ends.
    """

    def __init__(self, message: str, next_step: str, exit_code: int = MEND_FIRST) -> None:
        super().__init__(f"{message} {next_step}")
        self.message = message
        self.next_step = next_step
        self.exit_code = exit_code


def stop(code: str, detail: str, **facts: str) -> StopError:
    """The error that ends a run with that fault of the catalogue."""
    return StopError(fault(code, detail, waits=False, **facts))
