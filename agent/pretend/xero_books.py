"""One organisation's books with the rules that apply to them, as the writing and reading code sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from agent.pretend.wire import Clock
from agent.pretend.xero_records import Organisation


@dataclass
class Rules:
    """Switches for what Xero allows; where nobody knows the real behaviour the default is the stricter one.

    Attributes:
        approval_limit: Sales invoices that the plan lets approve in all; None for no limit.
        reusable_numbers: Statuses (VOIDED, DELETED) whose invoice numbers are free again.
        has_draft_warnings: An unknown account code on a draft is removed with a warning, not refused.
        drops_unknown_tracking: An unknown tracking option is dropped in silence, not refused.
        needs_due_date: Approved invoices must have a due date.
        lists_url: Lists show the Url of documents; without it only single reads do.
    """

    approval_limit: int | None = None
    reusable_numbers: set[str] = field(default_factory=set)
    has_draft_warnings: bool = False
    drops_unknown_tracking: bool = False
    needs_due_date: bool = True
    lists_url: bool = True


@dataclass
class Books:
    """An organisation, its rules and the clock."""

    organisation: Organisation
    rules: Rules
    now: Clock
    app_name: str = "AutoXero pretend app"

    def today(self) -> date:
        """Give the present day where the organisation is."""
        return self.now().astimezone(ZoneInfo(self.organisation.zone)).date()
