"""What became of one element of a request to the pretend Xero."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from agent.pretend.wire import JsonObject
from agent.pretend.xero_sent import Sent

Record = TypeVar("Record")


@dataclass
class Outcome(Generic[Record]):
    """The result of saving one element.

    Attributes:
        record: What was saved; None when it was refused.
        facts: The element to show: what was saved, or an echo of what was sent.
        errors: Why it was refused, in Xero's words.
        warnings: What Xero changed or doubts.
    """

    record: Record | None
    facts: JsonObject
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def saved(self) -> Record:
        """Give what was saved.

        Raises:
            ValueError: It was refused; the message has Xero's reasons.
        """
        if self.record is None:
            raise ValueError("; ".join(self.errors))
        return self.record

    def element(self, *, is_summary_mode: bool) -> JsonObject:
        """Give the element for the answer.

        Args:
            is_summary_mode: Whether the caller left ``summarizeErrors`` on; only without it elements have a status.
        """
        shown = dict(self.facts)
        if not is_summary_mode:
            shown["StatusAttributeString"] = "ERROR" if self.errors else "WARNING" if self.warnings else "OK"
        if self.errors:
            shown["ValidationErrors"] = [{"Message": message} for message in self.errors]
        if self.warnings:
            shown["Warnings"] = [{"Message": message} for message in self.warnings]
        return shown


def echo(sent: Sent) -> JsonObject:
    """Give back what was sent, lists and objects included, for a refused element."""
    return {name: sent.raw(name) for name in sent.names}
