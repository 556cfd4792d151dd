"""A run that is marked as started begins, whenever its process is told to stop."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scheduler.pool import RunPool
from tests.scheduler.running import Place


def test_a_run_marked_as_started_while_its_process_stops_is_made(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = threading.Event()
    transaction = RunPool._transaction

    @contextmanager
    def slow(self: RunPool) -> Iterator[Any]:
        with transaction(self) as begun:
            yield begun
        marked.set()
        threading.Event().wait(0.3)

    monkeypatch.setattr(RunPool, "_transaction", slow)
    job = place.add_job(due=True)
    with place.owning() as runtime:
        assert marked.wait(10)
        runtime.stop(5.0)

    assert place.phases(job) == ["done"]
    place.sinks.http.wait_for(1)
