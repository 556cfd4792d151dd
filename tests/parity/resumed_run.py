"""A run of the runner over two stacks in memory, for a process of its own, which may kill itself half way.

Usage: python -m tests.parity.resumed_run FOLDER DIE-AFTER [resume]
"""

import asyncio
import itertools
import json
import os
import signal
import sys
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

from parity.config import Config, Database, Parity, Stack
from parity.journal import Played
from parity.recording import Header, Writer
from parity.routes import RouteBook
from parity.runner import Options, run
from parity.values import Answer, Entry, Request

# The app is imported anew for each stack, with all of its package: not one that tests are in.
PAIR = Path(__file__).resolve().parent / "notes_pair"
PREPARE = (
    "import sqlite3, sys; "
    "sqlite3.connect(sys.argv[1].removeprefix('sqlite:///')).execute('CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT)')"
)
JSON = (("content-type", "application/json"),)


class Dying:
    """Kills this process, with what no handler sees, at the exchange numbered so."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.said: list[str] = []

    def begin(self, name: str, total: int) -> None:
        pass

    def say(self, text: str) -> None:
        self.said.append(text)

    def advance(self, played: Played) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def config() -> Config:
    def stack(name: str, **env: str) -> Stack:
        return Stack(name=name, interface="asgi", app="notes_app:make", env=env)

    parity = Parity(
        reach="memory",
        env={"NOTES_DATABASE": "{folder}/notes.db"},
        prepare=((sys.executable, "-c", PREPARE, "{database_url}"),),
        database=Database(url="sqlite:///{folder}/notes.db"),
        coverage=0,
    )
    return Config(root=PAIR, stacks=(stack("old"), stack("new", NOTES_SHOUT="1")), parity=parity)


def record(path: Path, notes: int, *, reads: int = 1) -> None:
    """Write a recording in which each note is made, and one made up to fifty before is read so many times."""
    ids = [str(uuid.UUID(int=0xA000_0000_0000_4000_8000_0000_0000_0000 + 7919 * n, version=4)) for n in range(notes)]
    with Writer(path, Header(clock_start="")) as writer:
        seq = itertools.count()
        for number, note in enumerate(ids):
            made = Answer(201, JSON, json.dumps({"id": note, "text": f"note {number}"}).encode())
            asked = Request("POST", "/notes", JSON, json.dumps({"text": f"note {number}"}).encode())
            _write(writer, next(seq), asked, made)
            for back in range(reads):
                old = max(0, number - 50 + 10 * back)
                if old <= number:
                    known = Answer(200, JSON, json.dumps({"id": ids[old], "text": f"note {old}"}).encode())
                    _write(writer, next(seq), Request("GET", f"/notes/{ids[old]}"), known)


def _write(writer: Writer, seq: int, request: Request, answer: Answer) -> None:
    writer.write(Entry(f"{seq:05}", seq, "s", request, answer))


def played(folder: Path, *, resume: bool = False, die_after: int = 0) -> dict[str, Any]:
    """Return counts, groups and lines of the report, and what was said on the way. Raise ParityError."""
    progress = Dying(die_after)
    recordings = [folder / name for name in ("first.jsonl", "second.jsonl")]
    options = Options(folder / "run", shrink=0, calibrate=False, resume=resume, keep_every=100)
    report = asyncio.run(run(config(), recordings, options, book=RouteBook(), progress=progress)).report
    return {
        "counts": asdict(report.counts),
        "groups": [(group.id, group.count, group.state, group.exchanges) for group in report.groups],
        "lines": [asdict(line) for line in report.lines()],
        "said": progress.said,
    }


if __name__ == "__main__":
    played(Path(sys.argv[1]), resume="resume" in sys.argv, die_after=int(sys.argv[2]))
