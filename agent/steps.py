"""A plan: steps that are told before any of them is done, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from agent.errors import PlainError
from workbook.errors import WorkbookError

_EXPECTED = (PlainError, WorkbookError, OSError, SQLAlchemyError)
"""What may keep a step from being done."""


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes:
        text: What, as a sentence that says what it does.
        act: Does it; gives what should be known about it.
        undo: What is to be done where this step was done and a later one fails.
    """

    text: str
    act: Callable[[], Sequence[str]]
    undo: Step | None = None


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
    try:
        for step in plan.steps:
            try:
                notes = step.act()
            except _EXPECTED as error:
                failed.append(_failed(step, error))
                if not plan.goes_on:
                    break
            else:
                report.done.append(step.text)
                report.notes += notes
                for text in (f"Done: {step.text}", *notes):
                    tell(text)
    except BaseException:  # Ctrl+C, or a bug
        for text in _undone(plan, report):
            tell(text)
        raise
    if failed:
        head = "Done all the same" if plan.goes_on else "Done before it, and kept"
        done = " ".join(report.done) or "nothing."
        raise PlainError(
            " ".join([*failed, f"{head}: {done}", *_undone(plan, report)]),
            f"Mend it and run “{plan.again}” again: what is done already is not done twice.",
        )
    return report


def _undone(plan: Plan, report: Report) -> list[str]:
    """Do what the failure asks for of each step that was done; gives what came of it."""
    told = []
    for step in plan.steps:
        if step.undo is not None and step.text in report.done:
            try:
                step.undo.act()
            except _EXPECTED as error:
                told.append(_failed(step.undo, error))
            else:
                told.append(f"Done since it failed: {step.undo.text}")
    return told


def _failed(step: Step, error: Exception) -> str:
    return f"{step.text} This did not work: {_reason(error)}"


def _reason(error: Exception) -> str:
    if isinstance(error, PlainError):
        return f"{error.message} {error.next_step}"
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}: {error.filename}."
    return str(error)
