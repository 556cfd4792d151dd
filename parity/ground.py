"""The ground of one replay: one start state, a clone of it for each stack, fresh processes, sinks, one clock and one secret."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from parity.carry.correlation import Carrier
from parity.config import Config, Stack
from parity.config import Database as DatabaseSettings
from parity.databases import Database, open_database
from parity.databases.addresses import kind_of
from parity.databases.start import prepare
from parity.lane import Lane
from parity.placeholders import fill
from parity.reach.stacks import start_stack
from parity.recording import Header
from parity.routes import RouteBook
from parity.sinks import HttpSink, MailSink
from parity.values import ParityError

__all__ = ["Ground", "bare_ground", "clock_offset", "facts_of", "lay_ground", "snapshot_of"]

# So many tables are named in an error.
_NAMED = 10


@dataclass(frozen=True)
class _Wanted:
    """A lane that is to be opened."""

    stack: Stack
    folder: Path
    start: Database | None
    shift_s: float = 0.0
    later_s: float = 0.0
    connections: int = 1


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
        self,
        stacks: tuple[Stack, Stack],
        name: str,
        *,
        shift_s: float = 0.0,
        later_s: float = 0.0,
        starts: tuple[Database, Database] | None = None,
        connections: int = 1,
    ) -> AsyncIterator[tuple[Lane, Lane]]:
        """Yield both stacks, running on fresh clones below `<folder>/<name>`.

        `shift_s` moves the second one's clock on; the world outside answers it `later_s` later. `starts` are cloned in
        place of the common start state. Each stack is sent up to `connections` requests at once.
        """
        left, right = starts or (self.database, self.database)
        wanted = [
            _Wanted(stacks[0], self.folder / name / "left", left, connections=connections),
            _Wanted(stacks[1], self.folder / name / "right", right, shift_s, later_s, connections),
        ]
        async with contextlib.AsyncExitStack() as opened:
            # In memory, a stack reads this process's environment while it starts: one after the other.
            if self.config.parity.reach == "memory":
                lanes = [await opened.enter_async_context(self._lane(one)) for one in wanted]
            else:
                lanes = await _together([opened.enter_async_context(self._lane(one)) for one in wanted])
            yield lanes[0], lanes[1]

    @asynccontextmanager
    async def alone(self, stack: Stack, name: str) -> AsyncIterator[Lane]:
        """Yield one stack, running on a fresh clone below `<folder>/<name>`."""
        async with self._lane(_Wanted(stack, self.folder / name, self.database)) as lane:
            yield lane

    @asynccontextmanager
    async def _lane(self, wanted: "_Wanted") -> AsyncIterator[Lane]:
        parity, stack, folder = self.config.parity, wanted.stack, wanted.folder
        offset_s = self.offset_s + wanted.shift_s
        folder.mkdir(parents=True, exist_ok=True)
        async with contextlib.AsyncExitStack() as opened:
            http = opened.enter_context(HttpSink(parity.sink, delay_s=wanted.later_s))
            mail = opened.enter_context(MailSink())
            facts = {**facts_of(folder, self.secret, offset_s), **http.facts, **mail.facts}
            database = changes = None
            if wanted.start and parity.database:
                database = wanted.start.clone(fill(parity.database.url, facts))
                opened.callback(database.drop)
                changes = database.watch(parity.database.ignore_tables)
                opened.callback(changes.close)
                facts["database_url"] = database.url
            env = {name: fill(value, facts) for name, value in {**parity.env, **stack.env, **self.secrets}.items()}
            running = await start_stack(
                stack,
                parity.reach,
                env,
                folder,
                parity.start_s,
                root=self.config.root_of(stack),
                connections=wanted.connections,
                answer_s=parity.answer_s,
            )
            opened.push_async_callback(running.stop)
            if database and changes:
                # Only now: a stack may make tables while it starts.
                _refuse_idle(parity.database, (*database.tables(), *changes.skipped))
            yield Lane(stack, folder, running, self._carrier(offset_s), http, mail, database, changes)

    def _carrier(self, offset_s: float) -> Carrier:
        secret = self.secret if self.config.parity.login.secret_env else ""
        return Carrier(secret=secret, clock_offset_s=offset_s, template=self.template)


def _refuse_idle(asked: DatabaseSettings | None, tables: Sequence[str]) -> None:
    """Raise ParityError for a pattern of `ignore_tables` that ignores nothing: it is misspelt, or out of date."""
    for pattern in asked.ignore_tables if asked else ():
        if not any(fnmatchcase(name, pattern) for name in tables):
            more = f" and {len(tables) - _NAMED} more" if len(tables) > _NAMED else ""
            raise ParityError(
                f'parity.database.ignore_tables: "{pattern}" matches no table; '
                f"correct it or take it out. There are: {', '.join(tables[:_NAMED])}{more}."
            )


def lay_ground(config: Config, header: Header, folder: Path, *, book: RouteBook, snapshot: str = "") -> Ground:
    """Return the ground for a recording; makes the start state in `folder`. Raise ParityError if that fails.

    The start state is a copy of `snapshot` (a database's URL) if there is one, else what the `prepare` commands make.
    """
    ground = bare_ground(config, header, folder, book=book)
    if config.parity.database is None:
        return ground
    base = _made(folder / "start")
    facts = facts_of(base, ground.secret, ground.offset_s)
    facts["database_url"] = fill(config.parity.database.url, facts)
    wanted = snapshot or config.parity.database.snapshot
    if wanted:
        database = open_database(wanted).clone(facts["database_url"], live=True)
    else:
        env = {name: fill(value, facts | _NO_SINKS) for name, value in {**config.parity.env, **ground.secrets}.items()}
        database = prepare(config, base, facts["database_url"], env)
    return replace(ground, database=database)


def bare_ground(config: Config, header: Header, folder: Path, *, book: RouteBook) -> Ground:
    """Return the ground for a recording without a start state, with a secret of its own."""

    def template(method: str, target: str) -> str:
        return book.find(method, target).template

    folder.mkdir(parents=True, exist_ok=True)
    secret, offset_s = secrets.token_hex(24), clock_offset(header.clock_start)
    return Ground(config, folder, None, dict(header.secrets), secret, offset_s, template)


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
