"""How gunicorn reads requests here: what cannot be read gets the contract's answer, and no answer is lost to an unread body."""

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from legacy_flask.http import STACK
from shared_rules.edge import UPLOAD_LIMIT_BYTES, unreadable_answer

__all__ = ["Worker"]

_UNREAD_BODY_S = 5


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads, told by `--worker-class` to use this one."""

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
