"""Suggestions for mapping rows: what fits, and why; nothing where nothing does."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from agent.domain.books import Account, TaxRate
from agent.domain.mappings import NO_TAX
from agent.domain.suggest import account_for, tax_rate_for, usual_account

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
