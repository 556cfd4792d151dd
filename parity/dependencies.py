"""Which earlier entries of a recording an entry needs: those whose answers first showed an id or a token that it sends."""

import re
from collections.abc import Iterator, Sequence

from parity.shapes import EMBEDDED, JWT, PLACEHOLDER
from parity.values import Entry

__all__ = ["needed_by", "on_the_same", "writes_before"]

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_NUMBER_SEGMENT = re.compile(r"/([\w-]+)/(\d{1,18})(?=[/?]|$)")


def needed_by(entries: Sequence[Entry], wanted: int) -> list[int]:
    """Return the positions of the entries that the one at `wanted` builds on, in order, itself included."""
    first_shown: dict[str, int] = {}
    for position, entry in enumerate(entries[: wanted + 1]):
        for name in _shown(entry):
            first_shown.setdefault(name, position)
    needed, waiting = {wanted}, [wanted]
    while waiting:
        position = waiting.pop()
        for name in _used(entries[position]):
            source = first_shown.get(name, position)
            if source < position and source not in needed:
                needed.add(source)
                waiting.append(source)
    return sorted(needed)


def on_the_same(entries: Sequence[Entry], wanted: int) -> list[int]:
    """Return the positions of the earlier entries that name an id which the one at `wanted` names, with what they need."""
    names = _things(entries[wanted])
    touching = [position for position in range(wanted) if names & _things(entries[position])]
    return sorted({needed for position in [*touching, wanted] for needed in needed_by(entries, position)} - {wanted})


def writes_before(entries: Sequence[Entry], wanted: int) -> list[int]:
    """Return the positions of the earlier entries that changed something, as far as methods and answers tell."""
    return [
        position
        for position, entry in enumerate(entries[:wanted])
        if entry.request.method not in _READING and (entry.answer is None or entry.answer.status < 400)
    ]


def _things(entry: Entry) -> set[str]:
    """Return the ids that a request names; whose token it holds does not count."""
    return {name for name in _used(entry) if not (PLACEHOLDER.fullmatch(name) or JWT.fullmatch(name))}


def _shown(entry: Entry) -> Iterator[str]:
    """Yield what the answer names for the first time as far as its own request did not: ids, tokens, new numbered rows."""
    if entry.answer is None:
        return
    sent = set(_used(entry))
    for name in EMBEDDED.findall(entry.answer.body.decode("utf-8", "replace")):
        if name not in sent:
            yield name
    if entry.request.method == "POST":
        collection = entry.request.target.partition("?")[0].rstrip("/").rpartition("/")[2]
        for number in re.findall(rb'"id"\s*:\s*(\d{1,18})', entry.answer.body):
            yield f"{collection}/{number.decode()}"


def _used(entry: Entry) -> Iterator[str]:
    request = entry.request
    texts = [request.target, request.body.decode("utf-8", "replace"), *(value for _, value in request.headers)]
    for text in texts:
        yield from EMBEDDED.findall(text)
    for collection, number in _NUMBER_SEGMENT.findall(request.target):
        yield f"{collection}/{number}"
