"""Background sending within one process: what may fail or be slow must neither fail nor delay a request or a run."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

__all__ = ["Courier"]

_log = structlog.get_logger(__name__)


class Courier:
    """A few threads and a bounded queue. No thread before the first `submit`, and a forked child starts its own.

    A send that fails is logged; one that does not fit into the queue is logged and dropped.
    """

    def __init__(self, *, threads: int = 2, queue_limit: int = 1000) -> None:
        self._threads = threads
        self._queue_limit = queue_limit
        self._closed = False
        self._executor: ThreadPoolExecutor | None = None
        self._pending = 0
        self._changed = threading.Condition()
        self._pid = os.getpid()

    def submit(self, send: Callable[[], object], description: str) -> bool:
        """Queue `send` and tell whether it was taken; `description` is what the log says of it, so no secrets in it."""
        with self._lock():
            taken = not self._closed and self._pending < self._queue_limit and self._start(send, description)
            if taken:
                self._pending += 1
            else:
                _log.error("courier.dropped", what=description, closed=self._closed, pending=self._pending)
        return taken

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is queued or being sent; tell whether that came true in time."""
        changed = self._lock()
        with changed:
            return changed.wait_for(lambda: self._pending == 0, timeout_s)

    def close(self, timeout_s: float = 10.0) -> None:
        """Take nothing more, give what is queued `timeout_s`, then drop what has not begun and wait for what has."""
        with self._lock():
            self._closed = True
        drained = self.drain(timeout_s)
        with self._lock():
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)
        with self._lock():
            if not drained and self._pending:
                _log.error("courier.closed_early", dropped=self._pending)
            self._pending = 0

    def _start(self, send: Callable[[], object], description: str) -> bool:
        """Hand over to a thread; False when none can be had: the process is ending, or at its limit of threads."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="courier")
        try:
            self._executor.submit(self._deliver, send, description)
        except RuntimeError:
            return False
        return True

    def _deliver(self, send: Callable[[], object], description: str) -> None:
        try:
            send()
        except Exception:
            _log.exception("courier.failed", what=description)
        finally:
            with self._changed:
                self._pending -= 1
                self._changed.notify_all()

    def _lock(self) -> threading.Condition:
        """Return the lock to hold. In a forked child it starts afresh: the parent's threads are not there, and its lock
        may be held for ever."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._changed = threading.Condition()
            self._executor = None
            self._pending = 0
        return self._changed
