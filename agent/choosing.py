"""The setup's choices: an account for every billing code, a tax rate for every tax region, a contact for everybody.

Each is suggested with its reason; a person accepts, changes or leaves it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agent import verbs
from agent.answers import Question, refuse, yes
from agent.autotask.source import Source
from agent.domain.contact import Match, match
from agent.domain.mappings import NO_TAX, same
from agent.domain.money import rounded
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
    """A mapping row that is to be filled."""

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
    """Choose an account for every billing code that invoices bear."""
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
    rows = _missing(guide, "AccountMap", lambda first, _: account_for(first, books.accounts, default))
    left = _settle(guide, "accounts", "account", "accounts", rows)
    count = len(guide.desk.reading.mappings.accounts)
    return f"{counted(count, 'billing code')} mapped{_left(left)}"


def _default_account(guide: Guide, answer: str) -> str:
    if answer.casefold() == "none":
        return ""
    return guide.put("Default sales account", answer)


def taxes(guide: Guide) -> str:
    """Choose a tax rate for every tax region and category."""
    books, (used, taxed) = guide.books(), _taxes_used(guide)
    rows = _missing(
        guide,
        "TaxMap",
        lambda first, second: tax_rate_for(
            first, second, used[first, second], books.tax_rates, is_region_taxed=first in taxed
        ),
    )
    left = _settle(guide, "taxes", "tax", "tax rates", rows)
    return f"{counted(len(guide.desk.reading.mappings.taxes), 'tax rate')} mapped{_left(left)}"


def _taxes_used(guide: Guide) -> tuple[defaultdict[tuple[str, str], Counter[Decimal]], set[str]]:
    """Which per cent lines bear by tax region and category, and the regions in which some bear any."""
    used: defaultdict[tuple[str, str], Counter[Decimal]] = defaultdict(Counter)
    taxed = set()
    wanted = {row[3] for row in guide.desk.ledger.missing() if row[0] == "TaxMap"}
    for invoice in guide.invoices(sorted(wanted)[-_LINES_OF:]):
        region = invoice.tax_region or "(no tax region)"
        for line in invoice.lines:
            if rounded(line.net):
                percent = (100 * line.tax / line.net).quantize(Decimal("0.1"))
                used[region, line.tax_category or NO_TAX][percent] += 1
                taxed |= {region} if percent else set()
    return used, taxed


def contacts(guide: Guide) -> str:
    """Find every customer among Xero's contacts."""
    guide.preview()
    books, matches = guide.books(), _matches(guide)
    exact = [name for name, found in matches.values() if found.contact is not None]
    near = {key: pair for key, pair in matches.items() if pair[1].contact is None and pair[1].suggested}
    none = [name for name, found in matches.values() if found.contact is None and not found.suggested]
    guide.say(f"  {counted(len(matches), 'customer')}; Xero has {counted(len(books.contacts), 'contact')}.")
    for title, names in (
        ("found", exact),
        ("something like it", [name for name, _ in near.values()]),
        ("nothing like it", none),
    ):
        guide.say(f"  {len(names):>5}  {title}{': ' + named(names) if names else ''}")
    taken = _take_near(guide, near)
    creates = _create_missing(guide, none) if none else False
    told = f"{counted(len(exact) + taken, 'customer')} found in Xero"
    left = len(near) - taken + len(none)
    rest = f", {left} {'are created there' if creates and left == len(none) else 'wait: AX-105 says what to do'}"
    return told + (rest if left else "")


def _create_missing(guide: Guide, none: Sequence[str]) -> bool:
    text = "yes: AutoXero creates them in Xero when their first invoice goes. no: their invoices wait for you."
    now = "yes" if guide.desk.settings.create_contacts else "no"
    text = f"{counted(len(none), 'customer')} would be created. {text}"
    wanted = yes(guide.talk, Question("create_missing_contacts", "Create missing contacts in Xero?", now, text))
    if wanted != guide.desk.settings.create_contacts:
        guide.put("Create missing contacts", "Yes" if wanted else "No")
    return wanted


def _take_near(guide: Guide, near: Mapping[int, tuple[str, Match]]) -> int:
    """Have the near ones accepted, one by one or all that are clear."""
    said = {same(key): value for key, value in guide.talk.table("contact").items()}
    taken = 0
    for key, (name, _found) in list(near.items()):
        if wanted := said.get(same(name)) or said.get(str(key)):
            verbs.map_value(guide.desk, "contact", str(key), wanted)
            taken += 1
    left = {key: pair for key, pair in near.items() if not (said.get(same(pair[0])) or said.get(str(key)))}
    if not left:
        guide.fresh()
        return taken
    for name, found in left.values():
        guide.say(f"    {name}: {', '.join(found.suggested)}")
    text = "“one”: each is asked. “all”: the likest is taken wherever one stands out. “leave”: none now."
    how = guide.talk.ask(Question("contacts", "What of those that have something like it?", "one", text)).casefold()
    for key, (name, found) in left.items():
        likest = found.suggested[0].rpartition(" (")[0]
        if how == "all":
            wanted = likest if _stands_out(found.suggested) else ""
        elif how == "one" and guide.talk.asks_again:
            question = Question("contact", f"Is {name} in Xero “{found.suggested[0]}”?", "no")
            wanted = likest if yes(guide.talk, question) else ""
        else:
            wanted = ""
        if wanted:
            verbs.map_value(guide.desk, "contact", str(key), wanted)
            guide.say(f"    {name} goes to “{wanted}”.")
            taken += 1
    guide.fresh()
    return taken


def _matches(guide: Guide) -> dict[int, tuple[str, Match]]:
    """Each customer with an invoice that is still to be sent, by company id: its name and how it was found."""
    unsent = [row for row in guide.desk.ledger.rows() if row["xero_id"] is None and row["status"] != "Skipped"]
    books, reading, known = guide.books(), guide.desk.reading, guide.desk.ledger.known_contacts()
    people = Source(guide.desk.autotask).customers(sorted({row["company_id"] for row in unsent}))
    return {
        key: (
            customer.name,
            match(customer, books, reading.mappings, reading.settings, known.get(customer.id)),
        )
        for key, customer in sorted(people.items(), key=lambda pair: pair[1].name.casefold())
    }


def _missing(guide: Guide, table: str, suggest: Callable[[str, str], Suggestion]) -> list[_Row]:
    """The rows that a table lacks, those with the most invoices first."""
    rows = {row["autotask_id"]: row for row in guide.desk.ledger.rows()}
    waiting: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for name, first, second, autotask_id in guide.desk.ledger.missing():
        if name == table and autotask_id in rows:
            waiting[first, second].append(rows[autotask_id])
    found = [_Row(first, second, group, suggest(first, second)) for (first, second), group in waiting.items()]
    return sorted(found, key=lambda row: (-len(row.invoices), row.key))


def _settle(guide: Guide, key: str, table: str, noun: str, rows: list[_Row]) -> int:
    """Have suggestions accepted, changed or left; gives how many rows are left blank."""
    said = {same(name): value for name, value in guide.talk.table(table).items()}
    for row in rows:
        if target := said.get(same(row.key)):
            _map(guide, table, row, target)
    left = [row for row in rows if not row.is_done]
    if not left:
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
    row = rows[int(answer) - 1]
    what = "account" if table == "account" else "tax rate"
    text = "Its code or name as Xero has it; “none” leaves it blank."
    target = guide.talk.ask(Question(table, f"Which {what} for {row.key}?", row.suggestion.target or "none", text))
    if target.casefold() != "none":
        _map(guide, table, row, target)
        row.suggestion = Suggestion(target, "", "your choice")
    else:
        row.suggestion = Suggestion("", "", "left blank")
    _show(guide, int(answer), row)


def _show(guide: Guide, number: int, row: _Row) -> None:
    target = f"{row.suggestion.target} {row.suggestion.name}".strip() or "nothing"
    guide.say(f"  {number:>3}  {row.key} -> {target}: {row.suggestion.why}")
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
