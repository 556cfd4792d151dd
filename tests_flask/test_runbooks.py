"""The runbooks, followed word for word: every command of them ends well on a system in the state that the page is for."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.e2e.shell import ROOT, Shell, commands_of, open_shell
from tests.ops.certificates import certify

PASSWORD = "a password of the runbooks"
# What takes minutes or is tested elsewhere: the certificates are made without it, as a passed run would leave them.
SKIPPED = ("make parity", "changeover parity run", "changeover phase verify")


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    with open_shell() as shell:
        shell.environ["ADMIN_PASSWORD"] = PASSWORD
        shell.words["var/flips"] = f"{shell.var_dir}/flips"
        shell.run("make up")
        certify(shell.var_dir, "taxonomy.read", "jobs.read")
        yield shell


def follow(shell: Shell, page: str) -> dict[str, str]:
    """Return what each command of the page printed."""
    commands = [command for command in commands_of(page) if not command.startswith(SKIPPED)]
    return {command: shell.run(command) for command in commands}


def served_by(shell: Shell, path: str) -> str:
    return httpx2.get(f"http://127.0.0.1:{shell.environ['GATEWAY_PORT']}{path}").headers["x-served-by"]


@pytest.mark.long
def test_flip_a_route_group(shell: Shell) -> None:
    said = follow(shell, "docs/howto/flip-a-route-group.md")

    assert "taxonomy.read: modern 0 % -> 1 %" in said["changeover apply var/flips/plan.json"]
    assert "it felt slow" in said["changeover history"]
    assert served_by(shell, "/api/pic-teams") == "legacy"


@pytest.mark.long
def test_cut_over_and_back(shell: Shell) -> None:
    forward, back = commands_of("docs/howto/cut-over.md")[:4], commands_of("docs/howto/cut-over.md")[4:]

    for command in forward:
        shell.run(command)
    assert {served_by(shell, path) for path in ("/api/jobs", "/api/v2/jobs", "/api/nowhere")} == {"modern"}
    for command in back:
        shell.run(command)
    assert {served_by(shell, path) for path in ("/api/jobs", "/api/v2/jobs", "/api/nowhere")} == {"legacy"}
    shell.run("changeover pin v2")


@pytest.mark.long
def test_roll_back_a_faulty_endpoint(shell: Shell) -> None:
    shell.run("changeover flip jobs.read --to modern")
    follow(shell, "docs/howto/roll-back-a-faulty-endpoint.md")

    assert '"jobs.read",\n      "share": 1,' in shell.run("changeover routes --json")
    shell.run("changeover rollback --all")


@pytest.mark.long
def test_a_scheduler_race(shell: Shell) -> None:
    shell.run("changeover flip jobs.run jobs.read jobs.write --to modern --override 'before the race'")
    follow(shell, "docs/howto/roll-back-a-scheduler-race.md")

    assert served_by(shell, "/api/jobs") == "modern"
    assert '"jobs.write",\n      "share": 0,' in shell.run("changeover routes --json")
    shell.run("changeover rollback --all")


@pytest.mark.long
def test_roll_back_the_migration(shell: Shell) -> None:
    shell.run("changeover flip all --to modern --override 'all of it'")
    follow(shell, "docs/howto/roll-back-the-migration.md")

    assert {served_by(shell, path) for path in ("/api/jobs", "/api/v2/jobs")} == {"legacy"}
    shell.run("changeover pin v2")


@pytest.mark.long
def test_a_refused_token(shell: Shell) -> None:
    url = f"http://127.0.0.1:{shell.environ['GATEWAY_PORT']}/api/auth/login"
    shell.environ["TOKEN"] = httpx2.post(url, json={"username": "admin", "password": PASSWORD}).json()["access_token"]
    shell.run("changeover flip auth.session --to modern --override 'before the refusal'")

    said = follow(shell, "docs/howto/when-a-token-is-refused.md")

    assert "signature: good" in said['changeover token inspect "$TOKEN"']
    assert served_by(shell, "/api/auth/me") == "legacy"


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs/howto").glob("roll-back-*.md")))
def test_every_runbook_is_followed_by_a_test(page: str) -> None:
    tests = "".join(
        path.read_text() for path in (*ROOT.glob("tests/e2e/test_*.py"), *ROOT.glob("tests_flask/test_*.py"))
    )

    assert f"docs/howto/{page}" in tests
