"""Addresses open the right page of the right organisation, or are not offered at all."""

from __future__ import annotations

from agent.domain.links import Addresses

HERE = Addresses("!Qj35V", "https://ww5.autotask.net/")
GUID = "243216c5-369e-4056-ac67-05388f86dc81"


def test_documents_open_in_their_organisation() -> None:
    """The forms are Xero's documented ones."""
    start = "https://go.xero.com/organisationlogin/default.aspx?shortcode=!Qj35V&redirecturl=/AccountsReceivable/"
    assert HERE.document("Invoice", GUID) == f"{start}View.aspx?InvoiceID={GUID}"
    assert HERE.document("Credit note", GUID) == f"{start}ViewCreditNote.aspx?creditNoteID={GUID}"


def test_customers_open_in_autotask() -> None:
    """The form is Autotask's documented command; a blank stroke at the end of the address does not matter."""
    command = "/Autotask/AutotaskExtend/ExecuteCommand.aspx?Code=OpenAccount&AccountID=174"
    assert HERE.customer(174) == f"https://ww5.autotask.net{command}"
    assert Addresses(autotask_url="https://ww5.autotask.net").customer(174) == HERE.customer(174)


def test_no_address_is_better_than_a_wrong_one() -> None:
    """Without the short code Xero would open whichever organisation was looked at last."""
    assert Addresses("", "").document("Invoice", GUID) == ""
    assert HERE.document("Invoice", None) == ""
    assert HERE.document("", GUID) == ""
    assert Addresses("!Qj35V", "").customer(174) == ""
    assert Addresses("", "javascript:alert(1)").customer(174) == ""
    assert HERE.customer(None) == ""


def test_nothing_slips_into_an_address() -> None:
    """An id with characters of its own cannot add to the address."""
    assert HERE.document("Invoice", "x&y=z").endswith("InvoiceID=x%26y%3Dz")
