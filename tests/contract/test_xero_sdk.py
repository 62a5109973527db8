"""The official xero-python SDK works against the pretend Xero without knowing it is one."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import urllib3

from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Trouble
from agent.pretend.xero_records import Account


class Sdk:
    """The SDK's API objects, pointed at a cloud."""

    def __init__(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        client = importlib.import_module("xero_python.api_client")
        oauth = importlib.import_module("xero_python.api_client.oauth2")
        settings = importlib.import_module("xero_python.api_client.configuration")
        for name in ("refresh_token_url", "client_credentials_token_url"):
            monkeypatch.setattr(oauth.TokenApi, name, f"{cloud.url}/connect/token")
        monkeypatch.setattr(oauth.TokenApi, "revoke_token_url", f"{cloud.url}/connect/revocation")
        granted = cloud.xero.sign_in.grant(cloud.xero.app.scopes)
        self.held: dict[str, Any] = granted | {
            "scope": sorted(cloud.xero.app.scopes),
            "expires_at": time.time() + 1800,
        }
        app = cloud.xero.app
        self.token = oauth.OAuth2Token(client_id=app.client_id, client_secret=app.secret)
        self.client = client.ApiClient(
            settings.Configuration(oauth2_token=self.token),
            pool_threads=1,
            oauth2_token_getter=lambda: self.held,
            oauth2_token_saver=self.held.update,
        )
        # Its hidden retries would sleep as long as a Retry-After says.
        pool = self.client.rest_client.pool_manager
        pool.connection_pool_kw["retries"] = urllib3.util.Retry(0, respect_retry_after_header=False)
        base = f"{cloud.url}/api.xro/2.0"
        self.accounting = importlib.import_module("xero_python.accounting").AccountingApi(self.client, base_url=base)
        self.identity = importlib.import_module("xero_python.identity").IdentityApi(self.client, base_url=cloud.url)
        self.tenant = cloud.xero.tenant_id
        self.errors: Any = importlib.import_module("xero_python.exceptions")


@pytest.fixture
def sdk(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sdk]:
    cloud.xero.connect()
    made = Sdk(cloud, monkeypatch)
    yield made
    made.client.rest_client.pool_manager.clear()


@pytest.fixture
def body(cloud: Cloud) -> dict[str, Any]:
    contact = cloud.xero.add_contact("Kowhai Ltd")
    return {
        "Type": "ACCREC",
        "Contact": {"ContactID": contact},
        "InvoiceNumber": "A-1",
        "Status": "AUTHORISED",
        "Date": "2026-11-20",
        "DueDate": "2026-12-20",
        "LineItems": [{"Description": "Work", "Quantity": 2, "UnitAmount": 10.5, "AccountCode": "200"}],
    }


def test_tokens_and_connections(cloud: Cloud, sdk: Sdk) -> None:
    """It refreshes with its secret in the body, sees the connection and revokes."""
    before = sdk.held["refresh_token"]
    refreshed = sdk.client.refresh_oauth2_token()
    assert refreshed["refresh_token"] != before
    sdk.held.update(refreshed)
    (connection,) = sdk.identity.get_connections()
    assert str(connection.tenant_id) == cloud.xero.tenant_id
    assert connection.tenant_name == "Pretend Company (NZ)"
    sdk.client.revoke_oauth2_token()
    assert cloud.xero.sign_in.connections == {}


def test_settings(cloud: Cloud, sdk: Sdk) -> None:
    """Organisation, accounts, tax rates, currencies, themes, tracking and items parse strictly."""
    cloud.xero.add_tracking("Region", "North")
    cloud.xero.add_item("W1", "Work", unit_price="9.50")
    cloud.xero.set_lock_dates(cloud.now().date())
    accounting, tenant = sdk.accounting, sdk.tenant
    (organisation,) = accounting.get_organisations(tenant).organisations
    assert (organisation.name, organisation.base_currency.value) == ("Pretend Company (NZ)", "NZD")
    assert organisation.period_lock_date == cloud.now().date()
    assert "UseMulticurrency" in {entry.name for entry in accounting.get_organisation_actions(tenant).actions}
    accounts = {entry.code: entry for entry in accounting.get_accounts(tenant).accounts}
    assert accounts["860"].system_account == "ROUNDING"
    rates = {entry.tax_type: entry.effective_rate for entry in accounting.get_tax_rates(tenant).tax_rates}
    assert rates["OUTPUT2"] == Decimal(15)
    assert [entry.code.value for entry in accounting.get_currencies(tenant).currencies] == ["NZD", "AUD"]
    accounting.create_currency(tenant, {"Code": "EUR", "Description": "Euro"})
    assert "EUR" in cloud.xero.organisation.currencies
    assert accounting.get_branding_themes(tenant).branding_themes[0].name == "Standard"
    assert accounting.get_tracking_categories(tenant).tracking_categories[0].options[0].name == "North"
    assert accounting.get_items(tenant).items[0].sales_details.unit_price == Decimal("9.5")


def test_contacts(cloud: Cloud, sdk: Sdk) -> None:
    """Create, change, list and find contacts."""
    accounting, tenant = sdk.accounting, sdk.tenant
    person = {"Name": "Kowhai Ltd", "ContactNumber": "7", "EmailAddress": "ana@kowhai.nz"}
    (made,) = accounting.create_contacts(tenant, {"Contacts": [person]}, idempotency_key="k1").contacts
    change = {"Contacts": [{"FirstName": "Ana"}]}
    (changed,) = accounting.update_contact(tenant, made.contact_id, change).contacts
    assert (changed.first_name, changed.email_address) == ("Ana", "ana@kowhai.nz")
    cloud.xero.add_contact("Rimu Ltd")
    found = accounting.get_contacts(tenant, where='Name=="KOWHAI LTD"', page=1, include_archived=True)
    assert [entry.contact_id for entry in found.contacts] == [made.contact_id]
    assert accounting.get_contact_by_contact_number(tenant, "7").contacts[0].name == "Kowhai Ltd"
    assert accounting.get_contact(tenant, made.contact_id).contacts[0].phones[0].phone_type == "DEFAULT"


def test_invoices(sdk: Sdk, body: dict[str, Any]) -> None:
    """Create, read in both ways, change, void, with money as Decimal."""
    accounting, tenant = sdk.accounting, sdk.tenant
    draft = body | {"Status": "DRAFT"}
    (made,) = accounting.create_invoices(
        tenant, {"Invoices": [draft]}, summarize_errors=False, unitdp=4, idempotency_key="k1"
    ).invoices
    assert (made.status_attribute_string, made.total) == ("OK", Decimal("24.15"))
    assert made.line_items[0].tax_amount == Decimal("3.15")
    change = {"Invoices": [{"Status": "AUTHORISED", "Reference": "PO 7"}]}
    (changed,) = accounting.update_invoice(tenant, made.invoice_id, change).invoices
    assert (changed.status, changed.reference) == ("AUTHORISED", "PO 7")
    found = accounting.get_invoices(
        tenant, where='Type=="ACCREC"', page=1, page_size=2, unitdp=4, statuses=["AUTHORISED"], i_ds=[made.invoice_id]
    )
    assert found.pagination.item_count == 1
    assert found.invoices[0].due_date.isoformat() == "2026-12-20"
    (read,) = accounting.get_invoice(tenant, "A-1").invoices
    assert (read.amount_due, read.contact.name) == (Decimal("24.15"), "Kowhai Ltd")
    void = {"Invoices": [{"InvoiceID": made.invoice_id, "Status": "VOIDED"}]}
    (gone,) = accounting.update_or_create_invoices(tenant, void, summarize_errors=False).invoices
    assert gone.status == "VOIDED"


def test_credit_notes_payments_and_allocations(cloud: Cloud, sdk: Sdk, body: dict[str, Any]) -> None:
    """A credit note pays a part of an invoice, money the rest."""
    accounting, tenant = sdk.accounting, sdk.tenant
    (invoice,) = accounting.create_invoices(tenant, {"Invoices": [body]}).invoices
    line = {"Description": "Back", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200"}
    note = body | {"Type": "ACCRECCREDIT", "CreditNoteNumber": "C-1", "LineItems": [line]}
    (credit,) = accounting.create_credit_notes(tenant, {"CreditNotes": [note]}, summarize_errors=False).credit_notes
    assert credit.remaining_credit == Decimal("11.5")
    part = {"Allocations": [{"Amount": 11.5, "Invoice": {"InvoiceID": invoice.invoice_id}, "Date": "2026-11-20"}]}
    accounting.create_credit_note_allocation(tenant, credit.credit_note_id, part)
    bank = next(account for account in cloud.xero.organisation.accounts.values() if account.type == "BANK")
    assert isinstance(bank, Account)
    money = {"Invoice": {"InvoiceID": invoice.invoice_id}, "Account": {"Code": bank.code}, "Amount": 12.65}
    (payment,) = accounting.create_payments(tenant, {"Payments": [money | {"Date": "2026-11-20"}]}).payments
    (paid,) = accounting.get_invoice(tenant, invoice.invoice_id).invoices
    assert (paid.status, paid.amount_credited, paid.amount_paid) == ("PAID", Decimal("11.5"), Decimal("12.65"))
    assert paid.fully_paid_on_date.isoformat() == "2026-11-20"
    accounting.delete_payment(tenant, payment.payment_id, {"Status": "DELETED"})
    assert cloud.xero.document("A-1").status == "AUTHORISED"
    (read,) = accounting.get_credit_note(tenant, "C-1").credit_notes
    assert read.allocations[0].amount == Decimal("11.5")


def test_history_and_attachments(sdk: Sdk, body: dict[str, Any]) -> None:
    """Notes, files, the online address and the PDF."""
    accounting, tenant = sdk.accounting, sdk.tenant
    (made,) = accounting.create_invoices(tenant, {"Invoices": [body]}).invoices
    accounting.create_invoice_history(tenant, made.invoice_id, {"HistoryRecords": [{"Details": "Copied"}]})
    assert accounting.get_invoice_history(tenant, made.invoice_id).history_records[0].details == "Copied"
    (file,) = accounting.create_invoice_attachment_by_file_name(
        tenant, made.invoice_id, "a.txt", b"hello", include_online=True
    ).attachments
    assert (file.file_name, file.content_length) == ("a.txt", 5)
    (listed,) = accounting.get_invoice_attachments(tenant, made.invoice_id).attachments
    assert listed.attachment_id == file.attachment_id
    assert accounting.get_online_invoice(tenant, made.invoice_id).online_invoices[0].online_invoice_url


class TestErrors:
    def test_validation(self, sdk: Sdk, body: dict[str, Any]) -> None:
        """A 400 gives the first message; separate errors parse too, dates included."""
        with pytest.raises(sdk.errors.AccountingBadRequestException) as caught:
            sdk.accounting.create_invoices(sdk.tenant, {"Invoices": [body | {"CurrencyCode": "EUR"}]})
        assert "not subscribed to currency EUR" in str(caught.value)
        bad = sdk.accounting.create_invoices(
            sdk.tenant, {"Invoices": [body | {"CurrencyCode": "EUR"}]}, summarize_errors=False
        ).invoices[0]
        assert bad.status_attribute_string == "ERROR"
        assert bad.validation_errors[0].message == "Organisation is not subscribed to currency EUR"
        assert bad.invoice_id == "00000000-0000-0000-0000-000000000000"

    @pytest.mark.parametrize(("kind", "status"), [("429-minute", 429), ("503", 503), ("500", 500)])
    def test_troubles(self, cloud: Cloud, sdk: Sdk, kind: str, status: int) -> None:
        """Injected refusals reach the SDK as its own exceptions."""
        cloud.troubles.add(Trouble(kind, system="xero"))
        with pytest.raises(sdk.errors.HTTPStatusException) as caught:
            sdk.accounting.get_accounts(sdk.tenant)
        assert caught.value.status == status

    def test_signed_out_wrong_tenant_and_missing(self, cloud: Cloud, sdk: Sdk) -> None:
        """401, 403 and 404."""
        with pytest.raises(sdk.errors.HTTPStatusException) as missing:
            sdk.accounting.get_invoice(sdk.tenant, "nothing")
        with pytest.raises(sdk.errors.HTTPStatusException) as wrong:
            sdk.accounting.get_accounts("wrong")
        assert (missing.value.status, wrong.value.status) == (404, 403)
        cloud.xero.sign_in.expire_all()
        with pytest.raises(sdk.errors.HTTPStatusException) as caught:
            sdk.accounting.get_accounts(sdk.tenant)
        assert caught.value.status == 401
