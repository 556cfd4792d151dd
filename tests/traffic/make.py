"""Makes the committed recordings anew: a copy of the system of its own, the gateway recording, and the walk through it.

    python -m tests.traffic.make

What the walk calls outside is answered by sinks, by the rules of `[[parity.sink]]`, so that a replay meets the same world.
Bodies over the limits never pass the gateway; they get a recording of their own, without answers.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from parity.config import load_config
from parity.recording import Header, Writer
from parity.sinks import HttpSink, MailSink
from parity.values import Entry, Request
from tests.ops.ground import environment_of_a_copy, open_folder
from tests.traffic.walk import Walk

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "contract" / "recordings"
PASSWORD = "Admin-of-the-recording-1"
LIMITS = {"/jobs/bulk-upload": 10 * 1024 * 1024}
LIMIT = 1024 * 1024
ID = "99999999-9999-4999-8999-999999999999"


def main() -> None:
    with open_folder() as folder, HttpSink(load_config(ROOT).parity.sink) as http, MailSink() as mail:
        env = environment_of_a_copy(
            folder / "var",
            ADMIN_PASSWORD=PASSWORD,
            LOGIN_LIMITS="off",
            SCHEDULER_ENABLED="off",
            OUTGOING_SINK=http.address,
            GITHUB_TOKEN="github-token-of-the-recording",
            MAIL_ENABLED="on",
            MAIL_SERVER="127.0.0.1",
            MAIL_PORT=str(mail.port),
            MAIL_USE_TLS="off",
        )
        run(env, "up")
        try:
            run(env, "record", "start", "walk", "--all", "--no-snapshot")
            walk = Walk(f"http://127.0.0.1:{env['GATEWAY_PORT']}/api", PASSWORD)
            walk.all()
            said = json.loads(run(env, "record", "stop", "--json"))
        finally:
            run(env, "down")
        TARGET.mkdir(parents=True, exist_ok=True)
        shutil.copy(said["file"], TARGET / "walk.jsonl.gz")
    limits = TARGET / "limits.jsonl.gz"
    limits.unlink(missing_ok=True)
    with Writer(
        limits, Header(prefixes=("/api", "/api/v2"), database={"kind": "prepared"}, extra={"source": "written"})
    ) as writer:
        for entry in oversized():
            writer.write(entry)
    print(f"{walk.asked} requests walked, {said['entries']} recorded")


def run(env: dict[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "changeover", *words]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"changeover {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def oversized() -> Iterator[Entry]:
    """Yield a request with one byte too many for every operation that takes a body."""
    operations = json.loads((ROOT / "contract" / "statuses.json").read_text())
    wanted = [name.split(" ") for name, statuses in operations.items() if 413 in statuses]
    for seq, (method, template) in enumerate(wanted, 1):
        size = LIMITS.get(template, LIMIT) + 1
        media = "multipart/form-data; boundary=x" if template in LIMITS else "application/json"
        request = Request(
            method, template.replace("{id}", ID).replace("{eid}", ID), (("content-type", media),), b"x" * size
        )
        yield Entry(f"limit-{seq}", seq, "limits", request, meta={"source": "written"})


if __name__ == "__main__":
    main()
