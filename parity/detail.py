"""What a report shows of the exchanges that are its examples, without secrets."""

import re
from collections.abc import Iterator, Mapping, Sequence

from parity.grouping import group_id, group_key, heads
from parity.journal import Detail as Whole
from parity.journal import Played
from parity.judge import Judged
from parity.redaction.names import Names
from parity.report.detail import Mask, Seen, detail_of
from parity.report.value import Comparison, Detail, StackInfo

__all__ = ["details_of", "mask_of"]

_MASKED = "[hidden]"
# What all examples together may hold; of a body the report shows no more than this, and an exchange is never nothing.
_ROOM_BYTES = 6 * 1024 * 1024
_SHOWN_BYTES = 64 * 1024
_LEAST_BYTES = 1024
_TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
_IN_JSON = re.compile(r'("((?:[^"\\]|\\.)*)"\s*:\s*)"(?:[^"\\]|\\.)*"')
_IN_FORM = re.compile(r"((?:^|[?&])([^=?&\s]+)=)[^&\s]*")


def mask_of(names: Names) -> Mask:
    """Return what hides tokens, and the values under names that a recording would not hold either, in JSON and forms."""

    def hidden(found: re.Match[str], value: str) -> str:
        return found[1] + value if names.secrecy(found[2]) else found[0]

    def mask(text: str) -> str:
        text = _IN_JSON.sub(lambda found: hidden(found, f'"{_MASKED}"'), _TOKEN.sub("<jwt>", text))
        return _IN_FORM.sub(lambda found: hidden(found, _MASKED), text)

    return mask


def details_of(judged: Judged, stacks: tuple[StackInfo, StackInfo], names: Names) -> Mapping[str, Detail]:
    """Return the examples of all groups, of both stacks and of the witnesses, by exchange id, as far as a report can bear.

    `names` tell what is secret.
    """
    mask = mask_of(names)
    found: dict[str, Detail] = {}
    room_bytes = _ROOM_BYTES
    for exchange in dict.fromkeys(_examples([judged.comparison, judged.witness, judged.golden])):
        played = judged.kept.get(exchange)
        if played and played.detail:
            room_bytes -= _size_bytes(played.detail)
            if room_bytes < 0:
                break
            found[exchange] = detail_of(_seen(played, played.detail), stacks, mask)
    return found


def _examples(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield one exchange of each group, then further ones, until there is no more room."""
    groups = [group for comparison in comparisons for group in comparison.groups]
    yield from (group.example for group in groups)
    yield from (exchange for group in groups for exchange in group.exchanges[:3])


def _size_bytes(detail: Whole) -> int:
    """Return about how much a report shows of an exchange."""
    answers = [detail.left.answer, detail.right.answer, *([detail.entry.answer] if detail.entry.answer else [])]
    bodies = [detail.entry.request.body, *(answer.body for answer in answers)]
    rows = len(detail.left.rows) + len(detail.right.rows) + len(detail.left.effects) + len(detail.right.effects)
    return _LEAST_BYTES + sum(min(len(body), _SHOWN_BYTES) for body in bodies) + rows * _LEAST_BYTES


def _seen(played: Played, detail: Whole) -> Seen:
    route = played.route
    of_heads = {
        id(h.difference): group_id(group_key(route.method, route.template, h.difference))
        for h in heads(played.differences)
    }
    lead = next(iter(of_heads.values()), "")
    return Seen(
        id=played.id,
        request=detail.entry.request,
        sent=detail.sent,
        outcomes=(detail.left, detail.right),
        recorded=detail.entry.answer,
        differences=played.differences,
        groups=[of_heads.get(id(difference), lead) for difference in played.differences],
        witness=played.witness or played.golden or (),
    )
