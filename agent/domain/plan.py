"""What to do with every invoice: the plan.

The truth table, read from the top; the first line that fits decides.

======================================================  ==========================================================
the invoice                                             what is done
======================================================  ==========================================================
was sent and its answer is not known                    keep: settling comes first
has a document in Xero                                  keep
is ``Never send``                                       keep
is ``Fault``, and nobody pressed Resync                 keep: left alone
waits for *Send these* or a confirmation, not given     keep
is dated before ``Start date``                          skip
was voided in Autotask before it was sent               skip (AX-102 where it has no lines)
is younger than ``Settle time``                         wait (AX-108)
has no lines, net and tax are zero                      skip (AX-102)
totals 0.00 and ``Zero invoices`` is Skip               skip
is smaller than ``Skip invoices smaller than``          skip
is still being finished: no number, or lines that       wait (AX-108)
do not add up, up to twice the settle time
shares its number with another one                      fault (AX-113)
cannot be translated                                    fault, or wait where the fault is no strike
would exceed what one run may create                    wait (AX-505)
anything else                                           create
======================================================  ==========================================================
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from agent.domain.books import ContactId
from agent.domain.document import Document
from agent.domain.faults import Fault, fault
from agent.domain.invoice import AutotaskId, CompanyId, Invoice, with_net_lines
from agent.domain.money import ZERO, rounded
from agent.domain.record import Record
from agent.domain.settings import Settings
from agent.domain.text import counted
from agent.domain.translate import Situation, Translation, number_of, translate

Verb = Literal["create", "skip", "wait", "fault", "keep"]


@dataclass(frozen=True)
class Action:
    """What is done with one invoice, and why.

    Attributes:
        verb: What is done.
        invoice: As Autotask has it now, lines before tax.
        why: The reason in words; for ``create`` a summary.
        fault: What stops it, where something does: the most important one.
        translation: The document, warnings and decisions, where it came so far.
    """

    verb: Verb
    invoice: Invoice
    why: str
    fault: Fault | None = None
    translation: Translation | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should see of it although it goes through."""
        return self.translation.warnings if self.translation else ()

    @property
    def document(self) -> Document:
        """What to send; only a ``create`` has one."""
        assert self.translation is not None
        assert self.translation.document is not None
        return self.translation.document


def with_document(action: Action, document: Document) -> Action:
    """The same action with another document to send."""
    assert action.translation is not None
    return replace(action, translation=replace(action.translation, document=document))


@dataclass(frozen=True)
class Limits:
    """How many invoices this run may create unasked; ``None`` is any number.

    Attributes:
        why: What limits it, in words.
    """

    most: int | None = None
    why: str = ""

    @classmethod
    def by_setting(cls, most: int, name: str = "Most invoices in one run") -> Limits:
        """As a setting says."""
        return cls(most, f"more than “{name}” ({most}) lets through at once")


def plan(
    invoices: Iterable[Invoice],
    records: Mapping[AutotaskId, Record],
    situation: Situation,
    known_contacts: Mapping[CompanyId, ContactId],
    now: datetime,
    limits: Limits = Limits(),
) -> list[Action]:
    """Decide about every invoice, in the order of their ids.

    Args:
        invoices: As Autotask has them now.
        records: What the ledger knows of them.
        situation: Settings, mappings, books.
        known_contacts: The Xero contact that each company's earlier invoices went to.
        now: Autotask's own time.
        limits: How many may be created unasked.
    """
    ordered = sorted((with_net_lines(invoice) for invoice in invoices), key=lambda invoice: invoice.id)
    numbers = _numbers(ordered, records, situation.settings)
    actions = []
    for invoice in ordered:
        record = records.get(invoice.id, Record(invoice.id))
        here = replace(situation, known_contact=known_contacts.get(invoice.customer.id))
        actions.append(_decide(invoice, record, here, now, numbers))
    return _limited(_with_what_waits(actions), records, limits)


def _with_what_waits(actions: list[Action]) -> list[Action]:
    """Tell beside every missing mapping row how many invoices and how much money wait for it."""
    waiting: defaultdict[tuple[str, str, str], list[Invoice]] = defaultdict(list)
    for action in actions:
        for row in action.translation.missing if action.translation else ():
            waiting[row].append(action.invoice)
    told = []
    for action in actions:
        if action.fault is not None and action.fault.code in {"AX-109", "AX-110"} and action.translation is not None:
            waits = " ".join(
                f"{counted(len(waiting[row]), 'invoice')} over "
                f"{_sums((i.currency, rounded(i.total)) for i in waiting[row])} "
                f"{'waits' if len(waiting[row]) == 1 else 'wait'} for “{row[1]} · {row[2]}”."
                for row in action.translation.missing
                if row[0] != "ContactMap"
            )
            detail = f"{action.fault.detail} {waits}"
            told.append(replace(action, fault=replace(action.fault, detail=detail)))
        else:
            told.append(action)
    return told


def _numbers(
    invoices: Iterable[Invoice], records: Mapping[AutotaskId, Record], settings: Settings
) -> dict[str, list[Invoice]]:
    """Which invoices would use each number: by invoices that are, or could still be, on their way to Xero."""
    users: defaultdict[str, list[Invoice]] = defaultdict(list)
    for invoice in invoices:
        record = records.get(invoice.id)
        number = number_of(invoice, settings)
        is_out = record is not None and (record.xero_id is not None or record.status == "Never send")
        if number and not (is_out or _skipped(invoice, settings) or _worthless(invoice, settings)):
            users[number.casefold()].append(invoice)
    return users


def _decide(  # noqa: PLR0911 - the truth table, a return a row
    invoice: Invoice, record: Record, here: Situation, now: datetime, numbers: Mapping[str, Sequence[Invoice]]
) -> Action:
    if kept := _kept(record):
        return Action("keep", invoice, kept)
    settings = here.settings
    if skipped := _skipped(invoice, settings):
        return skipped
    age = now - invoice.created
    settle = timedelta(minutes=settings.settle_time)
    if age < settle:
        return _unfinished(invoice, f"It was made less than {settings.settle_time} minutes ago.")
    if skipped := _worthless(invoice, settings):
        return skipped
    number = number_of(invoice, settings)
    same = numbers.get(number.casefold(), ()) if number else ()
    if len(same) > 1:
        named = " and ".join(
            f"{item.id} ({item.customer.name}, {item.currency} {rounded(item.total)})" for item in same
        )
        why = fault("AX-113", f"The number {number} stands on Autotask's invoices {named}.")
        return Action("fault", invoice, why.title, why)
    translation = translate(invoice, here)
    if translation.document is not None:
        document = translation.document
        sums = f"{document.currency} {document.expected.total}"
        return Action("create", invoice, f"{document.kind} over {sums}", None, translation)
    first = _first(translation.faults)
    if first.kind.effect == "skip":
        return Action("skip", invoice, first.detail, first, translation)
    if age < 2 * settle and first.code in {"AX-101", "AX-106", "AX-112"}:
        return _unfinished(invoice, first.detail)
    return Action("fault" if first.is_strike else "wait", invoice, first.title, first, translation)


def _kept(record: Record) -> str:
    if record.is_in_flight:
        return "It was sent; the answer is being looked for."
    if record.xero_id is not None:
        return "It is in Xero."
    if record.status == "Never send":
        return "It is never sent."
    if record.status == "Fault" and not record.wish:
        return "It is left alone until Resync."
    is_over = record.fault_code == "AX-505" and record.wish == "more"
    if record.fault_code in {"AX-111", "AX-505"} and record.wish != "send" and not is_over:
        return "It waits for your confirmation."
    return ""


def _skipped(invoice: Invoice, settings: Settings) -> Action | None:
    if settings.start_date is not None and invoice.date < settings.start_date:
        return Action("skip", invoice, "before Start date")
    if invoice.is_voided:
        why = "voided in Autotask before it was sent"
        return Action("skip", invoice, why, None if invoice.lines else fault("AX-102", f"It was {why}."))
    return None


def _worthless(invoice: Invoice, settings: Settings) -> Action | None:
    if not invoice.lines and not invoice.net and not invoice.tax:
        return Action("skip", invoice, "no line items", fault("AX-102", "It has no lines, and its total is 0.00."))
    total = abs(rounded(invoice.total))
    if not total and settings.zero_invoices == "Skip":
        return Action("skip", invoice, "its total is 0.00")
    if total < (settings.skip_smaller_than or ZERO):
        return Action("skip", invoice, f"smaller than {settings.skip_smaller_than}")
    return None


def _unfinished(invoice: Invoice, detail: str) -> Action:
    why = fault("AX-108", detail)
    return Action("wait", invoice, why.title, why)


def _first(faults: tuple[Fault, ...]) -> Fault:
    """The fault to show: what must be mended comes before what only waits; further ones are told in its detail."""
    if not faults:
        return fault("AX-102", "All its lines are 0.00 and left out.")
    first = min(faults, key=lambda item: not item.is_strike)
    others = [f"{item.code} {item.title}: {item.detail}" for item in faults if item is not first]
    detail = " ".join([first.detail, *(f"Also {other}" for other in dict.fromkeys(others))])
    return replace(first, detail=detail)


def _limited(actions: list[Action], records: Mapping[AutotaskId, Record], limits: Limits) -> list[Action]:
    """Let no more through than one run may create; those that a person asked for count, but always go."""
    if limits.most is None:
        return actions
    creates = [action for action in actions if action.verb == "create"]
    asked = {action.invoice.id for action in creates if _is_asked_for(records.get(action.invoice.id))}
    unasked = [action for action in creates if action.invoice.id not in asked]
    waiting = {action.invoice.id: action for action in unasked[max(0, limits.most - len(asked)) :]}
    if not waiting:
        return actions
    documents = [action.document for action in waiting.values()]
    signs = {"Invoice": 1, "Credit note": -1}
    value = _sums((item.currency, signs[item.kind] * item.expected.total) for item in documents)
    why = fault(
        "AX-505",
        f"{counted(len(creates), 'invoice')} {'is' if len(creates) == 1 else 'are'} ready, {limits.why}; "
        f"{len(waiting)} over {value} {'waits' if len(waiting) == 1 else 'wait'}.",
    )
    held: Callable[[Action], Action] = lambda action: Action(  # noqa: E731
        "wait", action.invoice, why.title, why, action.translation
    )
    return [held(action) if action.invoice.id in waiting else action for action in actions]


def _is_asked_for(record: Record | None) -> bool:
    return record is not None and record.wish != ""


def _sums(amounts: Iterable[tuple[str, Decimal]]) -> str:
    sums: dict[str, Decimal] = {}
    for currency, amount in amounts:
        sums[currency] = sums.get(currency, ZERO) + amount
    return ", ".join(f"{currency} {total:,}" for currency, total in sorted(sums.items()))
