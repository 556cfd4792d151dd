"""Which requests of a recording may go out together: reads that follow one another. Sends nothing."""

from collections.abc import Iterable, Iterator

from parity.values import Entry, header

__all__ = ["together"]

_READS = frozenset({"GET", "HEAD"})


def together(entries: Iterable[Entry], most: int) -> Iterator[list[Entry]]:
    """Yield the entries in order, up to `most` reads in a row as one group, anything else alone.

    A read whose recorded answer sets a cookie ends its group, for those after it may need the cookie. With 1 the next
    entry is asked for only when the one before has been dealt with.
    """
    group: list[Entry] = []
    for entry in entries:
        reads = entry.request.method in _READS
        if group and not reads:
            yield group
            group = []
        group.append(entry)
        if len(group) >= most or not reads or _sets_cookie(entry):
            yield group
            group = []
    if group:
        yield group


def _sets_cookie(entry: Entry) -> bool:
    return entry.answer is not None and header(entry.answer.headers, "set-cookie") is not None
