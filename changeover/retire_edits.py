"""A stack taken out of `dualstack.toml` and `docker-compose.yml`: text in, text out, all other lines and comments as they were.

Lines are cut, and the outcome is read again: a file written in a way that was not thought of is refused, never spoilt.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

from changeover.problems import FAILED, Problem

__all__ = ["compose_without", "settings_without"]

_TABLE = re.compile(r"\[\[?([^\[\]\"',]+)\]\]?\s*(?:#.*)?")
_WHY = "# The retired stack's clients go on asking for it.\n"


def settings_without(text: str, name: str, heir: str) -> str:
    """Return the settings without a stack, whose public prefixes `heir` serves from then on. Raise Problem."""
    before = tomllib.loads(text)
    after = _data_without(before, name, heir)
    tables = [(key, lines) for key, lines in _tables(text) if not f"{key}.".startswith(f"stacks.{name}.")]
    if "primary" in before.get("parity", {}) and "primary" not in after["parity"]:
        tables = [(key, _without_key(lines, "primary") if key == "parity" else lines) for key, lines in tables]
    serves = after["stacks"][heir]["serves"]
    tables = [(key, _with_serves(lines, serves) if key == f"stacks.{heir}" else lines) for key, lines in tables]
    edited = "".join(line for _, lines in tables for line in lines)
    folder = before["stacks"][name].get("folder", "")
    # A text that is the stack's name, or that holds its folder's, such as a module in it.
    named = re.compile(rf'"{name}"|(?<![\w-]){re.escape(folder)}(?![\w-])' if folder else rf'"{name}"')
    if _read(edited) != after or named.search(json.dumps(after)):
        raise Problem(
            f"dualstack.toml: [stacks.{name}] cannot be cut out by machine; take it out by hand with all that names "
            f"{name} or {folder}, and give [stacks.{heir}] serves = {json.dumps(serves)}.",
            FAILED,
        )
    return edited


def _data_without(before: dict[str, Any], name: str, heir: str) -> dict[str, Any]:
    """Return what the edited file must say."""
    after = deepcopy(before)
    gone, kept = after["stacks"].pop(name), after["stacks"][heir]
    public = [*kept.get("serves", []), gone["prefix"], *gone.get("serves", [])]
    kept["serves"] = [prefix for prefix in dict.fromkeys(public) if prefix != kept["prefix"]]
    if after.get("parity", {}).get("primary") == name:
        del after["parity"]["primary"]
    return after


def _read(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _tables(text: str) -> list[tuple[str, list[str]]]:
    """Return the lines by the table they stand in; comments right above a header belong to it."""
    tables: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines(keepends=True):
        header = _TABLE.fullmatch(line.strip())
        if not header:
            tables[-1][1].append(line)
            continue
        above = tables[-1][1]
        first = len(above)
        while first and above[first - 1].startswith("#"):
            first -= 1
        tables.append((header[1].strip(), [*above[first:], line]))
        del above[first:]
    return tables


def _without_key(lines: Sequence[str], key: str) -> list[str]:
    return [line for line in lines if not re.match(rf"\s*{key}\s*=", line)]


def _with_serves(lines: Sequence[str], serves: Sequence[str]) -> list[str]:
    """Return the lines of a stanza with the key `serves` below its prefix, in place of one that was there."""
    kept = [line for line in _without_key(lines, "serves") if line != _WHY]
    own = next((number for number, line in enumerate(kept, 1) if re.match(r"\s*prefix\s*=", line)), len(kept))
    return [*kept[:own], _WHY, f"serves = {json.dumps(serves)}\n", *kept[own:]]


def compose_without(text: str, name: str) -> str:
    """Return the text without every entry called `name`, and without what is empty then. Raise Problem."""
    kept, gone = _cut(text.splitlines(keepends=True), name)
    edited = "".join(kept)
    anchors = set(re.findall(r"&([\w-]+)", "".join(gone))) & set(re.findall(r"\*([\w-]+)", edited))
    if anchors:
        raise Problem(
            f"docker-compose.yml: the service {name} defines &{min(anchors)}, which others use; "
            "define it in an x- entry of its own.",
            FAILED,
        )
    for number, line in enumerate(kept, 1):
        if re.search(rf"\b{name}\b", line.partition("#")[0]):
            raise Problem(
                f'docker-compose.yml: line {number} of what is left still names {name}: "{line.strip()}"; '
                "take it out by hand.",
                FAILED,
            )
    return edited


def _cut(lines: Iterable[str], name: str) -> tuple[list[str], list[str]]:
    """Return the lines that stay and those that go."""
    kept: list[str] = []
    gone: list[str] = []
    # How far the entry is indented that is being cut.
    inside: int | None = None
    for line in lines:
        if inside is not None and (not line.strip() or _indent(line) > inside):
            gone.append(line)
            continue
        inside = None
        if re.fullmatch(rf"\s*(?:-\s+{name}|{name}:.*)\s*", line):
            inside = _indent(line)
            while kept and kept[-1].strip().startswith("#") and _indent(kept[-1]) == inside:
                gone.append(kept.pop())
            gone.append(line)
            continue
        if gone and kept and _is_empty_parent(kept, line, gone):
            gone.append(kept.pop())
        kept.append(line)
    return kept, gone


def _is_empty_parent(kept: Sequence[str], line: str, gone: Sequence[str]) -> bool:
    """Say whether the last kept line held nothing but what was just cut."""
    parent = _indent(kept[-1])
    cut_below = _indent(gone[-1]) > parent
    return cut_below and bool(line.strip()) and _indent(line) <= parent and kept[-1].rstrip().endswith(":")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
