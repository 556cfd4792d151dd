"""Where a value stands: cheap linked places during a walk, written out as path and spot only when something differs."""

import re
from functools import lru_cache
from typing import NamedTuple

from parity.compare.kinds import id_of
from parity.compare.times import read_time
from parity.shapes import entity_of_key

__all__ = ["Inside", "Place", "Root", "enclosing_entity", "key_at", "path_of", "root_of", "spot_of"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Root(NamedTuple):
    """Where a document begins. `entity` is what an id without further name is the id of; `table` is set for rows."""

    path: str
    spot: str
    entity: str = ""
    table: str = ""


class Inside(NamedTuple):
    """A step into a text that holds a document: `(jwt)`, `(json)`."""

    mark: str


# (the place around it, key | position | Inside); a document's own place is (None, Root).
Place = tuple["Place | None", "str | int | Inside | Root"]


def path_of(place: Place) -> str:
    """Return where, with list positions as `[*]` and keys that are ids, dates or numbers as `{kind}`."""
    return "".join(_generic(step) for step in _steps(place))


def spot_of(place: Place) -> str:
    """Return exactly where, with positions and keys."""
    return "".join(_exact(step) for step in _steps(place))


def key_at(place: Place) -> str:
    """Return the key under which a value stands; an element of a list stands under the list's."""
    around: Place | None = place
    while around is not None:
        around, step = around
        if isinstance(step, str):
            return step
    return ""


def enclosing_entity(place: Place) -> str:
    """Return what the object around a value is, in the singular: the nearest key that says so, else the route's."""
    around = _key_place(place)
    while around is not None:
        around, step = around
        if isinstance(step, str) and (entity := entity_of_key(step, "")):
            return entity
        if isinstance(step, Root):
            return step.entity
    return ""


def root_of(place: Place) -> Root:
    """Return where the document begins."""
    around: Place | None = place
    step: object = None
    while around is not None:
        around, step = around
    return step if isinstance(step, Root) else Root("$", "$")


def _key_place(place: Place) -> Place | None:
    """Return the place around the nearest key."""
    around: Place | None = place
    while around is not None:
        around, step = around
        if isinstance(step, str):
            return around
        if isinstance(step, Root):
            return (None, step)
    return None


def _steps(place: Place) -> list[str | int | Inside | Root]:
    steps: list[str | int | Inside | Root] = []
    around: Place | None = place
    while around is not None:
        around, step = around
        steps.append(step)
    return steps[::-1]


def _generic(step: str | int | Inside | Root) -> str:
    if isinstance(step, str):
        return _generic_key(step)
    if isinstance(step, int):
        return "[*]"
    return step.path if isinstance(step, Root) else f"({step.mark})"


def _exact(step: str | int | Inside | Root) -> str:
    if isinstance(step, str):
        return f".{step}" if _PLAIN.fullmatch(step) else f'["{step}"]'
    if isinstance(step, int):
        return f"[{step}]"
    return step.spot if isinstance(step, Root) else f"({step.mark})"


@lru_cache(4096)
def _generic_key(key: str) -> str:
    if _PLAIN.fullmatch(key) and len(key) < 16:
        return f".{key}"
    if key.isdigit():
        return ".{int}"
    if identity := id_of(key):
        return f".{{{identity[0]}}}"
    if time := read_time(key):
        return f".{{{time.family}}}"
    return f".{key}" if _PLAIN.fullmatch(key) else f'["{key}"]'
