"""The secrets seen so far, and where they stand in a text: as they are, percent-encoded, or inside base64."""

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from parity.redaction.index import Index
from parity.redaction.names import is_placeholder

__all__ = ["SHORTEST", "Edit", "Known", "apply", "base64_edits", "through_percent"]

# Shorter values stand by chance in too many places; they are replaced only where they are named.
SHORTEST = 6
_RUN = re.compile(r"[A-Za-z0-9+/_-]+")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_PADDING = re.compile("={0,2}")
_STANDARD = str.maketrans("-_", "+/")
_URLSAFE = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class Edit:
    """Put `new` in place of `text[start:end]`."""

    start: int
    end: int
    new: str


Finder = Callable[[str], list[Edit]]


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with the edits made; of two that overlap the one that starts first (then the longer) wins."""
    pieces, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if edit.start >= at:
            pieces += [text[at : edit.start], edit.new]
            at = edit.end
    return "".join([*pieces, text[at:]]) if pieces else text


class Known:
    """Secrets and what stands for each of them."""

    def __init__(self) -> None:
        self._standing_for: dict[str, str] = {}
        self._cores: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self._index = Index()
        # Whether `+` can hide a secret in a form or query.
        self.with_blanks = False

    def __len__(self) -> int:
        return len(self._standing_for)

    def add(self, secret: str, pseudonym: str) -> None:
        """Remember a secret of six characters or more that is not a mere placeholder."""
        if len(secret) < SHORTEST or secret in self._standing_for or is_placeholder(secret):
            return
        self._standing_for[secret] = pseudonym
        self.with_blanks = self.with_blanks or " " in secret
        self._index.add(secret)
        for core, skipped in _base64_cores(secret.encode("utf-8", "surrogatepass")):
            self._cores[core].append((secret, skipped))
            self._index.add(core)

    def stands_for(self, secret: str) -> str | None:
        """Return the pseudonym of a secret that was seen."""
        return self._standing_for.get(secret)

    def touches(self, text: str) -> bool:
        """Say whether any secret stands in the text, as it is or in base64."""
        return any(True for _ in self._index.found(text))

    def edits(self, text: str) -> list[Edit]:
        """Return the edits that put pseudonyms where secrets stand, as they are or in base64."""
        found = sorted(self._index.found(text), key=len, reverse=True)
        edits: list[Edit] = []
        for literal in found:
            if literal in self._standing_for:
                edits += [Edit(at, at + len(literal), self._standing_for[literal]) for at in _places(text, literal)]
            for secret, skipped in self._cores.get(literal, ()):
                edits += self._inside_base64(text, literal, secret, skipped)
        # Where one secret holds another, the longer one is meant.
        edits.sort(key=lambda edit: edit.start - edit.end)
        return _without_overlaps(edits)

    def _inside_base64(self, text: str, core: str, secret: str, skipped: int) -> Iterator[Edit]:
        raw, new = (value.encode("utf-8", "surrogatepass") for value in (secret, self._standing_for[secret]))
        if len(raw) != len(new):
            return
        at = text.find(core)
        while at >= 0:
            # The core's place in its group of four characters says where groups begin; it needs no start of the run.
            first = max(at - skipped, 0)
            group = _RUN.match(text, first, first + 4 * (len(raw) // 3 + 2))
            decoded = _decoded(group[0]) if group else b""
            if group and (place := decoded.find(raw)) >= 0:
                again = _encoded(decoded[:place] + new + decoded[place + len(raw) :], like=group[0])
                low, high = place * 4 // 3, min(-(-(place + len(raw)) * 4 // 3), len(group[0]))
                yield Edit(first + low, first + high, again[low:high])
            at = text.find(core, at + 1)


def base64_edits(text: str, inner: Callable[[str], str], starts: re.Pattern[str], least: int) -> list[Edit]:
    """Return edits of runs of base64 of `least` characters or more which decode to text that `inner` changes.

    `starts` finds what the encoded text must hold, so that few runs are decoded; each alignment is tried.
    """
    edits: list[Edit] = []
    if not starts.search(text):
        return edits
    for run in _RUN.finditer(text):
        if run.end() - run.start() < least or not starts.search(text, run.start(), run.end()):
            continue
        for skipped in range(4):
            group = text[run.start() + skipped : run.end()]
            group = group[: len(group) - (len(group) % 4 == 1)]
            try:
                decoded = _decoded(group).decode("utf-8")
            except UnicodeDecodeError:
                continue
            changed = inner(decoded)
            if changed != decoded:
                start = run.start() + skipped
                padding = _PADDING.match(text, start + len(group))
                again = _encoded(changed.encode("utf-8"), like=group)
                end = padding.end() if padding else start + len(group)
                edits.append(Edit(start, end, again if padding and padding[0] else again.rstrip("=")))
                break
    return edits


def through_percent(text: str, find: Finder, *, plus: bool = False) -> list[Edit]:
    """Return edits of the percent-encoded text for what `find` finds in the decoded one; escapes keep their style.

    `plus` also reads `+` as a blank, as forms and queries do.
    """
    decoded, starts = _percent_decoded(text, plus)
    edits = []
    for edit in find(decoded):
        raw = [text[starts[at] : starts[at + 1]] for at in range(edit.start, edit.end)]
        old = decoded[edit.start : edit.end]
        if len(edit.new) == len(old):
            new = "".join(_in_style(*three) for three in zip(raw, old, edit.new, strict=True))
        else:
            new = edit.new if re.fullmatch(r"(<jwt-\d+>|[\w.~-])*", edit.new, re.ASCII) else quote(edit.new, safe="")
        edits.append(Edit(starts[edit.start], starts[edit.end], new))
    return edits


def _in_style(raw: str, old: str, new: str) -> str:
    if old == new:
        return raw
    if raw == old:
        return quote(new, safe="")
    return "".join(f"%{octet:02X}" for octet in new.encode("utf-8", "surrogatepass"))


def _percent_decoded(text: str, plus: bool) -> tuple[str, list[int]]:
    """Return the decoded text and for each of its characters where it starts in the encoded one, with the end last."""
    characters: list[str] = []
    starts: list[int] = []
    at = 0

    def literal(upto: int) -> None:
        part = text[at:upto]
        characters.append(part.replace("+", " ") if plus else part)
        starts.extend(range(at, upto))

    for run in _ESCAPES.finditer(text):
        literal(run.start())
        octets = bytes.fromhex(run[0].replace("%", ""))
        try:
            part = octets.decode("utf-8")
        except UnicodeDecodeError:
            part = octets.decode("latin-1")
            starts.extend(range(run.start(), run.end(), 3))
        else:
            place = run.start()
            for character in part:
                starts.append(place)
                place += 3 * len(character.encode("utf-8"))
        characters.append(part)
        at = run.end()
    literal(len(text))
    return "".join(characters), [*starts, len(text)]


def _decoded(group: str) -> bytes:
    whole = group[: len(group) - 1] if len(group) % 4 == 1 else group
    try:
        return base64.b64decode(whole.translate(_STANDARD) + "=" * (-len(whole) % 4))
    except binascii.Error:
        return b""


def _encoded(octets: bytes, like: str) -> str:
    encoded = base64.b64encode(octets).decode("ascii")
    return encoded.translate(_URLSAFE) if "-" in like or "_" in like else encoded


def _places(text: str, literal: str) -> Iterator[int]:
    """Yield where the literal stands; digits only where no other digit is beside them, as they would be another number."""
    at = text.find(literal)
    while at >= 0:
        end = at + len(literal)
        if not (literal.isdigit() and (text[at - 1 : at].isdigit() or text[end : end + 1].isdigit())):
            yield at
        at = text.find(literal, at + 1)


def _without_overlaps(longest_first: Iterable[Edit]) -> list[Edit]:
    taken: list[Edit] = []
    for edit in longest_first:
        if all(edit.end <= other.start or edit.start >= other.end for other in taken):
            taken.append(edit)
    return taken


def _base64_cores(raw: bytes) -> Iterator[tuple[str, int]]:
    """Yield the characters that base64 shows for these bytes whatever stands around them, and their place in a group.

    Once for each alignment, and once more in the other alphabet where that makes a difference.
    """
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode("ascii").rstrip("=")
        skipped = (0, 2, 3)[before]
        # The last character also holds bits of what follows, unless the bytes end with a group.
        whole = len(encoded) if (before + len(raw)) % 3 == 0 else len(encoded) - 1
        core = encoded[skipped:whole]
        if len(core) >= SHORTEST:
            yield core, skipped
            if core != (other := core.translate(_URLSAFE)):
                yield other, skipped
