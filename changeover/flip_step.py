"""One step on: whether a group has soaked long enough and answered enough requests, and reads for one that hardly has any."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from changeover.feed import feed, recorded_reads
from changeover.flips import Control, candidate_of, groups_of
from changeover.problems import FAILED, Problem
from changeover.words import duration
from gateway.access_log import lines_since
from gateway.cohorts import SHARES
from gateway.flips import Flips
from gateway.plan import Plan
from gateway.traffic import READ_BACK_BYTES, parse

__all__ = ["last_change", "last_changes", "next_step"]

# How long the log may lag behind what was answered.
_LOGGED_WITHIN_S = 2
_POLL_S = 0.1
Say = Callable[[str], None]


def next_step(control: Control, group: str, *, wait: bool, override: str, say: Say) -> Plan:
    """Return the plan of the group's next share. Raise Problem where it is too early, or nothing is left to move."""
    groups_of(control.system, [group])
    candidate = candidate_of(control.system).name
    share = control.flips.standing().ownership.share(group)
    if share == SHARES[-1]:
        raise Problem(f"{group} is wholly served by {candidate}; there is no step left.", FAILED)
    if share and not override:
        since = last_change(control.flips, group)
        _soak(control, group, since, wait=wait, say=say)
        _have_enough(control, group, share, since, say)
    following = SHARES[SHARES.index(share) + 1]
    return control.plan(control.flips.standing().ownership.moved({group: following}))


def last_change(flips: Flips, group: str) -> float:
    """Return when (epoch, seconds) the group's share was changed last, 0 for never."""
    return last_changes(flips).get(group, 0.0)


def last_changes(flips: Flips) -> dict[str, float]:
    """Return when (epoch, seconds) each group's share was changed last; those that never were are missing."""
    return {
        change["what"]: datetime.fromisoformat(record["at"]).timestamp()
        for record in flips.audit.records()
        if record["event"] in ("done", "found")
        for change in record.get("changes", [])
    }


def _soak(control: Control, group: str, since: float, *, wait: bool, say: Say) -> None:
    left = since + control.system.config.steps.soak_s - time.time()
    if left <= 0:
        return
    if not wait:
        raise Problem(
            f"{group} has soaked for {duration(time.time() - since)}, {duration(left)} are missing; "
            "--wait waits, --override REASON does not.",
            FAILED,
        )
    say(f"Waiting {duration(left)} for {group} to soak ...")
    generation = control.flips.standing().generation
    while time.time() < since + control.system.config.steps.soak_s:
        time.sleep(_POLL_S)
        if control.flips.standing().generation != generation:
            raise Problem("The table was changed meanwhile; see `changeover history`.", FAILED)


def _have_enough(control: Control, group: str, share: int, since: float, say: Say) -> None:
    """Return once the candidate has answered enough requests of the group; recorded reads make up for thin traffic."""
    wanted = control.system.config.steps.requests
    missing = wanted - _answered(control, group, since)
    if missing <= 0:
        return
    reads = recorded_reads(control.project, control.system.config.routes, group)
    if not reads:
        raise Problem(
            f"{group} answered {wanted - missing} requests since its last step, {wanted} are needed, and it has no "
            "recorded reads to make up for them; try again later, or --override REASON.",
            FAILED,
        )
    say(f"Thin traffic: sending {missing} recorded reads of {group} to each side ...")
    fed = feed(control.system, reads, share, missing, lambda _number: None)
    candidate = candidate_of(control.system).name
    if not any(status < 400 for status in fed.statuses[candidate]):
        said = ", ".join(map(str, sorted(fed.statuses[candidate])))
        raise Problem(
            f"Every recorded read of {group} was refused ({said}), which proves nothing; try again with real traffic, "
            "or --override REASON.",
            FAILED,
        )
    if fed.different:
        shown = ", ".join(fed.different[:3])
        raise Problem(f"The stacks answered {len(fed.different)} reads with different statuses: {shown}.", FAILED)
    deadline = time.monotonic() + _LOGGED_WITHIN_S
    while _answered(control, group, since) < wanted and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    if control.flips.standing().ownership.share(group) != share:
        raise Problem(f"{group} was taken back meanwhile; see `changeover history`.", FAILED)
    if (seen := _answered(control, group, since)) < wanted:
        raise Problem(
            f"The gateway's log has {seen} requests of {group}, {wanted} are needed; see `make logs`.", FAILED
        )


def _answered(control: Control, group: str, since: float) -> int:
    """Return how many requests of the group the candidate has answered since then, by the log."""
    log = Path(control.system.settings.var_dir) / "gateway" / "log"
    candidate = candidate_of(control.system).name
    found = 0
    for lines, _ in lines_since(log, since, READ_BACK_BYTES):
        for request in filter(None, map(parse, lines)):
            is_its_own = request.group == group and request.served_by == request.owner == candidate
            found += request.at >= since and is_its_own and request.counts
    return found
