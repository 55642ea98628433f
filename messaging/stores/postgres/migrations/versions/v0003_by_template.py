"""A template's event-driven messages in order of id. Those of its campaigns are found by the campaigns."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "CREATE INDEX messages_page_template ON messages (template, id) WHERE campaign IS NULL"
    )
