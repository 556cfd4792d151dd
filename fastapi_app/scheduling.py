"""The scheduler of one worker process: it lives in the application's lifespan, and lets go at the first signal to end."""

import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

from anyio import to_thread

from scheduler.runtime import Runtime

__all__ = ["scheduling"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@asynccontextmanager
async def scheduling(runtime: Runtime) -> AsyncIterator[None]:
    """Run the scheduler for as long as the block. Its end waits for runs that have begun."""
    with _released_by_signals(runtime):
        runtime.start()
        try:
            yield
        finally:
            await to_thread.run_sync(runtime.stop)


@contextmanager
def _released_by_signals(runtime: Runtime) -> Iterator[None]:
    """Release at once when the server is told to end: it waits for open requests before the lifespan ends."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}

    def release(number: int, frame: FrameType | None) -> None:
        runtime.release()
        handler: Callable[[int, FrameType | None], Any] = former[number]
        handler(number, frame)

    chained = [number for number in _SIGNALS if callable(former[number])]
    for number in chained:
        signal.signal(number, release)
    try:
        yield
    finally:
        for number in chained:
            signal.signal(number, former[number])
