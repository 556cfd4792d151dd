"""What an import gives, and how sources gather it: entries, what was left out and why, and what there is to know."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from parity.config import Account, Login
from parity.har import RECORDED
from parity.recording import Header
from parity.redaction.redactor import Redactor
from parity.sources.accounts import account_secrets
from parity.values import Entry

__all__ = ["Gathering", "Imported", "LeftOut", "Options", "raw_target"]

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Requests of the file that are not in the recording, why, and the first few of them."""

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """A file as a recording, redacted. `notes` are sentences on what is there but not whole."""

    header: Header
    entries: Sequence[Entry]
    left_out: Sequence[LeftOut]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Options:
    """What an import has to be told. `prefixes` are those of the stacks; `variables` fill a collection's own."""

    redactor: Redactor
    prefixes: Sequence[str] = ("",)
    accounts: Sequence[Account] = ()
    login: Login = field(default_factory=Login)
    environ: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def inside(self, target: str) -> tuple[str, str] | None:
        """Return prefix and rest of a raw target, by the longest prefix that fits; None where none does."""
        for prefix in sorted(self.prefixes or ("",), key=len, reverse=True):
            rest = target.removeprefix(prefix)
            if target.startswith(prefix) and (not prefix or rest[:1] in ("", "/", "?")):
                return prefix, rest
        return None


class Gathering:
    """Collects entries and reasons while a source reads its file."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.entries: list[Entry] = []
        self._left_out: dict[str, list[str]] = {}
        self._notes: dict[str, list[str]] = {}

    def leave_out(self, reason: str, example: str) -> None:
        """Count one request that does not become an entry."""
        self._left_out.setdefault(reason, []).append(example)

    def note(self, what: str, example: str) -> None:
        """Count one thing to know; `what` follows a number: `answers without a body`."""
        self._notes.setdefault(what, []).append(example)

    def base(self, prefix: str) -> dict[str, Any]:
        """Return the meta of an entry that came under another prefix than the first."""
        return {} if prefix == next(iter(self.options.prefixes), "") else {"base": RECORDED + prefix}

    def imported(self, clock_start: str = "") -> Imported:
        """Return everything gathered, redacted, with the accounts' passwords as pseudonyms in the header."""
        redactor = self.options.redactor
        once = [redactor.entry(entry) for entry in self.entries]
        entries = [replace(redactor.again(entry), seq=seq) for seq, entry in enumerate(once, start=1)]
        secrets, missing = account_secrets(entries, self.options.login, self.options.accounts, self.options.environ)
        header = Header(
            prefixes=tuple(self.options.prefixes),
            clock_start=clock_start,
            redaction=redactor.policy,
            secrets=secrets,
        )
        left_out = [LeftOut(why, len(all_), tuple(all_[:_EXAMPLES])) for why, all_ in self._left_out.items()]
        notes = [f"{len(all_)} {what} ({_some(all_)})" for what, all_ in self._notes.items()]
        return Imported(header, entries, sorted(left_out, key=lambda one: -one.count), [*notes, *missing])


def raw_target(url: str) -> str | None:
    """Return path and query of an http URL exactly as they stand, without fragment; None for any other URL."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return None
    starts = [at for at in (rest.find(mark) for mark in "/?#") if at >= 0]
    target = rest[min(starts) :].partition("#")[0] if starts else ""
    return target if target.startswith("/") else "/" + target


def _some(examples: Iterable[str]) -> str:
    listed = list(dict.fromkeys(examples))
    return ", ".join(listed[:_EXAMPLES]) + (", ..." if len(listed) > _EXAMPLES else "")
