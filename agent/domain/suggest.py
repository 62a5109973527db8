"""Suggestions for mapping rows, each with its reason: a person accepts, changes or leaves them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from agent.domain.books import Account, TaxRate, one_blank
from agent.domain.mappings import NO_TAX

_ALIKE = 88
"""Likeness in per cent from which two names are taken for the same thing."""
_NEAR = Decimal("0.05")
"""Points of per cent by which a rate may be off: taxes are rounded to the cent."""
_BUYING = re.compile(r"expense|purchas|import|capital|\bacquisition", re.IGNORECASE)
_SELLING = re.compile(r"income|sale|suppl|output", re.IGNORECASE)
_ABROAD = re.compile(r"zero.?rated|export|overseas", re.IGNORECASE)
_NO_TAX_TYPE = "NONE"


@dataclass(frozen=True)
class Suggestion:
    """What could be chosen.

    Attributes:
        target: The account's code or the tax rate's TaxType; blank where nothing fits.
        name: Its name in Xero.
        why: The reason, in words.
    """

    target: str
    name: str
    why: str


def usual_account(accounts: Sequence[Account]) -> Suggestion:
    """The account that most sales go to, by its name."""
    sales = _for_sales(accounts)
    for wanted, why in (("sales", "it is called Sales"), ("sale", "its name says sales"), ("", "the first for sales")):
        for account in sales:
            name = account.name.casefold()
            if name == wanted or (wanted != "sales" and wanted in name):
                return Suggestion(account.code, account.name, why)
    return Suggestion("", "", "Xero has no active account for sales")


def account_for(billing_code: str, accounts: Sequence[Account], default: str) -> Suggestion:
    """The account of a billing code: the one that is called alike, else the default one."""
    from rapidfuzz import fuzz  # noqa: PLC0415 - only the setup needs it

    sales = _for_sales(accounts)
    scored = [(round(fuzz.token_sort_ratio(_plain(billing_code), _plain(item.name))), item) for item in sales]
    score, likest = max(scored, key=lambda pair: pair[0], default=(0, None))
    if likest is not None and score >= _ALIKE:
        return Suggestion(likest.code, likest.name, f"the names are alike ({score} %)")
    for account in sales:
        if default and account.code.casefold() == default.casefold():
            return Suggestion(account.code, account.name, "your default sales account")
    if len(sales) == 1:
        return Suggestion(sales[0].code, sales[0].name, "Xero's only account for sales")
    return Suggestion("", "", "no account is called alike, and there is no default sales account")


def tax_rate_for(
    region: str, category: str, used: Counter[Decimal], rates: Sequence[TaxRate], *, is_region_taxed: bool
) -> Suggestion:
    """The tax rate of a tax region and category, by the per cent that its invoices bear.

    Args:
        region: The tax region.
        category: The tax category, or the one for lines without tax.
        used: How many lines bear which per cent.
        rates: Those of Xero.
        is_region_taxed: Other lines of the region bear tax.
    """
    from rapidfuzz import fuzz  # noqa: PLC0415

    borne = Counter({percent: count for percent, count in used.items() if percent}) or used  # some lines are exempt
    percent = borne.most_common(1)[0][0] if borne else Decimal(0) if category == NO_TAX else None
    if percent is None:
        return Suggestion("", "", "no line tells its per cent")
    fitting = [rate for rate in rates if rate.is_active and abs(rate.rate - percent) <= _NEAR]
    fitting = [rate for rate in fitting if not _BUYING.search(rate.name)] or fitting
    bears = f"{percent.normalize():f} % on its lines"
    if not fitting:
        return Suggestion("", "", f"{bears}, and Xero has no such rate")

    def rank(rate: TaxRate) -> tuple[bool, bool, bool, float]:
        is_called_so = fuzz.token_sort_ratio(_plain(region), _plain(rate.name)) >= _ALIKE
        is_usual = not percent and (
            rate.tax_type == _NO_TAX_TYPE if is_region_taxed else _ABROAD.search(rate.name) is not None
        )
        sells = _SELLING.search(f"{rate.name} {rate.tax_type}") is not None
        return is_called_so, is_usual, sells, fuzz.token_set_ratio(_plain(f"{region} {category}"), _plain(rate.name))

    best = max(fitting, key=rank)
    others = [rate.name for rate in fitting if rate is not best]
    also = f"; {', '.join(others)} would fit too" if others else ""
    return Suggestion(best.tax_type, best.name, bears + also)


def _for_sales(accounts: Sequence[Account]) -> list[Account]:
    return [account for account in accounts if account.is_active and account.takes_sales and account.is_income]


def _plain(text: str) -> str:
    return one_blank(re.sub(r"[\W_]+", " ", text)).casefold()
