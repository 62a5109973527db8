"""An invoice, the settings, the mappings and the books: the Xero document, or the faults that stop it."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from agent.domain import contact as contacts
from agent.domain.books import Books, Contact, ContactId, TaxRate
from agent.domain.document import Document, DocumentKind, DocumentLine
from agent.domain.faults import Fault, fault
from agent.domain.invoice import Invoice, Line, header_of
from agent.domain.mappings import NO_CODE, NO_TAX, Mappings, same
from agent.domain.money import CENT, ZERO, Priced, Totals, line_amount, line_tax, line_totals, priced, rounded, totals
from agent.domain.settings import Settings
from agent.domain.text import LONGEST_DESCRIPTION, clean, counted, cut

_STATUSES = {
    "Draft": "DRAFT",
    "Awaiting approval": "SUBMITTED",
    "Approved": "AUTHORISED",
    "Approved and marked as sent": "AUTHORISED",
}
_NO_TAX_TYPE = "NONE"
_LONGEST_NUMBER = 255


@dataclass(frozen=True)
class Situation:
    """All that translating looks at besides the invoice itself.

    Attributes:
        settings: As read from the workbook.
        mappings: As read from the workbook.
        books: The organisation.
        known_contact: The contact that earlier invoices of the company went to.
        web_url: Where Autotask's own pages are, for the mark.
    """

    settings: Settings
    mappings: Mappings
    books: Books
    known_contact: ContactId | None = None
    web_url: str = "https://ww1.autotask.net/"


@dataclass(frozen=True)
class Translation:
    """The outcome for one invoice.

    Attributes:
        document: What to send, where nothing stops it.
        faults: All that stops it, most important first.
        warnings: What a person should see although it goes through.
        decisions: Which contact, account, tax rate, and why: for the log.
        person: Whom the contact's details would be taken from, where one is written.
        needs_contact: Xero knows no such contact, and the settings say to create it.
        codes: The mapping rows that are missing, as (table, first key, second key).
    """

    document: Document | None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    needs_contact: bool = False
    missing: tuple[tuple[str, str, str], ...] = ()


@dataclass
class _Draft:
    """What gathers while an invoice is translated."""

    faults: list[Fault]
    warnings: list[str]
    decisions: list[str]
    missing: list[tuple[str, str, str]]


def mark_of(invoice: Invoice, web_url: str) -> str:
    """The absolute address on the tenant's own Autotask that ends in the invoice's id."""
    return f"{web_url.rstrip('/')}/?invoice={invoice.id}"


def credit_note_number(invoice: Invoice) -> str:
    """The number of the credit note that a negative invoice becomes."""
    return f"CN-{invoice.id}"


def kind_of(invoice: Invoice) -> DocumentKind:
    """A negative invoice is a credit note in Xero."""
    return "Credit note" if rounded(invoice.total) < 0 else "Invoice"


def number_of(invoice: Invoice, settings: Settings) -> str | None:
    """Our own number for the document, or ``None`` where Xero numbers it. Blank where Autotask's is missing."""
    if kind_of(invoice) == "Credit note":
        return credit_note_number(invoice)
    if settings.use_autotask_numbers == "No":
        return None
    own = invoice.number.strip() if settings.use_autotask_numbers == "Number" else str(invoice.id)
    return f"{settings.number_prefix}{own}"[:_LONGEST_NUMBER] if own else ""


def translate(invoice: Invoice, situation: Situation) -> Translation:
    """Make the Xero document of an invoice, or say everything that stops it.

    Args:
        invoice: With its lines before tax (see :func:`agent.domain.invoice.with_net_lines`).
        situation: Settings, mappings and books.

    Returns:
        A document, or at least one fault. Contact faults of a company that may be created are no fault.
    """
    draft = _Draft([], [], [], [])
    settings, books = situation.settings, situation.books
    number = number_of(invoice, settings)
    if number == "":
        draft.faults.append(fault("AX-101", f"Autotask's invoice {invoice.id} has no number."))
    currency = _currency(invoice, situation, draft)
    match = contacts.match(invoice.customer, books, situation.mappings, settings, situation.known_contact)
    needs_contact = match.contact is None and match.is_missing and settings.create_contacts
    _note_contact(invoice, match, settings, draft, needs_contact=needs_contact)
    day, status = _period(invoice, situation, draft)
    sign = -1 if kind_of(invoice) == "Credit note" else 1
    lines, prices = _lines(invoice, situation, draft, sign)
    reached = totals(prices, "Exclusive", _places(settings))
    if not draft.faults and not lines and rounded(invoice.total):
        draft.faults.append(_mismatch(invoice, situation, reached, _wanted(invoice, settings, sign, reached), sign))
    elif not draft.faults and lines:
        lines, reached = _evened_out(invoice, situation, draft, lines, prices, sign)
    if draft.faults or not lines:
        document = None
    else:
        document = Document(
            autotask_id=invoice.id,
            kind=kind_of(invoice),
            number=number,
            contact_id=match.contact.id if match.contact else ContactId(""),
            contact_name=match.contact.name if match.contact else invoice.customer.name,
            date=day,
            due=_due(invoice, day, match.contact, settings),
            reference=_reference(invoice, settings),
            currency=currency,
            mark=mark_of(invoice, situation.web_url),
            status=status,
            lines=lines,
            expected=reached,
            places=_places(settings),
            branding_theme_id=_theme(situation, draft),
            is_sent=settings.invoice_status == "Approved and marked as sent" and status == "AUTHORISED",
            exchange_rate=invoice.exchange_rate
            if settings.exchange_rate_from == "Autotask" and currency != books.organisation.base_currency
            else None,
            label=invoice.label,
            header=header_of(invoice),
        )
    return Translation(
        document,
        tuple(draft.faults),
        tuple(dict.fromkeys(draft.warnings)),
        tuple(dict.fromkeys(draft.decisions)),
        needs_contact and not draft.faults,
        tuple(dict.fromkeys(draft.missing)),
    )


def _theme(situation: Situation, draft: _Draft) -> str:
    name = situation.settings.branding_theme
    theme = situation.books.branding_theme(name) if name else ""
    if theme is None:
        draft.warnings.append(f"Xero has no branding theme “{name}”: the invoice has Xero's own.")
    return theme or ""


def _places(settings: Settings) -> int:
    return 4 if settings.four_decimals else 2


def _currency(invoice: Invoice, situation: Situation, draft: _Draft) -> str:
    books, settings = situation.books, situation.settings
    base = books.organisation.base_currency
    currency = (invoice.currency or settings.currency or base).upper()
    if currency not in books.currencies and currency != base:
        has = ", ".join(sorted(books.currencies | {base}))
        draft.faults.append(
            fault("AX-202", f"The invoice is in {currency}; {books.organisation.name} has {has}.", currency=currency)
        )
    elif settings.other_currencies == "Refuse" and currency != (settings.currency or base).upper():
        draft.faults.append(
            fault("AX-114", f"The invoice is in {currency}, the books are in {base}, and other currencies are refused.")
        )
    return currency


def _note_contact(
    invoice: Invoice, match: contacts.Match, settings: Settings, draft: _Draft, *, needs_contact: bool
) -> None:
    """Record the match, and the person where one would be written to Xero."""
    if match.fault is not None and not needs_contact:
        draft.faults.append(match.fault)
        draft.missing.append(("ContactMap", str(invoice.customer.id), ", ".join(match.suggested)))
    elif match.contact is not None:
        draft.decisions.append(f"Contact: {match.contact.name}, {match.why}")
    else:
        draft.decisions.append(f"Contact: {invoice.customer.name} is created in Xero")
    person, why, wrong = contacts.person(invoice.customer, settings)
    writes = needs_contact or settings.update_contacts
    if person is not None:
        draft.decisions.append(f"Person: {person.name}, {why}")
    if wrong is None:
        return
    if writes and not (wrong.code == "AX-104" and settings.send_without_email):
        draft.faults.append(wrong)
    else:
        draft.warnings.append(f"{wrong.code} {wrong.title}: {wrong.detail}")


def _period(invoice: Invoice, situation: Situation, draft: _Draft) -> tuple[date, str]:
    """The document's date and status, with regard to closed periods."""
    settings, organisation = situation.settings, situation.books.organisation
    status = _STATUSES[settings.invoice_status]
    if settings.hold_before is not None and invoice.date <= settings.hold_before:
        draft.faults.append(
            fault("AX-205", f"Dated {invoice.date}; you hold invoices dated on or before {settings.hold_before}.")
        )
        return invoice.date, status
    locked = organisation.locked_until
    if locked is None or invoice.date > locked:
        return invoice.date, status
    if settings.closed_period == "Re-date":
        day = locked + timedelta(days=1)
        draft.warnings.append(f"Dated {day} instead of {invoice.date}: {organisation.name} is closed until {locked}.")
        return day, status
    if settings.closed_period == "Leave as draft":
        draft.warnings.append(f"Left as a draft: dated {invoice.date}, and Xero is closed until {locked}.")
        return invoice.date, "DRAFT"
    draft.faults.append(fault("AX-205", f"Dated {invoice.date}; Xero is closed until {locked}."))
    return invoice.date, status


def _due(invoice: Invoice, day: date, contact: Contact | None, settings: Settings) -> date | None:
    due = invoice.due
    if settings.due_date_from == "Xero contact terms" and contact is not None and contact.terms is not None:
        due = due_by_terms(day, *contact.terms)
    return max(due or day, day)


def due_by_terms(day: date, days: int, terms: str) -> date:
    """The due date by Xero's payment terms.

    Args:
        day: The document's date.
        days: The number in the terms: of days, or the day of the month.
        terms: ``DAYSAFTERBILLDATE``, ``DAYSAFTERBILLMONTH``, ``OFCURRENTMONTH`` or ``OFFOLLOWINGMONTH``.
    """
    month_end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    if terms == "DAYSAFTERBILLMONTH":
        return month_end + timedelta(days=days)
    if terms in {"OFCURRENTMONTH", "OFFOLLOWINGMONTH"}:
        month = day if terms == "OFCURRENTMONTH" else month_end + timedelta(days=1)
        return month.replace(day=min(max(days, 1), calendar.monthrange(month.year, month.month)[1]))
    return day + timedelta(days=days)


def _reference(invoice: Invoice, settings: Settings) -> str:
    parts = {
        "Both": (invoice.order_number, invoice.label),
        "Purchase order": (invoice.order_number,),
        "Autotask number": (invoice.label,),
    }[settings.reference]
    return cut(" / ".join(part for part in map(clean, parts) if part), 255)


def _lines(
    invoice: Invoice, situation: Situation, draft: _Draft, sign: int
) -> tuple[tuple[DocumentLine, ...], list[Priced]]:
    lines: list[DocumentLine] = []
    prices: list[Priced] = []
    settings = situation.settings
    for line in invoice.lines:
        if settings.zero_lines == "Leave out" and not rounded(line.net) and not rounded(line.tax):
            continue
        account = _account(line, situation, draft)
        rate = _tax_rate(invoice, line, situation, draft)
        quantity, unit = priced(line.quantity, line.rate, line.net, _places(settings))
        tax = sign * rounded(line.tax) if settings.tax_from == "Autotask" else None
        price = Priced(quantity, sign * unit, rate.rate if rate else ZERO, tax)
        description = clean(line.description) or clean(line.billing_code) or line.line_type or "Services"
        if len(description) > LONGEST_DESCRIPTION:
            draft.warnings.append(f"A description of {len(description):,} characters was cut at 4,000.")
        lines.append(
            DocumentLine(
                description=cut(description, LONGEST_DESCRIPTION),
                quantity=quantity,
                unit=price.unit,
                account=account,
                tax_type=rate.tax_type if rate else "",
                tax=tax,
                tracking=_tracking(line, situation, draft),
                expected=line_totals(price, "Exclusive", _places(settings)),
            )
        )
        prices.append(price)
    return tuple(lines), prices


def _account(line: Line, situation: Situation, draft: _Draft) -> str:
    settings, books = situation.settings, situation.books
    billing_code = line.billing_code or NO_CODE
    code = situation.mappings.account(billing_code, line.line_type)
    name = f"{billing_code} · {line.line_type}"
    if code is None and settings.unmapped_code == "Use default":
        code = settings.default_account
        draft.warnings.append(f"“{name}” has no row in AccountMap: the default account {code} was used.")
    if code is None:
        draft.missing.append(("AccountMap", billing_code, line.line_type))
        draft.faults.append(fault("AX-109", f"Nothing is chosen for “{name}” in AccountMap.", billing_code=name))
        return ""
    account = books.account(code)
    if account is None or not account.is_active or not account.takes_sales:
        why = (
            "is not in Xero"
            if account is None
            else "is archived in Xero"
            if not account.is_active
            else "takes no sales in Xero"
        )
        draft.faults.append(fault("AX-203", f"The account {code} for “{name}” {why}."))
        return code
    draft.decisions.append(f"Account: {account.code} {account.name} for {name}")
    return account.code


def _tax_rate(invoice: Invoice, line: Line, situation: Situation, draft: _Draft) -> TaxRate | None:
    settings, books, mappings = situation.settings, situation.books, situation.mappings
    region = invoice.tax_region or "(no tax region)"
    counts = settings.tax_from != "Xero, ignore Autotask's tax"
    is_untaxed = not line.tax_category or (counts and not rounded(line.tax, 4) and rounded(line.net) != 0)
    named = mappings.tax_rate(region, line.tax_category) if line.tax_category else None
    if is_untaxed and not (named and (rate := books.tax_rate(named)) and not rate.rate):
        named = mappings.tax_rate(region, NO_TAX) or (_NO_TAX_TYPE if mappings.has_region(region) else None)
    if named is None and not rounded(line.net):
        named = _NO_TAX_TYPE
    category = line.tax_category or NO_TAX
    name = f"{region} · {category}"
    if named is None and settings.unmapped_region == "Use default":
        named = settings.default_tax_rate
        draft.warnings.append(f"“{name}” has no row in TaxMap: the default tax rate {named} was used.")
    if named is None:
        draft.missing.append(("TaxMap", region, category))
        draft.faults.append(fault("AX-110", f"Nothing is chosen for “{name}” in TaxMap.", tax_region=name))
        return None
    rate = books.tax_rate(named)
    if rate is None or not rate.is_active:
        why = "is not in Xero" if rate is None else "is deleted in Xero"
        draft.faults.append(fault("AX-204", f"The tax rate {named} for “{name}” {why}."))
        return None
    draft.decisions.append(f"Tax rate: {rate.name} for {name}")
    return rate


def _tracking(line: Line, situation: Situation, draft: _Draft) -> tuple[tuple[str, str], ...]:
    options = {
        (same(category), same(option)): (category_id, option_id)
        for category, option, category_id, option_id in situation.books.tracking
    }
    chosen = []
    for row in situation.mappings.tracking_of(line.billing_code or NO_CODE, line.line_type):
        found = options.get((same(row.category), same(row.option)))
        if found is None:
            draft.warnings.append(f"Xero has no tracking option “{row.category}: {row.option}”; it was left out.")
        else:
            chosen.append(found)
    return tuple(chosen[:2])


def _evened_out(
    invoice: Invoice,
    situation: Situation,
    draft: _Draft,
    lines: tuple[DocumentLine, ...],
    prices: list[Priced],
    sign: int,
) -> tuple[tuple[DocumentLine, ...], Totals]:
    """Compare with Autotask's header; even out cents, or say what does not match."""
    settings = situation.settings
    reached = totals(prices, "Exclusive", _places(settings))
    wanted = _wanted(invoice, settings, sign, reached)
    net_gap, tax_gap = wanted.net - reached.net, wanted.tax - reached.tax
    gap = net_gap + tax_gap
    if rounded(sign * invoice.tax) != reached.tax and settings.tax_from == "Xero, ignore Autotask's tax":
        draft.warnings.append(f"Tax in Xero {reached.tax}, in Autotask {rounded(sign * invoice.tax)}.")
    if max(abs(net_gap), abs(tax_gap), abs(gap)) > settings.rounding_up_to or _tax_rates_differ(
        invoice, prices, settings
    ):
        draft.faults.append(_mismatch(invoice, situation, reached, wanted, sign))
        return lines, reached
    if not gap:
        return lines, reached
    code = settings.rounding_account or getattr(situation.books.rounding_account, "code", "")
    account = situation.books.account(code)
    if account is None or not account.is_active:
        draft.faults.append(
            fault("AX-203", f"{gap} must be rounded, but the rounding account “{code}” is not in Xero or is archived.")
        )
        return lines, reached
    draft.decisions.append(f"Rounding line of {gap} on account {account.code}")
    rounding = DocumentLine(
        "Rounding",
        Decimal(1),
        gap,
        account.code,
        _NO_TAX_TYPE,
        ZERO if settings.tax_from == "Autotask" else None,
        expected=Totals(gap, ZERO),
    )
    return (*lines, rounding), Totals(reached.net + gap, reached.tax)


def _wanted(invoice: Invoice, settings: Settings, sign: int, reached: Totals) -> Totals:
    """The sums to be reached: Autotask's total in cents, split so that net and tax add up to it."""
    if settings.tax_from == "Xero, ignore Autotask's tax":
        return Totals(rounded(sign * invoice.net), reached.tax)
    tax = rounded(sign * invoice.tax)
    return Totals(rounded(sign * invoice.total) - tax, tax)


def _tax_rates_differ(invoice: Invoice, prices: list[Priced], settings: Settings) -> bool:
    """Whether some line's tax is more than a cent off: then it is the rate that differs, not the rounding."""
    if settings.tax_from != "Xero, must agree with Autotask" or len(prices) != len(invoice.lines):
        return False
    places = _places(settings)
    return any(
        abs(abs(line_tax(line_amount(price.quantity, price.unit, places), price.rate, "Exclusive")) - abs(line.tax))
        > CENT + abs(rounded(line.net) - line.net)
        for price, line in zip(prices, invoice.lines, strict=True)
    )


def _mismatch(invoice: Invoice, situation: Situation, reached: Totals, wanted: Totals, sign: int) -> Fault:
    currency = invoice.currency or situation.books.organisation.base_currency
    lines = sum((rounded(line.net) for line in invoice.lines), ZERO)
    line_tax_sum = sum((line.tax for line in invoice.lines), ZERO)
    short = abs(rounded(invoice.net)) - abs(lines)
    tax_is_short = abs(invoice.tax) - abs(line_tax_sum) > CENT * len(invoice.lines)
    if short > situation.settings.rounding_up_to and (tax_is_short or not invoice.lines):
        return fault(
            "AX-112",
            f"Autotask's total before tax is {rounded(invoice.net)} {currency}, but the "
            f"{counted(len(invoice.lines), 'line')} that the API user may see come to {lines}: {short} is missing.",
            lines="",
        )
    cure = (
        "Compare the lines with the total in Autotask, and check that the API user may see all lines of business; "
        "then press Resync."
    )
    if not situation.settings.four_decimals and _four_would_do(invoice, situation, sign):
        cure = "Set “Four decimal places” to Yes and press Resync: then the amounts agree."
    elif abs(wanted.tax - reached.tax) > abs(wanted.net - reached.net):
        cure = (
            "The tax differs: check the row of this tax region in TaxMap on the sheet Mappings, or set “Tax comes "
            "from” to Autotask or to “Xero, ignore Autotask's tax”; then press Resync."
        )
    return fault(
        "AX-106",
        f"Autotask: {wanted.net} + tax {wanted.tax} = {wanted.total} {currency}. "
        f"Xero would make it {reached.net} + tax {reached.tax} = {reached.total}. "
        f"Difference {wanted.total - reached.total} (tax {wanted.tax - reached.tax}).",
        cure=cure,
    )


def _four_would_do(invoice: Invoice, situation: Situation, sign: int) -> bool:
    four = replace(situation, settings=replace(situation.settings, four_decimals=True))
    draft = _Draft([], [], [], [])
    lines, prices = _lines(invoice, four, draft, sign)
    _evened_out(invoice, four, draft, lines, prices, sign)
    return not draft.faults
