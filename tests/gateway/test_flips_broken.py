"""Changes of the ownership table that are killed, torn, interrupted or hindered: what is told then, and what goes on."""

import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import flips as flips_module
from gateway.audit import Audit
from gateway.flips import Flips, NotNow, Order, Outcome
from gateway.ownership import Ownership
from gateway.prove import TIMEOUT_S
from gateway.routes import load_routes
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import GROUPS, Edge, make_project

FIVE, HALF = Ownership({"things.read": 5}), Ownership({"things.read": 50})
TABLE = {"shares": {"things.read": 5}, "loose": [], "generation": "g0002"}


class Killed(BaseException):
    """Stands for the end of the process: nothing after it is carried out."""


@pytest.fixture
def edge(open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack]) -> Iterator[Edge]:
    folder = open_folder("broken")
    with Edge(make_project(folder / "project"), folder / "var", [stack.port for stack in stacks]) as running:
        yield running


@pytest.fixture
def flips(edge: Edge) -> Flips:
    return Flips.of(edge.config, edge.var_dir)


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    made = Audit(tmp_path / "audit.jsonl")
    made.append("found", {"shares": {}, "loose": [], "generation": "g0001"})
    made.append("wanted", TABLE)
    made.append("done", TABLE)
    return made


def flip(flips: Flips, ownership: Ownership) -> Outcome:
    return flips.carry_out(Order("flip", ownership))


def killed_at(monkeypatch: pytest.MonkeyPatch, flips: Flips, place: str, ownership: Ownership) -> None:
    """Flip until the process is killed when it would call `place`, such as `Table.swap`."""
    owner, _, name = place.rpartition(".")

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(getattr(flips_module, owner) if owner else flips_module, name, die)
        flip(flips, ownership)


# Where the change dies, and the share that counts then.
KILLS = {
    "before the generation is written": ("Table.write", 5),
    "before it is written down": ("Audit.append", 5),
    "before the swap": ("Table.swap", 5),
    "before the proof": ("prove", 50),
    "before its end is written down": ("asdict", 50),
}


@pytest.mark.parametrize(("place", "share"), KILLS.values(), ids=KILLS.keys())
def test_after_a_kill_the_truth_is_told_and_the_next_change_is_made(
    flips: Flips, monkeypatch: pytest.MonkeyPatch, place: str, share: int
) -> None:
    flip(flips, FIVE)
    killed_at(monkeypatch, flips, place, HALF)

    told = flips.standing()
    assert (told.ownership.share("things.read"), flips.is_true()) == (share, True)
    planned = Order("flip", Ownership({"things.read": 100}), standing=told.generation)
    assert flips.carry_out(planned).word == "done"
    assert flips.audit.problems() == []


TEARS = {"in its middle": 40, "one byte before its end": 2, "at its newline": 1}


@pytest.mark.parametrize("missing", TEARS.values(), ids=TEARS.keys())
def test_a_torn_last_line_costs_no_other_line(audit: Audit, missing: int) -> None:
    head = audit.head.read_bytes()
    audit.append("wanted", {"shares": {"things.read": 50}, "loose": [], "generation": "g0003"})
    audit.path.write_bytes(audit.path.read_bytes()[:-missing])
    audit.head.write_bytes(head)
    problems_meanwhile = audit.problems()

    audit.append("done", TABLE)

    assert "unreadable" not in {record["event"] for record in audit.records()}
    assert (problems_meanwhile, audit.problems()) == ([], [])


def test_a_torn_end_of_a_change_leaves_the_change_to_be_settled(flips: Flips) -> None:
    flip(flips, HALF)
    whole = flips.audit.path.read_bytes().splitlines(keepends=True)
    flips.audit.path.write_bytes(b"".join(whole[:-1]) + whole[-1][:30])

    flips.ensure_table()

    assert (flips.standing().ownership, flips.is_true()) == (HALF, True)
    assert flips.audit.records()[-1]["reason"] == "a killed change had swapped the table"


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "its last line": lambda text: text.replace(b'"event":"done"', b'"event":"undone"'),
    "its line ends": lambda text: text.replace(b"\n", b"\r\n"),
    "a line less": lambda text: b"".join(text.splitlines(keepends=True)[:-1]),
    "nothing left": lambda _: b"",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_an_edit_shows_also_after_the_next_change(audit: Audit, edit: Callable[[bytes], bytes]) -> None:
    audit.append("wanted", TABLE)
    audit.append("done", TABLE)
    audit.path.write_bytes(edit(audit.path.read_bytes()))
    at_once = audit.problems()

    audit.append("wanted", TABLE)
    audit.append("done", TABLE)

    assert at_once
    assert audit.problems()


def test_a_head_that_cannot_be_written_never_lags_by_two_lines(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                audit.append("wanted", TABLE)

    assert len(audit.records()) == 4
    audit.append("done", TABLE)
    assert audit.problems() == []


def test_a_history_without_its_head_shows_also_after_the_next_change(audit: Audit) -> None:
    audit.head.unlink()
    at_once = audit.problems()
    audit.append("wanted", TABLE)

    assert at_once
    assert audit.problems()


NO_RECORDS = {
    "no object": b"[]",
    "no text": b"\xff\xfe",
    "a share of 7": b'{"event":"done","at":"now","shares":{"a":7},"loose":[],"generation":"g0001"}',
    "no shares": b'{"event":"done","at":"now","generation":"g0001"}',
    "a path for a generation": b'{"event":"done","at":"now","shares":{},"loose":[],"generation":"../.."}',
}


@pytest.mark.parametrize("line", NO_RECORDS.values(), ids=NO_RECORDS.keys())
def test_a_line_that_is_no_record_is_passed_over_and_named(audit: Audit, line: bytes) -> None:
    with audit.path.open("ab") as file:
        file.write(line + b"\n")

    assert audit.standing().ownership == FIVE
    assert "line 4 cannot be read." in audit.problems()


def test_who_interrupts_a_flip_gets_the_table_from_before(flips: Flips, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(flips, FIVE)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(flips_module, "prove", interrupted)
        flip(flips, HALF)

    assert (flips.standing().ownership, flips.table.current()) == (FIVE, "g0002")
    assert flips.audit.records()[-1]["proof"]["instead"] == "interrupted"


def test_a_full_disk_gives_old_tables_for_the_new_one(flips: Flips, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        flip(flips, (FIVE, HALF)[number % 2])
    write = flips.table.write

    def full(number: int, files: object) -> str:
        if len(list((flips.table.folder / "gens").iterdir())) > 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(number, files)  # type: ignore[arg-type]

    monkeypatch.setattr(flips_module.Table, "write", lambda _, number, files: full(number, files))

    assert flip(flips, FIVE).word == "done"


def test_who_holds_the_table_too_long_is_named(flips: Flips, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flips_module, "TURN_WITHIN_S", 0.05)
    with (flips.folder / "lock").open("w") as held:
        held.write("4711")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(NotNow, match="process 4711 has been changing the table for too long; end it"):
            flip(flips, FIVE)


def test_an_order_is_made_from_what_counts_when_its_turn_comes(flips: Flips) -> None:
    flip(flips, Ownership({"things.read": 5, "things.write": 5}))
    others_turn = Order("rollback", Ownership({"things.read": 5}), must_stay=True)
    flips.carry_out(others_turn)

    flips.decide(lambda standing: Order("rollback", standing.ownership.moved({"things.read": 0}), must_stay=True))

    assert flips.standing().ownership == Ownership()


def changed_groups(flips: Flips, edge: Edge, text: str) -> Flips:
    (edge.config.root / "groups.toml").write_text(text)
    routes = load_routes(edge.config.route_file, "groups.toml")
    return replace(flips, config=replace(edge.config, routes=routes))


GONE = GROUPS.replace("things.read", "things.seen")


@pytest.mark.parametrize(
    "text", [GONE, GROUPS.replace('"GET /things", ', "")], ids=["a group renamed", "a route taken out"]
)
def test_a_flip_waits_for_the_gateway_to_read_the_groups_and_a_rollback_does_not(
    flips: Flips, edge: Edge, text: str
) -> None:
    flip(flips, Ownership({"things.read": 5, "things.write": 5}))
    changed = changed_groups(flips, edge, text)

    with pytest.raises(NotNow, match=r"groups\.toml was changed since the gateway read it"):
        flip(changed, Ownership({"things.write": 50}))
    assert changed.carry_out(Order("rollback", Ownership(), must_stay=True)).word == "done"


def test_a_group_that_went_leaves_the_table_and_begins_anew_when_it_comes_back(flips: Flips, edge: Edge) -> None:
    flip(flips, FIVE)

    changed_groups(flips, edge, GONE).ensure_table()
    flips.ensure_table()

    assert flips.standing().ownership == Ownership()
    assert flips.is_true()


@pytest.mark.parametrize("groups", [1, 2])
def test_a_stack_that_hangs_costs_two_seconds_however_many_groups_are_its_own(
    open_folder: Callable[[str], Path], stacks: tuple[EchoStack, EchoStack], groups: int
) -> None:
    """What accepts and never answers, as a stopped process does."""
    folder = open_folder("hangs")
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        ports = [stacks[0].port, hanging.getsockname()[1]]
        with Edge(make_project(folder / "project"), folder / "var", ports) as edge:
            wanted = Ownership(dict.fromkeys(["things.read", "things.write"][:groups], 50))
            began = time.monotonic()
            outcome = flip(Flips.of(edge.config, edge.var_dir), wanted)

            assert (outcome.word, "was not answered within 2 s" in outcome.proof.instead) == ("reverted", True)
            assert time.monotonic() - began < TIMEOUT_S + 1
