"""Triggers that write down, in the order of commits, each change of the lease's owner and each step of an execution.

Every transaction that writes is serialised on both databases, so the numbers of the log are the order of commits, and
what a scheduler was allowed at the moment of a write can be told exactly, whatever the scheduler says of itself.
"""

import re
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text

from shared_models.engine import WRITES
from tests.scheduler.proof.history import LeaseWrite, Row, RowWrite

_LEASE = "'lease', NEW.desired_stack, NEW.owner_process, NEW.owner_stack, NEW.epoch, NULL, NULL, NULL, {silent}"
_NEW = "'row', NULL, NEW.claimed_by, NULL, NEW.claim_epoch, NEW.id, NULL, NEW.phase, NULL"
_STEP = "'row', NULL, NEW.claimed_by, NULL, NEW.claim_epoch, NEW.id, OLD.phase, NEW.phase, NULL"
_COLUMNS = "at, kind, wanted, process, stack, epoch, execution_id, before, phase, silent"
_NOW = {"sqlite": "(julianday('now') - 2440587.5) * 86400.0", "postgresql": "extract(epoch from clock_timestamp())"}
_SILENT = {
    "sqlite": "(julianday('now') - julianday(OLD.beat_at)) * 86400.0",
    "postgresql": "extract(epoch from clock_timestamp() - OLD.beat_at)",
}
_DIFFERS = {"sqlite": "IS NOT", "postgresql": "IS DISTINCT FROM"}
_KEY = {"sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT", "postgresql": "BIGSERIAL PRIMARY KEY"}
_UNIQUE = re.compile(r",\s*CONSTRAINT \w+ UNIQUE \(job_id, scheduled_for\)")
_TRIGGERS = (
    ("lease", "UPDATE", "scheduler_lease", ("desired_stack", "owner_process", "epoch"), _LEASE),
    ("new", "INSERT", "job_executions", (), _NEW),
    ("step", "UPDATE", "job_executions", ("phase", "claim_epoch"), _STEP),
)


def install(engine: Engine) -> None:
    """Begin to write down. The lease as it is now is the first line."""
    dialect = engine.dialect.name
    with engine.connect().execution_options(**WRITES) as connection, connection.begin():
        _run(
            connection,
            f"CREATE TABLE proof_log (position {_KEY[dialect]}, at DOUBLE PRECISION, kind TEXT, wanted TEXT, process TEXT, "
            "stack TEXT, epoch BIGINT, execution_id TEXT, before TEXT, phase TEXT, silent DOUBLE PRECISION)",
        )
        for name, event, table, columns, values in _TRIGGERS:
            for statement in _trigger(dialect, name, event, table, columns, values):
                _run(connection, statement)
        first = _LEASE.replace("NEW.", "lease.").format(silent="NULL")
        _run(
            connection,
            f"INSERT INTO proof_log ({_COLUMNS}) SELECT {_NOW[dialect]}, {first} FROM scheduler_lease AS lease",
        )


def read_log(connection: Connection) -> tuple[list[LeaseWrite], list[RowWrite]]:
    """Return every change of the lease, and every step of a scheduled execution."""
    lines = connection.execute(text(f"SELECT position, {_COLUMNS} FROM proof_log ORDER BY position")).all()
    lease = [
        LeaseWrite(line.position, _instant(line.at), line.wanted, line.process, line.stack, line.epoch, line.silent)
        for line in lines
        if line.kind == "lease"
    ]
    rows = [
        RowWrite(line.position, _instant(line.at), line.execution_id, line.before, line.phase, line.epoch, line.process)
        for line in lines
        if line.kind == "row"
    ]
    return lease, rows


def read_rows(connection: Connection) -> list[Row]:
    """Return every execution that belongs to a tick."""
    found = connection.execute(
        text(
            "SELECT id, job_id, scheduled_for, phase, skip_reason, response_status IS NOT NULL AS answered "
            "FROM job_executions WHERE scheduled_for IS NOT NULL"
        )
    )
    return [
        Row(line.id, line.job_id, _utc(line.scheduled_for), line.phase, line.skip_reason, bool(line.answered))
        for line in found
    ]


def drop_unique_key(engine: Engine) -> None:
    """Let one tick have two rows, for the variant without that protection. The table has to be empty."""
    with engine.connect().execution_options(**WRITES) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            _run(connection, "ALTER TABLE job_executions DROP CONSTRAINT uq_job_executions_job_id_scheduled_for")
            return
        statements = [
            row.sql
            for row in connection.execute(
                text(
                    "SELECT sql FROM sqlite_master WHERE tbl_name = 'job_executions' AND sql IS NOT NULL ORDER BY type DESC"
                )
            )
        ]
        statements.sort(key=lambda sql: not sql.startswith("CREATE TABLE"))
        _run(connection, "DROP TABLE job_executions")
        for statement in statements:
            _run(connection, _UNIQUE.sub("", statement))


def _trigger(dialect: str, name: str, event: str, table: str, columns: tuple[str, ...], values: str) -> list[str]:
    insert = f"INSERT INTO proof_log ({_COLUMNS}) VALUES ({_NOW[dialect]}, {values.format(silent=_SILENT[dialect])})"
    changed = " OR ".join(f"OLD.{column} {_DIFFERS[dialect]} NEW.{column}" for column in columns)
    when = f"WHEN ({changed})" if columns else ""
    head = f"CREATE TRIGGER proof_{name} AFTER {event} ON {table} FOR EACH ROW {when}"
    if dialect == "sqlite":
        return [f"{head} BEGIN {insert}; END"]
    function = (
        f"CREATE FUNCTION proof_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {insert}; RETURN NULL; END $$"
    )
    return [function, f"{head} EXECUTE FUNCTION proof_{name}()"]


def _run(connection: Connection, statement: str) -> None:
    connection.execution_options(no_parameters=True).exec_driver_sql(statement)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _utc(value: datetime | str) -> datetime:
    """SQLite answers plain SQL with text."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
