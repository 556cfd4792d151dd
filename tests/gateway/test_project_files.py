"""This project's own `dualstack.toml`, route groups and root `nginx.conf`."""

from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.config import Config, load

ROOT = Path(__file__).parents[2]
CRUD = {
    "/auth": "POST /login, POST /login/form, POST /refresh, POST /logout, GET /verify, GET /me, POST /register",
    "/auth/users": "GET, GET /{id}, PUT /{id}, DELETE /{id}, GET /{id}/preferences, PUT /{id}/preferences, "
    "GET /{id}/ui-preferences, PUT /{id}/ui-preferences",
    "/jobs": "GET, POST, GET /{id}, PUT /{id}, DELETE /{id}, POST /validate-cron, POST /cron-preview, POST /test-run, "
    "POST /bulk-upload, POST /{id}/execute, GET /{id}/executions, GET /{id}/executions/stats, GET /{id}/executions/{eid}",
    "/executions": "GET, GET /statistics, GET /{eid}",
    "/job-categories": "GET, POST, PUT /{id}, DELETE /{id}",
    "/pic-teams": "GET, POST, PUT /{id}, DELETE /{id}",
    "/settings": "GET /slack, PUT /slack",
    "/notifications": "GET, GET /unread-count, PUT /{id}/read, PUT /read-all, DELETE /{id}, DELETE /delete-read",
    "/health": "GET, GET /live",
    "/scheduler": "GET /status, POST /resync",
}


def contract() -> set[tuple[str, str]]:
    parts = ((start, *operation.partition(" ")) for start, all_of in CRUD.items() for operation in all_of.split(", "))
    return {(method, start + rest) for start, method, _, rest in parts}


@pytest.fixture(scope="module")
def config() -> Config:
    return load(ROOT, {}, complete=True)


def test_the_groups_hold_all_51_operations_once(config: Config) -> None:
    operations = config.routes.operations

    assert len(operations) == len(contract()) == 51
    assert set(operations) == contract()


EXAMPLES = {
    "a job": ("GET", "/jobs/7c9e", "jobs.read"),
    "a changed job": ("PUT", "/jobs/7c9e", "jobs.write"),
    "an upload": ("POST", "/jobs/bulk-upload", "jobs.write"),
    "a run": ("POST", "/jobs/7c9e/execute", "jobs.run"),
    "a test run": ("POST", "/jobs/test-run", "jobs.run"),
    "a cron check": ("POST", "/jobs/validate-cron", "cron.tools"),
    "statistics of a job": ("HEAD", "/jobs/7c9e/executions/stats", "executions.read"),
    "a login by form": ("POST", "/auth/login/form", "auth.session"),
    "a user": ("DELETE", "/auth/users/1", "auth.users"),
    "preferences": ("PUT", "/auth/users/1/ui-preferences", "preferences"),
    "read all": ("PUT", "/notifications/read-all", "notifications.write"),
    "liveness": ("GET", "/health/live", "health"),
    "a new team": ("POST", "/pic-teams", "taxonomy.write"),
    "a path of nobody": ("GET", "/jobs/", "unmatched"),
}


@pytest.mark.parametrize(("method", "path", "group"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_request_of_this_app_has_its_group(config: Config, method: str, path: str, group: str) -> None:
    assert config.routes.classify(method, path) == group


def test_the_plan_has_eight_phases_and_every_group_moves_once(config: Config) -> None:
    phases = config.routes.phases
    moved = [group for phase in phases for group in phase.groups]

    assert [phase.id for phase in phases] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert sorted(moved) == sorted(group.id for group in config.routes.groups)
    assert all(phase.title and phase.success for phase in phases)


def test_the_addresses_are_the_documented_ones(config: Config) -> None:
    stacks = [("legacy", "127.0.0.1:5001", "/api"), ("modern", "127.0.0.1:8001", "/api/v2")]

    assert config.listen == "127.0.0.1:8000"
    assert [(stack.name, stack.address, stack.prefix) for stack in config.stacks] == stacks[-len(config.stacks) :]
    assert (config.body_bytes, [limit.body_bytes for limit in config.larger]) == (1048576, [10485760])


def test_the_root_file_is_current() -> None:
    assert main(["render", "--check", "--root", str(ROOT)]) == 0


def test_without_the_legacy_folder_everything_is_modern(tmp_path: Path) -> None:
    (tmp_path / "contract").mkdir()
    for name in ("dualstack.toml", "contract/routes.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "fastapi_app").mkdir()

    config = load(tmp_path, {})

    assert [stack.name for stack in config.stacks] == ["modern"]
    assert set(config.serves.values()) == {"modern"}
    assert sorted(config.serves) == ["/api", "/api/v2"]
