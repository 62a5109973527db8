"""Lines by account and tax rate, documents in Xero that are not ours, and requests that change documents.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=key)


def upgrade() -> None:
    """Make the tables; lines were kept as bare amounts before, and are read again from Xero."""
    op.add_column("intent", sa.Column("verb", sa.Text, nullable=False, server_default="create"))
    op.add_column("invoice", sa.Column("origin", sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE invoice SET origin = 'sent' WHERE xero_id IS NOT NULL")
    op.create_table(
        "line",
        sa.Column("autotask_id", sa.Integer, primary_key=True, autoincrement=False),
        *(_text("side", key=True), _text("account", key=True), _text("tax_type", key=True)),
        *(_text("net"), _text("tax")),
    )
    op.create_table(
        "other",
        _text("xero_id", key=True),
        *(_text("kind"), _text("number"), _text("status"), _text("contact"), _text("date"), _text("currency")),
        *(_text("net"), _text("tax"), _text("total"), _text("outstanding"), _text("reference")),
    )
    connection = op.get_bind()
    for column in ("xero_baseline", "xero_latest"):
        found = connection.execute(sa.text(f"SELECT autotask_id, {column} FROM invoice WHERE {column} <> ''")).all()  # noqa: S608 - our own names
        for autotask_id, kept in found:
            told = json.dumps(json.loads(kept) | {"lines": []})
            connection.execute(
                sa.text(f"UPDATE invoice SET {column} = :told WHERE autotask_id = :id"),  # noqa: S608 - our own names
                {"told": told, "id": autotask_id},
            )
