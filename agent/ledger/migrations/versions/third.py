"""What Autotask has now of an invoice that was changed after it was sent, and what a waiting one asks a person.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; the next looks fill them."""
    op.add_column("invoice", sa.Column("autotask_latest", sa.Text, nullable=False, server_default=""))
    op.add_column("invoice", sa.Column("asks", sa.Text, nullable=False, server_default=""))
