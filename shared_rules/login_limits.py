"""How often a login may fail: ten times for one account, fifty times from one address, in any five minutes."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from shared_rules.errors import TooManyRequests

__all__ = ["ACCOUNT_LIMIT", "ADDRESS_LIMIT", "WINDOW", "Attempt", "FailureRow", "attempt", "check", "window_start"]

ACCOUNT_LIMIT: Final = 10
ADDRESS_LIMIT: Final = 50
WINDOW: Final = timedelta(minutes=5)


class FailureRow(Protocol):
    """The columns of a failed login."""

    account: Any
    address: Any
    failed_at: Any


@dataclass(frozen=True)
class Attempt:
    """One login: `account` is a digest of whose it is, `address` the caller's."""

    account: str
    address: str


def attempt(user_id: str | None, typed_name: str, address: str) -> Attempt:
    """Return the attempt on a user, however they were named, or on a name nobody has, in any case."""
    whose = f"user {user_id}" if user_id is not None else f"name {typed_name.lower()}"
    return Attempt(hashlib.sha256(whose.encode()).hexdigest(), address)


def window_start(now: datetime) -> datetime:
    """Return the instant up to which failures no longer count."""
    return now - WINDOW


def check(wanted: Attempt, failures: Iterable[FailureRow], now: datetime) -> None:
    """Raise 429, with the seconds until the next attempt is allowed, when the account or the address has failed too often."""
    rows = [row for row in failures if row.failed_at > window_start(now)]
    wait_s = max(
        _wait_s([row.failed_at for row in rows if row.account == wanted.account], ACCOUNT_LIMIT, now),
        _wait_s([row.failed_at for row in rows if row.address == wanted.address], ADDRESS_LIMIT, now),
    )
    if wait_s:
        raise TooManyRequests(wait_s)


def _wait_s(times: list[datetime], limit: int, now: datetime) -> int:
    """Return whole seconds until fewer than `limit` of the times are in the window, 0 if that is so now."""
    if len(times) < limit:
        return 0
    leaves_at = sorted(times, reverse=True)[limit - 1] + WINDOW
    return max(1, min(math.ceil((leaves_at - now).total_seconds()), int(WINDOW.total_seconds())))
