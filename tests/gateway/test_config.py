"""dualstack.toml and the environment: what is understood, and the one line said about what is not."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.config import ConfigError, load
from tests.gateway.edge import GROUPS, PAIR, make_project

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Bad:
    """Replace `old` by `new` in the pair's file (or set variables), and expect this line."""

    says: str
    line: str
    old: str = ""
    new: str = ""
    environ: tuple[tuple[str, str], ...] = ()


PORT_REMEDY = "must be a port from 1 to 65535"
PATH_REMEDY = "must be a plain path such as /api, with no slash at its end"
BAD = [
    Bad(
        "a port that is a word",
        "dualstack.toml: gateway.port = 'x': must be a whole number from 1 to 65535",
        "port = 8000",
        'port = "x"',
    ),
    Bad(
        "a port out of range",
        "dualstack.toml: stacks.legacy.port = 70000: must be a whole number from 1 to 65535",
        "port = 5001",
        "port = 70000",
    ),
    Bad(
        "true is no port",
        "dualstack.toml: stacks.legacy.port = True: must be a whole number from 1 to 65535",
        "port = 5001",
        "port = true",
    ),
    Bad(
        "a variable that is no port",
        f"environment: MODERN_PORT = 'abc': {PORT_REMEDY}",
        environ=(("MODERN_PORT", "abc"),),
    ),
    Bad("a variable out of range", f"environment: LEGACY_PORT = '0': {PORT_REMEDY}", environ=(("LEGACY_PORT", "0"),)),
    Bad("a negative variable", f"environment: GATEWAY_PORT = '-1': {PORT_REMEDY}", environ=(("GATEWAY_PORT", "-1"),)),
    Bad(
        "a host that is a name",
        "environment: BIND_HOST = 'localhost': must be an address such as 127.0.0.1 or 0.0.0.0",
        environ=(("BIND_HOST", "localhost"),),
    ),
    Bad(
        "two servers on one port",
        "dualstack.toml: stacks.modern.port = 5001: is taken by legacy; choose another",
        environ=(("MODERN_PORT", "5001"),),
    ),
    Bad(
        "a stack on the gateway's port",
        "dualstack.toml: stacks.legacy.port = 8000: is taken by the gateway; choose another",
        environ=(("LEGACY_PORT", "8000"),),
    ),
    Bad(
        "a third stack",
        "dualstack.toml: stacks = ['legacy', 'modern', 'later']: are more than two; "
        "route groups move from the first stack to the second",
        "[limits]",
        '[stacks.later]\nhost = "127.0.0.1"\nport = 9001\nprefix = "/later"\ninterface = "asgi"\napp = "a:b"\n'
        'start = []\nkeep_alive_s = 5\nhealth = "/health"\nlive = "/health"\n[limits]',
    ),
    Bad(
        "a sticky cookie's name that is none",
        "dualstack.toml: gateway.cookie = 'GWB;': must be a cookie's name of lower-case letters, digits and _",
        'routes = "groups.toml"',
        'routes = "groups.toml"\ncookie = "GWB;"',
    ),
    Bad(
        "a salt with a blank",
        "dualstack.toml: gateway.salt = 'a b': must be 1 to 32 letters, digits, . _ or -",
        'routes = "groups.toml"',
        'routes = "groups.toml"\nsalt = "a b"',
    ),
    Bad(
        "a prefix with a slash at its end",
        f"dualstack.toml: stacks.legacy.prefix = '/api/': {PATH_REMEDY}",
        'prefix = "/api"',
        'prefix = "/api/"',
    ),
    Bad(
        "a prefix that is a pattern",
        f"dualstack.toml: stacks.legacy.prefix = '/api(.*)': {PATH_REMEDY}",
        'prefix = "/api"',
        'prefix = "/api(.*)"',
    ),
    Bad(
        "a prefix that leads up",
        f"dualstack.toml: stacks.legacy.prefix = '/api/..': {PATH_REMEDY}",
        'prefix = "/api"',
        'prefix = "/api/.."',
    ),
    Bad("a page without a slash", f"dualstack.toml: stacks.modern.pages = 'docs': {PATH_REMEDY}", '"/docs"', '"docs"'),
    Bad(
        "a host with a path",
        "dualstack.toml: stacks.legacy.host = 'a/b': must be a host name or an IPv4 address",
        'host = "127.0.0.1"\nport = 5001',
        'host = "a/b"\nport = 5001',
    ),
    Bad(
        "an interface of another world",
        "dualstack.toml: stacks.modern.interface = 'cgi': must be wsgi or asgi",
        '"asgi"',
        '"cgi"',
    ),
    Bad(
        "an unknown placeholder",
        "dualstack.toml: stacks.modern.start = '{threads}': is no placeholder; "
        "use {host}, {port}, {keep_alive_s}, {workers} or {app}",
        '["new-server", "{app}"]',
        '["new-server", "{threads}"]',
    ),
    Bad(
        "a start command that is one string",
        "dualstack.toml: stacks.modern.start = 'run': must be a list of strings",
        '["new-server", "{app}"]',
        '"run"',
    ),
    Bad(
        "an idle time too short to stay below",
        "dualstack.toml: stacks.legacy.keep_alive_s = 1: must be a whole number from 2 to 3600",
        "keep_alive_s = 5",
        "keep_alive_s = 1",
    ),
    Bad(
        "no worker at all",
        "dualstack.toml: stacks.legacy.workers = 0: must be a whole number from 1 to 1024",
        "workers = 3",
        "workers = 0",
    ),
    Bad("a missing key", "dualstack.toml: stacks.modern.prefix: is missing; add it", 'prefix = "/api/v2"\n', ""),
    Bad(
        "a misspelt key",
        "dualstack.toml: timeouts.conect_s = 2: is not a known key; "
        "known here: answer_s, client_body_s, client_header_s, connect_s",
        "connect_s",
        "conect_s",
    ),
    Bad(
        "a misspelt key of the gateway",
        "dualstack.toml: gateway.front_end = 'dist': is not a known key; "
        "known here: cookie, frontend, frontend_env, host, host_env, port, port_env, routes, salt, soak_s, step_requests, texts",
        'routes = "groups.toml"',
        'routes = "groups.toml"\nfront_end = "dist"',
    ),
    Bad(
        "a stack named none",
        "dualstack.toml: stacks.none = {}: is no stack's name; use lower-case letters and digits",
        "[limits]",
        "[stacks.none]\n[limits]",
    ),
    Bad(
        "a stack in capitals",
        "dualstack.toml: stacks.Old = {}: is no stack's name; use lower-case letters and digits",
        "[limits]",
        "[stacks.Old]\n[limits]",
    ),
    Bad(
        "a stack that is no table",
        "dualstack.toml: stacks.legacy = 5: must be a table; write [stacks.legacy]",
        PAIR[PAIR.index("[stacks.legacy]") : PAIR.index("[stacks.modern]")],
        "[stacks]\nlegacy = 5\n",
    ),
    Bad(
        "a larger limit that is smaller",
        "dualstack.toml: limits.larger[1].body_bytes = 5: must be a whole number from 1048576 to 1099511627776",
        "body_bytes = 10485760",
        "body_bytes = 5",
    ),
    Bad(
        "limits as a number",
        "dualstack.toml: limits.larger = 5: must be a list of tables; write [[limits.larger]]",
        '[[limits.larger]]\npath = "/things/bulk"\nbody_bytes = 10485760',
        "larger = 5",
    ),
    Bad(
        "no time to connect",
        "dualstack.toml: timeouts.connect_s = 0: must be a number of seconds from 0.05 to 75",
        "connect_s = 2",
        "connect_s = 0",
    ),
    Bad(
        "a text elsewhere",
        "dualstack.toml: gateway.texts = '../secret.md': must be a .md or .txt file beside this one",
        '"ABSENT.md"',
        '"../secret.md"',
    ),
    Bad(
        "a frontend that is not built",
        "environment: FRONTEND_DIST = 'nowhere': has no index.html; build the frontend or name the folder of its build",
        environ=(("FRONTEND_DIST", "nowhere"),),
    ),
    Bad(
        "a frontend that nginx cannot name",
        "environment: FRONTEND_DIST = 'a$b': must not contain quotes, backslashes, $ or control characters; rename it",
        environ=(("FRONTEND_DIST", "a$b"),),
    ),
    Bad(
        "no route groups",
        "gone.toml: the file: cannot be read (No such file or directory); create it or start in the project's folder",
        '"groups.toml"',
        '"gone.toml"',
    ),
    Bad(
        "no stacks",
        "dualstack.toml: stacks: is missing; add it",
        PAIR[PAIR.index("[stacks.legacy]") : PAIR.index("[limits]")],
        "",
    ),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.says)
def test_what_cannot_be_used_is_named_in_one_line(tmp_path: Path, bad: Bad) -> None:
    assert bad.old in PAIR
    project = make_project(tmp_path / "project", PAIR.replace(bad.old, bad.new, 1) if bad.old else PAIR)

    with pytest.raises(ConfigError) as caught:
        load(project, dict(bad.environ))

    assert str(caught.value) == bad.line


def test_a_file_that_is_not_toml_is_named_with_its_line(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", PAIR.replace("port = 8000", "port = "))

    with pytest.raises(ConfigError, match=r"^dualstack.toml: the file: is not TOML: Invalid value \(at line 5"):
        load(project, {})


def test_a_file_that_is_not_utf8_is_said(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project / "groups.toml").write_bytes(b"# caf\xe9\n")

    with pytest.raises(ConfigError, match=r"^groups.toml: the file: is not UTF-8; save it as UTF-8$"):
        load(project, {})


def test_the_facts_of_an_error_are_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(make_project(tmp_path / "project"), {"LEGACY_PORT": "abc"})

    error = caught.value
    assert (error.source, error.key, error.value, error.remedy) == ("environment", "LEGACY_PORT", "abc", PORT_REMEDY)


def test_variables_win_and_blank_ones_do_not(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    environ = {"LEGACY_PORT": "6001", "MODERN_PORT": "", "GATEWAY_PORT": " 9000 ", "BIND_HOST": "::1"}

    config = load(project, environ)

    assert [stack.port for stack in config.stacks] == [6001, 8001]
    assert config.listen == "[::1]:9000"


def test_the_variable_for_the_frontend_wins_over_the_value_beside_it() -> None:
    built = ROOT / "tests" / "e2e" / "frontend"

    assert load(ROOT, {"FRONTEND_DIST": str(built)}).frontend == built


def test_a_start_command_has_its_placeholders_filled(tmp_path: Path) -> None:
    config = load(make_project(tmp_path / "project"), {"LEGACY_PORT": "6001"})

    assert config.stack("legacy").command == [
        "old-server",
        "--bind",
        "127.0.0.1:6001",
        "--idle=5",
        "--workers=3",
        "old:app",
    ]
    assert config.stack("modern").workers == 1
    assert config.stack("legacy").url == "http://127.0.0.1:6001/api"


def test_tables_of_other_parts_are_left_alone(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", PAIR + '\n[parity]\nanything = "else"\n')

    assert len(load(project, {}).stacks) == 2


def test_a_stack_whose_folder_is_gone_leaves_its_prefix_to_the_other(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project / "old_app").rmdir()

    config = load(project, {})

    assert [stack.name for stack in config.stacks] == ["modern"]
    assert config.serves == {"/api": "modern", "/api/v2": "modern"}
    assert load(project, {}, complete=True).serves == {"/api": "legacy", "/api/v2": "modern"}


def test_a_stack_that_is_gone_needs_no_port_of_its_own(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project / "old_app").rmdir()

    assert load(project, {"LEGACY_PORT": "8000"}).port == 8000


def test_a_pair_without_a_stack_is_refused(tmp_path: Path) -> None:
    pair = PAIR[: PAIR.index("[stacks.modern]")] + PAIR[PAIR.index("[limits]") :]
    project = make_project(tmp_path / "project", pair, GROUPS)
    (project / "old_app").rmdir()

    with pytest.raises(ConfigError, match="none is there; at least one stack's folder must exist"):
        load(project, {})
