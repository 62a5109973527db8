"""Addresses that open a document in Xero or a customer in Autotask, in the forms that the two vendors document."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

_LOGIN = "https://go.xero.com/organisationlogin/default.aspx"
_PAGES = {
    "Invoice": "/AccountsReceivable/View.aspx?InvoiceID=",
    "Credit note": "/AccountsReceivable/ViewCreditNote.aspx?creditNoteID=",
}
_COMPANY = "/Autotask/AutotaskExtend/ExecuteCommand.aspx?Code=OpenAccount&AccountID="


@dataclass(frozen=True)
class Addresses:
    """Where the two systems' own pages are.

    Attributes:
        short_code: Xero's short code of the organisation, such as ``!Qj35V``: it opens the right organisation whichever
            one the person looked at last.
        autotask_url: The address of the tenant's Autotask web site, as zone discovery gives it.
    """

    short_code: str = ""
    autotask_url: str = ""

    def document(self, kind: str, xero_id: str | None) -> str:
        """The page of an ``Invoice`` or ``Credit note`` in Xero (developer.xero.com, “Deep link to Xero”).

        Blank where the organisation's short code is not known: without it Xero may open another organisation.
        """
        page = self._pages.get(kind)
        return page + quote(xero_id) if page and xero_id else ""

    @cached_property
    def _pages(self) -> dict[str, str]:
        start = f"{_LOGIN}?shortcode={quote(self.short_code, safe='!')}&redirecturl="
        return {kind: start + page for kind, page in _PAGES.items()} if self.short_code else {}

    def customer(self, company_id: int | None) -> str:
        """The page of a company in Autotask (Autotask's “ExecuteCommand API”, which has no command for invoices).

        Blank where Autotask's address or the company is not known.
        """
        return f"{self._company}{company_id}" if company_id and self._company else ""

    @cached_property
    def _company(self) -> str:
        is_address = self.autotask_url.startswith(("https://", "http://"))
        return self.autotask_url.rstrip("/") + _COMPANY if is_address else ""


NOWHERE = Addresses()
"""No addresses: all text stays plain."""
