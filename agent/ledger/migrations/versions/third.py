"""What Autotask has now of an invoice that was changed after it was sent.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; the next look at what was sent fills it."""
    op.add_column("invoice", sa.Column("autotask_latest", sa.Text, nullable=False, server_default=""))
