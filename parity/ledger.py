"""The ledger: differences that people have accepted, each with a reason, an owner and a day on which it ends.

A rule that is used by nothing or has expired fails the gate, so that the ledger cannot rot.
"""

import fnmatch
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from parity.config import one_line
from parity.values import AXES, Difference, ParityError

__all__ = ["BROAD", "Ledger", "Rule", "load_ledger"]

# A rule that silences so many groups hides more than one thing.
BROAD = 5
Words = Annotated[str, Field(min_length=3)]


class Rule(BaseModel):
    """One accepted difference. Empty `left`, `right` accept any kind; `route` and `path` may hold `*`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    route: str
    where: str = "answer"
    axis: str
    path: str
    left: str = Field(default="", alias="from")
    right: str = Field(default="", alias="to")
    reason: Words
    owner: Words
    expires: date

    @field_validator("axis")
    @classmethod
    def _known_axis(cls, value: str) -> str:
        if value not in AXES:
            raise ValueError(f"must be one of {', '.join(AXES)}")
        return value

    @field_validator("where")
    @classmethod
    def _known_place(cls, value: str) -> str:
        if value not in {"answer", "rows", "effects"}:
            raise ValueError("must be answer, rows or effects")
        return value

    @property
    def id(self) -> str:
        """Return a short name that stays while the rule does."""
        facts = "\n".join([self.route, self.where, self.axis, self.path, self.left, self.right])
        return sha256(facts.encode()).hexdigest()[:8]

    def accepts(self, route: str, difference: Difference) -> bool:
        return (
            difference.where == self.where
            and difference.axis == self.axis
            and self.left in ("", difference.left_kind)
            and self.right in ("", difference.right_kind)
            and _fits(route, self.route)
            and _fits(difference.path, self.path)
        )


@dataclass(frozen=True)
class Ledger:
    """All rules of the file, in its order."""

    rules: tuple[Rule, ...] = ()
    digest: str = ""

    def rule_for(self, route: str, difference: Difference, today: date) -> Rule | None:
        """Return the first rule in force that accepts the difference."""
        return next((r for r in self.rules if r.expires >= today and r.accepts(route, difference)), None)

    def expired(self, today: date) -> list[Rule]:
        return [rule for rule in self.rules if rule.expires < today]

    def unused(self, used: Iterable[str], today: date) -> list[Rule]:
        """Return the rules in force whose ids are not among `used`."""
        known = set(used)
        return [rule for rule in self.rules if rule.expires >= today and rule.id not in known]

    @cached_property
    def by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}


def _fits(text: str, pattern: str) -> bool:
    """Return whether the text is the pattern; `*` stands for any characters, brackets for themselves."""
    return text == pattern or (
        "*" in pattern and fnmatch.fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))
    )


def load_ledger(path: Path | None) -> Ledger:
    """Return the rules of the file; none where there is no file. Raise ParityError on the first unusable rule."""
    if path is None or not path.exists():
        return Ledger()
    raw = path.read_bytes()
    try:
        data = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParityError(f"{path.name}: is not TOML: {error}.") from None
    unknown = sorted(set(data) - {"accept"})
    if unknown:
        raise ParityError(f'{path.name}: "{unknown[0]}" is not known here; every rule is an [[accept]] table.')
    entries = data.get("accept", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ParityError(f"{path.name}: accept: is no list of tables; write each rule under [[accept]].")
    rules: list[Rule] = []
    for number, entry in enumerate(entries, 1):
        try:
            rule = Rule(**entry)
        except ValidationError as error:
            raise ParityError(f"{path.name}: rule {number}: {one_line(error)}") from None
        if any(rule.id == other.id for other in rules):
            raise ParityError(f"{path.name}: rule {number}: accepts what an earlier rule accepts; keep one of them.")
        rules.append(rule)
    return Ledger(tuple(rules), sha256(raw).hexdigest())
