"""The ledger's tables. Money is kept as exact text, instants as ISO text in UTC, days as ISO text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class Money(TypeDecorator[Decimal]):
    """A :class:`~decimal.Decimal`, to the last digit."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the base's
        """Into the database."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - the base's
        """Out of the database."""
        return None if value is None else Decimal(value)


class Moment(TypeDecorator[datetime]):
    """An aware instant in UTC."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the base's
        """Into the database."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the base's
        """Out of the database."""
        return None if value is None else datetime.fromisoformat(value)


class Day(TypeDecorator[date]):
    """A calendar day."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the base's
        """Into the database."""
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:  # noqa: ARG002 - the base's
        """Out of the database."""
        return None if value is None else date.fromisoformat(value)


about = Table(
    "about",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""What the ledger belongs to and how far it has come, by name."""

invoice = Table(
    "invoice",
    metadata,
    Column("autotask_id", Integer, primary_key=True, autoincrement=False),
    # as Autotask had it when it was last read
    Column("number", Text, nullable=False, default=""),
    Column("company_id", Integer, nullable=False, default=0),
    Column("customer", Text, nullable=False, default=""),
    Column("date", Day),
    Column("due", Day),
    Column("currency", Text, nullable=False, default=""),
    Column("net", Money, nullable=False, default=Decimal(0)),
    Column("tax", Money, nullable=False, default=Decimal(0)),
    Column("order_number", Text, nullable=False, default=""),
    Column("is_voided", Integer, nullable=False, default=0),
    # where it stands
    Column("status", Text, nullable=False, default="Waiting"),
    Column("why", Text, nullable=False, default=""),
    Column("since", Moment, nullable=False),
    Column("strikes", Integer, nullable=False, default=0),
    Column("fault_code", Text, nullable=False, default=""),
    Column("fault_title", Text, nullable=False, default=""),
    Column("fault_detail", Text, nullable=False, default=""),
    Column("fault_cure", Text, nullable=False, default=""),
    Column("warnings", Text, nullable=False, default=""),
    Column("wish", Text, nullable=False, default=""),
    Column("last_tried", Moment),
    # its document in Xero
    Column("xero_id", Text),
    Column("xero_kind", Text, nullable=False, default=""),
    Column("xero_number", Text, nullable=False, default=""),
    Column("xero_status", Text, nullable=False, default=""),
    Column("xero_contact", Text, nullable=False, default=""),
    Column("xero_contact_id", Text, nullable=False, default=""),
    Column("xero_net", Money),
    Column("xero_tax", Money),
    Column("xero_total", Money),
    Column("outstanding", Money),
    Column("paid_on", Day),
    Column("reference", Text, nullable=False, default=""),
    Column("sent_on", Moment),
    Column("xero_baseline", Text, nullable=False, default=""),
    Column("xero_latest", Text, nullable=False, default=""),
    Column("origin", Text, nullable=False, default="", server_default=""),
    # Autotask's header as it was last seen, where that is no longer as it was sent
    Column("autotask_latest", Text, nullable=False, default="", server_default=""),
    # the wish that a person's word becomes, where the invoice waits for one about what is in Xero
    Column("asks", Text, nullable=False, default="", server_default=""),
    Index("invoice_by_status", "status"),
    Index("invoice_by_company", "company_id"),
    Index("one_invoice_a_document", "xero_id", unique=True),
)
"""One row for every invoice of Autotask since Start date, each in exactly one status."""

intent = Table(
    "intent",
    metadata,
    Column("key", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("places", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("documents", LargeBinary, nullable=False),
    Column("made", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("verb", Text, nullable=False, default="create", server_default="create"),
    Index("intent_by_state", "state"),
)
"""A request that creates or updates documents, written down before it is sent: ``open`` until its outcome is known,
then ``done``, or ``gone`` where it was certainly not carried out."""

intent_item = Table(
    "intent_item",
    metadata,
    Column("key", Text, ForeignKey("intent.key"), primary_key=True),
    Column("autotask_id", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Index("intent_item_by_invoice", "autotask_id", "state"),
)
"""The invoices of an intent: ``open``, ``posted``, ``refused`` or ``absent``."""

line = Table(
    "line",
    metadata,
    Column("autotask_id", Integer, primary_key=True, autoincrement=False),
    Column("side", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("tax_type", Text, primary_key=True),
    Column("net", Money, nullable=False),
    Column("tax", Money, nullable=False),
)
"""The sums of an invoice's lines by account and tax rate, as ``sent`` and as they are in ``xero``; a credit note's are
negative."""

other = Table(
    "other",
    metadata,
    Column("xero_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("date", Day, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net", Money, nullable=False),
    Column("tax", Money, nullable=False),
    Column("total", Money, nullable=False),
    Column("outstanding", Money, nullable=False),
    Column("reference", Text, nullable=False),
)
"""Sales documents in Xero that did not come from Autotask; sums of credit notes are negative."""

write_back = Table(
    "write_back",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("autotask_id", Integer, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Index("write_back_by_state", "state"),
)
"""What is still to be written to Autotask: ``queued`` until it was read back, then ``done``; ``failed`` at the end."""

missing = Table(
    "missing",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("first_key", Text, primary_key=True),
    Column("second_key", Text, primary_key=True),
    Column("autotask_id", Integer, primary_key=True),
)
"""Mapping rows that are missing, and the invoices that wait for them."""

mail = Table(
    "mail",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("made", Moment, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sent", Moment),
    Column("tries", Integer, nullable=False, default=0),
    Column("trouble", Text, nullable=False, default=""),
)
"""Alerts: ``queued`` until a mail server has accepted them, then ``sent``."""

told = Table(
    "told",
    metadata,
    Column("item", Text, primary_key=True),
)
"""What people have been told about and still holds, so that they are not told again."""

run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started", Moment, nullable=False),
    Column("finished", Moment),
    Column("mode", Text, nullable=False),
    Column("counts", Text, nullable=False, default="{}"),
    Column("fault_code", Text, nullable=False, default=""),
    Column("fault_detail", Text, nullable=False, default=""),
)
"""One row a run."""

log = Table(
    "log",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("run", Text, nullable=False, default=""),
    Column("level", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("autotask_id", Integer),
    Column("invoice", Text, nullable=False, default=""),
    Column("event", Text, nullable=False),
    Column("detail", Text, nullable=False, default=""),
    Index("log_by_invoice", "autotask_id"),
)
"""One row for each thing that happened; the ledger keeps all, the sheet shows the newest."""
