"""What the workbook's buttons ask for: each request ends in one of the verbs, and in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from filelock import FileLock

from agent.asked import answer, words
from agent.domain.invoice import AutotaskId
from agent.errors import PlainError
from agent.inbox import ON_INVOICES, VERBS, Request
from agent.pretend.troubles import Trouble
from agent.projecting import project_all
from agent.verbs import Told, create_in_xero, never_send, reasons, resync, use_suggested
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


@pytest.mark.parametrize("verb", sorted(VERBS - {"connect-autotask", "connect-xero", "refresh"}))
def test_every_button_tells_what_is_under_way(practice: Practice, verb: str) -> None:
    invoice = rata(practice, "Rata Café")
    practice.sync()
    if verb == "send-again":
        practice.cloud.xero.add_contact("Rata Cafe")
        practice.sync()
        voided(practice, invoice)
    desk = practice.desk()
    heard: list[str] = []
    desk.tell = heard.append
    chosen = (AutotaskId(invoice),) if verb in ON_INVOICES | {"send-these"} else ()
    answer(desk, Request(NAME, verb, chosen, "AX-105" if "fault" in verb else "", "", datetime.now(UTC)))
    assert heard


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


# --- what can be done is done, and the rest is told ---


def test_never_send_takes_what_it_can_and_names_the_rest(practice: Practice) -> None:
    done = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    open_ = [rata(practice), practice.world.invoice("Rata Cafe", [support("3")])]
    practice.sync()
    number = practice.rows()[done]["number"]
    told = ask(practice, "never-send", done, *open_, 4711)
    assert {practice.rows()[item]["status"] for item in open_} == {"Never send"}
    assert practice.rows()[done]["status"] == "Synced"
    assert f"{number} is in Xero already, as INV-0001. Void or delete it there" in told
    assert "No invoice has the Autotask id 4711." in told
    with pytest.raises(PlainError, match=f"{number} is in Xero already") as caught:
        ask(practice, "never-send", done)
    assert caught.value.exit_code == 2


def voided(practice: Practice, *invoices: int) -> None:
    """Someone voids their documents in Xero, and the agent has seen it."""
    numbers = [practice.rows()[item]["xero_number"] for item in invoices]
    for document in practice.cloud.xero.documents():
        if document.number in numbers:
            document.status, document.updated = "VOIDED", datetime.now(UTC)
    practice.desk().ledger.remember(watched="2020-01-01T00:00:00+00:00")
    practice.sync(is_asked=True)
    assert {practice.rows()[item]["status"] for item in invoices} == {"Voided"}


def test_send_again_takes_what_is_voided_and_names_the_rest(practice: Practice) -> None:
    first, live, last = (practice.world.invoice("Kauri Legal", [support(str(n))]) for n in (1, 2, 3))
    practice.sync()
    voided(practice, first, last)
    told = ask(practice, "send-again", first, live, last)
    assert {row["status"] for row in practice.rows().values()} == {"Synced"}
    assert f"{practice.rows()[live]['number']} is in Xero as INV-0002; sending it again would make two." in told


def test_what_is_voided_in_xero_is_said_to_be(practice: Practice) -> None:
    invoice = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    voided(practice, invoice)
    number = practice.rows()[invoice]["number"]
    place = "voided or deleted in Xero"
    again = f"{number} is {place}, where it was INV-0001. Send again makes a new one."
    assert ask(practice, "resync", invoice) == again
    with pytest.raises(PlainError, match=f"{number} is {place} already"):
        ask(practice, "never-send", invoice)


def test_of_many_that_cannot_be_done_the_first_are_named() -> None:
    left = [Told(None, str(number), "", f"{number} is none.", is_done=False) for number in range(5)]
    assert reasons(left).startswith("0 is none. 1 is none. 2 is none. 2 others could not be done either")


def test_what_is_asked_for_waits_for_a_sync_under_way(practice: Practice) -> None:
    """That one would write over it; and by what it did the answer goes."""
    practice.set(Sync_mode="Preview")
    first = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.set(Sync_mode="Live")
    lock = FileLock(practice.home / "agent.lock")
    lock.acquire()
    desk = practice.desk()
    desk.patience = 60
    heard = []

    def hear(text: str) -> None:
        heard.append(text)
        lock.release()
        practice.sync()

    desk.tell = hear
    with pytest.raises(PlainError, match="is in Xero already"):
        never_send(desk, ids(first), "paid in cash")
    assert heard == ["Waiting for another sync to end"]
    assert practice.rows()[first]["status"] == "Synced"


def test_settings_that_were_changed_during_the_wait_count(practice: Practice) -> None:
    """Somebody sets Preview while a Resync waits for a sync under way: nothing is sent by the older setting."""
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    lock = FileLock(practice.home / "agent.lock")
    lock.acquire()
    desk = practice.desk()
    desk.patience = 60
    assert desk.settings.sync_mode == "Live"

    def hear(text: str) -> None:
        if lock.is_locked:
            assert text == "Waiting for another sync to end"
            practice.set(Sync_mode="Preview")
            lock.release()

    desk.tell = hear
    resync(desk, ids(number))
    assert practice.posts() == 0


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


@pytest.mark.parametrize("verb", ["use-suggested", "create-in-xero"])
def test_all_invoices_of_the_customer_are_tried_again(practice: Practice, verb: str) -> None:
    """Also those that are not selected, and those that failed three times."""
    first = rata(practice, "Rata Cafe Limited")
    other = practice.world.invoice("Rata Cafe", [support("3")])
    for _ in range(3):
        practice.sync()
    ask(practice, verb, first)
    assert [practice.rows()[item]["status"] for item in (first, other)] == ["Synced", "Synced"]


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
