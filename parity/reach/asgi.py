"""An ASGI app in this process: its lifespan around the replay, every request a call in the runner's own event loop."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from parity.reach.client import Limits
from parity.reach.wire import CUT_OFF, decoded, encoded, headers_for, internal_error, late, target_for
from parity.values import Answer, Headers, ParityError, Request

__all__ = ["App", "AsgiStack", "scope_of"]

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
_HOST = "127.0.0.1"
_STOP_S = 5.0


class AsgiStack:
    """A running stack, once `start` returned. Tracebacks go to `log`."""

    def __init__(self, name: str, app: App, prefix: str, log: Path, limits: Limits) -> None:
        self.name = name
        self.address = f"http://{_HOST}"
        self._app = app
        self._prefix = prefix
        self._answer_s = limits.answer_s
        self._errors = log.open("w", encoding="utf-8", buffering=1)
        self._slots = asyncio.Semaphore(limits.connections)
        self._lifespan = _Lifespan(app)
        # What an app still does behind its answer goes on, as it does in a server.
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, start_s: float) -> None:
        """Run the app's start-up. Raise ParityError where it fails."""
        fault = await self._lifespan.start(start_s)
        if fault:
            self._errors.close()
            raise ParityError(f'Stack "{self.name}" failed to start: {fault}')

    async def send(self, request: Request) -> Answer:
        async with self._slots:
            call = _Call(request)
            task = asyncio.create_task(self._run(call, scope_of(request, self._prefix, self._lifespan.state)))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            try:
                async with asyncio.timeout(self._answer_s):
                    await call.over.wait()
            except TimeoutError:
                task.cancel()
                return late(self._answer_s)
            return call.answer()

    async def stop(self) -> None:
        """Let what runs come to its end, at most 5 s, then run the app's shut-down."""
        if self._running:
            _, late_ones = await asyncio.wait(self._running, timeout=_STOP_S)
            for task in late_ones:
                task.cancel()
            await asyncio.gather(*late_ones, return_exceptions=True)
        await self._lifespan.stop()
        self._errors.close()

    async def _run(self, call: "_Call", scope: Message) -> None:
        try:
            await self._app(scope, call.receive, call.send)
        except (Exception, SystemExit):
            traceback.print_exc(file=self._errors)
        finally:
            call.over.set()


class _Call:
    """One call of the app, and what the app says."""

    def __init__(self, request: Request) -> None:
        self.over = asyncio.Event()
        self._request = request
        self._begun = time.perf_counter()
        self._elapsed_s = 0.0
        self._body_read = self._complete = False
        self._status = 0
        self._headers: Headers = ()
        self._body: list[bytes] = []

    async def receive(self) -> Message:
        if not self._body_read:
            self._body_read = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        await self.over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in message.get("headers", ())
            )
        elif message["type"] == "http.response.body" and not self._complete:
            if not self._status:
                raise RuntimeError("The app sent a body before http.response.start.")
            self._body.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._complete = True
                self._elapsed_s = time.perf_counter() - self._begun
                self.over.set()

    def answer(self) -> Answer:
        """Return what a client would have got by now."""
        if not self._complete:
            elapsed_s = time.perf_counter() - self._begun
            return Answer(0, error=CUT_OFF, elapsed_s=elapsed_s) if self._status else internal_error(elapsed_s)
        body = b"" if self._request.method == "HEAD" else decoded(self._headers, b"".join(self._body))
        return Answer(self._status, self._headers, body, self._elapsed_s)


class _Lifespan:
    """The app's start-up and shut-down; an app that knows none does without, as in a server."""

    def __init__(self, app: App) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._told = asyncio.Event()
        self._fault = ""
        self._task: asyncio.Task[None] | None = None

    async def start(self, start_s: float) -> str:
        """Return "" once the app is up, else what it says is wrong."""
        self._task = asyncio.create_task(self._run())
        self._to_app.put_nowait({"type": "lifespan.startup"})
        try:
            await asyncio.wait_for(self._told.wait(), start_s)
        except TimeoutError:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            return f"its start-up takes longer than {start_s:g} s."
        return self._fault

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self._to_app.put_nowait({"type": "lifespan.shutdown"})
        _, still_running = await asyncio.wait([task], timeout=_STOP_S)
        if still_running:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._to_app.get, self._hear)
        except (Exception, SystemExit) as error:
            if isinstance(error, SystemExit) and not self._told.is_set():
                self._fault = str(error)
        finally:
            self._told.set()

    async def _hear(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            lines = str(message.get("message", "")).strip().splitlines()
            self._fault = lines[-1] if lines else "its lifespan says so without a reason."
        if message["type"].startswith("lifespan.startup."):
            self._told.set()


def scope_of(request: Request, prefix: str, state: dict[str, Any]) -> Message:
    """Return the scope of one request; `raw_path` is the target as recorded, without its query."""
    path, _, query = encoded(target_for(request, prefix)).partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), encoded(value)) for name, value in headers_for(request, _HOST)],
        "client": (_HOST, 0),
        "server": (_HOST, 80),
        "state": state.copy(),
    }
