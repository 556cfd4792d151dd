"""What the gateway costs: processor time of a request, and the time it adds to an answer; beside its floor and its rival.

Run: .venv/bin/python -m benchmarks.gateway_cost [--rounds 12]
Needs wrk; HAProxy is left out where it is not installed; Linux only, as processor time is read from /proc.
The mix is one request for each of the operations, from visitors of whom a quarter belongs to the candidate. All are
measured in turns of a second, so that what else the machine does hits all alike; figures are medians of the turns.
"""

import argparse
import json
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.gateway_ground import ground, processor_us, workers
from benchmarks.gateway_rivals import Rival, bare_nginx, haproxy
from gateway.config import Config
from gateway.flips import Flips, Order
from gateway.ownership import Ownership
from tests.gateway.edge import Edge, request_bytes, wait_for
from tests.gateway.fast_stacks import FastStacks

SHARE = 25
TURN_S = 1
PACE_PER_S = 500
PACED = 4_000
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwiZnJlc2giOmZhbHNlfQ.dozjgNryP4J3jVmNHl0w5NXgL0n3"
)
BARE, OURS, UNLOGGED, HAPROXY = "nginx, only passing on", "this gateway", "this gateway without its log", "HAProxy"


def mix(config: Config) -> list[bytes]:
    """Return a request for each operation of the route groups."""
    return [
        message(
            config, method, "/api" + "".join(f"/{'7c9e6679-7425-40de' if s == '{}' else s}" for s in match.segments)
        )
        for group in config.routes.groups
        for match in group.matches
        for method in match.methods
    ]


def message(config: Config, method: str, path: str) -> bytes:
    headers = [
        ("Cookie", f"{config.sticky.cookie}={secrets.token_hex(16)}"),
        ("Authorization", f"Bearer {TOKEN}"),
        ("Accept", "application/json"),
    ]
    return request_bytes(method, path, headers, b'{"name":"a name"}' if method in {"POST", "PUT"} else b"")


def script(folder: Path, messages: list[bytes]) -> Path:
    """Write the mix as wrk wants it."""
    # JSON's quoting of such texts is Lua's as well.
    texts = ",\n".join(json.dumps(message.decode()) for message in messages)
    lua = f"local all = {{{texts}}}\nlocal n = 0\nfunction request() n = n + 1; return all[n % #all + 1] end\n"
    path = folder / "mix.lua"
    path.write_text(lua)
    return path


def turn(rival: Rival, lua: Path) -> float:
    """Return the microseconds of processor time for a request, and refuse a turn in which anything failed."""
    port, pid = rival
    pids = workers(pid) or [pid]
    before = processor_us(pids)
    command = ["wrk", "-t1", "-c32", f"-d{TURN_S}s", "-s", str(lua), f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    requests = re.search(r"(\d+) requests in", said)
    return (processor_us(pids) - before) / int(requests[1]) if requests else 0.0


def paced(rivals: dict[str, Rival], message: bytes) -> dict[str, float]:
    """Return the median time to an answer in ms, of reads that go to each in turn at a steady pace."""
    took: dict[str, list[float]] = {name: [] for name in rivals}
    with ExitStack() as stack:
        connections = {
            name: stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            for name, (port, _) in rivals.items()
        }
        began = time.monotonic()
        for number in range(PACED):
            time.sleep(max(0, began + number / PACE_PER_S - time.monotonic()))
            name = list(rivals)[number % len(rivals)]
            sent = time.perf_counter()
            connections[name].sendall(message)
            connections[name].recv(65536)
            took[name].append((time.perf_counter() - sent) * 1000)
    return {name: median(times) for name, times in took.items()}


def open_canary(edge: Edge) -> None:
    """Give the candidate its share of every group."""
    shares = {group.id: SHARE for group in edge.config.routes.groups}
    outcome = Flips.of(edge.config, edge.var_dir).carry_out(Order("benchmark", Ownership(shares)))
    assert outcome.word == "done", outcome


@contextmanager
def unlogged(folder: Path, like: Edge, stacks: FastStacks) -> Iterator[Edge]:
    """Yield a second gateway whose only difference is that it writes no log."""
    with Edge(like.project, folder / "unlogged", stacks.ports) as edge:
        open_canary(edge)
        conf = edge.var_dir / "gateway/nginx.conf"
        conf.write_text(re.sub(r"access_log log/[^;]+;", "access_log off;", conf.read_text()))
        before = set(workers(edge.process.pid))
        edge.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not before & set(workers(edge.process.pid)), "the workers that log are gone")
        yield edge


def costs(rivals: dict[str, Rival], lua: Path, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for number in range(rounds):
        for name, rival in rivals.items():
            if sys.stderr.isatty():
                print(f"\r\033[Kround {number + 1} of {rounds}: {name}", end="\r", file=sys.stderr, flush=True)
            found[name].append(turn(rival, lua))
    return found


def show_costs(found: dict[str, list[float]], operations: int, groups: int) -> None:
    bare = median(found[BARE])
    what = {
        BARE: "the floor",
        OURS: f"{operations} operations in {groups} groups, {SHARE} % at the candidate, logged",
        UNLOGGED: "the same",
        HAPROXY: "the same groups, share and log",
    }
    for name, values in found.items():
        more = median(one - other for one, other in zip(values, found[BARE], strict=True))
        figure = f"{median(values):5.1f} us a request ({min(values):.1f} to {max(values):.1f})"
        print(f"  {name:30}  {figure:38}  |  {median(values) / bare:.2f} times the floor, {more:+.1f} us; {what[name]}")


def show_paces(took: dict[str, float], direct: str) -> None:
    for name, ms in took.items():
        print(f"  {name:30}  {ms:6.3f} ms to an answer (p50)            |  {ms - took[direct]:+.3f} ms; goal +0.3 ms")


def main() -> None:
    parser = argparse.ArgumentParser(description="What the gateway costs.")
    parser.add_argument("--rounds", type=int, default=12)
    rounds = parser.parse_args().rounds
    if shutil.which("wrk") is None or not Path("/proc/self/task").is_dir():
        raise SystemExit("this benchmark needs wrk (apt-get install wrk) and Linux")
    with ground() as (folder, stacks, edge), ExitStack() as others:
        open_canary(edge)
        straight = (stacks.ports[0], stacks.process.pid)
        rivals = {
            BARE: others.enter_context(bare_nginx(folder / "bare", stacks.ports[0])),
            OURS: (edge.port, edge.process.pid),
        }
        without = others.enter_context(unlogged(folder, edge, stacks))
        rivals[UNLOGGED] = (without.port, without.process.pid)
        rival = others.enter_context(haproxy(folder / "haproxy", edge.config, SHARE))
        if rival:
            rivals[HAPROXY] = rival
        messages = mix(edge.config)
        print("The gateway: processor time of its workers | beside")
        show_costs(costs(rivals, script(folder, messages), rounds), len(messages), len(edge.config.routes.groups))
        del rivals[UNLOGGED]
        print(f"The gateway: what it adds to an answer at {PACE_PER_S} requests/s | to the stack itself")
        show_paces(paced({"the stack itself": straight, **rivals}, messages[0]), "the stack itself")


if __name__ == "__main__":
    main()
