"""Single mapping rows that a file of answers gives: each is carried out, or the setup refuses and names the line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from agent import verbs
from agent.autotask.models import NamedRow
from agent.domain.mappings import ANY, NO_TAX, same
from agent.domain.suggest import nearest
from agent.errors import PlainError
from agent.guide import Guide

NO_REGION = "(no tax region)"
_ALL = {"op": "gte", "field": "id", "value": 0}
_AGAIN = "Correct the line and run it again: it goes on here."


def accounts(guide: Guide) -> None:
    """Carry out the table ``[account]``.

    Raises:
        PlainError: A line names what Autotask or Xero does not have.
    """
    if guide.talk.table("account"):
        types = guide.desk.autotask.labels("BillingItems", "billingItemType").values()
        filled = {(row.billing_code, row.line_type): row.account for row in guide.desk.reading.mappings.accounts}
        names = {"billing code": _known(guide, "AccountMap", "BillingCodes"), "line type": types}
        _carry_out(guide, "account", names, filled)


def taxes(guide: Guide) -> None:
    """Carry out the table ``[tax]``.

    Raises:
        PlainError: A line names what Autotask or Xero does not have.
    """
    if guide.talk.table("tax"):
        rows = guide.desk.autotask.query("TaxCategories", NamedRow, _ALL)
        categories = [NO_TAX, *((row.name or "").strip() for row in rows)]
        filled = {(row.tax_region, row.tax_category): row.tax_rate for row in guide.desk.reading.mappings.taxes}
        names = {"tax region": [NO_REGION, *_known(guide, "TaxMap", "TaxRegions")], "tax category": categories}
        _carry_out(guide, "tax", names, filled)


def contacts(guide: Guide) -> None:
    """Carry out the table ``[contact]``, in which a customer is named or given by the company's Autotask id.

    Raises:
        PlainError: A line names what Autotask or Xero does not have.
    """
    filled = {
        (same(name), row.contact)
        for row in guide.desk.reading.mappings.contacts
        for name in (row.company, str(row.company_id))
    }
    for key, contact in guide.talk.table("contact").items():
        if (same(key), contact) not in filled:
            _map(guide, "contact", key, key, contact)
    guide.fresh()


def _known(guide: Guide, table: str, listed: str) -> list[str]:
    """Billing codes or tax regions: those that Autotask lists, and those that invoices bear."""
    lists = json.loads(guide.desk.ledger.fact("lists") or "{}")
    return [*lists.get(listed, ()), *(first for name, first, _, _ in guide.desk.ledger.missing() if name == table)]


def _carry_out(
    guide: Guide, table: str, names: Mapping[str, Collection[str]], filled: Mapping[tuple[str, str], str]
) -> None:
    """Map what a table of two keys says, spelt as Autotask does; a line that cannot be read stops all of them.

    Args:
        guide: Whom it asks, and what it works with.
        table: ``account`` or ``tax``.
        names: What the first part of a key is called and may be, and the same of the second, which may be left out.
        filled: What the sheet says already.
    """
    wanted = []
    (first_noun, firsts), (second_noun, seconds) = names.items()
    for line, target in guide.talk.table(table).items():
        first, _, second = (part.strip() for part in line.partition("·"))
        key = (
            _spelt(table, line, first_noun, first, firsts),
            _spelt(table, line, second_noun, second, [ANY, *seconds]) if second else "",
        )
        wanted.append((line, key, target))
    for line, key, target in wanted:
        if filled.get(key) != target:
            _map(guide, table, line, " · ".join(filter(None, key)), target)
    guide.fresh()


def _spelt(table: str, line: str, noun: str, typed: str, names: Iterable[str]) -> str:
    """The name as Autotask has it."""
    names = list(filter(None, names))
    found = next((name for name in names if same(name) == same(typed)), "")
    if not found:
        raise _refused(table, line, f"Autotask shows no {noun} “{typed}”. {nearest(typed, names)}".strip())
    return found


def _map(guide: Guide, table: str, line: str, key: str, target: str) -> None:
    try:
        verbs.map_value(guide.desk, table, key, target)
    except PlainError as error:
        raise _refused(table, line, f"{error.message} {error.next_step}") from None


def _refused(table: str, line: str, why: str) -> PlainError:
    return PlainError(f"The line “{line}” in the table [{table}] of the file of answers: {why}", _AGAIN)
