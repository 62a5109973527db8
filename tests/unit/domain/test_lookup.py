"""Is it there already? By our number, by our mark, by the older product's number, by contact, date and total."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from agent.domain.books import ContactId, XeroId
from agent.domain.document import Document, Posted, PostedLine
from agent.domain.invoice import AutotaskId, Invoice
from agent.domain.lookup import Shelf, Verdict, agrees, marked_id, unlike
from agent.domain.translate import translate
from tests.unit.domain.builders import D, invoice, line, situation

MARK = "https://ww1.autotask.net/?invoice=155"
NUMBERED: dict[str, Any] = {"use_autotask_numbers": "Number"}


def document(made: Invoice | None = None, **changes: Any) -> Document:
    found = translate(made or invoice(), situation(**changes)).document
    assert found is not None
    return found


def credit() -> Document:
    return document(invoice(line("-100", "-15", rate=D(-100))))


def lines(*amounts: str) -> tuple[PostedLine, ...]:
    return tuple(PostedLine("", "200", "OUTPUT2", D(amount), D(0)) for amount in amounts)


def posted(xero_id: str = "x1", **changes: Any) -> Posted:
    """An invoice in Xero that agrees with the usual document, and bears neither number nor mark of ours."""
    values: dict[str, Any] = {
        "id": XeroId(xero_id),
        "kind": "Invoice",
        "number": f"INV-{xero_id}",
        "status": "AUTHORISED",
        "contact_id": ContactId("kauri legal"),
        "contact_name": "Kauri Legal",
        "date": dt.date(2026, 10, 5),
        "due": None,
        "currency": "NZD",
        "net": D(100),
        "tax": D(15),
        "total": D("115.0"),
        "outstanding": D(115),
        "reference": "1085",
        "lines": lines("100.0"),
    }
    return Posted(**(values | changes))


def verdict(found: Posted, wanted: Document | None = None, *, after_sending: bool = False) -> tuple[Verdict, str]:
    finding = Shelf([found]).find(wanted or document(), after_sending=after_sending)
    return finding.verdict, finding.fault.code if finding.fault else ""


def test_an_empty_xero_has_nothing() -> None:
    finding = Shelf([]).find(document())
    assert (finding.verdict, finding.posted, finding.fault) == ("absent", None, None)


# --- by mark ---


def test_our_mark_and_the_same_total_is_ours() -> None:
    assert verdict(posted(mark=MARK)) == ("ours", "")
    assert verdict(posted(mark=MARK, date=dt.date(2026, 11, 1), number="renamed")) == ("ours", "")


@pytest.mark.parametrize(
    "changes",
    [{"total": D("115.01")}, {"currency": "AUD"}, {"contact_id": ContactId("rimu")}, {"kind": "Credit note"}],
    ids=["total", "currency", "contact", "kind"],
)
def test_our_mark_is_ours_whatever_became_of_it(changes: dict[str, Any]) -> None:
    """It was changed on one of the two sides since: told by what differs, and never sent beside it."""
    found = posted(mark=MARK, **changes)
    assert verdict(found) == ("ours", "")
    assert not agrees(document(), found)
    assert unlike(document(), found, is_ours=True)


def test_two_documents_with_one_mark_are_a_fault() -> None:
    finding = Shelf([posted("x1", mark=MARK), posted("x2", mark=MARK)]).find(document())
    assert finding.verdict == "different"
    assert finding.fault is not None
    assert finding.fault.code == "AX-201"
    assert "2 documents" in finding.fault.detail


def test_one_document_read_twice_is_one_document() -> None:
    assert Shelf([posted(mark=MARK), posted(mark=MARK)]).find(document()).verdict == "ours"


def test_another_invoices_mark_is_not_ours() -> None:
    for mark in (MARK.replace("155", "1155"), MARK.replace("155", "15"), MARK + "0"):
        assert verdict(posted(mark=mark)) == ("absent", "")


def test_a_mark_counts_for_more_than_a_number() -> None:
    """The number was given to another document by hand; the mark still tells which one is ours."""
    shelf = Shelf([posted("x1", number="1085", total=D(75)), posted("x2", mark=MARK)])
    finding = shelf.find(document(**NUMBERED))
    assert finding.verdict == "ours"
    assert finding.posted is not None
    assert finding.posted.id == "x2"


@pytest.mark.parametrize(
    ("mark", "wanted"),
    [(MARK, 155), ("https://psa.example/x?a=1&invoice=7", 7), ("https://psa.example/155", None), ("", None)],
)
def test_the_id_in_a_mark(mark: str, wanted: int | None) -> None:
    assert marked_id(posted(mark=mark)) == wanted


# --- by number ---


@pytest.mark.parametrize("number", ["1085", " 1085 ", "INV:155", "inv:155"])
def test_a_number_on_an_equal_document(number: str) -> None:
    assert verdict(posted(number=number, date=dt.date(2026, 1, 1)), document(**NUMBERED)) == ("equal", "")


def test_letters_of_a_number_in_any_case() -> None:
    mine = document(invoice(number="at-1085"), **NUMBERED)
    assert verdict(posted(number="AT-1085", date=dt.date(2026, 1, 1)), mine) == ("equal", "")


@pytest.mark.parametrize("number", ["1085", "INV:155"])
@pytest.mark.parametrize(
    "changes",
    [{"total": D("115.01")}, {"currency": "AUD"}, {"contact_id": ContactId("rimu")}],
    ids=["total", "currency", "contact"],
)
def test_a_number_on_something_else_is_a_fault_that_names_it(number: str, changes: dict[str, Any]) -> None:
    mine, theirs = document(**NUMBERED), posted(number=number, contact_name="Rimu Ltd", **changes)
    finding = Shelf([theirs]).find(mine)
    assert (finding.verdict, finding.posted) == ("different", theirs)
    assert finding.fault is not None
    assert finding.fault.code == "AX-201"
    for word in (number, "Rimu Ltd", str(theirs.total), theirs.currency, "115.00", "Kauri Legal"):
        assert word in finding.fault.detail


def test_the_older_products_number_is_looked_for_in_both_numbering_modes() -> None:
    old = posted(number="INV:155", date=dt.date(2026, 1, 1))
    assert verdict(old) == ("equal", "")
    assert verdict(old, document(use_autotask_numbers="Id")) == ("equal", "")


@pytest.mark.parametrize("numbers", ["No", "Id"])
def test_its_number_in_autotask_is_looked_for_in_every_numbering_mode(numbers: str) -> None:
    """Another tool may have sent it under that number: the same sum waits for a word, and so does another one."""
    ours = document(use_autotask_numbers=numbers)
    assert verdict(posted(number="1085", date=dt.date(2026, 9, 1)), ours) == ("equal", "")
    assert verdict(posted(number="1085", total=D(75)), ours) == ("similar", "")
    assert verdict(posted(number="1085", total=D(75)), ours, after_sending=True) == ("absent", "")


def test_a_number_of_another_customers_document_says_nothing() -> None:
    assert verdict(posted(number="1085", contact_id=ContactId("rimu"), total=D(75))) == ("absent", "")
    assert verdict(posted(number="1085", mark="https://ww1.autotask.net/?invoice=9", total=D(75))) == ("absent", "")


def test_a_document_that_was_not_re_dated_is_found() -> None:
    """``Closed period`` is Re-date: the document from elsewhere bears the invoice's own date."""
    ours = replace(document(), date=dt.date(2026, 11, 1))
    assert verdict(posted(), ours) == ("equal", "")
    assert verdict(posted(date=dt.date(2026, 11, 1)), ours) == ("equal", "")
    assert verdict(posted(), ours, after_sending=True) == ("ours", "")


def test_a_credit_note_of_another_invoice_is_no_likeness() -> None:
    """It bears that one's number: its own answer may just be lost."""
    theirs = posted(kind="Credit note", number="CN-156", mark="")
    known = [AutotaskId(155), AutotaskId(156)]
    assert Shelf([theirs], ids=known).find(credit()).verdict == "absent"
    assert verdict(replace(theirs, number="CN-155"), credit()) == ("ours", "")
    assert verdict(replace(theirs, number="Credit 9"), credit()) == ("equal", "")


@pytest.mark.parametrize("number", ["CN-0001", "CN-0156", "CN-9156"])
def test_xeros_own_numbers_of_credit_notes_are_not_taken_for_ours(number: str) -> None:
    known = [AutotaskId(155), AutotaskId(156), AutotaskId(1)]
    found = Shelf([posted(kind="Credit note", number=number)], ids=known).find(credit())
    assert found.verdict == "equal"


def test_our_number_for_a_credit_note_that_xero_gave_to_somebody_else_is_not_taken() -> None:
    theirs = posted(kind="Credit note", number="CN-155", contact_id=ContactId("rimu"), contact_name="Rimu")
    assert Shelf([theirs]).with_free_number(credit()).number == "CN-155-2"
    assert Shelf([replace(theirs, contact_id=ContactId("kauri legal"))]).with_free_number(credit()).number == "CN-155"


def test_a_voided_invoice_is_found_by_mark_number_or_likeness() -> None:
    gone = invoice(is_voided=True)
    for found, expected in (
        (posted(mark=MARK), "ours"),
        (posted(number="1085"), "equal"),
        (posted(number="INV:155", date=dt.date(2026, 1, 1)), "equal"),
        (posted(contact_name="kauri legal "), "equal"),
        (posted(contact_name="Rimu", contact_id=ContactId("rimu")), "absent"),
        (posted(contact_name="Kauri (new)", contact_id=ContactId("mapped")), "equal"),
        (posted(number="1085", total=D(75)), "absent"),
        (posted(mark=MARK, status="VOIDED"), "absent"),
        (posted(number="1085", mark="https://ww1.autotask.net/?invoice=9"), "absent"),
    ):
        assert (
            Shelf([found]).find_voided(gone, "Invoice", ("1085", "INV:155"), ["Kauri Legal", "mapped"]).verdict
            == expected
        )


def test_our_number_after_sending_is_ours() -> None:
    assert verdict(posted(number="1085"), document(**NUMBERED), after_sending=True) == ("ours", "")
    other = posted(number="1085", total=D(75))
    assert verdict(other, document(**NUMBERED), after_sending=True) == ("different", "AX-201")


def test_our_number_not_there_after_sending_is_certainly_absent() -> None:
    assert verdict(posted(), document(**NUMBERED), after_sending=True) == ("absent", "")


def test_credit_notes_are_found_by_the_number_that_only_we_give() -> None:
    changes: dict[str, Any] = {"kind": "Credit note", "number": "CN-155"}
    assert verdict(posted(**changes), credit()) == ("ours", "")
    assert verdict(posted(**changes), credit(), after_sending=True) == ("ours", "")
    assert verdict(posted(**changes, total=D(5)), credit()) == ("different", "AX-201")


# --- by contact, date and total ---


def test_twins_are_told_apart_by_their_references() -> None:
    """Another tool sent the second of two that agree in everything but the number: it is not taken for the first."""
    first, second = (
        replace(made, header=replace(made.header, number=number))
        for number, made in (("AT-1", document()), ("AT-2", document(invoice(id=AutotaskId(156)))))
        if made.header
    )
    shelf = Shelf([posted(reference="PO 7 / AT-2")])
    assert not shelf.names(first)
    assert shelf.names(second)
    assert shelf.find(second).verdict == "equal"
    assert shelf.find(first).verdict == "absent"


def test_its_number_in_autotask_with_its_sum_under_another_contact_waits() -> None:
    theirs = posted(number="1085", contact_id=ContactId("rimu"), date=dt.date(2026, 1, 1))
    assert verdict(theirs) == ("similar", "")
    assert verdict(replace(theirs, total=D(7))) == ("absent", "")  # a number that Xero gave by chance


def test_the_same_contact_date_and_total_is_equal() -> None:
    assert verdict(posted()) == ("equal", "")
    assert verdict(posted(), document(**NUMBERED)) == ("equal", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"total": D("115.01")},
        {"date": dt.date(2026, 10, 6)},
        {"currency": "AUD"},
        {"contact_id": ContactId("rimu")},
        {"kind": "Credit note"},
    ],
    ids=["total", "date", "currency", "contact", "kind"],
)
def test_anything_that_differs_is_another_sale(changes: dict[str, Any]) -> None:
    assert verdict(posted(reference="", **changes)) == ("absent", "")


def test_what_names_the_invoice_is_found_whatever_its_date() -> None:
    re_dated = posted(date=dt.date(2026, 10, 6), reference="PO 7 / 1085")
    assert verdict(re_dated) == ("equal", "")
    assert verdict(re_dated, after_sending=True) == ("absent", "")  # ours would bear its own date


def test_after_a_lost_answer_it_is_ours_if_the_lines_agree() -> None:
    assert verdict(posted(), after_sending=True) == ("ours", "")
    assert verdict(posted(lines=()), after_sending=True) == ("ours", "")
    assert verdict(posted(lines=lines("60", "40")), after_sending=True) == ("absent", "")


def test_identical_twins_after_a_lost_answer_get_a_document_each() -> None:
    """Same customer, day and amount twice: two sales, two documents, and a third one is absent."""
    shelf = Shelf([posted("x1"), posted("x2")])
    findings = [shelf.find(document(invoice(id=AutotaskId(number))), after_sending=True) for number in (155, 156, 157)]
    assert [finding.verdict for finding in findings] == ["ours", "ours", "absent"]
    assert {finding.posted.id for finding in findings if finding.posted} == {"x1", "x2"}


def test_twins_before_sending_get_a_document_each() -> None:
    shelf = Shelf([posted("x1")])
    assert [shelf.find(document(invoice(id=AutotaskId(number)))).verdict for number in (155, 156)] == [
        "equal",
        "absent",
    ]


# --- whose it is ---


def test_a_document_of_another_invoice_is_nobody_elses() -> None:
    assert Shelf([posted()], taken=["x1"]).find(document()).verdict == "absent"
    assert Shelf([posted("x1"), posted("x2")], taken=["x1"]).find(document()).posted == posted("x2")


@pytest.mark.parametrize("after_sending", [False, True])
@pytest.mark.parametrize("number", ["1085", "INV:155"])
def test_a_number_on_a_document_of_another_invoice_is_taken(number: str, *, after_sending: bool) -> None:
    """By the ledger it belongs to another invoice: taken over a second time, one of the two sales would be lost."""
    finding = Shelf([posted(number=number)], taken=["x1"]).find(document(**NUMBERED), after_sending=after_sending)
    assert (finding.verdict, finding.fault.code if finding.fault else "") == ("different", "AX-201")


def test_a_number_on_a_document_with_another_invoices_mark_is_taken() -> None:
    """The ledger may be new; the mark still says whose document it is."""
    theirs = posted(number="1085", mark=MARK.replace("155", "154"))
    assert verdict(theirs, document(**NUMBERED)) == ("different", "AX-201")


def test_a_document_that_bears_another_invoices_mark_is_not_found_by_its_sums() -> None:
    assert verdict(posted(mark=MARK.replace("155", "154"))) == ("absent", "")


@pytest.mark.parametrize("status", ["DELETED", "VOIDED"])
@pytest.mark.parametrize("changes", [{"number": "1085"}, {"number": "INV:155"}, {}])
def test_dead_documents_that_are_not_ours_are_passed_over(status: str, changes: dict[str, Any]) -> None:
    assert verdict(posted(status=status, **changes), document(**NUMBERED)) == ("absent", "")


@pytest.mark.parametrize("status", ["DELETED", "VOIDED"])
def test_what_a_person_deleted_is_gone_and_not_absent(status: str) -> None:
    """By our mark, by the number of ours of a credit note, or after sending by our number; unless it was let go of."""
    marked = posted(status=status, mark=MARK)
    assert verdict(marked) == ("gone", "")
    assert verdict(marked, after_sending=True) == ("gone", "")
    numbered = posted(status=status, number="1085")
    assert verdict(numbered, document(**NUMBERED), after_sending=True) == ("gone", "")
    noted = posted(status=status, kind="Credit note", number="CN-155")
    assert verdict(noted, replace(credit(), number="CN-155-2")) == ("gone", "")
    assert Shelf([marked], released=[marked.id]).find(document()).verdict == "absent"
    alive = posted("x2", mark=MARK)
    assert Shelf([marked, alive]).find(document()).posted == alive


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "AUTHORISED", "PAID"])
def test_live_documents_count(status: str) -> None:
    assert verdict(posted(status=status, mark=MARK)) == ("ours", "")


def test_to_the_cent() -> None:
    assert agrees(document(), posted(total=D("115.0000")))
    assert not agrees(document(), posted(total=D("114.99")))
