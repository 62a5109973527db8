"""The first ledger.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _maybe(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table("about", sa.Column("name", sa.Text, primary_key=True), _text("value"))
    op.create_table(
        "invoice",
        sa.Column("autotask_id", sa.Integer, primary_key=True, autoincrement=False),
        *(_text("number"), _whole("company_id"), _text("customer"), _maybe("date"), _maybe("due"), _text("currency")),
        *(_text("net"), _text("tax"), _text("order_number"), _whole("is_voided")),
        *(_text("status"), _text("why"), _text("since"), _whole("strikes")),
        *(_text("fault_code"), _text("fault_title"), _text("fault_detail"), _text("fault_cure")),
        *(_text("warnings"), _text("wish"), _maybe("last_tried")),
        *(_maybe("xero_id"), _text("xero_kind"), _text("xero_number"), _text("xero_status")),
        *(_text("xero_contact"), _text("xero_contact_id")),
        *(_maybe("xero_net"), _maybe("xero_tax"), _maybe("xero_total"), _maybe("outstanding"), _maybe("paid_on")),
        *(_text("reference"), _maybe("sent_on"), _text("xero_baseline"), _text("xero_latest")),
    )
    op.create_index("invoice_by_status", "invoice", ["status"])
    op.create_index("invoice_by_company", "invoice", ["company_id"])
    op.create_index("one_invoice_a_document", "invoice", ["xero_id"], unique=True)
    op.create_table(
        "intent",
        sa.Column("key", sa.Text, primary_key=True),
        *(_text("run"), _whole("fence"), _text("kind"), _whole("places")),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("documents", sa.LargeBinary, nullable=False),
        *(_text("made"), _text("state")),
    )
    op.create_index("intent_by_state", "intent", ["state"])
    op.create_table(
        "intent_item",
        sa.Column("key", sa.Text, sa.ForeignKey("intent.key"), primary_key=True),
        sa.Column("autotask_id", sa.Integer, primary_key=True),
        _text("state"),
    )
    op.create_index("intent_item_by_invoice", "intent_item", ["autotask_id", "state"])
    op.create_table(
        "write_back",
        sa.Column("id", sa.Integer, primary_key=True),
        *(_whole("autotask_id"), _text("field"), _text("value"), _text("state"), _whole("tries")),
    )
    op.create_index("write_back_by_state", "write_back", ["state"])
    op.create_table(
        "missing",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("table_name", "first_key", "second_key")),
        sa.Column("autotask_id", sa.Integer, primary_key=True),
    )
    op.create_table(
        "mail",
        sa.Column("id", sa.Integer, primary_key=True),
        *(_text("made"), _text("subject"), _text("text"), _text("html"), _text("state"), _maybe("sent")),
        *(_whole("tries"), _text("trouble")),
    )
    op.create_table("told", sa.Column("item", sa.Text, primary_key=True))
    op.create_table(
        "run",
        sa.Column("id", sa.Text, primary_key=True),
        *(_text("started"), _maybe("finished"), _text("mode"), _text("counts")),
        *(_text("fault_code"), _text("fault_detail")),
    )
    op.create_table(
        "log",
        sa.Column("seq", sa.Integer, primary_key=True),
        *(_text("at"), _text("run"), _text("level"), _text("who")),
        sa.Column("autotask_id", sa.Integer),
        *(_text("invoice"), _text("event"), _text("detail")),
    )
    op.create_index("log_by_invoice", "log", ["autotask_id"])
