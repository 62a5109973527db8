"""What Xero's refusals mean: its messages, held against the catalogue of faults. What is unknown keeps its words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.domain.document import Document
from agent.domain.faults import Fault, fault

_MEANINGS: tuple[tuple[str, str], ...] = (
    (r"contact (name|number) .* already assigned", "AX-211"),
    (r"must be unique|not of valid status for creation|number .*already (exists|been used)", "AX-201"),
    (r"not subscribed to currency", "AX-202"),
    (r"account code .*(not a valid code|archived|deleted|removed)|account must be valid", "AX-203"),
    (r"taxtype code|tax rate must be|tax type", "AX-204"),
    (r"lock date", "AX-205"),
    (r"archived contact|contact .*has been archived|contact .*archived", "AX-206"),
    (r"payment or credit note allocated|cannot be edited|has payments or credit notes|valid status for mod", "AX-208"),
    (r"limit of invoices you can approve", "AX-210"),
    (r"email address must be valid", "AX-104"),
    (r"does not (match|equal) the (expected line total|sum of the lines)", "AX-106"),
    (r"valid contactid|contact requires|identify the contact|contact must be specified", "AX-105"),
    (r"one or more line items must be specified", "AX-102"),
)
"""Patterns, case-insensitive, in the order of trial. On a new document a «valid status» refusal means that its number
is taken; :func:`meaning` is only asked about new ones."""


def meaning(messages: Sequence[str], document: Document, correlation_id: str = "") -> Fault:
    """The fault that a refused document has.

    Args:
        messages: All that Xero said.
        document: What was refused.
        correlation_id: What Xero's support asks for.
    """
    code = next((found for message in messages if (found := _code(message))), "AX-299")
    if code in {"AX-208", "AX-102"}:
        code = {"AX-208": "AX-201", "AX-102": "AX-299"}[code]
    words = " ".join(f"“{message}”" for message in messages)
    detail = f"Xero says: {words}" + (f" (Xero's id of the call: {correlation_id})" if correlation_id else "")
    return fault(
        code,
        detail,
        name=document.contact_name,
        company=document.contact_name,
        contact=document.contact_name,
        currency=document.currency,
        cure="Compare the lines in Autotask with the total there, and press Resync.",
    )


def _code(message: str) -> str:
    return next((code for pattern, code in _MEANINGS if re.search(pattern, message, re.IGNORECASE)), "")
