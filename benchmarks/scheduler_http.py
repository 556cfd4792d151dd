"""What people who use the API feel while very many jobs fire: the time of a read on the worker that owns the scheduler.

Run: .venv/bin/python -m benchmarks.scheduler_http [--jobs 10000] [--seconds 10] [--databases sqlite postgresql]
Each stack as its own start command runs it, with one worker, so that whoever reads meets the owner's process. Requests go
out at a fixed pace on one connection, first while nothing is due, then from the moment at which all jobs are due until the
last has run. The floor is the same server while no stack is wanted, so that nobody owns.
"""

import argparse
import http.client
import tempfile
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from benchmarks.scheduler_ground import Ground, grounds, percentile, progress, target
from scheduler.lease import transaction
from shared_models import SchedulerLease
from tests.contract import stacks
from tests.scheduler.running import Place
from tests.scheduler.servers import Server, serving

ROOT = Path(__file__).resolve().parents[1]
PATH = "/job-categories"
PACE_S = 0.01
AHEAD_S = 3.0
GOAL_MS = 20
LONGEST_S = 300.0


def read_until(server: Server, over: Callable[[], bool]) -> list[float]:
    """Return how many milliseconds each read took that was sent at the pace until it was over."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.api.token('user')}"}
    took = []
    due = time.monotonic()
    while not over():
        due = max(due + PACE_S, time.monotonic() - 1)
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.perf_counter()
        connection.request("GET", server.api.stack.prefix + PATH, headers=headers)
        answer = connection.getresponse()
        answer.read()
        took.append((time.perf_counter() - began) * 1e3)
        assert answer.status == 200, answer.status
    connection.close()
    return took


def for_seconds(seconds: float) -> Callable[[], bool]:
    ends = time.monotonic() + seconds
    return lambda: time.monotonic() > ends


def until_done(ground: Ground, jobs: int) -> Callable[[], bool]:
    """Return a question that is yes once every job has run; the database is asked twice a second."""
    asked = time.monotonic()
    gives_up = asked + LONGEST_S

    def done() -> bool:
        nonlocal asked
        if time.monotonic() - asked < 0.5:
            return False
        asked = time.monotonic()
        progress(f"{ground.count('done'):,} of {jobs:,} jobs have run")
        if asked > gives_up:
            raise SystemExit(f"not all jobs had run after {LONGEST_S:g} s")
        return ground.count("done") >= jobs

    return done


def measure(ground: Ground, stack: str, jobs: int, seconds: float, target_url: str) -> None:
    with stacks.open_sinks() as sinks, tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        place, folder = Place(ground.url, ground.engine, sinks), Path(name)
        ground.add_jobs(jobs, target_url, "0 0 1 1 *", datetime.now(UTC) + timedelta(days=1))
        with transaction(ground.engine) as connection:
            connection.execute(update(SchedulerLease).values(desired_stack="none"))
        with serving(place, folder, stack) as [server]:
            read_until(server, for_seconds(1))
            floor = read_until(server, for_seconds(seconds))
            place.want(stack)
            ground.wait_until_owned()
            alone = read_until(server, for_seconds(seconds))
            ground.make_due(datetime.now(UTC) + timedelta(seconds=AHEAD_S))
            time.sleep(AHEAD_S)
            began = time.monotonic()
            firing = read_until(server, until_done(ground, jobs))
            took_s = time.monotonic() - began
    progress("")
    show(ground.kind, stack, "nobody owns", floor, "the floor")
    show(ground.kind, stack, "owns, idle", alone, "")
    moved = percentile(firing, 99) - percentile(alone, 99)
    beside = f"p99 moved {moved:+.1f} ms, goal {GOAL_MS} ms; {jobs / took_s:,.0f} runs/s"
    show(ground.kind, stack, f"{jobs:,} jobs fire", firing, beside)


def show(kind: str, stack: str, name: str, took: list[float], beside: str) -> None:
    figures = f"p50 {percentile(took, 50):6.1f} ms   p99 {percentile(took, 99):6.1f} ms   max {max(took):7.1f} ms"
    print(f"  {kind:11} {stack:7} {name:17} {figures}   {beside}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Reads while very many jobs fire.")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--databases", nargs="+", default=list(stacks.DATABASES), choices=stacks.DATABASES)
    options = parser.parse_args()
    print(f"GET {PATH} on the owner's worker, {1 / PACE_S:g} requests/s")
    for name, stack in tomllib.loads((ROOT / "dualstack.toml").read_text())["stacks"].items():
        if not (ROOT / stack["folder"]).exists():
            continue
        with target() as url, grounds(options.databases) as each:
            for ground in each:
                measure(ground, name, options.jobs, options.seconds, url)


if __name__ == "__main__":
    main()
