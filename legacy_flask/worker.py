"""A worker of gunicorn here: it reads requests as the contract says, loses no answer to an unread body, and runs the scheduler."""

import socket
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from legacy_flask.http import STACK
from scheduler.runtime import Runtime
from shared_rules.edge import UPLOAD_LIMIT_BYTES, unreadable_answer

__all__ = ["Worker"]

_UNREAD_BODY_S = 5


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads, told by `--worker-class` to use this one; it is there after the fork only.

    The scheduler lives as long as the worker serves, and gives the lease up at the first signal to end.
    """

    _scheduler: Runtime | None = None

    def run(self) -> None:
        services = self.wsgi.extensions["services"]
        self._scheduler = Runtime(services, services.settings.database_url, STACK)
        self._scheduler.start()
        try:
            super().run()
        finally:
            self._scheduler.stop()
            services.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._release()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        self._release()
        super().handle_quit(sig, frame)

    def _release(self) -> None:
        if self._scheduler is not None:
            self._scheduler.release()

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        self.log.info("A request could not be read: %s", type(exc).__name__)
        with suppress(OSError):
            client.sendall(unreadable_answer(STACK))

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Read what the application left of a body, then say whether the connection can be used again.

        gunicorn stops at 64 KiB and closes. That resets the connection of who is still sending, and the answer is lost.
        """
        deadline = time.monotonic() + _UNREAD_BODY_S
        try:
            drained = conn.parser.finish_body(deadline=deadline, max_bytes=UPLOAD_LIMIT_BYTES + 1)
        except (ParseException, OSError):
            return False
        return bool(keepalive and drained)
