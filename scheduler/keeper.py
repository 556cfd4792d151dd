"""The thread that knows who owns: it watches the lease, takes it, renews it, gives it up.

    WATCHING --(wanted, and nobody owns: released, dead, or silent for a TTL of my own clock)--> OWNING
    OWNING --(told to stop, another stack wanted, fence lost)--> WATCHING

A process that could not renew for 0.7 TTL stops starting things until it has proved its ownership again. Safety does not
rest on any of these times: whatever an owner writes is fenced.
"""

import random
import threading
import time
from typing import Final, Protocol

import structlog

from scheduler.changes import Changes
from scheduler.lease import Acquired, Lease, NotOwner, Seen

__all__ = ["Keeper", "Owner"]

_POLL_S: Final = 0.05
_COMPLAINTS_S: Final = 5.0
_JUMP_S: Final = 2.0
_log = structlog.get_logger(__name__)


class Owner(Protocol):
    """What follows from owning. Called in the keeper's thread; `acquire` and `release` do the transactions."""

    def acquire(self, seen: Seen) -> Acquired | None:
        """Try to take the lease as it was seen."""
        ...

    def resume(self, acquired: Acquired | None) -> None:
        """Claim and start: just acquired, or (None) proved again after a doubt."""
        ...

    def suspend(self) -> None:
        """Claim and start nothing."""
        ...

    def changed(self) -> None:
        """Something may have been written, or the clock set: a job may be due earlier than it was."""
        ...

    def beat(self) -> None:
        """Called twice in a TTL."""
        ...

    def answer(self, asked: str) -> None:
        """There is a question to this process."""
        ...


class Keeper:
    """Runs until `stop`. `release` may be called in a signal handler: the lease is given up within a poll."""

    def __init__(self, lease: Lease, changes: Changes, owner: Owner) -> None:
        self._lease = lease
        self._changes = changes
        self._owner = owner
        self._leaving = False
        self._stopping = False
        self._doubted = False
        self._suspended = False
        self._overdue: float | None = None
        self._unseen = False
        self._proved = 0.0
        self._beaten = 0.0
        self._seen: Seen | None = None
        self._looked = 0.0
        self._judged: tuple[int, int] | None = None
        self._silent_since = 0.0
        self._complained = 0.0
        self._wall_ahead: float | None = None
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="scheduler keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def proved(self) -> None:
        """A fenced transaction was committed just now; from any thread."""
        self._proved = time.monotonic()

    def doubt(self) -> None:
        """A fence let nothing through: look at once; from any thread."""
        self._doubted = True
        self._changes.wake()

    def release(self) -> None:
        """Give the lease up and take it no more."""
        # A mark and nothing else: this may interrupt whatever holds a lock.
        self._leaving = True

    def leave(self, timeout_s: float) -> bool:
        """Release, and tell whether the lease was given up in time. The thread goes on to show that the process lives."""
        self.release()
        return self._released.wait(timeout_s)

    def stop(self, timeout_s: float) -> bool:
        """Release and end the thread; tell whether the lease was given up in time."""
        released = self.leave(timeout_s)
        self._stopping = True
        self._changes.wake()
        self._thread.join(timeout_s)
        return released

    def _keep(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except NotOwner:
                self._doubted = True
            except Exception as error:
                # Whatever it is, the thread goes on; the connection that listens raises its driver's own errors.
                self._stumble(error)
        self._changes.close()

    def _stumble(self, error: Exception) -> None:
        # Whatever the turn was about is not done.
        self._doubted = True
        if time.monotonic() - self._complained > _COMPLAINTS_S:
            self._complained = time.monotonic()
            _log.warning("scheduler.database_failed", error=type(error).__name__, owner=self._lease.epoch is not None)
        self._suspend_if_overdue()
        time.sleep(_POLL_S)

    def _turn(self) -> None:
        self._changes.live(self._lease.process)
        changed = self._changes.wait(_POLL_S * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the standbys' looks
        if self._leaving:
            self._leave()
            self._beat()
            return
        self._look_at_the_clock()
        if self._lease.epoch is None:
            self._watch(changed)
        else:
            self._own(changed)
        self._beat()

    def _own(self, changed: bool) -> None:
        doubted = self._doubted
        self._unseen = self._unseen or changed
        if changed or doubted:
            self._check()
        if self._lease.epoch is None:
            return
        # Whoever met the fence has stopped, also where the flag went away and came back unseen by this thread.
        self._suspended = self._suspended or doubted
        if doubted or time.monotonic() - self._proved >= self._lease.ttl_s / 4:
            with self._lease.fenced():
                pass
            self.proved()
            # Without a cause as well: the clock may have been set, and what a lost connection told, nobody heard.
            self._unseen = True
        if self._suspended:
            self._owner.resume(None)
            self._suspended = False
        if self._unseen:
            self._owner.changed()
            self._unseen = False

    def _check(self) -> None:
        """Look whether the lease is still this process's, and wanted here; else give it up."""
        self._doubted = False
        seen = self._lease.look()
        mine = seen is not None and (seen.epoch, seen.owner_process) == (self._lease.epoch, self._lease.process)
        if mine and seen is not None and seen.desired_stack == self._lease.stack:
            self._ask(seen)
            return
        self._step_down("another stack is wanted" if mine else "another process owns")

    def _step_down(self, why: str) -> None:
        epoch = self._lease.epoch
        # Should the release fail, the next turn looks again: this stack may be the wanted one by then.
        self._suspended = self._doubted = True
        self._owner.suspend()
        self._lease.release()
        self._suspended = self._doubted = False
        _log.info("scheduler.released", epoch=epoch, why=why)

    def _leave(self) -> None:
        if self._lease.epoch is not None:
            self._step_down("this process ends")
        self._released.set()

    def _suspend_if_overdue(self) -> None:
        overdue = time.monotonic() - self._proved > 0.7 * self._lease.ttl_s
        # Once after each proof; a turn that failed earlier may have marked it as suspended before it was.
        if self._lease.epoch is not None and overdue and self._overdue != self._proved:
            self._suspended, self._overdue = True, self._proved
            self._owner.suspend()
            _log.warning(
                "scheduler.suspended", epoch=self._lease.epoch, unproved_s=round(time.monotonic() - self._proved, 1)
            )

    def _watch(self, changed: bool) -> None:
        self._doubted = False
        now = time.monotonic()
        # Beats notify nobody on PostgreSQL.
        if changed or self._seen is None or now - self._looked > self._lease.ttl_s / 20:
            self._seen, self._looked = self._lease.look(), now
            if self._seen is not None:
                self._ask(self._seen)
        seen = self._seen
        if seen is None:
            return
        if seen.desired_stack == self._lease.stack and self._is_vacant(seen):
            self._take(seen)

    def _is_vacant(self, seen: Seen) -> bool:
        if seen.owner_process is None:
            return True
        now = time.monotonic()
        if (seen.epoch, seen.beat) != self._judged:
            self._judged, self._silent_since = (seen.epoch, seen.beat), now
        silent = now - self._silent_since > max(self._lease.ttl_s, seen.ttl_s)
        return silent or self._changes.is_dead(seen.owner_process)

    def _take(self, seen: Seen) -> None:
        acquired = self._owner.acquire(seen)
        if acquired is None:
            return
        self._seen = None
        self.proved()
        self._changes.forget_dead()
        _log.info("scheduler.acquired", epoch=acquired.epoch, after=seen.owner_process, handover=acquired.handover)
        self._owner.resume(acquired)

    def _look_at_the_clock(self) -> None:
        """Say when the wall clock was set: what fell due in between is late, or has run already."""
        ahead = time.time() - time.monotonic()
        if self._wall_ahead is not None and abs(ahead - self._wall_ahead) > _JUMP_S:
            _log.warning("scheduler.clock_jump", by_s=round(ahead - self._wall_ahead, 1))
        self._wall_ahead = ahead

    def _ask(self, seen: Seen) -> None:
        if seen.asked is not None:
            self._owner.answer(seen.asked)

    def _beat(self) -> None:
        if time.monotonic() - self._beaten >= self._lease.ttl_s / 2:
            self._beaten = time.monotonic()
            self._owner.beat()
