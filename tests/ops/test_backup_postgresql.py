"""Backups of a PostgreSQL database: dumped, refused when it has changed, and put back in one transaction."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from parity.databases import postgresql_tools
from parity.databases.addresses import server_of
from scheduler.clock import Clock
from shared_models import first_data
from shared_models.migrate import upgrade
from shared_rules.settings import load_settings
from tests.contract import stacks
from tests.ops.backup_ground import SECRET, Copy
from tests.ops.ground import open_folder


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    # Root's server runs as another user, who may not always enter pytest's own folders.
    with open_folder() as folder, stacks.postgres(folder) as url:
        yield url


@pytest.fixture
def url(server: str, tmp_path: Path) -> str:
    """Return the URL, with a password in it, of a new database as `make up` makes it."""
    name = f"copy_{tmp_path.name.lower()[-30:].replace('-', '_')}"
    with connect(server) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    made = make_url(server).set(database=name, password="hush").render_as_string(hide_password=False)
    settings = load_settings(database_url=made, var_dir=tmp_path, jwt_secret_key=SECRET)
    upgrade(settings.database_url)
    first_data.ensure(settings, Clock().now())
    return made


@pytest.fixture
def copy(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Copy:
    return Copy(tmp_path / "var", monkeypatch, capsys, {"DATABASE_URL": url})


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(autocommit=True, **dict(server_of(url).parameters))


def write(url: str, *statements: str) -> None:
    with connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


def slugs(url: str) -> set[object]:
    with connect(url) as connection:
        return {slug for (slug,) in connection.execute("SELECT slug FROM job_categories")}


def constraints(url: str) -> set[object]:
    with connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT conname FROM pg_constraint")}


def test_a_round_trip(copy: Copy, url: str) -> None:
    earlier = slugs(url)
    made = copy.run("backup", "--json", "--phase", "5")
    # Rows in another order are the same rows.
    write(url, "UPDATE job_categories SET name = name WHERE slug = (SELECT slug FROM job_categories LIMIT 1)")
    unchanged = copy.run("restore", "--json")
    write(url, "DELETE FROM job_categories", "CREATE TABLE newer (job_id varchar REFERENCES jobs)")
    refused = copy.run("restore", "phase-5")
    forced = copy.run("restore", "phase-5", "--force", "--json")

    assert made.json["file"].endswith("-phase-5.pgdump")
    assert made.json["rows"]["job_categories"] == len(earlier)
    assert "hush" not in "".join(Path(f"{made.json['file']}.json").read_text() + made.out + forced.out + refused.err)
    assert (unchanged.code, unchanged.json["changes"]) == (0, {})
    assert refused.code == 1
    assert f"job_categories: 0 rows would go, {len(earlier)} come back" in refused.err
    assert forced.code == 0
    assert slugs(url) == earlier
    with pytest.raises(psycopg.errors.UndefinedTable):
        write(url, "SELECT * FROM newer")

    undone = copy.run("restore", Path(forced.json["before"]).stem, "--force")

    assert undone.code == 0
    assert slugs(url) == set()
    write(url, "SELECT * FROM newer")


def test_a_restore_that_fails_changes_nothing(copy: Copy, url: str) -> None:
    copy.backup()
    write(url, "DELETE FROM job_categories", "CREATE VIEW seen AS SELECT * FROM jobs")
    before = constraints(url)
    said = copy.run("restore", "--force")

    assert said.code == 1
    assert "was left as it is: " in said.err
    assert said.err.count("\n") == 1
    assert slugs(url) == set()
    assert constraints(url) == before


def test_a_dump_that_was_cut_off_is_refused(copy: Copy, url: str) -> None:
    file = copy.backup()
    file.write_bytes(file.read_bytes()[:-500])
    said = copy.run("restore", "--force")

    assert said.code == 1
    assert "is not the file that its sidecar describes" in said.err


def test_nothing_is_restored_while_a_session_is_open(copy: Copy, url: str) -> None:
    copy.backup()
    with connect(url):
        said = copy.run("restore", "--force")

    assert said.code == 1
    assert "has 1 more sessions of this role; stop those first." in said.err


def test_without_pg_dump_it_is_said_what_to_install(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql_tools, "_of_the_server", lambda connection: [])
    monkeypatch.setattr(postgresql_tools, "_DEBIAN", Path("/nowhere"))
    monkeypatch.setenv("PATH", os.devnull)
    said = copy.run("backup")

    assert said.code == 1
    assert said.err.startswith("There is no pg_dump and psql of version ")
    assert said.err.endswith("install PostgreSQL's client programs.\n")
