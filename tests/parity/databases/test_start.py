"""The start state is what the project's own commands make, in the project's folder and with the run's address."""

from pathlib import Path

import pytest

from parity.config import Config, Parity
from parity.databases import open_database
from parity.databases.start import prepare
from parity.values import ParityError
from tests.parity.databases.conftest import Ground

MAKE = (
    "import os, sqlalchemy as s; c = s.create_engine(os.environ['APP_DB']).connect(); "
    "c.exec_driver_sql('CREATE TABLE made (place text)'); "
    "c.execute(s.text('INSERT INTO made VALUES (:place)'), {'place': os.getcwd()}); c.commit()"
)


def config_of(root: Path, *commands: tuple[str, ...]) -> Config:
    return Config(root=root, stacks=(), parity=Parity(prepare=commands))


def test_the_commands_make_it(ground: Ground, tmp_path: Path) -> None:
    url = ground.url()
    again = ("python", "-c", "import pathlib; pathlib.Path('{folder}/seen').write_text('{database_url}')")
    database = prepare(config_of(tmp_path, ("python", "-c", MAKE), again), tmp_path, url, {"APP_DB": url})

    assert list(database.rows("made")) == [{"place": str(tmp_path)}]
    assert (tmp_path / "seen").read_text() == database.url == url


@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        pytest.param([], "parity.prepare is empty; give the commands", id="no commands"),
        pytest.param([("no-such-program",)], '"no-such-program" of parity.prepare cannot be run', id="no such program"),
        pytest.param(
            [("python", "-c", "import sys; print('first', file=sys.stderr); sys.exit('No revision 12.')")],
            "failed with 1: No revision 12.",
            id="a command that fails",
        ),
        pytest.param(
            [("sh", "-c", "echo only this; exit 3")], "failed with 3: only this", id="one that says it on stdout"
        ),
        pytest.param([("false",)], "failed with 1: it said nothing", id="one that says nothing"),
        pytest.param(
            [("true",)], "made no table in .* give the app {database_url}", id="commands that make something else"
        ),
        pytest.param([("echo", "{port}")], "holds {port}, which is not known here", id="an unknown placeholder"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing(
    ground: Ground, tmp_path: Path, commands: list[tuple[str, ...]], reason: str
) -> None:
    url = ground.url()
    with pytest.raises(ParityError, match=reason) as refused:
        prepare(config_of(tmp_path, *commands), tmp_path, url, {})

    assert "\n" not in str(refused.value)
    with pytest.raises(ParityError):
        open_database(url)


def test_a_database_that_is_there_is_not_prepared_over(ground: Ground, tmp_path: Path) -> None:
    there = ground.make("CREATE TABLE kept (id integer)")
    with pytest.raises(ParityError, match="is already there"):
        prepare(config_of(tmp_path, ("true",)), tmp_path, there.url, {})

    assert there.tables() == ["kept"]
