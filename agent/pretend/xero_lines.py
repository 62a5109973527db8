"""Reading the lines of a document that a client sends to the pretend Xero."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from decimal import Decimal

from agent.pretend.wire import JsonObject, plain_number, round_half_up
from agent.pretend.xero_arithmetic import Discount, complete, expected_amount, tax_on
from agent.pretend.xero_books import Books
from agent.pretend.xero_records import ZERO, Line, TaxRate
from agent.pretend.xero_sent import Sent

DESCRIPTION_LIMIT = 4000
APPROVING = frozenset({"SUBMITTED", "AUTHORISED"})


@dataclass
class LineReader:
    """Turns sent lines into lines, and collects what is wrong with them.

    Attributes:
        books: The organisation and its rules.
        status: The status the document is to have: approved ones need accounts.
        tax_mode: Exclusive, Inclusive or NoTax.
        is_sales: Whether it is a sales document.
        is_credit: Whether it is a credit note: those take no discounts.
        places: Decimals of the unit amount.
    """

    books: Books
    status: str
    tax_mode: str
    is_sales: bool
    is_credit: bool
    places: int
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def read(self, sent: Sent, existing: Line | None) -> Line:
        """Read one line; with an existing one, what was not sent stays as it was."""
        line = Line() if existing is None else copy.deepcopy(existing)
        self._words(line, sent)
        self._account(line, sent)
        self._tax_type(line, sent)
        self._amount(line, sent)
        self._tax(line, sent.number("TaxAmount"))
        self._tracking(line, sent)
        return line

    def again(self, line: Line) -> None:
        """Work the tax of an unchanged line out again, after the document's tax mode changed."""
        self._tax(line, None)

    def _words(self, line: Line, sent: Sent) -> None:
        if sent.names_value("Description"):
            line.description = sent.text("Description")
        code = sent.text("ItemCode") or None
        if code is not None:
            item = self.books.organisation.items.get(code)
            if item is None:
                self.errors.append(f"Item code '{code}' is not valid")
            else:
                line.item_code = code
                line.description = line.description or item.description or item.name
                line.account_code = line.account_code or item.account_code or None
                line.tax_type = line.tax_type or item.tax_type or None
                line.unit_amount = item.unit_price if line.unit_amount is None else line.unit_amount
        if not (line.description or "").strip():
            # That blank descriptions are refused is known; the exact words are not.
            self.errors.append("Description is required for each line item.")
        elif len(line.description or "") > DESCRIPTION_LIMIT:
            self.errors.append(f"The Description of a line item cannot be longer than {DESCRIPTION_LIMIT} characters.")

    def _account(self, line: Line, sent: Sent) -> None:
        accounts = self.books.organisation.accounts
        code = sent.text("AccountCode") or None
        if code is None and sent.has("AccountID"):
            code = next((a.code for a in accounts.values() if a.id == sent.text("AccountID")), sent.text("AccountID"))
        if code is None:
            if line.account_code is None and self.status in APPROVING and not _is_words_only(sent):
                self.errors.append("Account must be valid.")
            return
        account = accounts.get(code)
        if account is None and self.status == "DRAFT" and self.books.rules.has_draft_warnings:
            self.warnings.append(f"Account code '{code}' has been removed as it does not match a recognised account.")
            return
        if account is None or not account.is_for_lines:
            self.errors.append(f"Account code '{code}' is not a valid code for this document.")
        elif account.status != "ACTIVE":
            self.errors.append(
                f"Account code '{code}' has been archived, or has been deleted. "
                "Each line item must reference a valid account."
            )
        if code != line.account_code and not sent.has("TaxType"):
            line.tax_type = None
        line.account_code = code

    def _tax_type(self, line: Line, sent: Sent) -> None:
        account = self.books.organisation.accounts.get(line.account_code or "")
        if sent.text("TaxType"):
            line.tax_type = sent.text("TaxType")
        elif line.tax_type is None and account is not None:
            line.tax_type = account.tax_type
        if self.tax_mode == "NoTax":
            line.tax_type = "NONE" if line.tax_type is not None else None
        if line.tax_type is None:
            return
        rate = self._rate(line)
        use = "REVENUE" if self.is_sales else "EXPENSE"
        if rate is None or rate.status != "ACTIVE" or not rate.uses & {use, account.group if account else use}:
            self.errors.append(
                f"The TaxType code {line.tax_type} does not exist or cannot be used for this type of transaction."
            )
        elif account is not None and account.group not in rate.uses:
            self.errors.append(f"The TaxType code '{line.tax_type}' cannot be used with account code '{account.code}'.")

    def _rate(self, line: Line) -> TaxRate | None:
        return self.books.organisation.tax_rates.get(line.tax_type or "")

    def _amount(self, line: Line, sent: Sent) -> None:
        if self.is_credit and (sent.has("DiscountRate") or sent.has("DiscountAmount")):
            self.errors.append("Discounts cannot be applied to credit notes.")
            return
        if sent.has("DiscountRate") or sent.has("DiscountAmount"):
            line.discount_rate, line.discount_amount = sent.number("DiscountRate"), sent.number("DiscountAmount")
        quantity, unit, amount = sent.number("Quantity"), sent.number("UnitAmount"), sent.number("LineAmount")
        if quantity is unit is amount is None and line.amount:
            return
        is_partial = amount is None or not (quantity is None or unit is None)
        if is_partial:
            quantity = line.quantity if quantity is None else quantity
            unit = line.unit_amount if unit is None else unit
        discount = Discount(line.discount_rate, line.discount_amount)
        found = complete(quantity, unit, amount, discount, self.places)
        line.quantity, line.unit_amount, line.amount = found.quantity, found.unit_amount, found.amount
        self._check_amount(amount if is_partial else None, line, discount)

    def _check_amount(self, sent_amount: Decimal | None, line: Line, discount: Discount) -> None:
        if line.quantity is not None and line.unit_amount is not None and sent_amount is not None:
            expected = expected_amount(line.quantity, line.unit_amount, discount)
            if sent_amount != expected:
                shown = plain_total(sent_amount), plain_total(expected)
                self.errors.append(f"The line total {shown[0]} does not match the expected line total {shown[1]}")
        full = round_half_up((line.quantity or ZERO) * (line.unit_amount or ZERO), 2)
        # Even a discount of 0 is refused on a line below zero.
        is_too_much = discount.amount is not None and discount.amount > full
        if is_too_much or (discount.rate is not None and discount.rate > 100):
            given = discount.amount if is_too_much else discount.rate
            self.errors.append(
                f"The discount rate '{plain_total(given or ZERO)}' is invalid. "
                "Discount must not be greater than the line total."
            )

    def _tax(self, line: Line, override: Decimal | None) -> None:
        rate = self._rate(line)
        line.tax_amount = tax_on(line.amount, rate.rate if rate else ZERO, self.tax_mode)
        if override is not None and self.tax_mode != "NoTax":
            line.tax_amount = round_half_up(override, 2)
        if abs(line.tax_amount) > abs(line.amount):
            self.errors.append("The tax amount cannot be greater than the line amount!")

    def _tracking(self, line: Line, sent: Sent) -> None:
        if not sent.names_value("Tracking"):
            return
        found = [self._option(entry) for entry in sent.many("Tracking")]
        line.tracking = [entry for entry in found if entry is not None]
        if len(line.tracking) > 2:
            self.errors.append("A line item can have at most 2 tracking categories.")

    def _option(self, sent: Sent) -> JsonObject | None:
        wanted = {sent.text("TrackingCategoryID"), sent.text("Name")} - {None}
        option = {sent.text("TrackingOptionID"), sent.text("Option")} - {None}
        for category in self.books.organisation.tracking.values():
            if {category.id, category.name} & wanted or (not wanted and option):
                for choice in category.options:
                    if {choice.id, choice.name} & option and choice.status == "ACTIVE":
                        return {
                            "Name": category.name,
                            "Option": choice.name,
                            "TrackingCategoryID": category.id,
                            "TrackingOptionID": choice.id,
                        }
        if not self.books.rules.drops_unknown_tracking:
            self.errors.append(f"The tracking option '{sent.text('Option') or ''}' could not be found.")
        return None


def _is_words_only(sent: Sent) -> bool:
    return not any(sent.has(name) for name in ("Quantity", "UnitAmount", "LineAmount", "ItemCode"))


def plain_total(value: Decimal) -> str:
    """Write an amount for a message: at least two decimals."""
    return str(round_half_up(value, 2) if value == round_half_up(value, 2) else plain_number(value))
