"""What only SQLite does: loose types, REPLACE without triggers, odd tables, journal modes, and an app that must notice nothing."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import create_engine

from parity.databases import ChangeLog, open_database, snapshot
from parity.databases.sqlite import SqliteDatabase
from parity.values import ParityError, RowChange

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT COLLATE NOCASE UNIQUE)"
ADA = {"id": 1, "name": "Ada", "email": "ada@x"}
BOB = {"id": 2, "name": "Bob", "email": "bob@x"}

Make = Callable[..., SqliteDatabase]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make_one(*statements: str, name: str = "app.db") -> SqliteDatabase:
        with app(tmp_path / name) as connection:
            for statement in statements:
                connection.execute(statement)
        return SqliteDatabase(f"sqlite:///{tmp_path / name}")

    return make_one


@contextmanager
def app(path: Path, *pragmas: str) -> Iterator[sqlite3.Connection]:
    """Yield a connection as an app has one, which waits for nobody."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    yield connection
    connection.close()


@contextmanager
def watched(database: SqliteDatabase) -> Iterator[ChangeLog]:
    log = database.watch()
    try:
        yield log
    finally:
        log.close()


def written(database: SqliteDatabase, *statements: str, pragmas: tuple[str, ...] = ()) -> list[RowChange]:
    with watched(database) as log:
        with app(database.path, *pragmas) as connection:
            for statement in statements:
                connection.execute(statement)
        return log.read()


def told(changes: list[RowChange]) -> list[tuple[str, Any, Any]]:
    """Return operation and key before and after, which is enough to tell the rows of a case apart."""
    return sorted(
        (change.operation, (change.before or {}).get("id", 0), (change.after or {}).get("id", 0)) for change in changes
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("NULL", None, id="null"),
        pytest.param("''", "", id="empty text"),
        pytest.param("0.1", 0.1, id="a float to its last bit"),
        pytest.param("123456789.123456789", 123456789.123456789, id="a float of 17 digits"),
        pytest.param("5e-324", 5e-324, id="the smallest float"),
        pytest.param("2.0", 2.0, id="a whole float"),
        pytest.param("9e999", "Infinity", id="infinity"),
        pytest.param("-9e999", "-Infinity", id="minus infinity"),
        pytest.param("9007199254740993", 9007199254740993, id="an integer that no float holds"),
        pytest.param("-9223372036854775808", -(2**63), id="the smallest integer"),
        pytest.param("x'00ff10'", {"base64": "AP8Q"}, id="bytes"),
        pytest.param("x''", {"base64": ""}, id="no bytes"),
        pytest.param("'a' || char(0) || 'b'", "a\0b", id="text with a zero"),
        pytest.param("'日本 😀'", "日本 😀", id="text beyond ASCII"),
        pytest.param("CAST(x'ff41' AS TEXT)", {"base64": "/0E=", "of": "text"}, id="text that is not UTF-8"),
    ],
)
def test_values_are_told_exactly(make: Make, value: str, expected: Any) -> None:
    database = make("CREATE TABLE things (id INTEGER PRIMARY KEY, value)")
    changes = written(database, f"INSERT INTO things VALUES (1, {value})")

    assert changes == [RowChange("things", "insert", None, {"id": 1, "value": expected})]
    assert type(changes[0].after["value"]) is type(expected) if changes[0].after else False
    assert list(database.rows("things")) == [changes[0].after]


def test_one_and_one_point_zero_are_different(make: Make) -> None:
    database = make("CREATE TABLE things (id INTEGER PRIMARY KEY, value)", "INSERT INTO things VALUES (1, 1)")

    assert [change.operation for change in written(database, "UPDATE things SET value = 1.0")] == ["update"]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param(
            ["INSERT OR REPLACE INTO users VALUES (1, 'Eve', 'eve@x')"],
            [("update", 1, 1)],
            id="a row under the same key",
        ),
        pytest.param(
            ["REPLACE INTO users (name, email) VALUES ('Eve', 'ADA@x')"],
            [("delete", 1, 0), ("insert", 0, 3)],
            id="a row of another key, by a unique column and its collation",
        ),
        pytest.param(
            ["REPLACE INTO users VALUES (1, 'Eve', 'bob@x')"],
            [("delete", 2, 0), ("update", 1, 1)],
            id="two rows at once",
        ),
        pytest.param(
            ["UPDATE OR REPLACE users SET email = 'bob@x' WHERE id = 1"],
            [("delete", 2, 0), ("update", 1, 1)],
            id="a row by an update",
        ),
        pytest.param(
            ["INSERT OR IGNORE INTO users VALUES (1, 'Eve', 'bob@x')"], [], id="none, where the insert gave way"
        ),
        pytest.param(
            [
                "INSERT OR IGNORE INTO users VALUES (3, 'Eve', 'bob@x')",
                "DELETE FROM users WHERE id = 2",
                "INSERT INTO users VALUES (3, 'Eve', 'bob@x')",
            ],
            [("delete", 2, 0), ("insert", 0, 3)],
            id="none, where the row was deleted by itself",
        ),
        pytest.param(
            ["REPLACE INTO users VALUES (3, 'Eve', 'bob@x')", "INSERT INTO users VALUES (2, 'New', 'new@x')"],
            [("insert", 0, 3), ("update", 2, 2)],
            id="a row whose key was taken again",
        ),
        pytest.param(
            ["REPLACE INTO users VALUES (3, 'Eve', 'bob@x')", "REPLACE INTO users VALUES (4, 'Eve', 'bob@x')"],
            [("delete", 2, 0), ("insert", 0, 4)],
            id="one row after another",
        ),
        pytest.param(
            [
                "INSERT INTO users VALUES (1, 'Eve', 'eve@x') ON CONFLICT (id) DO UPDATE SET name = 'Up'",
                "INSERT INTO users VALUES (5, 'Eve', 'bob@x') ON CONFLICT DO NOTHING",
            ],
            [("update", 1, 1)],
            id="none, by an upsert",
        ),
    ],
)
@pytest.mark.parametrize("recursive", ["OFF", "ON"])
@pytest.mark.parametrize("rowid", ["", " WITHOUT ROWID"], ids=["rowid", "without rowid"])
def test_replaced_rows_are_told(
    make: Make, recursive: str, rowid: str, statements: list[str], expected: list[Any]
) -> None:
    if rowid:
        statements = [
            statement.replace("users (name, email) VALUES (", "users VALUES (3, ") for statement in statements
        ]
    rows = ["INSERT INTO users VALUES (1, 'Ada', 'ada@x')", "INSERT INTO users VALUES (2, 'Bob', 'bob@x')"]
    database = make(USERS + rowid, *rows)
    pragma = f"recursive_triggers = {recursive}"

    assert told(written(database, *statements, pragmas=(pragma,))) == expected


def test_a_unique_index_over_some_rows_replaces_only_those(make: Make) -> None:
    database = make(
        "CREATE TABLE slots (id INTEGER PRIMARY KEY, name TEXT, live INTEGER)",
        "CREATE UNIQUE INDEX one_live ON slots (name) WHERE live",
        "INSERT INTO slots VALUES (1, 'a', 1), (2, 'a', 0)",
    )

    assert told(written(database, "REPLACE INTO slots VALUES (3, 'a', 1)")) == [("delete", 1, 0), ("insert", 0, 3)]
    assert told(written(database, "REPLACE INTO slots VALUES (4, 'a', 0)")) == [("insert", 0, 4)]


def test_a_unique_index_replaces_by_its_own_collation(make: Make) -> None:
    database = make(
        "CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT)",
        "CREATE UNIQUE INDEX one_name ON tags (name COLLATE NOCASE)",
        "INSERT INTO tags VALUES (-1, 'none'), (1, 'a')",
    )

    assert told(written(database, "REPLACE INTO tags (name) VALUES ('A')")) == [("delete", 1, 0), ("insert", 0, 2)]
    assert told(written(database, "REPLACE INTO tags VALUES (-1, 'nil')")) == [("update", -1, -1)]


def test_a_write_costs_one_row_of_the_log(make: Make) -> None:
    database = make(USERS)
    with watched(database), app(database.path) as connection:
        counts = []
        for statement in (
            "INSERT INTO users VALUES (1, 'Ada', 'ada@x')",
            "UPDATE users SET id = 1, name = 'Eve', email = 'ada@x'",
            "DELETE FROM users",
        ):
            connection.execute(statement)
            counts += connection.execute("SELECT count(*) FROM _parity_changes").fetchone()

    assert counts == [1, 2, 3]


def test_a_replaced_row_of_a_table_without_key_is_told_though_its_place_is_taken(make: Make) -> None:
    database = make("CREATE TABLE tags (name TEXT UNIQUE, n INTEGER)", "INSERT INTO tags VALUES ('a', 1), ('b', 1)")
    changes = written(database, "REPLACE INTO tags VALUES ('b', 2)", "UPDATE tags SET rowid = 2 WHERE name = 'b'")

    assert changes == [
        RowChange("tags", "insert", None, {"name": "b", "n": 2}),
        RowChange("tags", "delete", {"name": "b", "n": 1}, None),
    ]


def test_children_of_a_replaced_row_are_told(make: Make) -> None:
    database = make(
        USERS,
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users ON DELETE CASCADE)",
        "INSERT INTO users VALUES (1, 'Ada', 'ada@x')",
        "INSERT INTO posts VALUES (10, 1)",
    )
    changes = written(database, "REPLACE INTO users VALUES (3, 'Eve', 'ada@x')", pragmas=("foreign_keys = ON",))

    assert told(changes) == [("delete", 1, 0), ("delete", 10, 0), ("insert", 0, 3)]


@pytest.mark.parametrize(
    "table",
    [
        pytest.param("CREATE TABLE t (id TEXT, n INTEGER, v, PRIMARY KEY (id, n)) WITHOUT ROWID", id="without rowid"),
        pytest.param("CREATE TABLE t (id TEXT, n INTEGER, v)", id="without key"),
        pytest.param("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER, v) STRICT".replace("v)", "v TEXT)"), id="strict"),
        pytest.param('CREATE TABLE t ("rowid" TEXT, id TEXT PRIMARY KEY, n INTEGER, v)', id="a column named rowid"),
        pytest.param(
            'CREATE TABLE t ("rowid", "_rowid_", "oid", id TEXT, n INTEGER, v UNIQUE)', id="no name for rowid left"
        ),
        pytest.param(
            "CREATE TABLE t (id INTEGER PRIMARY KEY DESC, n INTEGER, v)", id="an integer key that is no rowid"
        ),
        pytest.param(
            "CREATE TABLE t (id TEXT, n, v, low TEXT AS (lower(v)), up TEXT AS (upper(v)) STORED)", id="generated"
        ),
        pytest.param(
            "CREATE TABLE t (id TEXT, n, v); CREATE UNIQUE INDEX u ON t (lower(v))", id="unique by expression"
        ),
    ],
)
def test_every_form_of_table_is_watched(make: Make, table: str) -> None:
    database = make(*table.split("; "))
    changes = written(
        database,
        "INSERT INTO t (id, n, v) VALUES ('7', 1, 'a'), ('8', 1, 'b')",
        "UPDATE t SET v = 'c' WHERE id = '7'",
        "DELETE FROM t WHERE id = '8'",
    )

    assert [(change.operation, change.after and change.after["v"]) for change in changes] == [("insert", "c")]
    assert list(database.rows("t")) == [changes[0].after]
    assert changes[0].after is not None
    assert changes[0].after.get("up", "C") == "C"


def test_virtual_tables_are_skipped_and_said_so(make: Make) -> None:
    database = make(
        "CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT)",
        "CREATE VIRTUAL TABLE found USING fts5(body, content='docs', content_rowid='id')",
        "CREATE TRIGGER fill AFTER INSERT ON docs BEGIN INSERT INTO found (rowid, body) VALUES (NEW.id, NEW.body); END",
    )
    with watched(database) as log, app(database.path) as connection:
        connection.execute("INSERT INTO docs VALUES (5, 'parity of stacks')")

        assert log.skipped == ("found",)
        assert log.unwatched() == ()
        assert [change.table for change in log.read()] == ["docs"]
        assert connection.execute("SELECT rowid FROM found('stacks')").fetchall() == [(5,)]
    assert database.tables() == ["docs"]


def test_the_app_sees_its_own_counts_and_ids(make: Make) -> None:
    database = make(USERS, "INSERT INTO users VALUES (40, 'Ada', 'ada@x'), (41, 'Bob', 'bob@x')")

    def seen(path: Path) -> list[Any]:
        with app(path) as connection:
            inserted = connection.execute("INSERT INTO users (name) VALUES ('New')")
            results: list[Any] = [inserted.lastrowid, inserted.rowcount]
            results += connection.execute("SELECT last_insert_rowid(), changes()").fetchone()
            results.append(connection.execute("UPDATE users SET name = 'x'").rowcount)
            results += connection.execute("SELECT changes(), last_insert_rowid()").fetchone()
            results += connection.execute("INSERT INTO users (name) VALUES ('Ret') RETURNING id, name").fetchall()
            results.append(connection.execute("INSERT OR IGNORE INTO users VALUES (41, 'x', 'x')").rowcount)
            results.append(connection.execute("REPLACE INTO users VALUES (41, 'x', 'ada@x')").rowcount)
            results.append(connection.execute("DELETE FROM users").rowcount)
            return [*results, connection.execute("SELECT last_insert_rowid()").fetchone()]

    copy = database.clone(f"{database.url}-copy")
    copy.watch().close()

    assert seen(copy.path) == seen(database.path)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_reader_keeps_nobody_waiting(make: Make, mode: str) -> None:
    database = make(f"PRAGMA journal_mode = {mode}", USERS)
    with watched(database) as log, app(database.path) as connection:
        for number in range(20):
            connection.execute("INSERT INTO users (name) VALUES (?)", (str(number),))

            assert len(log.read()) == 1
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        if mode == "wal":
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)


def test_a_read_needs_not_wait_for_a_writer(make: Make) -> None:
    database = make("PRAGMA journal_mode = wal", USERS)
    with watched(database) as log, app(database.path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO users (name) VALUES ('Ada')")

        assert log.read() == []

        connection.execute("COMMIT")

        assert len(log.read()) == 1


def test_an_app_may_choose_its_journal_mode_when_it_starts(make: Make) -> None:
    database = make("PRAGMA journal_mode = wal", USERS)
    with watched(database) as log, app(database.path) as connection:
        assert connection.execute("PRAGMA journal_mode = delete").fetchone() == ("delete",)
        assert connection.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)

        connection.execute("INSERT INTO users (name) VALUES ('Ada')")

        assert len(log.read()) == 1


def test_reading_costs_what_was_written_and_not_what_is_there(make: Make) -> None:
    database = make(USERS)
    with watched(database), app(database.path) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM _parity_changes WHERE seq > 5 ORDER BY seq"
        ).fetchall()

        assert [row[3] for row in plan] == ["SEARCH _parity_changes USING INTEGER PRIMARY KEY (rowid>?)"]


def test_alembic_finds_its_revision_in_a_watched_database(make: Make) -> None:
    from alembic.runtime.migration import MigrationContext

    database = make("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    with app(database.path) as connection:
        connection.execute("INSERT INTO alembic_version VALUES ('abc')")
    with watched(database):
        engine = create_engine(database.url)
        with engine.connect() as alchemy:
            assert MigrationContext.configure(alchemy).get_current_heads() == ("abc",)
        engine.dispose()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_clone_keeps_the_settings_of_the_file(make: Make, tmp_path: Path, mode: str) -> None:
    settings = ["PRAGMA page_size = 8192", "PRAGMA user_version = 7", f"PRAGMA journal_mode = {mode}"]
    clone = make(*settings, USERS).clone(f"sqlite:///{tmp_path}/deep/folder/clone.db")
    with app(clone.path) as connection:
        kept = [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "user_version", "journal_mode")
        ]

    assert kept == [8192, 7, mode]


def test_the_next_automatic_id_is_part_of_the_state(make: Make) -> None:
    database = make("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    before = database.digest()
    with app(database.path) as connection:
        connection.execute("INSERT INTO t DEFAULT VALUES")
        connection.execute("DELETE FROM t")

    assert database.digest() != before


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_snapshot_under_constant_writing_is_of_one_moment(make: Make, tmp_path: Path, mode: str) -> None:
    database = make(
        f"PRAGMA journal_mode = {mode}",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO t VALUES (1, 0), (2, 0)",
    )
    begun, stop = Event(), Event()

    def write() -> None:
        connection = sqlite3.connect(database.path, isolation_level=None, timeout=10)
        connection.execute("PRAGMA synchronous = OFF")
        while not stop.is_set():
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE t SET n = n + 1 WHERE id = 1")
            connection.execute("UPDATE t SET n = n + 1 WHERE id = 2")
            connection.execute("INSERT INTO t (n) VALUES (0)")
            connection.execute("COMMIT")
            begun.set()
        connection.close()

    writer = Thread(target=write)
    writer.start()
    try:
        assert begun.wait(10)

        copies = [snapshot(database.url, f"sqlite:///{tmp_path}/copy{number}.db") for number in range(5)]
    finally:
        stop.set()
        writer.join()

    for copy in copies:
        first, second, *others = copy.rows("t")
        assert 0 < first["n"] == second["n"] == len(others)


def test_nothing_is_left_of_a_dropped_database(make: Make, tmp_path: Path) -> None:
    database = make("PRAGMA journal_mode = wal", USERS)
    with app(database.path) as connection:
        connection.execute("INSERT INTO users (name) VALUES ('Ada')")
        database.drop()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param(
            "mysql://root@localhost/app", "cannot be cloned; use sqlite:/// or postgresql://", id="another kind"
        ),
        pytest.param("app.db", "cannot be understood", id="a path"),
        pytest.param("sqlite://", "is no file that can be cloned", id="in memory"),
        pytest.param("sqlite:///:memory:", "is no file that can be cloned", id="in memory by name"),
        pytest.param("sqlite:////nowhere/app.db", "there is no such database", id="no file"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line(url: str, reason: str) -> None:
    with pytest.raises(ParityError, match=reason) as refused:
        open_database(url)

    assert "\n" not in str(refused.value)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_text("not a database, " * 100)
    with pytest.raises(ParityError, match=r"cannot be read as SQLite .*; correct its URL"):
        open_database(f"sqlite:///{tmp_path}/app.db")


def test_the_driver_of_a_url_is_kept(make: Make, tmp_path: Path) -> None:
    make(USERS)
    clone = open_database(f"sqlite+aiosqlite:///{tmp_path}/app.db?timeout=5").clone(
        f"sqlite+aiosqlite:///{tmp_path}/b.db"
    )

    assert clone.url == f"sqlite+aiosqlite:///{tmp_path}/b.db"
    assert (tmp_path / "b.db").is_file()


def test_a_clone_of_another_kind_is_refused(make: Make) -> None:
    with pytest.raises(ParityError, match="use sqlite:///PATH"):
        make(USERS).clone("postgresql://localhost/app")


def test_a_table_too_wide_to_watch_can_be_ignored(make: Make) -> None:
    database = make(f"CREATE TABLE wide ({', '.join(f'c{number}' for number in range(1000))})")
    with pytest.raises(ParityError, match=r'"wide" has 1000 columns .* put it into ignore_tables'):
        database.watch()

    database.watch(["wide"]).close()


@pytest.mark.parametrize("ask", ["read", "unwatched"])
def test_a_clone_that_went_away_is_said_so(make: Make, ask: str) -> None:
    database = make(USERS)
    with watched(database) as log:
        database.drop()
        with pytest.raises(ParityError, match="is the clone still there"):
            getattr(log, ask)()
