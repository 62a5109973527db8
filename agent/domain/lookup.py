"""Is it there already? What is in Xero held against what would be sent.

An invoice that the ledger does not know is looked for before it is first sent, and after a lost answer; by our own
number, by our mark, by its number in Autotask and the one that the older product gave, and by contact, date and total.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from agent.domain.document import Document, DocumentKind, Posted
from agent.domain.faults import Fault, fault
from agent.domain.invoice import AutotaskId, Invoice
from agent.domain.money import line_amount, rounded

_OUR_CREDIT = re.compile(r"CN-([1-9]\d*)(-\d+)?", re.IGNORECASE)
_MARK = re.compile(r"[?&]invoice=(\d+)$")

Verdict = Literal["absent", "ours", "gone", "equal", "similar", "different"]


@dataclass(frozen=True)
class Finding:
    """What the look-up says about one document.

    Attributes:
        verdict: ``absent``: nothing like it is there. ``ours``: it carries our mark, whatever has become of its sums.
            ``gone``: it carries our mark, and was deleted or voided by hand. ``equal``: it agrees to the cent but
            carries no mark of ours. ``similar``: it bears the invoice's number in Autotask, and either its contact or
            its total is the same. ``different``: the number or mark is taken by something else.
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
        ids: Every Autotask id that is known: a credit note with such a number of ours is that invoice's. Xero's own
            numbers look alike.
        released: Ids of documents that are deleted or voided, and whose invoices a person had sent again.
    """

    def __init__(
        self,
        posted: Iterable[Posted],
        taken: Iterable[str] = (),
        ids: Iterable[AutotaskId] = (),
        released: Collection[str] = (),
    ) -> None:
        self._own = own = set(taken)
        known = set(ids)
        self._claimed: set[str] = set()
        every = {item.id: item for item in posted}
        documents = {key: item for key, item in every.items() if item.is_live}
        self._gone = {
            key: item for item in every.values() if not item.is_live and item.id not in released for key in _keys(item)
        }
        self._spent = {(item.kind, _number(item.number)) for item in every.values() if not item.is_live}
        self._numbered = {key for key, item in documents.items() if is_numbered_by_us(item, known)}
        self._by_number: defaultdict[str, list[Posted]] = defaultdict(list)
        self._by_mark: defaultdict[int, list[Posted]] = defaultdict(list)
        self._by_sums: defaultdict[tuple[object, ...], list[Posted]] = defaultdict(list)
        spoken_for = own | self._numbered
        for item in documents.values():
            self._by_number[_number(item.number)].append(item)
            if (mark := marked_id(item)) is not None:
                self._by_mark[mark].append(item)
            elif item.id not in spoken_for:
                self._by_sums[_sums(item)].append(item)

    def with_free_number(self, document: Document) -> Document:
        """The document with a number of its own: one that a voided or deleted document has is not given again.

        Nor is one of ours for a credit note where Xero gave it to somebody else's.
        """
        number, count = document.number, 1
        while number and ((document.kind, _number(number)) in self._spent or self._is_strangers(document, number)):
            count += 1
            number = f"{document.number}-{count}"
        return replace(document, number=number)

    def _is_strangers(self, document: Document, number: str) -> bool:
        found = [item for item in self._by_number.get(_number(number), []) if item.kind == "Credit note"]
        is_for_it = any(document.contact_id in {item.contact_id, ""} for item in found)
        return document.kind == "Credit note" and bool(found) and not is_for_it

    def names(self, document: Document) -> bool:
        """Whether something there bears the document's number or mark, or names it."""
        numbers = (document.number or "", f"INV:{document.autotask_id}", _in_autotask(document))
        return (
            document.autotask_id in self._by_mark
            or any(_number(item) in self._by_number for item in numbers if item)
            or any(mentions(item, _in_autotask(document)) for item in self._alike(document))
        )

    def find(self, document: Document, *, after_sending: bool = False) -> Finding:
        """Look for a document.

        Args:
            document: What would be, or was, sent.
            after_sending: It was sent and the answer is lost: what agrees in contact, date, lines and total is ours.

        Documents with a number or a mark of their own are to be looked for before those that only agree in their sums.
        """
        marked = [item for item in self._by_mark.get(document.autotask_id, []) if is_autotask(item, document.mark)]
        if len(marked) > 1:
            return _taken(marked[0], document, f"{len(marked)} documents in Xero carry this invoice's mark")
        if marked:
            return Finding("ours", marked[0])
        if (numbered := self._find_by_number(document, after_sending=after_sending)) is not None:
            return numbered
        if (gone := self._find_gone(document, after_sending=after_sending)) is not None:
            return Finding("gone", gone)
        named = None if after_sending else self._find_by_label(document)
        if named is not None and named.verdict == "equal":
            return named
        alike = self._find_by_sums(document, after_sending=after_sending)
        return named if named is not None and alike.verdict == "absent" else alike

    def _find_by_number(self, document: Document, *, after_sending: bool) -> Finding | None:
        """What bears our own number, or the one that the older product gave."""
        for number in (document.number, f"INV:{document.autotask_id}"):
            for item in self._by_number.get(_number(number or ""), []) if number else []:
                if item.kind != document.kind:
                    continue  # credit notes are numbered apart
                self._claimed.add(item.id)
                if item.id in self._own or marked_id(item) is not None:
                    return _taken(item, document, f"the number {item.number}")
                is_our_credit = item.kind == "Credit note" and number == document.number
                if is_our_credit and after_sending:
                    return Finding("ours", item)  # nobody else numbers so
                if not agrees(document, item):
                    return _taken(item, document, f"the number {item.number}")
                return Finding("ours" if after_sending or is_our_credit else "equal", item)
        return None

    def _find_gone(self, document: Document, *, after_sending: bool) -> Posted | None:
        """What was deleted or voided by hand, and was ours."""
        marked = self._gone.get(("mark", document.autotask_id))
        if marked is not None and is_autotask(marked, document.mark):
            return marked
        number = f"CN-{document.autotask_id}" if document.kind == "Credit note" else document.number
        if not number or not (after_sending or document.kind == "Credit note"):
            return None
        found = self._gone.get((document.kind, _number(number)))
        return found if found is not None and agrees(document, found) else None

    def _find_by_label(self, document: Document) -> Finding | None:
        """What bears the invoice's number in Autotask, though we number otherwise: another tool may have sent it."""
        for item in self._by_number.get(_number(_in_autotask(document)), []) if _in_autotask(document) else []:
            is_somebodys = item.id in self._own or item.id in self._claimed or marked_id(item) is not None
            if item.kind != document.kind or is_somebodys:
                continue
            if agrees(document, item):
                self._claimed.add(item.id)
                return Finding("equal", item)
            has_its_sum = (item.currency, item.total) == (document.currency, document.expected.total)
            if item.contact_id == document.contact_id or has_its_sum:
                return Finding("similar", item)
        return None

    def find_voided(
        self, invoice: Invoice, kind: DocumentKind, numbers: Iterable[str | None], contacts: Iterable[str]
    ) -> Finding:
        """Look for the document of an invoice that was voided in Autotask: of its lines nothing is left to compare.

        Args:
            invoice: The voided one.
            kind: What it became, or would have.
            numbers: Those that its document may bear.
            contacts: Names and ids of the contacts it may have gone to.
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
        its_contacts = {_number(contact) for contact in contacts if contact}
        for item in alike:
            is_like_it = (
                item.id not in self._numbered
                and item.date == invoice.date
                and not its_contacts.isdisjoint({_number(item.contact_name), _number(item.contact_id)})
            )
            if total and (is_like_it or _number(item.number) in named):
                self._claimed.add(item.id)
                return Finding("equal", item)
        return Finding("absent")

    def _alike(self, document: Document) -> list[Posted]:
        """What agrees in contact and total, and in its date or by naming the invoice's number."""
        found, number = self._by_sums.get(_sums(document), []), _in_autotask(document)
        return [item for item in found if item.date in document.days or mentions(item, number)]

    def _find_by_sums(self, document: Document, *, after_sending: bool) -> Finding:
        """The last resort, for documents that show neither number nor mark of ours; each is found only once."""
        if after_sending and document.number is not None:
            return Finding("absent")  # ours would bear its number
        alike = self._alike(document)
        for item in sorted(alike, key=lambda found: not mentions(found, _in_autotask(document))):
            if item.id in self._claimed:
                continue
            if after_sending and (item.reference != document.reference or item.date not in document.days):
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


def is_numbered_by_us(posted: Posted, ids: Collection[AutotaskId]) -> bool:
    """Whether it is a credit note with our number for one of the invoices, and so no other one's."""
    found = _OUR_CREDIT.fullmatch(posted.number) if posted.kind == "Credit note" else None
    return found is not None and int(found[1]) in ids


def mentions(item: Posted, number: str) -> bool:
    """Whether a document's reference names an invoice by its number in Autotask: so twins are told apart."""
    named = rf"(?<!\w){re.escape(number)}(?!\w)"
    return bool(number) and re.search(named, item.reference, re.IGNORECASE) is not None


def unlike(document: Document, posted: Posted, *, is_ours: bool) -> str:
    """What a document that is taken over has otherwise than it would be sent, both versions; blank where nothing.

    Args:
        document: As it would be sent.
        posted: As it is in Xero.
        is_ours: We wrote it: then its reference and due date are ours, too, and no other tool's.
    """
    is_for_it = document.contact_id in {posted.contact_id, ""}
    pairs: list[tuple[str, object, object]] = [
        ("kind", document.kind, posted.kind),
        *([] if is_for_it else [("contact", document.contact_name, posted.contact_name)]),
        ("currency", document.currency, posted.currency),
        ("net", document.expected.net, posted.net),
        ("tax", document.expected.tax, posted.tax),
        *([("date", document.date, posted.date)] if posted.date not in document.days else []),
    ]
    if is_ours:
        pairs.append(("reference", document.reference, posted.reference))
        if document.due is not None and document.kind == "Invoice":
            pairs.append(("due date", document.due, posted.due))
    return ", ".join(f"{name} {ours} → {theirs}" for name, ours, theirs in pairs if ours != theirs)


def is_autotask(item: Posted, own: str) -> bool:
    """Whether a document's mark leads to Autotask: to the tenant's own address, or to another of Autotask's."""
    host = urlsplit(item.mark).hostname or ""
    return host.endswith(".autotask.net") or host == urlsplit(own).hostname


def as_posted(invoice: Invoice, posted: Posted) -> Invoice:
    """The invoice with the date and the sums of its document: so what differs from Autotask's is seen, and told."""
    sign = -1 if posted.kind == "Credit note" else 1
    return replace(invoice, date=posted.date, net=sign * posted.net, tax=sign * posted.tax)


def _amounts(document: Document) -> list[Decimal]:
    return [line_amount(line.quantity, line.unit, document.places) for line in document.lines]


def _in_autotask(document: Document) -> str:
    """The number that the invoice has in Autotask; blank where it has none."""
    return document.header.number if document.header else ""


def _number(number: str) -> str:
    return number.strip().casefold()


def _keys(item: Posted) -> list[tuple[str, object]]:
    """Under what a document that is gone is found: its mark, its number."""
    mark = marked_id(item)
    return [(item.kind, _number(item.number)), *([("mark", mark)] if mark is not None else [])]


def _sums(item: Document | Posted) -> tuple[object, ...]:
    total = item.total if isinstance(item, Posted) else item.expected.total
    return item.kind, item.contact_id, item.currency, total


_OR_ITS = (
    "If Xero's is this one, choose Never send, and put it right in Xero by hand; else give the one in Xero another "
    "number, and press Resync."
)


def _taken(item: Posted, document: Document, by: str) -> Finding:
    may_be_its = document.contact_id == item.contact_id and marked_id(item) is None
    return Finding(
        "different",
        item,
        fault(
            "AX-201",
            f"{by[0].upper()}{by[1:]}: Xero has the {item.kind.lower()} {item.number or item.id} of "
            f"{item.contact_name}, "
            f"{item.date}, {item.currency} {item.total} ({item.status.lower()}); ours would be "
            f"{document.contact_name}, {document.date}, {document.currency} {document.expected.total}.",
            instead=_OR_ITS if may_be_its else "",
        ),
    )
