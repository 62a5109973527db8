"""The setup's choices: an account for every billing code, a tax rate for every tax region, a contact for everybody.

Each is suggested with its reason; a person accepts, changes or leaves it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agent import beforehand, verbs
from agent.answers import Question, refuse, yes
from agent.autotask.source import Source
from agent.beforehand import NO_REGION
from agent.domain.contact import Match, match, person
from agent.domain.faults import Fault
from agent.domain.invoice import Customer
from agent.domain.mappings import NO_TAX
from agent.domain.money import rounded
from agent.domain.settings import Settings
from agent.domain.suggest import Suggestion, account_for, tax_rate_for, usual_account
from agent.domain.text import counted
from agent.errors import PlainError
from agent.guide import Guide, named
from agent.views import sums

_LINES_OF = 500
"""So many invoices are enough to see which tax they bear."""
_CLEARLY = 5
"""Points by which one suggested contact must be liker than the next."""


@dataclass
class _Row:
    """A mapping row that is to be filled, or was filled before and may be changed.

    Attributes:
        first: The billing code or the tax region.
        second: The line type or the tax category.
        invoices: Those that wait for it.
        suggestion: What is proposed, or chosen already.
        is_done: It is filled.
    """

    first: str
    second: str
    invoices: list[Mapping[str, Any]]
    suggestion: Suggestion
    is_done: bool = False

    @property
    def key(self) -> str:
        """As it is typed."""
        return f"{self.first} · {self.second}" if self.second else self.first


def accounts(guide: Guide) -> str:
    """Choose an account for every billing code that invoices bear.

    Raises:
        PlainError: No invoice bears any yet.
    """
    guide.preview()
    books = guide.books()
    usual = usual_account(books.accounts)
    known = guide.desk.settings.default_account
    if usual.target or known:
        text = (
            f"Xero has {usual.target} {usual.name} ({usual.why}). It is suggested for billing codes that no account "
            "is called after; “none” leaves it blank."
        )
        question = Question("default_account", "Which account do most sales go to?", known or usual.target, text)
        guide.ask_until(question, lambda answer: _default_account(guide, answer))
    default = guide.desk.settings.default_account
    beforehand.accounts(guide)
    rows = _missing(guide, "AccountMap", lambda first, _: account_for(first, books.accounts, default))
    for row in guide.desk.reading.mappings.accounts:
        account = books.account(row.account)
        rows.append(_chosen(row.billing_code, row.line_type, row.account, account.name if account else ""))
    if not rows and guide.desk.settings.unmapped_code == "Stop":
        raise _too_early(guide, "billing code", "account", "AccountMap")
    left = _settle(guide, "accounts", "account", "accounts", rows)
    count = len(guide.desk.reading.mappings.accounts)
    return f"{counted(count, 'billing code')} mapped{_left(left)}"


def _default_account(guide: Guide, answer: str) -> str:
    if answer.casefold() == "none":
        return ""
    return guide.put("Default sales account", answer)


def taxes(guide: Guide) -> str:
    """Choose a tax rate for every tax region and category.

    Raises:
        PlainError: No invoice bears any yet.
    """
    beforehand.taxes(guide)
    books, (used, taxed) = guide.books(), _taxes_used(guide)
    rows = _missing(
        guide,
        "TaxMap",
        lambda first, second: tax_rate_for(
            first, second, used[first, second], books.tax_rates, is_region_taxed=first in taxed
        ),
    )
    for row in guide.desk.reading.mappings.taxes:
        rate = books.tax_rate(row.tax_rate)
        rows.append(_chosen(row.tax_region, row.tax_category, row.tax_rate, rate.name if rate else ""))
    if not rows and guide.desk.settings.unmapped_region == "Stop":
        raise _too_early(guide, "tax region", "tax rate", "TaxMap")
    left = _settle(guide, "taxes", "tax", "tax rates", rows)
    return f"{counted(len(guide.desk.reading.mappings.taxes), 'tax rate')} mapped{_left(left)}"


def _taxes_used(guide: Guide) -> tuple[defaultdict[tuple[str, str], Counter[Decimal]], set[str]]:
    """Which per cent lines bear by tax region and category, and the regions in which some bear any."""
    used: defaultdict[tuple[str, str], Counter[Decimal]] = defaultdict(Counter)
    taxed = set()
    wanted = {row[3] for row in guide.desk.ledger.missing() if row[0] == "TaxMap"}
    for invoice in guide.invoices(sorted(wanted)[-_LINES_OF:]):
        region = invoice.tax_region or NO_REGION
        for line in invoice.lines:
            if rounded(line.net):
                percent = (100 * line.tax / line.net).quantize(Decimal("0.1"))
                used[region, line.tax_category or NO_TAX][percent] += 1
                taxed |= {region} if percent else set()
    return used, taxed


def contacts(guide: Guide) -> str:
    """Find every customer among Xero's contacts."""
    guide.preview()
    beforehand.contacts(guide)
    books, found = guide.books(), _searched(guide)
    exact = [item for item in found if item.match.contact is not None]
    near = [item for item in found if item.match.contact is None and item.match.suggested]
    none = [item for item in found if item.match.contact is None and not item.match.suggested]
    guide.say(f"  {counted(len(found), 'customer')}; Xero has {counted(len(books.contacts), 'contact')}.")
    for title, group in (("found", exact), ("something like it", near), ("nothing like it", none)):
        names = named([item.customer.name for item in group])
        guide.say(f"  {len(group):>5}  {title}{': ' + names if names else ''}")
    _take_near(guide, near)
    found = _searched(guide)
    left = [item for item in found if item.match.contact is None]
    creates = _create_missing(guide, left)
    told = [f"{counted(len(found) - len(left), 'customer')} found in Xero"]
    waiting = [why for item in left if (why := item.hindrance(guide.desk.settings, creates=creates))]
    if len(waiting) < len(left):
        told.append(f"{len(left) - len(waiting)} created there with the first invoice")
    if waiting:
        codes = sorted({why.code for why in waiting})
        told.append(f"{len(waiting)} wait: {', '.join(codes)} {'says' if len(codes) == 1 else 'say'} what to do")
    return ", ".join(told)


@dataclass(frozen=True)
class _Searched:
    """A customer who was looked for in Xero.

    Attributes:
        customer: The company in Autotask.
        match: What was found.
    """

    customer: Customer
    match: Match

    def hindrance(self, settings: Settings, *, creates: bool) -> Fault | None:
        """What keeps its invoices, as it was not found; ``None`` where the contact would be created."""
        if not (creates and self.match.is_missing):
            return self.match.fault
        wrong = person(self.customer, settings)[2]
        return None if wrong is not None and wrong.code == "AX-104" and settings.send_without_email else wrong


def _create_missing(guide: Guide, left: Sequence[_Searched]) -> bool:
    """Ask whether AutoXero is to create contacts that Xero lacks, saying which it could; whether it is to."""
    settings = guide.desk.settings
    if not any(item.match.is_missing for item in left):
        return settings.create_contacts
    hindered = {item.customer.name: why for item in left if (why := item.hindrance(settings, creates=True))}
    text = "yes: AutoXero creates them in Xero when their first invoice goes. no: their invoices wait for you."
    text = f"{counted(len(left) - len(hindered), 'customer')} would be created. {text}"
    for name, why in hindered.items():
        guide.say(f"    {name} would not be created: {why.code} {why.detail}")
    now = "yes" if settings.create_contacts else "no"
    wanted = yes(guide.talk, Question("create_missing_contacts", "Create missing contacts in Xero?", now, text))
    if wanted != settings.create_contacts:
        guide.put("Create missing contacts", "Yes" if wanted else "No")
    return wanted


def _take_near(guide: Guide, near: Sequence[_Searched]) -> None:
    """Have the near ones accepted, one by one or all that are clear."""
    if not near:
        return
    for item in near:
        guide.say(f"    {item.customer.name}: {', '.join(item.match.suggested)}")
    text = "“one”: each is asked. “all”: the likest is taken wherever one stands out. “leave”: none now."
    how = guide.ask_until(Question("contacts", "What of those that have something like it?", "one", text), _how_near)
    for item in near:
        name, suggested = item.customer.name, item.match.suggested
        is_taken = how == "all" and _stands_out(suggested)
        if how == "one" and guide.talk.asks_again:
            is_taken = yes(guide.talk, Question("contact", f"Is {name} in Xero “{suggested[0]}”?", "no"))
        if is_taken:
            likest = suggested[0].rpartition(" (")[0]
            verbs.map_value(guide.desk, "contact", str(item.customer.id), likest)
            guide.say(f"    {name} goes to “{likest}”.")
    guide.fresh()


def _how_near(answer: str) -> str:
    if (how := answer.casefold()) not in {"one", "all", "leave"}:
        raise PlainError(f"“{answer}” is none of them.", "Type one, all or leave.")
    return how


def _searched(guide: Guide) -> list[_Searched]:
    """Each customer with an invoice that is still to be sent, by name, and how it was found."""
    unsent = [row for row in guide.desk.ledger.rows() if row["xero_id"] is None and row["status"] != "Skipped"]
    books, reading, known = guide.books(), guide.desk.reading, guide.desk.ledger.known_contacts()
    customers = Source(guide.desk.autotask).customers(sorted({row["company_id"] for row in unsent})).values()
    return [
        _Searched(customer, match(customer, books, reading.mappings, reading.settings, known.get(customer.id)))
        for customer in sorted(customers, key=lambda customer: customer.name.casefold())
    ]


def _missing(guide: Guide, table: str, suggest: Callable[[str, str], Suggestion]) -> list[_Row]:
    """The rows that a table lacks, those with the most invoices first."""
    mappings = guide.desk.reading.mappings
    target = mappings.account if table == "AccountMap" else mappings.tax_rate
    rows = {row["autotask_id"]: row for row in guide.desk.ledger.rows()}
    waiting: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for name, first, second, autotask_id in guide.desk.ledger.missing():
        if name == table and autotask_id in rows:
            waiting[first, second].append(rows[autotask_id])
    found = [_Row(*key, group, suggest(*key)) for key, group in waiting.items() if not target(*key)]
    return sorted(found, key=lambda row: (-len(row.invoices), row.key))


def _chosen(first: str, second: str, target: str, name: str) -> _Row:
    """A row that says something already, maybe for several line types or tax categories."""
    return _Row(first, second, [], Suggestion(target, name if name != target else "", "chosen already"), is_done=True)


def _too_early(guide: Guide, noun: str, target: str, table: str) -> PlainError:
    """Nothing can be asked yet: usual before the first day has come."""
    start = guide.desk.settings.start_date
    return PlainError(
        f"No finished invoice dated on or after Start date ({start}) shows a {noun} yet, so there is nothing to choose "
        f"{target}s for.",
        f"Run “autoxero setup” again when Autotask has the first: it goes on here. Or choose {target}s in the table "
        f"{table} on the sheet Mappings, save, and run it then.",
    )


def _settle(guide: Guide, key: str, table: str, noun: str, rows: list[_Row]) -> int:
    """Have suggestions accepted, changed or left; gives how many rows are left blank."""
    left = [row for row in rows if not row.is_done]
    if not rows:
        return 0
    for number, row in enumerate(rows, 1):
        _show(guide, number, row)
    text = "Enter takes them as they stand, a number changes that one, “leave” leaves them to the sheet Mappings."
    while True:
        answer = guide.talk.ask(Question(key, f"Take these {noun}?", "all", text)).casefold()
        try:
            if answer == "all":
                _take(guide, table, left)
            elif answer != "leave":
                _change(guide, table, rows, answer)
                continue
        except PlainError as error:
            refuse(guide.talk, error)
        else:
            return sum(not row.is_done for row in rows)


def _take(guide: Guide, table: str, rows: Sequence[_Row]) -> None:
    """Take what is suggested."""
    for row in rows:
        if row.suggestion.target and not row.is_done:
            _map(guide, table, row, row.suggestion.target)


def _change(guide: Guide, table: str, rows: list[_Row], answer: str) -> None:
    """Choose another target for one of the rows."""
    if not answer.isdecimal() or not 1 <= int(answer) <= len(rows):
        raise PlainError(f"“{answer}” is none of them.", f"Type a number from 1 to {len(rows)}, “all” or “leave”.")
    if not guide.talk.asks_again:  # a file would give the same number without end
        raise PlainError(
            f"“{answer}” changes a single row, which a file of answers cannot.",
            f"Say “all” or “leave” there, and name the row in its table [{table}].",
        )
    row = rows[int(answer) - 1]
    what = "account" if table == "account" else "tax rate"
    text = "Its code or name as Xero has it; “none” leaves it blank."
    target = guide.talk.ask(Question(table, f"Which {what} for {row.key}?", row.suggestion.target or "none", text))
    if target.casefold() != "none":
        _map(guide, table, row, target)
        row.suggestion = Suggestion(target, "", "your choice")
    else:
        if row.is_done:
            _map(guide, table, row, "")
            row.is_done = False
        row.suggestion = Suggestion("", "", "left blank")
    _show(guide, int(answer), row)


def _show(guide: Guide, number: int, row: _Row) -> None:
    target = f"{row.suggestion.target} {row.suggestion.name}".strip() or "nothing"
    guide.say(f"  {number:>3}  {row.key} -> {target}: {row.suggestion.why}")
    if row.invoices:
        guide.say(f"       {counted(len(row.invoices), 'invoice')} over {sums(row.invoices)}")


def _map(guide: Guide, table: str, row: _Row, target: str) -> None:
    verbs.map_value(guide.desk, table, row.key, target)
    guide.fresh()
    row.is_done = True


def _left(count: int) -> str:
    return f", {count} left to the sheet Mappings" if count else ""


def _stands_out(suggested: Sequence[str]) -> bool:
    """Whether the first of some suggestions such as ``Kauri Ltd (96 %)`` is clearly the likest."""
    scores = [int(item.rpartition("(")[2].removesuffix(" %)")) for item in suggested]
    return len(scores) == 1 or scores[0] - scores[1] >= _CLEARLY
