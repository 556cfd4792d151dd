"""Login limits: who is refused, and for how long."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shared_rules import login_limits
from shared_rules.errors import TooManyRequests

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MINE = login_limits.attempt("id of mine", "mine", "10.0.0.1")
YOURS = login_limits.attempt("id of yours", "yours", "10.0.0.2")


@dataclass
class Failure:
    account: str
    address: str
    failed_at: datetime


def failures(count: int, *, age_s: float, account: str = MINE.account, address: str = "elsewhere") -> list[Failure]:
    return [Failure(account, address, NOW - timedelta(seconds=age_s)) for _ in range(count)]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="none"),
        pytest.param(failures(9, age_s=1), id="nine of the account"),
        pytest.param(failures(10, age_s=300), id="ten that left the window just now"),
        pytest.param(failures(9, age_s=1) + failures(1, age_s=300), id="nine and one too old"),
        pytest.param(failures(30, age_s=1, account=YOURS.account), id="thirty of another account"),
        pytest.param(failures(49, age_s=1, account="", address="10.0.0.1"), id="forty-nine from the address"),
        pytest.param(failures(60, age_s=300, account="", address="10.0.0.1"), id="sixty from the address, too old"),
        pytest.param(failures(60, age_s=1, account="", address="10.0.0.9"), id="sixty from another address"),
        pytest.param(
            failures(9, age_s=1) + failures(40, age_s=1, account="", address="10.0.0.1"), id="both counts just below"
        ),
    ],
)
def test_an_attempt_below_the_limits_is_let_in(rows: list[Failure]) -> None:
    login_limits.check(MINE, rows, NOW)


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [
        pytest.param(failures(10, age_s=0), 300, id="ten right now"),
        pytest.param(failures(10, age_s=299), 1, id="ten almost too old"),
        pytest.param(failures(10, age_s=299.9), 1, id="part of a second left"),
        pytest.param(failures(10, age_s=100.5), 200, id="rounded up"),
        pytest.param(failures(5, age_s=200) + failures(5, age_s=10), 100, id="until the oldest of ten leaves"),
        pytest.param(failures(1, age_s=290) + failures(10, age_s=10), 290, id="an eleventh, older one does not help"),
        pytest.param(failures(50, age_s=60, account="", address="10.0.0.1"), 240, id="fifty from the address"),
        pytest.param(
            failures(10, age_s=200) + failures(50, age_s=60, account="", address="10.0.0.1"), 240, id="the longer wait"
        ),
        pytest.param(failures(10, age_s=-1000), 300, id="ahead of a clock that was moved back"),
    ],
)
def test_too_many_failures_are_refused_with_the_wait(rows: list[Failure], seconds: int) -> None:
    with pytest.raises(TooManyRequests) as refusal:
        login_limits.check(MINE, rows, NOW)

    assert refusal.value.body == {"error": "Too many attempts", "message": f"Try again in {seconds} seconds."}
    assert refusal.value.headers == {"Retry-After": str(seconds)}


def test_waiting_as_long_as_told_is_enough() -> None:
    rows = failures(10, age_s=12.3)
    with pytest.raises(TooManyRequests) as refusal:
        login_limits.check(MINE, rows, NOW)

    login_limits.check(MINE, rows, NOW + timedelta(seconds=refusal.value.retry_after_s))


def test_a_known_account_is_the_same_however_it_was_named() -> None:
    assert login_limits.attempt("id", "ana", "x").account == login_limits.attempt("id", "ana@example.com", "x").account


def test_an_unknown_name_is_the_same_in_any_case_and_never_a_user() -> None:
    assert login_limits.attempt(None, "Ghost", "x").account == login_limits.attempt(None, "gHOST", "x").account
    assert login_limits.attempt(None, "id", "x").account != login_limits.attempt("id", "id", "x").account


def test_what_was_typed_is_not_kept() -> None:
    account = login_limits.attempt(None, "my password, typed into the wrong field", "x").account

    assert len(account) == 64
    assert set(account) <= set("0123456789abcdef")
