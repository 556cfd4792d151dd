"""The replay of one recording: every entry in recorded order, to both stacks at once, each on its own clone of one start state.

    entry -> translated per stack -> both answers -> rows and effects of both -> differences -> journal

The comparison of one exchange happens while the stacks work on the next one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from parity.causality import Divergences
from parity.compare import Terms, compare
from parity.compare.identity import Identities
from parity.flight import together
from parity.golden import without_tokens
from parity.journal import Detail, Journal, Played
from parity.lane import Lane
from parity.routes import Route, RouteBook
from parity.values import Answer, Difference, Entry, Outcome, Request

__all__ = ["Keeper", "Replay", "Suspect"]

Suspect = Callable[[Route, Outcome, Outcome], list[Difference]]
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class _Sent:
    """One exchange on its way to be compared."""

    entry: Entry
    route: Route
    requests: tuple[Request, Request]
    outcomes: tuple[Outcome, Outcome]
    not_carried: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """An exchange whose answers are not there yet."""

    entry: Entry
    requests: tuple[Request, Request]
    missing: tuple[str, ...]
    answers: Sequence[Awaitable[Answer]]


class Keeper(Protocol):
    """Keeps how far a replay is, now and then, so that it can be taken up again."""

    def is_due(self, count: int) -> bool:
        """Return whether it is time to, `count` exchanges being in the journal."""

    def keep(self, count: int, replay: "Replay") -> None:
        """Keep it; nothing is under way meanwhile."""


class Replay:
    """Plays entries on two lanes. Recorded and golden answers are third voices, heard where there are `witness_terms`.

    `recorded` makes an entry with the primary's answer of one that had none before it was sent; `suspect` finds what is
    wrong with two outcomes that do not differ. Up to `in_flight` reads in a row go out together, which is faster; but then
    an answer that changes with the requests before it may differ by chance.
    """

    def __init__(
        self,
        lanes: tuple[Lane, Lane],
        *,
        book: RouteBook,
        terms: Terms,
        identities: Identities,
        settle_s: float,
        witness_terms: Terms | None = None,
        golden: Mapping[str, Answer] | None = None,
        journal: Journal | None = None,
        label: str = "",
        approve: Callable[[str, str, Answer], None] | None = None,
        recorded: Callable[[Entry, Answer], Entry] | None = None,
        suspect: Suspect | None = None,
        in_flight: int = 1,
        keeper: Keeper | None = None,
    ) -> None:
        self.left, self.right = lanes
        self._in_flight = in_flight
        self._keeper = keeper
        self._recorded = recorded
        self._suspect = suspect
        self._book = book
        self._terms = replace(terms, addresses=((lanes[0].running.address,), (lanes[1].running.address,)))
        self._witness_terms = witness_terms
        self._identities = identities
        self._recorded_ids = Identities()
        self._golden_ids = Identities()
        self._golden = golden or {}
        self._label = label
        self._approve = approve
        self._divergences = Divergences()
        self._journal = journal
        self._settle_s = settle_s

    async def run(self, entries: Iterable[Entry], progress: Callable[[Played], None]) -> int:
        """Play the entries in the order given, then end the stacks; return how many there were.

        `progress` is told of each as soon as it is in the journal.
        """
        waiting: list[_Sent] = []
        count = 0
        for group in together(entries, self._in_flight):
            count += len(group)
            exchanges = asyncio.ensure_future(self._exchanges(group))
            # Let the requests go out before the processor is taken by the comparison of those before.
            await asyncio.sleep(0)
            self._finish(waiting, progress)
            waiting = await exchanges
            if self._keeper and self._keeper.is_due(count):
                self._finish(waiting, progress)
                waiting = []
                self._keeper.keep(count, self)
        await self._end()
        if waiting:
            last = waiting[-1]
            outcomes = [
                Outcome(known.answer, [*known.rows, *lane.rows], [*known.effects, *lane.effects])
                for known, lane in zip(last.outcomes, (self.left, self.right), strict=True)
            ]
            self._finish([*waiting[:-1], replace(last, outcomes=(outcomes[0], outcomes[1]))], progress)
        return count

    def export(self) -> dict[str, Any]:
        """Return all that was learnt so far as JSON values, for a run to be taken up again."""
        return {
            "carriers": [self.left.carrier.export(), self.right.carrier.export()],
            "identities": [each.export() for each in self._bijections],
            "divergences": self._divergences.export(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `export` returned."""
        for lane, known in zip((self.left, self.right), state["carriers"], strict=True):
            lane.carrier.restore(known)
        for identities, learnt in zip(self._bijections, state["identities"], strict=True):
            identities.restore(learnt)
        self._divergences.restore(state["divergences"])

    @property
    def _bijections(self) -> tuple[Identities, Identities, Identities]:
        return self._identities, self._recorded_ids, self._golden_ids

    async def _end(self) -> None:
        """Let the stacks finish what they do after their answers: what comes late belongs to the last exchange."""
        await self._settle()
        await asyncio.gather(self.left.running.stop(), self.right.running.stop())
        self.left.collect()
        self.right.collect()

    async def _exchanges(self, group: Sequence[Entry]) -> list[_Sent]:
        """Return the exchanges of entries that go out together; rows and effects of all are the last one's."""
        done: list[_Sent] = []
        under_way: list[_UnderWay] = []
        for entry in group:
            requests, missing = self._translated(entry)
            if missing and under_way:
                # One of those before may tell what is missing.
                done += [await self._answered(one) for one in under_way]
                under_way = []
                requests, missing = self._translated(entry)
            answers = [
                asyncio.ensure_future(lane.send(request))
                for lane, request in zip((self.left, self.right), requests, strict=True)
            ]
            under_way.append(_UnderWay(entry, requests, missing, answers))
        done += [await self._answered(one) for one in under_way]
        await self._settle()
        left, right = (outcome.answer for outcome in done[-1].outcomes)
        done[-1] = replace(done[-1], outcomes=(Outcome(left, *self.left.take()), Outcome(right, *self.right.take())))
        return done

    def _translated(self, entry: Entry) -> tuple[tuple[Request, Request], tuple[str, ...]]:
        left, left_missing = self.left.carrier.request(entry)
        right, right_missing = self.right.carrier.request(entry)
        return (left, right), tuple(dict.fromkeys([*left_missing, *right_missing]))

    async def _answered(self, sent: _UnderWay) -> _Sent:
        left, right = await sent.answers[0], await sent.answers[1]
        entry = self._recorded(sent.entry, left) if self._recorded else sent.entry
        self.left.carrier.learn(entry, left)
        self.right.carrier.learn(entry, right)
        route = self._book.find(entry.request.method, entry.request.target)
        return _Sent(entry, route, sent.requests, (Outcome(left), Outcome(right)), sent.missing)

    async def _settle(self) -> None:
        """Collect rows and effects; where the two sides do not match, give the slower one time for what comes after its answer."""
        ends = time.monotonic() + self._settle_s
        while True:
            self.left.collect()
            self.right.collect()
            if (self.left.is_idle and self.right.is_idle) or self.left.summary == self.right.summary:
                return
            if time.monotonic() >= ends:
                return
            await asyncio.sleep(_POLL_S)

    def _finish(self, exchanges: Sequence[_Sent], progress: Callable[[Played], None]) -> None:
        for sent in exchanges:
            progress(self._compared(sent))

    def _compared(self, sent: _Sent) -> Played:
        left, right = sent.outcomes
        differences = compare(left, right, route=str(sent.route), terms=self._terms, identities=self._identities)
        if self._suspect and not differences:
            differences = self._suspect(sent.route, left, right)
        recorded, blanked = sent.entry.answer, sent.entry.meta.get("answer_body") == "missing"
        witness = self._voice(sent, recorded, self._recorded_ids, whole=not blanked)
        golden = self._voice(sent, self._golden.get(sent.entry.id), self._golden_ids)
        name = f"{self._label}{sent.entry.id}"
        cause = ""
        if differences:
            cause = self._divergences.cause_of(sent.requests[0].target, left.answer, right.answer)
            self._divergences.note(name, differences, left, right)
        played = _played(sent, name, cause=cause, differences=differences, witness=witness, golden=golden)
        if self._approve:
            self._approve(sent.entry.id, f"{sent.entry.request.method} {sent.entry.request.target}", left.answer)
        if self._journal:
            if (differences or witness or golden) and self._journal.wants_detail(played):
                played = replace(played, detail=Detail(sent.entry, sent.requests, left, right))
            self._journal.add(played)
        return played

    def _voice(
        self, sent: _Sent, said: Answer | None, identities: Identities, *, whole: bool = True
    ) -> list[Difference] | None:
        """Return how the primary's answer differs from a recorded or approved one, None where there is none."""
        if said is None or self._witness_terms is None:
            return None
        answer = sent.outcomes[0].answer
        said, answer = (_blanked(one) if whole else Answer(one.status) for one in (said, answer))
        return compare(
            Outcome(said), Outcome(answer), route=str(sent.route), terms=self._witness_terms, identities=identities
        )


def _blanked(answer: Answer) -> Answer:
    body = without_tokens(answer.body)
    return answer if body is answer.body else replace(answer, body=body)


def _played(
    sent: _Sent,
    name: str,
    *,
    cause: str,
    differences: Sequence[Difference],
    witness: Sequence[Difference] | None,
    golden: Sequence[Difference] | None,
) -> Played:
    left, right = sent.outcomes
    entry = sent.entry
    return Played(
        seq=entry.seq,
        id=name,
        session=entry.session,
        method=entry.request.method,
        target=entry.request.target,
        route=sent.route,
        statuses=(entry.answer.status if entry.answer else None, left.answer.status, right.answer.status),
        elapsed_s=(left.answer.elapsed_s, right.answer.elapsed_s),
        differences=tuple(differences),
        witness=None if witness is None else tuple(witness),
        golden=None if golden is None else tuple(golden),
        not_carried=sent.not_carried,
        wrote=bool(left.rows or right.rows or left.effects or right.effects),
        caused_by=cause,
    )
