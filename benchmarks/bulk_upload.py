"""How fast a CSV file of jobs is taken in: rows per second, for each stack over each database, as real servers.

Run: .venv/bin/python -m benchmarks.bulk_upload [rows]
Also shown: the longest wait of somebody who reads, and of somebody who writes, while a second file is taken in.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import jwt

from shared_models.engine import sync_engine
from tests.contract import stacks, world

ROOT = Path(__file__).resolve().parents[1]
START_S = 30
HEADER = (
    "Job Name,Cron Schedule (JST),Status,Target URL,Repo,Workflow Name,Category,End Date,PIC Team,Branch,Request Body"
)


def csv_file(rows: int, names: str = "Job") -> bytes:
    """Return a file of which every row is good: webhooks and workflows in turns, each row with its own expression."""
    lines = [HEADER]
    for i in range(rows):
        cron = f"{i % 60} {i // 60 % 24} {1 + i // 1440 % 28} * *"
        target = f"https://hooks.example.com/{i},," if i % 2 else f",acme/web{i},deploy.yml"
        lines.append(f'{names} {i},{cron},enable,{target},Regression,2099-12-31,Core,main,"{{""n"": {i}}}"')
    return "\n".join(lines).encode()


@contextmanager
def running(stack: dict[str, Any], database_url: str) -> Iterator[str]:
    """Yield the base URL of the stack as its own start command runs it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = {"host": "127.0.0.1", "port": port, "app": stack["app"], "keep_alive_s": stack["keep_alive_s"]}
    program, *options = (word.format(**words) for word in stack["start"])
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        settings = {"DATABASE_URL": database_url, "JWT_SECRET_KEY": stacks.SECRET, "VAR_DIR": folder}
        command = [str(Path(sys.executable).parent / program), *options]
        log = (Path(folder) / "log").open("wb")
        server = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}{stack['prefix']}"
            wait_until_alive(url + stack["live"])
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
            log.close()


def wait_until_alive(url: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            if httpx2.get(url).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise SystemExit(f"{url} did not answer within {START_S} s")


def token() -> str:
    identity, role = world.PEOPLE["admin"]
    now = int(datetime.now(UTC).timestamp())
    times = {"iat": now, "nbf": now, "exp": now + 3600}
    who = {"sub": identity, "role": role, "email": "admin@example.com", "jti": "benchmark"}
    return jwt.encode({**who, **times, "type": "access", "fresh": False}, stacks.SECRET, algorithm="HS256")


@contextmanager
def somebody_else(url: str, method: str, path: str, headers: dict[str, str]) -> Iterator[list[float]]:
    """Yield the seconds each request took that somebody sent one after the other until the block ended."""
    took: list[float] = []
    done = threading.Event()

    def ask() -> None:
        with httpx2.Client(base_url=url, headers=headers, timeout=60) as client:
            while not done.wait(0.01):
                start = time.perf_counter()
                client.request(method, path, json={"is_active": True} if method == "PUT" else None).raise_for_status()
                took.append(time.perf_counter() - start)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        done.set()
        thread.join()


def measure(url: str, rows: int) -> tuple[float, float, float, float]:
    """Return the seconds of a dry run and of an upload, and the longest wait of a reader and a writer during another."""
    headers = {"Authorization": f"Bearer {token()}"}
    category = f"/job-categories/{world.CATEGORY_IDS['refund']}"

    def upload(names: str, dry_run: str) -> float:
        start = time.perf_counter()
        files = {"file": ("jobs.csv", csv_file(rows, names), "text/csv")}
        answer = httpx2.post(
            f"{url}/jobs/bulk-upload", headers=headers, files=files, data={"dry_run": dry_run}, timeout=300
        )
        assert answer.json()["created_count"] == rows, answer.text[:500]
        return time.perf_counter() - start

    dry_s, upload_s = upload("Job", "true"), upload("Job", "false")
    reader = somebody_else(url, "GET", "/auth/verify", headers)
    writer = somebody_else(url, "PUT", category, headers)
    with reader as reads, writer as writes:
        upload("Another", "false")
    return dry_s, upload_s, max(reads), max(writes)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{rows} rows, {len(csv_file(rows)) / 1e6:.1f} MB")
    print(f"{'stack':8} {'database':12} {'dry run s':>10} {'upload s':>9} {'rows/s':>8} {'read ms':>8} {'write ms':>9}")
    for name, stack in tomllib.loads((ROOT / "dualstack.toml").read_text())["stacks"].items():
        if not (ROOT / stack["folder"]).exists():
            continue
        for kind in stacks.DATABASES:
            with stacks.database_url(kind) as database_url:
                engine = sync_engine(database_url)
                world.reset(engine)
                engine.dispose()
                with running(stack, database_url) as url:
                    dry_s, upload_s, read_s, write_s = measure(url, rows)
            figures = f"{dry_s:10.2f} {upload_s:9.2f} {rows / upload_s:8.0f} {read_s * 1e3:8.0f} {write_s * 1e3:9.0f}"
            print(f"{name:8} {kind:12} {figures}", flush=True)


if __name__ == "__main__":
    main()
