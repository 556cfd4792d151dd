"""One stack in one replay: its process, its clone of the database, its sinks, and what of the recording it calls by another name."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from parity.carry.correlation import Carrier
from parity.config import Stack
from parity.databases import ChangeLog, Database
from parity.reach.stacks import RunningStack
from parity.sinks import HttpSink, MailSink
from parity.values import Answer, Effect, Request, RowChange

__all__ = ["Lane"]


@dataclass
class Lane:
    """A running stack and everything of its own; `folder` is where its files lie.

    `rows` and `effects` hold what arrived since they were last taken.
    """

    stack: Stack
    folder: Path
    running: RunningStack
    carrier: Carrier
    http: HttpSink
    mail: MailSink
    database: Database | None = None
    changes: ChangeLog | None = None
    rows: list[RowChange] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    async def send(self, request: Request) -> Answer:
        return await self.running.send(request)

    def collect(self) -> None:
        """Add what was committed and sent out since the last time."""
        if self.changes:
            self.rows += self.changes.read()
        self.effects += self.http.take()
        self.effects += self.mail.take()

    def take(self) -> tuple[list[RowChange], list[Effect]]:
        """Return the rows and effects collected, and begin anew."""
        taken = self.rows, self.effects
        self.rows, self.effects = [], []
        return taken

    @property
    def is_idle(self) -> bool:
        """Whether nothing was collected."""
        return not self.rows and not self.effects

    @property
    def summary(self) -> Mapping[object, int]:
        """How many rows of which table and how many effects of which kind were collected: alike on both sides once all is there."""
        rows = Counter((change.table, change.operation) for change in self.rows)
        return rows + Counter(effect.kind for effect in self.effects)

    async def close(self) -> None:
        """Stop the stack first, so that nothing writes when the rest goes."""
        await self.running.stop()
        self.http.close()
        self.mail.close()
        if self.changes:
            self.changes.close()
