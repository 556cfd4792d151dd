"""The replay of one recording: every entry in recorded order, to both stacks at once, each on its own clone of one start state.

    entry -> translated per stack -> both answers -> rows and effects of both -> differences -> journal

The comparison of one exchange happens while the stacks work on the next one.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from parity.causality import Divergences
from parity.compare import Terms, compare
from parity.golden import without_tokens
from parity.identity import Identities
from parity.journal import Detail, Journal, Played
from parity.lane import Lane
from parity.routes import Route, RouteBook
from parity.values import Answer, Difference, Entry, Outcome, Request

__all__ = ["Replay", "Suspect"]

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


class Replay:
    """Plays entries on two lanes. Recorded and golden answers are third voices, heard where there are `witness_terms`.

    `recorded` makes an entry with the primary's answer of one that had none before it was sent; `suspect` finds what is
    wrong with two outcomes that do not differ.
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
    ) -> None:
        self.left, self.right = lanes
        self._recorded = recorded
        self._suspect = suspect
        self._book = book
        self._terms = terms
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
        waiting: _Sent | None = None
        count = 0
        for entry in entries:
            count += 1
            exchange = asyncio.ensure_future(self._exchange(entry))
            # Let the requests go out before the processor is taken by the comparison of those before.
            await asyncio.sleep(0)
            if waiting:
                self._finish(waiting, progress)
            waiting = await exchange
        await self._end()
        if waiting:
            left, right = (
                replace(outcome, rows=[*outcome.rows, *lane.rows], effects=[*outcome.effects, *lane.effects])
                for outcome, lane in zip(waiting.outcomes, (self.left, self.right), strict=True)
            )
            self._finish(replace(waiting, outcomes=(left, right)), progress)
        return count

    async def _end(self) -> None:
        """Let the stacks finish what they do after their answers: what comes late belongs to the last exchange."""
        await self._settle()
        await asyncio.gather(self.left.running.stop(), self.right.running.stop())
        self.left.collect()
        self.right.collect()

    async def _exchange(self, entry: Entry) -> _Sent:
        left, left_missing = self.left.carrier.request(entry)
        right, right_missing = self.right.carrier.request(entry)
        answers = await asyncio.gather(self.left.send(left), self.right.send(right))
        if self._recorded:
            entry = self._recorded(entry, answers[0])
        self.left.carrier.learn(entry, answers[0])
        self.right.carrier.learn(entry, answers[1])
        await self._settle()
        outcomes = tuple(
            Outcome(answer, *lane.take()) for lane, answer in zip((self.left, self.right), answers, strict=True)
        )
        return _Sent(
            entry,
            self._book.find(entry.request.method, entry.request.target),
            (left, right),
            (outcomes[0], outcomes[1]),
            tuple(dict.fromkeys([*left_missing, *right_missing])),
        )

    async def _settle(self) -> None:
        """Collect rows and effects; where the two sides do not match, give the slower one time for what comes after its answer."""
        ends = time.monotonic() + self._settle_s
        while True:
            self.left.collect()
            self.right.collect()
            if self.left.summary == self.right.summary or time.monotonic() >= ends:
                return
            await asyncio.sleep(_POLL_S)

    def _finish(self, sent: _Sent, progress: Callable[[Played], None]) -> None:
        left, right = sent.outcomes
        differences = compare(left, right, route=str(sent.route), terms=self._terms, identities=self._identities)
        if self._suspect and not differences:
            differences = self._suspect(sent.route, left, right)
        recorded, blanked = sent.entry.answer, sent.entry.meta.get("answer_body") == "missing"
        witness = self._voice(sent, recorded, self._recorded_ids, whole=not blanked)
        golden = self._voice(sent, self._golden.get(sent.entry.id), self._golden_ids)
        played = replace(_played(sent, differences, witness, golden), id=f"{self._label}{sent.entry.id}")
        if differences:
            cause = self._divergences.cause_of(sent.requests[0].target, left.answer, right.answer)
            self._divergences.note(played.id, differences, left, right)
            played = replace(played, caused_by=cause)
        if self._approve:
            self._approve(sent.entry.id, f"{sent.entry.request.method} {sent.entry.request.target}", left.answer)
        if self._journal:
            if (differences or witness or golden) and self._journal.wants_detail(played):
                played = replace(played, detail=Detail(sent.entry, sent.requests, left, right))
            self._journal.add(played)
        progress(played)

    def _voice(
        self, sent: _Sent, said: Answer | None, identities: Identities, *, whole: bool = True
    ) -> list[Difference] | None:
        """Return how the primary's answer differs from a recorded or approved one, None where there is none."""
        if said is None or self._witness_terms is None:
            return None
        answer = sent.outcomes[0].answer
        if whole:
            said = replace(said, body=without_tokens(said.body))
            answer = replace(answer, body=without_tokens(answer.body))
        else:
            said, answer = Answer(said.status), Answer(answer.status)
        return compare(
            Outcome(said), Outcome(answer), route=str(sent.route), terms=self._witness_terms, identities=identities
        )


def _played(
    sent: _Sent,
    differences: Sequence[Difference],
    witness: Sequence[Difference] | None,
    golden: Sequence[Difference] | None,
) -> Played:
    left, right = sent.outcomes
    entry = sent.entry
    return Played(
        seq=entry.seq,
        id=entry.id,
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
    )
