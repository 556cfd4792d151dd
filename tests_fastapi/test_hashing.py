"""Hashing on the modern stack: off the event loop, one at a time."""

import threading
from typing import Any

import anyio
import pytest

from fastapi_app.hashing import Hashing
from shared_rules import passwords


def test_passwords_are_hashed_one_at_a_time_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []
    most = 0
    release = threading.Event()

    def verify(_password: str, _kept: str | None) -> bool:
        nonlocal most
        assert threading.current_thread() is not loop_thread
        running.append(1)
        most = max(most, len(running))
        assert release.wait(30)
        running.pop()
        return True

    async def five_at_once() -> list[Any]:
        hashing, answers = Hashing(), []

        async def one() -> None:
            answers.append(await hashing.verify("secret", None))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(one)
            await anyio.wait_all_tasks_blocked()
            release.set()
        return answers

    monkeypatch.setattr(passwords, "verify", verify)
    loop_thread = threading.current_thread()

    assert anyio.run(five_at_once) == [True] * 5
    assert most == 1
