"""What single parts of the parity runner cost, each beside the least that anybody could do instead."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from parity.compare import Identities, Terms, compare
from parity.databases import open_database
from parity.recording import Header, Writer, read
from parity.redaction import Redactor
from parity.values import Answer, Entry, Outcome, Request

__all__ = ["clones", "documents", "recordings", "writes"]

Row = tuple[str, str, str]
JSON = (("content-type", "application/json"),)


def timed(work: Callable[[], Any], times: int = 7) -> float:
    """Return the median of how many milliseconds the work takes."""
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return median(spent) * 1000


def documents() -> Iterator[Row]:
    """Yield the comparison of documents of 1 MB, beside reading both and asking Python whether they are equal."""
    rows = [
        {"id": number, "name": f"job {number}", "ok": number % 3 == 0, "text": "x" * 60, "rate": number / 7}
        for number in range(8_000)
    ]
    changed = [{**row, "name": "another"} if number % 100 == 0 else row for number, row in enumerate(rows)]
    inserted = [{"id": -1, "name": "new", "ok": True, "text": "y", "rate": 0.5}, *rows]
    spaced = orjson.dumps({"jobs": rows}).replace(b",", b", ")
    for name, other in (
        ("equal", orjson.dumps({"jobs": rows})),
        ("equal but for spaces", spaced),
        ("1 % changed", orjson.dumps({"jobs": changed})),
        ("one row inserted", orjson.dumps({"jobs": inserted})),
    ):
        left, right = (Outcome(Answer(200, JSON, body)) for body in (orjson.dumps({"jobs": rows}), other))
        found: list[Any] = []

        def both(left: Outcome = left, right: Outcome = right, found: list[Any] = found) -> None:
            found[:] = compare(left, right, route="GET /jobs", terms=Terms(), identities=Identities())

        def plain(left: Outcome = left, right: Outcome = right) -> bool:
            return bool(orjson.loads(left.answer.body) == orjson.loads(right.answer.body))

        cost = timed(both)
        said = f"{cost:.1f} ms, {len(found)} differences"
        yield f"1 MB, {name}", said, f"{timed(plain):.1f} ms orjson.loads of both and =="


def clones(folder: Path) -> Iterator[Row]:
    """Yield the clone of a database of 26 MB, beside a copy of the file."""
    source = folder / "source.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO jobs (text) VALUES (?)", [("x" * 1000,) for _ in range(24_000)])
        connection.commit()
    database = open_database(f"sqlite:///{source}")

    def clone() -> None:
        database.clone(f"sqlite:///{folder / 'clone.db'}").drop()

    size = source.stat().st_size / 1e6
    copied = timed(lambda: shutil.copyfile(source, folder / "copy.db"))
    yield f"clone of {size:.0f} MB", f"{timed(clone):.0f} ms", f"{copied:.0f} ms to copy the file"


def writes(folder: Path) -> Iterator[Row]:
    """Yield what it takes to read the rows of one write, beside the write itself without anybody watching."""
    source = folder / "written.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, name TEXT, at TEXT, note TEXT)")
        connection.commit()
    database = open_database(f"sqlite:///{source}")

    with closing(sqlite3.connect(source, isolation_level=None)) as connection:

        def write() -> None:
            connection.execute("INSERT INTO jobs (name, at, note) VALUES ('a job', '2026-01-01', 'text')")

        bare = timed(write, 500)
        log = database.watch()
        watched, spent = timed(write, 500), []
        log.read()
        for _ in range(500):
            write()
            begun = time.perf_counter()
            rows = log.read()
            spent.append(time.perf_counter() - begun)
            assert len(rows) == 1
        idle = timed(log.read, 500)
        log.close()
    yield "rows of one write, read", f"{median(spent) * 1000:.3f} ms, {idle:.3f} ms if none", f"{bare:.3f} ms the write"
    yield "one write, watched", f"{watched:.3f} ms", f"{bare:.3f} ms unwatched"


def recordings(folder: Path, count: int = 1_000) -> Iterator[Row]:
    """Yield how many recorded exchanges are read and redacted a second, beside reading the lines as JSON alone."""
    body = orjson.dumps({"id": "5b4db167-297a-4d6e-ad96-44c50cf3a0a4", "email": "ada@example.com", "note": "x" * 600})
    headers = (("accept", "*/*"), ("authorization", "Bearer secret-of-somebody-0123456789"), *JSON)
    entry = Entry("", 0, "s", Request("POST", "/notes?token=abc", headers, body), Answer(200, JSON, body))
    path = folder / "recorded.jsonl"
    with Writer(path, Header()) as writer:
        for number in range(count):
            writer.write(replace(entry, id=f"{number:06}", seq=number))
    redactor = Redactor(b"a key of the benchmark, 32 bytes")

    def redacted() -> None:
        for known in read(path)[1]:
            redactor.entry(known)

    def parsed() -> None:
        with path.open("rb") as lines:
            for line in lines:
                orjson.loads(line)

    rates = [count / timed(work, 3) * 1000 for work in (redacted, lambda: [*map(id, read(path)[1])], parsed)]
    yield "read and redacted", f"{rates[0]:,.0f} entries/s", f"{rates[1]:,.0f}/s read, {rates[2]:,.0f}/s orjson.loads"
