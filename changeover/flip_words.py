"""How plans, outcomes and history are said to people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from changeover.route_status import RoutesReport
from changeover.words import one_line
from gateway.config import Config
from gateway.flips import Outcome
from gateway.ownership import Change
from gateway.plan import Plan
from gateway.traffic import Counts

__all__ = ["Words"]

_STYLES = {"done": "green", "nothing": "dim", "reverted": "red", "found": "yellow", "wanted": "yellow"}


class Words:
    """Prints on one console, with the names of one pair's stacks."""

    def __init__(self, console: Console, config: Config) -> None:
        self._console = console
        self._candidate = config.candidate.name if config.candidate else config.primary.name

    def change(self, change: Change) -> str:
        """Return `jobs.read: modern 1 % -> 5 %`, or what becomes of a pin."""
        if change.what.startswith("pin:"):
            return (
                f"{change.what.removeprefix('pin:')}: {'pinned to ' + self._candidate if change.after else 'pin out'}"
            )
        return f"{change.what}: {self._candidate} {change.before} % -> {change.after} %"

    def plan(self, plan: Plan) -> None:
        if not plan.changes:
            self._console.print("Nothing would change.", style="dim")
            return
        for change in plan.changes:
            self._console.print(self.change(change), style="bold")
        if plan.requests_per_hour is not None:
            self._console.print(f"{plan.requests_per_hour} requests an hour would be answered by another stack")
        gates = Table("gate", "group", "", box=None, pad_edge=False)
        for gate in plan.gates:
            said = gate.words if gate.passed else f"REFUSED  {gate.words}"
            gates.add_row(gate.name, gate.group or "all", said, style="green" if gate.passed else "red")
        self._console.print(gates)

    def routes(self, report: RoutesReport) -> None:
        traffic = [f"{stack}: requests (errors) of the last hour" for stack in (report.primary, report.candidate)]
        table = Table("group", Column(report.candidate, justify="right"), "since", "parity", *traffic, box=None)
        for group in report.groups:
            share = f"{group.share} %" if group.share else "-"
            since = group.since[:16].replace("T", " ")
            counts = [told(group.traffic[stack]) for stack in (report.primary, report.candidate)]
            style = "green" if group.share == 100 else "yellow" if group.share else None
            table.add_row(group.id, share, since, group.certificate.word, *counts, style=style)
        self._console.print(table)
        for prefix, pinned in report.pins.items():
            said = f"pinned to {report.candidate}" if pinned else "follows the groups"
            self._console.print(f"{prefix} {said}; table {report.generation}")

    def outcome(self, outcome: Outcome) -> None:
        proof = outcome.proof
        if outcome.word == "nothing":
            self._console.print(f"Nothing to do; table {outcome.generation} says so already.", style="dim")
            return
        for change in outcome.changes:
            self._console.print(self.change(change), style="bold")
        if outcome.word == "reverted":
            self._console.print(f"Taken back, because it could not be proven: {proof.instead}.", style="red")
        elif proof.seen:
            said = f"first answer after {proof.first_ms:g} ms, proven after {proof.proven_ms:g} ms by {proof.requests} requests"
            self._console.print(f"Table {outcome.generation} counts: {said}.", style="green")
        else:
            self._console.print(
                f"Table {outcome.generation} is set, but was not seen at work: {proof.instead}.", style="yellow"
            )

    def record(self, record: Mapping[str, Any]) -> None:
        """Print one line of the audit; what was only wanted is shown by what came of it."""
        event = str(record["event"])
        if event in ("wanted", "unreadable"):
            return
        changes = "; ".join(self.change(Change(**change)) for change in record.get("changes", []))
        proof = record.get("proof") or {}
        facts = [
            f"proven in {proof['proven_ms']:g} ms" if proof.get("seen") else "",
            f"because: {record['reason']}" if record.get("reason") else "",
            f"gates overridden: {record['override']}" if record.get("override") else "",
            f"not proven: {proof['instead']}" if proof.get("instead") else "",
        ]
        said = one_line(
            " · ".join(filter(None, [changes or ("the same table" if "generation" in record else ""), *facts]))
        )
        at = str(record["at"])[:19].replace("T", " ")
        line = f"{at}  {record.get('generation', ''):5}  {event:8} {record.get('what', ''):10} {record.get('by', '')}  {said}"
        self._console.print(line, style=_STYLES.get(event))


def told(counts: Counts) -> str:
    """Return `120 (3)`, with the requests that the other stack had to answer, "-" for none at all."""
    if not counts.requests:
        return "-"
    fallbacks = f", {counts.fallbacks} by the other" if counts.fallbacks else ""
    return f"{counts.requests} ({counts.errors}{fallbacks})"
