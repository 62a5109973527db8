"""The few verbs by which the rest of the agent uses the ledger. Each is one transaction."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from agent.domain.books import ContactId, XeroId
from agent.domain.document import Document, DocumentKind, Posted
from agent.domain.faults import Fault
from agent.domain.invoice import AutotaskId, CompanyId, Header, Invoice
from agent.domain.preview import Preview
from agent.domain.record import Record, Status, Wish
from agent.errors import PlainError
from agent.ledger import tables as t
from agent.ledger.columns import as_autotask_has_it, keeps_wish, latest_header, other_values, outcome_values
from agent.ledger.steps import Intent, LineSum, Outcome, WriteBack

Now = Callable[[], datetime]

_REVISION = "revision"
_SHOWN = [column for column in t.invoice.c if column.name not in {"xero_baseline", "xero_latest"}]
"""All of an invoice but its whole documents."""
_NO_FAULT = dict.fromkeys(("fault_code", "fault_title", "fault_detail", "fault_cure"), "")
_AT_ONCE = 500
"""So many ids go into one question."""


class FenceError(Exception):
    """Another run has begun since: this one must not send anything any more."""


class Ledger:
    """The ledger of one home.

    Args:
        engine: From :func:`agent.ledger.database.open_database`.
        now: The clock.
    """

    def __init__(self, engine: Engine, now: Now = lambda: datetime.now(UTC)) -> None:
        self.engine = engine
        self.now = now

    # --- what it belongs to -----------------------------------------------------------------------------------------

    def fact(self, name: str) -> str:
        """A remembered fact, or blank."""
        with self.engine.begin() as connection:
            return _fact(connection, name)

    def remember(self, **facts: str) -> None:
        """Remember facts by name."""
        with self.engine.begin() as connection:
            _remember(connection, facts)

    def previews(self) -> list[Preview]:
        """What the last preview or dry run would have done."""
        return msgspec.json.decode(self.fact("preview") or "[]", type=list[Preview])

    def belongs_to(self, name: str, value: str, what: str) -> None:
        """Remember to whom the ledger belongs, or refuse another one.

        Raises:
            StopError: It belongs to another one (AX-406).
        """
        from agent.errors import stop  # noqa: PLC0415 - errors know faults only

        known = self.fact(name)
        if known and known != value:
            raise stop("AX-406", f"The ledger belongs to the {what} {known}; this is {value}.")
        if not known:
            self.remember(**{name: value})

    # --- runs -------------------------------------------------------------------------------------------------------

    def begin_run(self, run: str, mode: str) -> int:
        """Write down that a run has begun; its fence number bars every earlier one from sending."""
        with self.engine.begin() as connection:
            fence = int(_fact(connection, "fence") or 0) + 1
            _remember(connection, {"fence": str(fence)})
            connection.execute(insert(t.run).values(id=run, started=self.now(), mode=mode))
            return fence

    def end_run(self, run: str, counts: Mapping[str, object], fault: Fault | None = None) -> None:
        """Write down how a run ended."""
        with self.engine.begin() as connection:
            connection.execute(
                update(t.run)
                .where(t.run.c.id == run)
                .values(
                    finished=self.now(),
                    counts=json.dumps(counts),
                    fault_code=fault.code if fault else "",
                    fault_detail=fault.detail if fault else "",
                )
            )

    # --- invoices ---------------------------------------------------------------------------------------------------

    def records(self) -> dict[AutotaskId, Record]:
        """What is known of every invoice."""
        columns = t.invoice.c
        query = select(
            columns.autotask_id, columns.status, columns.strikes, columns.fault_code, columns.wish, columns.xero_id,
            columns.xero_number, columns.xero_contact_id, columns.is_voided,
        )  # fmt: skip
        flying = select(t.intent_item.c.autotask_id).where(t.intent_item.c.state == "open")
        with self.engine.begin() as connection:
            in_flight = set(connection.execute(flying).scalars())
            return {
                AutotaskId(row.autotask_id): Record(
                    AutotaskId(row.autotask_id),
                    cast("Status", row.status),
                    row.strikes,
                    row.fault_code,
                    cast("Wish", row.wish),
                    XeroId(row.xero_id) if row.xero_id else None,
                    row.xero_number,
                    ContactId(row.xero_contact_id) if row.xero_contact_id else None,
                    row.autotask_id in in_flight,
                    bool(row.is_voided),
                )
                for row in connection.execute(query)
            }

    def known_contacts(self) -> dict[CompanyId, ContactId]:
        """The Xero contact that each company's newest sent invoice went to."""
        columns = t.invoice.c
        query = (
            select(columns.company_id, columns.xero_contact_id)
            .where(columns.xero_contact_id != "")
            .order_by(columns.autotask_id)
        )
        with self.engine.begin() as connection:
            return {CompanyId(row.company_id): ContactId(row.xero_contact_id) for row in connection.execute(query)}

    def conclude(self, outcomes: Iterable[Outcome]) -> None:
        """Write down where invoices stand."""
        with self.engine.begin() as connection:
            self._conclude(connection, outcomes)

    def _conclude(self, connection: Connection, outcomes: Iterable[Outcome]) -> None:
        now = self.now()
        if outcomes := list(outcomes):
            _raise_revision(connection)
        for outcome in outcomes:
            here = t.invoice.c.autotask_id == outcome.autotask_id
            row = t.invoice.c
            query = select(row.status, row.why, row.since, row.fault_code, row.wish, row.sent_on).where(here)
            before = connection.execute(query).one_or_none()
            values = outcome_values(outcome, now)
            if before is not None and before.sent_on is not None and "sent_on" in values:
                values["sent_on"] = before.sent_on  # it was updated: it arrived then
            code = outcome.fault.code if outcome.fault else ""
            if before is not None and before.wish and keeps_wish(before.wish, outcome.status, code):
                values["wish"] = before.wish
            for field, value in outcome.follow_ups:
                self._queue(connection, outcome.autotask_id, field, value)
            if before is None:
                connection.execute(insert(t.invoice).values(autotask_id=outcome.autotask_id, since=now, **values))
            else:
                is_same = outcome.keeps_fault or (before.status, before.why, before.fault_code) == (
                    outcome.status,
                    outcome.why,
                    code,
                )
                connection.execute(
                    update(t.invoice).where(here).values(since=before.since if is_same else now, **values)
                )
            _note_lines(connection, outcome)

    def wish(self, ids: Sequence[AutotaskId], wish: Wish) -> None:
        """Write down what a person asked for: strikes are cleared, the next run reads everything anew.

        A word to send counts for what the invoice asked, and for nothing else: that what Xero has is taken over, or
        that it is sent beside it, or that there are many.
        """
        self._set(ids, {"wish": wish, "strikes": 0, "status": "Waiting", "why": "Resync was asked for"}, is_sent=False)
        with self.engine.begin() as connection:
            for autotask_id in ids:
                its = t.invoice.c.autotask_id == autotask_id
                if wish == "send":
                    asked = its & (t.invoice.c.asks != "") & t.invoice.c.xero_id.is_(None)
                    connection.execute(update(t.invoice).where(asked).values(wish=t.invoice.c.asks))
                    over = its & (t.invoice.c.fault_code == "AX-505")
                    connection.execute(update(t.invoice).where(over).values(wish="more"))
                here = (t.intent_item.c.autotask_id == autotask_id) & (t.intent_item.c.state == "absent")
                connection.execute(update(t.intent_item).where(here).values(state="gone"))

    def release(self, ids: Sequence[AutotaskId]) -> None:
        """Let go of documents that are deleted or voided in Xero: their invoices are sent again."""
        blank = ("xero_kind", "xero_number", "xero_status", "xero_contact", "xero_baseline", "xero_latest")
        empty = ("xero_id", "xero_net", "xero_tax", "xero_total", "outstanding", "paid_on")
        clear = _NO_FAULT | dict.fromkeys(blank, "")
        records = self.records()
        gone = {xero_id for item in ids if (xero_id := records[item].xero_id) is not None}
        self.remember(released=json.dumps(sorted(self.released() | gone)))
        self._set(
            ids,
            {**clear, **dict.fromkeys((*empty, "sent_on")), "wish": "send", "status": "Waiting", "why": "Send again"},
            is_sent=True,
        )
        with self.engine.begin() as connection:
            rows = t.write_back.c
            here = rows.field.in_(("history", "pdf")) & (rows.state == "queued")
            for some in _chunks(ids):
                connection.execute(delete(t.write_back).where(here & rows.autotask_id.in_(some)))

    def released(self) -> set[str]:
        """The documents, deleted or voided in Xero, whose invoices were let go of."""
        return set(json.loads(self.fact("released") or "[]"))

    def warn(self, autotask_id: AutotaskId, about: str, more: str = "") -> None:
        """Add a warning to an invoice that is in Xero, or take it back.

        Args:
            autotask_id: Which invoice.
            about: How it begins; one that begins so is replaced.
            more: How it goes on; blank takes it back.
        """
        row = t.invoice.c
        here = row.autotask_id == autotask_id
        with self.engine.begin() as connection:
            known = connection.execute(select(row.status, row.warnings, row.fault_code).where(here)).one()
            before = [line for line in known.warnings.split("\n") if line]
            lines = [line for line in before if not line.startswith(about)] + ([about + more] if more else [])
            if lines == before:
                return
            is_warned = lines or known.fault_code
            status = known.status
            if status in {"Synced", "Synced with warnings"}:
                status = "Synced with warnings" if is_warned else "Synced"
            connection.execute(update(t.invoice).where(here).values(warnings="\n".join(lines), status=status))
            _raise_revision(connection)

    def choose(self, ids: Sequence[AutotaskId], wish: Wish) -> None:
        """Write down whose version counts of what changed since it was sent: the next look carries it out."""
        self._set(ids, {"wish": wish}, is_sent=True)
        items = t.intent_item.c
        with self.engine.begin() as connection:
            for some in _chunks(ids):
                vain = items.autotask_id.in_(some) & (items.state == "absent")
                connection.execute(update(t.intent_item).where(vain).values(state="gone"))

    def reopen_skipped(self) -> None:
        """A setting that decides what is skipped has changed: what was skipped is looked at again."""
        with self.engine.begin() as connection:
            connection.execute(update(t.invoice).where(t.invoice.c.status == "Skipped").values(status="Waiting"))

    def skipped(self) -> dict[AutotaskId, tuple[date | None, Decimal, Decimal, bool]]:
        """Date, net, tax and whether it was voided, of each skipped invoice as it was when it was skipped."""
        row = t.invoice.c
        query = select(row.autotask_id, row.date, row.net, row.tax, row.is_voided).where(row.status == "Skipped")
        with self.engine.begin() as connection:
            return {
                AutotaskId(key): (day, net, tax, bool(gone)) for key, day, net, tax, gone in connection.execute(query)
            }

    def reopen(self, ids: Iterable[AutotaskId]) -> None:
        """Look at invoices again that were skipped or failed: they are no longer what they were."""
        with self.engine.begin() as connection:
            for autotask_id in ids:
                here = (t.invoice.c.autotask_id == autotask_id) & t.invoice.c.status.in_(("Skipped", "Fault"))
                blank = _NO_FAULT
                connection.execute(
                    update(t.invoice).where(here).values(status="Waiting", why="It was changed", **blank)
                )

    def numbers(self) -> dict[AutotaskId, str]:
        """The number of each invoice, as it was when it was sent or planned."""
        row = t.invoice.c
        with self.engine.begin() as connection:
            return {AutotaskId(key): number for key, number in connection.execute(select(row.autotask_id, row.number))}

    def last_queued(self, field: str) -> dict[AutotaskId, str]:
        """What was last written to a field, or queued to be, for each invoice; blank where it was cleared."""
        row = t.write_back.c
        query = select(row.autotask_id, row.value).where(row.field == field).order_by(row.id)
        with self.engine.begin() as connection:
            return {AutotaskId(item.autotask_id): item.value for item in connection.execute(query)}

    def never_send(self, ids: Sequence[AutotaskId], because: str) -> None:
        """Leave invoices out for good."""
        self._set(
            ids,
            {"wish": "", "strikes": 0, "status": "Never send", "why": because} | _NO_FAULT,
            is_sent=False,
        )

    def _set(self, ids: Sequence[AutotaskId], values: Mapping[str, object], *, is_sent: bool) -> None:
        with self.engine.begin() as connection:
            _raise_revision(connection)
            for autotask_id in ids:
                here = t.invoice.c.autotask_id == autotask_id
                there = t.invoice.c.xero_id.is_not(None) if is_sent else t.invoice.c.xero_id.is_(None)
                connection.execute(update(t.invoice).where(here, there).values(since=self.now(), **values))

    def rows(self) -> list[dict[str, Any]]:
        """All invoices by id, with all that sheets and answers show: of one changed since it was sent, the present."""
        with self.engine.begin() as connection:
            query = select(*_SHOWN).order_by(t.invoice.c.autotask_id)
            return [as_autotask_has_it(dict(row)) for row in connection.execute(query).mappings()]

    def sent(self) -> list[dict[str, Any]]:
        """The invoices that have a document in Xero, by id, with that document as it was sent and as last seen."""
        query = select(t.invoice).where(t.invoice.c.xero_id.is_not(None)).order_by(t.invoice.c.autotask_id)
        with self.engine.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def note_headers(self, headers: Mapping[AutotaskId, Header]) -> None:
        """Note what Autotask has now of invoices that were sent, beside what was sent."""
        here, news = t.invoice.c.autotask_id, []
        with self.engine.begin() as connection:
            for some in _chunks(list(headers)):
                sent = here.in_(some) & t.invoice.c.xero_id.is_not(None)
                for row in connection.execute(select(*_SHOWN).where(sent)).mappings():
                    latest = latest_header(dict(row), headers[AutotaskId(row["autotask_id"])])
                    if latest != row["autotask_latest"]:
                        news.append((row["autotask_id"], latest))
            if news:
                _raise_revision(connection)
            for autotask_id, latest in news:
                connection.execute(update(t.invoice).where(here == autotask_id).values(autotask_latest=latest))

    def revision(self) -> int:
        """A number that rises with every change that a status sheet could show, the remembered facts left aside."""
        return int(self.fact(_REVISION) or 0)

    def line_sums(self) -> list[LineSum]:
        """What was sent and what Xero has of it now, by month, currency, account and tax rate."""
        line, row = t.line.c, t.invoice.c
        query = (
            select(line.autotask_id, line.side, line.account, line.tax_type, line.net, line.tax, row.date, row.currency)
            .join(t.invoice, row.autotask_id == line.autotask_id)
            .where(row.xero_id.is_not(None), row.xero_status.not_in(("VOIDED", "DELETED")))
        )
        sums: defaultdict[tuple[str, str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
        counted: defaultdict[tuple[str, str, str, str], set[int]] = defaultdict(set)
        with self.engine.begin() as connection:
            for item in connection.execute(query):
                key = (f"{item.date:%Y-%m}" if item.date else "", item.currency, item.account, item.tax_type)
                place = 0 if item.side == "sent" else 2
                sums[key][place] += item.net
                sums[key][place + 1] += item.tax
                counted[key].add(item.autotask_id)
        return [
            LineSum(*key, net, tax, now_net, now_tax, len(counted[key]))
            for key, (net, tax, now_net, now_tax) in sorted(sums.items())
        ]

    def note_others(self, documents: Iterable[Posted], *, own: Collection[str]) -> None:
        """Write down the documents in Xero that did not come from Autotask; ``own`` are those that did."""
        with self.engine.begin() as connection:
            _raise_revision(connection)
            for posted in documents:
                connection.execute(delete(t.other).where(t.other.c.xero_id == posted.id))
                if posted.id not in own and posted.is_live:
                    connection.execute(insert(t.other).values(other_values(posted)))

    def others(self) -> list[dict[str, Any]]:
        """The sales documents in Xero that did not come from Autotask, by date; sums of credit notes are negative."""
        mine = select(t.invoice.c.xero_id).where(t.invoice.c.xero_id.is_not(None))
        query = select(t.other).where(t.other.c.xero_id.not_in(mine)).order_by(t.other.c.date, t.other.c.number)
        with self.engine.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    # --- intents ----------------------------------------------------------------------------------------------------

    def intend(self, run: str, fence: int, intent: Intent, outcomes: Iterable[Outcome]) -> None:
        """Write down what is about to be sent, and that its invoices wait for the answer.

        Raises:
            FenceError: Another run has begun since this one.
        """
        with self.engine.begin() as connection:
            if int(_fact(connection, "fence") or 0) != fence:
                raise FenceError
            connection.execute(
                insert(t.intent).values(
                    key=intent.key,
                    run=run,
                    fence=fence,
                    kind=intent.kind,
                    places=intent.places,
                    body=intent.body,
                    documents=msgspec.json.encode(intent.documents),
                    made=intent.made,
                    state="open",
                    verb=intent.verb,
                )
            )
            connection.execute(
                insert(t.intent_item),
                [{"key": intent.key, "autotask_id": item.autotask_id, "state": "open"} for item in intent.documents],
            )
            self._conclude(connection, outcomes)

    def open_intents(self) -> list[Intent]:
        """What was sent, and nobody knows whether it arrived; oldest first."""
        query = select(t.intent).where(t.intent.c.state == "open").order_by(t.intent.c.made)
        known = select(t.intent_item.c.key, t.intent_item.c.autotask_id).where(t.intent_item.c.state != "open")
        with self.engine.begin() as connection:
            settled: defaultdict[str, set[AutotaskId]] = defaultdict(set)
            for row in connection.execute(known):
                settled[row.key].add(AutotaskId(row.autotask_id))
            return [
                Intent(
                    row.key,
                    cast("DocumentKind", row.kind),
                    row.places,
                    row.body,
                    msgspec.json.decode(row.documents, type=tuple[Document, ...]),
                    row.made,
                    frozenset(settled[row.key]),
                    row.verb,
                )
                for row in connection.execute(query)
            ]

    def marked_by_us(self) -> set[AutotaskId]:
        """The invoices whose mark of sending in Autotask is our own."""
        rows = t.write_back.c
        query = select(rows.autotask_id).where(rows.field == "webServiceDate", rows.state == "done")
        with self.engine.begin() as connection:
            return {AutotaskId(key) for key in connection.execute(query).scalars()}

    def redate(self, key: str) -> None:
        """Let the age of an intent count from now."""
        with self.engine.begin() as connection:
            connection.execute(update(t.intent).where(t.intent.c.key == key).values(made=self.now()))

    def others_passed(self, key: str) -> bool:
        """Whether the run of an intent got other invoices into Xero."""
        run = select(t.intent.c.run).where(t.intent.c.key == key).scalar_subquery()
        query = (
            select(func.count())
            .select_from(t.intent_item.join(t.intent, t.intent.c.key == t.intent_item.c.key))
            .where(t.intent.c.run == run, t.intent_item.c.state == "posted")
        )
        with self.engine.begin() as connection:
            return bool(connection.execute(query).scalar_one())

    def absences(self) -> dict[AutotaskId, int]:
        """How often invoices that are not yet in Xero were part of a request that came to nothing."""
        items, invoices = t.intent_item.c, t.invoice.c
        query = (
            select(items.autotask_id, func.count())
            .join(t.invoice, invoices.autotask_id == items.autotask_id)
            .where(items.state == "absent", invoices.xero_id.is_(None))
            .group_by(items.autotask_id)
        )
        with self.engine.begin() as connection:
            return {AutotaskId(row[0]): row[1] for row in connection.execute(query)}

    def vain_updates(self) -> dict[AutotaskId, int]:
        """How often updates of invoices came to nothing, since one went through or a person chose anew."""
        items, intents = t.intent_item.c, t.intent.c
        query = (
            select(items.autotask_id, items.state)
            .join(t.intent, intents.key == items.key)
            .where(intents.verb == "update", items.state.in_(("absent", "posted")))
            .order_by(intents.made)
        )
        found: dict[AutotaskId, int] = {}
        with self.engine.begin() as connection:
            for autotask_id, state in connection.execute(query):
                found[AutotaskId(autotask_id)] = found.get(autotask_id, 0) + 1 if state == "absent" else 0
        return found

    def settle(self, key: str, states: Mapping[AutotaskId, str], outcomes: Iterable[Outcome] = ()) -> None:
        """Write down the outcome of an intent together with where its invoices stand.

        Args:
            key: The intent.
            states: ``posted``, ``refused`` or ``absent`` by invoice; those not named stay open.
            outcomes: Where the invoices stand now.
        """
        with self.engine.begin() as connection:
            for autotask_id, state in states.items():
                connection.execute(
                    update(t.intent_item)
                    .where(t.intent_item.c.key == key, t.intent_item.c.autotask_id == autotask_id)
                    .values(state=state)
                )
            query = select(func.count()).where(t.intent_item.c.key == key, t.intent_item.c.state == "open")
            if not connection.execute(query).scalar():
                connection.execute(update(t.intent).where(t.intent.c.key == key).values(state="done"))
            self._conclude(connection, outcomes)

    # --- write-backs ------------------------------------------------------------------------------------------------

    def queue(self, autotask_id: AutotaskId, field: str, value: str) -> None:
        """Something is to be written to Autotask."""
        with self.engine.begin() as connection:
            self._queue(connection, autotask_id, field, value)

    def _queue(self, connection: Connection, autotask_id: AutotaskId, field: str, value: str) -> None:
        """Queue it, in place of what was queued for the same field before."""
        rows = t.write_back.c
        here = (rows.autotask_id == autotask_id) & (rows.field == field) & (rows.state == "queued")
        if field != "history":  # notes add up
            connection.execute(delete(t.write_back).where(here))
        connection.execute(
            insert(t.write_back).values(autotask_id=autotask_id, field=field, value=value, state="queued", tries=0)
        )

    def queued(self, most: int, fields: Collection[str]) -> list[WriteBack]:
        """What is still to be written to these fields: what was tried least first, then the oldest."""
        here = (t.write_back.c.state == "queued") & t.write_back.c.field.in_(fields)
        query = select(t.write_back).where(here).order_by(t.write_back.c.tries, t.write_back.c.id).limit(most)
        with self.engine.begin() as connection:
            return [
                WriteBack(row.id, AutotaskId(row.autotask_id), row.field, row.value, row.tries)
                for row in connection.execute(query)
            ]

    def requeue(self, ids: Sequence[AutotaskId]) -> None:
        """Try again what was given up for these invoices."""
        rows = t.write_back.c
        with self.engine.begin() as connection:
            for some in _chunks(ids):
                here = rows.autotask_id.in_(some) & (rows.state == "failed")
                connection.execute(update(t.write_back).where(here).values(state="queued", tries=0))

    def tried(self, tries: Mapping[int, int]) -> None:
        """How often each was tried; written down before a try that must not be repeated without looking."""
        with self.engine.begin() as connection:
            for key, count in tries.items():
                connection.execute(update(t.write_back).where(t.write_back.c.id == key).values(tries=count))

    def written(self, states: Mapping[int, str]) -> None:
        """What became of write-backs: ``queued`` again, ``done`` or ``failed``."""
        with self.engine.begin() as connection:
            for key, state in states.items():
                connection.execute(update(t.write_back).where(t.write_back.c.id == key).values(state=state))

    # --- missing mapping rows ---------------------------------------------------------------------------------------

    def note_missing(self, rows: Mapping[AutotaskId, Sequence[tuple[str, str, str]]]) -> None:
        """Write down, for each invoice looked at, the mapping rows that it waits for."""
        with self.engine.begin() as connection:
            known: defaultdict[AutotaskId, set[tuple[str, str, str]]] = defaultdict(set)
            for row in connection.execute(select(t.missing)):
                known[AutotaskId(row.autotask_id)].add((row.table_name, row.first_key, row.second_key))
            changed = {key: its_rows for key, its_rows in rows.items() if known[key] != set(its_rows)}
            if changed:
                _raise_revision(connection)
            for autotask_id, its_rows in changed.items():
                connection.execute(delete(t.missing).where(t.missing.c.autotask_id == autotask_id))
                for table, first, second in its_rows:
                    connection.execute(
                        insert(t.missing).values(
                            table_name=table, first_key=first, second_key=second, autotask_id=autotask_id
                        )
                    )

    def missing(self) -> list[tuple[str, str, str, AutotaskId]]:
        """The mapping rows that are missing, each with an invoice that waits for it."""
        with self.engine.begin() as connection:
            query = select(t.missing).order_by(t.missing.c.table_name, t.missing.c.first_key, t.missing.c.second_key)
            return [
                (row.table_name, row.first_key, row.second_key, AutotaskId(row.autotask_id))
                for row in connection.execute(query)
            ]

    # --- the log ----------------------------------------------------------------------------------------------------

    def log(  # noqa: PLR0913 - a row of the log
        self, event: str, detail: str = "", *, run: str = "", level: str = "Info", who: str = "Agent",
        invoice: Invoice | None = None, about: AutotaskId | None = None,
    ) -> None:  # fmt: skip
        """Write down one thing that happened; ``about`` names an invoice of the ledger where it was not just read."""
        with self.engine.begin() as connection:
            _raise_revision(connection)
            connection.execute(
                insert(t.log).values(
                    at=self.now(),
                    run=run,
                    level=level,
                    who=who,
                    autotask_id=invoice.id if invoice else about,
                    invoice=invoice.label if invoice else _label(connection, about),
                    event=event,
                    detail=detail,
                )
            )

    def log_rows(self, most: int, autotask_id: AutotaskId | None = None) -> list[dict[str, Any]]:
        """The newest rows of the log, newest first."""
        query = select(t.log).order_by(t.log.c.seq.desc()).limit(most)
        if autotask_id is not None:
            query = query.where(t.log.c.autotask_id == autotask_id)
        with self.engine.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def last_run(self, *, finished_well: bool = False) -> dict[str, Any] | None:
        """The newest run that ended, or the newest that ended well; of a clock that was fast then none counts."""
        ended = t.run.c.finished.is_not(None) & (t.run.c.started <= self.now())
        query = select(t.run).where(ended).order_by(t.run.c.started.desc()).limit(1)
        if finished_well:
            query = query.where(t.run.c.fault_code == "")
        with self.engine.begin() as connection:
            row = connection.execute(query).mappings().one_or_none()
            return dict(row) if row else None


def find_invoice(ledger: Ledger, wanted: str) -> AutotaskId:
    """The invoice of that number or id; a number comes before an id.

    Raises:
        PlainError: There is none, or several have the number.
    """
    with ledger.engine.begin() as connection:
        columns = t.invoice.c
        named = wanted.strip().casefold()
        by_number = select(columns.autotask_id).where(func.lower(columns.number) == named)
        found = list(connection.execute(by_number).scalars())
        if not found and named:
            by_xero = select(columns.autotask_id).where(func.lower(columns.xero_number) == named)
            found = list(connection.execute(by_xero).scalars())
        if not found and wanted.strip().isdigit() and len(wanted.strip()) < 19:
            by_id = select(columns.autotask_id).where(columns.autotask_id == int(wanted))
            found = list(connection.execute(by_id).scalars())
    if len(found) > 1:
        ids = ", ".join(str(item) for item in found)
        raise PlainError(f"{len(found)} invoices have the number {wanted}.", f"Give the Autotask id instead: {ids}.")
    if not found:
        raise PlainError(
            f"No invoice has the number or Autotask id {wanted}.", "The sheet Invoices and “autoxero status” list them."
        )
    return AutotaskId(found[0])


def _chunks(ids: Sequence[AutotaskId]) -> Iterator[Sequence[AutotaskId]]:
    """So many at once as every SQLite takes in one question."""
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


def _label(connection: Connection, autotask_id: AutotaskId | None) -> str:
    if autotask_id is None:
        return ""
    query = select(t.invoice.c.number).where(t.invoice.c.autotask_id == autotask_id)
    return connection.execute(query).scalar() or str(autotask_id)


def _fact(connection: Connection, name: str) -> str:
    return connection.execute(select(t.about.c.value).where(t.about.c.name == name)).scalar() or ""


def _remember(connection: Connection, facts: Mapping[str, str]) -> None:
    for name, value in facts.items():
        if not connection.execute(update(t.about).where(t.about.c.name == name).values(value=value)).rowcount:
            connection.execute(insert(t.about).values(name=name, value=value))


def _raise_revision(connection: Connection) -> None:
    _remember(connection, {_REVISION: str(int(_fact(connection, _REVISION) or 0) + 1)})


def _note_lines(connection: Connection, outcome: Outcome) -> None:
    """Sum up the lines by account and tax rate, where this step tells of them."""
    present = outcome.seen or outcome.posted
    sides: dict[str, list[tuple[str, str, Decimal, Decimal]]] = {}
    if present is not None and present.lines:
        sides["xero"] = [(line.account, line.tax_type, line.net, line.tax) for line in present.lines]
    if outcome.document is not None and outcome.posted is not None:
        sides["sent"] = [
            (line.account, line.tax_type, line.expected.net, line.expected.tax) for line in outcome.document.lines
        ]
    elif outcome.posted is not None and present is not None and present.lines:
        sides["sent"] = sides["xero"]  # it was found, and what was sent is not known any more
    sign = -1 if present is not None and present.kind == "Credit note" else 1
    for side, lines in sides.items():
        sums: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for account, tax_type, net, tax in lines:
            sums[account, tax_type][0] += sign * net
            sums[account, tax_type][1] += sign * tax
        here = (t.line.c.autotask_id == outcome.autotask_id) & (t.line.c.side == side)
        connection.execute(delete(t.line).where(here))
        for (account, tax_type), (net, tax) in sums.items():
            connection.execute(
                insert(t.line).values(
                    autotask_id=outcome.autotask_id, side=side, account=account, tax_type=tax_type, net=net, tax=tax
                )
            )
