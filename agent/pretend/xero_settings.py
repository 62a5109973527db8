"""The endpoints of the settings of the pretend Xero, and of its contacts and payments."""

from __future__ import annotations

from collections.abc import Callable

from werkzeug import Response

from agent.pretend.wire import JsonObject
from agent.pretend.xero_ask import Ask, exception_answer, not_found, not_implemented, validation_answer
from agent.pretend.xero_contacts import TEXT_FIELDS, contact_facts, contact_summary, save_contact
from agent.pretend.xero_document_endpoints import documents_endpoint, history_endpoint
from agent.pretend.xero_lists import Listing, answer_list
from agent.pretend.xero_payments import delete_payment, save_payment
from agent.pretend.xero_records import Contact, Document, Payment, TrackingCategory, TrackingOption
from agent.pretend.xero_sent import Sent
from agent.pretend.xero_shapes import envelope, payment_facts
from agent.pretend.xero_where import WhereError, read_where

REPORT_TYPES = {"INPUT2": "INPUT", "NONE": "NONE", "EXEMPTOUTPUT": "EXEMPTOUTPUT", "ZERORATED": "ZERORATEDOUTPUT"}
"""Where tax rates belong in the return; the other rates are plain OUTPUT."""


def _only_get(ask: Ask, name: str, elements: list[JsonObject], *keys: str) -> Response:
    """Answer a settings list, or one element of it by any of its keys."""
    if ask.method != "GET":
        return not_implemented()
    if ask.path:
        elements = [
            element for element in elements if ask.path[0].lower() in {str(element[key]).lower() for key in keys}
        ]
        return envelope(ask.books, name, elements) if elements else not_found()
    if ask.text("where") and elements:
        try:
            test = read_where(ask.text("where"), name.removesuffix("s"), elements[0])
        except WhereError as error:
            return exception_answer(16, "QueryParseException", str(error))
        elements = [element for element in elements if test(element)]
    return envelope(ask.books, name, elements)


def organisation_endpoint(ask: Ask) -> Response:
    """Answer ``/Organisation`` and ``/Organisation/Actions``."""
    organisation = ask.books.organisation
    if ask.method != "GET":
        return not_implemented()
    if [part.lower() for part in ask.path] == ["actions"]:
        actions = [
            {"Name": name, "Status": "ALLOWED" if is_allowed else "NOT-ALLOWED"}
            for name, is_allowed in organisation.actions.items()
        ]
        return envelope(ask.books, "Actions", actions)
    facts: JsonObject = {
        "Name": organisation.name,
        "LegalName": organisation.name,
        "PaysTax": organisation.pays_tax,
        "Version": "NZ" if organisation.country == "NZ" else "GLOBAL",
        "OrganisationType": "COMPANY",
        "BaseCurrency": organisation.base_currency,
        "CountryCode": organisation.country,
        "IsDemoCompany": True,
        "OrganisationStatus": "ACTIVE",
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 3,
        "DefaultSalesTax": "Tax Exclusive",
        "PeriodLockDate": organisation.lock_date,
        "EndOfYearLockDate": organisation.year_lock_date,
        "Timezone": organisation.time_zone,
        "OrganisationEntityType": "COMPANY",
        "ShortCode": organisation.short_code,
        "Class": "DEMO",
        "OrganisationID": organisation.tenant_id,
    }
    return envelope(ask.books, "Organisations", [facts])


def accounts_endpoint(ask: Ask) -> Response:
    """Answer ``/Accounts``."""
    elements: list[JsonObject] = [
        {
            "AccountID": account.id,
            "Code": account.code,
            "Name": account.name,
            "Status": account.status,
            "Type": account.type,
            "TaxType": account.tax_type,
            "Class": account.group,
            "SystemAccount": account.system or None,
            "EnablePaymentsToAccount": False,
            "ShowInExpenseClaims": False,
            "BankAccountNumber": "0908070065433202" if account.type == "BANK" else None,
            "BankAccountType": "BANK" if account.type == "BANK" else None,
            "CurrencyCode": ask.books.organisation.base_currency if account.type == "BANK" else None,
            "ReportingCode": account.group[:3],
            "HasAttachments": False,
            "UpdatedDateUTC": ask.books.now().replace(microsecond=0),
        }
        for account in ask.books.organisation.accounts.values()
    ]
    return _only_get(ask, "Accounts", elements, "AccountID", "Code")


def tax_rates_endpoint(ask: Ask) -> Response:
    """Answer ``/TaxRates``."""
    elements: list[JsonObject] = [
        {
            "Name": rate.name,
            "TaxType": rate.type,
            "ReportTaxType": REPORT_TYPES.get(rate.type, "OUTPUT"),
            "CanApplyToAssets": "ASSET" in rate.uses,
            "CanApplyToEquity": "EQUITY" in rate.uses,
            "CanApplyToExpenses": "EXPENSE" in rate.uses,
            "CanApplyToLiabilities": "LIABILITY" in rate.uses,
            "CanApplyToRevenue": "REVENUE" in rate.uses,
            "DisplayTaxRate": rate.rate,
            "EffectiveRate": rate.rate,
            "Status": rate.status,
            "TaxComponents": [{"Name": rate.name, "Rate": rate.rate, "IsCompound": False, "IsNonRecoverable": False}],
        }
        for rate in ask.books.organisation.tax_rates.values()
    ]
    return _only_get(ask, "TaxRates", elements, "TaxType")


def currencies_endpoint(ask: Ask) -> Response:
    """Answer ``/Currencies``: the list, and PUT to subscribe to one more."""
    organisation = ask.books.organisation
    if ask.method in {"PUT", "POST"}:
        sent = Sent(ask.elements("Currencies")[0])
        code = (sent.text("Code") or "").upper()
        problem = "" if len(code) == 3 and code.isalpha() else f"'{code}' is not a valid currency code"
        if not organisation.actions.get("UseMulticurrency", False):
            problem = "The organisation's plan does not include multi-currency"
        if problem:
            return validation_answer([{"Code": code, "ValidationErrors": [{"Message": problem}]}])
        organisation.currencies[code] = sent.text("Description") or code
        return envelope(ask.books, "Currencies", [{"Code": code, "Description": organisation.currencies[code]}])
    elements = [{"Code": code, "Description": name} for code, name in organisation.currencies.items()]
    return _only_get(ask, "Currencies", elements, "Code")


def themes_endpoint(ask: Ask) -> Response:
    """Answer ``/BrandingThemes``."""
    elements = [
        {
            "BrandingThemeID": theme,
            "Name": name,
            "SortOrder": place,
            "Type": "INVOICE",
            "CreatedDateUTC": ask.books.now(),
        }
        for place, (theme, name) in enumerate(ask.books.organisation.themes.items())
    ]
    return _only_get(ask, "BrandingThemes", elements, "BrandingThemeID")


def items_endpoint(ask: Ask) -> Response:
    """Answer ``/Items``."""
    elements: list[JsonObject] = [
        {
            "ItemID": item.id,
            "Code": item.code,
            "Name": item.name,
            "Description": item.description,
            "IsSold": True,
            "SalesDetails": {
                "UnitPrice": item.unit_price,
                "AccountCode": item.account_code or None,
                "TaxType": item.tax_type or None,
            },
            "UpdatedDateUTC": ask.books.now(),
        }
        for item in ask.books.organisation.items.values()
    ]
    return _only_get(ask, "Items", elements, "ItemID", "Code")


def tracking_endpoint(ask: Ask) -> Response:
    """Answer ``/TrackingCategories`` and PUT of options below one."""
    organisation = ask.books.organisation
    if ask.method == "PUT" and len(ask.path) == 2 and ask.path[1].lower() == "options":
        category = organisation.tracking.get(ask.path[0].lower())
        if category is None:
            return not_found()
        added = [TrackingOption(Sent(element).text("Name") or "") for element in ask.elements("Options")]
        category.options += added
        return envelope(ask.books, "Options", [_option_facts(option) for option in added])
    if ask.method == "PUT" and not ask.path:
        made = [TrackingCategory(Sent(element).text("Name") or "") for element in ask.elements("TrackingCategories")]
        organisation.tracking |= {category.id: category for category in made}
        return envelope(ask.books, "TrackingCategories", [_category_facts(category) for category in made])
    elements = [
        _category_facts(category)
        for category in organisation.tracking.values()
        if category.status == "ACTIVE" or ask.is_on("includeArchived")
    ]
    return _only_get(ask, "TrackingCategories", elements, "TrackingCategoryID")


def _category_facts(category: TrackingCategory) -> JsonObject:
    return {
        "TrackingCategoryID": category.id,
        "Name": category.name,
        "Status": category.status,
        "Options": [_option_facts(option) for option in category.options],
    }


def _option_facts(option: TrackingOption) -> JsonObject:
    return {"TrackingOptionID": option.id, "Name": option.name, "Status": option.status}


def contacts_endpoint(ask: Ask) -> Response:
    """Answer ``/Contacts``."""
    organisation = ask.books.organisation
    if not ask.path:
        if ask.method == "GET":
            return _list_contacts(ask)
        return _write_contacts(ask, ask.elements("Contacts")) if ask.method in {"PUT", "POST"} else not_implemented()
    wanted = ask.path[0].casefold()
    contact = next((c for c in organisation.contacts.values() if wanted in {c.id, c.number.casefold()}), None)
    if contact is None:
        return not_found()
    return _one_contact(ask, contact)


def _one_contact(ask: Ask, contact: Contact) -> Response:
    if ask.path[1:]:
        return history_endpoint(ask, contact.history) if ask.path[1].lower() == "history" else not_found()
    if ask.method == "POST":
        elements = ask.elements("Contacts")
        body = elements[0] if isinstance(elements[0], dict) else {}
        return _write_contacts(ask, [{**body, "ContactID": contact.id}])
    if ask.method != "GET":
        return not_implemented()
    facts = contact_facts(contact, organisation=ask.books.organisation, has_balances=True)
    return envelope(ask.books, "Contacts", [facts])


def _write_contacts(ask: Ask, elements: list[object]) -> Response:
    outcomes = [save_contact(ask.books, Sent(element), is_create=ask.method == "PUT") for element in elements]
    shown = [outcome.element(is_summary_mode=ask.is_summary_mode) for outcome in outcomes]
    if ask.is_summary_mode and any(outcome.errors for outcome in outcomes):
        return validation_answer([entry for entry, outcome in zip(shown, outcomes, strict=True) if outcome.errors])
    return envelope(ask.books, "Contacts", shown)


def _list_contacts(ask: Ask) -> Response:
    organisation = ask.books.organisation
    contacts = list(organisation.contacts.values())
    ids, has_archived = ask.listed("IDs"), ask.is_on("includeArchived")
    is_paged = bool(ask.text("page"))

    def full(place: int) -> JsonObject:
        return contact_facts(contacts[place], organisation=organisation, has_balances=is_paged)

    def short(place: int) -> JsonObject:
        if ask.is_on("summaryOnly"):
            return contact_summary(contacts[place]) | {"ContactStatus": contacts[place].status}
        return contact_facts(contacts[place])

    def is_wanted(facts: JsonObject) -> bool:
        return (not ids or facts["ContactID"] in ids) and (has_archived or facts["ContactStatus"] == "ACTIVE")

    listing = Listing(
        name="Contacts",
        kind="Contact",
        id_name="ContactID",
        known=contact_facts(Contact("", ask.books.now())) | {"Balances": {}} | dict.fromkeys(TEXT_FIELDS),
        search=("Name", "FirstName", "LastName", "ContactNumber", "EmailAddress"),
        full=full,
        summary=short,
    )
    return answer_list(ask, listing, len(contacts), is_wanted)


def payments_endpoint(ask: Ask) -> Response:
    """Answer ``/Payments``."""
    books = ask.books
    payments = list(books.organisation.payments.values())
    if ask.path:
        payment = books.organisation.payments.get(ask.path[0].lower())
        return not_found() if payment is None else _one_payment(ask, payment)
    if ask.method in {"PUT", "POST"}:
        outcomes = [save_payment(books, Sent(element)) for element in ask.elements("Payments")]
        shown = [outcome.element(is_summary_mode=ask.is_summary_mode) for outcome in outcomes]
        if ask.is_summary_mode and any(outcome.errors for outcome in outcomes):
            return validation_answer([entry for entry, outcome in zip(shown, outcomes, strict=True) if outcome.errors])
        return envelope(books, "Payments", shown)
    if ask.method != "GET":
        return not_implemented()
    nobody = Document("ACCREC", Contact("", books.now()), books.today(), books.now())
    account = next(iter(books.organisation.accounts))
    example = Payment(nobody, account, books.today(), nobody.total, books.now())
    listing = Listing(
        name="Payments",
        kind="Payment",
        id_name="PaymentID",
        known=payment_facts(books, example),
        search=("Reference",),
        full=lambda place: payment_facts(books, payments[place]),
        summary=lambda place: payment_facts(books, payments[place]),
    )
    return answer_list(ask, listing, len(payments), lambda _: True)


def _one_payment(ask: Ask, payment: Payment) -> Response:
    if ask.method == "POST":
        if (Sent(ask.elements("Payments")[0]).text("Status") or "").upper() != "DELETED":
            message = "A payment can only be changed to the status DELETED"
            return validation_answer([{"PaymentID": payment.id, "ValidationErrors": [{"Message": message}]}])
        if payment.status == "AUTHORISED":
            delete_payment(ask.books, payment)
    elif ask.method != "GET":
        return not_implemented()
    return envelope(ask.books, "Payments", [payment_facts(ask.books, payment)])


ENDPOINTS: dict[str, tuple[str, Callable[[Ask], Response]]] = {
    "invoices": ("accounting.invoices", lambda ask: documents_endpoint(ask, "Invoices")),
    "creditnotes": ("accounting.invoices", lambda ask: documents_endpoint(ask, "CreditNotes")),
    "contacts": ("accounting.contacts", contacts_endpoint),
    "payments": ("accounting.payments", payments_endpoint),
    "organisation": ("accounting.settings", organisation_endpoint),
    "organisations": ("accounting.settings", organisation_endpoint),
    "accounts": ("accounting.settings", accounts_endpoint),
    "taxrates": ("accounting.settings", tax_rates_endpoint),
    "currencies": ("accounting.settings", currencies_endpoint),
    "brandingthemes": ("accounting.settings", themes_endpoint),
    "trackingcategories": ("accounting.settings", tracking_endpoint),
    "items": ("accounting.settings", items_endpoint),
}
"""The resources: the scope that each needs (or the same with ``.read`` for reading) and its endpoint."""
