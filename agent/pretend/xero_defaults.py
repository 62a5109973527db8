"""The organisation with which the pretend Xero starts."""

from __future__ import annotations

from decimal import Decimal

from agent.pretend.xero_records import Account, Organisation, TaxRate, new_id

INCOME = frozenset({"REVENUE"})
SPENDING = frozenset({"EXPENSE", "ASSET"})
EVERYTHING = frozenset({"REVENUE", "EXPENSE", "ASSET", "LIABILITY", "EQUITY"})

ACTIONS = (
    "CreateApprovedBill",
    "CreateApprovedInvoice",
    "CreateDraftBill",
    "CreateDraftInvoice",
    "EditApprovedInvoice",
    "CreateContact",
    "CreateCreditNote",
    "UseMulticurrency",
)


def new_zealand_organisation() -> Organisation:
    """Make an NZ company with accounts, tax rates and two currencies, but no contacts and no documents."""
    organisation = Organisation(currencies={"NZD": "New Zealand Dollar", "AUD": "Australian Dollar"})
    organisation.exchange_rates = {"AUD": Decimal("0.920000")}
    for account in _accounts():
        organisation.accounts[account.code] = account
    for rate in _tax_rates():
        organisation.tax_rates[rate.type] = rate
    organisation.themes = {new_id(): "Standard", new_id(): "Very orange invoice!"}
    organisation.actions = dict.fromkeys(ACTIONS, True)
    return organisation


def _accounts() -> list[Account]:
    return [
        Account("090", "Business Bank Account", "BANK", "ASSET", "NONE"),
        Account("200", "Sales", "REVENUE", "REVENUE", "OUTPUT2"),
        Account("260", "Other Revenue", "REVENUE", "REVENUE", "OUTPUT2"),
        Account("270", "Interest Income", "REVENUE", "REVENUE", "NONE"),
        Account("280", "Old Sales", "REVENUE", "REVENUE", "OUTPUT2", status="ARCHIVED"),
        Account("310", "Cost of Goods Sold", "DIRECTCOSTS", "EXPENSE", "INPUT2"),
        Account("400", "Advertising", "OVERHEADS", "EXPENSE", "INPUT2"),
        Account("404", "Bank Fees", "OVERHEADS", "EXPENSE", "NONE"),
        Account("610", "Accounts Receivable", "CURRENT", "ASSET", "NONE", system="DEBTORS"),
        Account("800", "Accounts Payable", "CURRLIAB", "LIABILITY", "NONE", system="CREDITORS"),
        Account("820", "GST", "CURRLIAB", "LIABILITY", "NONE", system="GST"),
        Account("860", "Rounding", "CURRLIAB", "LIABILITY", "NONE", system="ROUNDING"),
    ]


def _tax_rates() -> list[TaxRate]:
    return [
        TaxRate("15% GST on Expenses", "INPUT2", Decimal("15.0000"), SPENDING),
        TaxRate("15% GST on Income", "OUTPUT2", Decimal("15.0000"), INCOME | {"LIABILITY"}),
        TaxRate("GST on Income 12.5%", "OUTPUT", Decimal("12.5000"), INCOME, status="DELETED"),
        TaxRate("No GST", "NONE", Decimal("0.0000"), EVERYTHING),
        TaxRate("Zero Rated", "ZERORATED", Decimal("0.0000"), EVERYTHING),
        TaxRate("Exempt Income", "EXEMPTOUTPUT", Decimal("0.0000"), INCOME),
    ]
