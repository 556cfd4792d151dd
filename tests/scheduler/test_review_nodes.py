"""What a process says of its fire times, on a database that ends sessions which think inside a transaction."""

import threading
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduler import nodes
from shared_models.engine import sync_engine
from tests.scheduler.running import Place

_AT = datetime(2026, 11, 22, tzinfo=UTC)


def test_no_transaction_is_open_while_fires_are_computed(
    postgresql_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def slow(_expression: str, _zone: ZoneInfo, _after: datetime, count: int) -> list[Any]:
        threading.Event().wait(0.3)
        asked.append(count)
        return []

    monkeypatch.setattr(nodes, "next_fires", slow)
    postgresql_place.add_job()
    engine = sync_engine(postgresql_place.url, idle_s=0.1)
    with engine.connect() as connection:
        assert nodes.fires_digest(connection, ZoneInfo("Asia/Tokyo"), _AT)
    engine.dispose()

    assert asked == [20]


def test_of_thousands_of_expressions_fewer_fires_are_compared(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_MOST_FIRES", 6)
    asked: list[int] = []
    monkeypatch.setattr(nodes, "next_fires", lambda _expression, _zone, _after, count: asked.append(count) or [])
    for minute in range(3):
        place.add_job(cron=f"{minute} 0 1 1 *")
    with place.engine.connect() as connection:
        nodes.fires_digest(connection, ZoneInfo("Asia/Tokyo"), _AT)

    assert asked == [2, 2, 2]
