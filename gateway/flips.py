"""Changing who serves what: one writer at a time, one rename, proven from outside, written down before and after."""

import contextlib
import errno
import fcntl
import getpass
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from gateway.audit import Audit, Standing, standing_of
from gateway.config import Config
from gateway.maps import group_maps
from gateway.ownership import Change, Ownership, changes, seats
from gateway.prove import Proof, generation_now, prove
from gateway.render import CONF
from gateway.table import Table

__all__ = ["Flips", "NotNow", "Order", "Outcome", "who"]

# How long to wait for whoever changes the table now: a change is proven within two seconds, or not at all.
TURN_WITHIN_S = 10.0
POLL_S = 0.02
# Tables that are kept where there is no room for a new one.
KEPT_IN_NEED = 3
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class NotNow(Exception):
    """The change was not begun, or was taken back. One line: why, and what to do."""


@dataclass(frozen=True)
class Order:
    """A wanted ownership and why: `what` is the command; `facts` go into the audit as they are.

    `standing` is the generation the order was made for: it is refused once another one counts. An order that must not
    wait for a proof (`rollback`) stays even if the gateway cannot be seen to follow it.
    """

    what: str
    ownership: Ownership
    reason: str = ""
    by: str = ""
    standing: str | None = None
    must_stay: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of an order. `nothing` was to be done; `reverted` is as before, because the proof failed."""

    word: Literal["done", "nothing", "reverted"]
    changes: tuple[Change, ...]
    generation: str
    proof: Proof


@dataclass(frozen=True)
class Flips:
    """The ownership of one copy: its table (`state` in the gateway's folder) and its private folder with the audit."""

    config: Config
    table: Table
    folder: Path

    @classmethod
    def of(cls, config: Config, var_dir: Path) -> "Flips":
        """Return the flips of the copy that keeps its files in `var_dir`."""
        return cls(config, Table(var_dir / "gateway" / "state"), var_dir / "flips")

    @property
    def audit(self) -> Audit:
        return Audit(self.folder / "audit.jsonl")

    def standing(self) -> Standing:
        """Return what the history ends with; of a change that is not ended (or was killed), what came of it so far."""
        begun = self.audit.unfinished()
        if begun is not None and self.table.current() == begun["generation"]:
            return standing_of(begun)
        return self.audit.standing()

    def ensure_table(self) -> None:
        """Make the table hold what the audit says, and settle what a killed change left: before nginx starts."""
        with self._lock():
            self._settle()
            standing = self.standing()
            ownership = standing.ownership.within(self.config) if self.config.candidate else standing.ownership
            if not standing.generation:
                self._found(ownership, "the first table")
            elif gone := changes(standing.ownership, ownership):
                self._found(ownership, f"no such group or prefix any more: {', '.join(c.what for c in gone)}", gone)
            elif not self.is_true():
                self._found(ownership, "made the table from the audit")

    def carry_out(self, order: Order) -> Outcome:
        """Swap the table and return the outcome. Raise NotNow where the order is stale or somebody else is at it."""
        return self.decide(lambda _: order)

    def decide(self, order_for: Callable[[Standing], Order]) -> Outcome:
        """Carry out what the order is, once nobody else changes what it is made from. Raise NotNow as `carry_out`."""
        if not self.table.folder.parent.is_dir():
            raise NotNow(f"{self.table.folder.parent} is not there; type `make up` first")
        with self._lock():
            try:
                return self._carry_out(order_for)
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                # Old tables are room to spare: a full disk must not stand in the way of going back.
                self.table.prune(KEPT_IN_NEED)
                return self._carry_out(order_for)

    def _carry_out(self, order_for: Callable[[Standing], Order]) -> Outcome:
        self._settle()
        standing = self.standing()
        order = order_for(standing)
        if order.standing is not None and order.standing != standing.generation:
            raise NotNow(f"the table is {standing.generation or 'new'} by now, not {order.standing}; plan again")
        if not order.must_stay and not self.knows_the_groups():
            raise NotNow(
                f"{self.config.route_file.name} was changed since the gateway read it; type `make down` and `make up`"
            )
        order = replace(order, ownership=order.ownership.within(self.config))
        different = tuple(changes(standing.ownership, order.ownership))
        if not different and self.is_true():
            return Outcome("nothing", (), standing.generation, Proof(True))
        return self._change(order, standing, different)

    def _change(self, order: Order, standing: Standing, different: tuple[Change, ...]) -> Outcome:
        name = self._write(order.ownership)
        facts = {
            "what": order.what,
            "by": order.by or who(),
            "reason": order.reason,
            "changes": [change.as_json() for change in different],
            **order.facts,
        }
        self.audit.append("wanted", {**facts, **order.ownership.as_json(), "generation": name})
        began = time.monotonic()
        try:
            self.table.swap(name)
            proof = prove(self.config, order.ownership, different, name, began)
        except KeyboardInterrupt:
            # Who interrupts it does not want it; who goes back still does.
            if not order.must_stay:
                self._take_back(standing, facts, Proof(False, instead="interrupted"))
            raise
        if proof.seen or order.must_stay:
            self.audit.append(
                "done", {**facts, **order.ownership.as_json(), "generation": name, "proof": asdict(proof)}
            )
            self.table.prune()
            return Outcome("done", different, name, proof)
        self._take_back(standing, facts, proof)
        return Outcome("reverted", different, self.table.current(), proof)

    def _take_back(self, standing: Standing, facts: dict[str, Any], proof: Proof) -> None:
        """Swap to the table from before, written anew where it is gone, and write down that it came to this."""
        try:
            self.table.swap(standing.generation)
        except FileNotFoundError:
            self.table.swap(self._write(standing.ownership))
        now = {**standing.ownership.as_json(), "generation": self.table.current()}
        self.audit.append("reverted", {**facts, **now, "proof": asdict(proof)})

    def _write(self, ownership: Ownership) -> str:
        """Write the next generation and return its name; no name is ever given twice."""
        latest = max(self.table.latest(), self.audit.highest())
        return self.table.write(latest + 1, seats(self.config, ownership))

    def _settle(self) -> None:
        """End what a killed change began: the table that counts is what came of it."""
        begun = self.audit.unfinished()
        if begun is None:
            return
        standing = self.standing()
        swapped = standing.generation == begun["generation"]
        different = changes(self.audit.standing().ownership, standing.ownership)
        reason = f"a killed change had {'' if swapped else 'not '}swapped the table"
        self._found(standing.ownership, reason, different, standing.generation if self.is_true() else "")

    def _found(self, ownership: Ownership, reason: str, different: Sequence[Change] = (), name: str = "") -> None:
        """Write down what the table is, and make it so where no generation holds it."""
        if not name:
            name = self._write(ownership)
            self.table.swap(name)
        facts = {"what": "repair", "by": who(), "reason": reason, "changes": [change.as_json() for change in different]}
        self.audit.append("found", {**facts, **ownership.as_json(), "generation": name})

    def is_true(self) -> bool:
        """Whether the table on disk is the one of the audit, with the files of the present groups and prefixes."""
        standing = self.standing()
        return self.table.current() == standing.generation and self.table.names() == frozenset(
            seats(self.config, standing.ownership)
        )

    def is_served(self) -> bool:
        """Whether the gateway answers by some table."""
        return bool(generation_now(self.config))

    def knows_the_groups(self) -> bool:
        """Whether the gateway was rendered with the route groups as they are now; True where nobody can know."""
        try:
            rendered = lines_of((self.table.folder.parent / CONF).read_text(encoding="utf-8").splitlines())
        except OSError:
            return True
        return lines_of(group_maps(self.config)) in rendered

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Wait for whoever changes the table now. Raise NotNow, naming the process, where that takes too long."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as file:
            deadline = time.monotonic() + TURN_WITHIN_S
            while not is_ours(file.fileno()):
                if time.monotonic() > deadline:
                    file.seek(0)
                    raise NotNow(f"process {file.read() or 'unknown'} has been changing the table for too long; end it")
                time.sleep(POLL_S)
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def is_ours(lock: int) -> bool:
    """Take the lock if it is free, and return whether it was."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lines_of(lines: Iterable[str]) -> str:
    """Return lines without their indentation, as one text."""
    return "\n".join(line.strip() for line in lines)


def who() -> str:
    """Return `user@host`, for the audit."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
