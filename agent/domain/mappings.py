"""What the accountant mapped: Autotask's words to Xero's accounts, tax rates, contacts and tracking options."""

from __future__ import annotations

from dataclasses import dataclass

NO_CODE = "(no billing code)"
NO_TAX = "(line without tax)"
ANY = "(any)"


def same(text: str) -> str:
    """The form in which two typed names are compared: case and blanks do not count."""
    return " ".join(text.split()).casefold()


@dataclass(frozen=True)
class AccountRow:
    """The Xero account (its code) for a billing code and line type; a blank line type covers all."""

    billing_code: str
    line_type: str
    account: str


@dataclass(frozen=True)
class TaxRow:
    """The Xero tax rate (its TaxType or name) for a tax region and category; a blank category covers all."""

    tax_region: str
    tax_category: str
    tax_rate: str


@dataclass(frozen=True)
class ContactRow:
    """The Xero contact for an Autotask company: by id where given, else by name."""

    company_id: int
    company: str
    contact: str
    contact_id: str


@dataclass(frozen=True)
class TrackingRow:
    """The tracking option for a billing code and line type."""

    billing_code: str
    line_type: str
    category: str
    option: str


@dataclass(frozen=True)
class Mappings:
    """All mapping rows that have a target."""

    accounts: tuple[AccountRow, ...] = ()
    taxes: tuple[TaxRow, ...] = ()
    contacts: tuple[ContactRow, ...] = ()
    tracking: tuple[TrackingRow, ...] = ()

    def account(self, billing_code: str, line_type: str) -> str | None:
        """The account for a line: the row with its type before the row for any type."""
        code, kind = same(billing_code), same(line_type)
        rows = [row for row in self.accounts if same(row.billing_code) == code]
        return next(
            (row.account for wanted in (kind, "", same(ANY)) for row in rows if same(row.line_type) == wanted), None
        )

    def tax_rate(self, tax_region: str, tax_category: str) -> str | None:
        """The tax rate for a line: the row with its category before the row for any category."""
        region, category = same(tax_region), same(tax_category)
        rows = [row for row in self.taxes if same(row.tax_region) == region]
        wanted = (category,) if category == same(NO_TAX) else (category, "", same(ANY))
        return next((row.tax_rate for want in wanted for row in rows if same(row.tax_category) == want), None)

    def has_region(self, tax_region: str) -> bool:
        """Whether any row names the tax region."""
        return any(same(row.tax_region) == same(tax_region) for row in self.taxes)

    def contact(self, company_id: int) -> ContactRow | None:
        """The row of a company."""
        return next((row for row in self.contacts if row.company_id == company_id), None)

    def tracking_of(self, billing_code: str, line_type: str) -> tuple[TrackingRow, ...]:
        """The tracking options of a line."""
        code, kind = same(billing_code), same(line_type)
        return tuple(
            row
            for row in self.tracking
            if same(row.billing_code) == code and same(row.line_type) in {kind, "", same(ANY)}
        )
