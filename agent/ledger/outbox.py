"""The ledger's part for alerts: what people were told, and mails that wait for a mail server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from agent.ledger import tables as t
from agent.ledger.ledger import Ledger


@dataclass(frozen=True)
class Mail:
    """A message that is to be sent.

    Attributes:
        left: The addresses that still lack it, where a mail server took it for the others; else blank.
    """

    id: int
    subject: str
    text: str
    html: str
    left: tuple[str, ...] = ()


@dataclass
class Outbox:
    """The mails of a ledger."""

    ledger: Ledger

    def told(self) -> set[str]:
        """What people have been told about, and still holds."""
        with self.ledger.engine.begin() as connection:
            return set(connection.execute(select(t.told.c.item)).scalars())

    def forget(self, items: Iterable[str]) -> None:
        """These no longer hold: should they come back, people are told again."""
        with self.ledger.engine.begin() as connection:
            for item in items:
                connection.execute(delete(t.told).where(t.told.c.item == item))

    def put(self, subject: str, text: str, html: str, items: Iterable[str]) -> None:
        """Queue a mail, and remember what it tells, in one transaction."""
        with self.ledger.engine.begin() as connection:
            connection.execute(
                insert(t.mail).values(
                    made=self.ledger.now(), subject=subject, text=text, html=html, state="queued", tries=0, trouble=""
                )
            )
            for item in items:
                connection.execute(insert(t.told).values(item=item))

    def last_made(self) -> datetime | None:
        """When the newest mail was written."""
        with self.ledger.engine.begin() as connection:
            newest = select(t.mail.c.made).order_by(t.mail.c.id.desc()).limit(1)
            return connection.execute(newest).scalar_one_or_none()

    def queued(self) -> list[Mail]:
        """What no mail server has accepted yet, oldest first."""
        query = select(t.mail).where(t.mail.c.state == "queued").order_by(t.mail.c.id)
        with self.ledger.engine.begin() as connection:
            rows = connection.execute(query).all()
        left = self._left()
        return [Mail(row.id, row.subject, row.text, row.html, tuple(left.get(str(row.id), ()))) for row in rows]

    def sent(self, mail: Mail, left: Sequence[str] = ()) -> None:
        """A mail server has accepted it; for some it may be left to be tried again, and then it stays queued."""
        others = {key: people for key, people in self._left().items() if key != str(mail.id)}
        self.ledger.remember(mail_left=json.dumps(others | ({str(mail.id): list(left)} if left else {})))
        state = {} if left else {"state": "sent"}
        self._note(mail, {**state, "sent": self.ledger.now(), "trouble": ""})

    def _left(self) -> dict[str, list[str]]:
        """By the mails' ids, who still lacks them."""
        found: dict[str, list[str]] = json.loads(self.ledger.fact("mail_left") or "{}")
        return found

    def refused(self, mail: Mail, trouble: str) -> None:
        """It stays queued; the trouble is kept beside it."""
        self._note(mail, {"trouble": trouble})

    def _note(self, mail: Mail, values: dict[str, object]) -> None:
        with self.ledger.engine.begin() as connection:
            here = update(t.mail).where(t.mail.c.id == mail.id)
            connection.execute(here.values(tries=t.mail.c.tries + 1, **values))

    def count(self, state: str) -> int:
        """How many mails are in a state."""
        with self.ledger.engine.begin() as connection:
            query = select(func.count()).select_from(t.mail).where(t.mail.c.state == state)
            return int(connection.execute(query).scalar_one())
