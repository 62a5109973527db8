"""What the Xero organisation offers and allows: the part of the books that an invoice needs."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import NewType, TypeVar

from agent.domain.labels import account_code, tax_type

XeroId = NewType("XeroId", str)
"""The id of a document in Xero, a GUID."""

ContactId = NewType("ContactId", str)
"""The id of a contact in Xero, a GUID."""

_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class Account:
    """A ledger account of Xero."""

    code: str
    name: str
    is_active: bool = True
    takes_sales: bool = True
    system: str = ""
    is_income: bool = True


@dataclass(frozen=True)
class TaxRate:
    """A tax rate of Xero; ``rate`` in per cent."""

    tax_type: str
    name: str
    rate: Decimal
    is_active: bool = True


@dataclass(frozen=True)
class Contact:
    """A contact of Xero.

    Attributes:
        terms: Its sales terms as (days, Xero's kind), where it has some.
        person: First name, last name and e-mail address of the person it names.
    """

    id: ContactId
    name: str
    number: str = ""
    account_number: str = ""
    is_active: bool = True
    merged_into: ContactId | None = None
    terms: tuple[int, str] | None = None
    person: tuple[str, str, str] = ("", "", "")


@dataclass(frozen=True)
class Organisation:
    """The organisation itself; lock dates are the last closed day."""

    tenant_id: str
    name: str
    base_currency: str
    short_code: str = ""
    pays_tax: bool = True
    period_lock: date | None = None
    year_lock: date | None = None
    country: str = ""

    @property
    def locked_until(self) -> date | None:
        """The last day of the closed period."""
        return max((day for day in (self.period_lock, self.year_lock) if day), default=None)


def one_blank(name: str) -> str:
    """The name as Xero holds names: no blanks at the ends, single ones between words."""
    return " ".join(name.split())


def folded(name: str) -> str:
    """What is left of a name without case, blanks, accents, macrons and punctuation."""
    return re.sub(r"[\W_]+", "", _bare(name)) or one_blank(name)


def _bare(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _exact(name: str) -> str:
    return one_blank(name).casefold()


def _words(name: str) -> str:
    """The words and numbers of a name, with single blanks between them: ``12.5% GST`` is not ``125 % GST``."""
    return " ".join(re.findall(r"\d+|[^\W\d_]+", _bare(name)))


@dataclass(frozen=True)
class Books:
    """Everything of the organisation that planning looks at."""

    organisation: Organisation
    currencies: frozenset[str] = frozenset()
    accounts: tuple[Account, ...] = ()
    tax_rates: tuple[TaxRate, ...] = ()
    contacts: tuple[Contact, ...] = ()
    branding_themes: tuple[tuple[str, str], ...] = ()
    tracking: tuple[tuple[str, str, str, str], ...] = ()
    """Active options as (category, option, category id, option id)."""

    @cached_property
    def _accounts(self) -> dict[str, Account]:
        return {account.code.casefold(): account for account in self.accounts if account.code}

    @cached_property
    def _accounts_named(self) -> Mapping[str, Account]:
        return _unmistakable(((item, (item.name,)) for item in self._accounts.values() if item.is_active), _exact)

    @cached_property
    def _accounts_called(self) -> Mapping[str, Account]:
        return _unmistakable((item, (item.code, item.name)) for item in self._accounts.values() if item.is_active)

    @cached_property
    def _rates(self) -> dict[str, TaxRate]:
        by_name = {one_blank(rate.name).casefold(): rate for rate in self.tax_rates if rate.is_active}
        return by_name | {rate.tax_type.casefold(): rate for rate in self.tax_rates}

    @cached_property
    def _rates_called(self) -> Mapping[str, TaxRate]:
        return _unmistakable((item, (item.name, item.tax_type)) for item in self.tax_rates if item.is_active)

    @cached_property
    def contacts_by_id(self) -> dict[str, Contact]:
        """Contacts by Xero's id."""
        return {contact.id: contact for contact in self.contacts}

    @cached_property
    def contacts_by_name(self) -> dict[str, list[Contact]]:
        """Contacts by their folded name: those that differ at most in case, blanks, accents and punctuation."""
        return _grouped((folded(contact.name), contact) for contact in self.contacts)

    @cached_property
    def contacts_by_number(self) -> dict[str, list[Contact]]:
        """Contacts by Xero's contact number."""
        return _grouped((contact.number, contact) for contact in self.contacts if contact.number)

    @cached_property
    def contacts_by_account_number(self) -> dict[str, list[Contact]]:
        """Contacts by their account number."""
        return _grouped((contact.account_number, contact) for contact in self.contacts if contact.account_number)

    def account(self, typed: str) -> Account | None:
        """The account of that code; else the only active one of that name; else that of a label, or however written.

        A code or name that is there as it was typed counts first: ``Hardware (SALES)`` is no label of another account.
        """
        whole = _exact(typed)
        return (
            self._accounts.get(whole)
            or self._accounts_named.get(whole)
            or self._accounts.get(account_code(whole))
            or self._accounts_called.get(_words(typed))
        )

    def tax_rate(self, typed: str) -> TaxRate | None:
        """The tax rate of that TaxType or name; else that of a label, or however it is punctuated."""
        whole = one_blank(typed)
        return (
            self._rates.get(whole.casefold())
            or self._rates.get(tax_type(whole).casefold())
            or self._rates_called.get(_words(typed))
        )

    def branding_theme(self, name: str) -> str | None:
        """The id of the branding theme of that name."""
        wanted = one_blank(name).casefold()
        exact = (key for key, known in self.branding_themes if one_blank(known).casefold() == wanted)
        called = _unmistakable((key, (known,)) for key, known in self.branding_themes)
        return next(exact, None) or called.get(_words(name))

    @cached_property
    def rounding_account(self) -> Account | None:
        """Xero's own account for rounding."""
        return next((account for account in self.accounts if account.system == "ROUNDING"), None)


def _unmistakable(
    items: Iterable[tuple[_Entry, tuple[str, ...]]], written: Callable[[str], str] = _words
) -> dict[str, _Entry]:
    """Entries by each of their names, and by all of them together, where no other one is called so."""
    found: defaultdict[str, list[_Entry]] = defaultdict(list)
    for entry, names in items:
        for form in {written(name) for name in (*names, " ".join(names))} - {""}:
            found[form].append(entry)
    return {form: entries[0] for form, entries in found.items() if len(entries) == 1}


def _grouped(pairs: Iterable[tuple[str, Contact]]) -> dict[str, list[Contact]]:
    groups: defaultdict[str, list[Contact]] = defaultdict(list)
    for key, contact in pairs:
        groups[key].append(contact)
    return dict(groups)
