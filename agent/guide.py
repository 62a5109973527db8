"""What the steps of the setup share: whom they ask, what they work with, and what is remembered of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent import verbs
from agent.answers import Question, Talk, refuse, yes
from agent.autotask.client import MOST_VALUES, values_of
from agent.autotask.models import InvoiceRow
from agent.autotask.source import Source
from agent.desk import Desk
from agent.domain.books import Books
from agent.domain.invoice import AutotaskId, Invoice
from agent.errors import INTERRUPTED, PlainError
from agent.office import Office
from agent.sync import sync
from agent.xero.browser import browse

FACT = "setup"
"""Under this the ledger remembers what is done."""
_NAMED = 8
"""So many names are told one by one; the sheets have them all."""


class State(msgspec.Struct):
    """What is remembered of a setup.

    Attributes:
        done: The steps that are done, each with a line that says how.
        take_over: The invoices whose documents in Xero are to be taken over.
        declined: Those that are not, although they agree or bear the number: the setup does not send them either.
        drafts: The invoices that were sent as drafts, to be looked at.
        rejected: Those that were not as they should be.
    """

    done: dict[str, str] = msgspec.field(default_factory=dict)
    take_over: list[AutotaskId] = msgspec.field(default_factory=list)
    declined: list[AutotaskId] = msgspec.field(default_factory=list)
    drafts: list[AutotaskId] = msgspec.field(default_factory=list)
    rejected: list[AutotaskId] = msgspec.field(default_factory=list)


@dataclass
class Guide:
    """One setup at work.

    Attributes:
        desk: What the verbs work with.
        office: The computer, for the workbook's place and the start at log-on.
        talk: Whom it asks.
        open_page: Opens an address in a browser.
        wanted: The workbook, or the folder for it, where it was given with the command.
        state: What is done.
    """

    desk: Desk
    office: Callable[[], Office]
    talk: Talk
    open_page: Callable[[str], object] = browse
    wanted: Path | None = None
    state: State = field(default_factory=State)

    def say(self, text: str) -> None:
        """Tell something."""
        self.talk.say(text)

    def ask_until(self, question: Question, act: Callable[[str], str]) -> str:
        """Ask, and do what the answer says; where that is refused, ask again."""
        while True:
            try:
                return act(self.talk.ask(question))
            except PlainError as error:
                refuse(self.talk, error)

    def put(self, name: str, value: str) -> str:
        """Change a setting as the command does, where it is another one now."""
        told = verbs.set_value(self.desk, name, value)
        self.fresh()
        return told

    def fresh(self) -> None:
        """Read the workbook anew when it is next needed."""
        vars(self.desk).pop("reading", None)

    def preview(self) -> None:
        """Read Autotask and Xero, and work out what would be sent; nothing is.

        Raises:
            PlainError: The setting Paused keeps it from reading.
        """
        self.fresh()
        if self.desk.settings.paused:
            raise PlainError(
                "“Paused” is Yes on the sheet Settings: nothing is read or sent.",
                "Set it to No and save; then “autoxero setup” goes on from here.",
            )
        sync(self.desk, dry_run=True)

    def books(self) -> Books:
        """What the organisation offers, as the last preview read it."""
        kept = self.desk.ledger.fact("books")
        return msgspec.json.decode(kept, type=Books) if kept else self.desk.xero.books(self.desk.reach_xero())

    def headers(self, ids: Sequence[AutotaskId]) -> list[InvoiceRow]:
        """These invoices as Autotask has them now, without lines."""
        found: list[InvoiceRow] = []
        for begin in range(0, len(ids), MOST_VALUES):
            some = values_of("id", ids[begin : begin + MOST_VALUES])
            found += self.desk.autotask.query("Invoices", InvoiceRow, some)
        return found

    def invoices(self, ids: Sequence[AutotaskId]) -> list[Invoice]:
        """These invoices with their lines."""
        return Source(self.desk.autotask).invoices(self.headers(ids)) if ids else []

    def go_on(self, question: Question) -> None:
        """Leave here unless the answer is yes.

        Raises:
            PlainError: It is no.
        """
        if not yes(self.talk, question):
            raise left()

    def save(self) -> None:
        """Remember what is done."""
        self.desk.ledger.remember(**{FACT: msgspec.json.encode(self.state).decode()})


def left() -> PlainError:
    """A person left by an answer."""
    return PlainError("Left here; what is done is kept.", "“autoxero setup” goes on from here.", INTERRUPTED)


def named(names: Sequence[str]) -> str:
    """Names in a line; of many the first ones."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
