"""`changeover retire`: what it cuts out of settings, what stands in its way, and that a killed one is finished by the next."""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import yaml
from typer.testing import CliRunner

from changeover.backup_shelf import Shelf
from changeover.backup_sidecar import Label
from changeover.cli import app
from changeover.containers import check_committed, write_committed
from changeover.problems import Problem
from changeover.retire import Retirement, retirement_of
from changeover.retire_edits import compose_without, settings_without
from changeover.retire_gates import open_groups
from changeover.system import ROOT, System, load_system
from gateway.__main__ import main as gateway
from gateway.audit import Audit
from gateway.ownership import Ownership
from tests.ops.ground import free_ports

SETTINGS = """# The pair.
[gateway]
port = 8000

# The old one,
# in Flask.
[stacks.old]
folder = "old_app"
prefix = "/api"
start = [
    # a comment within
    "serve", "[brackets]",
]

[stacks.old.env]
MOOD = "calm"

# The new one.
[stacks.new]
folder = "new_app"
prefix = "/api/v2" # its own

[parity]
# Judged against.
primary = "old"
prepare = [
    ["migrate"],
]
"""


class TestSettings:
    def test_a_stack_goes_with_its_comments_and_all_else_stays_as_it_was(self) -> None:
        assert settings_without(SETTINGS, "old", "new") == (
            "# The pair.\n[gateway]\nport = 8000\n\n"
            '# The new one.\n[stacks.new]\nfolder = "new_app"\nprefix = "/api/v2" # its own\n'
            '# The retired stack\'s clients go on asking for it.\nserves = ["/api"]\n\n'
            '[parity]\n# Judged against.\nprepare = [\n    ["migrate"],\n]\n'
        )

    def test_what_both_served_is_served_by_the_one_that_stays(self) -> None:
        text = SETTINGS.replace('prefix = "/api"\n', 'prefix = "/api"\nserves = ["/old", "/api/v2"]\n')
        text = text.replace('folder = "new_app"\n', 'folder = "new_app"\nserves = ["/more", "/api"]\n')

        assert tomllib.loads(settings_without(text, "old", "new"))["stacks"]["new"]["serves"] == [
            "/more",
            "/api",
            "/old",
        ]

    def test_a_primary_that_stays_is_kept(self) -> None:
        edited = settings_without(SETTINGS.replace('primary = "old"', 'primary = "new"'), "old", "new")

        assert tomllib.loads(edited)["parity"]["primary"] == "new"

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("[stacks.old]", '[stacks."old"]'),
            ('prepare = [\n    ["migrate"]', 'prepare = [\n    ["migrate", "old"]'),
            ('prepare = [\n    ["migrate"]', 'prepare = [\n    ["old_app/migrate"]'),
            ("[parity]\n# Judged against.\nprimary", "[parity.env]\nA = 1\n[parity]\n'primary'"),
        ],
        ids=["a quoted name", "a command that names it", "a path of its folder", "a quoted key"],
    )
    def test_what_cannot_be_cut_cleanly_is_refused(self, old: str, new: str) -> None:
        assert old in SETTINGS

        with pytest.raises(
            Problem, match=r'\[stacks\.old\] cannot be cut out by machine.* serves = \["/api"\]'
        ) as caught:
            settings_without(SETTINGS.replace(old, new), "old", "new")
        assert caught.value.exit_code == 1


COMPOSE = """services:
  # The old one.
  old:
    image: app
    command: ["serve", "old"]

    restart: always

  new:
    image: app
    depends_on: [database]
  gateway:
    # Starts again with them.
    depends_on:
      old:
        condition: service_healthy
      new:
        condition: service_healthy
    links:
      - old
      - new
  tool:
    depends_on:
      - old
    image: tool
volumes:
  database:
"""


class TestCompose:
    def test_a_service_goes_and_who_waits_for_it(self) -> None:
        edited = compose_without(COMPOSE, "old")
        found = yaml.safe_load(edited)

        assert "old" not in edited
        assert list(found["services"]) == ["new", "gateway", "tool"]
        assert found["services"]["gateway"] == {
            "depends_on": {"new": {"condition": "service_healthy"}},
            "links": ["new"],
        }
        assert found["services"]["tool"] == {"image": "tool"}
        assert found["volumes"] == {"database": None}
        assert "    # Starts again with them.\n    depends_on:\n" in edited

    def test_a_file_without_it_stays_as_it_is(self) -> None:
        assert compose_without(COMPOSE, "none") == COMPOSE

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("[database]", "[database, old]", "line 4 of what is left still names old"),
            ('command: ["serve", "old"]', "depends_on: &wait {database: x}", "defines &wait, which others use"),
        ],
        ids=["in a list on one line", "an anchor of its own"],
    )
    def test_what_cannot_be_cut_cleanly_is_refused(self, old: str, new: str, said: str) -> None:
        text = COMPOSE.replace(old, new).replace(
            "    links:", "    more: *wait\n    links:" if "&" in new else "    links:"
        )

        with pytest.raises(Problem, match=said):
            compose_without(text, "old")


@dataclass(frozen=True)
class Copy:
    """A small copy of this project in a repository, as far as retirement looks at it."""

    root: Path

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        command = ["git", *who, *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True).stdout

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "x", "--allow-empty")

    @property
    def system(self) -> System:
        return load_system(self.root)

    @property
    def audit(self) -> Audit:
        return Audit(self.root / "var/flips/audit.jsonl")

    def move(self, share: int, *, but: str = "") -> None:
        shares = {group.id: share for group in self.system.config.routes.groups if group.id != but}
        self.audit.append("done", {**Ownership(shares).as_json(), "generation": ""})

    def found(self) -> Retirement:
        return retirement_of(self.system)


of_a_pair = pytest.mark.skipif(not (ROOT / "legacy_flask").exists(), reason="the legacy stack is gone")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("base") / "project"
    for name in ("dualstack.toml", "docker-compose.yml", "requirements.lock", "legacy_flask/requirements.lock"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "contract", root / "contract")
    for name in ("tests_flask/test.py", "fastapi_app/asgi.py", "deploy/make-venv"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    (root / ".gitignore").write_text("var/\n")
    # The files that are rendered are current, whatever state the project's own are in.
    assert gateway(["render", "--root", str(root)]) == 0
    write_committed(root)
    Copy(root).git("init", "-q")
    Copy(root).commit()
    return root


@pytest.fixture
def copy(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copy:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "project/var"))
    for name, port in zip(("LEGACY_PORT", "MODERN_PORT", "GATEWAY_PORT"), free_ports(3), strict=True):
        monkeypatch.setenv(name, str(port))
    return Copy(shutil.copytree(base, tmp_path / "project"))


@pytest.fixture
def ready(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> Copy:
    """Return a copy in whose way nothing stands."""
    copy.move(100)
    monkeypatch.setattr(Shelf, "listed", lambda _self: ([backup(8)], []))
    return copy


def backup(phase: int, name: str = "") -> object:
    return type("Backup", (), {"label": Label(phase, "", name)})()


CHANGES: dict[str, Callable[[Path], object]] = {
    "an edited file": lambda root: (root / "legacy_flask/requirements.lock").write_text("x"),
    "a new file": lambda root: (root / "tests_flask/new.py").touch(),
    "edited settings": lambda root: (root / "docker-compose.yml").write_text(COMPOSE.replace("old", "legacy")),
}


@of_a_pair
class TestGates:
    def test_nothing_stands_in_the_way_once_all_is_done(self, ready: Copy) -> None:
        found = ready.found()

        assert (found.blocks.firm, found.blocks.gates, found.refusal("")) == ((), (), "")

    @pytest.mark.parametrize(
        ("share", "but", "said"),
        [
            (50, "", "15 of 15 route groups, by the share that moved: health (50 %)"),
            (100, "jobs.run", "1 of 15 route groups, by the share that moved: jobs.run (0 %)"),
        ],
        ids=["half of all", "all but one"],
    )
    def test_a_route_group_below_100_percent_is_a_gate(self, ready: Copy, share: int, but: str, said: str) -> None:
        ready.move(share, but=but)

        assert said in ready.found().refusal("")
        assert ready.found().refusal("a reason") == ""

    def test_the_groups_can_be_asked_of_somebody_else(self, ready: Copy) -> None:
        found = retirement_of(ready.system, groups_open=lambda _system: ["mine (1 %)"])

        assert "mine (1 %)" in found.refusal("")
        assert open_groups(ready.system) == []

    @pytest.mark.parametrize(
        "backups", [[], [backup(7)], [backup(8, "before-restore")]], ids=["none", "of another phase", "of a restore"]
    )
    def test_no_backup_for_the_last_phase_is_a_gate(
        self, ready: Copy, backups: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Shelf, "listed", lambda _self: (backups, []))

        assert "there is no backup for phase 8" in ready.found().refusal("")
        assert ready.found().refusal("a reason") == ""

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
    def test_work_that_git_would_not_bring_back_is_never_overridden(
        self, ready: Copy, change: Callable[[Path], object]
    ) -> None:
        change(ready.root)

        assert "changes are not committed" in ready.found().refusal("a reason")

    def test_without_a_repository_nothing_goes(self, ready: Copy) -> None:
        shutil.rmtree(ready.root / ".git")

        assert "is in no git repository" in ready.found().refusal("a reason")

    def test_a_stack_that_answers_is_never_overridden(self, ready: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(httpx2, "get", lambda url, **_: httpx2.Response(200 if "/api/health/live" in url else 404))

        assert re.search(r"legacy answers at http://127\.0\.0\.1:\d+/api; stop it", ready.found().refusal("a reason"))


@of_a_pair
class TestRetire:
    def test_a_dry_run_changes_nothing_and_its_exit_code_says_whether_it_could_be_done(
        self, ready: Copy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("changeover.system.load_system", lambda: load_system(ready.root))
        could = CliRunner().invoke(app, ["retire"])
        ready.move(50)
        could_not = CliRunner().invoke(app, ["retire"])
        overridden = CliRunner().invoke(app, ["retire", "--override", "we must"])

        assert (could.exit_code, could_not.exit_code, overridden.exit_code) == (0, 1, 0)
        assert "refused: " not in could.stdout
        assert "refused: legacy still answers 15 of 15" in could_not.stdout
        assert "overridden: legacy still answers" in overridden.stdout
        assert "flask-sqlalchemy, gunicorn" in could.stdout
        assert ready.git("status", "--porcelain") == ""

    def test_everything_goes_and_what_is_left_is_one_stack(self, ready: Copy) -> None:
        ready.found().carry_out("", lambda _line: None)
        changed = {line[3:] for line in ready.git("status", "--porcelain").splitlines()}

        assert {path for path in changed if not path.startswith(("legacy_flask/", "tests_flask/"))} == {
            *("dualstack.toml", "docker-compose.yml", "nginx.conf", "deploy/nginx.conf"),
        }
        assert not [name for name in ("legacy_flask", "tests_flask") if (ready.root / name).exists()]
        assert "legacy" not in "".join((ready.root / name).read_text() for name in ("nginx.conf", "deploy/nginx.conf"))
        assert ready.system.config.serves == {"/api": "modern", "/api/v2": "modern"}
        check_committed(ready.root)
        assert gateway(["render", "--check", "--root", str(ready.root)]) == 0
        assert ready.found().parts == ()

    def test_what_was_overridden_and_why_is_in_the_audit(self, ready: Copy) -> None:
        ready.move(50)
        ready.found().carry_out("the lease ends", lambda _line: None)
        last = ready.audit.records()[-1]

        assert (last["event"], last["stack"], last["reason"]) == ("retire", "legacy", "the lease ends")
        assert "15 of 15" in json.dumps(last["overridden"])
        assert ready.audit.problems() == []
        assert ready.audit.standing().ownership.share("health") == 50

    def test_a_refused_one_changes_nothing(self, ready: Copy) -> None:
        ready.move(50)

        with pytest.raises(Problem, match=r"^legacy stays: legacy still answers 15 of 15") as caught:
            ready.found().carry_out("", lambda _line: None)
        assert caught.value.exit_code == 1
        assert ready.git("status", "--porcelain") == ""

    @pytest.mark.parametrize("done", range(6))
    def test_what_a_killed_one_left_is_taken_by_the_next(self, ready: Copy, done: int) -> None:
        for part in ready.found().parts[:done]:
            if part.take:
                part.take()
        ready.found().carry_out("", lambda _line: None)

        assert ready.found().parts == ()
        assert ready.system.config.serves == {"/api": "modern", "/api/v2": "modern"}
        check_committed(ready.root)
        assert gateway(["render", "--check", "--root", str(ready.root)]) == 0

    def test_folders_that_were_removed_by_hand_leave_the_rest_to_be_taken(self, ready: Copy) -> None:
        shutil.rmtree(ready.root / "legacy_flask")
        shutil.rmtree(ready.root / "tests_flask")
        ready.move(0)
        found = ready.found()

        assert found.refusal("") == ""
        assert [part.place for part in found.parts] == [
            *("docker-compose.yml", "dualstack.toml", "nginx.conf", "deploy/nginx.conf"),
        ]

    def test_the_only_stack_is_never_retired(self, ready: Copy) -> None:
        shutil.rmtree(ready.root / "fastapi_app")

        with pytest.raises(Problem, match=r"Nothing would be left to answer without legacy"):
            ready.found()

    def test_a_folder_outside_the_project_is_refused(self, ready: Copy) -> None:
        flows = ready.root / "contract/flows.toml"
        flows.write_text(flows.read_text().replace('"tests_flask"]', '"../other"]'))

        with pytest.raises(Problem, match=r'"\.\./other" is no folder of the project'):
            ready.found()
