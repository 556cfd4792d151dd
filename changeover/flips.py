"""Planning and carrying out changes of who serves what: the gateway's table, with the gates of this project before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from changeover.flip_gates import ask_gates
from changeover.phase_certificates import Certificates
from changeover.problems import FAILED, Problem
from changeover.project import Project, load_project
from changeover.system import System
from gateway.audit import OUTCOMES, Standing
from gateway.cohorts import SHARES
from gateway.config import CONFIG_FILE, Face, Stack
from gateway.flips import Flips, NotNow, Order, Outcome, who
from gateway.ownership import Ownership, changes
from gateway.plan import Plan, digests_of
from parity.certificate import file_of

__all__ = [
    "ALL",
    "Control",
    "audit_problems",
    "candidate_of",
    "face_of",
    "flips_of",
    "groups_of",
    "open_control",
    "previous_ownership",
    "share_wanted",
    "shares_planned",
]

# The word for every route group.
ALL = "all"


@dataclass(frozen=True)
class Control:
    """The flips of one copy, and the project whose certificates count for it."""

    system: System
    project: Project
    flips: Flips

    def plan(self, after: Ownership) -> Plan:
        """Return what would change, and what every gate says to it."""
        standing = self.flips.standing()
        different = changes(standing.ownership, after)
        gates = ask_gates(self.system, Certificates(self.project), different, after) if different else []
        return Plan(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            by=who(),
            generation=standing.generation,
            before=standing.ownership,
            after=after,
            gates=tuple(gates),
            digests=self._digests([change.what for change in different]),
        )

    def check(self, plan: Plan) -> Plan:
        """Return the plan with the gates as they are now. Raise Problem where what it was made from has changed."""
        standing = self.flips.standing()
        if plan.generation != standing.generation:
            raise Problem(
                f"The plan was made for table {plan.generation}, {standing.generation} counts by now; plan again.",
                FAILED,
            )
        if plan.after != plan.after.within(self.system.config):
            raise Problem("The plan names groups or prefixes that are not there; plan again.", FAILED)
        if changed := plan.stale(self._digests([change.what for change in plan.changes])):
            raise Problem(f"Since the plan was made, {', '.join(changed)} changed; plan again.", FAILED)
        return self.plan(plan.after)

    def carry_out(self, what: str, plan: Plan, *, reason: str, override: str, digest: str = "") -> Outcome:
        """Swap the table as planned. Raise Problem where a gate refuses and nobody takes it on himself, or none is served."""
        if plan.refused and not override:
            raise Problem(refusal(plan), FAILED)
        if plan.changes and not self.flips.is_served():
            raise Problem(f"The gateway does not answer at {self.system.gateway_url}; type `make up` first.", FAILED)
        facts: dict[str, Any] = {"plan": digest or plan.digest()}
        if plan.refused:
            facts |= {"overridden": [gate.as_json() for gate in plan.refused], "override": override}
        return self._decide(lambda _: Order(what, plan.after, reason, standing=plan.generation, facts=facts))

    def take_back(self, after: Ownership, reason: str) -> Outcome:
        """Swap the table at once: no gates, and it stays even if nobody can see it work."""
        return self._decide(lambda _: Order("rollback", after, reason, must_stay=True))

    def give_back(self, groups: Sequence[str], reason: str) -> Outcome:
        """Swap the table at once, as `take_back`: these groups go wholly to the primary, whatever becomes of others."""
        back = dict.fromkeys(groups, 0)
        return self._decide(lambda standing: Order("rollback", standing.ownership.moved(back), reason, must_stay=True))

    def undo(self, reason: str) -> Outcome:
        """Swap the table at once, as `take_back`, for the one before the last change. Raise Problem where there is none.

        What would give the candidate more is refused, for it would pass by the gates: the last change went back already.
        """

        def before(standing: Standing) -> Order:
            after, number = previous_ownership(self.flips)
            grown = [change.what for change in changes(standing.ownership, after) if change.after > change.before]
            if grown := [what for what in grown if ":" not in what]:
                raise Problem(
                    f"The last change went back already: undoing it would move {', '.join(grown)} forward past the gates; "
                    "say it with `changeover flip`, or go further back with a group or --all.",
                    FAILED,
                )
            return Order("rollback", after, reason, must_stay=True, facts={"back_to": number})

        return self._decide(before)

    def pin(self, after: Ownership, reason: str) -> Outcome:
        """Swap the table for another set of pins; the shares stay, whatever they are by then."""
        if not self.flips.is_served():
            raise Problem(f"The gateway does not answer at {self.system.gateway_url}; type `make up` first.", FAILED)
        return self._decide(lambda standing: Order("pin", replace(standing.ownership, loose=after.loose), reason))

    def _decide(self, order_for: Callable[[Standing], Order]) -> Outcome:
        try:
            return self.flips.decide(order_for)
        except NotNow as refused:
            raise Problem(f"Not changed: {refused}.", FAILED) from None
        except OSError as error:
            raise Problem(
                f"{error.filename or self.flips.folder}: {error.strerror}; table {self.flips.table.current() or 'none'} "
                "counts. Make room, or type it as who typed `make up`.",
                FAILED,
            ) from None

    def _digests(self, groups: Sequence[str]) -> Mapping[str, str]:
        root = self.system.root
        certificates = [file_of(self.project.certificates, group) for group in groups if ":" not in group]
        return digests_of(root, [root / CONFIG_FILE, self.system.config.route_file, *certificates])


def open_control(system: System) -> Control:
    """Return the control of a copy that has two stacks. Raise Problem where there is nothing to move to."""
    candidate_of(system)
    return Control(system, load_project(system.root), flips_of(system))


def flips_of(system: System) -> Flips:
    """Return the flips of a copy, whose history can be read also when only one stack is left."""
    return Flips.of(system.config, Path(system.settings.var_dir))


def candidate_of(system: System) -> Stack:
    """Return the stack that route groups move to. Raise Problem where only one stack is left."""
    if system.config.candidate is None:
        raise Problem(f"Only {system.config.primary.name} is left; there is no other stack to move to or from.")
    return system.config.candidate


def groups_of(system: System, names: Sequence[str]) -> list[str]:
    """Return the route groups named, all of them for `all`. Raise Problem for an unknown one."""
    known = [group.id for group in system.config.routes.groups]
    for name in names:
        if name not in known and name != ALL:
            raise Problem(f'There is no route group "{name}"; there are {", ".join(known)}, and "{ALL}".')
    return known if ALL in names else list(dict.fromkeys(names))


def share_wanted(system: System, to: str, percent: int | None) -> int:
    """Return the candidate's share when `percent` of the visitors (100 by default) go to the stack `to`. Raise Problem."""
    candidate, primary = candidate_of(system), system.config.primary
    if to not in (candidate.name, primary.name):
        raise Problem(f'--to = "{to}": there is no such stack; use {candidate.name} or {primary.name}.')
    wanted = 100 if percent is None else percent
    if wanted not in SHARES[1:]:
        raise Problem(f"--percent = {wanted}: must be {_one_of(SHARES[1:])}.")
    share = wanted if to == candidate.name else 100 - wanted
    if share not in SHARES:
        raise Problem(
            f"--to {to} --percent {wanted}: would leave {share} % with {candidate.name}, which is no step; "
            f"say it as --to {candidate.name} --percent 1, 5, 25 or 50."
        )
    return share


def shares_planned(system: System, texts: Sequence[str], phase: int | None, percent: int | None) -> dict[str, int]:
    """Return the shares asked for by `GROUP=PERCENT`, and by a phase whose groups all go there. Raise Problem."""
    candidate = candidate_of(system).name
    planned: dict[str, int] = {}
    if phase is not None:
        phases = {each.id: each for each in system.config.routes.phases}
        if phase not in phases:
            raise Problem(f"There is no phase {phase}; there are {', '.join(map(str, phases))}.")
        planned |= dict.fromkeys(phases[phase].groups, share_wanted(system, candidate, percent))
    elif percent is not None:
        raise Problem("--percent goes with --phase; a single group is said as --to GROUP=PERCENT.")
    for text in texts:
        name, _, share = text.partition("=")
        if share not in map(str, SHARES):
            raise Problem(f"--to {text}: must be a group and a share, such as jobs.read=25, with {_one_of(SHARES)}.")
        planned |= dict.fromkeys(groups_of(system, [name]), int(share))
    if not planned:
        raise Problem("Say what to plan: --to GROUP=PERCENT, or --phase N of a phase that moves route groups.")
    return planned


def previous_ownership(flips: Flips) -> tuple[Ownership, int]:
    """Return what the table held before the last change that was not itself undone, and the number of its line.

    So going back twice goes back two changes. Raise Problem where nothing is left to undo.
    """
    states: list[tuple[int, Ownership]] = [(0, Ownership())]
    config = flips.config
    for record in flips.audit.records():
        if record["event"] not in OUTCOMES:
            continue
        if "back_to" in record:
            while states[-1][0] > record["back_to"]:
                states.pop()
        ownership = Ownership(record["shares"], frozenset(record["loose"])).within(config)
        if ownership != states[-1][1]:
            states.append((record["number"], ownership))
    if len(states) < 2:
        raise Problem("Nothing is left to go back to: every change was undone, or there was none.")
    number, ownership = states[-2]
    return ownership, number


def audit_problems(flips: Flips) -> list[str]:
    """Return what shows that history or table were tampered with, one sentence each."""
    problems, standing = flips.audit.problems(), flips.standing()
    is_new = not standing.generation and not flips.table.current()
    if not problems and not is_new and not flips.is_true():
        problems.append(
            f"The table on disk ({flips.table.current() or 'none'}) is not the one that the history ends with "
            f"({standing.generation or 'none'}), or files were changed in it; `make up` makes it again."
        )
    return problems


def face_of(system: System, name: str) -> Face:
    """Return the pinned prefix that is called so (`v2` for `/api/v2`). Raise Problem for another."""
    faces = [face for face in system.config.faces if face.pinned]
    for face in faces:
        if name in (face.prefix, face.prefix.rpartition("/")[2]):
            return face
    there = ", ".join(face.prefix.rpartition("/")[2] for face in faces) or "none"
    raise Problem(f'There is no prefix "{name}" that could be pinned; there is {there}.')


def refusal(plan: Plan) -> str:
    """Return the failed gates as one line."""
    said = [f"{gate.group or 'all'} ({gate.name}): {gate.words}" for gate in plan.refused]
    shown, more = said[:3], len(said) - 3
    rest = f"; and {more} more, see `changeover plan`" if more > 0 else ""
    return f"Refused: {'; '.join(shown)}{rest}. Override with --override REASON."


def _one_of(shares: Sequence[int]) -> str:
    *others, last = map(str, shares)
    return f"{', '.join(others)} or {last}"
