"""The ownership table swapped under a living gateway: who answers then, what is proven, and what is written down."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.cohorts import COHORTS, key_in
from gateway.flips import Flips, NotNow, Order
from gateway.ownership import Ownership
from tests.gateway.echo_stack import EchoStack, reserved_port
from tests.gateway.edge import Edge, make_project, wait_for


@pytest.fixture
def edge(open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]) -> Iterator[Edge]:
    folder = open_folder("flips")
    with Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in stacks]) as running:
        yield running


def flips_of(edge: Edge) -> Flips:
    return Flips.of(edge.config, edge.var_dir)


def flip(edge: Edge, loose: frozenset[str] = frozenset(), **shares: int) -> None:
    wanted = Ownership({group.replace("_", "."): share for group, share in shares.items()}, loose)
    assert flips_of(edge).carry_out(Order("flip", wanted)).word == "done"


def server_of(edge: Edge, method: str, target: str, cohort: str) -> str | None:
    cookie = ("Cookie", f"gwb={key_in(cohort, edge.config.sticky.salt)}")
    return edge.ask(method, target, [cookie]).header("X-Served-By")


@pytest.mark.parametrize("share", COHORTS.values())
def test_a_share_moves_exactly_its_cohorts_of_exactly_its_group(edge: Edge, share: int) -> None:
    flip(edge, things_read=share)

    for cohort, needed in COHORTS.items():
        wanted = "modern" if needed <= share else "legacy"
        assert server_of(edge, "GET", "/api/things", cohort) == wanted
        assert server_of(edge, "POST", "/api/things", cohort) == "legacy"
        assert server_of(edge, "GET", "/api/v2/things", cohort) == "modern"


def test_a_flip_back_gives_everything_back(edge: Edge) -> None:
    flip(edge, things_read=100, things_write=100)
    flip(edge)

    assert {server_of(edge, "GET", "/api/things", cohort) for cohort in COHORTS} == {"legacy"}


def test_an_unknown_path_follows_once_everything_else_is_moved(edge: Edge) -> None:
    flip(edge, things_read=100, things_write=50)
    before = server_of(edge, "GET", "/api/unknown", "c1")
    flip(edge, things_read=100, things_write=100)

    assert (before, server_of(edge, "GET", "/api/unknown", "c100")) == ("legacy", "modern")


def test_a_prefix_without_its_pin_follows_the_groups(edge: Edge) -> None:
    flip(edge, frozenset({"/api/v2"}), things_read=25)

    served = {cohort: server_of(edge, "GET", "/api/v2/things", cohort) for cohort in COHORTS}
    assert served == {"c1": "modern", "c5": "modern", "c25": "modern", "c50": "legacy", "c100": "legacy"}


def test_a_tester_gets_the_stack_he_asks_for(edge: Edge) -> None:
    flip(edge, things_read=100)

    assert edge.get("/api/things", ("X-Stack", "legacy")).header("X-Served-By") == "legacy"


def test_the_audit_tells_the_change_and_its_proof(edge: Edge) -> None:
    flip(edge, things_read=5)

    first, *_, wanted, done = flips_of(edge).audit.records()
    assert (first["event"], first["generation"]) == ("found", "g0001")
    assert (wanted["event"], done["event"], done["generation"]) == ("wanted", "done", "g0002")
    assert done["changes"] == [{"what": "things.read", "before": 0, "after": 5}]
    assert done["proof"]["seen"]
    assert done["proof"]["requests"] >= 22


def test_a_change_to_a_dead_stack_is_reverted(
    open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]
) -> None:
    folder = open_folder("dead")
    with closing(reserved_port()) as dead:
        ports = [stacks[0].port, dead.getsockname()[1]]
        with Edge(make_project(folder / "project"), folder / "var", ports) as edge:
            outcome = flips_of(edge).carry_out(Order("flip", Ownership({"things.read": 100})))

            assert (outcome.word, flips_of(edge).standing().ownership.shares) == ("reverted", {})
            assert "was served by legacy" in outcome.proof.instead
            assert edge.get("/api/things").header("X-Served-By") == "legacy"


def test_an_order_for_a_table_that_moved_on_is_refused(edge: Edge) -> None:
    planned_for = flips_of(edge).standing().generation
    flip(edge, things_read=1)

    with pytest.raises(NotNow, match="the table is g0002 by now, not g0001"):
        flips_of(edge).carry_out(Order("apply", Ownership({"things.read": 5}), standing=planned_for))


def test_many_at_once_take_turns(edge: Edge) -> None:
    words: list[str] = []

    def one(share: int) -> None:
        words.append(flips_of(edge).carry_out(Order("flip", Ownership({"things.read": share}))).word)

    threads = [threading.Thread(target=one, args=(share,)) for share in (1, 5, 25, 50, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert words == ["done"] * 5
    assert flips_of(edge).audit.problems() == []


@pytest.mark.parametrize("swapped", [False, True], ids=["before the swap", "after the swap"])
def test_what_a_killed_change_left_is_settled(edge: Edge, swapped: bool) -> None:
    """What `_change` does until its process is killed."""
    flips = flips_of(edge)
    name = flips.table.write(2, {"1.movable"})
    flips.audit.append("wanted", {"generation": name, "shares": {"things.read": 100}, "loose": []})
    if swapped:
        flips.table.swap(name)

    flips.ensure_table()

    assert flips.standing().ownership.shares == ({"things.read": 100} if swapped else {})
    assert server_of(edge, "GET", "/api/things", "c100") == ("modern" if swapped else "legacy")


def test_a_lost_table_is_made_again_from_the_audit(edge: Edge) -> None:
    flip(edge, things_read=100)
    flips_of(edge).table.link.unlink()

    flips_of(edge).ensure_table()

    assert server_of(edge, "GET", "/api/things", "c100") == "modern"


def test_a_lost_table_shows_in_log_and_header(edge: Edge) -> None:
    (edge.var_dir / "gateway/state/current").unlink()

    answer = edge.ask("GET", "/api/things", [("X-Request-Id", "lost-table")])

    assert (answer.header("X-Served-By"), answer.header("X-Gateway-Generation")) == ("legacy", None)
    assert edge.log_line("lost-table")["gen"] == ""


def test_groups_wholly_moved_stay_so_without_their_table(edge: Edge) -> None:
    """The structure rendered after a cutover names the candidate: a lost table is then no hidden way back."""
    flip(edge, things_read=100)
    edge.__exit__()
    with edge:
        (edge.var_dir / "gateway/state/current").unlink()

        assert edge.get("/api/things").header("X-Served-By") == "modern"
        assert edge.ask("POST", "/api/things").header("X-Served-By") == "legacy"


def test_only_the_last_generations_are_kept(edge: Edge) -> None:
    for number in range(60):
        flip(edge, things_read=(1, 5)[number % 2])

    kept = sorted(path.name for path in (edge.var_dir / "gateway/state/gens").iterdir())
    assert (len(kept), kept[-1]) == (50, "g0061")


def test_the_proof_says_how_long_it_took(edge: Edge) -> None:
    outcome = flips_of(edge).carry_out(Order("flip", Ownership({"things.read": 50, "things.write": 1})))

    assert 0 < outcome.proof.first_ms <= outcome.proof.proven_ms


def test_a_visitor_without_cookie_gets_one_and_one_with_it_does_not(edge: Edge) -> None:
    first = edge.get("/api/things").header("Set-Cookie")

    assert first is not None
    assert first.startswith("gwb=")
    assert edge.get("/api/things", ("Cookie", first.partition(";")[0])).header("Set-Cookie") is None


def test_the_gateway_says_its_generation(edge: Edge) -> None:
    flip(edge, things_read=1)

    assert wait_for(lambda: edge.get("/__gateway/generation").json, "an answer") == {"generation": "g0002"}
