"""A copy of the system with a migrated database, and the commands `backup` and `restore` run on it in this process."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from changeover import cli
from scheduler.clock import Clock
from shared_models import first_data
from shared_models.migrate import upgrade
from shared_rules.settings import load_settings
from tests.ops.ground import environment_of_a_copy

__all__ = ["Copy", "Said", "migrated"]

SECRET = "of-these-tests-only-0123456789abcdef"
_ORPHAN = "INSERT INTO job_schedule (job_id, schedule_rev) VALUES ('nobody', 0)"


@dataclass(frozen=True)
class Said:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Copy:
    """One copy. `database` is its file, where it is SQLite."""

    var_dir: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environ = environment_of_a_copy(self.var_dir, JWT_SECRET_KEY=SECRET, **self.environ)
        for name, value in self.environ.items():
            self.monkeypatch.setenv(name, value)

    @property
    def database(self) -> Path:
        return self.var_dir / "cron_jobs.db"

    @property
    def backups(self) -> Path:
        return self.var_dir / "backups"

    def run(self, *arguments: str) -> Said:
        self.monkeypatch.setattr("sys.argv", ["changeover", *arguments])
        # The command works from the project's folder; the next one is called from here again.
        with self.monkeypatch.context() as here, pytest.raises(SystemExit) as ended:
            here.chdir(Path.cwd())
            cli.main()
        said = self.capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    def backup(self, *arguments: str) -> Path:
        """Return the file of a new backup."""
        said = self.run("backup", "--json", *arguments)
        assert said.code == 0, said.err
        return Path(said.json["file"])

    def write(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def orphan(self) -> None:
        """Add a row that belongs to no job."""
        self.write(_ORPHAN)

    def slugs(self, file: Path | None = None) -> set[str]:
        """Return the categories of the database, or of another file."""
        with closing(sqlite3.connect(file or self.database)) as connection:
            return {slug for (slug,) in connection.execute("SELECT slug FROM job_categories")}


def migrated(folder: Path) -> Path:
    """Return a database file as `make up` makes it."""
    settings = load_settings(var_dir=folder, jwt_secret_key=SECRET)
    upgrade(settings.database_url)
    first_data.ensure(settings, Clock().now())
    file = folder / "cron_jobs.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copy(file, folder / "template.db"))
