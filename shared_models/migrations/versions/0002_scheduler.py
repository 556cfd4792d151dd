"""What the scheduler needs: its processes, its duties, its messages, the trail of a handover, and wake-ups on PostgreSQL."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INDEXES_OF_PHASES = {
    "ix_job_executions_open": ("'claimed', 'running'", ["phase", "scheduled_for"]),
    "ix_job_executions_open_of_job": ("'claimed', 'running'", ["job_id", "scheduled_for"]),
    "ix_job_executions_not_run": ("'missed', 'skipped'", ["scheduled_for", "id"]),
}
_TRAIL: dict[str, sa.types.TypeEngine[Any]] = {
    "epoch": sa.Integer(),
    "requested_by": sa.String(200),
    "reason": sa.String(500),
    "aborted": sa.String(500),
}
# A claim advances next_run_at alone and wakes nobody; an edit raises schedule_rev as well.
_WAKES = {
    "scheduler_wake_jobs": ("job_schedule", "INSERT OR DELETE OR UPDATE OF schedule_rev"),
    "scheduler_wake_lease": ("scheduler_lease", "UPDATE OF desired_stack, owner_process"),
    "scheduler_wake_nodes": ("scheduler_nodes", "UPDATE OF asked"),
}


def upgrade() -> None:
    op.create_table(
        "scheduler_nodes",
        sa.Column("process", sa.String(200), nullable=False),
        sa.Column("stack", sa.String(10), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("asked", sa.String(36), nullable=True),
        sa.Column("answered", sa.String(36), nullable=True),
        sa.Column("fires", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("process", name="pk_scheduler_nodes"),
    )
    op.create_table(
        "scheduler_duties",
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_scheduler_duties"),
    )
    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("recipient", sa.String(320), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("phase", sa.String(10), nullable=False),
        sa.Column("process", sa.String(200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_messages"),
        sa.UniqueConstraint("key", name="uq_outbox_messages_key"),
    )
    _partial_index("ix_outbox_messages_open", "outbox_messages", "'queued', 'sending'", ["phase", "created_at"])
    for name, (phases, columns) in _INDEXES_OF_PHASES.items():
        _partial_index(name, "job_executions", phases, columns)

    op.drop_index("ix_job_schedule_next_run_at", table_name="job_schedule")
    op.create_index("ix_job_schedule_next_run_at_job_id", "job_schedule", ["next_run_at", "job_id"], unique=False)
    op.add_column("job_schedule", sa.Column("every_s", sa.Double(), nullable=True))
    op.add_column("scheduler_lease", sa.Column("released_at", sa.DateTime(timezone=True), nullable=True))
    for name, kind in _TRAIL.items():
        op.add_column("scheduler_handovers", sa.Column(name, kind, nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION scheduler_wake() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_notify('scheduler', ''); RETURN NULL; END $$"
        )
        for name, (table, events) in _WAKES.items():
            op.execute(
                f"CREATE TRIGGER {name} AFTER {events} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION scheduler_wake()"
            )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name, (table, _events) in _WAKES.items():
            op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute("DROP FUNCTION scheduler_wake()")
    for name in _TRAIL:
        op.drop_column("scheduler_handovers", name)
    op.drop_column("scheduler_lease", "released_at")
    op.drop_column("job_schedule", "every_s")
    op.drop_index("ix_job_schedule_next_run_at_job_id", table_name="job_schedule")
    op.create_index("ix_job_schedule_next_run_at", "job_schedule", ["next_run_at"], unique=False)
    for name in _INDEXES_OF_PHASES:
        op.drop_index(name, table_name="job_executions")
    for table in ("outbox_messages", "scheduler_duties", "scheduler_nodes"):
        op.drop_table(table)


def _partial_index(name: str, table: str, phases: str, columns: list[str]) -> None:
    only = sa.text(f"phase IN ({phases})")
    op.create_index(name, table, columns, unique=False, sqlite_where=only, postgresql_where=only)
