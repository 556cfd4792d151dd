"""Is a stack there at all? Its `live` address asked directly every second, past the gateway."""

import http.client
import queue
import threading
import time
from dataclasses import dataclass
from typing import Literal

from gateway.config import Config, Stack

__all__ = ["Beat", "Heart", "Pulse", "ask"]

Sign = Literal["alive", "silent", "refused"]
EVERY_S = 1.0
TIMEOUT_S = 1.0
# Three times no good answer, or twice nobody who listens.
MISSES = 3
REFUSALS = 2
# A stack that never answered may still be starting.
PATIENCE_BEATS = 60


@dataclass(frozen=True)
class Beat:
    """How the candidate answered, and the primary too where the candidate did not answer well."""

    candidate: Sign
    primary: Sign = "alive"


@dataclass
class Pulse:
    """Whether the candidate is down, by its beats so far. One that was never up is not, for a minute."""

    beats: int = 0
    was_up: bool = False
    misses: int = 0
    refusals: int = 0

    def feel(self, sign: Sign) -> None:
        self.beats += 1
        self.was_up = self.was_up or sign == "alive"
        self.misses = 0 if sign == "alive" else self.misses + 1
        self.refusals = self.refusals + 1 if sign == "refused" else 0

    @property
    def is_down(self) -> bool:
        expected_up = self.was_up or self.beats > PATIENCE_BEATS
        return expected_up and (self.misses >= MISSES or self.refusals >= REFUSALS)


def ask(stack: Stack) -> Sign:
    """Return how the stack's own port answers."""
    connection = http.client.HTTPConnection(stack.host, stack.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"{stack.prefix}{stack.live}")
        return "alive" if connection.getresponse().status == 200 else "silent"
    except ConnectionRefusedError:
        return "refused"
    except (OSError, http.client.HTTPException):
        return "silent"
    finally:
        connection.close()


class Heart:
    """Asks in a thread of its own, so that a stack that hangs does not keep anybody from reading the log."""

    def __init__(self, config: Config, candidate: Stack) -> None:
        self.primary = config.primary
        self.candidate = candidate
        self.beats: queue.SimpleQueue[Beat] = queue.SimpleQueue()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()

    def new_beats(self) -> list[Beat]:
        return [self.beats.get() for _ in range(self.beats.qsize())]

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            sign = ask(self.candidate)
            self.beats.put(Beat(sign) if sign == "alive" else Beat(sign, ask(self.primary)))
            if self.stopped.wait(max(0.0, EVERY_S - (time.monotonic() - began))):
                return
