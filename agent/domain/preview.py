"""What a run would do with an invoice, as the sheet Preview and the setup show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from agent.domain.document import Document
from agent.domain.firstlook import Look
from agent.domain.invoice import AutotaskId
from agent.domain.lookup import Verdict
from agent.domain.plan import Action, Verb

PreviewAction = Literal["Send", "Skip", "Wait", "Fault", "Keep", "Take over"]
_SHOWN: Mapping[Verb, PreviewAction] = {
    "create": "Send", "skip": "Skip", "wait": "Wait", "fault": "Fault", "keep": "Keep",
}  # fmt: skip


@dataclass(frozen=True)
class Preview:
    """One row.

    Attributes:
        action: What would be done.
        number: The invoice's number in Autotask, or its id there.
        why: In words.
        document: What would be sent, where the plan came so far; amounts of a credit note are positive.
        code: The fault that would stop it, where one would.
        verdict: What looking in Xero found, where it would be created else.
    """

    action: PreviewAction
    autotask_id: AutotaskId
    number: str
    customer: str
    why: str
    document: Document | None = None
    code: str = ""
    verdict: Verdict | Literal[""] = ""

    @classmethod
    def of(cls, action: Action, look: Look | None, before: Preview | None = None) -> Preview:
        """What becomes of a planned action.

        Args:
            action: As planned.
            look: What looking in Xero said about it, where it would be created.
            before: The last preview, which counts where nobody looked now.
        """
        if action.verb == "create" and look is None and before is not None and before.verdict:
            return replace(before, document=action.document)
        shown, why, trouble = _SHOWN[action.verb], action.why, action.fault
        if look is not None and look.stops is not None:
            shown, trouble = "Fault" if look.stops.is_strike else "Wait", look.stops
        elif look is not None and (there := look.takes_over) is not None:
            shown, why = "Take over", f"In Xero already, as {there.number or there.id}: nothing is sent"
            if not there.is_live:
                shown, why = "Keep", f"{there.number or there.id} was {there.status.lower()} in Xero: it stays so"
        if trouble is not None:
            why = f"{trouble.code} {trouble.title}: {trouble.detail}"
        invoice = action.invoice
        document = action.translation.document if action.translation else None
        return cls(
            shown,
            invoice.id,
            invoice.label,
            invoice.customer.name,
            why,
            document,
            trouble.code if trouble else "",
            look.finding.verdict if look else "",
        )
