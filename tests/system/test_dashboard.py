"""The Dashboard after real syncs: what matters, with counts, values and since when; and lists to choose from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import openpyxl
import pytest

from agent import verbs
from agent.pretend.troubles import Trouble
from tests.support import Practice, support
from workbook import layout


def named(practice: Practice) -> dict[str, Any]:
    """What the named cells of the workbook show."""
    book = openpyxl.load_workbook(practice.workbook, data_only=True)
    found = {}
    for name, place in book.defined_names.items():
        if name.startswith("AutoXero"):
            sheet, _, cell = (place.attr_text or "").rpartition("!")
            found[name] = book[sheet.strip("'")][cell.replace("$", "")].value
    return found


@pytest.fixture
def shown(practice: Practice) -> dict[str, Any]:
    """An office with a draft, an approved credit note, one skipped, and one that fails."""
    world = practice.world
    world.invoice("Kauri Legal", [support()])
    credit = world.invoice("Kauri Legal", [support("-1")])
    world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.cloud.autotask.void(world.invoice("Kauri Legal", [support("9")]))
    practice.sync()
    practice.cloud.xero.change(str(practice.rows()[credit]["xero_invoice_id"]), status="AUTHORISED")
    practice.sync(is_asked=True)
    return named(practice)


def test_counts_and_values_of_what_matters(practice: Practice, shown: dict[str, Any]) -> None:
    """Drafts, faults, what was skipped: how many, and what they are worth in the books' currency."""
    assert shown[layout.BASE_NAME] == shown[layout.currency_name(1)] == "NZD"
    assert (shown[layout.DRAFTS_NAME], shown[layout.value_name("Drafts not yet approved", 1)]) == (1, 333.5)
    assert (shown[layout.FAULTS_NAME], shown[layout.value_name("Open faults", 1)]) == (1, 333.5)
    assert shown[layout.ALL_NAME] == len(practice.table("Invoices"))
    skipped = [row for row in practice.table("Invoices") if row["Status"] == "Skipped"]
    assert shown[layout.count_name("Skipped")] == len(skipped)
    assert shown[layout.value_name("Skipped", 1)] == sum(row["Total"] for row in skipped)


def test_money_comes_in_with_invoices_and_goes_out_with_credit_notes(shown: dict[str, Any]) -> None:
    assert shown[layout.sum_name(1, "In")] == 333.5
    assert shown[layout.sum_name(1, "Out")] == -166.75
    assert shown[layout.heading_name("Out", 1)] == "NZD out"


def test_what_is_broken_and_since_when(practice: Practice, shown: dict[str, Any]) -> None:
    """Words for people, and a moment that formulas can count with."""
    assert shown["AutoXeroBroken"].startswith("1 invoice, NZD 333.50, the oldest since ")
    assert shown["AutoXeroBroken"].endswith("AX-109 No Xero account for billing code (1)")
    since = shown[layout.since_name("Retrying")]
    assert isinstance(since, datetime)
    assert since == practice.table("Faults")[0]["Since"]
    assert shown["AutoXeroWaits"] == "Nothing"
    assert shown[layout.since_name("Waiting")] is None


def test_it_says_in_red_that_nobody_is_told(practice: Practice, shown: dict[str, Any]) -> None:
    assert shown["AutoXeroAlerted"].startswith("Nobody")
    assert shown["AutoXeroMail"] == "Nobody is told"
    practice.type_settings({"Alert these people": "ann@example.com", "Unmapped billing code": "Use default",
                            "Default sales account": "200"})  # fmt: skip
    practice.sync()
    assert named(practice)["AutoXeroAlerted"] == "ann@example.com"


def test_all_is_well_but_nobody_would_be_told(practice: Practice) -> None:
    """Where nothing else is to be done, the next step is to name someone."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    assert "nobody is told when something fails" in named(practice)["AutoXeroNextStep"]
    practice.type_settings({"Alert these people": "ann@example.com"})
    practice.sync()
    assert named(practice)["AutoXeroNextStep"] == "Nothing to do."


def test_every_drop_down_has_its_list(practice: Practice) -> None:
    """Accounts, tax rates, currencies, contacts, themes, tracking, billing codes, tax regions: mapping is choosing."""
    practice.cloud.xero.add_tracking("Region", "North", "South")
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    sheet = openpyxl.load_workbook(practice.workbook)[layout.LISTS_SHEET]
    lists = {column[0].value: [cell.value for cell in column[1:] if cell.value] for column in sheet.iter_cols()}
    assert all(lists[name] for name in layout.LIST_NAMES)
    assert "200 · Sales" in lists["Accounts"]
    assert lists["BillingCodes"][0] == "(no billing code)"
    assert "NZ GST" in lists["TaxRegions"]
    assert lists["TrackingOptions"] == ["North", "South"]


def test_no_right_to_read_tax_regions_stops_nothing(practice: Practice) -> None:
    """Only a drop-down needs them."""
    practice.cloud.troubles.add(Trouble("403", system="autotask", path_contains="TaxRegions"))
    practice.world.invoice("Kauri Legal", [support()])
    assert practice.sync().created == 1


def test_a_preview_shows_credit_notes_negative(practice: Practice) -> None:
    """As all other sheets do, so that columns can be added up."""
    practice.world.invoice("Kauri Legal", [support("-1")])
    practice.sync(dry_run=True)
    (row,) = practice.table("Preview")
    assert (row["Action"], row["Type"], row["Net"], row["Tax"], row["Total"]) == (
        "Send", "Credit note", -145, -21.75, -166.75,
    )  # fmt: skip


def test_the_last_test_stands_there_line_by_line(practice: Practice) -> None:
    """The same lines as in the terminal, what is wrong first; and what finds no room is counted."""
    practice.world.invoice("Kauri Legal", [support()])
    found = verbs.test(practice.desk())
    shown = named(practice)
    lines = [
        tuple(shown[layout.check_name(line, part)] for part in layout.CHECK_PARTS) for line in range(1, layout.CHECKS)
    ]
    bad = [check for check in found if check.light == "bad"]
    assert bad
    for check, (name, light, text) in zip(bad, lines, strict=False):
        assert (name, light) == (check.name, "PROBLEM")
        assert text == f"{check.message} {check.next_step}".strip()
    lights = [light for _, light, _ in lines if light]
    assert lights == sorted(lights, key=["PROBLEM", "WARNING", "OK"].index)
    assert f"{len(bad)} problem" in shown[layout.TESTED_NAME]
    last = shown[layout.check_name(layout.CHECKS, "Text")]
    if len(found) > layout.CHECKS:
        assert last == f"And {len(found) - layout.CHECKS + 1} lines more: run “autoxero test” to see them all."


def test_further_currencies_are_told(practice: Practice) -> None:
    """Three have columns; the money of the others is not left out without a word."""
    practice.type_settings({"Other currencies": "Allow"})
    for currency, count in (("AUD", 3), ("EUR", 2), ("USD", 1)):
        if currency == "USD":
            practice.world.codes.currency["USD"] = practice.cloud.autotask.add(
                "Currencies", name="USD", exchangeRate="0.6"
            )
        practice.world.company(f"{currency} Ltd", currency)
        for _ in range(count):
            practice.world.invoice(f"{currency} Ltd", [support()], region="")
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    shown = named(practice)
    assert {shown[layout.currency_name(place)] for place in (1, 2, 3)} == {"NZD", "AUD", "EUR"}
    assert shown[layout.OTHERS_NAME].startswith("And in other currencies: USD ")
    assert shown[layout.OTHERS_NAME].endswith(" (1)")
