"""Made-up traffic for the judge: seeded, so that a run can be repeated, and as cheap as thousands of runs need."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gateway.chronicle import Stint
from gateway.judge import Judge, Verdict
from gateway.traffic import Request

__all__ = ["Stack", "Traffic", "made", "run_until_verdict"]

OK = Request(
    at=0.0,
    rid="r",
    path="/api/things",
    group="things.read",
    cohort="c100",
    owner="primary",
    served_by="primary",
    fell_from="",
    forced="",
    generation="g0002",
    status=200,
    tried=True,
    waited_s=0.01,
)


def made(**facts: object) -> Request:
    """Return a request of the primary that went well, but for what is said."""
    return replace(OK, **facts)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Stack:
    """How a stack behaves: its share of errors, of each other status, and its waiting times (median, and spread)."""

    errors: float = 0.0
    refusals: tuple[tuple[int, float], ...] = ()
    median_s: float = 0.01
    spread: float = 0.5

    def answer(self, chance: random.Random) -> tuple[int, float]:
        return self.status(chance.random()), self.median_s * chance.lognormvariate(0, self.spread)

    def status(self, drawn: float) -> int:
        if drawn < self.errors:
            return 500
        for status, share in self.refusals:
            drawn -= share
            if drawn < self.errors:
                return status
        return 200


@dataclass(frozen=True)
class Traffic:
    """Requests of some groups, evenly, at so many a second; the candidate has a share (in %) of each."""

    share: int
    primary: Stack
    candidate: Stack
    groups: tuple[str, ...] = ("things.read",)
    per_second: float = 150.0

    @property
    def stints(self) -> dict[str, Stint]:
        return {group: Stint(group, self.share, "g0002") for group in self.groups}

    def requests(self, chance: random.Random, count: int) -> Iterator[Request]:
        at = 0.0
        for _ in range(count):
            at += chance.expovariate(self.per_second)
            mine = chance.random() * 100 < self.share
            status, waited_s = (self.candidate if mine else self.primary).answer(chance)
            group = self.groups[int(chance.random() * len(self.groups))]
            owner = "candidate" if mine else "primary"
            yield Request(at, "r", "/api/x", group, "c1", owner, owner, "", "", "g0002", status, True, waited_s)


def run_until_verdict(
    traffic: Traffic, chance: random.Random, count: int, before: int = 0
) -> tuple[Verdict | None, float, int]:
    """Return the first verdict, when it came (seconds), and how many errors the candidate had answered by then.

    `before` is how many requests the primary had answered alone before.
    """
    judge = Judge("primary", "candidate")
    for request in replace(traffic, share=0).requests(chance, before):
        judge.see(request, None)
    judge.now(traffic.stints)
    stints, errors, at = traffic.stints, 0, 0.0
    for request in traffic.requests(chance, count):
        errors += request.status >= 500 and request.owner == "candidate"
        at = request.at
        if verdict := judge.see(request, stints[request.group]):
            return verdict, at, errors
    return None, at, errors
