"""What only PostgreSQL does: transactions that overlap, sessions with settings of their own, schemas, partitions, roles."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url

from parity.databases import ChangeLog, Database, open_database, postgresql_tools, snapshot
from parity.databases.addresses import server_of
from parity.values import ParityError, RowChange
from tests.parity.databases.conftest import Ground, connect, run

Make = Callable[..., Database]

pytestmark = pytest.mark.parametrize("ground", ["postgresql"], indirect=True)

USERS = "CREATE TABLE users (id integer PRIMARY KEY, name text)"


@contextmanager
def watched(database: Database) -> Iterator[ChangeLog]:
    log = database.watch()
    try:
        yield log
    finally:
        log.close()


def written(database: Database, *statements: str) -> list[RowChange]:
    with watched(database) as log:
        run(database.url, *statements)
        return log.read()


def told(changes: list[RowChange]) -> list[tuple[str, str, Any, Any]]:
    """Return table, operation, and the id before and after."""
    return [(c.table, c.operation, (c.before or {}).get("id"), (c.after or {}).get("id")) for c in changes]


VALUES: list[tuple[str, str, Any]] = [
    ("numeric", "1.10", "1.10"),
    ("numeric", "5", "5"),
    ("numeric(40, 20)", "0.00000000000000000001", "0.00000000000000000001"),
    ("numeric", "'NaN'", "NaN"),
    ("bigint", "9007199254740993", 9007199254740993),
    ("float8", "0.1", 0.1),
    ("float8", "2", 2.0),
    ("float8", "1e300", 1e300),
    ("float8", "'-Infinity'", "-Infinity"),
    ("boolean", "true", True),
    ("bytea", r"'\x00ff10'", {"base64": "AP8Q"}),
    ("timestamptz", "'2026-03-01 09:00:00.5+09'", "2026-03-01T00:00:00.500000+00:00"),
    ("timestamp", "'2026-03-01 09:00'", "2026-03-01T09:00:00.000000"),
    ("date", "'2026-03-01'", "2026-03-01"),
    ("interval", "'1 day 2 hours'", "P1DT2H"),
    ("tstzrange", "'[2026-03-01 00:00+00,)'", '["2026-03-01 00:00:00+00",)'),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("jsonb", """'{"a": [1.5, 2, 123456789012345678901]}'""", {"a": [1.5, 2, "123456789012345678901"]}),
    ("json", r"""'{"a": "\u0000"}'""", {"a": "\0"}),
    ("integer[]", "'{1,NULL}'", [1, None]),
    ("money_domain", "1.50", "1.50"),
    ("text", "NULL", None),
]
SETTINGS = {
    "plain": [],
    "odd": [
        "SET timezone = 'Asia/Tokyo'",
        "SET bytea_output = 'escape'",
        "SET intervalstyle = 'sql_standard'",
        "SET extra_float_digits = -3",
        "SET datestyle = 'German'",
    ],
}


def test_values_are_told_exactly_whatever_a_session_has_set(ground: Ground) -> None:
    columns = ", ".join(f"c{number} {kind}" for number, (kind, _, _) in enumerate(VALUES))
    table = f"CREATE TABLE things (id integer PRIMARY KEY, {columns})"
    database = ground.make("CREATE DOMAIN money_domain AS numeric(10, 2)", table)
    values = ", ".join(value for _, value, _ in VALUES)
    for number, settings in enumerate(SETTINGS.values()):
        changes = written(database, *settings, f"INSERT INTO things VALUES ({number}, {values})")
        expected = {f"c{place}": value for place, (_, _, value) in enumerate(VALUES)} | {"id": number}

        assert changes == [RowChange("things", "insert", None, expected)]
        assert [type(value) for value in (changes[0].after or {}).values()] == [int, *(type(v) for _, _, v in VALUES)]
        assert list(database.rows("things"))[number] == expected


def test_a_transaction_that_commits_late_is_not_lost(ground: Ground) -> None:
    database = ground.make(USERS)
    with watched(database) as log, connect(database.url) as early, connect(database.url) as late:
        early.execute("BEGIN")
        early.execute("INSERT INTO users VALUES (1, 'early')")
        late.execute("INSERT INTO users VALUES (2, 'late')")

        assert told(log.read()) == [("users", "insert", None, 2)]

        early.execute("COMMIT")

        assert told(log.read()) == [("users", "insert", None, 1)]
        assert log.read() == []


def test_transactions_that_overlap_are_each_told_once_and_in_order(ground: Ground) -> None:
    database = ground.make(USERS)
    with (
        watched(database) as log,
        connect(database.url) as one,
        connect(database.url) as two,
        connect(database.url) as three,
    ):
        for connection, number in ((one, 1), (two, 2), (three, 3)):
            connection.execute("BEGIN")
            connection.execute("INSERT INTO users VALUES (%s, 'x')", (number,))
        two.execute("COMMIT")
        first = log.read()
        one.execute("SAVEPOINT s")
        one.execute("UPDATE users SET name = 'y' WHERE id = 2")
        one.execute("RELEASE s")
        three.execute("ROLLBACK")
        second = log.read()
        one.execute("COMMIT")
        two.execute("UPDATE users SET name = 'z' WHERE id = 2")
        third = log.read()

    assert (told(first), second) == ([("users", "insert", None, 2)], [])
    assert told(third) == [("users", "insert", None, 1), ("users", "update", 2, 2)]
    assert third[1].after == {"id": 2, "name": "z"}


def test_a_long_log_is_not_read_through(ground: Ground) -> None:
    database = ground.make(USERS)
    with watched(database) as log, connect(database.url) as connection:
        # Often enough for the server to settle on a plan, while there is nothing to plan for.
        assert [log.read() for _ in range(8)] == [[]] * 8

        connection.execute("INSERT INTO users SELECT n, 'x' FROM generate_series(1, 3000) n")

        assert len(log.read()) == 3000

        scanned = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'changes'"
        reader = log._connection  # type: ignore[attr-defined]
        reader.execute("BEGIN")
        log.read()

        assert reader.execute(scanned).fetchone() == (0,)

        reader.execute("COMMIT")


def test_truncated_rows_are_deleted_rows(ground: Ground) -> None:
    database = ground.make(
        USERS,
        "CREATE TABLE posts (id integer PRIMARY KEY, author integer REFERENCES users (id))",
        "INSERT INTO users VALUES (1, 'Ada')",
        "INSERT INTO posts VALUES (10, 1)",
    )

    assert sorted(told(written(database, "TRUNCATE users CASCADE"))) == [
        ("posts", "delete", 10, None),
        ("users", "delete", 1, None),
    ]


def test_partitions_go_by_the_name_of_their_table(ground: Ground) -> None:
    database = ground.make(
        "CREATE TABLE events (id integer, day integer, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
        "CREATE TABLE events_early PARTITION OF events FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE events_late PARTITION OF events FOR VALUES FROM (10) TO (20)",
        "INSERT INTO events VALUES (1, 5), (2, 5), (3, 15)",
    )
    changes = written(
        database,
        "CREATE TABLE events_later PARTITION OF events FOR VALUES FROM (20) TO (30)",
        "INSERT INTO events VALUES (4, 25)",
        "UPDATE events SET day = 12 WHERE id = 1",
        "DELETE FROM events_late WHERE id = 3",
    )

    assert sorted(told(changes), key=str) == [
        ("events", "delete", 1, None),
        ("events", "delete", 3, None),
        ("events", "insert", None, 1),
        ("events", "insert", None, 4),
    ]
    assert told(written(database, "TRUNCATE events_early")) == [("events", "delete", 2, None)]
    assert len(written(database, "TRUNCATE events")) == 2
    assert database.tables() == ["events"]
    assert database.references() == {("events", "id"): "events", ("events", "day"): "events"}


def test_tables_of_every_schema_are_watched(ground: Ground) -> None:
    database = ground.make(USERS, "CREATE SCHEMA shop", "CREATE TABLE shop.users (id integer PRIMARY KEY, name text)")
    name = server_of(database.url).database
    run(database.url, f"ALTER DATABASE {name} SET search_path = shop, public")
    changes = written(database, "INSERT INTO users VALUES (1, 'a')", "INSERT INTO public.users VALUES (2, 'b')")

    assert told(changes) == [("shop.users", "insert", None, 1), ("users", "insert", None, 2)]
    assert database.tables() == ["shop.users", "users"]
    assert [row["id"] for row in database.rows("shop.users")] == [1]


def test_a_role_without_rights_on_the_log_can_write(ground: Ground) -> None:
    database = ground.make(USERS, "GRANT ALL ON users TO public")

    assert told(written(database, "SET ROLE clerk", "INSERT INTO users VALUES (1, 'a')")) == [
        ("users", "insert", None, 1)
    ]


def test_copied_rows_are_told(ground: Ground) -> None:
    database = ground.make(USERS)
    with watched(database) as log, connect(database.url) as connection:
        with connection.cursor().copy("COPY users FROM STDIN") as copy:
            copy.write_row((1, "Ada"))

        assert told(log.read()) == [("users", "insert", None, 1)]


def test_tables_of_extensions_and_sessions_are_none_of_the_apps(ground: Ground) -> None:
    database = ground.make("CREATE TABLE owned (id integer)", "ALTER EXTENSION plpgsql ADD TABLE owned", USERS)
    with watched(database) as log:
        run(
            database.url, "CREATE TEMP TABLE t (id integer)", "INSERT INTO t VALUES (1)", "INSERT INTO owned VALUES (1)"
        )

        assert (log.read(), log.unwatched(), database.tables()) == ([], (), ["users"])

        run(database.url, "ALTER EXTENSION plpgsql DROP TABLE owned")


def test_foreign_tables_are_skipped_and_said_so(ground: Ground) -> None:
    database = ground.make(
        "CREATE FOREIGN DATA WRAPPER wrapper",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER wrapper",
        "CREATE FOREIGN TABLE remote (id integer) SERVER elsewhere",
    )
    with watched(database) as log, connect(database.url) as connection:
        assert (log.skipped, log.unwatched(), database.tables()) == (("remote",), (), [])

        connection.execute("DROP FOREIGN DATA WRAPPER wrapper CASCADE")


def test_alembic_finds_its_revision_in_a_watched_database(ground: Ground) -> None:
    from alembic.runtime.migration import MigrationContext

    database = ground.make(
        "CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('abc')"
    )
    with watched(database):
        engine = create_engine(database.url)
        with engine.connect() as connection:
            assert MigrationContext.configure(connection).get_current_heads() == ("abc",)
        engine.dispose()


COUNTED = "CREATE TABLE counted (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text DEFAULT 'x')"


@pytest.mark.parametrize("live", [False, True], ids=["as a template", "by dump"])
def test_a_clone_keeps_sequences_and_settings(ground: Ground, live: bool) -> None:
    base = ground.make("CREATE SCHEMA shop", COUNTED, "INSERT INTO counted DEFAULT VALUES", "DELETE FROM counted")
    name = server_of(base.url).database
    run(
        base.url,
        f'ALTER DATABASE {name} SET search_path = shop, "$user", public',
        f"ALTER ROLE clerk IN DATABASE {name} SET timezone = 'Asia/Tokyo'",
        f"ALTER DATABASE {name} SET my.flag = 'it''s'",
    )
    clone = base.clone(ground.url(), live=live)

    assert clone.digest() == base.digest()

    with connect(clone.url) as connection:
        shown = [connection.execute(f"SHOW {setting}").fetchone() for setting in ("search_path", "my.flag")]
        connection.execute("INSERT INTO counted DEFAULT VALUES")
        roles = connection.execute(
            "SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase "
            "WHERE d.datname = current_database() AND setrole <> 0"
        ).fetchall()

    assert shown == [('shop, "$user", public',), ("it's",)]
    assert roles == [(["TimeZone=Asia/Tokyo"],)]
    assert list(clone.rows("counted")) == [{"id": 2, "name": "x"}]


def test_a_database_in_use_is_cloned_all_the_same(ground: Ground) -> None:
    base = ground.make(USERS, "INSERT INTO users VALUES (1, 'Ada')")
    with connect(base.url):
        clone = base.clone(ground.url())

    assert clone.digest() == base.digest()


def test_the_programs_that_copy_are_those_of_the_server(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    base = ground.make(USERS)
    monkeypatch.setattr(postgresql_tools, "_of_the_server", lambda connection: [])
    monkeypatch.setattr(postgresql_tools, "_DEBIAN", Path("/nowhere"))
    monkeypatch.setenv("PATH", "/nowhere")
    url = ground.url()
    with pytest.raises(ParityError, match=r"no pg_dump and psql of version \d+ or later .* install"):
        snapshot(base.url, url)

    with pytest.raises(ParityError, match="does not exist"):
        open_database(url)


def test_a_copy_that_fails_leaves_nothing_and_says_why(ground: Ground) -> None:
    base = ground.make(USERS)
    url = ground.url()
    with pytest.raises(ParityError, match="permission denied for table users"):
        snapshot(make_url(base.url).set(username="clerk").render_as_string(), url)

    with pytest.raises(ParityError, match="does not exist"):
        open_database(url)


def test_what_a_role_may_not_do_is_said_in_one_line(ground: Ground) -> None:
    base = ground.make(USERS)
    run(base.url, f"ALTER DATABASE {server_of(base.url).database} SET log_statement = 'ddl'")
    clerk = open_database(make_url(base.url).set(username="clerk").render_as_string())
    refusals: dict[str, Callable[[], object]] = {
        "permission denied for table users": clerk.digest,
        "must be owner of database": clerk.drop,
        "cannot be watched": clerk.watch,
        "cannot be copied .* permission denied for table users": lambda: clerk.clone(ground.url()),
    }
    for reason, action in refusals.items():
        with pytest.raises(ParityError, match=reason) as refused:
            action()

        assert "\n" not in str(refused.value)

    run(base.url, "GRANT ALL ON users TO clerk")
    with pytest.raises(ParityError, match=r"permission denied to set parameter .* let a superuser clone it"):
        clerk.clone(make_url(ground.url()).set(username="clerk").render_as_string())


def test_a_server_out_of_reach_is_refused_without_its_password(ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"cannot be reached .* is it running and the URL right") as refused:
        open_database(f"postgresql+psycopg://ada:s3cret@/app?host={tmp_path}")

    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_database_that_is_not_there_is_refused(ground: Ground) -> None:
    with pytest.raises(ParityError, match=r'database ".*" does not exist'):
        open_database(ground.url())


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_what_drivers_add_to_a_url_is_no_matter(ground: Ground, scheme: str) -> None:
    base = ground.make(USERS)
    url = base.url.replace("postgresql+psycopg", scheme) + "&prepared_statement_cache_size=0"

    assert open_database(url).tables() == ["users"]
    assert open_database(url).url == url


def test_a_url_without_a_name_is_refused(ground: Ground) -> None:
    with pytest.raises(ParityError, match="names no database; end it with /NAME"):
        open_database("postgresql://localhost")
