"""What holds for every kind of database: clones, the change log, digests, rows, and which column holds whose ids."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from parity.databases import ChangeLog, Database, open_database, snapshot
from parity.values import ParityError, RowChange
from tests.parity.databases.conftest import Ground, run

Make = Callable[..., Database]

USERS = "CREATE TABLE users (id integer PRIMARY KEY, name text, email text UNIQUE)"
POSTS = "CREATE TABLE posts (id integer PRIMARY KEY, author integer REFERENCES users (id) ON DELETE CASCADE)"
ADA = "INSERT INTO users VALUES (1, 'Ada', 'ada@example.org')"
BOB = "INSERT INTO users VALUES (2, 'Bob', NULL)"
ADA_ROW = {"id": 1, "name": "Ada", "email": "ada@example.org"}
BOB_ROW = {"id": 2, "name": "Bob", "email": None}


@contextmanager
def watched(database: Database, *ignored: str) -> Iterator[ChangeLog]:
    log = database.watch(ignored)
    try:
        yield log
    finally:
        log.close()


def written(database: Database, *statements: str) -> list[RowChange]:
    """Return what the log tells of these statements."""
    with watched(database) as log:
        run(database.url, *statements)
        return log.read()


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param(
            ["INSERT INTO users VALUES (3, 'Cy', NULL)"],
            [RowChange("users", "insert", None, {"id": 3, "name": "Cy", "email": None})],
            id="an insert",
        ),
        pytest.param(
            ["UPDATE users SET name = 'Eve' WHERE id = 1"],
            [RowChange("users", "update", ADA_ROW, ADA_ROW | {"name": "Eve"})],
            id="an update",
        ),
        pytest.param(["DELETE FROM users WHERE id = 2"], [RowChange("users", "delete", BOB_ROW, None)], id="a delete"),
        pytest.param(
            ["INSERT INTO users VALUES (3, 'Cy', NULL)", "UPDATE users SET name = 'Di' WHERE id = 3"],
            [RowChange("users", "insert", None, {"id": 3, "name": "Di", "email": None})],
            id="an insert and an update",
        ),
        pytest.param(
            ["UPDATE users SET name = 'x' WHERE id = 1", "UPDATE users SET name = 'y' WHERE id = 1"],
            [RowChange("users", "update", ADA_ROW, ADA_ROW | {"name": "y"})],
            id="two updates",
        ),
        pytest.param(
            ["INSERT INTO users VALUES (3, 'Cy', NULL)", "DELETE FROM users WHERE id = 3"],
            [],
            id="an insert and a delete",
        ),
        pytest.param(["UPDATE users SET name = 'Ada' WHERE id = 1"], [], id="an update that changes nothing"),
        pytest.param(
            ["UPDATE users SET name = 'x' WHERE id = 1", "UPDATE users SET name = 'Ada' WHERE id = 1"],
            [],
            id="an update taken back",
        ),
        pytest.param(
            ["DELETE FROM users WHERE id = 2", "INSERT INTO users VALUES (2, 'Bea', NULL)"],
            [RowChange("users", "update", BOB_ROW, BOB_ROW | {"name": "Bea"})],
            id="a delete and an insert under the same key",
        ),
        pytest.param(
            ["UPDATE users SET id = 7 WHERE id = 2", "INSERT INTO users VALUES (2, 'New', NULL)"],
            [
                RowChange("users", "update", BOB_ROW, BOB_ROW | {"id": 7}),
                RowChange("users", "insert", None, {"id": 2, "name": "New", "email": None}),
            ],
            id="a key moved and taken again",
        ),
        pytest.param(
            ["INSERT INTO users VALUES (1, 'Eve', NULL) ON CONFLICT (id) DO UPDATE SET name = excluded.name"],
            [RowChange("users", "update", ADA_ROW, ADA_ROW | {"name": "Eve"})],
            id="an upsert of a row that was there",
        ),
        pytest.param(
            ["INSERT INTO users VALUES (1, 'Eve', NULL) ON CONFLICT DO NOTHING"], [], id="an insert that gives way"
        ),
        pytest.param(
            ["DELETE FROM users"],
            [RowChange("users", "delete", ADA_ROW, None), RowChange("users", "delete", BOB_ROW, None)],
            id="all rows of a table",
        ),
    ],
)
def test_the_log_tells_the_net_change(make: Make, statements: list[str], expected: list[RowChange]) -> None:
    assert written(make(USERS, ADA, BOB), *statements) == expected


def test_what_was_read_is_not_read_again(make: Make) -> None:
    database = make(USERS)
    with watched(database) as log:
        run(database.url, ADA)

        assert [change.operation for change in log.read()] == ["insert"]
        assert log.read() == []

        run(database.url, BOB, "DELETE FROM users WHERE id = 1")

        assert [change.operation for change in log.read()] == ["insert", "delete"]


def test_a_write_rolled_back_never_was(make: Make) -> None:
    database = make(USERS)
    with watched(database) as log:
        run(database.url, "BEGIN", ADA, "ROLLBACK", "BEGIN", BOB, "SAVEPOINT s", ADA, "ROLLBACK TO s", "COMMIT")

        assert log.read() == [RowChange("users", "insert", None, BOB_ROW)]


def test_rows_that_go_with_their_parent_are_told(make: Make) -> None:
    database = make(USERS, POSTS, ADA, "INSERT INTO posts VALUES (10, 1)")
    pragma = ["PRAGMA foreign_keys = ON"] if database.url.startswith("sqlite") else []
    changes = written(database, *pragma, "DELETE FROM users WHERE id = 1")

    assert sorted((change.table, change.operation) for change in changes) == [("posts", "delete"), ("users", "delete")]


def test_rows_without_a_key_are_told_apart_by_their_values(make: Make) -> None:
    database = make("CREATE TABLE notes (body text, n integer)", *["INSERT INTO notes VALUES ('a', 1)"] * 2)
    changes = written(
        database,
        "INSERT INTO notes VALUES ('b', 1)",
        "UPDATE notes SET n = 2 WHERE body = 'b'",
        "UPDATE notes SET n = 5 WHERE body = 'a'",
        "DELETE FROM notes WHERE body = 'a'",
        "INSERT INTO notes VALUES ('c', 3)",
    )
    ending = [{"body": "b", "n": 2}, {"body": "c", "n": 3}]

    assert changes == [
        RowChange("notes", "insert", None, {"body": "b", "n": 2}),
        RowChange("notes", "delete", {"body": "a", "n": 1}, None),
        RowChange("notes", "delete", {"body": "a", "n": 1}, None),
        RowChange("notes", "insert", None, {"body": "c", "n": 3}),
    ]
    assert sorted(database.rows("notes"), key=str) == ending
    assert len(database.digest()) == 64


def test_odd_names_are_told_as_they_are(make: Make) -> None:
    database = make("""CREATE TABLE "odd ""table" (id integer PRIMARY KEY, "a b" text, "select" text, "Ä'" text)""")
    changes = written(database, """INSERT INTO "odd ""table" VALUES (1, 'x', 'y', 'z')""")

    assert changes == [RowChange('odd "table', "insert", None, {"id": 1, "a b": "x", "select": "y", "Ä'": "z"})]
    assert list(database.rows('odd "table')) == [changes[0].after]


def test_a_row_of_very_many_columns_is_told_whole(make: Make) -> None:
    columns = [f"c{number}" for number in range(300)]
    database = make(f"CREATE TABLE wide (id integer PRIMARY KEY, {', '.join(f'{name} integer' for name in columns)})")
    changes = written(database, f"INSERT INTO wide VALUES (0, {', '.join(map(str, range(300)))})")

    assert changes[0].after == {"id": 0} | {name: number for number, name in enumerate(columns)}


def test_a_row_is_told_as_it_ends_after_the_apps_own_trigger(ground: Ground) -> None:
    database = ground.make("CREATE TABLE stamped (id integer PRIMARY KEY, stamp text)", *stamping(ground.kind))
    changes = written(database, "INSERT INTO stamped VALUES (1, NULL)")

    assert changes == [RowChange("stamped", "insert", None, {"id": 1, "stamp": "by trigger"})]


def stamping(kind: str) -> list[str]:
    """Return an app's trigger that changes each new row once more."""
    update = "UPDATE stamped SET stamp = 'by trigger' WHERE id = NEW.id"
    if kind == "sqlite":
        return [f'CREATE TRIGGER "!a" AFTER INSERT ON stamped BEGIN {update}; END']
    function = f"CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {update}; RETURN NULL; END $$"
    return [function, 'CREATE TRIGGER "01 Audit" AFTER INSERT ON stamped FOR EACH ROW EXECUTE FUNCTION stamp()']


def test_ignored_tables_are_not_watched(make: Make) -> None:
    database = make(USERS, "CREATE TABLE app_sessions (id integer PRIMARY KEY)")
    with watched(database, "app_*") as log:
        run(database.url, "INSERT INTO app_sessions VALUES (1)", BOB)

        assert [change.table for change in log.read()] == ["users"]
        assert log.unwatched() == ()


def test_tables_made_or_altered_later_are_noticed(make: Make) -> None:
    database = make(USERS, "CREATE TABLE other (id integer PRIMARY KEY)")
    with watched(database) as log:
        assert log.unwatched() == ()

        run(database.url, "CREATE TABLE later (id integer)", "ALTER TABLE users ADD COLUMN age integer")

        assert log.unwatched() == ("later", "users")


def test_watching_again_begins_a_new_log(make: Make) -> None:
    database = make(USERS)
    with watched(database) as first:
        run(database.url, ADA)
        first.read()
    with watched(database) as second:
        assert second.read() == []

        run(database.url, BOB)

        assert len(second.read()) == 1


def test_watching_adds_no_table_or_row_of_the_app(make: Make) -> None:
    database = make(USERS, ADA)
    before = database.digest()
    with watched(database):
        assert database.tables() == ["users"]
        assert database.digest() == before


def test_a_clone_holds_the_same_and_goes_its_own_way(ground: Ground) -> None:
    base = ground.make(USERS, POSTS, ADA)
    clone = base.clone(ground.url())

    assert clone.digest() == base.digest()
    assert (clone.tables(), list(clone.rows("users"))) == (["posts", "users"], [ADA_ROW])

    run(clone.url, BOB)

    assert len(list(base.rows("users"))) == 1
    assert clone.digest() != base.digest()


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE users SET name = 'ada' WHERE id = 1", id="a value"),
        pytest.param("UPDATE users SET name = NULL WHERE id = 1", id="null"),
        pytest.param("CREATE INDEX named ON users (name)", id="an index"),
        pytest.param("ALTER TABLE users ADD COLUMN age integer", id="a column"),
    ],
)
def test_a_digest_tells_any_difference(make: Make, statement: str) -> None:
    database = make(USERS, ADA)
    before = database.digest()
    run(database.url, statement)

    assert database.digest() != before


def test_a_clone_never_takes_the_place_of_something_else(ground: Ground) -> None:
    base, other = ground.make(USERS), ground.make(USERS, ADA)
    with pytest.raises(ParityError, match="is already there"):
        base.clone(other.url)

    assert list(other.rows("users")) == [ADA_ROW]


def test_a_database_can_be_dropped_while_in_use(ground: Ground) -> None:
    database = ground.make(USERS)
    with watched(database):
        database.drop()

    with pytest.raises(ParityError):
        open_database(database.url)


def test_rows_come_by_primary_key(make: Make) -> None:
    database = make(USERS, BOB, ADA)

    assert list(database.rows("users")) == [ADA_ROW, BOB_ROW]


def test_rows_of_a_table_that_is_not_there_are_refused(make: Make) -> None:
    with pytest.raises(ParityError, match='has no table "user"'):
        list(make(USERS).rows("user"))


def test_columns_know_whose_ids_they_hold(make: Make) -> None:
    database = make(
        USERS,
        POSTS,
        "CREATE TABLE admins (user_id integer PRIMARY KEY REFERENCES users (id), level integer)",
        "CREATE TABLE grants (admin integer REFERENCES admins, mail text REFERENCES users (email), n integer)",
        "CREATE TABLE reads (post integer REFERENCES posts, reader integer, PRIMARY KEY (post, reader))",
    )

    assert database.references() == {
        ("users", "id"): "users",
        ("posts", "id"): "posts",
        ("posts", "author"): "users",
        ("admins", "user_id"): "users",
        ("grants", "admin"): "users",
        ("reads", "post"): "posts",
        ("reads", "reader"): "reads",
    }


def test_a_snapshot_of_a_database_in_use_is_of_one_moment(ground: Ground) -> None:
    base = ground.make(USERS, ADA)
    with in_transaction(base, BOB):
        copy = snapshot(base.url, ground.url())

        assert list(copy.rows("users")) == [ADA_ROW]


@contextmanager
def in_transaction(database: Database, statement: str) -> Iterator[Any]:
    """Hold a connection with a write that is not committed yet."""
    from sqlalchemy import create_engine

    engine = create_engine(database.url)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
        yield connection
        connection.rollback()
    engine.dispose()
