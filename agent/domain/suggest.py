"""What could be chosen: for rows without a choice, with its reason, and for a choice that Xero does not have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from agent.domain.books import Account, Books, TaxRate, one_blank
from agent.domain.contact import match
from agent.domain.invoice import CompanyId, Customer
from agent.domain.labels import account_label, tax_rate_label
from agent.domain.mappings import NO_TAX, Mappings, same
from agent.domain.problems import Key, Problem, beside
from agent.domain.settings import Settings

_ALIKE = 88
"""Likeness in per cent from which two names are taken for the same thing."""
_NEAR = Decimal("0.05")
"""Points of per cent by which a rate may be off: taxes are rounded to the cent."""
_BUYING = re.compile(r"expense|purchas|import|capital|\bacquisition", re.IGNORECASE)
_SELLING = re.compile(r"income|sale|suppl|output", re.IGNORECASE)
_ABROAD = re.compile(r"zero.?rated|export|overseas", re.IGNORECASE)
_NO_TAX_TYPE = "NONE"
_NEAREST = 65
"""Likeness in per cent from which a name may be what was meant."""
_FEW = 5
"""So few names are all told."""


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
        if default and default.casefold() in {
            account.code.casefold(),
            account_label(account.code, account.name).casefold(),
        }:
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


# --- what was chosen, and Xero does not have --------------------------------------------------------------------------


def lacking(settings: Settings, mappings: Mappings, books: Books) -> list[Problem]:
    """What settings and mappings name and Xero does not have or not take, each with the nearest that it has.

    A setting concerns every invoice, so it stops all; a mapping row stops the invoices that need it. What is merely
    left out of an invoice stops nothing.
    """
    return [
        *_accounts(settings, mappings, books),
        *_tax_rates(settings, mappings, books),
        *_contacts(settings, mappings, books),
        *_others(settings, mappings, books),
    ]


def _accounts(settings: Settings, mappings: Mappings, books: Books) -> Iterator[Problem]:
    named: list[tuple[str, Key, str]] = [
        ("Settings", ("Default sales account",), settings.default_account),
        ("Settings", ("Rounding account",), settings.rounding_account),
        *(("AccountMap", (row.billing_code, row.line_type), row.account) for row in mappings.accounts),
    ]
    offered = [account_label(item.code, item.name) for item in books.accounts if item.is_active and item.takes_sales]
    usual = usual_account(books.accounts)
    for table, key, code in filter(lambda item: item[2], named):
        account = books.account(code)
        if account is None:
            wrong, like = f"Xero has no account {code}.", code
        elif not account.is_active:
            wrong, like = f"Xero has no active account {account.code}: {account.name} is archived.", account.name
        elif not account.takes_sales and key != ("Rounding account",):
            wrong, like = f"The account {account.code} {account.name} takes no sales in Xero.", account.name
        else:
            continue
        near = nearest(like, offered, account_label(usual.target, usual.name) if usual.target else "")
        yield _lacks(table, key, f"{wrong} {near}")


def _tax_rates(settings: Settings, mappings: Mappings, books: Books) -> Iterator[Problem]:
    named: list[tuple[str, Key, str]] = [
        ("Settings", ("Default tax rate",), settings.default_tax_rate),
        *(("TaxMap", (row.tax_region, row.tax_category), row.tax_rate) for row in mappings.taxes),
    ]
    offered = [tax_rate_label(item.tax_type, item.name) for item in books.tax_rates if item.is_active]
    for table, key, code in filter(lambda item: item[2], named):
        rate = books.tax_rate(code)
        if rate is None:
            yield _lacks(table, key, f"Xero has no tax rate {code}. {nearest(code, offered)}")
        elif not rate.is_active:
            wrong = f"Xero has no active tax rate {code}: {rate.name} is deleted."
            yield _lacks(table, key, f"{wrong} {nearest(rate.name, offered)}")


def _contacts(settings: Settings, mappings: Mappings, books: Books) -> Iterator[Problem]:
    for row in mappings.contacts:
        customer = Customer(CompanyId(row.company_id), row.contact or row.company)
        if fault := match(customer, books, Mappings(contacts=(row,)), settings).fault:
            yield _lacks("ContactMap", (str(row.company_id),), fault.detail)


def _others(settings: Settings, mappings: Mappings, books: Books) -> Iterator[Problem]:
    has = sorted({*books.currencies, books.organisation.base_currency})
    if settings.currency and settings.currency.upper() not in has:
        text = f"Xero does not have {settings.currency}. {nearest(settings.currency, has)}"
        yield _lacks("Settings", ("Currency",), text)
    theme, themes = settings.branding_theme, [name for _key, name in books.branding_themes]
    if theme and books.branding_theme(theme) is None:
        text = f"Xero has no branding theme “{theme}”; its own is used. {nearest(theme, themes)}"
        yield beside("Settings", ("Branding theme",), text, "nothing", by_lists=True)
    options = {(same(category), same(option)) for category, option, _, _ in books.tracking}
    for row in mappings.tracking:
        if (same(row.category), same(row.option)) not in options:
            wanted = f"{row.category}: {row.option}"
            near = nearest(wanted, [f"{category}: {option}" for category, option, _, _ in books.tracking])
            text = f"Xero has no active tracking option “{wanted}”; lines go without it. {near}"
            yield beside("TrackingMap", (row.billing_code, row.line_type), text, "nothing", by_lists=True)


def misspelt(mappings: Mappings, billing_codes: Sequence[str], tax_regions: Sequence[str]) -> list[Problem]:
    """Rows of names that Autotask does not have but nearly has: they stop nothing, and do nothing either.

    What is like nothing there may be meant for later, and is left alone.
    """
    named: dict[tuple[str, Key], tuple[str, str, Sequence[str]]] = {
        **{
            (table, (row.billing_code, row.line_type)): ("billing code", row.billing_code, billing_codes)
            for table, rows in (("AccountMap", mappings.accounts), ("TrackingMap", mappings.tracking))
            for row in rows
        },
        **{
            ("TaxMap", (row.tax_region, row.tax_category)): ("tax region", row.tax_region, tax_regions)
            for row in mappings.taxes
        },
    }
    return [
        beside(table, key, f"Autotask has no {noun} “{name}”. Nearest: {near}.", "nothing", by_lists=True)
        for (table, key), (noun, name, names) in named.items()
        if (near := nearly(name, names))
    ]


def nearly(typed: str, names: Sequence[str]) -> str:
    """The name that was probably meant; blank where the typed one is there, or nothing is like it."""
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - only a name that is not there needs it

    if same(typed) in map(same, names):
        return ""
    found = process.extractOne(typed, names, scorer=fuzz.ratio, processor=_plain, score_cutoff=_ALIKE)
    return found[0] if found else ""


def _lacks(table: str, key: Key, message: str) -> Problem:
    return beside(table, key, message, "everything" if table == "Settings" else "its invoices", by_lists=True)


def nearest(typed: str, names: Iterable[str], usual: str = "") -> str:
    """What was meant, in a sentence: the likest names, else all where they are few, else the usual one."""
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - only a slip needs it

    names = list(dict.fromkeys(names))
    found = process.extract(typed, names, scorer=fuzz.WRatio, processor=_plain, limit=3, score_cutoff=_NEAREST)
    if found:
        return f"Nearest: {', '.join(name for name, _, _ in found)}."
    if 0 < len(names) <= _FEW:
        return f"It has {', '.join(names)}."
    return f"Nearest: {usual}." if usual else "Choose from the list." if names else ""
