"""One run: every recording replayed from its own start state, everything judged together, a certificate for each route group.

recordings -> replay each (journal) -> judge -> calibrate and judge again, where noise may be among it -> Report
"""

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

from parity.calibrate import learn, suspects_of
from parity.certificate import Certificate, write_certificate
from parity.certify import certify, code_of
from parity.checkpoint import Checkpoints, last_checkpoint, put_back
from parity.compare.identity import Identities
from parity.compare.noise import noise_class
from parity.compare.terms import Terms
from parity.config import CONFIG_FILE, Config, Stack
from parity.coverage import load_expected
from parity.databases.addresses import kind_of
from parity.detail import details_of
from parity.explain import explain
from parity.golden import Golden, GoldenWriter, golden_file, load_golden
from parity.ground import Ground, bare_ground, lay_ground, snapshot_of
from parity.journal import Journal, Played
from parity.judge import Criteria, Judged, joined, judge, place_of
from parity.ledger import load_ledger
from parity.recording import digest, read
from parity.redaction.names import Names
from parity.replay import Replay, Suspect
from parity.replayed import Replayed
from parity.report.value import LearnedKind, RecordingInfo, Report, StackInfo
from parity.resume import claim, fingerprint, finished, keep_ground, kept_ground, mark_finished
from parity.routes import RouteBook
from parity.values import Entry, ParityError

__all__ = ["Options", "Progress", "Run", "Task", "identities_of", "report_of", "run", "stacks_shown", "terms_for"]

# Recorded and golden answers were made at another time: their times are compared by format.
_ANOTHER_TIME_S = 86_400.0
# How much later calls out are answered on one side of a calibration: more than durations are rounded to.
_LATER_S = 0.05
_JOURNAL = "journal.jsonl"


class Progress(Protocol):
    """Who is told how far a run is."""

    def begin(self, name: str, total: int) -> None:
        """A replay of so many exchanges begins."""

    def advance(self, played: Played) -> None:
        """One more exchange is done."""

    def say(self, text: str) -> None:
        """Something happens that takes a while."""


@dataclass(frozen=True)
class Options:
    """How to run. `groups` are route groups to be judged (None: all); everything is replayed all the same."""

    folder: Path
    groups: frozenset[str] | None = None
    calibrate: bool = True
    approve: bool = False
    certificates: Path | None = None
    stacks: tuple[Stack, Stack] | None = None
    shift_s: float = 0.0
    # So many groups are shrunk, for so long in all.
    shrink: int = 5
    shrink_s: float = 60.0
    coverage: float | None = None
    # Go on where the killed run of this folder had got to.
    resume: bool = False
    # So many reads in a row go out together: faster, but answers that depend on the order of reads may then differ.
    in_flight: int = 1
    # After so many exchanges it is kept how far a replay is.
    keep_every: int = 1_000


@dataclass(frozen=True)
class Run:
    """What came of it."""

    report: Report
    judged: Judged
    replays: tuple[Replayed, ...]
    certificates: tuple[Certificate, ...] = field(default=())


@dataclass(frozen=True)
class Task:
    """What every step of a run needs."""

    config: Config
    stacks: tuple[Stack, Stack]
    options: Options
    book: RouteBook
    progress: Progress
    # Looks for what is wrong although both stacks do the same.
    suspect: Suspect | None = None

    async def twice(self, stack: Stack, path: Path, ground: Ground) -> Sequence[Played]:
        """Return what differs when one stack replays a recording twice at once, in two worlds of different speed.

        Of exchanges that differ alike only the first is returned.
        """
        header, entries = read(path)
        self.progress.begin(f"{path.name}, {stack.name} twice", int(header.counts.get("entries", 0)))
        seen: set[tuple[str, str]] = set()

        def tells(played: Played) -> bool:
            known = len(seen)
            seen.update((place_of(found), noise_class(found)) for found in played.differences)
            return len(seen) > known

        return await self.play((stack, stack), ground, entries, "calibration", later_s=_LATER_S, keep=tells)

    async def again(self, replayed: Replayed, entries: Sequence[Entry]) -> Sequence[Played]:
        """Return what some entries of a recording do when nothing was played before them."""
        return await self.play(self.stacks, replayed.ground, entries, "again")

    async def play(
        self,
        stacks: tuple[Stack, Stack],
        ground: Ground,
        entries: Iterable[Entry],
        name: str,
        *,
        later_s: float = 0.0,
        keep: Callable[[Played], bool] | None = None,
    ) -> list[Played]:
        kept: list[Played] = []

        def advance(played: Played) -> None:
            if keep is None or keep(played):
                kept.append(played)

        async with ground.lanes(stacks, name, later_s=later_s) as lanes:
            replay = Replay(
                lanes,
                book=self.book,
                terms=terms_for(self.config, stacks, ground),
                identities=identities_of(ground),
                settle_s=self.config.parity.settle_s,
                suspect=self.suspect,
            )
            await replay.run(entries, advance)
        return kept


async def run(
    config: Config, recordings: Sequence[Path], options: Options, *, book: RouteBook, progress: Progress
) -> Run:
    """Return the outcome of replaying the recordings. Raise ParityError where something cannot be started or read."""
    began = time.monotonic()
    if not recordings:
        raise ParityError("There is no recording to replay; name one, or set parity.recordings.")
    if options.approve and not config.parity.golden:
        raise ParityError("There is no place for approved answers; set parity.golden to a folder.")
    task = Task(config, options.stacks or config.pair, options, book, progress)
    alone = options.stacks is None and len(config.stacks) == 1
    if alone and not config.parity.golden:
        raise ParityError(
            f"There is nothing to hold {task.stacks[0].name} against, the only stack in {CONFIG_FILE}; "
            "set parity.golden to a folder of approved answers, or name another release."
        )
    criteria = Criteria(
        ledger=load_ledger(_file(config, config.parity.ledger)),
        today=datetime.now(UTC).date(),
        book=book,
        expected=load_expected(_file(config, config.parity.expected)),
        required=config.parity.coverage if options.coverage is None else options.coverage,
        scope=options.groups,
        # The ledger is about the pair of the configuration.
        sample=options.stacks is not None and len(config.stacks) > 1,
        alone=alone and not options.approve,
    )
    if options.approve and options.resume:
        raise ParityError("A run that approves answers cannot be taken up again; leave out --resume.")
    claim(options.folder, fingerprint(config, task.stacks, recordings, options.shift_s), resume=options.resume)
    labels = [path.name.partition(".")[0] if len(recordings) > 1 else "" for path in recordings]
    replays = [await _replay(task, path, label) for path, label in zip(recordings, labels, strict=True)]
    journals = [replayed.journal for replayed in replays]
    grounds = [(replayed.path, replayed.ground) for replayed in replays]
    criteria = replace(criteria, noise=joined(*(replayed.golden.noise for replayed in replays)))
    judged = judge(journals, criteria)
    suspects = suspects_of(judged) if options.calibrate else frozenset()
    if suspects:
        noise = await learn(task.stacks[0], grounds, task.twice, suspects)
        if noise:
            criteria = replace(criteria, noise=joined(criteria.noise, noise))
            judged = judge(journals, criteria)
    if options.approve:
        await _approve(task, replays)
    if options.shrink and judged.comparison.groups:
        progress.say("looking for the fewest requests that still differ")
        comparison = await explain(
            judged.comparison,
            dict(zip(labels, replays, strict=True)),
            judged.kept,
            stacks_shown(task),
            task.again,
            most=options.shrink,
            seconds=options.shrink_s,
        )
        judged = replace(judged, comparison=comparison)
    report = report_of(task, _recordings(replays), judged, criteria, time.monotonic() - began)
    certificates = certify(report, judged, criteria, _database_kind(config))
    if options.certificates:
        for certificate in certificates:
            write_certificate(options.certificates, certificate)
    for replayed in replays:
        # A file goes with the run's folder, a database on a server does not.
        database = replayed.ground.database
        if database and kind_of(database.url) != "sqlite":
            database.drop()
    return Run(report, judged, tuple(replays), certificates)


async def _replay(task: Task, path: Path, label: str) -> Replayed:
    config, options = task.config, task.options
    header, entries = read(path)
    folder = options.folder / path.name.partition(".")[0]
    total = int(header.counts.get("entries", 0))
    place = _file(config, config.parity.golden)
    golden = load_golden(golden_file(place, path)) if place else Golden()
    ground = kept_ground(bare_ground(config, header, folder, book=task.book)) if options.resume else None
    count = finished(folder) if ground else None
    if ground and count is not None:
        return Replayed(path, header, digest(path), count, ground, folder / _JOURNAL, golden)
    point = last_checkpoint(folder) if ground else None
    if ground is None or point is None:
        shutil.rmtree(folder, ignore_errors=True)
        ground = lay_ground(config, header, folder, book=task.book, snapshot=snapshot_of(config, header, path))
        keep_ground(ground)
        journal = Journal(folder / _JOURNAL)
    else:
        task.progress.say(f"{path.name}: going on after {point.count} exchanges")
        put_back(point, folder / "replay")
        journal = Journal.take_up(folder / _JOURNAL, point.journal_bytes, point.kept)
    before = point.count if point else 0
    task.progress.begin(path.name, total and total - before)
    writer = GoldenWriter(golden_file(place, path), config.parity.headers) if options.approve and place else None
    opened = ground.lanes(
        task.stacks,
        "replay",
        shift_s=options.shift_s,
        starts=point.databases if point else None,
        connections=options.in_flight,
    )
    try:
        async with opened as lanes:
            replay = Replay(
                lanes,
                book=task.book,
                terms=terms_for(config, task.stacks, ground, options.shift_s),
                witness_terms=terms_for(config, (task.stacks[0], task.stacks[0]), ground, _ANOTHER_TIME_S),
                identities=identities_of(ground),
                journal=journal,
                settle_s=config.parity.settle_s,
                golden={} if options.approve else golden.answers,
                label=f"{label}/" if label else "",
                approve=writer.add if writer else None,
                in_flight=options.in_flight,
                keeper=None
                if options.approve
                else Checkpoints(folder, journal, lanes, before=before, every=options.keep_every),
            )
            if point:
                replay.restore(point.state)
            count = before + await replay.run(islice(entries, before, None), task.progress.advance)
    finally:
        journal.close()
    mark_finished(folder, count)
    return Replayed(path, header, digest(path), count, ground, folder / _JOURNAL, golden, writer)


async def _approve(task: Task, replays: Sequence[Replayed]) -> None:
    """Write the primary's answers as the approved ones, with the leaves that change from run to run."""
    for replayed in replays:
        if replayed.writer:
            noise = await learn(task.stacks[0], [(replayed.path, replayed.ground)], task.twice)
            replayed.writer.finish(noise)


def terms_for(config: Config, stacks: tuple[Stack, Stack], ground: Ground, shift_s: float = 0.0) -> Terms:
    """Return the terms on which two stacks' answers are compared."""
    return Terms(
        headers=config.parity.headers,
        clock_shift_s=shift_s,
        prefixes=(stacks[0].prefix, stacks[1].prefix),
        references=ground.database.references() if ground.database else {},
        now_s=time.time() + ground.offset_s,
    )


def identities_of(ground: Ground) -> Identities:
    """Return a bijection that knows the ids of the common start state as themselves."""
    identities = Identities()
    if ground.database:
        references = ground.database.references()
        for table in ground.database.tables():
            identities.seed_rows(table, ground.database.rows(table), references)
    return identities


def _file(config: Config, name: str) -> Path | None:
    return config.root / name if name else None


def stacks_shown(task: Task) -> tuple[StackInfo, StackInfo]:
    first, second = (
        StackInfo(stack.name, stack.prefix, stack.address, code_of(task.config, stack)) for stack in task.stacks
    )
    return first, second


def _database_kind(config: Config) -> str:
    return config.parity.database.url.partition(":")[0].partition("+")[0] if config.parity.database else "none"


def _recordings(replays: Sequence[Replayed]) -> tuple[RecordingInfo, ...]:
    return tuple(
        RecordingInfo(r.path.name, r.digest, r.entries, str(r.header.extra.get("source", ""))) for r in replays
    )


def report_of(
    task: Task, recordings: tuple[RecordingInfo, ...], judged: Judged, criteria: Criteria, duration_s: float
) -> Report:
    """Return the report of what was judged."""
    config = task.config
    shown = stacks_shown(task)
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        duration_s=round(duration_s, 3),
        stacks=shown,
        recordings=recordings,
        verdict="failed" if judged.reasons else "passed",
        reasons=judged.reasons,
        counts=judged.counts,
        coverage=judged.coverage,
        latencies=judged.latencies,
        causes=judged.comparison.causes,
        groups=judged.comparison.groups,
        details=details_of(judged, shown, Names(config.parity.secrets, config.parity.public)),
        witness=judged.witness,
        golden=judged.golden,
        ledger=judged.ledger,
        calibration=tuple(
            LearnedKind("every route", place, name)
            for place, names in sorted(criteria.noise.items())
            for name in sorted(names)
        ),
        lines=judged.lines,
    )
