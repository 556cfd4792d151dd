"""What the gateway's log says about requests: a line as a value, and how many there were of each group and stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from gateway.access_log import lines_since
from gateway.prove import PROBE

__all__ = ["Counts", "LastHour", "Request", "last_hour", "parse"]

TEXTS = ("rid", "p", "g", "c", "o", "by", "fb", "forced", "gen", "us", "uht")
HOUR_S = 3600
# What is read back at most, from the end: about 150,000 requests.
READ_BACK_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the gateway answered it, `at` (epoch, seconds).

    `owner` is the stack chosen for it, `served_by` the one that answered ("none" for nobody), `fell_from` the one that
    failed before ("" for none), `forced` the one a tester asked for. `tried` says whether any stack was asked at all,
    `waited_s` how long the first byte of its answer took (None where it is not known of one stack), `unported` whether
    an incomplete owner said that it does not have this yet, and passed it on.
    """

    at: float
    rid: str
    path: str
    group: str
    cohort: str
    owner: str
    served_by: str
    fell_from: str
    forced: str
    generation: str
    status: int
    tried: bool
    waited_s: float | None
    unported: bool = False

    @property
    def counts(self) -> bool:
        """Whether it tells anything about its owner: chosen by the table, asked, able, and no probe of our own."""
        return self.tried and not self.forced and not self.unported and not self.rid.startswith(PROBE)

    @property
    def failed(self) -> bool:
        """Whether its owner did not answer it, or answered that it failed."""
        return self.status >= 500 or self.fell_from == self.owner


def parse(line: bytes) -> Request | None:
    """Return the request of a line, None for what is no line of this log."""
    try:
        facts = orjson.loads(line)
        # Fails unless all of these are texts.
        "".join([facts[name] for name in TEXTS])
        return Request(
            at=float(facts["t"]),
            rid=facts["rid"],
            path=facts["p"],
            group=facts["g"],
            cohort=facts["c"],
            owner=facts["o"],
            served_by=facts["by"],
            fell_from=facts["fb"],
            forced=facts["forced"],
            generation=facts["gen"],
            status=int(facts["s"]),
            tried=facts["us"] not in ("", "-"),
            waited_s=None if facts["fb"] else last_number(facts["uht"]),
            unported=bool(facts["fb"]) and facts["us"].startswith("501"),
        )
    except (ValueError, KeyError, TypeError):
        return None


def last_number(times: str) -> float | None:
    """Return the last of nginx's joined times, which is that of the try that was answered."""
    try:
        return float(times.replace(" : ", ", ").rpartition(", ")[2])
    except ValueError:
        return None


@dataclass(frozen=True)
class Counts:
    """Requests of a group that were a stack's; of those, errors sent to clients, and those the other stack answered."""

    requests: int = 0
    errors: int = 0
    fallbacks: int = 0


@dataclass(frozen=True)
class LastHour(Mapping[tuple[str, str], Counts]):
    """Counts by (group, stack), from `since` on (epoch, seconds): an hour ago, or later where that was too much to read."""

    counts: Mapping[tuple[str, str], Counts]
    since: float

    def __getitem__(self, key: tuple[str, str]) -> Counts:
        return self.counts[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.counts)

    def __len__(self) -> int:
        return len(self.counts)


def last_hour(log_folder: Path, now: float, limit_bytes: int = READ_BACK_BYTES) -> LastHour:
    """Return what the log has of the last hour. Testers and pinned prefixes count as well, our own probes do not."""
    since, first, cut = now - HOUR_S, now, False
    found: dict[tuple[str, str], list[int]] = {}
    for lines, was_cut in lines_since(log_folder, since, limit_bytes):
        cut = cut or was_cut
        for request in filter(None, map(parse, lines)):
            if request.at < since or not request.tried or request.rid.startswith(PROBE):
                continue
            first = min(first, request.at)
            numbers = found.setdefault((request.group, request.owner), [0, 0, 0])
            numbers[0] += 1
            numbers[1] += request.status >= 500
            numbers[2] += request.fell_from == request.owner and not request.unported
    return LastHour({key: Counts(*numbers) for key, numbers in found.items()}, first if cut else since)
