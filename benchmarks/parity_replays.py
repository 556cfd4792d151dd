"""What a replay costs beside the same requests sent by the same client to one stack alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from parity.config import Config, Parity, Stack
from parity.explore.state import Blanked
from parity.ground import Ground, lay_ground
from parity.journal import Journal, Played
from parity.lane import Lane
from parity.recording import Header
from parity.replay import Replay
from parity.routes import RouteBook
from parity.runner import identities_of, terms_for
from parity.values import Answer, Entry, Request

__all__ = ["Pair", "Script", "alone", "both_bare", "jobs_script", "play", "record", "tiny_pair", "tiny_script"]

HEADERS = (("accept", "*/*"), ("accept-encoding", "gzip, deflate"), ("user-agent", "benchmark/1"))
JSON = ("content-type", "application/json")
# What asks a stack and returns the answer's JSON.
Ask = Callable[..., Any]


@dataclass(frozen=True)
class Pair:
    """Two stacks on one ground, and their routes."""

    config: Config
    ground: Ground
    book: RouteBook

    @property
    def stacks(self) -> tuple[Stack, Stack]:
        return self.config.pair

    @classmethod
    def of(cls, config: Config, folder: Path) -> "Pair":
        book = RouteBook()
        return cls(config, lay_ground(config, Header(), folder, book=book), book)


@dataclass(frozen=True)
class Script:
    """Recorded entries; those from `first` on are measured."""

    entries: tuple[Entry, ...]
    first: int

    @property
    def measured(self) -> int:
        return len(self.entries) - self.first


def tiny_pair(folder: Path, root: Path) -> Pair:
    """Return two stacks that cost next to nothing."""

    def stack(name: str) -> Stack:
        return Stack(name=name, start=("python", "-m", "benchmarks.tiny_stack", "{port}"), keep_alive_s=60)

    return Pair.of(Config(root=root, stacks=(stack("left"), stack("right")), parity=Parity()), folder)


async def record(pair: Pair, name: str, tell: Callable[[Ask], AsyncIterator[None]]) -> Script:
    """Return what the primary answered to a story; it is measured from where the story first yields."""
    blanked, entries, firsts, token = Blanked(), list[Entry](), list[int](), ""

    async def ask(method: str, target: str, body: Any = None) -> Any:
        nonlocal token
        sent = b"" if body is None else orjson.dumps(body)
        plain = (*HEADERS, *([JSON] if sent else []))
        real, known = ((*plain, ("authorization", f"Bearer {each}")) for each in (token, "<jwt-1>"))
        answer = await lane.send(Request(method, target, real if token else plain, sent))
        request = Request(method, target, known if token else plain, sent)
        number = len(entries)
        entries.append(Entry(f"{number:06}", number, "benchmark", request, blanked.answer(answer)))
        if answer.status >= 300:
            raise SystemExit(f"{method} {target}: {answer.status} {answer.error} {answer.body[:300]!r}")
        told = orjson.loads(answer.body) if answer.body else {}
        token = told.get("access_token", token) if isinstance(told, dict) else token
        return told

    async with pair.ground.alone(pair.stacks[0], name) as lane:
        async for _ in tell(ask):
            firsts.append(len(entries))
    return Script(tuple(entries), firsts[0])


def jobs_script(config: Config, *, reads: int, writes: int) -> Callable[[Ask], AsyncIterator[None]]:
    """Return a story of this app: an admin logs in and makes twenty jobs, then reads them, or makes and changes more."""

    async def tell(ask: Ask) -> AsyncIterator[None]:
        env = config.parity.env
        await ask("POST", "/auth/login", {"username": env["ADMIN_USERNAME"], "password": env["ADMIN_PASSWORD"]})
        await ask("POST", "/pic-teams", {"name": "Core Team", "slack_handle": "@core"})
        ids = [(await ask("POST", "/jobs", _job(number)))["job"]["id"] for number in range(20)]
        yield
        for number in range(reads):
            await ask("GET", f"/jobs/{ids[number % 20]}" if number % 4 else "/jobs?page=1&limit=20")
        for number in range(writes):
            job = (await ask("POST", "/jobs", _job(100 + number)))["job"]["id"]
            await ask("PUT", f"/jobs/{job}", {"name": f"changed job {number}"})
            await ask("GET", f"/jobs/{job}")
            await ask("DELETE", f"/jobs/{job}")

    return tell


def _job(number: int) -> dict[str, Any]:
    return {
        "name": f"job {number}",
        "cron_expression": f"{number % 60} 3 * * *",
        "end_date": "2099-12-31",
        "pic_team": "core-team",
        "target_url": f"https://hooks.example.com/{number}",
    }


async def alone(pair: Pair, stack: Stack, script: Script) -> float:
    """Return the seconds in which one stack answers what is measured; carrying ids over is not counted."""
    spent_s = 0.0
    async with pair.ground.alone(stack, f"alone-{stack.name}") as lane:
        for number, entry in enumerate(script.entries):
            request, _ = lane.carrier.request(entry)
            begun = time.perf_counter()
            answer = await lane.send(request)
            spent_s += time.perf_counter() - begun if number >= script.first else 0.0
            lane.carrier.learn(entry, answer)
    return spent_s


async def both_bare(pair: Pair, script: Script) -> float:
    """Return the seconds in which both stacks answer what is measured at once, with nobody looking at the answers."""
    spent_s = 0.0
    async with opened(pair, 1) as lanes:
        for number, entry in enumerate(script.entries):
            requests = [lane.carrier.request(entry)[0] for lane in lanes]
            begun = time.perf_counter()
            answers = await asyncio.gather(*(lane.send(request) for lane, request in zip(lanes, requests, strict=True)))
            spent_s += time.perf_counter() - begun if number >= script.first else 0.0
            for lane, answer in zip(lanes, answers, strict=True):
                lane.carrier.learn(entry, answer)
    return spent_s


@asynccontextmanager
async def opened(pair: Pair, in_flight: int) -> AsyncIterator[tuple[Lane, Lane]]:
    async with pair.ground.lanes(pair.stacks, "replay", connections=in_flight) as lanes:
        yield lanes


async def play(pair: Pair, script: Script, folder: Path, *, in_flight: int = 1) -> tuple[float, int]:
    """Return the seconds of a whole replay of what is measured, journal included, and how many exchanges differ."""
    ends: list[float] = []
    different = 0

    def advance(played: Played) -> None:
        nonlocal different
        ends.append(time.perf_counter())
        different += bool(played.differences)

    journal = Journal(folder / "benchmark.jsonl")
    async with opened(pair, in_flight) as lanes:
        replay = Replay(
            lanes,
            book=pair.book,
            terms=terms_for(pair.config, pair.stacks, pair.ground),
            witness_terms=terms_for(pair.config, (pair.stacks[0], pair.stacks[0]), pair.ground, 86_400.0),
            identities=identities_of(pair.ground),
            journal=journal,
            settle_s=pair.config.parity.settle_s,
            in_flight=in_flight,
        )
        begun = time.perf_counter()
        await replay.run(iter(script.entries), advance)
    journal.close()
    # The last one waits for the stacks to end.
    since, upto = ends[script.first - 1] if script.first else begun, ends[-2]
    return (upto - since) * script.measured / (script.measured - 1), different


def tiny_script(documents: Sequence[bytes], count: int) -> Script:
    """Return reads of the tiny stack's documents, one after the other, as recorded."""
    headers = (("content-type", "application/json"), ("server", "tiny"))
    asked = [Request("GET", f"/items/{number}", HEADERS) for number in range(len(documents))]
    entry = Entry("", 0, "benchmark", asked[0])
    return Script(
        tuple(
            replace(
                entry,
                id=f"{number:06}",
                seq=number,
                request=asked[number % len(asked)],
                answer=Answer(200, headers, documents[number % len(asked)]),
            )
            for number in range(count)
        ),
        0,
    )
