"""Which earlier entries of a recording an entry needs: those whose answers first showed an id or a token that it sends."""

import re
from collections.abc import Iterator, Sequence

from parity.shapes import EMBEDDED
from parity.values import Entry

__all__ = ["needed_by"]

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
