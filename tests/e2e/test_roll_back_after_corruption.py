"""The runbook for corrupted data, followed word for word by somebody whose foreign keys were violated during a phase."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.shell import Shell, commands_of, open_shell

PAGE = "docs/howto/roll-back-after-corruption.md"
ORPHANS = "SELECT count(*) FROM job_executions WHERE job_id NOT IN (SELECT id FROM jobs)"


@pytest.fixture
def shell() -> Iterator[Shell]:
    with open_shell() as shell:
        shell.run("make up")
        shell.run("make demo")
        yield shell


def ask(shell: Shell, statement: str) -> int:
    # Without PRAGMA foreign_keys, which is how rows come to belong to nothing.
    with closing(sqlite3.connect(shell.var_dir / "cron_jobs.db", timeout=30)) as connection, connection:
        answer = connection.execute(statement).fetchone()
    return int(answer[0]) if answer else 0


@pytest.mark.long
def test_the_runbook_brings_the_data_back_as_it_is_written(shell: Shell) -> None:
    first, look, *rest = commands_of(PAGE)
    jobs, runs = (ask(shell, f"SELECT count(*) FROM {table}") for table in ("jobs", "job_executions"))
    shell.run(first)
    ask(shell, "DELETE FROM jobs")
    told = shell.run(look, exit_code=1)
    said = [shell.run(command) for command in rest]

    assert [command.split()[1] for command in (first, look)] == ["backup", "backup"]
    assert f"job_executions ({runs:,} rows)" in told
    assert "Stopped." in said[0]
    assert "-phase-5.sqlite, made " in said[0]
    assert (jobs, runs) == tuple(ask(shell, f"SELECT count(*) FROM {table}") for table in ("jobs", "job_executions"))
    assert ask(shell, ORPHANS) == 0
