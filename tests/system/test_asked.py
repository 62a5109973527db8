"""What the workbook's buttons ask for: each request ends in one of the verbs, and in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.asked import answer, words
from agent.domain.invoice import AutotaskId
from agent.errors import PlainError
from agent.inbox import ON_INVOICES, VERBS, Request
from agent.pretend.troubles import Trouble
from agent.projecting import project_all
from agent.verbs import create_in_xero, never_send, use_suggested
from tests.support import Practice, support

NAME = "0b5e7a0e-6a43-4d4b-8d63-2a7c5c1f9a10"


def ask(practice: Practice, verb: str, *ids: int, fault: str = "") -> str:
    """The answer to a button, given as a fresh process would."""
    request = Request(NAME, verb, tuple(AutotaskId(item) for item in ids), fault, "", datetime.now(UTC))
    return answer(practice.desk(), request)


def ids(*numbers: int) -> list[AutotaskId]:
    return [AutotaskId(number) for number in numbers]


def in_books(practice: Practice) -> list[str]:
    """The names of Xero's contacts."""
    return [contact.name for contact in practice.cloud.xero.organisation.contacts.values()]


def rata(practice: Practice, *alike: str) -> int:
    """An invoice of a company that Xero does not have, and what Xero has instead."""
    practice.world.company("Rata Cafe", in_xero=False)
    for name in alike:
        practice.cloud.xero.add_contact(name)
    return practice.world.invoice("Rata Cafe", [support()])


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_button_gets_a_sentence(practice: Practice, verb: str) -> None:
    invoice = rata(practice, "Rata Café")
    practice.sync()
    try:
        told = ask(
            practice, verb, *([invoice] if verb in ON_INVOICES else []), fault="AX-105" if "fault" in verb else ""
        )
    except PlainError as error:
        told = str(error)
        assert "send" in verb or verb == "connect-xero"  # nothing waits; a custom connection has no browser
    assert told.strip().endswith((".", "”"))
    assert words(verb)[0].isupper()
    assert "-" not in words(verb)


def test_an_id_is_never_taken_for_another_invoices_number(practice: Practice) -> None:
    """Invoice A bears as its number the id of invoice B."""
    b = practice.world.invoice("Kauri Legal", [support()])
    a = practice.world.invoice("Kauri Legal", [support("3")], number=str(b))
    practice.set(Sync_mode="Preview")
    practice.sync()
    ask(practice, "never-send", b)
    assert {key: row["status"] for key, row in practice.rows().items()} == {a: "Waiting", b: "Never send"}


def test_an_id_that_the_agent_does_not_know_is_told(practice: Practice) -> None:
    with pytest.raises(PlainError, match="No invoice has the Autotask id 99999"):
        ask(practice, "resync", 99999)


def test_many_answers_are_counted(practice: Practice) -> None:
    rata(practice)
    made = [practice.world.invoice("Rata Cafe", [support(str(n + 2))]) for n in range(9)]
    practice.sync()
    assert ask(practice, "resync", *made) == "9 invoices: 9 Retrying. The sheet Invoices shows each of them."


# --- use suggested contact -------------------------------------------------------------------------------------------


def test_the_suggested_contact_is_taken_and_stands_in_the_workbook(practice: Practice) -> None:
    invoice = rata(practice, "Rata Cafe Limited")
    practice.sync()
    assert practice.codes()[invoice] == "AX-105"
    told = ask(practice, "use-suggested", invoice)
    assert "is in Xero as" in told
    assert practice.rows()[invoice]["status"] == "Synced"
    (row,) = [row for row in practice.table("ContactMap") if row["Xero contact"]]
    assert (row["Company id"], row["Xero contact"]) == (practice.world.companies["Rata Cafe"], "Rata Cafe Limited")
    assert practice.desk().ledger.fact("contact_choices") == "{}"


def test_the_suggested_contact_counts_though_the_workbook_is_open(practice: Practice) -> None:
    """It is written into the sheet once it can be; what the accountant typed there meanwhile is kept."""
    first = rata(practice, "Rata Cafe Limited")
    practice.world.company("Tui Bakery", in_xero=False)
    practice.cloud.xero.add_contact("Tui Bakery Limited")
    second = practice.world.invoice("Tui Bakery", [support()])
    practice.sync()
    owner = practice.workbook.with_name(f"~${practice.workbook.name}")
    owner.write_bytes(b"\x04Anna" + b"\0" * 160)
    report, _ = use_suggested(practice.desk(), ids(first, second))
    assert report.created == 2
    assert not [row for row in practice.table("ContactMap") if row["Xero contact"]]
    assert practice.desk().reading.mappings.contact(practice.world.companies["Rata Cafe"]) is not None
    owner.unlink()
    practice.map("ContactMap", "Xero contact", (str(practice.world.companies["Tui Bakery"]),), "Kauri Legal")
    assert project_all(practice.desk()) == []
    shown = {row["Company id"]: row["Xero contact"] for row in practice.table("ContactMap") if row["Xero contact"]}
    assert shown == {
        practice.world.companies["Rata Cafe"]: "Rata Cafe Limited",
        practice.world.companies["Tui Bakery"]: "Kauri Legal",
    }


def test_a_suggestion_that_is_not_clear_is_not_taken(practice: Practice) -> None:
    invoice = rata(practice, "Rata Cafe North", "Rata Cafe South")
    practice.sync()
    with pytest.raises(PlainError, match="no suggestion is clear") as caught:
        use_suggested(practice.desk(), ids(invoice))
    assert "Rata Cafe North" in str(caught.value)
    assert practice.in_xero() == {}


def test_only_what_lacks_a_contact_is_given_one(practice: Practice) -> None:
    invoice = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    for verb in (use_suggested, create_in_xero):
        with pytest.raises(PlainError, match="None of these invoices lacks a contact"):
            verb(practice.desk(), ids(invoice))


# --- create in Xero --------------------------------------------------------------------------------------------------


def test_creates_the_contact_for_these_companies_only(practice: Practice) -> None:
    """Although “Create missing contacts” is No, and stays so."""
    invoice = rata(practice)
    practice.world.company("Tui Bakery", in_xero=False)
    other = practice.world.invoice("Tui Bakery", [support()])
    practice.sync()
    told = ask(practice, "create-in-xero", invoice)
    assert "is in Xero as" in told
    assert practice.codes() == {invoice: "", other: "AX-105"}
    names = in_books(practice)
    assert names.count("Rata Cafe") == 1
    assert "Tui Bakery" not in names


def test_a_lost_answer_makes_no_second_contact(practice: Practice) -> None:
    invoice = rata(practice)
    practice.sync()
    practice.cloud.troubles.add(Trouble("cut_after", system="xero", method="PUT", path_contains="Contacts"))
    ask(practice, "create-in-xero", invoice)
    assert in_books(practice).count("Rata Cafe") == 1
    assert practice.rows()[invoice]["status"] == "Synced"


def test_does_not_create_what_differs_only_in_spelling(practice: Practice) -> None:
    invoice = rata(practice, "RATA CAFE")
    practice.sync()
    report, _ = create_in_xero(practice.desk(), ids(invoice))
    assert "Rata Cafe was not created." in " ".join(report.problems)
    assert "RATA CAFE" in " ".join(report.problems)
    assert practice.codes()[invoice] == "AX-105"


@pytest.mark.parametrize("setting", [{"Sync mode": "Preview"}, {"Paused": "Yes"}])
def test_creates_nothing_in_preview_or_while_paused(practice: Practice, setting: dict[str, str]) -> None:
    invoice = rata(practice)
    practice.sync()
    practice.type_settings(setting)
    before = practice.cloud.count()
    with pytest.raises(PlainError, match="Nothing was created"):
        create_in_xero(practice.desk(), ids(invoice))
    assert practice.cloud.count() == before


def test_never_send_takes_ids(practice: Practice) -> None:
    invoice = rata(practice)
    practice.sync()
    (told,) = never_send(practice.desk(), ids(invoice), "paid in cash")
    assert told.status == "Never send"
