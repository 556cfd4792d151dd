"""Exploration finds what only a sequence shows, shrinks it, starts anew after it, and finds nothing where there is nothing."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from parity.config import Config, load_config
from parity.explore import Exploration, Options, explore, write_found
from parity.journal import Played
from parity.recording import read
from parity.routes import RouteBook
from parity.values import ParityError

CONFIG = """
[stacks.old]
interface = "asgi"
app = "tests.parity.explore_apps:{old}"
prefix = "/v1"

[stacks.new]
interface = "asgi"
app = "tests.parity.explore_apps:{new}"
prefix = "/v2"

[parity]
reach = "memory"
settle_s = 0
prepare = [["python", "prepare.py"]]
openapi = "{openapi}"

[parity.env]
DATABASE_PATH = "{{folder}}/app.db"
SECRET = "{{secret}}"
PASSWORD = "ana-of-the-tests"

[parity.database]
url = "sqlite:///{{folder}}/app.db"

[parity.login]
path = "/login"
secret_env = "SECRET"

[[parity.accounts]]
username = "ana"
password_env = "PASSWORD"
"""
PREPARE = """
import os, sqlite3
with sqlite3.connect(os.environ["DATABASE_PATH"]) as database:
    database.execute("CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT NOT NULL, stars INTEGER NOT NULL)")
"""


class Quiet:
    """Remembers what was played."""

    def __init__(self) -> None:
        self.played: list[Played] = []

    def begin(self, name: str, total: int) -> None:
        pass

    def advance(self, played: Played) -> None:
        self.played.append(played)

    def say(self, text: str) -> None:
        pass


def pair(folder: Path, new: str, old: str = "old", openapi: str = "") -> Config:
    (folder / "dualstack.toml").write_text(CONFIG.format(old=old, new=new, openapi=openapi))
    (folder / "prepare.py").write_text(PREPARE)
    return load_config(folder)


def explored(config: Config, quiet: Quiet | None = None, **options: object) -> Exploration:
    work = Path(tempfile.mkdtemp(dir=config.root))
    wanted = Options(work, **{"examples": 150, "seed": 1} | options)  # type: ignore[arg-type]
    return asyncio.run(explore(config, wanted, book=RouteBook(), progress=quiet or Quiet()))


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Exploration:
    return explored(pair(tmp_path_factory.mktemp("forgetful"), "forgetful"), examples=300, shrink=6)


@pytest.mark.long
def test_a_fault_that_only_a_sequence_shows_is_found(forgetful: Exploration) -> None:
    found = {(group.method, group.route, group.where, group.axis) for group in forgetful.report.groups}

    assert ("DELETE", "/notes/{note_id}", "answer", "status") in found


@pytest.mark.long
def test_what_is_found_is_shrunk_to_three_requests_at_most(forgetful: Exploration) -> None:
    twice = next(group for group in forgetful.report.groups if group.method == "DELETE" and group.axis == "status")

    assert twice.shrunk is not None
    assert twice.shrunk.requests <= 3


@pytest.mark.long
def test_after_rows_went_apart_the_stacks_start_anew(forgetful: Exploration) -> None:
    revived = [group for group in forgetful.report.groups if group.where == "rows"]

    assert revived
    assert forgetful.chapters > 1


@pytest.mark.long
def test_what_was_found_is_a_recording_that_a_run_replays(forgetful: Exploration, tmp_path: Path) -> None:
    file = tmp_path / "explored.jsonl.gz"
    write_found(forgetful, file)

    header, entries = read(file)
    listed = list(entries)

    assert header.prefixes == ("/v1", "/v2")
    assert listed
    assert all(entry.answer is not None for entry in listed)
    assert [entry.seq for entry in listed] == list(range(1, len(listed) + 1))


@pytest.mark.long
def test_nothing_is_found_where_both_do_the_same(tmp_path: Path) -> None:
    quiet = Quiet()
    done = explored(pair(tmp_path, "same"), quiet)

    statuses = {played.statuses[1] for played in quiet.played}

    assert done.report.verdict == "passed"
    assert done.report.groups == ()
    assert done.found == ()
    assert statuses >= {200, 201, 204, 401, 404, 405, 422}


@pytest.mark.long
def test_the_same_seed_asks_the_same_and_another_one_something_else(tmp_path: Path) -> None:
    asked = []
    for seed in (1, 1, 2):
        quiet = Quiet()
        explored(pair(tmp_path, "same"), quiet, examples=40, seed=seed)
        asked.append([(played.method, str(played.route), played.statuses) for played in quiet.played])

    assert len(asked[0]) == 40
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


def test_a_fault_of_both_is_said_as_one_of_its_own(tmp_path: Path) -> None:
    done = explored(pair(tmp_path, "broken_too", "broken"), examples=300, shrink=0)

    assert [(group.path, group.left_kind) for group in done.report.groups] == [("fault", "500 on both stacks alike")]
    assert done.report.verdict == "failed"


def test_a_document_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r'Stack "new" answers GET /nowhere.json with 404; set parity.openapi'):
        explored(pair(tmp_path, "same", openapi="/nowhere.json"))


def test_an_account_that_cannot_log_in_is_said_in_one_line(tmp_path: Path) -> None:
    config = pair(tmp_path, "same")
    (tmp_path / "dualstack.toml").write_text((tmp_path / "dualstack.toml").read_text().replace('"ana"', '"bo"'))

    with pytest.raises(ParityError, match=r"Nobody can log in with the accounts of parity.accounts"):
        explored(load_config(config.root))


def test_time_that_is_up_ends_an_exploration(tmp_path: Path) -> None:
    done = explored(pair(tmp_path, "same"), examples=None, seconds=0.001)

    assert done.requests == 0
    assert done.report.verdict == "failed"


def test_only_routes_of_the_groups_asked_for_are_judged(tmp_path: Path) -> None:
    done = explored(pair(tmp_path, "forgetful"), groups=frozenset({"login"}), examples=60)

    assert done.report.verdict == "passed"
    assert done.report.counts.equal
