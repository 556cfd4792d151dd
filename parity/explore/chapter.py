"""One chapter of an exploration: from fresh clones until the stacks go apart, or long enough; written down as a recording."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from parity.compare.noise import noise_class
from parity.config import Config, Stack
from parity.explore.plan import LOGINS, Planned, Planner
from parity.explore.state import Blanked
from parity.golden import Golden
from parity.ground import Ground
from parity.journal import Journal, Played
from parity.recording import Header, Writer, digest
from parity.replay import Replay, Suspect
from parity.replayed import Replayed
from parity.routes import Route, RouteBook
from parity.runner import identities_of, terms_for
from parity.values import Answer, Difference, Entry, Outcome, ParityError

__all__ = ["Chapter", "Explored", "play_chapter", "suspect_faults"]

_LONGEST = 400
_NOTHING = frozenset({"", "int", "text", "bool", "empty"})
# Statuses above 500 tell something that a client can be told, where the document says so.
_FAULT = 500


@dataclass(frozen=True)
class Chapter:
    """What every chapter needs."""

    config: Config
    stacks: tuple[Stack, Stack]
    ground: Ground
    book: RouteBook
    planner: Planner
    blanked: Blanked
    suspect: Suspect
    folder: Path


@dataclass(frozen=True)
class Explored:
    """One chapter: its number, its recording and journal, and whether anything in it differs."""

    number: int
    replayed: Replayed
    differs: bool


async def play_chapter(
    chapter: Chapter, number: int, goes_on: Callable[[], bool], advance: Callable[[Played], None]
) -> Explored:
    """Play until rows go apart, a stack is gone, nobody can log in, or `goes_on` says no. Raise ParityError."""
    path, journal_file = chapter.folder / f"c{number}.jsonl", chapter.folder / f"c{number}.journal.jsonl"
    chapter.planner.begin()
    recording = _Book(chapter, path)
    journal = Journal(journal_file)
    stop = _Stop()

    def saw(played: Played) -> None:
        stop.see(played)
        if stop.apart:
            chapter.planner.avoid(str(played.route))
        advance(played)

    def entries() -> Iterator[Entry]:
        while len(recording) < _LONGEST and not stop.apart and not chapter.planner.locked_out and goes_on():
            yield recording.next()

    try:
        async with chapter.ground.lanes(chapter.stacks, f"c{number}") as lanes:
            replay = Replay(
                lanes,
                book=chapter.book,
                terms=terms_for(chapter.config, chapter.stacks, chapter.ground),
                identities=identities_of(chapter.ground),
                journal=journal,
                settle_s=chapter.config.parity.settle_s,
                label=f"c{number}/",
                recorded=recording.answered,
                suspect=chapter.suspect,
            )
            count = await replay.run(entries(), saw)
    finally:
        journal.close()
    header = recording.finish()
    if chapter.planner.locked_out and count <= LOGINS:
        raise ParityError("Nobody can log in with the accounts of parity.accounts; correct them or parity.login.")
    replayed = Replayed(path, header, digest(path), count, chapter.ground, journal_file, Golden())
    return Explored(number, replayed, stop.differs)


def suspect_faults(declared: Callable[[Route], frozenset[str]]) -> Suspect:
    """Return what finds that both stacks fail alike: with 500, or with another 5xx that the document does not name."""

    def suspect(route: Route, left: Outcome, right: Outcome) -> list[Difference]:
        status = left.answer.status
        if status < _FAULT or (status > _FAULT and str(status) in declared(route)):
            return []
        kind = f"{status} on both stacks alike"
        return [Difference("answer", "status", "fault", "fault", status, right.answer.status, kind, kind)]

    return suspect


class _Stop:
    """Watches for what makes going on useless: one fault would show a hundred times."""

    def __init__(self) -> None:
        self.apart = False
        self.differs = False

    def see(self, played: Played) -> None:
        self.differs = self.differs or bool(played.differences)
        # Durations and the like differ by chance, and nothing follows from them.
        rows = any(d.where == "rows" and noise_class(d) in _NOTHING for d in played.differences)
        self.apart = self.apart or rows or 0 in played.statuses[1:]


class _Book:
    """Makes entries of what is planned and writes them down once they are answered."""

    def __init__(self, chapter: Chapter, path: Path) -> None:
        self._planner = chapter.planner
        self._blanked = chapter.blanked
        prefixes = tuple(stack.prefix for stack in chapter.stacks)
        self._writer = Writer(path, Header(prefixes=prefixes, extra={"source": "exploration"}))
        self._planned: Planned | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def next(self) -> Entry:
        planned = self._planned = self._planner.next()
        self._count += 1
        text = "\n".join(value for _, value in planned.request.headers) + planned.request.body.decode("latin-1")
        claims = self._blanked.claims_in(text)
        return Entry(
            id=str(self._count),
            seq=self._count,
            session="explorer",
            request=planned.request,
            started=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            # Each names the claims of its tokens, so that it can be played without those before it.
            meta={"source": "explore", **({"tokens": claims} if claims else {})},
        )

    def answered(self, entry: Entry, answer: Answer) -> Entry:
        """Return the entry with the primary's answer as the recorded one, its tokens blanked."""
        known = set(self._blanked.claims)
        answer = self._blanked.answer(answer)
        fresh = {token: claims for token, claims in self._blanked.claims.items() if token not in known}
        meta = {**entry.meta, "tokens": {**entry.meta.get("tokens", {}), **fresh}} if fresh else entry.meta
        entry = replace(entry, answer=answer, meta=meta)
        if self._planned:
            self._planner.learn(self._planned, entry.request, answer)
        self._writer.write(entry)
        return entry

    def finish(self) -> Header:
        return self._writer.finish()
