"""A WSGI app in this process: every request is a call in a worker thread, answered as a server would answer it."""

import asyncio
import io
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper

from parity.reach.client import Limits
from parity.reach.wire import CUT_OFF, decoded, encoded, headers_for, internal_error, late, target_for
from parity.values import Answer, Headers, Request

__all__ = ["App", "WsgiStack", "environ_of"]

App = Callable[[dict[str, Any], Callable[..., Callable[[bytes], object]]], Iterable[bytes]]
_HOST = "127.0.0.1"


class WsgiStack:
    """A running stack. Tracebacks and `wsgi.errors` go to `log`."""

    def __init__(self, name: str, app: App, prefix: str, log: Path, limits: Limits) -> None:
        self.name = name
        self.address = f"http://{_HOST}"
        self._app = app
        self._prefix = prefix
        self._answer_s = limits.answer_s
        self._errors = log.open("w", encoding="utf-8", buffering=1)
        self._threads = ThreadPoolExecutor(limits.connections, thread_name_prefix=f"parity-{name}")

    async def send(self, request: Request) -> Answer:
        call = asyncio.get_running_loop().run_in_executor(self._threads, self._answer, request)
        try:
            return await asyncio.wait_for(call, self._answer_s)
        except TimeoutError:
            return late(self._answer_s)

    async def stop(self) -> None:
        """Take no more requests. A call that hangs cannot be ended, only left alone."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._errors.close()

    def _answer(self, request: Request) -> Answer:
        begun = time.perf_counter()
        call = _Call()
        try:
            call.run(self._app, environ_of(request, self._prefix, self._errors))
        except (Exception, SystemExit):
            traceback.print_exc(file=self._errors)
            elapsed_s = time.perf_counter() - begun
            return Answer(0, error=CUT_OFF, elapsed_s=elapsed_s) if any(call.body) else internal_error(elapsed_s)
        body = decoded(call.headers, b"".join(call.body))
        return Answer(call.status, call.headers, body, time.perf_counter() - begun)


class _Call:
    """One call of the app, and what the app says."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.body: list[bytes] = []

    def run(self, app: App, environ: dict[str, Any]) -> None:
        """Raise what the app raises, and RuntimeError where it never says a status."""
        result = app(environ, self._start_response)
        try:
            self.body.extend(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        if not self.status:
            raise RuntimeError("The app returned without calling start_response.")

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if exc_info is not None and any(self.body):
            raise exc_info[1].with_traceback(exc_info[2])
        self.status = int(status.split(" ", 1)[0])
        self.headers = tuple((name.lower(), value) for name, value in headers)
        return self.body.append


def environ_of(request: Request, prefix: str, errors: TextIO) -> dict[str, Any]:
    """Return the environment of PEP 3333, with the raw target under the names servers give it."""
    target = encoded(target_for(request, prefix)).decode("latin-1")
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "REQUEST_URI": target,
        "SERVER_NAME": _HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": _HOST,
        "REMOTE_PORT": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": errors,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers_for(request, _HOST):
        # A name with an underscore could pass for another with a hyphen, so servers drop it.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        text = encoded(value).decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ
