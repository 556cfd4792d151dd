"""What a report shows of the exchanges that are its examples, without secrets."""

import re
from collections.abc import Iterator, Mapping, Sequence

from parity.grouping import group_id, group_key, heads
from parity.journal import Detail as Whole
from parity.journal import Played
from parity.judge import Judged
from parity.report.detail import Mask, Seen, detail_of
from parity.report.value import Comparison, Detail, StackInfo

__all__ = ["details_of", "mask_of"]

_MASKED = "[hidden]"
# What all examples together may hold; of a body the report shows no more than this, and an exchange is never nothing.
_ROOM_BYTES = 6 * 1024 * 1024
_SHOWN_BYTES = 64 * 1024
_LEAST_BYTES = 1024
_TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
_NAMES = r"[\w-]*(?:passw(?:or)?d|secret|api[_-]?key|credential|private[_-]?key)[\w-]*"


def mask_of(names: Sequence[str]) -> Mask:
    """Return what hides tokens, and the values of secret names in JSON and forms; `names` are secret besides the usual ones."""
    wanted = "|".join([_NAMES, *map(re.escape, names)])
    in_json = re.compile(rf'("(?:{wanted})"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
    in_form = re.compile(rf"((?:^|[?&])(?:{wanted})=)[^&\s]*", re.IGNORECASE)

    def mask(text: str) -> str:
        text = _TOKEN.sub("<jwt>", text)
        text = in_json.sub(rf'\1"{_MASKED}"', text)
        return in_form.sub(rf"\1{_MASKED}", text)

    return mask


def details_of(judged: Judged, stacks: tuple[StackInfo, StackInfo], secrets: Sequence[str]) -> Mapping[str, Detail]:
    """Return the examples of all groups, of both stacks and of the witnesses, by exchange id, as far as a report can bear."""
    mask = mask_of(secrets)
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
