"""Is it there already? What is in Xero held against what would be sent.

An invoice that the ledger does not know is looked for before it is first sent, and after a lost answer; by our own
number, by our mark, by its number in Autotask and the one that the older product gave, and by contact, date and total.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from agent.domain.document import Document, DocumentKind, Posted
from agent.domain.faults import Fault, fault
from agent.domain.invoice import AutotaskId, Invoice
from agent.domain.money import line_amount, rounded

_OUR_CREDIT = re.compile(r"CN-\d+(-\d+)?", re.IGNORECASE)
_MARK = re.compile(r"[?&]invoice=(\d+)$")

Verdict = Literal["absent", "ours", "equal", "similar", "different"]


@dataclass(frozen=True)
class Finding:
    """What the look-up says about one document.

    Attributes:
        verdict: ``absent``: nothing like it is there. ``ours``: it carries our mark and agrees to the cent.
            ``equal``: it agrees to the cent but carries no mark of ours. ``similar``: it bears the invoice's
            number in Autotask and is of the same contact, but over another sum. ``different``: the number or mark
            is taken by something else.
        posted: What was found.
        fault: Why it cannot be sent, where it cannot.
    """

    verdict: Verdict
    posted: Posted | None = None
    fault: Fault | None = None


class Shelf:
    """The documents that Xero has, arranged for looking up.

    Args:
        posted: All that was read from Xero; one may stand in it several times.
        taken: Ids of documents that belong to other invoices by the ledger: they are nobody else's.
    """

    def __init__(self, posted: Iterable[Posted], taken: Iterable[str] = ()) -> None:
        self._own = own = set(taken)
        self._claimed: set[str] = set()
        every = {item.id: item for item in posted}
        documents = {key: item for key, item in every.items() if item.is_live}
        self._spent = {(item.kind, _number(item.number)) for item in every.values() if not item.is_live}
        self._by_number: defaultdict[str, list[Posted]] = defaultdict(list)
        self._by_mark: defaultdict[int, list[Posted]] = defaultdict(list)
        self._by_sums: defaultdict[tuple[object, ...], list[Posted]] = defaultdict(list)
        for item in documents.values():
            self._by_number[_number(item.number)].append(item)
            if marked := _MARK.search(item.mark):
                self._by_mark[int(marked[1])].append(item)
            elif item.id not in own and not is_numbered_by_us(item):
                self._by_sums[_sums(item, item.date)].append(item)

    def with_free_number(self, document: Document) -> Document:
        """The document with a number of its own: one that a voided or deleted document has is not given again."""
        number, count = document.number, 1
        while number and (document.kind, _number(number)) in self._spent:
            count += 1
            number = f"{document.number}-{count}"
        return replace(document, number=number)

    def names(self, document: Document) -> bool:
        """Whether something there bears the document's number or mark."""
        numbers = (document.number or "", f"INV:{document.autotask_id}", _in_autotask(document))
        return document.autotask_id in self._by_mark or any(
            _number(item) in self._by_number for item in numbers if item
        )

    def find(self, document: Document, *, after_sending: bool = False) -> Finding:  # noqa: PLR0911 - a ladder
        """Look for a document.

        Args:
            document: What would be, or was, sent.
            after_sending: It was sent and the answer is lost: what agrees in contact, date, lines and total is ours.

        Documents with a number or a mark of their own are to be looked for before those that only agree in their sums.
        """
        marked = [item for item in self._by_mark.get(document.autotask_id, []) if is_autotask(item, document.mark)]
        if len(marked) > 1:
            return _taken(marked[0], document, f"{len(marked)} documents in Xero carry this invoice's mark")
        if marked and after_sending:
            return Finding("ours", marked[0])  # whatever has become of its sums
        if marked:
            return (
                Finding("ours", marked[0]) if agrees(document, marked[0]) else _taken(marked[0], document, "our mark")
            )
        for number in (document.number, f"INV:{document.autotask_id}"):
            for item in self._by_number.get(_number(number or ""), []) if number else []:
                if item.kind != document.kind:
                    continue  # credit notes are numbered apart
                self._claimed.add(item.id)
                if after_sending and item.kind == "Credit note" and number == document.number:
                    return Finding("ours", item)  # nobody else numbers so
                if item.id in self._own or marked_id(item) is not None or not agrees(document, item):
                    return _taken(item, document, f"the number {item.number}")
                is_ours = after_sending or document.kind == "Credit note"
                return Finding("ours" if is_ours else "equal", item)
        named = None if after_sending else self._find_by_label(document)
        if named is not None and named.verdict == "equal":
            return named
        alike = self._find_by_sums(document, after_sending=after_sending)
        return named if named is not None and alike.verdict == "absent" else alike

    def _find_by_label(self, document: Document) -> Finding | None:
        """What bears the invoice's number in Autotask, though we number otherwise: another tool may have sent it."""
        for item in self._by_number.get(_number(_in_autotask(document)), []) if _in_autotask(document) else []:
            is_somebodys = item.id in self._own or item.id in self._claimed or marked_id(item) is not None
            if item.kind != document.kind or is_somebodys:
                continue
            if agrees(document, item):
                self._claimed.add(item.id)
                return Finding("equal", item)
            if item.contact_id == document.contact_id:
                return Finding("similar", item)
        return None

    def find_voided(self, invoice: Invoice, kind: DocumentKind, numbers: Iterable[str | None]) -> Finding:
        """Look for the document of an invoice that was voided in Autotask: of its lines nothing is left to compare.

        Args:
            invoice: The voided one.
            kind: What it became, or would have.
            numbers: Those that its document may bear.
        """
        for item in self._by_mark.get(invoice.id, []):
            self._claimed.add(item.id)
            return Finding("ours", item)
        total = abs(rounded(invoice.total))
        alike = [
            item
            for group in self._by_number.values()
            for item in group
            if (item.kind, item.total) == (kind, total)
            and item.id not in self._own | self._claimed
            and marked_id(item) is None
        ]
        named = {_number(number) for number in numbers if number}
        for item in alike:
            is_like_it = (
                not is_numbered_by_us(item)
                and item.date == invoice.date
                and _number(item.contact_name) == _number(invoice.customer.name)
            )
            if total and (is_like_it or _number(item.number) in named):
                self._claimed.add(item.id)
                return Finding("equal", item)
        return Finding("absent")

    def _find_by_sums(self, document: Document, *, after_sending: bool) -> Finding:
        """The last resort, for documents that show neither number nor mark of ours; each is found only once."""
        if after_sending and document.number is not None:
            return Finding("absent")  # ours would bear its number
        for item in [found for day in document.days for found in self._by_sums.get(_sums(document, day), [])]:
            if item.id in self._claimed:
                continue
            if after_sending and item.reference != document.reference:
                continue  # a twin's
            if after_sending and item.lines and sorted(line.net for line in item.lines) != sorted(_amounts(document)):
                continue
            self._claimed.add(item.id)
            return Finding("ours" if after_sending else "equal", item)
        return Finding("absent")


def agrees(document: Document, posted: Posted) -> bool:
    """Whether the two are the same sale: kind, contact, currency and total to the cent."""
    return (
        document.kind == posted.kind
        and document.contact_id in {posted.contact_id, ""}
        and document.currency == posted.currency
        and document.expected.total == posted.total
    )


def marked_id(posted: Posted) -> AutotaskId | None:
    """The Autotask id in the document's mark, where it carries one of ours."""
    found = _MARK.search(posted.mark)
    return AutotaskId(int(found[1])) if found else None


def is_numbered_by_us(posted: Posted) -> bool:
    """Whether it is a credit note with a number of ours, which stands for one invoice and no other."""
    return posted.kind == "Credit note" and _OUR_CREDIT.fullmatch(posted.number) is not None


def is_autotask(item: Posted, own: str) -> bool:
    """Whether a document's mark leads to Autotask: to the tenant's own address, or to another of Autotask's."""
    host = urlsplit(item.mark).hostname or ""
    return host.endswith(".autotask.net") or host == urlsplit(own).hostname


def _amounts(document: Document) -> list[Decimal]:
    return [line_amount(line.quantity, line.unit, document.places) for line in document.lines]


def _in_autotask(document: Document) -> str:
    """The number that the invoice has in Autotask; blank where it has none."""
    return document.header.number if document.header else ""


def _number(number: str) -> str:
    return number.strip().casefold()


def _sums(item: Document | Posted, day: dt.date) -> tuple[object, ...]:
    total = item.total if isinstance(item, Posted) else item.expected.total
    return item.kind, item.contact_id, day, item.currency, total


def _taken(item: Posted, document: Document, by: str) -> Finding:
    return Finding(
        "different",
        item,
        fault(
            "AX-201",
            f"{by[0].upper()}{by[1:]}: Xero has the {item.kind.lower()} {item.number or item.id} of "
            f"{item.contact_name}, "
            f"{item.date}, {item.currency} {item.total} ({item.status.lower()}); ours would be "
            f"{document.contact_name}, {document.date}, {document.currency} {document.expected.total}.",
        ),
    )
