"""A server on a free loopback port with a thread and an event loop of its own, and the list of what it received.

Its own thread, because a stack in the runner's process may call it while it keeps the runner's loop busy.
"""

import asyncio
import threading
import weakref
from abc import ABC, abstractmethod
from typing import Self

from parity.values import Effect

__all__ = ["HOST", "Listener"]

HOST = "127.0.0.1"
_CLOSE_S = 5.0
# Turns of the loop that asyncio takes to make a connection of an accepted socket, and one more.
_ACCEPT_TURNS = 5


class Listener(ABC):
    """Listens from when it is made until `close`. Everything here may be called from any thread."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._lock = threading.Lock()
        self._taken = 0
        self._open: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def count(self) -> int:
        """How many effects arrived since the start."""
        with self._lock:
            return self._taken + len(self._effects)

    def take(self) -> list[Effect]:
        """Return what arrived since the last time, in order of arrival."""
        if not self._effects:
            return []
        with self._lock:
            taken, self._effects = self._effects, []
            self._taken += len(taken)
            return taken

    def close(self) -> None:
        """Break off all connections and end the thread; a second time does nothing."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(_CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def note(self, effect: Effect) -> None:
        """Add an effect; before its sender is answered, so that it is there when the sender's own answer is."""
        with self._lock:
            self._effects.append(effect)

    def opened(self, transport: asyncio.WriteTransport) -> None:
        """Remember a connection, to break it off at the end."""
        self._open.add(transport)

    @abstractmethod
    async def _listen(self) -> asyncio.Server: ...

    async def _shut(self) -> None:
        # asyncio forgets a socket that it is just accepting when the server is closed: first none are accepted any more.
        for listening in self._server.sockets:
            self._loop.remove_reader(listening.fileno())
        for _ in range(_ACCEPT_TURNS):
            await asyncio.sleep(0)
        self._server.close()
        # A connection whose task has not begun yet would not be closed by the task's end.
        for transport in self._open:
            transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
