"""The gateway before pairs that are addressed in other ways: one prefix for both, no prefix at all, further prefixes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cohorts import COHORTS, key_in
from gateway.config import ConfigError, load
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import PAIR, Edge, make_project
from tests.gateway.pliable_stack import PliableHandler, answering
from tests.gateway.rude_stack import RudeStack

ALL = {"things.read": 100, "things.write": 100}


@dataclass(frozen=True)
class Shape:
    """The prefixes of the two stacks, each its own first, then those that it `serves` besides."""

    legacy: tuple[str, ...]
    modern: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the project's settings."""
        head, legacy, modern = PAIR.replace('prefix = "/api/v2"', 'prefix = "/api"').partition("[stacks.modern]")
        return self.stanza(head, self.legacy) + legacy + self.stanza(modern, self.modern)

    def stanza(self, text: str, prefixes: tuple[str, ...]) -> str:
        own, *more = prefixes
        return text.replace('prefix = "/api"', f'prefix = "{own}"\nserves = {list(more)}')

    @property
    def homes(self) -> dict[str, str]:
        """Return each public prefix and whose it is."""
        return dict.fromkeys(self.modern, "modern") | dict.fromkeys(self.legacy, "legacy")

    def inner(self, stack: str, rest: str) -> str:
        """Return the target that the stack gets for what follows a public prefix."""
        return slashed({"legacy": self.legacy, "modern": self.modern}[stack][0] + rest)


def slashed(target: str) -> str:
    return target if target.startswith("/") else f"/{target}"


SHAPES = {
    "one prefix for both": Shape(("/api",), ("/api",)),
    "no prefix, and one": Shape(("",), ("/v2",)),
    "one, and no prefix": Shape(("/api",), ("",)),
    "no prefix at all": Shape(("",), ("",)),
    "further prefixes": Shape(("/api", "/old.v1"), ("/api/v2", "/beta", "/api/next")),
    "a further prefix within the other's": Shape(("/api/v1", "/api"), ("/v2", "/api/v2")),
}


@dataclass(frozen=True)
class Place:
    shape: Shape
    edge: Edge

    def own(self, ownership: Ownership) -> None:
        done = Flips.of(self.edge.config, self.edge.var_dir).carry_out(Order("flip", ownership))
        assert done.word in {"done", "nothing"}, done

    def targets(self) -> Iterator[tuple[str, str, str]]:
        """Yield (public prefix, what follows it, the address) of some addresses below every prefix."""
        for prefix in self.shape.homes:
            for rest in ("", "/", "?a=1", "/things", "/things/1?a=%2F", "/things//", "/a%20b/%41"):
                yield prefix, rest if prefix else slashed(rest), slashed(prefix + rest)

    def assert_served(self, owner_of: Callable[[str], str]) -> None:
        """Assert that below each prefix its owner answers, under its own address."""
        for prefix, rest, target in self.targets():
            answer = self.edge.get(target)
            owner = owner_of(prefix)

            assert (answer.status, answer.header("X-Served-By")) == (200, owner), target
            assert (answer.json["stack"], answer.json["target"]) == (owner, self.shape.inner(owner, rest)), target


@pytest.fixture(scope="module", params=SHAPES)
def place(request: pytest.FixtureRequest, open_folder: Callable[[str], Path]) -> Iterator[Place]:
    folder, shape = open_folder("pair"), SHAPES[request.param]
    with ExitStack() as running:
        stacks = [running.enter_context(EchoStack(name, handler=PliableHandler)) for name in ("legacy", "modern")]
        project = make_project(folder / "project", shape.text)
        edge = running.enter_context(Edge(project, folder / "var", [stack.port for stack in stacks]))
        yield Place(shape, edge)


def test_at_first_each_prefix_is_its_stacks_own(place: Place) -> None:
    place.own(Ownership())

    place.assert_served(place.shape.homes.__getitem__)


def test_all_groups_moved_are_the_candidates(place: Place) -> None:
    place.own(Ownership(ALL))

    place.assert_served(lambda prefix: "modern")


def test_prefixes_without_their_pin_are_the_primarys(place: Place) -> None:
    place.own(Ownership(loose=frozenset(place.shape.homes)))

    place.assert_served(lambda prefix: "legacy")


def test_a_group_moves_alone_and_by_its_share(place: Place) -> None:
    place.own(Ownership({"things.read": 25}, frozenset(place.shape.homes)))

    for prefix in place.shape.homes:
        for cohort, needed in COHORTS.items():
            cookie = [("Cookie", f"gwb={key_in(cohort, '1')}")]
            read = place.edge.ask("GET", f"{prefix}/things/1", cookie).header("X-Served-By")
            write = place.edge.ask("POST", f"{prefix}/things", cookie).header("X-Served-By")
            assert (read, write) == ("modern" if needed <= 25 else "legacy", "legacy")


def test_a_tester_reaches_either_stack(place: Place) -> None:
    place.own(Ownership())

    for prefix, rest, target in place.targets():
        for stack in ("legacy", "modern"):
            assert place.edge.get(target, ("X-Stack", stack)).json["target"] == place.shape.inner(stack, rest), prefix


def test_a_location_stays_below_the_clients_prefix(place: Place) -> None:
    for stack in ("legacy", "modern"):
        for prefix in place.shape.homes:
            said = place.shape.inner(stack, "/things/1?a=1")
            wanted = [answering(303, ("Location", f"http://{{own}}{said}")), ("X-Stack", stack)]
            elsewhere = answering(303, ("Location", "//elsewhere.example/things"))

            assert place.edge.ask("POST", f"{prefix}/things", wanted).header("Location") == f"{prefix}/things/1?a=1"
            assert place.edge.get(f"{prefix}/things", elsewhere).header("Location") == "//elsewhere.example/things"


def test_the_gateways_own_addresses_stay_its_own(place: Place) -> None:
    own = {
        "/__gateway/health": 200,
        "/__gateway/generation": 200,
        "/__gateway/nothing": 404,
        "/__gateway/errors/502": 404,
    }
    for target, status in own.items():
        answer = place.edge.get(target)
        assert (answer.status, answer.header("X-Served-By")) == (status, "none")


def test_pages_of_the_candidate_are_the_candidates(place: Place) -> None:
    place.own(Ownership())

    assert place.edge.get("/docs/more?a=1").json["target"] == "/docs/more?a=1"
    assert place.edge.get("/openapi.json").header("X-Served-By") == "modern"


def test_the_state_page_is_where_no_stack_is(place: Place) -> None:
    answer = place.edge.get("/")

    taken = "" in place.shape.homes
    assert answer.header("X-Served-By") == (place.shape.homes[""] if taken else "none")
    assert (b"<html" in answer.body) is not taken


def test_an_upload_has_its_own_limit_below_each_prefix(place: Place) -> None:
    for prefix in place.shape.homes:
        larger = place.edge.ask("POST", f"{prefix}/things/bulk", body=b"x" * 2_000_000)
        other = place.edge.ask("POST", f"{prefix}/things/bulk2", [("Content-Length", "2000000")])

        assert (larger.status, larger.json["length"], other.status) == (200, 2_000_000, 413)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_read_goes_on_where_the_owner_is_dead(open_folder: Callable[[str], Path], shape: Shape) -> None:
    folder = open_folder("dead-pair")
    with ExitStack() as running:
        dead, alive = running.enter_context(RudeStack("refuses")), running.enter_context(EchoStack("modern"))
        project = make_project(folder / "project", shape.text)
        edge = running.enter_context(Edge(project, folder / "var", [dead.port, alive.port]))
        prefix = shape.legacy[0]
        read = edge.get(f"{prefix}/things?a=1")
        write = edge.ask("POST", f"{prefix}/things", body=b"{}")

    assert (read.json["target"], read.header("X-Fallback-From")) == (shape.inner("modern", "/things?a=1"), "legacy")
    assert (write.status, write.header("X-Served-By")) == (502, "none")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_stack_that_is_left_alone_answers_everything(open_folder: Callable[[str], Path], shape: Shape) -> None:
    folder = open_folder("alone")
    project = make_project(folder / "project", shape.text)
    (project / "old_app").rmdir()
    with EchoStack("modern") as modern, Edge(project, folder / "var", [1, modern.port]) as edge:
        Place(shape, edge).assert_served(lambda prefix: "modern")


def test_a_frontend_beside_a_stack_without_prefix_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", SHAPES["no prefix, and one"].text)
    (tmp_path / "index.html").write_text("")

    with pytest.raises(ConfigError, match="is in the way of legacy, which has no prefix"):
        load(project, {"FRONTEND_DIST": str(tmp_path)})
