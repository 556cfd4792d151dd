"""A target as a process of its own: each call that arrives is a line in a file before it is answered.

    with Sink(folder, slow_s=0.2) as sink:
        ...                    # let something call sink.url
        sink.calls()           # list[Effect], as they arrived

It outlives every process under test, and answers some thousand calls a second on one core.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import httptools

from tests.scheduler.proof.history import Effect

ROOT = Path(__file__).resolve().parents[3]
START_S = 20
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
_FAILED = b"HTTP/1.1 500 Failed\r\nContent-Length: 6\r\nConnection: close\r\n\r\nfailed"


class Sink:
    """Every answer waits `slow_s`; every `fails`-th call is answered by 500 and every `drops`-th not at all, after its line."""

    def __init__(self, folder: Path, *, slow_s: float = 0, fails: int = 0, drops: int = 0) -> None:
        self.file = folder / "effects"
        self._port_file = folder / "effects-port"
        self._options = [f"--slow-s={slow_s}", f"--fails={fails}", f"--drops={drops}"]

    def __enter__(self) -> Self:
        self._port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", __spec__.name, str(self.file), str(self._port_file), *self._options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)
        ends = time.monotonic() + START_S
        while not self._port_file.exists():
            if self._process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError("the sink did not start")
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._port_file.read_text()}/"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def calls(self) -> list[Effect]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [
            Effect(key, execution, datetime.fromtimestamp(float(at), UTC))
            for key, execution, at in map(str.split, lines)
        ]


class _Call(asyncio.Protocol):
    """One connection. Written for httptools, whose parser calls the `on_` methods."""

    number = 0

    def __init__(self, file: int, options: argparse.Namespace) -> None:
        self._file = file
        self._options = options
        self._marks = {b"idempotency-key": b"-", b"x-execution-id": b"-"}
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in self._marks:
            self._marks[name.lower()] = value

    def on_message_complete(self) -> None:
        key, execution = self._marks.values()
        os.write(self._file, b"%s %s %.6f\n" % (key, execution, time.time()))
        _Call.number += 1
        asyncio.get_running_loop().call_later(self._options.slow_s, self._answer, _Call.number)

    def _answer(self, number: int) -> None:
        if not _every(self._options.drops, number):
            self._transport.write(_FAILED if _every(self._options.fails, number) else _OK)
        self._transport.close()


def _every(step: int, number: int) -> bool:
    return step > 0 and number % step == 0


def _tell(file: Path, port: int) -> None:
    draft = file.with_suffix(".draft")
    draft.write_text(str(port))
    draft.rename(file)


async def serve(options: argparse.Namespace) -> None:
    file = os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server = await asyncio.get_running_loop().create_server(lambda: _Call(file, options), "127.0.0.1", 0, backlog=1024)
    _tell(Path(options.port_file), server.sockets[0].getsockname()[1])
    # The end of its input is the end of whoever started it.
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("port_file")
    parser.add_argument("--slow-s", type=float, default=0)
    parser.add_argument("--fails", type=int, default=0)
    parser.add_argument("--drops", type=int, default=0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
