"""Cases of each operation, valid and invalid, as schemathesis and hypothesis generate them; the same for the same seed."""

import importlib
import random
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException

from parity.explore.document import Operation

__all__ = ["NO_BODY", "Case", "Cases"]

# Generating costs more than asking: wells are filled with few at first, then with more, and drawn cases come again.
_FIRST, _MOST = 4, 24
_KEPT = 200
_AGAIN = 0.6
_BOUNDARY = re.compile(rb"boundary=([^;\s]+)")
NO_BODY = object()


@dataclass(frozen=True)
class Case:
    """Parts of a request that do not know the state. `body` is a JSON value, `raw` bytes as they go out (then `body` is none)."""

    path: Mapping[str, Any] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    media: str = ""
    body: Any = NO_BODY
    raw: bytes = b""


class Cases:
    """Wells of cases by operation and kind, filled a batch at a time as they are drawn from."""

    def __init__(self, number: int) -> None:
        self._seed = number
        self._wells: dict[tuple[str, bool], list[Case]] = {}
        self._drawn: dict[tuple[str, bool], list[Case]] = {}
        self._batches: dict[tuple[str, bool], int] = {}

    def draw(self, operation: Operation, *, valid: bool, chance: random.Random) -> Case:
        """Return a case by the operation's schema, or one against it."""
        if operation.is_plain:
            return Case()
        key = (operation.label, valid)
        well, drawn = self._wells.setdefault(key, []), self._drawn.setdefault(key, [])
        if not well and drawn and chance.random() < _AGAIN:
            return chance.choice(drawn)
        if not well:
            number = self._batches.get(key, 0)
            self._batches[key] = number + 1
            well += self._batch(operation, valid, number) or [Case()]
            # Hypothesis begins with the simplest; a short exploration should see others too.
            chance.shuffle(well)
        drawn.append(well.pop())
        del drawn[:-_KEPT]
        return drawn[-1]

    def _batch(self, operation: Operation, valid: bool, number: int) -> list[Case]:
        made: list[Case] = []
        modes = importlib.import_module("schemathesis").GenerationMode
        strategy = operation.source.as_strategy(generation_mode=modes.POSITIVE if valid else modes.NEGATIVE)

        def take(case: Any) -> None:
            made.append(_case(case))

        quiet = settings(
            max_examples=min(_FIRST * 2**number, _MOST),
            database=None,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        test: Any = given(strategy)
        started: Any = seed(f"{self._seed} {operation.label} {valid} {number}")
        # Nothing invalid can be said of an operation without parameters.
        with suppress(HypothesisException):
            started(quiet(test(take)))()
        return made


def _case(case: Any) -> Case:
    """Return what schemathesis made as plain values; what it adds for its own sake (its headers) is left out."""
    path = {name: str(value) for name, value in (case.path_parameters or {}).items()}
    declared = {parameter.name.lower() for parameter in case.operation.headers}
    headers = tuple(
        (name.lower(), str(value))
        for name, value in (case.headers or {}).items()
        if name.lower() in declared - {"authorization"} and str(value).isprintable()
    )
    plain = Case(path, _query(case.query), headers)
    if type(case.body).__name__ == "NotSet" or not case.media_type:
        return plain
    if "json" in case.media_type and isinstance(case.body, dict | list | str | int | float | None):
        return replace(plain, media=case.media_type, body=case.body)
    return _raw(case, plain)


def _raw(case: Any, plain: Case) -> Case:
    """Return the case with its body as bytes: forms and uploads are written by the library that schemathesis sends with."""
    # Has no types of its own; comes with schemathesis.
    requests: Any = importlib.import_module("requests")
    try:
        sent = requests.Request(**case.as_transport_kwargs(base_url="http://127.0.0.1")).prepare()
    except Exception:
        # What cannot be written as a request (a body that no serializer takes) is no case.
        return plain
    body = sent.body or b""
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    media = str(sent.headers.get("Content-Type") or case.media_type)
    found = _BOUNDARY.search(media.encode("latin-1", "replace"))
    if found:
        # Drawn by the library, and not from the seed.
        raw, media = raw.replace(found[1], b"explored"), media.replace(found[1].decode("latin-1"), "explored")
    return replace(plain, media=media, raw=raw)


def _query(query: Any) -> tuple[tuple[str, str], ...]:
    listed = ((str(name), value if isinstance(value, list) else [value]) for name, value in (query or {}).items())
    return tuple((name, _text(one)) for name, values in listed for one in values)


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    return str(value)
