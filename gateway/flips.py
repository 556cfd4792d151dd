"""Changing who serves what: one writer at a time, one rename, proven from outside, written down before and after."""

import contextlib
import fcntl
import getpass
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from gateway.audit import Audit, Standing
from gateway.config import Config
from gateway.ownership import Change, Ownership, changes, seats
from gateway.prove import Proof, generation_now, prove
from gateway.table import Table

__all__ = ["Flips", "NotNow", "Order", "Outcome", "who"]


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
        return self.audit.standing()

    def ensure_table(self) -> None:
        """Make the table hold what the audit says, and settle what a killed change left: before nginx starts."""
        with self._lock():
            self._settle()
            standing = self.standing()
            if not standing.generation or self.table.current() != standing.generation or not self.is_true():
                reason = "made the table from the audit" if standing.generation else "the first table"
                self._found(standing.ownership, reason)

    def carry_out(self, order: Order) -> Outcome:
        """Swap the table and return the outcome. Raise NotNow where the order is stale or somebody else is at it."""
        with self._lock():
            self._settle()
            standing = self.standing()
            if order.standing is not None and order.standing != standing.generation:
                raise NotNow(f"the table is {standing.generation or 'new'} by now, not {order.standing}; plan again")
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
        self.table.swap(name)
        proof = prove(self.config, order.ownership, different, name, began)
        if proof.seen or order.must_stay:
            self.audit.append(
                "done", {**facts, **order.ownership.as_json(), "generation": name, "proof": asdict(proof)}
            )
            self.table.prune()
            return Outcome("done", different, name, proof)
        self._revert(standing)
        self.audit.append(
            "reverted",
            {**facts, **standing.ownership.as_json(), "generation": self.table.current(), "proof": asdict(proof)},
        )
        return Outcome("reverted", different, self.table.current(), proof)

    def _revert(self, standing: Standing) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.table.swap(standing.generation)
            return
        self.table.swap(self._write(standing.ownership))

    def _write(self, ownership: Ownership) -> str:
        """Write the next generation and return its name; no name is ever given twice."""
        given = [int(record["generation"][1:]) for record in self.audit.records() if record.get("generation")]
        return self.table.write(max([self.table.latest(), *given]) + 1, seats(self.config, ownership))

    def _settle(self) -> None:
        """End what a killed change began: the table that counts is what came of it."""
        begun = self.audit.unfinished()
        if begun is None:
            return
        if self.table.current() == begun["generation"]:
            self._found(Ownership(begun["shares"], frozenset(begun["loose"])), "a killed change had swapped the table")
        else:
            standing = self.standing()
            self._found(standing.ownership, "a killed change had not swapped the table")

    def _found(self, ownership: Ownership, reason: str) -> None:
        name = self._write(ownership)
        self.table.swap(name)
        self.audit.append(
            "found",
            {"what": "repair", "by": who(), "reason": reason, "changes": [], **ownership.as_json(), "generation": name},
        )

    def is_true(self) -> bool:
        """Whether the table on disk is the one of the audit, with the files of the present groups and prefixes."""
        standing = self.standing()
        return self.table.current() == standing.generation and self.table.names() == frozenset(
            seats(self.config, standing.ownership)
        )

    def is_served(self) -> bool:
        """Whether the gateway answers by some table."""
        return bool(generation_now(self.config))

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Wait for whoever changes the table now; that takes two seconds at most."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def who() -> str:
    """Return `user@host`, for the audit."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
