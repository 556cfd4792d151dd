"""docker-compose.yml, the Dockerfile and the gateway's configuration for them, as far as they can be judged without an engine."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from changeover.containers import as_services, check_committed, listening_on, write_committed, write_folder
from changeover.problems import Problem
from changeover.system import ROOT, load_system
from gateway.config import load
from gateway.nginx import check, command_line, find_nginx
from gateway.ownership import Ownership, seats
from gateway.render import HEALTH
from gateway.table import Table
from shared_rules.settings import Settings
from tests.ops.ground import open_folder

SECRETS = ("POSTGRES_PASSWORD", "JWT_SECRET_KEY", "ADMIN_PASSWORD")
# They answer nobody.
PASSING = ("migrate", "watch", "control")
CONFIG = as_services(ROOT, complete=True)
# One stack once the legacy one is retired.
STACKS = tuple(stack.name for stack in CONFIG.stacks)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_the_services_are_the_deployment(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "migrate", "gateway", "watch", "control", *STACKS}


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_has_a_default(secret: str) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    uses = re.findall(rf"\$\{{{secret}([^}}]*)\}}", text)

    assert uses
    assert all(use.startswith(":?") for use in uses)


def test_every_setting_it_passes_is_one_of_the_contract(compose: dict[str, Any]) -> None:
    given = {name for service in ("migrate", *STACKS) for name in compose["services"][service]["environment"]}

    assert given - {name.upper() for name in Settings.model_fields} == set()


def test_only_the_gateway_is_reached_from_outside(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["gateway"]


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_waits_for_the_migration_and_can_be_copied(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]

    assert service["command"] == ["changeover", "serve", name]
    assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert "container_name" not in service


def test_the_migration_runs_once_and_before_it_there_is_a_database(compose: dict[str, Any]) -> None:
    migrate = compose["services"]["migrate"]

    assert migrate["command"] == ["changeover", "migrate"]
    assert migrate["restart"] == "no"
    assert migrate["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_gateway_starts_again_with_the_stacks_whose_addresses_it_knows(compose: dict[str, Any]) -> None:
    assert compose["services"]["gateway"]["depends_on"] == {
        name: {"condition": "service_healthy", "restart": True} for name in STACKS
    }


def test_every_lasting_service_has_a_health_check_on_its_own_address(compose: dict[str, Any]) -> None:
    lasting = {name: service for name, service in compose["services"].items() if name not in PASSING}
    tests = {name: service["healthcheck"]["test"] for name, service in lasting.items()}
    own = {stack.name: f"http://127.0.0.1:{stack.port}{stack.prefix}{stack.live}" for stack in CONFIG.stacks}

    assert tests["postgres"][1] == "pg_isready"
    assert {name: tests[name][-1] for name in own} == own
    assert tests["gateway"][-1] == f"http://127.0.0.1:{CONFIG.port}{HEALTH}"


def test_our_containers_may_do_little(compose: dict[str, Any]) -> None:
    for name in ("migrate", "gateway", *STACKS):
        service = compose["services"][name]
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True), name
    users = re.findall(r"^USER (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["changeover"]


def test_the_stacks_trust_the_gateway_and_nobody_else(compose: dict[str, Any]) -> None:
    address = compose["services"]["gateway"]["networks"]["inside"]["ipv4_address"]

    for name in STACKS:
        assert compose["services"][name]["environment"]["TRUSTED_PROXIES"] == address


def test_a_stack_in_a_container_listens_on_every_address() -> None:
    for stack in CONFIG.stacks:
        assert f"0.0.0.0:{stack.port}" in ":".join(listening_on(stack, "0.0.0.0")).replace(":--port:", ":")


def test_the_image_leaves_out_what_must_not_be_in_it() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()

    assert {".env", ".git", ".venv", "var"} <= set(ignored)


def test_the_committed_gateway_configuration_is_current() -> None:
    check_committed(ROOT)


def test_a_stale_gateway_configuration_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    for name in ("dualstack.toml", "contract/routes.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    write_committed(tmp_path)
    check_committed(tmp_path)
    dualstack = tmp_path / "dualstack.toml"
    dualstack.write_text(dualstack.read_text().replace("8001", "8002"))

    with pytest.raises(Problem, match=r"^deploy/nginx.conf is not current; type: changeover containers$") as caught:
        check_committed(tmp_path)
    assert caught.value.exit_code == 1


def test_nginx_accepts_the_configuration() -> None:
    """The services' names exist only among the containers, so they are replaced by an address for this check."""
    with open_folder() as folder:
        write_folder(ROOT, folder)
        conf = folder / "nginx.conf"
        text = conf.read_text()
        assert "server modern:8001;" in text
        conf.write_text(re.sub(r"server (?:legacy|modern):", "server 127.0.0.1:", text))
        for log in (folder / "log").iterdir():
            log.unlink()
        check(command_line(find_nginx(os.environ), folder))

        assert (folder / "pages" / "index.html").is_file()


@pytest.mark.parametrize("name", ["watch", "control"])
def test_the_table_is_mounted_as_a_folder_where_nginx_and_the_command_line_expect_it(
    compose: dict[str, Any], name: str
) -> None:
    """A link that was mounted itself would stay what it was; see the relative one in the folder."""
    beside = compose["services"][name]

    assert "ownership:/srv/gateway/state" in compose["services"]["gateway"]["volumes"]
    assert f"ownership:{beside['environment']['VAR_DIR']}/gateway/state" in beside["volumes"]
    assert beside["network_mode"] == "service:gateway"


def test_the_image_brings_the_first_table(tmp_path: Path) -> None:
    write_folder(ROOT, tmp_path)
    link = tmp_path / "state/current"

    assert link.readlink() == Path("gens/g0001")
    assert Table(tmp_path / "state").names() == frozenset(seats(load(ROOT, {}), Ownership()))


def test_beside_the_gateway_the_stacks_are_reached_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_HOSTS", "names")

    assert [stack.host for stack in load_system().config.stacks] == [
        stack.name for stack in load_system().config.stacks
    ]


def test_the_gateways_errors_go_to_the_stream_of_its_container(tmp_path: Path) -> None:
    write_folder(ROOT, tmp_path)
    logs = {log.name: str(log.readlink()) for log in (tmp_path / "log").iterdir()}

    assert logs == {"error.log": "/dev/stderr"}


def has_compose() -> bool:
    docker = shutil.which("docker")
    return (
        bool(docker)
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not has_compose(), reason="docker compose is not installed here")
def test_docker_compose_accepts_the_file() -> None:
    environ = dict(os.environ) | dict.fromkeys(SECRETS, "x" * 32)
    command = ["docker", "compose", "config", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
