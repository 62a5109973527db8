"""A plan: steps that are told before any of them is done, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from agent.errors import PlainError
from workbook.errors import WorkbookError


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes:
        text: What, as a sentence that says what it does.
        act: Does it; gives what should be known about it.
    """

    text: str
    act: Callable[[], Sequence[str]]


@dataclass(frozen=True)
class Plan:
    """What will be done.

    Attributes:
        steps: In order.
        warnings: What should be known before.
        facts: Where things are, for ``--json``.
        next_step: What to do afterwards.
        again: The command that goes on after a failure.
        goes_on: Whether the other steps are done where one fails.
    """

    steps: tuple[Step, ...]
    warnings: tuple[str, ...]
    facts: Mapping[str, str]
    next_step: str
    again: str
    goes_on: bool = False


@dataclass
class Report:
    """What was done.

    Attributes:
        done: The sentences of the steps.
        notes: What came up.
    """

    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def carry_out(plan: Plan, tell: Callable[[str], None]) -> Report:
    """Do what the plan says.

    Args:
        plan: The plan.
        tell: Is told each step that is done, and what came up.

    Raises:
        PlainError: A step failed; it says what was done before, and what to do.
    """
    report = Report()
    failed: list[str] = []
    for step in plan.steps:
        try:
            notes = step.act()
        except (PlainError, WorkbookError, OSError, SQLAlchemyError) as error:
            failed.append(f"{step.text} This did not work: {_reason(error)}")
            if not plan.goes_on:
                break
        else:
            report.done.append(step.text)
            report.notes += notes
            for text in (f"Done: {step.text}", *notes):
                tell(text)
    if failed:
        done = " ".join(report.done) or "nothing."
        raise PlainError(
            f"{' '.join(failed)} Done before it, and kept: {done}",
            f"Mend it and run “{plan.again}” again: what is done already is not done twice.",
        )
    return report


def _reason(error: Exception) -> str:
    if isinstance(error, PlainError):
        return f"{error.message} {error.next_step}"
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}: {error.filename}."
    return str(error)
