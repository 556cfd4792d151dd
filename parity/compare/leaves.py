"""Two leaves that are not the same: are they equal by a rule (id, time, token, own prefix), and if not, on which axis?

One exchange's rules. Learns pairs of ids through `Identities` while `learning`; keeps no differences itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from parity.compare.identity import Identities, number_kind
from parity.compare.json_text import NotJson, read_json
from parity.compare.kinds import Kind, axis_between, id_of, ids_in, jwt_parts, kind_of, random_alike
from parity.compare.places import Place, enclosing_entity, key_at, root_of
from parity.compare.terms import Terms
from parity.compare.texts import Own, Token, entity_before, split
from parity.compare.times import Moment, read_time
from parity.shapes import entity_of_key, is_id_key, singular
from parity.values import Axis

__all__ = ["Leaves", "Nested", "Verdict"]

_WHOLE = frozenset({"uuid", "time", "date", "clock", "hex", "ulid", "hash"})
_NUMBERS = frozenset({"digits", "decimal"})
_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class Verdict(NamedTuple):
    """The leaves differ: on this axis, being of these kinds."""

    axis: Axis
    left_kind: str
    right_kind: str


class Nested(NamedTuple):
    """The leaves hold documents of their own, which decide: claims of a token, JSON in a text."""

    left: Any
    right: Any
    mark: str


class Leaves:
    """The rules for leaves under the terms of one exchange. `learning` is off while it is unsure what belongs together."""

    def __init__(self, terms: Terms, identities: Identities, route: str, tolerance_s: float, now_s: float) -> None:
        self.terms = terms
        self.identities = identities
        self.route = route
        self.tolerance_s = tolerance_s
        self.now_s = now_s
        self.learning = True
        self._own = _own(terms.prefixes, terms.addresses)
        self._columns = terms.columns

    def unequal(self, left: Any, right: Any, place: Place) -> Verdict | Nested | None:
        """Return None if two unequal leaves of one JSON type are equal by a rule, else in what they differ."""
        if isinstance(left, str):
            return self._texts(left, right, place)
        if isinstance(left, int | float) and not isinstance(left, bool):
            return self._numbers(left, right, place)
        return Verdict("value", str(kind_of(left)), str(kind_of(right)))

    def equal(self, value: str | int, place: Place) -> bool:
        """Take the ids in a leaf that is equal on both sides as themselves. False if one of them belongs to another."""
        if isinstance(value, str) and len(value) >= 16:
            found = ids_in(value)
            if len(value) <= 64 and not found and (whole := id_of(value)):
                found = [whole]
            return all(self._pair(kind, text, text) for kind, text in found)
        kind = self.number_kind(value, place)
        return kind is None or self._pair(kind, str(value), str(value))

    def equal_key(self, key: str) -> bool:
        """Take the ids in a key that is equal on both sides as themselves. False if one of them belongs to another."""
        return all(self._pair(kind, text, text) for kind, text in _ids_in_key(key))

    def number_kind(self, value: str | int, place: Place) -> str | None:
        """Return the bijection that a short number is of, by the key or the column it stands under; None for plain numbers."""
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdigit())):
            return None
        key = key_at(place)
        if table := root_of(place).table:
            target = self.terms.references.get((table, key))
            if target:
                return number_kind(target)
        if is_id_key(key):
            return number_kind(entity_of_key(key, enclosing_entity(place)))
        target = self._columns.get(key) or self._columns.get(singular(key))
        return number_kind(target) if target else None

    def may_hold_ids(self, key: str) -> bool:
        """Say whether short numbers under this key, or in this column, may be ids."""
        return is_id_key(key) or key in self._columns or singular(key) in self._columns

    def blanked(self, text: str, left: bool) -> str:
        """Return the text with the stack's own address and prefix taken out."""
        return self._own[0 if left else 1].blanked(text)

    def times_agree(self, left: Moment, right: Moment) -> bool:
        """Say whether two times of one format are near enough, or the clocks were shifted so that nobody can know."""
        if self.terms.clock_shift_s:
            return left.family != "clock" or left.at_s == right.at_s
        return left.family == "time" and abs(left.at_s - right.at_s) <= self.tolerance_s

    @contextmanager
    def unsure(self, doubtful: bool) -> Iterator[None]:
        """Learn no pairs of ids meanwhile, if it is doubtful that the two belong together."""
        before = self.learning
        self.learning = before and not doubtful
        try:
            yield
        finally:
            self.learning = before

    def _pair(self, kind: str, left: str, right: str) -> bool:
        return (self.identities.pair if self.learning else self.identities.fits)(kind, left, right)

    def _numbers(self, left: float, right: float, place: Place) -> Verdict | None:
        kind = self.number_kind(left, place) if isinstance(left, int) else None
        if kind is not None:
            if self._pair(kind, str(left), str(right)):
                return None
            return Verdict("value", "int(id)", "int(other id)")
        key = key_at(place)
        if isinstance(left, int) and self.identities.known(number_kind(key), str(left), str(right)):
            # {"order": 7} names an order without saying id; the pair is known from where it was said.
            return None
        first, second = kind_of(left, key, self.now_s), kind_of(right, key, self.now_s)
        if first.family == second.family == "epoch":
            if first != second:
                return Verdict("format", str(first), str(second))
            apart_s = abs(left - right) / _PER_SECOND[first.format.partition(",")[0]]
            if apart_s <= self.tolerance_s or self.terms.clock_shift_s:
                return None
        return Verdict("value", str(first), str(second))

    def _texts(self, left: str, right: str, place: Place) -> Verdict | Nested | None:
        key = key_at(place)
        first, second = kind_of(left, key), kind_of(right, key)
        if first.family == "jwt" == second.family and (nested := _claims(left, right)):
            return nested
        if {first.family, second.family} == {"jwt", "placeholder"}:
            # A recording keeps no tokens, only which of them were the same.
            return None if self._pair("jwt", left, right) else Verdict("value", str(first), f"{second.family}(other)")
        if _whole(first, second):
            return self._token(left, right, first, second)
        if first.family == second.family == "digits" and (kind := self.number_kind(left, place)):
            paired = first == second and self._pair(kind, left, right)
            return None if paired else Verdict(axis_between(first, second), "digits(id)", "digits(other id)")
        if nested := _json_texts(left, right):
            return nested
        return self._inside(self.blanked(left, True), self.blanked(right, False), first, second)

    def _token(self, left: str, right: str, first: Kind, second: Kind) -> Verdict | None:
        """Compare two texts that are each one id, time, token or hash as a whole."""
        if _only_digits(first, second):
            hexadecimal = first if first.family == "hex" else second
            first, second = (hexadecimal, hexadecimal) if len(left) == len(right) else (first, second)
        axis = axis_between(first, second)
        if axis == "format" and self.terms.clock_shift_s and _same_zone_form(left, right):
            axis = "value"
        if axis == "format":
            return Verdict("format", str(first), str(second))
        moments = read_time(left), read_time(right)
        if moments[0] and moments[1]:
            return None if self.times_agree(moments[0], moments[1]) else Verdict("value", str(first), str(second))
        if self._same_id(left, right, first):
            return None
        return Verdict("value", str(first), f"{second.family}(other)")

    def _same_id(self, left: str, right: str, kind: Kind) -> bool:
        if kind.family in {"hash", "opaque"}:
            return self._pair(kind.family, left, right)
        one, other = id_of(left) or ("hex", left.lower()), id_of(right) or ("hex", right.lower())
        return self._pair(one[0] if kind.family != "hex" or one[0] == other[0] else "hex", one[1], other[1])

    def _inside(self, left: str, right: str, first: Kind, second: Kind) -> Verdict | None:
        """Compare texts by what stands around their ids, times and numbers, and those by their rules."""
        whole = Verdict(axis_between(first, second), str(first), str(second))
        if left == right:
            return None if self.equal(left, (None, "")) else whole
        if random_alike(left, right):
            paired = self._pair("opaque", left, right)
            return None if paired else Verdict("value", str(first), "opaque(other)")
        (tokens, tail), (others, other_tail) = split(left), split(right)
        if {first.family, second.family} <= _NUMBERS:
            return whole._replace(axis="format") if Decimal(left) == Decimal(right) else whole
        if whole.axis == "format" or not tokens or tail != other_tail:
            return whole
        if [token.before for token in tokens] != [token.before for token in others]:
            return whole
        with self.unsure(True):
            found = [self._part(one, other) for one, other in zip(tokens, others, strict=True)]
        if verdicts := [verdict for verdict in found if verdict is not None]:
            return min(verdicts, key=lambda verdict: verdict.axis != "format")
        # Pairs are learned only from texts that agree as a whole.
        again = [self._part(one, other) for one, other in zip(tokens, others, strict=True)]
        return next((verdict for verdict in again if verdict is not None), None)

    def _part(self, one: Token, other: Token) -> Verdict | None:
        """Compare one token inside two texts."""
        left, right = one.text, other.text
        if left == right:
            identity = id_of(left)
            agreed = identity is None or self._pair(identity[0], identity[1], identity[1])
            return None if agreed else Verdict("value", f"text({identity[0]})", f"text({identity[0]}, other)")  # type: ignore[index]
        first, second = kind_of(left), kind_of(right)
        if left.startswith("=") or self._numbers_in_text(one, other, first, second):
            return None
        if first.family == second.family == "jwt" and (nested := _claims(left, right)):
            return None if self._claims_agree(nested) else Verdict("value", "text(jwt)", "text(jwt)")
        if _whole(first, second):
            verdict = self._token(left, right, first, second)
            return verdict and Verdict(verdict.axis, f"text({verdict.left_kind})", f"text({verdict.right_kind})")
        if random_alike(left, right) and self._pair("opaque", left, right):
            return None
        return Verdict("value", f"text({first})", f"text({second})")

    def _numbers_in_text(self, one: Token, other: Token, first: Kind, second: Kind) -> bool:
        if first != second or first.family != "digits":
            return False
        entity, sure = entity_before(one.before)
        if not entity:
            return False
        kind = number_kind(entity)
        return self._pair(kind, one.text, other.text) if sure else self.identities.known(kind, one.text, other.text)

    def _claims_agree(self, nested: Nested) -> bool:
        """Compare the claims of tokens inside texts, leaf by leaf; keys must be the same."""
        for part in ("header", "claims"):
            left, right = nested.left[part], nested.right[part]
            if not isinstance(left, dict) or not isinstance(right, dict) or set(left) != set(right):
                return False
            for key, value in left.items():
                place: Place = ((None, ""), key)
                if type(value) is not type(right[key]):
                    return False
                if value != right[key] and self.unequal(value, right[key], place) is not None:
                    return False
        return True


def _whole(first: Kind, second: Kind) -> bool:
    """Say whether two texts are each an id, time or hash from end to end."""
    return (first.family in _WHOLE and second.family in _WHOLE) or _only_digits(first, second)


def _only_digits(first: Kind, second: Kind) -> bool:
    """Say whether one is hex and the other happens to have digits only: one random text in some thousands."""
    return {first.family, second.family} == {"hex", "digits"}


@lru_cache(16_384)
def _ids_in_key(key: str) -> tuple[tuple[str, str], ...]:
    return tuple(ids_in(key))


def _same_zone_form(left: str, right: str) -> bool:
    one, other = read_time(left), read_time(right)
    return one is not None and other is not None and one.zone_form == other.zone_form


def _claims(left: str, right: str) -> Nested | None:
    one, other = jwt_parts(left), jwt_parts(right)
    return Nested(one, other, "jwt") if one and other else None


def _json_texts(left: str, right: str) -> Nested | None:
    """Return the documents that two texts hold, if both hold an object or a list: spaces and key order then do not count."""
    if left[:1] not in {"{", "["} or right[:1] not in {"{", "["}:
        return None
    try:
        return Nested(read_json(left.encode())[0], read_json(right.encode())[0], "json")
    except (NotJson, UnicodeEncodeError):
        return None


@lru_cache(64)
def _own(prefixes: tuple[str, str], addresses: tuple[tuple[str, ...], tuple[str, ...]]) -> tuple[Own, Own]:
    # Where only one stack has a prefix, nothing marks its place in the other's texts.
    mark = "\0p\0" if all(prefixes) else ""
    same = prefixes[0] == prefixes[1]
    first, second = (Own("" if same else prefix, own, mark) for prefix, own in zip(prefixes, addresses, strict=True))
    return first, second
