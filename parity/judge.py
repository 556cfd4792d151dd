"""From journals to a report: scope, noise, ledger, grouping, coverage, and the verdict with its reasons.

Nothing is replayed here; the same journals and the same ledger give the same report.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from parity import coverage as covering
from parity.compare.noise import noise_class
from parity.grouping import Grouper, group_id, group_key, heads, leaf
from parity.journal import Played, read_journal, read_places
from parity.kept import Kept
from parity.ledger import BROAD, Ledger
from parity.ledger import Rule as LedgerRule
from parity.report.rule import suggested_rule
from parity.report.value import (
    Cell,
    Comparison,
    Counts,
    Coverage,
    Latency,
    LedgerUse,
    Line,
    Rule,
    RuleCount,
)
from parity.routes import Route, RouteBook
from parity.values import Difference

__all__ = ["Criteria", "GroupCounts", "Judged", "Noise", "joined", "judge", "place_of"]

# How long a suggested rule would hold.
_ACCEPTED_FOR = timedelta(days=60)
# Two stacks that refuse everything agree as well; more of it than this share proves nothing.
_UNFIT = 0.1
# So many values of a kind that could not be carried are told, and so much of each.
_EXAMPLES, _LONGEST = 3, 60
_UNAPPROVED = "answers are not the approved ones; approve them"
# Where a leaf stands, by name, in whatever route -> the classes whose value is noise there.
Noise = Mapping[str, frozenset[str]]


def joined(*learned: Noise) -> Noise:
    """Return all that is noise by one of them."""
    return {
        place: frozenset[str]().union(*(noise.get(place, frozenset()) for noise in learned))
        for place in {place for noise in learned for place in noise}
    }


def place_of(found: Difference) -> str:
    """Return what calibration calls the place of a difference: its last name, the same in answers and rows of all routes.

    A column that is noise in one answer is noise in all that show it.
    """
    return leaf(found.path)


@dataclass(frozen=True)
class Criteria:
    """By what the replay is judged. `scope` names route groups, None all of them.

    `noise` are classes learned by calibration: in this run, or in the one whose answers were approved.
    """

    ledger: Ledger
    today: date
    book: RouteBook
    expected: Mapping[str, Sequence[int]]
    required: float
    scope: frozenset[str] | None = None
    noise: Noise = field(default_factory=dict)
    # What was played is a part of what there is: it cannot tell whether a rule is still needed.
    sample: bool = False
    # One stack was played beside itself: only approved answers tell anything.
    alone: bool = False

    def judges(self, route: Route) -> bool:
        return self.scope is None or route.group in self.scope

    def skips(self, played: Played) -> str:
        """Return why an exchange proves nothing here, "" for one that counts."""
        if played.skipped:
            return played.skipped
        if not self.judges(played.route):
            return "of a route group that was not asked for"
        return "without an approved answer" if self.alone and played.golden is None else ""

    def without_noise(self, differences: Sequence[Difference]) -> list[Difference]:
        """Return the differences that calibration does not explain: it may relax values, never what kind they are."""
        return [d for d in differences if noise_class(d) not in self.noise.get(place_of(d), ())]


@dataclass(frozen=True)
class Judged:
    """Everything a report says about the exchanges. `reasons` is empty where the gate opens."""

    reasons: tuple[str, ...]
    counts: Counts
    coverage: Coverage
    measured: covering.Coverage
    latencies: tuple[Latency, ...]
    comparison: Comparison
    witness: Comparison
    golden: Comparison
    ledger: LedgerUse
    kept: Mapping[str, Played]
    lines: Callable[[], Iterator[Line]]
    by_group: Mapping[str, "GroupCounts"]


@dataclass
class GroupCounts:
    """What a certificate says of one route group."""

    exchanges: int = 0
    accepted: int = 0
    unexplained: int = 0


class _Tally:
    """Counts while the journals are read once."""

    def __init__(self, criteria: Criteria) -> None:
        self.criteria = criteria
        self.pair, self.witness, self.golden = Grouper(), Grouper(), Grouper()
        self.verdicts: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.not_carried: Counter[str] = Counter()
        self.lost: dict[str, dict[str, str]] = {}
        self.rules: Counter[str] = Counter()
        self.rule_groups: dict[str, set[str]] = {}
        self.seen: Counter[tuple[Route, int]] = Counter()
        self.different: Counter[tuple[Route, int]] = Counter()
        self.elapsed: dict[Route, tuple[array[float], array[float]]] = {}
        self.compared: Counter[str] = Counter()
        self.kept = Kept(lambda played: replace(played, differences=tuple(criteria.without_noise(played.differences))))
        self.groups: dict[str, GroupCounts] = {}
        self.caused: dict[str, str] = {}
        self.recorded_fine = self.refused_by_both = 0

    def add(self, played: Played) -> None:
        self._lose(played)
        if skipped := self.criteria.skips(played):
            self.skipped[skipped] += 1
            self.verdicts["skipped"] += 1
            return
        counts = self.groups.setdefault(played.route.group, GroupCounts())
        counts.exchanges += 1
        self._time(played)
        self._fits(played)
        found = self.criteria.without_noise(played.differences)
        verdict = self._count(played, found)
        self.verdicts[verdict] += 1
        counts.accepted += verdict == "accepted"
        counts.unexplained += verdict == "different"
        status = played.statuses[1]
        if status:
            self.seen[played.route, status] += 1
            self.different[played.route, status] += verdict == "different"
        for name, grouper, differences in (
            ("witness", self.witness, played.witness),
            ("golden", self.golden, played.golden),
        ):
            if differences is not None:
                self._third(name, grouper, played, self.criteria.without_noise(differences))

    def _lose(self, played: Played) -> None:
        """Count what was not carried by its kind, and keep the first few values of each."""
        for missing in played.not_carried:
            kind = missing.partition(" ")[0]
            self.not_carried[kind] += 1
            known = self.lost.setdefault(kind, {})
            shown = missing if len(missing) <= _LONGEST else missing[: _LONGEST - 1] + "…"
            if len(known) < _EXAMPLES:
                known.setdefault(shown, f"{shown} in {played.id}")

    def _count(self, played: Played, found: Sequence[Difference]) -> str:
        if not found:
            return "equal"
        route = str(played.route)
        counted = [head.difference for head in heads(found)]
        rules = [self.criteria.ledger.rule_for(route, difference, self.criteria.today) for difference in counted]
        cause = self.caused.get(played.caused_by) if played.caused_by else None
        ids = self.pair.feed(
            played.id,
            method=played.route.method,
            route=played.route.template,
            route_group=played.route.group,
            differences=found,
            size_bytes=_size(played),
            rules=[_shown(rule) if rule else None for rule in rules],
            caused_by=cause,
            kept=played.detail is not None,
        )
        self.caused[played.id] = ids[0]
        for rule, group in zip(rules, ids, strict=True):
            if rule:
                self.rules[rule.id] += 1
                self.rule_groups.setdefault(rule.id, set()).add(group)
        return "accepted" if all(rules) else "different"

    def _third(self, name: str, grouper: Grouper, played: Played, differences: Sequence[Difference]) -> None:
        """Count what a third voice says of an exchange."""
        self.compared[name] += 1
        if differences:
            self.compared[f"{name} different"] += 1
            grouper.feed(
                played.id,
                method=played.route.method,
                route=played.route.template,
                route_group=played.route.group,
                differences=differences,
                size_bytes=_size(played),
                kept=played.detail is not None,
            )

    def _fits(self, played: Played) -> None:
        """Count what was recorded as a success, and how much of it both stacks refuse here."""
        recorded, left, right = played.statuses
        if recorded and 200 <= recorded < 300:
            self.recorded_fine += 1
            self.refused_by_both += left is not None and right is not None and left >= 400 and right >= 400

    def _time(self, played: Played) -> None:
        left, right = self.elapsed.setdefault(played.route, (array("d"), array("d")))
        left.append(played.elapsed_s[0])
        right.append(played.elapsed_s[1])


def judge(journals: Sequence[Path], criteria: Criteria) -> Judged:
    """Return what the journals say under these criteria."""
    tally = _Tally(criteria)
    for journal in journals:
        for offset, played in read_places(journal):
            tally.add(played)
            if played.detail:
                tally.kept.add(played.id, journal, offset)
    measured = _measured(tally)
    comparison = _with_rules(
        _comparison(tally.pair, sum(tally.verdicts.values()), tally.verdicts["different"]), criteria
    )
    witness, golden = (
        _comparison(grouper, tally.compared[name], tally.compared[f"{name} different"])
        for name, grouper in (("witness", tally.witness), ("golden", tally.golden))
    )
    ledger = _ledger_use(tally)
    return Judged(
        reasons=tuple(_reasons(tally, comparison, golden, ledger, measured)),
        counts=_counts(tally, comparison),
        coverage=_coverage(measured),
        measured=measured,
        latencies=tuple(_latencies(tally)),
        comparison=comparison,
        witness=witness,
        golden=golden,
        ledger=ledger,
        kept=tally.kept,
        lines=lambda: _lines(journals, criteria),
        by_group=tally.groups,
    )


def _measured(tally: _Tally) -> covering.Coverage:
    criteria = tally.criteria
    expected = criteria.expected
    if criteria.scope is not None:
        groups = {str(route): route.group for route in criteria.book.routes}
        expected = {name: statuses for name, statuses in expected.items() if groups.get(name) in criteria.scope}
    return covering.measure(
        tally.seen, tally.different, book=criteria.book, expected=expected, required=criteria.required
    )


def _reasons(
    tally: _Tally, pair: Comparison, golden: Comparison, ledger: LedgerUse, measured: covering.Coverage
) -> Iterator[str]:
    judged = sum(tally.verdicts.values()) - tally.verdicts["skipped"]
    if not judged:
        yield "No exchange was compared."
    if tally.refused_by_both > _UNFIT * tally.recorded_fine:
        yield (
            f"The replay does not fit the recording: both stacks refuse {tally.refused_by_both} of "
            f"{tally.recorded_fine} exchanges that were recorded as successes; see the recorded answers for why "
            "(a start state without the people or rows of the recording, or a secret that was replaced)."
        )
    open_groups = [group for group in pair.groups if group.state != "accepted"]
    if open_groups:
        causes = len({group.cause for group in open_groups})
        different = tally.verdicts["different"]
        yield (
            f"{different} of {_many(judged, 'exchange')} {'differs' if different == 1 else 'differ'}: "
            f"{_many(len(open_groups), 'unexplained group')}, {_many(causes, 'probable cause')}."
        )
    if golden.groups:
        they = "answer is not the approved one; approve it" if golden.different == 1 else _UNAPPROVED
        yield f"{golden.different} {they} after a review, or mend the stack."
    if not measured.met:
        missing = ", ".join(f"{cell.method} {cell.route} {cell.status}" for cell in measured.missing[:3])
        more = f" and {len(measured.missing) - 3} more" if len(measured.missing) > 3 else ""
        yield f"Coverage is {measured.share:.1%}, {measured.required:.0%} is required; never seen: {missing}{more}."
    for rule in ledger.expired:
        yield f"A rule of the ledger expired on {rule.expires} ({rule.id}, owner {rule.owner}): {rule.reason}"
    for rule in ledger.unused:
        yield f"A rule of the ledger accepts nothing any more ({rule.id}, owner {rule.owner}): {rule.reason}; take it out."


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _comparison(grouper: Grouper, compared: int, different: int) -> Comparison:
    causes, groups = grouper.result()
    return Comparison(compared, compared - different, different, groups, causes)


def _with_rules(comparison: Comparison, criteria: Criteria) -> Comparison:
    expires = criteria.today + _ACCEPTED_FOR
    groups = tuple(
        replace(group, suggested_rule=suggested_rule(group, expires)) if group.state != "accepted" else group
        for group in comparison.groups
    )
    return replace(comparison, groups=groups)


def _counts(tally: _Tally, comparison: Comparison) -> Counts:
    open_groups = [group for group in comparison.groups if group.state == "unexplained"]
    return Counts(
        exchanges=sum(tally.verdicts.values()),
        equal=tally.verdicts["equal"],
        accepted=tally.verdicts["accepted"],
        different=tally.verdicts["different"],
        skipped=dict(tally.skipped),
        not_carried=dict(tally.not_carried),
        not_carried_examples={kind: tuple(known.values()) for kind, known in tally.lost.items()},
        differences=tally.pair.differences,
        groups=len(comparison.groups),
        unexplained=len(open_groups),
        causes=len(comparison.causes),
    )


def _ledger_use(tally: _Tally) -> LedgerUse:
    criteria = tally.criteria
    rules = criteria.ledger.by_id
    used = [
        RuleCount(_shown(rules[name]), count, len(tally.rule_groups[name])) for name, count in tally.rules.most_common()
    ]
    # Part of the routes cannot tell whether a rule of another part is used.
    whole = criteria.scope is None and not criteria.sample
    unused = criteria.ledger.unused(tally.rules, criteria.today) if whole else []
    return LedgerUse(
        used=tuple(used),
        unused=tuple(_shown(rule) for rule in unused),
        expired=tuple(_shown(rule) for rule in criteria.ledger.expired(criteria.today)),
        broad=tuple(count for count in used if count.groups >= BROAD),
    )


def _shown(rule: LedgerRule) -> Rule:
    return Rule(rule.id, rule.reason, rule.owner, rule.expires.isoformat())


def _coverage(measured: covering.Coverage) -> Coverage:
    """Return the cells by class: 2xx, 3xx and 5xx together, each 4xx by its number."""
    cells: dict[tuple[str, str, str, str], Cell] = {}
    for cell in measured.cells:
        status = str(cell.status) if cell.status // 100 == 4 else f"{cell.status // 100}xx"
        key = (cell.group, cell.method, cell.route, status)
        known = cells.get(key, Cell(*key, wanted=False, seen=0))
        cells[key] = replace(
            known,
            wanted=known.wanted or cell.wanted,
            seen=known.seen + cell.seen,
            different=known.different + cell.different,
        )
    return Coverage(measured.required, round(measured.share, 4), tuple(cells.values()))


def _latencies(tally: _Tally) -> Iterator[Latency]:
    for route, (left, right) in sorted(tally.elapsed.items(), key=lambda item: str(item[0])):
        points = [round(_percentile(times, share) * 1000, 3) for times in (left, right) for share in (0.5, 0.95)]
        yield Latency(route.method, route.template, len(left), *points)


def _percentile(times: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _size(played: Played) -> int:
    if played.detail is None:
        return 0
    return (
        len(played.detail.left.answer.body)
        + len(played.detail.right.answer.body)
        + len(played.detail.entry.request.body)
    )


def _lines(journals: Sequence[Path], criteria: Criteria) -> Iterator[Line]:
    for journal in journals:
        for played in read_journal(journal):
            yield _line(played, criteria)


def _line(played: Played, criteria: Criteria) -> Line:
    recorded, left, right = played.statuses
    route = played.route
    reason = criteria.skips(played)
    found = [] if reason else [head.difference for head in heads(criteria.without_noise(played.differences))]
    accepted = [criteria.ledger.rule_for(str(route), difference, criteria.today) is not None for difference in found]
    return Line(
        id=played.id,
        seq=played.seq,
        session=played.session,
        method=played.method,
        target=played.target,
        route=route.template,
        route_group=route.group,
        verdict="skipped" if reason else "equal" if not found else "accepted" if all(accepted) else "different",
        recorded=recorded,
        left=left,
        right=right,
        groups=tuple(dict.fromkeys(group_id(group_key(route.method, route.template, d)) for d in found)),
        reason=reason,
        wrote=played.wrote,
    )
