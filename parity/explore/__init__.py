"""Exploration: requests made up from the OpenAPI document, sent to both stacks from equal state, compared as a replay is.

document -> chapters (each from fresh clones) -> judge -> noise -> fewest requests -> Report, and a recording of them
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from parity.calibrate import learn, suspects_of
from parity.config import Config
from parity.dependencies import needed_by
from parity.explain import explain
from parity.explore.chapter import Chapter, Explored, play_chapter, suspect_faults
from parity.explore.document import Operation, load_document, operations_of
from parity.explore.plan import Account, Planner
from parity.explore.state import Blanked, Seed
from parity.ground import lay_ground
from parity.journal import Played
from parity.judge import Criteria, Judged, judge
from parity.ledger import load_ledger
from parity.recording import Header, Writer, read
from parity.report.value import Group, RecordingInfo, Report
from parity.routes import Route, RouteBook
from parity.runner import Options as RunOptions
from parity.runner import Progress, Task, report_of, stacks_shown
from parity.shrink import Shrunken
from parity.values import Entry, ParityError, header

__all__ = ["Exploration", "Options", "explore", "write_found"]

# How often an operation comes up that only makes what the operations asked for need.
_HELPING = 0.15
_SEEDS_PER_ROUTE = 40


@dataclass(frozen=True)
class Options:
    """How to explore: until so many requests or seconds, whichever comes first (None: no limit). 0 `shrink` is no shrinking.

    The same seed asks the same as long as the code is the same: hypothesis also tries what stands in the modules loaded.

    `recordings` are files of past requests to start from; `groups` are the route groups to explore, None for all.
    """

    folder: Path
    seed: int = 0
    examples: int | None = 1000
    seconds: float | None = None
    document: str = ""
    groups: frozenset[str] | None = None
    recordings: Sequence[Path] = ()
    shrink: int = 10
    shrink_s: float = 120.0


@dataclass(frozen=True)
class Exploration:
    """What came of it. `found` are the fewest requests behind each unexplained group, as one recording's entries."""

    report: Report
    judged: Judged
    requests: int
    played_s: float
    chapters: int
    header: Header
    found: tuple[Entry, ...] = field(default=())


async def explore(config: Config, options: Options, *, book: RouteBook, progress: Progress) -> Exploration:
    """Return what differs between the pair. Raise ParityError where something cannot be started or read."""
    began = time.monotonic()
    stacks = config.pair
    accounts, secrets = _accounts(config)
    ground = lay_ground(config, Header(secrets=secrets), options.folder, book=book)
    progress.say("reading the OpenAPI document")
    document = await load_document(config, options.document, ground, stacks[1])
    operations = operations_of(document, [stack.prefix for stack in stacks])
    book = book if book.routes else RouteBook(Route(o.method, o.template, _group(o)) for o in operations)
    ground = replace(ground, template=lambda method, target: book.find(method, target).template)
    planner = Planner(
        operations,
        options.seed,
        login=config.parity.login,
        accounts=accounts,
        weights=_weights(operations, book, options.groups),
    )
    _sow(planner, operations, book, options.recordings)
    declared = {o.label: o.declared for o in operations}
    routes = {str(book.find(o.method, o.template)): declared[o.label] for o in operations}
    suspect = suspect_faults(lambda route: routes.get(str(route), frozenset()))
    task = Task(config, stacks, RunOptions(options.folder), book, progress, suspect)
    chapter = Chapter(config, stacks, ground, book, planner, Blanked(), suspect, options.folder)
    explored, played_s = await _play(chapter, options, progress)
    criteria = Criteria(
        ledger=load_ledger(config.root / config.parity.ledger if config.parity.ledger else None),
        today=datetime.now(UTC).date(),
        book=book,
        expected={},
        required=0.0,
        scope=options.groups,
        sample=True,
    )
    judged, criteria, found = await _judge(task, explored, criteria, options)
    requests = sum(one.replayed.entries for one in explored)
    info = RecordingInfo(f"exploration with seed {options.seed}", "", requests, "exploration")
    report = report_of(task, (info,), judged, criteria, time.monotonic() - began)
    head = Header(
        prefixes=tuple(stack.prefix for stack in stacks),
        secrets=secrets,
        extra={"source": "exploration", "seed": options.seed},
    )
    return Exploration(report, judged, requests, played_s, len(explored), head, tuple(found))


def write_found(exploration: Exploration, path: Path) -> None:
    """Write what was found as a recording, which a run replays; nothing where nothing was found."""
    path.unlink(missing_ok=True)
    if exploration.found:
        with Writer(path, exploration.header) as writer:
            for entry in exploration.found:
                writer.write(entry)


async def _play(chapter: Chapter, options: Options, progress: Progress) -> tuple[list[Explored], float]:
    """Return the chapters, and the seconds in which requests were played (without starting stacks)."""
    progress.begin(f"seed {options.seed}", options.examples or 0)
    ends = time.monotonic() + options.seconds if options.seconds else None
    count, played_s, since = 0, 0.0, 0.0
    explored: list[Explored] = []

    def advance(played: Played) -> None:
        progress.advance(played)

    def goes_on() -> bool:
        nonlocal count, played_s, since
        now = time.monotonic()
        played_s += now - since if since else 0.0
        since = now
        if (options.examples and count >= options.examples) or (ends and now >= ends):
            return False
        count += 1
        return True

    while not (options.examples and count >= options.examples) and not (ends and time.monotonic() >= ends):
        since = 0.0
        explored.append(await play_chapter(chapter, len(explored) + 1, goes_on, advance))
    return explored, played_s


async def _judge(
    task: Task, explored: Sequence[Explored], criteria: Criteria, options: Options
) -> tuple[Judged, Criteria, list[Entry]]:
    journals = [one.replayed.journal for one in explored]
    judged = judge(journals, criteria)
    differing = {f"c{one.number}": one.replayed for one in explored if one.differs}
    suspects = suspects_of(judged)
    if suspects:
        # One chapter for each kind of difference tells enough; there may be dozens.
        labels = {group.example.partition("/")[0] for group in judged.comparison.groups if group.axis == "value"}
        told = [(differing[label].path, differing[label].ground) for label in sorted(labels)]
        noise = await learn(task.stacks[0], told, task.twice, suspects)
        if noise:
            criteria = replace(criteria, noise=noise)
            judged = judge(journals, criteria)
    found: dict[str, Sequence[Entry]] = {}

    def keep(group: Group, shrunken: Shrunken) -> None:
        if shrunken.again:
            found[group.id] = shrunken.entries

    if options.shrink and judged.comparison.groups:
        task.progress.say("looking for the fewest requests that still differ")
        comparison = await explain(
            judged.comparison,
            differing,
            judged.kept,
            stacks_shown(task),
            task.again,
            most=options.shrink,
            seconds=options.shrink_s,
            shrunk=keep,
        )
        judged = replace(judged, comparison=comparison)
    for group in judged.comparison.groups:
        if group.state == "unexplained" and group.id not in found:
            found[group.id] = _built_on(differing[group.example.partition("/")[0]].path, group.example)
    wanted = [(group.id, found[group.id]) for group in judged.comparison.groups if group.id in found]
    return judged, criteria, list(_as_one(wanted))


def _built_on(path: Path, example: str) -> list[Entry]:
    """Return the exchange and those that it builds on."""
    entries = list(read(path)[1])
    at = next(i for i, entry in enumerate(entries) if entry.id == example.partition("/")[2])
    return [entries[position] for position in needed_by(entries, at)]


def _as_one(found: Iterable[tuple[str, Sequence[Entry]]]) -> Iterable[Entry]:
    """Yield the entries of all groups as those of one recording, each group a session."""
    number = 0
    for group, entries in found:
        for entry in entries:
            number += 1
            yield replace(entry, id=f"{group}-{number}", seq=number, session=group)


def _accounts(config: Config) -> tuple[list[Account], dict[str, str]]:
    """Return who can log in from the start, and the variables with their passwords."""
    env = config.parity.env
    accounts, secrets = [], {}
    for one in config.parity.accounts:
        name = one.username or env.get(one.username_env, "")
        password = env.get(one.password_env, "")
        if not name or not password:
            raise ParityError(
                f"parity.env has no {one.password_env if name else one.username_env}; an exploration logs in with it."
            )
        accounts.append(Account(name, password))
        secrets[one.password_env] = password
    return accounts, secrets


def _weights(operations: Sequence[Operation], book: RouteBook, groups: frozenset[str] | None) -> Mapping[str, float]:
    """Return how often each operation comes up: all alike, or those of the groups and what makes what they need."""
    if groups is None:
        return {}
    asked = [o for o in operations if book.find(o.method, o.template).group in groups]
    if not asked:
        raise ParityError(f"The OpenAPI document has no operation of {', '.join(sorted(groups))}; name another group.")
    needed = {entity for o in asked for entity in (*o.parameters.values(), o.entity)}
    return {
        o.label: 1.0 if o in asked else _HELPING if o.method in ("POST", "GET") and o.entity in needed else 0.0
        for o in operations
    }


def _sow(planner: Planner, operations: Sequence[Operation], book: RouteBook, recordings: Sequence[Path]) -> None:
    """Give the planner requests of the past that were taken."""
    labels = {str(book.find(o.method, o.template)): o.label for o in operations}
    counts: dict[str, int] = {}
    for path in recordings:
        for entry in read(path)[1]:
            request, route = entry.request, str(book.find(entry.request.method, entry.request.target))
            taken = entry.answer is not None and entry.answer.status // 100 == 2
            if not taken or route not in labels or counts.get(route, 0) >= _SEEDS_PER_ROUTE:
                continue
            counts[route] = counts.get(route, 0) + 1
            media = header(request.headers, "content-type") or ""
            seed = Seed(request.target.partition("?")[2], media, request.body, _own_headers(entry))
            planner.seed(labels[route], seed)


_NOT_SEEDED = frozenset({"authorization", "cookie", "content-type", "content-length", "host", "user-agent", "accept"})


def _own_headers(entry: Entry) -> tuple[tuple[str, str], ...]:
    """Return the headers that only this service knows: keys and the like."""
    return tuple(
        (name, value)
        for name, value in entry.request.headers
        if name.lower().startswith("x-") and name.lower() not in _NOT_SEEDED
    )


def _group(operation: Operation) -> str:
    return operation.template.strip("/").partition("/")[0] or "root"
