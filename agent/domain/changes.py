"""What happened to an invoice after it was sent: as posted, Autotask now, Xero now.

==================  ===================  ==========================================================================
Xero now            Autotask now         what is done
==================  ===================  ==========================================================================
as posted           as posted            nothing; payments are shown
deleted or voided   anything             ``Voided`` (AX-213); *Send again* makes a new one
edited              as posted            left as it is; ``Synced with warnings`` (AX-213)
draft, as posted    changed              the draft is updated
edited, the same    changed              ``Synced``: a person has made both alike
anything else       changed              ``Changed since sent``, both versions told (AX-208 where Xero has closed it)
draft, as posted    voided               the draft is deleted
approved            voided               told, or voided in Xero where the setting says so
paid or locked      voided               ``Changed since sent`` (AX-209): a credit note is proposed
paid, then unpaid   as posted            ``Synced with warnings`` (AX-214); the paid date in Autotask is cleared
==================  ===================  ==========================================================================

Of what is ``Changed since sent`` a person decides: *Send now* carries Autotask's version over to Xero, as far as Xero
lets it be changed; *Never send* leaves Xero's as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from agent.domain.document import Posted
from agent.domain.faults import Fault, fault
from agent.domain.invoice import AutotaskId, Header
from agent.domain.money import rounded
from agent.domain.record import Origin, Status, Wish
from agent.domain.text import cut

Move = Literal["", "delete", "void", "update"]
"""What is to be done in Xero."""

_DRAFTS = frozenset({"DRAFT", "SUBMITTED"})


@dataclass(frozen=True)
class Sent:
    """An invoice in Xero as the ledger knows it.

    Attributes:
        header: As it was sent.
        baseline: The document as it was right after it was created or taken over.
        latest: The document as it was last seen.
        status: The word on the sheet.
        wish: What a person chose: ``send`` or ``keep``.
        origin: Whose writing ``baseline`` is.
        fault_code: The open fault.
        why: The reason in words.
        warnings: What was remarked when it was sent; it still holds whatever happens later.
    """

    autotask_id: AutotaskId
    header: Header
    baseline: Posted
    latest: Posted
    status: Status
    wish: Wish = ""
    origin: Origin = "sent"
    fault_code: str = ""
    why: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """Where a sent invoice stands now."""

    status: Status
    fault: Fault | None = None
    why: str = ""
    move: Move = ""
    keeps: bool = False
    """What differs is accepted: both versions count as sent from now on."""
    stays: bool = False
    """What was told of it before still holds."""


def judge(sent: Sent, header: Header, now: Posted, *, voids: bool, locked_until: dt.date | None) -> Judgement | None:
    """Decide what becomes of a sent invoice.

    Args:
        sent: As the ledger knows it.
        header: As Autotask has it now.
        now: As Xero has it now.
        voids: The setting: void approved documents when Autotask voids.
        locked_until: The last day of Xero's closed period.

    Returns:
        The judgement, or ``None`` where it stands as before.
    """
    if not now.is_live and sent.status == "Voided" and not header.is_voided:
        return Judgement(sent.status, stays=True)
    if not now.is_live:
        return _gone(sent, now, header)
    if sent.wish == "keep":
        return Judgement("Synced with warnings", None, "left as it is in Xero, as you chose", keeps=True)
    if header.is_voided and not sent.header.is_voided:
        return _voided(sent, now, voids=voids, locked_until=locked_until)
    if told := _differences(sent.header, header):
        return _changed(sent, header, now, told, locked_until)
    return _in_xero_alone(sent, now)


def _in_xero_alone(sent: Sent, now: Posted) -> Judgement | None:
    if sent.latest.paid_on is not None and now.paid_on is None:
        detail = f"{now.number} was paid on {sent.latest.paid_on}; now {now.outstanding} is outstanding again."
        return Judgement("Synced with warnings", fault("AX-214", detail))
    if edits := edited(sent.baseline, now):
        return Judgement("Synced with warnings", fault("AX-213", f"{now.number} was edited in Xero: {edits}."))
    return None


def _gone(sent: Sent, now: Posted, header: Header) -> Judgement:
    word = now.status.lower()
    if header.is_voided:
        return Judgement("Voided", None, f"voided in Autotask, {word} in Xero")
    return Judgement("Voided", fault("AX-213", f"{sent.baseline.number} was {word} in Xero by hand."))


def _changed(sent: Sent, header: Header, now: Posted, told: str, locked_until: dt.date | None) -> Judgement:
    if _says_the_same(sent.header, sent.baseline, header, now):
        return Judgement("Synced", None, f"changed in Autotask and in Xero alike: {told}", keeps=True)
    detail = f"Autotask was changed after it was sent: {told}. Xero still has {now.number}, {now.total}."
    if sent.latest.paid_on is not None and now.paid_on is None:
        detail += f" It was paid on {sent.latest.paid_on}; now {now.outstanding} is outstanding again."
    if _is_closed(now, locked_until):
        return Judgement("Changed since sent", fault("AX-208", detail), detail)
    edits = edited(sent.baseline, now)
    if sent.wish != "send" and sent.fault_code == "AX-208" and told in sent.why:
        return Judgement(sent.status, stays=True)  # it was tried, and nothing has changed since
    if sent.wish == "send" or (now.status in _DRAFTS and not edits and sent.origin == "sent"):
        return Judgement("Synced", None, f"updated in Xero: {told}", "update")
    return Judgement("Changed since sent", None, f"{detail} In Xero was edited: {edits}." if edits else detail)


def _says_the_same(before: Header, written: Posted, now: Header, posted: Posted) -> bool:
    """Whether a person has made Xero's document what Autotask has now."""
    sign = -1 if posted.kind == "Credit note" else 1
    return (
        (sign * posted.net, sign * posted.tax, posted.date) == (rounded(now.net), rounded(now.tax), now.date)
        and now.company_id == before.company_id
        and (posted.contact_id, posted.currency) == (written.contact_id, written.currency)
        and (now.due in {before.due, posted.due} or posted.kind == "Credit note")
        and (now.number == before.number or now.number in {posted.number, *posted.reference.split(" / ")})
        and (now.order_number == before.order_number or now.order_number in posted.reference.split(" / "))
    )


def _is_closed(now: Posted, locked_until: dt.date | None) -> bool:
    """Whether Xero lets nobody change the document: paid or credited, if only in part, or in a closed period."""
    is_used = now.status == "PAID" or now.outstanding != now.total
    return is_used or (locked_until is not None and now.date <= locked_until)


def _voided(sent: Sent, now: Posted, *, voids: bool, locked_until: dt.date | None) -> Judgement:
    name = f"{now.number} ({now.currency} {now.total})"
    if now.paid_on or now.status == "PAID" or now.outstanding != now.total:
        return Judgement(
            "Changed since sent", fault("AX-209", f"Voided in Autotask; {name} is paid or credited in Xero.")
        )
    if locked_until is not None and now.date <= locked_until:
        return Judgement("Changed since sent", fault("AX-209", f"Voided in Autotask; {name} lies in a closed period."))
    if now.status in _DRAFTS and (sent.wish == "send" or (sent.origin != "kept" and not edited(sent.baseline, now))):
        return Judgement("Voided", None, "voided in Autotask; the draft in Xero was deleted", "delete")
    if (voids or sent.wish == "send") and now.status not in _DRAFTS:
        return Judgement("Voided", None, "voided in Autotask and in Xero", "void")
    return Judgement("Changed since sent", None, f"Voided in Autotask; {name} still stands in Xero.")


def _differences(before: Header, now: Header) -> str:
    """What changed in Autotask, both versions side by side."""
    pairs = (
        ("number", before.number, now.number),
        ("date", before.date, now.date),
        ("due date", before.due, now.due),
        ("purchase order", before.order_number, now.order_number),
        ("company id", before.company_id, now.company_id),
        ("net", rounded(before.net), rounded(now.net)),
        ("tax", rounded(before.tax), rounded(now.tax)),
    )
    return _told(pairs)


def edited(before: Posted, now: Posted) -> str:
    """What was edited in Xero, both versions side by side. Approving and paying are no edits."""
    pairs: list[tuple[str, object, object]] = [
        ("number", before.number, now.number),
        *([("contact", before.contact_name, now.contact_name)] if before.contact_id != now.contact_id else []),
        ("date", before.date, now.date),
        ("due date", before.due, now.due),
        ("reference", before.reference, now.reference),
        ("currency", before.currency, now.currency),
        ("net", before.net, now.net),
        ("tax", before.tax, now.tax),
    ]
    if before.lines and now.lines:
        pairs.append(("lines", len(before.lines), len(now.lines)))
        for number, (old, new) in enumerate(zip(before.lines, now.lines, strict=False), 1):
            pairs += [
                (f"account of line {number}", old.account, new.account),
                (f"tax rate of line {number}", old.tax_type, new.tax_type),
                (f"amount of line {number}", old.net, new.net),
                *_words(f"text of line {number}", old.description, new.description),
                (f"quantity of line {number}", old.quantity, new.quantity),
                (f"unit price of line {number}", old.unit, new.unit),
                (f"tracking of line {number}", ", ".join(old.tracking), ", ".join(new.tracking)),
            ]
    return _told(pairs)


def _words(name: str, old: str, new: str) -> list[tuple[str, object, object]]:
    """A change of text, told by its beginnings."""
    if " ".join(old.split()) == " ".join(new.split()):
        return []
    return [(name, f"“{cut(old, 40)}”", f"“{cut(new, 40)}”")]


def _told(pairs: Iterable[tuple[str, object, object]]) -> str:
    return ", ".join(f"{name} {_shown(old)} → {_shown(new)}" for name, old, new in pairs if old != new)


def _shown(value: object) -> object:
    return "(none)" if value is None or value == "" else value
