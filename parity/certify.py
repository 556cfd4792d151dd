"""Certificates of a run: one for each judged route group, with the reasons where it has not passed."""

from collections.abc import Iterator

from parity.certificate import Certificate, code_digest
from parity.config import Config, Stack
from parity.judge import Criteria, GroupCounts, Judged
from parity.report.value import Report

__all__ = ["certify", "code_of"]


def code_of(config: Config, stack: Stack) -> str:
    """Return the digest of the stack's code and of the code both run; "" where the configuration names none."""
    folders = [*([stack.folder] if stack.folder else []), *config.parity.code]
    return code_digest(config.root_of(stack), folders) if folders else ""


def certify(report: Report, judged: Judged, criteria: Criteria, database: str) -> tuple[Certificate, ...]:
    """Return the certificates of all judged groups. What concerns the whole run (an expired rule) fails each of them."""
    listed = {route.group for route in criteria.book.routes} or set(judged.by_group)
    groups = sorted(listed if criteria.scope is None else listed & criteria.scope)
    return tuple(_certificate(group, report, judged, criteria, database) for group in groups)


def _certificate(group: str, report: Report, judged: Judged, criteria: Criteria, database: str) -> Certificate:
    reasons = tuple(_reasons(group, judged, criteria))
    counts = judged.by_group.get(group, GroupCounts())
    part = judged.measured.of({group})
    return Certificate(
        group=group,
        passed=not reasons,
        reasons=reasons,
        created=report.created,
        recordings={recording.name: recording.digest for recording in report.recordings},
        ledger=criteria.ledger.digest,
        code={stack.name: stack.code for stack in report.stacks},
        database=database,
        exchanges=counts.exchanges,
        accepted=counts.accepted,
        unexplained=counts.unexplained,
        wanted=part.wanted,
        seen=part.wanted - len(part.missing),
    )


def _reasons(group: str, judged: Judged, criteria: Criteria) -> Iterator[str]:
    counts = judged.by_group.get(group)
    if counts is None or not counts.exchanges:
        yield "No exchange of this group was compared."
        return
    if counts.unexplained:
        yield "1 exchange differs." if counts.unexplained == 1 else f"{counts.unexplained} exchanges differ."
    if any(found.route_group == group for found in judged.golden.groups):
        yield "Answers are not the approved ones."
    part = judged.measured.of({group})
    if not part.met:
        yield f"Coverage is {part.share:.1%}, {part.required:.0%} is required."
    if criteria.ledger.expired(criteria.today):
        yield "The ledger holds expired rules."
