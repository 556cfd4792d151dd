"""The fewest requests behind each group, put into the report: as curl for each stack, and as a pytest file."""

import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from parity.journal import Played
from parity.recording import Header, as_lines, read
from parity.replayed import Replayed
from parity.report.curl import curl
from parity.report.value import Comparison, Group, Shrunk, StackInfo
from parity.shrink import Shrinker, Shrunken
from parity.values import Entry

__all__ = ["PlaySome", "explain"]

# Replays some entries of one recording and returns what was played.
PlaySome = Callable[[Replayed, Sequence[Entry]], Coroutine[Any, Any, Sequence[Played]]]
_TRIES = 24
# A recording is held in memory only as far as a shrunk exchange lies within it.
_LONGEST = 20_000


async def explain(
    comparison: Comparison,
    replays: Mapping[str, Replayed],
    kept: Mapping[str, Played],
    stacks: tuple[StackInfo, StackInfo],
    play: PlaySome,
    *,
    most: int,
    seconds: float,
    shrunk: Callable[[Group, Shrunken], None] | None = None,
) -> Comparison:
    """Return the comparison with the first `most` unexplained groups shrunk, as far as `seconds` go.

    `replays` are by the label before the slash of an exchange's id, "" where there is one recording. `shrunk` is told of
    each group that was.
    """
    ends = time.monotonic() + seconds
    groups = {group.id: group for group in comparison.groups}
    for group in [group for group in comparison.groups if group.state == "unexplained"][:most]:
        left = ends - time.monotonic()
        if left <= 0:
            break
        shrunken, replayed = await _shrink(group, replays, kept, play, left)
        if shrunken and replayed:
            if shrunk:
                shrunk(group, shrunken)
            groups[group.id] = _explained(group, shrunken, replayed, stacks, groups)
    return replace(comparison, groups=tuple(groups[group.id] for group in comparison.groups))


async def _shrink(
    group: Group, replays: Mapping[str, Replayed], kept: Mapping[str, Played], play: PlaySome, seconds: float
) -> tuple[Shrunken | None, Replayed | None]:
    label = group.example.rpartition("/")[0] if "" not in replays else ""
    replayed = replays.get(label)
    played = kept.get(group.example)
    if replayed is None or played is None or played.seq > _LONGEST:
        return None, None
    entries = _until(replayed, played.seq)
    shrinker = Shrinker(lambda some: play(replayed, some), tries=_TRIES, seconds=seconds)
    return await shrinker.shrink(entries, len(entries) - 1, group.id), replayed


def _until(replayed: Replayed, seq: int) -> list[Entry]:
    entries: list[Entry] = []
    for entry in read(replayed.path)[1]:
        entries.append(entry)
        if entry.seq == seq:
            break
    return entries


def _explained(
    group: Group,
    shrunken: Shrunken,
    replayed: Replayed,
    stacks: tuple[StackInfo, StackInfo],
    groups: Mapping[str, Group],
) -> Group:
    if not shrunken.again:
        # Said, and not hidden: it may depend on time or chance.
        return replace(group, order_dependent=None)
    shrunk = Shrunk(
        requests=len(shrunken.entries),
        leaves=shrunken.leaves,
        curl={stack.name: _curls(shrunken.entries, stack) for stack in stacks},
        pytest=_pytest(group, replayed.header, shrunken.entries),
    )
    earlier = next((name for name in shrunken.differs if name in groups and name != group.id), None)
    if earlier:
        return replace(group, shrunk=shrunk, state="caused_by", caused_by=earlier)
    return replace(group, shrunk=shrunk, order_dependent=shrunken.order_dependent)


def _curls(entries: Sequence[Entry], stack: StackInfo) -> str:
    return "\n\n".join(curl(entry.request, f"{stack.url}{stack.prefix}") for entry in entries)


def _pytest(group: Group, header: Header, entries: Sequence[Entry]) -> str:
    lines = b"".join(as_lines(header, entries)).decode()
    name = "".join(letter if letter.isalnum() else "_" for letter in f"{group.method} {group.route}".lower()).strip("_")
    return f'''"""{group.method} {group.route}: {group.where} {group.axis} at {group.path}, {group.left_kind} against {group.right_kind}."""

import subprocess
from pathlib import Path

RECORDING = {lines!r}


def test_{name}_is_the_same_on_both_stacks(tmp_path: Path) -> None:
    recording = tmp_path / "shrunk.jsonl"
    recording.write_text(RECORDING)

    command = ["changeover", "parity", "run", str(recording), "--coverage", "0", "--report", str(tmp_path / "report")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
'''
