"""The rendered configuration as text: checked by other people's tools, free of this machine and of any app, and current."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.answers import json_body
from gateway.config import Config, load
from gateway.render import nginx_conf
from tests.gateway.edge import PAIR, make_project

ROOT = Path(__file__).parents[2]
# Why gixy's remarks of these kinds are wrong here: the gateway's headers are meant for its own answers only; upstream
# blocks need no resolver; one try_files per page costs nothing; with variables in it proxy_pass normalises nothing.
WRONG_HERE = "add_header_redefinition,missing_resolver,try_files_is_evil_too,proxy_pass_normalized"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def config(project: Path) -> Config:
    return load(project, {})


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the tools of this Python's environment, offline."""
    command = (sys.executable, "-m", *command)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_crossplane_understands_it(config: Config, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(nginx_conf(config, "www-data www-data"))

    parsed = json.loads(run("crossplane", "parse", "nginx.conf", folder=tmp_path).stdout)

    assert (parsed["status"], parsed["errors"]) == ("ok", [])


def test_gixy_finds_nothing_in_it(config: Config, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(nginx_conf(config))

    found = run("gixy", "-f", "json", "--skips", WRONG_HERE, "nginx.conf", folder=tmp_path)

    assert json.loads(found.stdout) == []


def test_gixy_would_find_a_target_made_of_the_query(config: Config, tmp_path: Path) -> None:
    careless = nginx_conf(config).replace("http://$stack/$stack_path$rest", "http://$stack$arg_to")
    (tmp_path / "nginx.conf").write_text(careless)

    found = run("gixy", "-f", "json", "--skips", WRONG_HERE, "nginx.conf", folder=tmp_path)

    assert {problem["plugin"] for problem in json.loads(found.stdout)} == {"ssrf"}


def test_it_is_the_same_every_time(project: Path) -> None:
    assert nginx_conf(load(project, {})) == nginx_conf(load(project, {}))


def test_every_path_in_it_is_relative(config: Config) -> None:
    text = nginx_conf(config)

    assert not [word for word in ("/tmp", "/usr", "/etc", "/home", "/root", str(config.root)) if word in text]


def test_the_idle_end_of_a_pool_closes_well_before_the_stacks_end(config: Config) -> None:
    text = nginx_conf(config)

    assert "keepalive_timeout 2500ms;" in text.partition("upstream legacy {")[2].partition("}")[0]
    assert "keepalive_timeout 5000ms;" in text.partition("upstream modern {")[2].partition("}")[0]


def test_what_loses_or_repeats_requests_is_not_in_it(config: Config) -> None:
    text = nginx_conf(config)

    for danger in ("non_idempotent", "open_file_cache", "reuseport", "mirror", "$proxy_add_x_forwarded_for"):
        assert danger not in text
    assert text.count("proxy_next_upstream error;") == 1


def test_a_pair_of_one_stack_sends_both_prefixes_to_it(project: Path) -> None:
    (project / "old_app").rmdir()

    text = nginx_conf(load(project, {}))

    assert 'map $face $natural {\n        default "";\n        1 modern;\n        2 modern;\n    }' in text
    assert "legacy" not in text


def test_another_pair_is_rendered_by_its_own_names(tmp_path: Path) -> None:
    other = (
        PAIR.replace("legacy", "alpha").replace("modern", "beta").replace("/api/v2", "/new").replace("/api", "/old.v1")
    )
    config = load(make_project(tmp_path / "other", other), {})

    text = nginx_conf(config)

    assert '"~^/old\\.v1(?:[/?]|\\z)" 1;' in text
    assert "1 alpha;" in text
    assert not [word for word in ("legacy", "modern", "/api") if word in text]


def test_the_package_knows_no_app() -> None:
    files = [path for path in (ROOT / "gateway").iterdir() if path.suffix in {".py", ".html"}]
    words = ("flask", "fastapi", "legacy", "modern", "cron", "uvicorn", "gunicorn", "5001", "8001", "bulk")
    found = [(path.name, word) for path in files for word in words if word in path.read_text().lower()]

    assert len(files) > 8
    assert found == []


def test_a_text_that_nginx_would_read_differently_is_never_rendered() -> None:
    with pytest.raises(ValueError, match="it's"):
        json_body("Bad request", "it's")


def test_render_writes_the_root_file_and_check_finds_it_current(project: Path) -> None:
    assert main(["render", "--root", str(project)]) == 0
    assert main(["render", "--check", "--root", str(project)]) == 0
    assert (project / "nginx.conf").read_text() == nginx_conf(load(project, {}))


STALE: dict[str, Callable[[Path], object]] = {
    "never rendered": lambda project: (project / "nginx.conf").unlink(),
    "edited by hand": lambda project: (project / "nginx.conf").write_text("# mine\n"),
    "a new limit": lambda project: (project / "dualstack.toml").write_text(PAIR.replace("1048576", "1048577")),
    "a new route": lambda project: (project / "groups.toml").write_text(
        (project / "groups.toml").read_text().replace("/things/bulk", "/things/many")
    ),
}


@pytest.mark.parametrize("spoil", STALE.values(), ids=STALE.keys())
def test_check_finds_a_root_file_that_is_not_current(
    project: Path, spoil: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["render", "--root", str(project)])
    spoil(project)

    assert main(["render", "--check", "--root", str(project)]) == 1
    assert capsys.readouterr().err == f"{project}/nginx.conf: not current; run: python -m gateway render\n"


def test_the_root_file_does_not_depend_on_the_environment_or_on_a_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["render", "--root", str(project)])
    (project / "old_app").rmdir()
    monkeypatch.setenv("LEGACY_PORT", "6001")

    assert main(["render", "--check", "--root", str(project)]) == 0


def test_out_renders_the_present_settings(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_PORT", "6001")

    assert main(["render", "--root", str(project), "--out", str(tmp_path / "out")]) == 0
    assert "server 127.0.0.1:6001;" in (tmp_path / "out/nginx.conf").read_text()
    assert (tmp_path / "out/pages/index.html").is_file()
    assert main(["render", "--check", "--root", str(project), "--out", str(tmp_path / "out")]) == 0


def test_a_bad_setting_is_one_line_and_2(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "dualstack.toml").write_text(PAIR.replace("8000", "0"))

    assert main(["render", "--root", str(project)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_it_runs_as_a_module(project: Path) -> None:
    command = [sys.executable, "-m", "gateway", "render", "--root", str(project)]

    done = subprocess.run(
        command, cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
