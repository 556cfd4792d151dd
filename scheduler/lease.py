"""The lease of the scheduler, as one process holds it or not. The statements are in `shared_models.queries.lease`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from scheduler.points import reach
from shared_models.engine import WRITES
from shared_models.queries import lease as queries

__all__ = ["Acquired", "Lease", "NotOwner", "Seen", "transaction"]


class NotOwner(Exception):
    """The fence let nothing through: this process does not own the scheduler, or not any more."""


@dataclass(frozen=True)
class Seen:
    """The row as it was read. `idle_since` is the database's time of the last sign of an owner."""

    desired_stack: str
    owner_stack: str | None
    owner_process: str | None
    epoch: int
    beat: int
    ttl_s: float
    idle_since: datetime | None
    asked: str | None


@dataclass(frozen=True)
class Acquired:
    """What a new owner begins with. `handover` is the id of the planned change it completes, if there is one."""

    epoch: int
    at: datetime
    handover: str | None


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a writing transaction, committed when the block ends, else rolled back."""
    with engine.connect().execution_options(**WRITES) as connection, connection.begin():
        yield connection


class Lease:
    """One process's hand on the lease. `epoch` is the ownership it believes in, None when it does not own.

    Believing is not proof: whatever the owner writes goes through `fenced`.
    """

    def __init__(self, engine: Engine, process: str, stack: str, ttl_s: float) -> None:
        self.engine = engine
        self.process = process
        self.stack = stack
        self.ttl_s = ttl_s
        self.epoch: int | None = None

    def look(self) -> Seen | None:
        """Read the row; None on a database without one, where nobody can own."""
        with self.engine.connect() as connection:
            row = connection.execute(queries.seen(self.process)).one_or_none()
        return None if row is None else _seen(row)

    def acquire(self, seen: Seen, prepare: Callable[[Connection, int], None]) -> Acquired | None:
        """Become the owner if nothing has changed since `seen`, else return None.

        What former owners claimed and nobody started is taken over in the same transaction; `prepare` does what else
        belongs to it, with the new epoch.
        """
        with transaction(self.engine) as connection:
            won: Any = connection.execute(
                queries.acquire(self.process, self.stack, seen.epoch, seen.beat, self.ttl_s)
            ).one_or_none()
            if won is None:
                return None
            epoch, at = won
            connection.execute(queries.reclaimed(epoch))
            handover = self._complete_handover(connection, seen, epoch, at)
            prepare(connection, epoch)
            reach("acquire.written")
        self.epoch = epoch
        return Acquired(epoch, at, handover)

    @contextmanager
    def fenced(self) -> Iterator[tuple[Connection, datetime]]:
        """Yield a writing transaction of the owner, and the database's time. Raise NotOwner, then nothing is written."""
        if self.epoch is None:
            raise NotOwner
        with transaction(self.engine) as connection:
            now = connection.scalar(queries.fence(self.process, self.stack, self.epoch))
            if now is None:
                raise NotOwner
            yield connection, now

    def release(self) -> None:
        """Give the lease up if it is held. Whoever reads the row next may take it."""
        if self.epoch is None:
            return
        with transaction(self.engine) as connection:
            given_up = connection.execute(queries.release(self.process, self.epoch)).rowcount
            handover = connection.scalar(queries.handover_to("none")) if given_up else None
            if handover is not None:
                connection.execute(queries.handover_completed(handover, None, 0.0))
                connection.execute(queries.handover_counted(handover, 0, 0))
            reach("release.written")
        self.epoch = None

    def _complete_handover(self, connection: Connection, seen: Seen, epoch: int, at: datetime) -> str | None:
        handover = connection.scalar(queries.handover_to(self.stack))
        if handover is None:
            return None
        gap_ms = 0.0 if seen.idle_since is None else max(0.0, (at - seen.idle_since).total_seconds() * 1000)
        connection.execute(queries.handover_completed(handover, epoch, round(gap_ms, 1)))
        return handover


def _seen(row: Any) -> Seen:
    signs = [at for at in (row.beat_at, row.released_at) if at is not None]
    return Seen(
        desired_stack=row.desired_stack,
        owner_stack=row.owner_stack,
        owner_process=row.owner_process,
        epoch=row.epoch,
        beat=row.beat,
        ttl_s=row.ttl_s,
        idle_since=max(signs, default=None),
        asked=row.asked,
    )
