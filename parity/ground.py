"""The ground of one replay: one start state, a clone of it for each stack, fresh processes, sinks, one clock and one secret."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from parity.config import Config, Stack
from parity.correlation import Carrier
from parity.databases import Database, open_database
from parity.databases.addresses import kind_of
from parity.databases.start import prepare
from parity.lane import Lane
from parity.placeholders import fill
from parity.recording import Header
from parity.routes import RouteBook
from parity.sinks import HttpSink, MailSink
from parity.stacks import start_stack
from parity.values import ParityError

__all__ = ["Ground", "clock_offset", "facts_of", "lay_ground", "snapshot_of"]

_CONNECTIONS = 1


@dataclass(frozen=True)
class Ground:
    """What every replay of one recording begins with. `database` is the start state, None for stacks without one.

    `offset_s` moves the stacks' clocks to the recording's time; `secret` signs their tokens.
    """

    config: Config
    folder: Path
    database: Database | None
    secrets: Mapping[str, str]
    secret: str
    offset_s: float
    template: Callable[[str, str], str | None] | None = None

    @asynccontextmanager
    async def lanes(
        self, stacks: tuple[Stack, Stack], name: str, *, shift_s: float = 0.0, later_s: float = 0.0
    ) -> AsyncIterator[tuple[Lane, Lane]]:
        """Yield both stacks, running on fresh clones below `<folder>/<name>`.

        `shift_s` moves the second one's clock on; the world outside answers it `later_s` later.
        """
        async with contextlib.AsyncExitStack() as opened:
            openings = [
                opened.enter_async_context(self._lane(stacks[0], _made(self.folder / name / "left"), 0.0, 0.0)),
                opened.enter_async_context(
                    self._lane(stacks[1], _made(self.folder / name / "right"), shift_s, later_s)
                ),
            ]
            # In memory, a stack reads this process's environment while it starts: one after the other.
            if self.config.parity.reach == "memory":
                lanes = [await opening for opening in openings]
            else:
                lanes = await _together(openings)
            yield lanes[0], lanes[1]

    @asynccontextmanager
    async def alone(self, stack: Stack, name: str) -> AsyncIterator[Lane]:
        """Yield one stack, running on a fresh clone below `<folder>/<name>`."""
        async with self._lane(stack, _made(self.folder / name), 0.0, 0.0) as lane:
            yield lane

    @asynccontextmanager
    async def _lane(self, stack: Stack, folder: Path, shift_s: float, later_s: float) -> AsyncIterator[Lane]:
        parity, offset_s = self.config.parity, self.offset_s + shift_s
        async with contextlib.AsyncExitStack() as opened:
            http = opened.enter_context(HttpSink(parity.sink, delay_s=later_s))
            mail = opened.enter_context(MailSink())
            facts = {**facts_of(folder, self.secret, offset_s), **http.facts, **mail.facts}
            database = changes = None
            if self.database and parity.database:
                database = self.database.clone(fill(parity.database.url, facts))
                opened.callback(database.drop)
                changes = database.watch(parity.database.ignore_tables)
                opened.callback(changes.close)
                facts["database_url"] = database.url
            wanted = {**parity.env, **stack.env, **self.secrets}
            env = {name: fill(value, facts) for name, value in wanted.items()}
            running = await start_stack(
                stack,
                parity.reach,
                env,
                folder,
                parity.start_s,
                root=self.config.root,
                connections=_CONNECTIONS,
                answer_s=parity.answer_s,
            )
            opened.push_async_callback(running.stop)
            yield Lane(stack, running, self._carrier(offset_s), http, mail, database, changes)

    def _carrier(self, offset_s: float) -> Carrier:
        secret = self.secret if self.config.parity.login.secret_env else ""
        return Carrier(secret=secret, clock_offset_s=offset_s, template=self.template)


def lay_ground(config: Config, header: Header, folder: Path, *, book: RouteBook, snapshot: str = "") -> Ground:
    """Return the ground for a recording; makes the start state in `folder`. Raise ParityError if that fails.

    The start state is a copy of `snapshot` (a database's URL) if there is one, else what the `prepare` commands make.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secret, offset_s = secrets.token_hex(24), clock_offset(header.clock_start)
    known = dict(header.secrets)
    database = None
    if config.parity.database:
        base = folder / "start"
        base.mkdir(exist_ok=True)
        facts = facts_of(base, secret, offset_s)
        facts["database_url"] = fill(config.parity.database.url, facts)
        wanted = snapshot or config.parity.database.snapshot
        if wanted:
            database = open_database(wanted).clone(facts["database_url"], live=True)
        else:
            env = {name: fill(value, facts | _NO_SINKS) for name, value in {**config.parity.env, **known}.items()}
            database = prepare(config, base, facts["database_url"], env)

    def template(method: str, target: str) -> str:
        return book.find(method, target).template

    return Ground(config, folder, database, known, secret, offset_s, template)


def snapshot_of(config: Config, header: Header, recording: Path) -> str:
    """Return the URL of the database that was copied when the recording began, "" if none was. Raise ParityError if it is gone."""
    name, kind = header.database.get("snapshot"), header.database.get("kind")
    if not name or config.parity.database is None:
        return ""
    here = kind_of(config.parity.database.url)
    if kind != here:
        raise ParityError(
            f"{recording.name} begins with a {kind} database; set parity.database.url to one of that kind, not {here}."
        )
    if kind == "postgresql":
        return make_url(config.parity.database.url).set(database=name).render_as_string(hide_password=False)
    file = recording.parent / str(name)
    if not file.is_file():
        raise ParityError(f"{recording.name} begins with the database {name}, which is not beside it; put it there.")
    return f"sqlite:///{file}"


def facts_of(folder: Path, secret: str, offset_s: float) -> dict[str, str]:
    """Return the placeholders of a stack that does not run yet; `name` is a database name that nobody has."""
    return {
        "folder": str(folder),
        "name": f"parity_{secrets.token_hex(6)}",
        "secret": secret,
        "clock_offset_s": f"{offset_s:.0f}",
    }


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def _together(openings: Sequence[Coroutine[Any, Any, Lane]]) -> list[Lane]:
    """Return the lanes once all are open; where one fails, the others are waited for, so that they can be closed."""
    opened = await asyncio.gather(*openings, return_exceptions=True)
    for outcome in opened:
        if isinstance(outcome, BaseException):
            raise outcome
    return [lane for lane in opened if isinstance(lane, Lane)]


# Preparing a database sends nothing; port 9 is the discard service, where nobody listens.
_NO_SINKS = {
    "sink": "http://127.0.0.1:9",
    "sink_host": "127.0.0.1",
    "sink_port": "9",
    "smtp_host": "127.0.0.1",
    "smtp_port": "9",
}


def clock_offset(clock_start: str) -> float:
    """Return the seconds from now to the recording's start (ISO 8601), 0 if it says none."""
    if not clock_start:
        return 0.0
    start = datetime.fromisoformat(clock_start)
    return (start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp() - time.time()
