"""What a gateway like this one gets wrong, each with the test that would see it.

 1  two readings of one path             test_addressing.py::test_a_path_that_two_parsers_may_read_differently_is_refused
 2  addresses encoded anew               test_conformance.py::test_the_owner_gets_the_address_as_it_was_sent
 3  redirects that leave the prefix      test_conformance.py::test_a_location_is_one_the_client_can_use
 4  lies about where a request is from   test_headers.py::test_a_client_cannot_forge_where_it_comes_from
 5  OpenAPI with the other prefix        ../../tests_flask/test_flips.py::test_a_client_that_only_knows_one_prefix_is_served_by_either_stack
 6  pools that outlive the stack's end   test_render.py::test_the_idle_end_of_a_pool_closes_well_before_the_stacks_end
    ... and one that died                test_failures.py::test_a_pooled_connection_that_dies_is_replaced_for_a_get
 7  writes that are sent again           test_fallback.py::test_a_write_is_502_at_once_and_never_passed_on
    ... at any moment                    test_kill_points.py::test_nothing_is_done_twice_and_no_read_fails
    ... a tester's other stack           test_fallback.py::test_a_stack_asked_for_by_name_is_not_replaced
 8  a server named that did not serve    test_fallback.py::test_with_both_dead_nobody_answers
 9  headers lost in a location           test_headers.py::test_every_answer_has_each_of_its_headers_once
10  visitors moved by a new token        test_cohorts.py::test_a_new_token_moves_nobody
11  mirrored writes                      test_render.py::test_what_loses_or_repeats_requests_is_not_in_it
12  a decision made twice                test_fallback.py::test_the_log_blames_who_was_asked_though_the_table_has_moved_on
13  a cache of open files                test_pitfalls.py::test_a_flip_counts_for_the_next_request
14  folders behind links                 test_pitfalls.py::test_a_folder_behind_a_link_flips_like_any_other
    ... disks without upper case         test_pitfalls.py::test_the_names_of_a_table_are_in_lower_case
15  a table that is mounted elsewhere    test_pitfalls.py::test_a_table_can_be_mounted_elsewhere
16  websockets that hold old workers     test_pitfalls.py::test_a_websocket_holds_no_old_worker
17  zones that a HUP cannot change       test_pitfalls.py::test_nothing_is_in_it_that_a_reload_may_refuse
18  reuseport                            test_render.py::test_what_loses_or_repeats_requests_is_not_in_it
19  errors in HTML                       test_conformance.py::test_what_the_gateway_refuses_is_json_by_nobody
20  bodies that cannot be sent again     test_fallback.py::test_what_the_candidate_lacks_goes_on_with_its_whole_body
    ... and are written elsewhere        test_nginx.py::test_everything_is_below_the_runtime_folder
21  preflights of the other's routes     test_conformance.py::test_a_request_goes_where_its_group_is
22  HEAD                                 test_conformance.py::test_head_arrives_and_has_no_body
23  a session that the other refuses     ../../tests_flask/test_flips_in_a_browser.py::test_a_session_lives_through_flips_in_both_directions
24  a table that cannot be read          test_pitfalls.py::test_a_table_that_cannot_be_entered_is_seen_in_header_and_log
    ... is no way back                   test_flips.py::test_groups_wholly_moved_stay_so_without_their_table
25  figures without the rules            test_cohorts.py::test_nginx_and_we_agree_on_1200_visitors
"""

import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gateway.flips import Flips, Order
from gateway.ownership import Ownership, seats
from gateway.render import nginx_conf
from gateway.table import Table
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import Edge, make_project, wait_for
from tests.gateway.pliable_stack import PliableHandler
from tests.gateway.recording import workers

HERE = Path(__file__).parent
PINS = re.compile(r"^ *(\d+|\.\.\.) .* (\S+\.py)::(test_\w+)$", re.MULTILINE)


def test_every_pitfall_has_a_test_that_exists() -> None:
    """Those that need both stacks go with the first one."""
    pins = PINS.findall(__doc__ or "")
    there = [(HERE / file, test) for _, file, test in pins if (HERE / file).parent.is_dir()]
    missing = [test for file, test in there if f"\ndef {test}(" not in file.read_text()]

    assert [int(number) for number, _, _ in pins if number != "..."] == list(range(1, 26))
    assert missing == []


@pytest.fixture
def folder(open_folder: Callable[[str], Path]) -> Path:
    return open_folder("pitfalls")


@pytest.fixture
def edge(folder: Path, stacks: tuple[EchoStack, EchoStack]) -> Iterator[Edge]:
    with Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in stacks]) as running:
        yield running


def flip(edge: Edge, **shares: int) -> str:
    """Return the generation that counts then."""
    wanted = Ownership({group.replace("_", "."): share for group, share in shares.items()})
    outcome = Flips.of(edge.config, edge.var_dir).carry_out(Order("flip", wanted))
    assert outcome.word == "done", outcome
    return outcome.generation


def test_a_flip_counts_for_the_next_request(edge: Edge) -> None:
    """Not for one after a second: nothing may remember which files there were. The swap alone, without its proof."""
    table = Table(edge.var_dir / "gateway/state")
    for number, owner in ((10, "modern"), (11, "legacy"), (12, "modern"), (13, "legacy")):
        shares = {"things.read": 100} if owner == "modern" else {}
        name = table.write(number, seats(edge.config, Ownership(shares)))
        with edge.connect() as connection:
            edge.ask("GET", "/api/things", on=connection)
            table.swap(name)
            answer = edge.ask("GET", "/api/things", on=connection)

        assert (answer.header("X-Served-By"), answer.header("X-Gateway-Generation")) == (owner, name)


def test_a_folder_behind_a_link_flips_like_any_other(folder: Path, stacks: tuple[EchoStack, EchoStack]) -> None:
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")
    ports = [stack.port for stack in stacks]
    with Edge(make_project(folder / "project"), folder / "link" / "var", ports) as edge:
        name = flip(edge, things_read=100)
        answer = edge.get("/api/things")

    assert (answer.header("X-Served-By"), answer.header("X-Gateway-Generation")) == ("modern", name)


def test_the_names_of_a_table_are_in_lower_case(edge: Edge) -> None:
    names = list(seats(edge.config, Ownership({"things.read": 25, "things.write": 5})))

    assert names == [name.lower() for name in names]
    assert len(set(names)) == len(names)


def test_a_table_can_be_mounted_elsewhere(edge: Edge, folder: Path) -> None:
    """As a container gets it: the whole folder under another path. An absolute link would lead nowhere there."""
    name = flip(edge, things_read=100)
    shutil.copytree(edge.var_dir / "gateway/state", folder / "elsewhere", symlinks=True)

    moved = Table(folder / "elsewhere")
    assert not moved.link.readlink().is_absolute()
    assert (moved.current(), moved.names()) == (name, Table(edge.var_dir / "gateway/state").names())


def test_a_websocket_holds_no_old_worker(folder: Path) -> None:
    with ExitStack() as running:
        legacy = running.enter_context(EchoStack("legacy", handler=PliableHandler))
        edge = running.enter_context(Edge(make_project(folder / "project"), folder / "var", [legacy.port, 1]))
        impatient(edge)
        socket = running.enter_context(connect(f"ws://127.0.0.1:{edge.port}/api/talk", close_timeout=1))
        socket.send("a")
        assert socket.recv(5) == "legacy /api/talk: a"
        before = workers(edge)
        edge.process.send_signal(signal.SIGHUP)

        assert wait_for(lambda: not before & workers(edge), "the old workers are gone")
        with pytest.raises(ConnectionClosed):
            socket.recv(5)


def impatient(edge: Edge) -> None:
    """Let old workers wait for half a second instead of half a minute, and let that count."""
    file = edge.var_dir / "gateway/nginx.conf"
    text = file.read_text()
    assert "worker_shutdown_timeout 30s;" in text
    file.write_text(text.replace("worker_shutdown_timeout 30s;", "worker_shutdown_timeout 500ms;"))
    before = workers(edge)
    edge.process.send_signal(signal.SIGHUP)
    wait_for(lambda: not before & workers(edge) and edge.is_up(), "the new settings count")


def test_nothing_is_in_it_that_a_reload_may_refuse(edge: Edge) -> None:
    text = nginx_conf(edge.config)

    assert [word for word in ("limit_req_zone", "limit_conn_zone", "_cache_path", "zone ") if word in text] == []


def test_a_table_that_cannot_be_entered_is_seen_in_header_and_log(edge: Edge) -> None:
    """As where root wrote it with a narrow umask: nginx falls back to what it would do without a table, silently."""
    name = flip(edge, things_read=100)
    (edge.var_dir / "gateway/state/gens").chmod(0)

    answer = edge.ask("GET", "/api/things", [("X-Request-Id", "locked-out")])

    (edge.var_dir / "gateway/state/gens").chmod(0o755)
    assert (answer.status, answer.header("X-Gateway-Generation")) == (200, None)
    assert edge.log_line("locked-out")["gen"] == ""
    assert edge.get("/api/things").header("X-Gateway-Generation") == name
