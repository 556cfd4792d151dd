"""First schema: the nine tables, and what tokens, login limits and the scheduler's ownership need."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "job_categories",
    "login_failures",
    "pic_teams",
    "revoked_tokens",
    "scheduler_handovers",
    "scheduler_lease",
    "slack_settings",
    "users",
    "jobs",
    "user_notification_preferences",
    "user_ui_preferences",
    "job_executions",
    "job_schedule",
    "notifications",
)

_RAN = "phase IN ('done', 'running', 'unknown')"
_INDEXES_OF_RUNS = {
    "ix_job_executions_job_started": ["job_id", "started_at"],
    "ix_job_executions_job_status_duration": ["job_id", "status", "duration_seconds"],
    "ix_job_executions_started_id": ["started_at", "id"],
    "ix_job_executions_status_started_duration": ["status", "started_at", "duration_seconds"],
}


def upgrade() -> None:
    op.create_table(
        "job_categories",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("slug", sa.String(100), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job_categories"),
        sa.UniqueConstraint("slug", name="uq_job_categories_slug"),
    )
    op.create_table(
        "login_failures",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_login_failures"),
    )
    op.create_index("ix_login_failures_account", "login_failures", ["account", "failed_at"], unique=False)
    op.create_index("ix_login_failures_address", "login_failures", ["address", "failed_at"], unique=False)

    op.create_table(
        "pic_teams",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("slug", sa.String(100), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("slack_handle", sa.String(255), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pic_teams"),
        sa.UniqueConstraint("slug", name="uq_pic_teams_slug"),
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(255), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_revoked_tokens"),
    )
    op.create_index("ix_revoked_tokens_expires_at", "revoked_tokens", ["expires_at"], unique=False)

    op.create_table(
        "scheduler_handovers",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("from_stack", sa.String(10), nullable=False),
        sa.Column("to_stack", sa.String(10), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gap_ms", sa.Double(), nullable=True),
        sa.Column("caught_up", sa.Integer(), nullable=True),
        sa.Column("skipped", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_scheduler_handovers"),
    )
    op.create_index("ix_scheduler_handovers_requested_at", "scheduler_handovers", ["requested_at"], unique=False)

    op.create_table(
        "scheduler_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("desired_stack", sa.String(10), nullable=False),
        sa.Column("owner_stack", sa.String(10), nullable=True),
        sa.Column("owner_process", sa.String(200), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("ttl_s", sa.Double(), nullable=False),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name="ck_scheduler_lease_only_row"),
        sa.PrimaryKeyConstraint("id", name="pk_scheduler_lease"),
    )
    op.create_table(
        "slack_settings",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("singleton", sa.Integer(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("webhook_url", sa.String(500), nullable=True),
        sa.Column("channel", sa.String(255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slack_settings"),
        sa.UniqueConstraint("singleton", name="uq_slack_settings_singleton"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("username", sa.String(80), nullable=False),
        sa.Column("email", sa.String(120), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("password_changed_by", sa.String(255), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_index("uq_users_username_lower", "users", [sa.text("lower(username)")], unique=True)
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("cron_expression", sa.String(100), nullable=False),
        sa.Column("target_url", sa.String(500), nullable=True),
        sa.Column("github_owner", sa.String(255), nullable=True),
        sa.Column("github_repo", sa.String(255), nullable=True),
        sa.Column("github_workflow_name", sa.String(255), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("category", sa.String(100), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("pic_team", sa.String(100), nullable=True),
        sa.Column("enable_email_notifications", sa.Boolean(), nullable=False),
        sa.Column("notification_emails", sa.JSON(), nullable=False),
        sa.Column("notify_on_success", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_jobs_created_by_users", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("name", name="uq_jobs_name"),
    )
    op.create_index("ix_jobs_category", "jobs", ["category"], unique=False)
    op.create_index("ix_jobs_created_at", "jobs", ["created_at"], unique=False)
    op.create_index("ix_jobs_created_by", "jobs", ["created_by"], unique=False)
    op.create_index("ix_jobs_pic_team", "jobs", ["pic_team"], unique=False)

    op.create_table(
        "user_notification_preferences",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("email_on_job_success", sa.Boolean(), nullable=False),
        sa.Column("email_on_job_failure", sa.Boolean(), nullable=False),
        sa.Column("email_on_job_disabled", sa.Boolean(), nullable=False),
        sa.Column("browser_notifications", sa.Boolean(), nullable=False),
        sa.Column("daily_digest", sa.Boolean(), nullable=False),
        sa.Column("weekly_report", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_user_notification_preferences_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_user_notification_preferences"),
        sa.UniqueConstraint("user_id", name="uq_user_notification_preferences_user_id"),
    )
    op.create_table(
        "user_ui_preferences",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("jobs_table_columns", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_user_ui_preferences_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_user_ui_preferences"),
        sa.UniqueConstraint("user_id", name="uq_user_ui_preferences_user_id"),
    )
    op.create_table(
        "job_executions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("trigger_type", sa.String(20), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("execution_type", sa.String(20), nullable=False),
        sa.Column("target", sa.String(1000), nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("error_message", sa.String(), nullable=True),
        sa.Column("output", sa.String(), nullable=True),
        sa.Column("phase", sa.String(20), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_epoch", sa.Integer(), nullable=True),
        sa.Column("claimed_by", sa.String(200), nullable=True),
        sa.Column("skip_reason", sa.String(50), nullable=True),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_executions_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_job_executions"),
        sa.UniqueConstraint("job_id", "scheduled_for", name="uq_job_executions_job_id_scheduled_for"),
    )
    for name, columns in _INDEXES_OF_RUNS.items():
        op.create_index(
            name,
            "job_executions",
            columns,
            unique=False,
            sqlite_where=sa.text(_RAN),
            postgresql_where=sa.text(_RAN),
        )

    op.create_table(
        "job_schedule",
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("schedule_rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_schedule_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_schedule"),
    )
    op.create_index("ix_job_schedule_next_run_at", "job_schedule", ["next_run_at"], unique=False)

    op.create_table(
        "notifications",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("related_job_id", sa.String(36), nullable=True),
        sa.Column("related_execution_id", sa.String(36), nullable=True),
        sa.Column("is_read", sa.Boolean(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["related_execution_id"],
            ["job_executions.id"],
            name="fk_notifications_related_execution_id_job_executions",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["related_job_id"], ["jobs.id"], name="fk_notifications_related_job_id_jobs", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notifications_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index("ix_notifications_related_execution_id", "notifications", ["related_execution_id"], unique=False)
    op.create_index("ix_notifications_related_job_id", "notifications", ["related_job_id"], unique=False)
    op.create_index("ix_notifications_user_created", "notifications", ["user_id", "created_at"], unique=False)
    op.create_index("ix_notifications_user_read", "notifications", ["user_id", "is_read"], unique=False)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
