"""A credit note is used for an invoice only when a person says so, and never twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agent.crediting import allocate, find_credit
from agent.errors import StopError
from agent.pretend.troubles import Trouble
from agent.pretend.xero_payments import delete_allocation
from tests.support import Practice, support


@pytest.fixture
def pair(practice: Practice) -> tuple[str, str]:
    """The numbers of an approved credit note over 552.00 and an approved invoice over 333.50, in Xero."""
    practice.type_settings({"Invoice status in Xero": "Approved", "Use Autotask Numbers": "Number"})
    practice.world.invoice("Kauri Legal", [support()], number="AT-1")
    refund = practice.world.invoice("Kauri Legal", [support("1", "-480")], number="AT-2")
    practice.sync()
    return f"CN-{refund}", "AT-1"


def used(practice: Practice) -> list[Decimal]:
    return [item.amount for item in practice.cloud.xero.organisation.allocations.values()]


def test_nothing_is_used_unasked(practice: Practice, pair: tuple[str, str]) -> None:
    practice.sync(is_asked=True)
    assert used(practice) == []
    done = practice.command("allocate", *pair, "--workbook", str(practice.workbook), "--json")
    assert done.returncode == 2
    assert "--yes" in done.stdout
    assert used(practice) == []


def test_as_much_as_both_allow_is_used(practice: Practice, pair: tuple[str, str]) -> None:
    answer = practice.ask("allocate", *pair, "--yes")
    assert "333.50" in answer["message"]
    assert used(practice) == [Decimal("333.50")]
    shown = {row["Number"]: row["Outstanding"] for row in practice.table("Invoices")}
    assert shown == {"AT-1": 0, "AT-2": -218.5}
    practice.sync()
    told = [
        note.details for item in practice.cloud.xero.documents() for note in item.history if "333.50" in note.details
    ]
    assert len([note for note in told if note.startswith("AutoXero used")]) == 1
    again = practice.ask("allocate", *pair, "--yes")
    assert "only approved documents" in again["error"]["message"]
    assert used(practice) == [Decimal("333.50")]


@pytest.mark.parametrize("kind", ["cut_after", "cut_before"])
def test_a_lost_answer_never_uses_it_twice(practice: Practice, pair: tuple[str, str], kind: str) -> None:
    practice.cloud.troubles.add(Trouble(kind, path_contains="/Allocations", times=4))
    with pytest.raises(StopError, match="looked up") as lost:
        allocate(find_credit(practice.desk(), *pair, "100"))
    assert lost.value.exit_code == 69
    practice.ask("allocate", *pair, "--amount", "233.50", "--yes")
    assert sum(used(practice)) == (Decimal("333.50") if kind == "cut_after" else Decimal("233.50"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--amount", "400"], "cannot be used"),
        (["--amount", "0"], "cannot be used"),
        (["--amount", "much"], "is no amount"),
        (["--amount", "NaN"], "is no amount"),
        (["--amount", "1e30"], "is no amount"),
    ],
)
def test_too_much_is_refused_in_words(practice: Practice, pair: tuple[str, str], more: list[str], words: str) -> None:
    answer = practice.ask("allocate", *pair, *more, "--yes")
    assert words in answer["error"]["message"]
    assert used(practice) == []


def test_the_wrong_way_round_is_refused_in_words(practice: Practice, pair: tuple[str, str]) -> None:
    answer = practice.ask("allocate", pair[1], pair[0], "--yes")
    assert "Name the credit note first" in answer["error"]["next_step"]


def test_a_lost_answer_is_not_misread_when_someone_uses_the_rest(practice: Practice, pair: tuple[str, str]) -> None:
    """The answer was lost, then the accountant used 50 for another invoice: what we used is still known as used."""
    other = practice.world.invoice("Kauri Legal", [support("1")], number="AT-3")
    practice.sync()
    practice.cloud.troubles.add(Trouble("cut_after", path_contains="/Allocations", times=4))
    with pytest.raises(StopError):
        allocate(find_credit(practice.desk(), *pair, "100"))
    practice.cloud.xero.credit(pair[0], str(practice.rows()[other]["xero_invoice_id"]), "50")
    answer = practice.ask("allocate", *pair, "--amount", "233.50", "--yes")
    assert "was used" in answer["message"]
    assert sorted(used(practice)) == [Decimal(50), Decimal(100), Decimal("233.50")]


def test_two_uses_of_one_amount_leave_two_notes(practice: Practice, pair: tuple[str, str]) -> None:
    """Within the minutes in which Xero would take the second note for a repetition of the first."""
    for _ in range(2):
        allocate(find_credit(practice.desk(), *pair, "100"))
    practice.sync()
    assert used(practice) == [Decimal(100), Decimal(100)]
    told = [note.details for item in practice.cloud.xero.documents() for note in item.history if "used" in note.details]
    assert len(set(told)) == 2


def test_what_was_undone_in_xero_can_be_used_again_at_once(practice: Practice, pair: tuple[str, str]) -> None:
    """Within the minutes in which Xero would answer the same request as it did the first time, and do nothing."""
    allocate(find_credit(practice.desk(), *pair, "50"))
    for allocation in list(practice.cloud.xero.organisation.allocations.values()):
        delete_allocation(practice.cloud.xero.books(), allocation)
    allocate(find_credit(practice.desk(), *pair, "50"))
    assert used(practice) == [Decimal(50)]
