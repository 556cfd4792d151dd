"""The process that writes a recording: exchanges come in by standard input, redacted entries go to the file.

It says by a line on standard output when it is ready, then answers each exchange by one: empty when it is on disk, or
why it is not. It ends when its
input does; a SIGTERM to the whole group is the recorder's to mind, for it still has something to hand over.
"""

import heapq
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from parity.recorder.entries import Reader
from parity.recorder.queue import read_frames
from parity.recorder.settings import RecorderSettings, load_settings
from parity.recorder.tap import Exchange
from parity.recording import Header, Writer, read
from parity.redaction import Redactor
from parity.values import ParityError

__all__ = ["in_order", "main"]

# How many answers wait for a slower one that was asked before them.
_HELD = 1000
_logger = logging.getLogger(__name__)


def in_order(frames: Iterable[tuple[Exchange, int]], held: int = _HELD) -> Iterator[Exchange]:
    """Yield the exchanges in the order of their requests' arrival, as far as `held` of them at a time allow it."""
    waiting: list[tuple[int, Exchange]] = []
    for exchange, floor in frames:
        heapq.heappush(waiting, (exchange.seq, exchange))
        while waiting and (waiting[0][0] < floor or len(waiting) > held):
            yield heapq.heappop(waiting)[1]
    while waiting:
        yield heapq.heappop(waiting)[1]


def write(settings: RecorderSettings) -> None:
    """Write until the input ends, then replace in the whole file what turned out to be secret after it was written."""
    reader = Reader(settings)
    redactor = Redactor(bytes.fromhex(settings.key), settings.secret_names, public=settings.public_names)
    if settings.file.exists():
        # A predecessor was killed; the tokens that it numbered keep their numbers.
        for entry in read(settings.file)[1]:
            redactor.reserve(" ".join(entry.meta.get("tokens", ())))
    writer = Writer(settings.file, Header.from_json(settings.header))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for exchange in in_order(read_frames(sys.stdin.buffer)):
        sys.stdout.write(f"{write_one(reader, redactor, writer, exchange)}\n")
        sys.stdout.flush()
    writer.finish(change=redactor.again)


def write_one(reader: Reader, redactor: Redactor, writer: Writer, exchange: Exchange) -> str:
    """Return "" when the entry is on disk, else why not, without a word of the exchange."""
    try:
        writer.write(redactor.entry(reader.entry(exchange)))
    except OSError as error:
        return f"{writer.path}: {error.strerror}"
    except Exception as error:  # one exchange that cannot be read must not end the recording
        _logger.error("exchange %s: %s at %s", exchange.seq, type(error).__name__, place(error))
        return f"{type(error).__name__} in exchange {exchange.seq}"
    return ""


def place(error: Exception) -> str:
    """Return where it was raised. The text of an error may quote a secret, and a log is no recording."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"


def main() -> int:
    """Return the exit code: 0 all input is written, 2 settings or a file that cannot be used."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.nice(5)
    try:
        write(load_settings(Path(sys.argv[1])))
    except (ParityError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
