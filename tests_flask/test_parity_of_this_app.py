"""The parity runner over our own two stacks: equal as they are, and a build of legacy with a planted fault is caught.

Goes when the legacy stack does: what it compares is gone then.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest

from changeover.imports import import_recording
from changeover.project import Project, load_project
from changeover.system import ROOT
from parity.config import Config, Parity
from parity.journal import Played, read_journal
from parity.recording import Writer, read
from parity.redaction import scan
from parity.report import write_reports
from parity.runner import Options, Run, run

WALK = ROOT / "contract" / "recordings" / "walk.jsonl.gz"
REPORTS = {"index.html", "report.json", "junit.xml", "summary.md"}
WRITES = ("POST", "PUT", "PATCH", "DELETE")
# These leave no row and send nothing: they check, tokens are all they give, or (a replay's scheduler is off) do nothing.
WITHOUT_ROWS = {
    "POST /auth/login",
    "POST /auth/login/form",
    "POST /auth/refresh",
    "POST /jobs/cron-preview",
    "POST /jobs/validate-cron",
    "POST /scheduler/resync",
}


class Silence:
    def begin(self, name: str, total: int) -> None:
        pass

    def advance(self, played: Played) -> None:
        pass

    def say(self, text: str) -> None:
        pass


def replayed(project: Project, recording: Path, folder: Path, config: Config | None = None, **options: Any) -> Run:
    chosen = Options(folder, **{"shrink": 0, "coverage": 0.0, **options})
    running = run(config or project.config, [recording], chosen, book=project.book, progress=Silence())
    return asyncio.run(running)


@pytest.mark.timeout(600)
def test_both_stacks_do_the_same_with_every_committed_recording(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """What `make parity` does, once; it takes a while, so all that it promises is looked at here."""
    command = [sys.executable, "-m", "changeover", "parity", "run", "--json"]
    live = tmp_path / "live.db"
    of_whoever_runs_it = {
        "DATABASE_URL": f"sqlite:///{live}",
        "MODERN_DATABASE_URL": f"sqlite:///{live}",
        "SCHEDULER_TIMEZONE": "Europe/Berlin",
        "CORS_ORIGINS": "https://app.example.com",
        "JWT_ACCESS_TOKEN_EXPIRES": "60",
    }
    environ = os.environ | of_whoever_runs_it | {"VAR_DIR": str(tmp_path)}

    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=600, check=False)

    assert done.stdout, done.stderr
    with subtests.test("nothing was written to the database of whoever runs it"):
        assert not live.exists()
    report = json.loads(done.stdout)
    counts = report["counts"]
    with subtests.test("no unexplained difference, none accepted"):
        assert (done.returncode, report["reasons"], done.stderr) == (0, [], "")
        assert counts["exchanges"] >= 500
        assert (counts["unexplained"], counts["accepted"]) == (0, 0)
    with subtests.test("coverage"):
        assert report["coverage"]["met"] >= 0.95
    with subtests.test("golden and recorded answers are the primary's"):
        assert (report["golden"]["compared"], report["golden"]["different"]) == (counts["exchanges"], 0)
        assert report["witness"]["different"] == 0
    with subtests.test("every route that writes was replayed with its rows"):
        contract = json.loads((ROOT / "contract" / "statuses.json").read_text())
        wrote = {f"{line['method']} {line['route']}" for line in report["exchanges"] if line["wrote"]}
        assert {route for route in contract if route.startswith(WRITES)} - wrote == WITHOUT_ROWS
    with subtests.test("a certificate for each route group, and every report"):
        routes = load_project(ROOT).routes
        assert routes
        certificates = {p.stem: json.loads(p.read_text()) for p in (tmp_path / "parity" / "certificates").iterdir()}
        assert set(certificates) == {group.id for group in routes.groups}
        assert {name for name, one in certificates.items() if not one["passed"]} == set()
        assert {file.name for file in (tmp_path / "parity" / "report").iterdir()} == REPORTS


# "400 answered, row changed anyway": commits what it was sent, then finds out that it must refuse.
SOUND = "        wanted = rules.wanted_for_update(rules.TEAM, body)\n"
FAULT = """        from flask import request
        row.slack_handle = request.get_json().get("slack_handle", row.slack_handle)
        session.commit()
"""
SECRETS = [f"planted-{number:02}-Zk7uQx{number * 7919 % 9973:04}" for number in range(20)]
START = "2026-11-22T10:00:{:02}.000Z"
TEAM = "d3f0f550-627a-46b0-aa76-e43be971d839"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Our own project with a legacy stack in which a refused change of a team is kept."""
    root = tmp_path_factory.mktemp("faulty")
    shutil.copytree(ROOT / "legacy_flask", root / "legacy_flask", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dualstack.toml", "requirements.lock", "contract", "fastapi_app", "shared_rules", "shared_models"):
        (root / name).symlink_to(ROOT / name)
    (root / "scheduler").symlink_to(ROOT / "scheduler")
    module = root / "legacy_flask" / "blueprints" / "taxonomy.py"
    sound = module.read_text()
    assert sound.count(SOUND) == 1
    module.write_text(sound.replace(SOUND, FAULT + SOUND))
    return replace(load_project(root), var_dir=root / "var")


def call(number: int, method: str, path: str, status: int, said: Any, sent: Any = None, token: str = "") -> Any:
    """Return an entry as a browser would have saved it."""
    headers = {"Content-Type": "application/json"} if sent is not None else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    body = {} if sent is None else {"postData": {"mimeType": "application/json", "text": json.dumps(sent)}}
    return {
        "startedDateTime": START.format(number),
        "time": 5,
        "request": {
            "method": method,
            "url": f"http://127.0.0.1:5001/api{path}",
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
            **body,
        },
        "response": {
            "status": status,
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "content": {"mimeType": "application/json", "text": json.dumps(said)},
        },
    }


def session() -> Iterator[Any]:
    """Yield what an admin did: twenty secrets, each in another place, and one change that was refused."""
    secrets = iter(SECRETS)
    number = iter(range(60))

    def one(*given: Any, **more: Any) -> Any:
        return call(next(number), *given, **more)

    claims = {"sub": "ca3bd408-088d-43e0-95c8-d6d97d7e944b", "role": "admin", "type": "access"}
    token = jwt.encode(claims, "of the recorded system, long gone") + next(secrets)
    admin = {"id": claims["sub"], "username": "admin", "role": "admin"}
    answer = {"access_token": token, "refresh_token": next(secrets), "user": admin}
    yield one("POST", "/auth/login", 200, answer, {"username": "admin", "password": next(secrets)})
    for name in ("ann", "ben", "cleo", "dora"):
        user = {"username": name, "email": f"{name}@example.com", "password": next(secrets)}
        yield one("POST", "/auth/register", 201, {"user": {"username": name}}, user, token=token)
        yield one(
            "POST", "/auth/login", 200, {"user": {"username": name}}, {k: user[k] for k in ("username", "password")}
        )
    for name in ("ann", "ben", "nobody"):
        yield one("POST", "/auth/login", 401, {"error": "no"}, {"username": name, "password": next(secrets)})
    slack = {"is_enabled": False, "webhook_url": f"https://slack.example.com/services/{next(secrets)}"}
    yield one("PUT", "/settings/slack", 200, {"settings": {"is_enabled": False}}, slack, token=token)
    team = {"id": TEAM, "name": "Night Ops", "slack_handle": "@ops"}
    yield one("POST", "/pic-teams", 201, {"pic_team": team}, {"name": "Night Ops", "slack_handle": "@ops"}, token=token)
    for key in ("api_key", "client_secret", "db_password", "access_token"):
        job = {
            "name": f"job with {key}",
            "cron_expression": "0 3 * * *",
            "end_date": "2027-06-11",
            "pic_team": "night-ops",
            "target_url": f"https://hooks.example.com/run?token={next(secrets)}",
            "metadata": {key: next(secrets)},
        }
        yield one("POST", "/jobs", 201, {"job": {"name": job["name"]}}, job, token=token)
    yield one("GET", f"/jobs?api_key={next(secrets)}", 200, {"jobs": []}, token=token)
    yield one("PUT", f"/pic-teams/{TEAM}", 400, {"error": "no"}, {"slack_handle": ""}, token=token)
    yield one("GET", "/pic-teams", 200, {"pic_teams": [team]}, token=token)
    assert next(secrets, None) is None, "every secret was planted"


@pytest.mark.long
def test_a_session_of_secrets_on_the_faulty_build(faulty: Project, tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Saved by a browser, imported, replayed once: the fault is found, and no secret is in anything that was written."""
    har = tmp_path / "admin.har"
    har.write_text(json.dumps({"log": {"version": "1.2", "entries": list(session())}}))
    assert {found.secret for found in scan(har, SECRETS)} == set(SECRETS)
    written = tmp_path / "written"

    import_recording(faulty, har, written / "admin.jsonl")
    report = replayed(faulty, written / "admin.jsonl", written / "run", calibrate=False).report
    write_reports(report, written / "report")

    with subtests.test("a row that a refusal changed is found; what shows it later follows from it"):
        found = {(g.where, g.axis, f"{g.method} {g.route}", g.path): g.state for g in report.groups}
        assert found == {
            ("rows", "presence", "PUT /pic-teams/{id}", "pic_teams"): "unexplained",
            ("answer", "value", "GET /pic-teams", "$.pic_teams[*].slack_handle"): "caused_by",
        }
        detail = report.details[next(group.example for group in report.groups if group.where == "rows")]
        assert (detail.left.status, detail.right.status) == (400, 400)
        rows = [(row.before["slack_handle"], row.after["slack_handle"]) for row in detail.left_rows]
        assert (rows, detail.right_rows) == ([('"@ops"', '""')], ())
    with subtests.test("every request is answered as it was recorded"):
        lines = list(report.lines())
        assert len(lines) == 21
        assert [(line.target, line.recorded, line.right) for line in lines if line.recorded != line.right] == []
    with subtests.test("no planted secret is on disk"):
        files = [path for path in written.rglob("*") if path.is_file()]
        assert REPORTS | {"admin.jsonl", "journal.jsonl", "app.db"} <= {path.name for path in files}
        assert {path.name: scan(path, SECRETS) for path in files if scan(path, SECRETS)} == {}
        assert scan(written / "report" / "index.html", ["Night Ops"]), "the page does show what was sent"
    with subtests.test("no token of the replay is in a report"):
        texts = {path.name: path.read_text() for path in (written / "report").iterdir()}
        assert [name for name, text in texts.items() if re.search(r"eyJ[\w-]{8,}\.eyJ", text)] == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_fault_is_found_and_shrunk_in_the_whole_walk(faulty: Project, tmp_path: Path) -> None:
    report = replayed(faulty, WALK, tmp_path, shrink=1, shrink_s=300.0).report
    cause, *others = report.groups

    assert (cause.where, cause.axis, f"{cause.method} {cause.route}", cause.state) == (
        "rows",
        "presence",
        "PUT /pic-teams/{id}",
        "unexplained",
    )
    assert {group.state for group in others} <= {"caused_by"}
    assert cause.shrunk
    assert (cause.shrunk.requests <= 3, cause.shrunk.leaves <= 5) == (True, True)


def with_more_reads(path: Path) -> Path:
    """Write the walk with every read asked four times in a row: over a thousand requests; return the path."""
    header, entries = read(WALK)
    with Writer(path, header) as writer:
        for entry in entries:
            for number in range(4 if entry.request.method == "GET" else 1):
                writer.write(replace(entry, id=f"{entry.id}.{number}", seq=10 * entry.seq + number))
    return path


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["legacy", "modern"])
def test_a_stack_does_not_differ_from_itself_an_hour_later(name: str, tmp_path: Path) -> None:
    """Over a thousand requests with writes, no rule of the ledger. Only how long runs took is measured, and so learned."""
    project = load_project(ROOT)
    recording = with_more_reads(tmp_path / "longer.jsonl")
    parity = Parity(**{**project.config.parity.model_dump(), "ledger": "", "golden": "", "expected": ""})
    config = project.config.model_copy(update={"parity": parity})
    stack = config.stack(name)

    done = replayed(project, recording, tmp_path / "run", config, stacks=(stack, stack), shift_s=3600.0)

    assert done.report.counts.exchanges >= 1000
    assert sum(played.wrote for played in read_journal(done.replays[0].journal)) >= 60
    assert [(group.route, group.where, group.axis, group.path) for group in done.report.groups] == []
    learned = {kind.path for kind in done.report.calibration}
    assert learned <= {"duration_seconds", "average_duration_seconds"}
