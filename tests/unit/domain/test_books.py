"""Names as people type them: understood where they can mean one thing only."""

from __future__ import annotations

import pytest

from agent.domain.books import Account, TaxRate
from tests.unit.domain.builders import D, books

BOOKS = books(
    accounts=(
        Account("200", "Sales"),
        Account("201", "Sales: Hardware"),
        Account("4-1000", "Café fees"),
        Account("280", "Old", is_active=False),
        Account("300", "Twice"),
        Account("301", "twice!"),
        Account("400", "200"),
        Account("SALES2", "Sales of all kinds"),
        Account("480", "Hardware (SALES2)"),
        Account("490", "Fees · Other"),
        Account("", "No code"),
    ),
    tax_rates=(
        TaxRate("OUTPUT2", "15% GST on Income", D(15)),
        TaxRate("OUTPUT", "GST on Income", D("12.5"), is_active=False),
        TaxRate("TAX009", "Reduced rate (OUTPUT)", D(5)),
        TaxRate("TAX001", "1.5% levy", D("1.5")),
    ),
    branding_themes=(("a", "Blue"), ("b", "Blue!"), ("c", "Very orange")),
)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("200", "200"), (" 200 ", "200"), ("200 - Sales", "200"), ("200 Sales", "200"), ("200: sales", "200"),
        ("SALES", "200"), ("sales hardware", "201"), ("cafe fees", "4-1000"), ("4-1000 Cafe Fees", "4-1000"),
        ("4 1000", "4-1000"), ("200 · Sales", "200"), ("200 · Sales before", "200"), ("280 · Old", "280"),
        ("Hardware (SALES2)", "480"), ("hardware  (sales2)", "480"), ("Fees · Other", "490"),
        ("490 · Fees · Other", "490"), ("Sales (OUTPUT2)", None), ("Software (SALES2)", None), ("280", "280"),
        ("300", "300"),
        ("Old", None), ("280 Old", None), ("twice", "300"), ("twice!", "301"), ("- twice -", None), ("41000", None),
        ("200 - Hardware", None), ("Sale", None),
        ("", None), ("-", None), ("No code", None),
    ],
)  # fmt: skip
def test_an_account_by_code_label_or_name(typed: str, code: str | None) -> None:
    """A code counts before a name, a whole name before a label's part; archived accounts have a code only."""
    found = BOOKS.account(typed)
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("typed", "tax_type"),
    [
        ("OUTPUT2", "OUTPUT2"), ("output 2", "OUTPUT2"), ("15% gst on income", "OUTPUT2"), ("15 % GST", None),
        ("15 % GST on Income", "OUTPUT2"), ("15% GST on Income (OUTPUT2)", "OUTPUT2"),
        ("GST, before (OUTPUT2)", "OUTPUT2"),
        ("Reduced rate (OUTPUT)", "TAX009"), ("reduced rate (output)", "TAX009"),
        ("15% GST on Income OUTPUT2", "OUTPUT2"), ("OUTPUT", "OUTPUT"), ("1,5 % Levy", "TAX001"),
        ("GST on Income", None), ("1.5% GST on Income", None), ("15% levy", None), ("150% GST on Income", None),
    ],
)  # fmt: skip
def test_a_tax_rate_by_type_label_or_name(typed: str, tax_type: str | None) -> None:
    """Marks do not count, but for those that make another number."""
    found = BOOKS.tax_rate(typed)
    assert (found.tax_type if found else None) == tax_type


@pytest.mark.parametrize(
    ("typed", "theme"), [("Blue", "a"), ("blue!", "b"), ("very  orange.", "c"), ("-blue-", None), ("Green", None)]
)
def test_a_branding_theme_by_its_name(typed: str, theme: str | None) -> None:
    assert BOOKS.branding_theme(typed) == theme
