"""Suggestions for mapping rows: what fits, and why; nothing where nothing does."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from agent.domain.books import Account, TaxRate
from agent.domain.mappings import NO_TAX, AccountRow, ContactRow, Mappings, TaxRow, TrackingRow
from agent.domain.problems import Problem
from agent.domain.settings import Settings
from agent.domain.suggest import account_for, lacking, nearest, tax_rate_for, usual_account
from tests.unit.domain.builders import books

ACCOUNTS = (
    Account("090", "Bank", takes_sales=False),
    Account("210", "Hardware sales"),
    Account("200", "Sales"),
    Account("220", "Managed services"),
    Account("280", "Remote Support", is_active=False),
    Account("400", "Consulting", is_income=False),
)
RATES = (
    TaxRate("INPUT2", "15% GST on Expenses", Decimal(15)),
    TaxRate("TAX001", "Northland special rate", Decimal(15)),
    TaxRate("OUTPUT2", "15% GST on Income", Decimal(15)),
    TaxRate("OUTPUT", "GST on Income 12.5%", Decimal("12.5"), is_active=False),
    TaxRate("NONE", "No GST", Decimal(0)),
    TaxRate("ZERORATED", "Zero Rated", Decimal(0)),
    TaxRate("EXEMPTOUTPUT", "Exempt Income", Decimal(0)),
)


def test_the_usual_account_is_the_one_called_sales() -> None:
    assert usual_account(ACCOUNTS).target == "200"
    assert usual_account(ACCOUNTS[:2]).target == "210"
    assert usual_account((Account("260", "Fees"),)).target == "260"
    assert usual_account(ACCOUNTS[:1]).target == ""


@pytest.mark.parametrize(
    ("code", "default", "target", "why"),
    [
        ("Managed Services", "200", "220", "the names are alike"),
        ("Sales - Hardware", "200", "210", "the names are alike"),
        ("Remote Support", "200", "200", "your default sales account"),
        ("Consulting", "200", "200", "your default sales account"),
        ("Remote Support", "", "", "no default"),
        ("Remote Support", "999", "", "no default"),
    ],
)
def test_an_account_is_suggested_by_name_else_the_default_one(code: str, default: str, target: str, why: str) -> None:
    """Neither archived accounts nor those for costs are suggested."""
    found = account_for(code, ACCOUNTS, default)
    assert found.target == target
    assert why in found.why


@pytest.mark.parametrize(
    ("region", "category", "used", "is_taxed", "target"),
    [
        ("NZ GST", "Standard", {"15.0": 9}, True, "OUTPUT2"),
        ("NZ GST", "Standard", {"15.0": 2, "0.0": 9}, True, "OUTPUT2"),
        ("Northland special rate", "Standard", {"15.0": 1}, True, "TAX001"),
        ("Overseas", "Exempt", {"0.0": 3}, False, "ZERORATED"),
        ("NZ GST", NO_TAX, {"0.0": 3}, True, "NONE"),
        ("NZ GST", NO_TAX, {}, True, "NONE"),
        ("Old", "Standard", {"12.5": 3}, True, ""),
        ("New", "Standard", {}, True, ""),
    ],
)
def test_a_tax_rate_is_suggested_by_the_per_cent_that_invoices_bear(
    region: str,
    category: str,
    used: dict[str, int],
    is_taxed: bool,  # noqa: FBT001
    target: str,
) -> None:
    """Neither deleted rates nor those for purchases are suggested."""
    counted = Counter({Decimal(percent): count for percent, count in used.items()})
    found = tax_rate_for(region, category, counted, RATES, is_region_taxed=is_taxed)
    assert found.target == target
    assert found.why


def test_what_would_fit_too_is_told() -> None:
    found = tax_rate_for("NZ GST", "Standard", Counter({Decimal(15): 1}), RATES, is_region_taxed=True)
    assert found.why == "15 % on its lines; Northland special rate would fit too"


# --- what Xero does not have ---


NOTHING = Mappings()
OFFERED = books(
    accounts=ACCOUNTS,
    tax_rates=RATES,
    branding_themes=(("a", "Standard"), ("b", "Very orange")),
    tracking=(("Region", "North", "1", "2"),),
)


def found_lacking(mappings: Mappings = NOTHING, /, **chosen: Any) -> dict[str, Problem]:
    """The problems by where they are."""
    return {problem.where: problem for problem in lacking(Settings(**chosen), mappings, OFFERED)}


def test_what_xero_has_is_no_problem() -> None:
    mappings = Mappings(
        (AccountRow("A", "", "200 - Sales"), AccountRow("B", "", "Managed services")),
        (TaxRow("NZ", "", "15 % gst on income"),),
        (ContactRow(7, "", "Kauri Legal", ""),),
        (TrackingRow("A", "", "region", "NORTH"),),
    )
    assert found_lacking(mappings, default_account="sales", rounding_account="090", currency="aud",
                         default_tax_rate="Zero rated", branding_theme="very orange") == {}  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "where", "stops", "words"),
    [
        (
            {"default_account": "9999"},
            "Default sales account",
            "everything",
            "no account 9999. It has 210 ·",
        ),
        ({"default_account": "Hardware"}, "Default sales account", "everything", "Nearest: 210 · Hardware sales"),
        ({"default_account": "280"}, "Default sales account", "everything", "280: Remote Support is archived."),
        ({"default_account": "090"}, "Default sales account", "everything", "090 Bank takes no sales in Xero."),
        ({"rounding_account": "8888"}, "Rounding account", "everything", "no account 8888."),
        ({"default_tax_rate": "OUTPUT3"}, "Default tax rate", "everything", "15% GST on Income (OUTPUT2)"),
        ({"default_tax_rate": "OUTPUT"}, "Default tax rate", "everything", "GST on Income 12.5% is deleted. Nearest: "),
        ({"currency": "XXX"}, "Currency", "everything", "does not have XXX. It has AUD, NZD."),
        ({"branding_theme": "Green"}, "Branding theme", "nothing", "It has Standard, Very orange."),
    ],
)
def test_a_setting_that_xero_lacks(chosen: dict[str, Any], where: str, stops: str, words: str) -> None:
    """What is wrong, what is nearest, and what it stops."""
    ((name, problem),) = found_lacking(**chosen).items()
    assert (name, problem.table, problem.key, problem.stops) == (where, "Settings", (where,), stops)
    assert problem.by_lists
    assert words in problem.message


def test_mapping_rows_that_xero_lacks_stop_their_invoices() -> None:
    found = found_lacking(
        Mappings(
            (AccountRow("A", "Labor", "220 services"),),
            (TaxRow("NZ", "", "15% GST on Incom"),),
            (ContactRow(7, "", "Kauri Legl", ""), ContactRow(8, "", "", "no-such-id")),
            (TrackingRow("A", "", "Region", "Nort"),),
        )
    )
    assert "Nearest: 220 · Managed services" in found["AccountMap: A · Labor"].message
    assert "Nearest: 15% GST on Income (OUTPUT2)" in found["TaxMap: NZ"].message
    assert "Nearest in Xero: Kauri Legal" in found["ContactMap: 7"].message
    assert "“no-such-id”" in found["ContactMap: 8"].message
    assert "Nearest: Region: North" in found["TrackingMap: A"].message
    assert {name.split(":")[0]: problem.stops for name, problem in found.items()} == {
        "AccountMap": "its invoices", "TaxMap": "its invoices", "ContactMap": "its invoices", "TrackingMap": "nothing",
    }  # fmt: skip


def test_the_nearest_of_many_else_all_of_few_else_the_usual_one() -> None:
    many = [f"{number} · Rent" for number in range(400, 409)]
    assert nearest("Sale", [*many, "200 · Sales"]) == "Nearest: 200 · Sales."
    assert nearest("x", ["AUD", "NZD"]) == "It has AUD, NZD."
    assert nearest("XXX", many, "200 · Sales") == "Nearest: 200 · Sales."
    assert nearest("XXX", many) == "Choose from the list."
    assert nearest("XXX", []) == ""
