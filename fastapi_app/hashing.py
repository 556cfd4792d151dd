"""Password hashing off the event loop, one at a time, so that a storm of logins slows nobody else down."""

from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from shared_rules import passwords

__all__ = ["Hashing", "HashingDep"]


class Hashing:
    """The hashing of one application. It has a limiter of its own: the other threads stay free for the database."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(1)

    async def hash_password(self, password: str) -> str:
        return await to_thread.run_sync(passwords.hash_password, password, limiter=self._limiter)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        return await to_thread.run_sync(passwords.verify, password, password_hash, limiter=self._limiter)


def _hashing(request: Request) -> Hashing:
    hashing: Hashing = request.app.state.hashing
    return hashing


HashingDep = Annotated[Hashing, Depends(_hashing)]
