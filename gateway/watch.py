"""The loop that takes traffic back by itself: it reads the log, asks the judge, and carries out what the verdict says.

Armed in every state. It outlives a missing log, a line it cannot read, and a gateway that is started again.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.access_log import ACCESS_LOG, Follower, rotate
from gateway.chronicle import Chronicle, Stint
from gateway.config import Stack
from gateway.drift import Expectation
from gateway.evidence import Mark
from gateway.flips import Flips, NotNow, Order
from gateway.judge import Judge, Row, Verdict
from gateway.pulse import Beat, Heart, Pulse, ask
from gateway.traffic import HOUR_S, READ_BACK_BYTES, Request, parse

__all__ = ["Event", "Watch"]

logger = logging.getLogger(__name__)
POLL_S = 0.05
ROTATE_EVERY_S = 5.0
PICTURE_EVERY_S = 0.5
# The same alarm is told at most so often, in seconds.
ALARM_EVERY_S = 60.0
Tell = Callable[["Event"], None]


@dataclass(frozen=True)
class Event:
    """Something that happened: `watching`, `answers`, `rolled back`, `would roll back`, `kept`, `alarm`, `rotated` or `failed`."""

    what: str
    words: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    def as_json(self) -> dict[str, Any]:
        return {"at": self.at, "event": self.what, "words": self.words, **self.facts}


class Watch:
    """One watcher of a copy. With `observe` it changes nothing; `reopen` tells nginx to open its log again."""

    def __init__(
        self,
        flips: Flips,
        candidate: Stack,
        tell: Tell,
        *,
        observe: bool = False,
        reopen: Callable[[], None] | None = None,
    ) -> None:
        self.flips, self.config, self.candidate = flips, flips.config, candidate
        self.observe, self.reopen, self.tell = observe, reopen, tell
        self.log = flips.table.folder.parent / "log" / ACCESS_LOG
        self.judge = Judge(self.config.primary.name, candidate.name)
        self.heart, self.pulse = Heart(self.config, candidate), Pulse()
        self.began = time.time()
        self.follower = Follower(self.log, self.began - HOUR_S, READ_BACK_BYTES)
        self.chronicle, self.expectations = Chronicle(), dict[str, Expectation]()
        self.audit_seen: tuple[int, int] | None = None
        self.told: dict[str, float] = {}
        self.rotated_at = time.monotonic()
        self.rows: tuple[Row, ...] = ()
        self.pictured_at = 0.0

    def beginning(self) -> Event:
        """Return the event to begin with: what is watched, and whether anything is done about it."""
        groups = self.flips.standing().ownership.shares
        moved = ", ".join(f"{group} {share} %" for group, share in groups.items()) or "no group"
        mode = "changing nothing" if self.observe else "taking back what does worse"
        return Event("watching", f"{self.candidate.name} has {moved}; {mode}", {"shares": dict(groups)})

    def run(self, stop: threading.Event) -> None:
        """Watch until told to stop. Nothing that goes wrong in between ends it."""
        self.heart.start()
        try:
            while not stop.is_set():
                try:
                    busy = self.step()
                except Exception as error:
                    logger.exception("The watch goes on after an error.")
                    self._alarm("failed", "error", f"{type(error).__name__}: {error}")
                    busy = False
                if not busy:
                    stop.wait(POLL_S)
        finally:
            self.heart.stop()
            self.follower.close()

    def step(self) -> bool:
        """Look once at everything there is to see, and return whether there may be more at once."""
        self._read_audit()
        lines = self.follower.poll()
        for request in filter(None, map(parse, lines)):
            self._see(request)
        for beat in self.heart.new_beats():
            self._feel(beat)
        self._rotate()
        self._picture()
        return bool(lines)

    def _read_audit(self) -> None:
        """Learn who has which share now, if that may have changed."""
        try:
            there = self.flips.audit.path.stat()
        except FileNotFoundError:
            return
        if self.audit_seen == (there.st_mtime_ns, there.st_size):
            return
        self.audit_seen = (there.st_mtime_ns, there.st_size)
        self.chronicle, self.expectations = Chronicle.of(self.flips.audit.records()), {}
        self.judge.now(self.chronicle.stints.get(self.chronicle.standing, {}))

    def _expectation(self, generation: str) -> Expectation | None:
        """Return who must serve what by a generation; None for one that the audit does not know."""
        if generation not in self.expectations:
            if generation not in self.chronicle.ownerships:
                self._read_audit()
            if generation not in self.chronicle.ownerships:
                return None
            ownership = self.chronicle.ownerships[generation]
            self.expectations[generation] = Expectation.of(self.config, ownership)
        return self.expectations[generation]

    def _see(self, request: Request) -> None:
        """Count a request; one from before the start only teaches what is usual."""
        is_news = request.at >= self.began
        expectation = self._expectation(request.generation) if request.generation else None
        if is_news and request.tried and not request.generation:
            self._alarm("alarm", "blind", f"request {request.rid} was decided without the table: it cannot be read")
        if is_news and expectation and expectation.is_stray(request):
            words = f"request {request.rid} was {request.owner}'s, by the table it is {expectation.owner(request)}'s"
            self._alarm("alarm", "stray", words)
        verdict = self.judge.see(request, self._stint(request, expectation))
        if verdict and is_news:
            self._act(verdict)

    def _stint(self, request: Request, expectation: Expectation | None) -> Stint | None:
        if expectation is None or not expectation.is_movable(expectation.face(request.path)):
            return None
        return self.chronicle.stints[request.generation].get(request.group)

    def _feel(self, beat: Beat) -> None:
        was_up, was_down = self.pulse.was_up, self.pulse.is_down
        self.pulse.feel(beat.candidate)
        if beat.candidate == "alive" and (was_down or not was_up):
            self.tell(Event("answers", f"{self.candidate.name} answers at {self.candidate.address}"))
        if self.pulse.is_down:
            self._down(beat, is_news=not was_down)

    def _down(self, beat: Beat, *, is_news: bool) -> None:
        """Give everything back, unless the primary is down as well; what cannot be changed is told once."""
        name, primary = self.candidate.name, self.config.primary.name
        moved = tuple(sorted(self.judge.standing))
        if moved and beat.primary == "alive":
            if is_news or not self.observe:
                words = f"{name} does not answer at {self.candidate.address} ({beat.candidate})"
                self._act(Verdict("down", moved, Mark(), 0.0, words))
        elif is_news and moved:
            self.tell(Event("kept", f"{name} does not answer; nor does {primary}: moving makes nothing better"))
        elif is_news:
            self.tell(Event("alarm", f"{name} does not answer; no group is its own"))

    def _act(self, verdict: Verdict) -> None:
        if self.observe:
            self.judge.settled(verdict)
            self.tell(Event("would roll back", verdict.words, {"verdict": verdict.as_json()}))
        elif verdict.rule != "down" and ask(self.config.primary) != "alive":
            words = f"{verdict.words}; not rolled back, because {self.config.primary.name} does not answer"
            self._alarm("kept", verdict.rule, words)
        else:
            self._roll_back(verdict)

    def _roll_back(self, verdict: Verdict) -> None:
        """Give the verdict's groups back, but for those whose share was changed since."""
        judged = self.judge.standing
        self._read_audit()
        groups = [
            group for group in verdict.groups if group in judged and judged[group] == self.judge.standing.get(group)
        ]
        if not groups:
            return
        standing = self.flips.standing()
        order = Order(
            "rollback by watch",
            standing.ownership.moved(dict.fromkeys(groups, 0)),
            reason=verdict.words,
            standing=standing.generation,
            must_stay=True,
            facts={"verdict": verdict.as_json()},
        )
        try:
            outcome = self.flips.carry_out(order)
        except (NotNow, OSError) as error:
            self._alarm("failed", "rollback", f"{verdict.words}; not rolled back: {error}")
            return
        self.judge.settled(verdict)
        self._read_audit()
        facts = {"verdict": verdict.as_json(), "groups": groups, "generation": outcome.generation}
        proof = f"proven in {outcome.proof.proven_ms:g} ms" if outcome.proof.seen else f"but {outcome.proof.instead}"
        self.tell(Event("rolled back", f"{verdict.words}; {outcome.generation}, {proof}", facts))

    def _alarm(self, what: str, kind: str, words: str) -> None:
        """Tell it, unless one of its kind was told within the last minute."""
        now = time.monotonic()
        if now - self.told.get(kind, -ALARM_EVERY_S) >= ALARM_EVERY_S:
            self.told[kind] = now
            self.tell(Event(what, words))

    def _picture(self) -> None:
        """Renew `rows`, which another thread may show."""
        now = time.monotonic()
        if now - self.pictured_at >= PICTURE_EVERY_S:
            self.rows, self.pictured_at = tuple(self.judge.rows()), now

    def _rotate(self) -> None:
        if self.reopen and time.monotonic() - self.rotated_at >= ROTATE_EVERY_S:
            self.rotated_at = time.monotonic()
            if rotate(self.log, self.reopen):
                self.tell(Event("rotated", f"{self.log.name} was put aside"))
